"""Packet-loss concealment: its parts against SciPy, its behaviour on sounds whose continuation is known, its contract."""

import ctypes as c
import pickle

import numpy as np
import pytest
from conftest import hostile_signals, pointer
from scipy import linalg, signal
from scipy.io import wavfile

import talkpath as tp

RATES = [8000, 16000, 24000, 48000]
FRAMES_MS = [10, 20, 30, 40, 60]
rates = pytest.mark.parametrize("rate", RATES)
FADE_MS = 140


def run(pcm: np.ndarray, lost: np.ndarray, rate: int = 8000, frame_ms: int = 20, **kwargs) -> np.ndarray:
    """The stream through a new concealer; lost[i] says whether frame i never came."""
    p = kwargs.get("concealer") or tp.PacketLossConcealer(rate, frame_ms)
    frames = pcm[: len(lost) * (rate * frame_ms // 1000)].reshape(len(lost), -1)
    return np.concatenate([p.conceal() if gone else p.receive(f) for f, gone in zip(frames, lost, strict=True)])


def vowel(rate: int, seconds: float, pitch_hz: float = 130.0, glide: float = 0.0) -> np.ndarray:
    """Pulses through three formants; the pitch changes by `glide` per second, relatively. Made at 96 kHz, so that pulses
    need not sit on samples."""
    fast = 96000
    t = np.arange(int(fast * seconds)) / fast
    phase = pitch_hz * (t + 0.5 * glide * t * t)
    x = np.diff(np.floor(phase), prepend=-1.0)
    for hz, width_hz in ((600, 80), (1200, 100), (2600, 160)):
        r = np.exp(-np.pi * width_hz / fast)
        x = signal.lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hz / fast), r * r], x)
    x = signal.resample_poly(x, 1, fast // rate)
    return np.rint(6000 * x / np.abs(x).max()).astype(np.int16)


def level_dbov(x: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(x.astype(float) ** 2)) / 32768 + 1e-9)


def snr_db(truth: np.ndarray, got: np.ndarray) -> float:
    truth = truth.astype(float)
    return 10 * np.log10(np.sum(truth**2) / (np.sum((truth - got) ** 2) + 1e-9))


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 8, 32])
def test_prediction_solves_the_normal_equations(native: c.CDLL, order: int, rng: np.random.Generator) -> None:
    native.tp_lpc_from_autocorrelation.restype = c.c_float
    for _ in range(20):
        x = signal.lfilter([1], [1, *rng.uniform(-0.4, 0.4, 2)], rng.standard_normal(256))
        r = np.correlate(x, x, "full")[len(x) - 1 :][: order + 1].astype(np.float32)
        a, k = np.zeros(order + 1, np.float32), np.zeros(order, np.float32)
        error = native.tp_lpc_from_autocorrelation(pointer(r), c.c_size_t(order), pointer(a), pointer(k))
        exact = linalg.solve_toeplitz(r[:order].astype(float), -r[1:].astype(float))
        np.testing.assert_allclose(a, [1.0, *exact], atol=2e-4)
        assert error == pytest.approx(r[0] + exact @ r[1:], rel=1e-3)
        assert np.abs(k).max() < 1
        assert k[-1] == pytest.approx(a[-1], abs=1e-6)


@pytest.mark.parametrize("r", [[0.0] * 33, [1.0] * 33, [1.0, -1.0] * 16 + [1.0]], ids=["nothing", "dc", "alternating"])
def test_prediction_of_degenerate_sounds_is_stable(native: c.CDLL, r: list[float]) -> None:
    native.tp_lpc_from_autocorrelation.restype = c.c_float
    a = np.zeros(33, np.float32)
    native.tp_lpc_from_autocorrelation(pointer(np.array(r, np.float32)), c.c_size_t(32), pointer(a), None)
    assert np.isfinite(a).all()
    assert np.abs(np.roots(a)).max(initial=0) < 1


