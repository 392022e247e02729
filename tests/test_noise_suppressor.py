"""Noise suppression: the C against the NumPy model, properties of a stream, what becomes of noise and of voices."""

import ctypes
import importlib.util
import pickle

import numpy as np
import pytest
import soundfile
from conftest import CSRC, ROOT, hostile_signals, pointer, random_cuts
from test_vad import voice

import talkpath as tp

RATES = [8000, 16000]
# C works in float, with its own exp, ln and tanh (within 1e-4); the reference in double.
TOLERANCE_LSB = 2


@pytest.fixture(scope="module")
def model():
    """training/enhance/ns_features.py."""
    spec = importlib.util.spec_from_file_location("ns_features", ROOT / "training/enhance/ns_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights(model):
    return model.load_weights(CSRC / "enhance/noise_suppressor_weights.npz")


def to_int16(x):
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def suppressed(pcm, rate=8000, level=85):
    """The whole stream at once, its delay taken off."""
    ns = tp.NoiseSuppressor(rate, level)
    late = round(ns.delay_ms * rate / 1000)
    return ns.process(np.concatenate([pcm, np.zeros(late, np.int16)]))[late:]


def noise(n, kind="white", seed=5):
    """At a power of 1."""
    x = np.random.default_rng(seed).standard_normal(n)
    if kind == "pink":
        x = np.fft.irfft(np.fft.rfft(x) / np.sqrt(np.maximum(np.arange(n // 2 + 1), 20)), n)
    elif kind == "swelling":
        x *= 1 + 0.7 * np.sin(2 * np.pi * np.arange(n) / 9000)
    return x / x.std()


def scene(rate=8000, seconds=5):
    """Voice; then noise of two levels over it."""
    x = voice(seconds, rate).astype(float)
    n = len(x)
    x[n // 4 :] += 300 * noise(n - n // 4, "pink")
    x[n // 2 :] += 900 * noise(n - n // 2)
    return to_int16(x)


def power_db(x):
    return 10 * np.log10(np.mean(np.square(x.astype(float))) + 1e-9)


def assert_agree(got, want, steps=TOLERANCE_LSB):
    """Where two pitch lags are all but equally good, C and model may choose differently: the networks' units differ a little for up to a
    second then, by a few steps of the output in loud noise. Hence the allowance; the power of the difference stays 60 dB below."""
    difference = np.abs(got.astype(int) - want)
    assert np.mean(difference > steps) <= 0.04
    assert difference.max() <= 0.05 * np.abs(want).max() + TOLERANCE_LSB
    assert np.sqrt(np.mean(difference**2.0)) <= 1e-3 * np.sqrt(np.mean(want.astype(float) ** 2)) + 1


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["scene", *sorted(hostile_signals(1))])
def test_agrees_with_the_model(model, weights, kind, rate):
    pcm = scene(rate, 3) if kind == "scene" else hostile_signals(16000)[kind]
    # A full-scale square wave as slow as this one is close to a step: decisions swing, by up to 40 of 25,000.
    assert_agree(
        tp.NoiseSuppressor(rate).process(pcm),
        model.suppress(weights, pcm, rate),
        40 if kind == "square" else TOLERANCE_LSB,
    )


@pytest.mark.parametrize("level", [60, 72, 100])
def test_levels_agree_with_the_model(model, weights, level):
    pcm = scene(8000, 3)
    assert_agree(tp.NoiseSuppressor(level=level).process(pcm), model.suppress(weights, pcm, 8000, level))


@pytest.mark.parametrize("rate", RATES)
def test_plain_c_agrees_with_the_best_variant(native, rate):
    pcm, config = scene(rate, 3), (ctypes.c_int * 2)(rate, 85)
    native.tp_noise_suppressor_size.restype = ctypes.c_size_t
    memory, out = np.zeros(native.tp_noise_suppressor_size(config) + 64, np.uint8), np.zeros_like(pcm)
    state = ctypes.c_void_p(-(-memory.ctypes.data // 64) * 64)
    chosen = ctypes.c_void_p.in_dll(native, "tp_simd")
    best, chosen.value = chosen.value, ctypes.addressof(ctypes.c_char.in_dll(native, "tp_simd_plain"))
    try:
        assert native.tp_noise_suppressor_init(state, config) == 0
        native.tp_noise_suppressor_process(state, pointer(pcm), pointer(out), ctypes.c_size_t(len(pcm)))
    finally:
        chosen.value = best
    assert_agree(out, tp.NoiseSuppressor(rate).process(pcm))


@pytest.mark.parametrize("rate", RATES)
def test_windows_alone_change_nothing(model, rate):
    """Analysis and synthesis without gains give the input back, two hops late."""
    pcm, late = scene(rate, 1), rate // 100
    out = model.overlap_add(model.spectra(pcm, rate), rate, len(pcm))
    np.testing.assert_array_equal(out[late:], pcm[:-late])


@pytest.mark.parametrize("rate", RATES)
def test_chunks_do_not_matter(rate, rng):
    pcm = scene(rate, 2)
    want = tp.NoiseSuppressor(rate).process(pcm)
    for longest in (1, 33, 700):
        ns = tp.NoiseSuppressor(rate)
        got = [ns.process(piece) for piece in random_cuts(pcm[: 3000 if longest == 1 else None], rng, longest)]
        got = np.concatenate(got)
        np.testing.assert_array_equal(got, want[: len(got)])


def test_out_and_in_place():
    pcm = scene(seconds=1)
    want = tp.NoiseSuppressor().process(pcm)
    ns, buffer = tp.NoiseSuppressor(), pcm.copy()
    for i in range(0, len(pcm), 333):
        piece = buffer[i : i + 333]
        assert ns.process(piece, out=piece) == len(piece)
    np.testing.assert_array_equal(buffer, want)
    assert tp.NoiseSuppressor().process(pcm.tobytes()).tobytes() == want.tobytes()
    assert len(ns.process(b"")) == 0


@pytest.mark.parametrize("rate", RATES)
def test_reset_is_new(rate):
    pcm = scene(rate, 2)
    want = tp.NoiseSuppressor(rate).process(pcm)
    ns = tp.NoiseSuppressor(rate)
    for stop in (0, 333, len(pcm)):
        ns.process(pcm[:stop])
        ns.reset()
        np.testing.assert_array_equal(ns.process(pcm), want)
        ns.reset()


@pytest.mark.parametrize("rate", RATES)
def test_delay(rate):
    """What comes out is what came in, delay_ms later: neither earlier nor later fits as well."""
    ns = tp.NoiseSuppressor(rate)
    assert ns.delay_ms == 10.0
    pcm = voice(3, rate)
    out = ns.process(pcm).astype(float)
    late = round(ns.delay_ms * rate / 1000)
    fits = [np.dot(out[k : len(pcm) - 400 + k], pcm[:-400].astype(float)) for k in range(late - 10, late + 11)]
    assert int(np.argmax(fits)) == 10


@pytest.mark.parametrize("rate", RATES)
def test_hostile_audio(hostile, rate):
    """Nothing but samples comes out; and a voice that follows, 30 dB below, passes, if not at once."""
    said = voice(10, rate)
    out = suppressed(np.concatenate([hostile, said]), rate)
    assert abs(power_db(out[-2 * rate :]) - power_db(said[-2 * rate :])) < 6


def test_silence_stays_silent():
    assert not tp.NoiseSuppressor().process(np.zeros(8000, np.int16)).any()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_goes_down_with_the_level(rate, kind):
    pcm = to_int16(600 * noise(6 * rate, kind))
    gone = [
        power_db(pcm[-3 * rate :]) - power_db(suppressed(pcm, rate, level)[-3 * rate :]) for level in (60, 70, 85, 100)
    ]
    assert gone == sorted(gone)
    assert 8.5 < gone[0] <= 9.1
    assert gone[2] > 18
    assert gone[3] <= 33.1


@pytest.mark.parametrize("rate", RATES)
def test_residual_is_not_musical(model, rate):
    """White noise turned down is still noise: of its bins hardly more stand out than of the input's."""
    pcm = to_int16(600 * noise(12 * rate))

    def share(x):
        frames = x[2 * rate :].astype(float)[: 10 * rate // 256 * 256].reshape(-1, 256) * np.hanning(256)
        power = np.abs(np.fft.rfft(frames)[:, 4:-4]) ** 2
        return np.mean(power > 10 * np.median(power) / np.log(2))  # of noise: exp(-10)

    seen, least = model.front_end(pcm, rate), model.least_gain(85)
    classical = model.overlap_add(
        seen["spectrum"] * (least + (1 - least) * model.sigmoid(seen["log_snr"])), rate, len(pcm)
    )
    assert share(pcm) < 2e-4
    assert share(suppressed(pcm, rate)) < 1e-3
    assert share(classical) > 1e-2


@pytest.mark.parametrize("rate", RATES)
def test_voice_stays_and_noise_goes(rate):
    said = voice(8, rate).astype(float)
    hiss = 10 ** ((power_db(said) - 8) / 20) * noise(len(said), "pink")
    out = suppressed(to_int16(said + hiss), rate).astype(float)
    n = rate // 50
    loud = (said[: len(said) // n * n].reshape(-1, n) ** 2).mean(axis=1) > np.mean(said**2) * 0.3
    still = (said[: len(said) // n * n].reshape(-1, n) ** 2).mean(axis=1) < np.mean(said**2) * 1e-4
    frames = out[: len(out) // n * n].reshape(-1, n)
    late = np.arange(len(loud)) > 100
    kept = power_db(frames[loud & late]) - power_db(said[: len(loud) * n].reshape(-1, n)[loud & late])
    assert -4 < kept < 1
    assert power_db(hiss) - power_db(frames[still & late]) > 12


def test_a_level_change_does_not_click():
    t = np.arange(24000) / 8000
    pcm = to_int16(300 * noise(24000, "pink") + 3000 * np.sin(2 * np.pi * 200 * t) * (np.sin(2 * np.pi * 3 * t) > 0))
    ns = tp.NoiseSuppressor(level=60)
    parts = [ns.process(pcm[:15000])]
    ns.level = 100
    assert ns.level == 100
    parts.append(ns.process(pcm[15000:]))
    out = np.concatenate(parts).astype(float)
    soft, hard = (tp.NoiseSuppressor(level=level).process(pcm).astype(float) for level in (60, 100))
    np.testing.assert_array_equal(out[:15000], soft[:15000])
    # From the one to the other within 50 ms or so, and never outside the two by more than rounding and the window's overlap.
    reach = np.abs(soft - hard) + 0.02 * np.abs(soft) + 3
    assert (np.abs(out - soft) <= reach).all()
    assert power_db((out - hard)[17500:]) < power_db(hard[17500:]) - 40


def distance(out, clean):
    """Between compressed spectra: small when the speech is there and the noise is not."""
    frames = [
        np.lib.stride_tricks.sliding_window_view(x.astype(float), 256)[::128] * np.hanning(256) for x in (out, clean)
    ]
    a, b = (np.abs(np.fft.rfft(f)) ** 0.3 for f in frames)
    return np.mean((a - b) ** 2)


@pytest.mark.parametrize("kind", ["white", "pink", "swelling"])
@pytest.mark.parametrize("snr_db", [0, 10])
def test_better_than_the_classical_estimator(model, speech_prompts, kind, snr_db, rng):
    """On real speech: the network never does worse than the decision-directed Wiener filter that it starts from."""
    ours = classical = untouched = 0.0
    for path in rng.choice([p for p in speech_prompts if p.stat().st_size > 40000], 4, replace=False):
        clean, _ = soundfile.read(path, dtype="int16")
        clean = np.concatenate([np.zeros(4000, np.int16), clean[:48000]])
        level = np.sqrt(np.mean(clean[4000:].astype(float) ** 2)) * 10 ** (-snr_db / 20)
        noisy = to_int16(clean + level * noise(len(clean), kind))
        noisy = tp.g711.ulaw_decode(tp.g711.ulaw_encode(noisy))
        seen, least = model.front_end(noisy, 8000), model.least_gain(85)
        gain = least + (1 - least) * model.sigmoid(seen["log_snr"])
        classical += distance(model.overlap_add(seen["spectrum"] * gain, 8000, len(noisy))[80:], clean[:-80])
        ours += distance(suppressed(noisy), clean)
        untouched += distance(noisy, clean)
    assert ours < classical
    assert ours < 0.7 * untouched


def test_clean_prompts_pass(speech_prompts, rng):
    """Level kept within 1 dB, and no first sound of a prompt lost."""
    for path in rng.choice(speech_prompts, 10, replace=False):
        pcm, _ = soundfile.read(path, dtype="int16")
        pcm = tp.g711.ulaw_decode(tp.g711.ulaw_encode(np.concatenate([np.zeros(2000, np.int16), pcm])))
        out = suppressed(pcm)
        assert abs(power_db(out) - power_db(pcm)) < 1
        frames = pcm[: len(pcm) // 80 * 80].reshape(-1, 80).astype(float)
        first = int(np.argmax((frames**2).mean(axis=1) > np.mean(pcm.astype(float) ** 2)))
        onset = slice(first * 80, first * 80 + 400)
        assert power_db(out[onset]) > power_db(pcm[onset]) - 3


def test_bad_buffers_change_nothing():
    pcm = scene(seconds=1)
    ns = tp.NoiseSuppressor()
    first = ns.process(pcm[:3000])
    for wrong, error in ((b"abc", tp.LengthError), (np.zeros(160, np.float32), tp.FormatError), (None, TypeError)):
        with pytest.raises(error):
            ns.process(wrong)
    with pytest.raises(tp.LengthError):
        ns.process(pcm[3000:], out=np.zeros(10, np.int16))
    with pytest.raises(tp.ConfigError, match="level must be 60 to 100"):
        ns.level = 59
    np.testing.assert_array_equal(np.concatenate([first, ns.process(pcm[3000:])]), tp.NoiseSuppressor().process(pcm))


def test_configuration():
    with pytest.raises(tp.ConfigError, match=r"sample_rate must be 8000 or 16000 \(got sample_rate=11025, level=85\)"):
        tp.NoiseSuppressor(11025)
    for level in (59, 101):
        with pytest.raises(tp.ConfigError, match="level must be 60 to 100"):
            tp.NoiseSuppressor(level=level)
    ns = tp.NoiseSuppressor(sample_rate=16000, level=70)
    assert repr(ns) == "NoiseSuppressor(sample_rate=16000, level=70)"
    ns.level = 90
    again = pickle.loads(pickle.dumps(ns))
    assert repr(again) == "NoiseSuppressor(sample_rate=16000, level=90)"
    assert again.sample_rate == 16000
