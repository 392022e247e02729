"""Voice activity: the C against the NumPy front end and network, properties of a stream, what is speech and what is not."""

import ctypes
import importlib.util
import pickle

import numpy as np
import pytest
import soundfile
from conftest import CSRC, ROOT, hostile_signals, pointer, random_cuts

import talkpath as tp

RATE, HOP = 8000, 80
# C works in float with its own tanh (within 1e-4) and logarithm; the reference in double.
TOLERANCE = 5e-3


@pytest.fixture(scope="module")
def reference():
    """training/detect/vad_features.py."""
    spec = importlib.util.spec_from_file_location("vad_features", ROOT / "training/detect/vad_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def to_int16(x):
    return np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)


def ulaw(pcm):
    return tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))


def track(pcm, rate=RATE):
    """The probability of every hop."""
    v, n = tp.VoiceActivityDetector(rate), rate // 100
    return np.array([v.process(pcm[i : i + n]) for i in range(0, len(pcm) - n + 1, n)])


def voice(seconds, rate=RATE, seed=1):
    """Glottal pulses through moving formants, in syllables, over a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    pitch = 130 * 2 ** (0.25 * np.sin(2 * np.pi * 0.6 * t) + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    first, second = 550 + 250 * np.sin(2 * np.pi * 1.7 * t), 1500 + 500 * np.sin(2 * np.pi * 1.1 * t + 1)
    x = np.zeros(len(t))
    for k in range(1, 30):
        hz = k * pitch
        x += np.where(
            hz < 3700, (1 / np.hypot(1, (hz - first) / 60) + 0.6 / np.hypot(1, (hz - second) / 80)), 0
        ) * np.sin(k * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * t) * 2 + 0.8, 0, 1) * (np.sin(2 * np.pi * 0.5 * t) > -0.7)
    return to_int16(0.15 * x / np.abs(x).max() * syllables + 1e-4 * rng.standard_normal(len(t)))


def scene(seconds=6, rate=RATE):
    """Voice, noise, tones and silence in turn."""
    rng = np.random.default_rng(3)
    x = voice(seconds, rate).astype(float)
    n = len(x)
    x[n // 3 :] += 800 * rng.standard_normal(n - n // 3)
    x[n // 2 : n // 2 + n // 8] = 6000 * np.sin(2 * np.pi * 440 * np.arange(n // 8) / rate)
    x[-n // 8 :] = 0
    return np.clip(x, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("kind", ["scene", "µ-law", "pause", *sorted(hostile_signals(1))])
def test_agrees_with_the_reference(reference, kind):
    """In a long pause nothing but the network goes on."""
    pause = np.concatenate([scene(2), np.zeros(12345, np.int16), scene(2)])
    pcm = {"scene": scene(), "µ-law": ulaw(scene()), "pause": pause, **hostile_signals(16000)}[kind]
    weights = reference.load_weights(CSRC / "detect/vad_weights.npz")
    want = reference.forward(weights, reference.features(pcm))
    np.testing.assert_allclose(track(pcm), want[: len(pcm) // HOP], atol=TOLERANCE)


def test_every_hop_through_c(native):
    """tp_vad_process: one probability a hop, the same that Python sees, over any number of hops at once."""
    pcm, config = scene(), (ctypes.c_int * 1)(RATE)
    native.tp_vad_size.restype = native.tp_vad_process.restype = ctypes.c_size_t
    memory = np.zeros(native.tp_vad_size(config) + 64, np.uint8)
    state = ctypes.c_void_p(-(-memory.ctypes.data // 64) * 64)
    assert native.tp_vad_init(state, config) == 0
    got = np.full(len(pcm) // HOP + 2, 9, np.float32)
    hops = native.tp_vad_process(state, pointer(pcm), ctypes.c_size_t(len(pcm)), pointer(got))
    assert hops == len(pcm) // HOP
    np.testing.assert_array_equal(got[:hops], track(pcm).astype(np.float32))
    assert (got[hops:] == 9).all()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_chunks_do_not_matter(rate, rng):
    pcm, hop = scene(2, rate), rate // 100
    want = np.concatenate([[0.0], track(pcm, rate)])
    for longest in (1, 33, 700):
        v, done = tp.VoiceActivityDetector(rate), 0
        for piece in random_cuts(pcm, rng, longest):
            done += len(piece)
            assert v.process(piece) == v.probability == want[done // hop]


@pytest.mark.parametrize("rate", [8000, 16000])
def test_reset_is_new(rate):
    pcm = scene(2, rate)
    v = tp.VoiceActivityDetector(rate)
    for stop in (0, 333, len(pcm)):
        v.process(pcm[:stop])
        v.reset()
        assert v.probability == 0.0
        assert [v.process(pcm[i : i + 777]) for i in range(0, len(pcm), 777)] == [
            w.process(pcm[i : i + 777]) for w in [tp.VoiceActivityDetector(rate)] for i in range(0, len(pcm), 777)
        ]
        v.reset()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_hostile_audio(hostile, rate):
    """Never NaN, never out of range; and a voice that follows is heard again within seconds."""
    values = track(hostile, rate)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1
    after = track(np.concatenate([hostile, voice(8, rate)]), rate)[-200:]
    assert (after > 0.5).mean() > 0.4


def tone_pattern(pair, on_s, off_s, seconds=10):
    t = np.arange(seconds * RATE) / RATE
    return to_int16(0.08 * (t % (on_s + off_s) < on_s) * sum(np.sin(2 * np.pi * hz * t) for hz in pair))


@pytest.mark.parametrize(
    ("pair", "on_s", "off_s"),
    [((350, 440), 9, 1), ((425,), 10, 0), ((440, 480), 2, 4), ((425,), 1, 4), ((480, 620), 0.5, 0.5), ((480, 620), 0.25, 0.25),
     ((425,), 0.2, 0.2), ((400, 450), 0.4, 0.2), ((950,), 0.33, 0.03), ((1400, 2060, 2450, 2600), 0.1, 0.1), ((2100,), 3, 1)],
)  # fmt: skip
def test_network_tones_are_not_speech(pair, on_s, off_s):
    assert (track(ulaw(tone_pattern(pair, on_s, off_s))) > 0.5).mean() <= 0.06


def test_keys_are_not_speech():
    keys = tp.dtmf.generate("0123456789*#ABCD" * 3, tone_ms=80, gap_ms=80)
    assert (track(ulaw(keys)) > 0.5).mean() <= 0.1


@pytest.mark.parametrize("dbov", [-60, -40, -20])
@pytest.mark.parametrize("color", ["white", "brown", "hum", "silence"])
def test_noise_is_not_speech(color, dbov):
    rng = np.random.default_rng(4)
    n = 10 * RATE
    x = rng.standard_normal(n)
    if color == "brown":
        x = np.fft.irfft(np.fft.rfft(x) / np.maximum(np.arange(n // 2 + 1), 50), n)
    elif color == "hum":
        x = sum(np.sin(2 * np.pi * 50 * k * np.arange(n) / RATE) / k for k in range(1, 12)) + 0.1 * x
    pcm = np.zeros(n, np.int16) if color == "silence" else to_int16(x / x.std() * 10 ** (dbov / 20))
    values = track(ulaw(pcm))
    assert (values[100:] > 0.5).mean() <= 0.02
    assert (values > 0.5).mean() <= 0.06  # a line that begins with loud hum may take half a second to be known as such


@pytest.mark.parametrize("gain_db", [0, -24])
def test_prompts_are_speech(speech_prompts, gain_db, rng):
    """Where a prompt is loud there is speech, and in the pauses between prompts there is none."""
    heard = total = false = quiet = 0
    for path in rng.choice(speech_prompts, 25, replace=False):
        pcm, rate = soundfile.read(path, dtype="int16")
        assert rate == RATE
        pause = np.zeros(RATE, np.int16)
        line = np.concatenate([pause, pcm, pause]).astype(float) * 10 ** (gain_db / 20) + rng.normal(
            0, 4, len(pcm) + 2 * RATE
        )
        values = track(ulaw(np.rint(line).astype(np.int16)))
        power = (pcm[: len(pcm) // HOP * HOP].reshape(-1, HOP).astype(float) ** 2).mean(axis=1)
        inside = values[100 : 100 + len(power)]
        loud = power > power.max() * 10**-2
        heard, total = heard + (inside[loud] > 0.5).sum(), total + loud.sum()
        false, quiet = false + (values[:95] > 0.5).sum() + (values[-60:] > 0.5).sum(), quiet + 155
    assert heard / total > 0.97
    assert false / quiet < 0.02


def test_16k_agrees_with_8k():
    """The same sound at both rates; hops are judged half a sample apart and through a filter of the front end's own."""
    wide = scene(6, 16000)
    narrow = tp.Resampler(16000, 8000, "voice")
    pcm = np.concatenate([narrow.process(wide), narrow.flush()])
    a, b = track(wide, 16000), track(pcm)[: len(wide) // 160]
    assert np.corrcoef(a, b)[0, 1] > 0.95
    assert ((a > 0.5) != (b > 0.5)).mean() < 0.05


def test_delay():
    assert tp.VoiceActivityDetector(8000).delay_ms == 8.0
    assert tp.VoiceActivityDetector(16000).delay_ms == pytest.approx(8.94, abs=0.1)


def test_bad_buffers_change_nothing():
    pcm = scene(2)
    v = tp.VoiceActivityDetector()
    v.process(pcm[:8040])
    with pytest.raises(tp.LengthError):
        v.process(b"abc")
    with pytest.raises(tp.FormatError):
        v.process(np.zeros(160, np.float32))
    with pytest.raises(TypeError):
        v.process(None)
    assert v.process(pcm[8040:].tobytes()) == tp.VoiceActivityDetector().process(pcm)


def test_configuration():
    with pytest.raises(tp.ConfigError, match=r"sample_rate must be 8000 or 16000 \(got 11025\)"):
        tp.VoiceActivityDetector(11025)
    v = tp.VoiceActivityDetector(sample_rate=16000)
    assert repr(v) == "VoiceActivityDetector(sample_rate=16000)"
    assert repr(pickle.loads(pickle.dumps(v))) == repr(v)


# --- other backends ---------------------------------------------------------------------------------------------------


class Loudness:
    """A backend with a memory: the share of loud frames so far."""

    def __init__(self, frame_samples=240):
        self.frame_samples, self.delay_ms = frame_samples, 7.5
        self.reset()

    def reset(self):
        self.frames, self.loud = [], 0

    def process(self, frame):
        self.frames.append(frame.copy())
        self.loud += int(np.abs(frame.astype(int)).mean() > 300)
        return self.loud / len(self.frames)


def test_backend_gets_its_frames_however_the_stream_is_cut(rng):
    pcm = scene(2)
    whole, cut = Loudness(), Loudness()
    tp.VoiceActivityDetector(backend=whole).process(pcm)
    detector = tp.VoiceActivityDetector(backend=cut)
    for piece in random_cuts(pcm, rng):
        detector.process(piece)
    assert np.array_equal(np.concatenate(whole.frames), pcm[: len(pcm) // 240 * 240])
    assert np.array_equal(np.concatenate(whole.frames), np.concatenate(cut.frames))
    assert detector.probability == whole.loud / len(whole.frames) > 0
    assert detector.delay_ms == 7.5


def test_backend_reset_repr_pickle():
    detector = tp.VoiceActivityDetector(backend=(judge := Loudness()))
    detector.process(scene(1))
    detector.reset()
    assert (detector.probability, judge.frames, detector.backend) == (0.0, [], judge)
    assert "backend=" in repr(detector)
    assert repr(tp.VoiceActivityDetector()) == "VoiceActivityDetector(sample_rate=8000)"
    assert pickle.loads(pickle.dumps(tp.VoiceActivityDetector(16000))).backend == "native"


def test_a_function_is_a_backend():
    detector = tp.VoiceActivityDetector(16000, backend=lambda frame: len(frame) / 1000)
    assert detector.process(np.zeros(159, np.int16)) == 0
    assert detector.process(np.zeros(1, np.int16)) == 0.16
    assert detector.delay_ms == 5.0


@pytest.mark.parametrize("backend", ["silero", 3, None, Loudness(0), Loudness(8001), Loudness(2.5)])
def test_no_backend(backend):
    with pytest.raises(tp.ConfigError, match="backend"):
        tp.VoiceActivityDetector(backend=backend)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_webrtc_backend(rate):
    pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed")
    detector = tp.VoiceActivityDetector(rate, backend="webrtc")
    assert detector.process(np.zeros(rate // 10, np.int16)) == 0.0
    pcm = voice(2, rate)
    answers = [detector.process(pcm[i : i + rate // 100]) for i in range(0, len(pcm), rate // 100)]
    assert set(answers) == {0.0, 1.0}
    detector.reset()
    assert answers == [detector.process(pcm[i : i + rate // 100]) for i in range(0, len(pcm), rate // 100)]


def test_silero_example(speech_prompts):
    """The adapter in examples/ hears the same speech as the native detector."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = CSRC.parent.parent / "shared/eval/data/silero_vad.onnx"
    if not model.exists():
        pytest.skip("no Silero model here: shared/eval is missing")
    spec = importlib.util.spec_from_file_location("silero_vad", CSRC.parent / "examples/silero_vad.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    prompts = [tp.read_wav(path, 8000) for path in speech_prompts[:5]]
    pcm = np.concatenate([np.zeros(8000, np.int16), *prompts, np.zeros(8000, np.int16)])
    silero = tp.VoiceActivityDetector(backend=module.Silero(model))
    ours = tp.VoiceActivityDetector()
    pairs = np.array([[v.process(pcm[i : i + 256]) for v in (silero, ours)] for i in range(0, len(pcm), 256)])
    assert np.mean((pairs[:, 0] > 0.5) == (pairs[:, 1] > 0.5)) > 0.85