@pytest.mark.parametrize("n", [0, 1, 7, 8, 80, 83])
@pytest.mark.parametrize("order", [1, 5, 8, 32])
def test_synthesis_is_the_all_pole_filter(native: c.CDLL, order: int, n: int, rng: np.random.Generator) -> None:
    poles = 0.9 * np.exp(1j * rng.uniform(0, np.pi, order // 2))
    a = np.real(np.poly([*poles, *poles.conj(), *[0.5] * (order % 2)]))
    x, past = rng.standard_normal(n), rng.standard_normal(order)
    y = np.concatenate([past, np.zeros(n)]).astype(np.float32)
    native.tp_lpc_synthesize(
        pointer(a.astype(np.float32)), c.c_size_t(order), pointer(x.astype(np.float32)),
        c.c_void_p(y.ctypes.data + 4 * order), c.c_size_t(n),
    )  # fmt: skip
    expected, _ = signal.lfilter([1], a, x, zi=signal.lfiltic([1], a, past[::-1]))
    np.testing.assert_allclose(y[order:], expected, atol=2e-3 * max(1.0, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("shift", [-16, -7, 0, 3, 16])
def test_best_shift_finds_the_shift(native: c.CDLL, shift: int, rng: np.random.Generator) -> None:
    x = signal.lfilter([1], [1, -0.9], rng.standard_normal(140)).astype(np.float32)
    y = x[16 + shift : 16 + shift + 48].copy()
    match = c.c_float()
    found = native.tp_plc_best_shift(pointer(x), pointer(y), c.c_size_t(48), 16, c.byref(match))
    assert found == shift
    assert match.value == pytest.approx(1.0, abs=1e-3)


# --- good frames ------------------------------------------------------------------------------------------------------


@rates
@pytest.mark.parametrize("frame_ms", FRAMES_MS)
def test_without_loss_it_is_a_wire(rate: int, frame_ms: int, rng: np.random.Generator) -> None:
    n = rate * frame_ms // 1000
    x = rng.integers(-32768, 32768, 20 * n).astype(np.int16)
    p = tp.PacketLossConcealer(rate, frame_ms)
    np.testing.assert_array_equal(run(x, np.zeros(20, bool), rate, frame_ms), x)
    assert p.delay_ms == 0.0
    assert p.lost_ms == 0.0


@rates
def test_only_the_first_good_frame_is_cross_faded(rate: int) -> None:
    n = rate // 50
    x = vowel(rate, 1.0)
    lost = np.zeros(50, bool)
    lost[[20, 30, 31, 32]] = True
    y = run(x, lost, rate).reshape(50, n)
    frames = x.reshape(50, n)
    changed = {int(i) for i in np.flatnonzero((y != frames).any(axis=1))}
    assert changed == {20, 21, 30, 31, 32, 33}
    for i in (21, 33):
        np.testing.assert_array_equal(y[i, rate * 18 // 1000 :], frames[i, rate * 18 // 1000 :])


def test_lost_ms_counts_the_loss() -> None:
    p = tp.PacketLossConcealer(8000, 30)
    for i in range(3):
        assert p.lost_ms == 30.0 * i
        p.conceal()
    p.receive(bytes(480))
    assert p.lost_ms == 0.0


# --- sounds whose continuation is known -------------------------------------------------------------------------------


def losses(frames: int, first: int = 15, every: int = 7) -> np.ndarray:
    """Single frames lost, at different phases of the pitch."""
    i = np.arange(frames)
    return (i >= first) & ((i - first) % every == 0)


@rates
@pytest.mark.parametrize("pitch_hz", [80, 130, 210, 330])
def test_a_steady_voice_goes_on(rate: int, pitch_hz: float) -> None:
    """20 ms lost out of a periodic sound: what is played is that sound, and the next good frame is hardly touched."""
    x = vowel(rate, 2.0, pitch_hz)
    lost = losses(100)
    y = run(x, lost, rate).reshape(100, -1)
    truth = x.reshape(100, -1)
    at = np.flatnonzero(lost)[:-1]
    assert np.median([snr_db(truth[i], y[i]) for i in at]) > 9
    assert min(snr_db(truth[i], y[i]) for i in at) > 3
    assert np.median([snr_db(truth[i + 1], y[i + 1]) for i in at]) > 10


@pytest.mark.parametrize("glide", [-0.6, -0.3, 0.3, 0.6])
def test_a_gliding_voice_glides_on(glide: float) -> None:
    """A pitch that moves by up to 1.2 % in 20 ms: its trend is kept, so that the phase is right after the loss."""
    scores = []
    for pitch_hz in (140, 170, 200):
        x = vowel(8000, 0.8, pitch_hz, glide)
        lost = losses(40)
        y = run(x, lost)
        scores += [snr_db(x[i * 160 : (i + 1) * 160], y[i * 160 : (i + 1) * 160]) for i in np.flatnonzero(lost)]
    assert np.median(scores) > 6


def test_noise_goes_on_as_noise(rng: np.random.Generator) -> None:
    """Level 2 dB lower, as intended, within 2 dB; nothing periodic: no correlation above 0.75 (a repeated period has 1)."""
    levels, peaks = [], []
    for _ in range(20):
        x = np.rint(rng.normal(0, 2000, 3200)).astype(np.int16)
        lost = np.zeros(20, bool)
        lost[15] = True
        y = run(x, lost)[15 * 160 : 16 * 160].astype(float)
        levels.append(level_dbov(y) - level_dbov(x))
        peaks.append(max(y[k:] @ y[:-k] / np.sqrt(y[k:] @ y[k:] * (y[:-k] @ y[:-k])) for k in range(20, 110)))
    assert np.mean(levels) == pytest.approx(-2, abs=2)
    assert np.median(peaks) < 0.75


@rates
def test_the_gap_opens_and_closes_without_a_click(rate: int) -> None:
    """The largest step at the seams is no larger than the sound's own steps."""
    x = vowel(rate, 1.0, 150)
    n = rate // 50
    for length in (1, 3, 6):
        lost = np.zeros(50, bool)
        lost[20 : 20 + length] = True
        y = run(x, lost, rate).astype(int)
        own = np.abs(np.diff(x[10 * n : 20 * n].astype(int))).max()
        assert np.abs(np.diff(y[20 * n - 1 : (21 + length) * n])).max() <= 1.5 * own


# --- long losses ------------------------------------------------------------------------------------------------------


@rates
def test_a_long_loss_fades_to_the_background(rate: int, rng: np.random.Generator) -> None:
    """Speech in coloured noise of -55 dBov, then nothing: after the fade, noise of that level and slope."""
    noise = signal.lfilter([1], [1, -0.8], rng.standard_normal(3 * rate))
    noise *= 10 ** (-55 / 20) * 32768 / noise.std()
    x = noise.copy()
    x[rate : 2 * rate] += vowel(rate, 1.0)
    x = np.rint(x[: 2 * rate]).astype(np.int16)
    lost = np.zeros(150, bool)
    lost[100:] = True
    y = run(np.concatenate([x, np.zeros(rate, np.int16)]), lost, rate)
    tail = y[2 * rate + rate * FADE_MS // 1000 :].astype(float)
    assert level_dbov(tail) == pytest.approx(-55, abs=3)
    assert tail[1:] @ tail[:-1] / (tail @ tail) == pytest.approx(0.75, abs=0.2)
    first, last = y[2 * rate : 2 * rate + rate // 50], y[-rate // 50 :]
    assert level_dbov(first) > level_dbov(last) + 15


def test_a_long_loss_is_never_digital_silence() -> None:
    x = np.zeros(16000, np.int16)
    x[:4000] = vowel(8000, 0.5)
    lost = np.arange(100) >= 50
    y = run(x, lost)
    tail = y[8000 + 8 * FADE_MS :]
    assert level_dbov(tail) == pytest.approx(-74.3, abs=1)
    assert tp.g711.ulaw_decode(tp.g711.ulaw_encode(tail)).any()


def test_a_loss_before_any_history() -> None:
    p = tp.PacketLossConcealer()
    first = np.concatenate([p.conceal() for _ in range(50)])
    assert level_dbov(first) == pytest.approx(-74.3, abs=1)
    x = vowel(8000, 0.5)
    y = np.concatenate([p.receive(f) for f in x.reshape(-1, 160)])
    np.testing.assert_array_equal(y[160:], x[160:])
    assert level_dbov(y[40:160]) == pytest.approx(level_dbov(x[40:160]), abs=3)


@pytest.mark.parametrize("length", [4, 10, 100])
def test_the_level_is_back_after_a_long_loss(length: int) -> None:
    x = vowel(8000, 3.0)
    lost = np.zeros(150, bool)
    lost[25 : 25 + length] = True
    y = run(x, lost)
    after = slice((25 + length) * 160 + 32, (26 + length) * 160)  # beyond the cross-fade from nothing
    assert level_dbov(y[after]) == pytest.approx(level_dbov(x[after]), abs=3)
    np.testing.assert_array_equal(y[after.stop :], x[after.stop :])


# --- any audio, any pattern -------------------------------------------------------------------------------------------


@rates
@pytest.mark.parametrize("kind", sorted(hostile_signals(1)))
def test_hostile_audio(rate: int, kind: str, rng: np.random.Generator) -> None:
    """What is invented is hardly louder than the loudest frame heard; good frames stay intact."""
    x = hostile_signals(rate)[kind]
    lost = rng.random(50) < 0.3
    y = run(x, lost, rate).reshape(50, -1)
    untouched = ~lost & ~np.concatenate([[False], lost[:-1]])
    np.testing.assert_array_equal(y[untouched], x.reshape(50, -1)[untouched])
    rms = np.sqrt((y.astype(float) ** 2).mean(axis=1))
    assert rms[lost].max() <= 1.5 * max(rms[untouched].max(), 40.0)


@pytest.mark.parametrize("frame_ms", [10, 20])
def test_frame_length_does_not_matter_while_the_sound_goes_on(frame_ms: int) -> None:
    """40 ms frames, or as much in shorter ones: the first 20 ms of a loss are the same bit for bit."""
    x = vowel(8000, 0.8)
    whole = run(x, np.arange(20) == 12, frame_ms=40)
    parts = run(x, np.arange(20 * 40 // frame_ms) // (40 // frame_ms) == 12, frame_ms=frame_ms)
    np.testing.assert_array_equal(parts[: 12 * 320 + 160], whole[: 12 * 320 + 160])


@rates
def test_reset_is_new_and_streams_do_not_touch(rate: int, rng: np.random.Generator) -> None:
    x = np.clip(rng.laplace(0, 3000, rate), -32768, 32767).astype(np.int16)
    lost = rng.random(50) < 0.2
    used, other = tp.PacketLossConcealer(rate), tp.PacketLossConcealer(rate)
    expected = run(x, lost, rate)
    run(x[::-1].copy(), lost, rate, concealer=used)
    used.reset()
    again = []
    for f, gone in zip(x.reshape(50, -1), lost, strict=True):
        again.append(used.conceal() if gone else used.receive(f))
        other.conceal()
    np.testing.assert_array_equal(np.concatenate(again), expected)


class Config(c.Structure):
    _fields_ = [("sample_rate_hz", c.c_int), ("frame_ms", c.c_int)]


@rates
def test_simd_variants_agree(native: c.CDLL, rate: int) -> None:
    """Sums in another order move the last bits of the pitch, no more: 50 dB below the sound."""
    native.tp_simd_variant.restype = native.tp_plc_size.restype = c.c_size_t
    in_use = c.c_size_t.in_dll(native, "tp_simd")
    best = in_use.value
    config = Config(rate, 20)
    x = vowel(rate, 1.0, 150, 0.3)
    n, played = rate // 50, []
    try:
        while variant := native.tp_simd_variant(c.c_size_t(len(played))):
            in_use.value = variant
            memory = np.zeros(native.tp_plc_size(c.byref(config)) + 64, np.uint8)
            p = c.c_void_p(-(-memory.ctypes.data // 64) * 64)
            assert native.tp_plc_init(p, c.byref(config)) == 0
            y = x.copy()
            for i in range(50):
                if i % 7 == 5:
                    native.tp_plc_conceal(p, pointer(y[i * n :]))
                else:
                    native.tp_plc_receive(p, pointer(x[i * n :]), pointer(y[i * n :]))
            played.append(y)
    finally:
        in_use.value = best
    for y in played[1:]:
        assert snr_db(played[0], y) > 50


# --- the contract -----------------------------------------------------------------------------------------------------


def test_out_takes_the_frame_and_may_be_the_input() -> None:
    x = vowel(8000, 0.4).reshape(-1, 160)
    plain, given, in_place = (tp.PacketLossConcealer() for _ in range(3))
    for i, frame in enumerate(x):
        out, same = np.full(170, 7, np.int16), frame.copy()
        if i % 6 == 5:
            expected = plain.conceal()
            assert given.conceal(out=out) == in_place.conceal(out=same) == 160
        else:
            expected = plain.receive(frame)
            assert given.receive(frame.tobytes(), out=out) == in_place.receive(same, out=same) == 160
        np.testing.assert_array_equal(out[:160], expected)
        np.testing.assert_array_equal(same, expected)
        assert (out[160:] == 7).all()


def test_errors_leave_the_stream_as_it_was() -> None:
    x = vowel(8000, 0.4).reshape(-1, 160)
    p, q = tp.PacketLossConcealer(), tp.PacketLossConcealer()
    for frame in x[:10]:
        p.receive(frame)
        q.receive(frame)
    with pytest.raises(tp.LengthError, match="one frame of 160 samples, got 80"):
        p.receive(x[10][:80])
    with pytest.raises(tp.LengthError, match="out holds 100 samples"):
        p.receive(x[10], out=np.zeros(100, np.int16))
    with pytest.raises(tp.LengthError, match="out holds 100 samples"):
        p.conceal(out=np.zeros(100, np.int16))
    with pytest.raises(tp.FormatError):
        p.receive(x[10].astype(np.float32))
    with pytest.raises(tp.FormatError):
        p.conceal(out=np.zeros(160, np.float32))
    np.testing.assert_array_equal(p.conceal(), q.conceal())


@pytest.mark.parametrize(
    ("field", "config"),
    [("sample_rate", (11025, 20)), ("sample_rate", (0, 20)), ("sample_rate", ("8000", 20)), ("frame_ms", (8000, 15)),
     ("frame_ms", (8000, 0)), ("frame_ms", (8000, 22.5))],
)  # fmt: skip
def test_bad_configurations_name_the_field(field: str, config: tuple) -> None:
    with pytest.raises(tp.ConfigError, match=f"^{field} must be"):
        tp.PacketLossConcealer(*config)


def test_pickle_and_repr() -> None:
    p = tp.PacketLossConcealer(16000, 30)
    q = pickle.loads(pickle.dumps(p))
    assert (q.sample_rate, q.frame_ms) == (16000, 30)
    assert repr(q) == "PacketLossConcealer(sample_rate=16000, frame_ms=30)"


# --- real speech ------------------------------------------------------------------------------------------------------


def spectral_distance_db(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over 16 ms of the rms difference of log spectra, over what is above 50 dB below the loudest."""
    spectra = [np.abs(signal.stft(v.astype(float), nperseg=128)[2]) for v in (x, y)]
    floor = spectra[0].max() * 10 ** (-50 / 20)
    a, b = (20 * np.log10(np.maximum(s, floor)) for s in spectra)
    return float(np.sqrt(((a - b) ** 2).mean(axis=0)).mean())


@pytest.mark.parametrize("burst", [1, 2, 4])
def test_real_speech_beats_silence_and_repetition(speech_prompts, burst: int, rng: np.random.Generator) -> None:
    """10 % loss. The distance to what was said: at most 75 % of silence's, 90 % of repeating the last frame's."""
    ours, silence, repetition = [], [], []
    for path in speech_prompts[10:200:10]:
        x = wavfile.read(path)[1]
        frames = x[: len(x) // 160 * 160].reshape(-1, 160)
        lost = np.zeros(len(frames), bool)
        for start in np.flatnonzero(rng.random(len(frames)) < 0.1 / burst):
            lost[max(start, 5) : max(start, 5) + burst] = True
        truth = frames.ravel()
        ours.append(spectral_distance_db(truth, run(truth, lost)))
        silence.append(spectral_distance_db(truth, (frames * ~lost[:, None]).ravel()))
        last = np.maximum.accumulate(np.where(lost, 0, np.arange(len(frames))))
        repetition.append(spectral_distance_db(truth, frames[last].ravel()))
    assert np.mean(ours) < 0.75 * np.mean(silence)
    assert np.mean(ours) < 0.9 * np.mean(repetition)
