"""Echo cancellation: parts against NumPy, what comes out of generated calls, properties of a stream."""

import ctypes
import importlib.util
import pickle

import numpy as np
import pytest
from conftest import CSRC, hostile_signals, pointer, random_cuts
from echo_scene import at, echo_of, noise, to_int16, ulaw, voice

import talkpath as tp


def run(ec, near, far, step=160):
    return np.concatenate([ec.process(near[i : i + step], far[i : i + step]) for i in range(0, len(near), step)])


def power_db(x):
    return 10 * np.log10(np.mean((np.asarray(x) / 32768.0) ** 2) + 1e-12)


def erle_db(near, out, start_s, stop_s, rate=8000):
    a, b, d = int(start_s * rate), int(stop_s * rate), rate // 100
    return power_db(near[a:b]) - power_db(out[a + d : b + d])


# --- parts ------------------------------------------------------------------------------------------------------------


class Grid(ctypes.Structure):
    _fields_ = [("fft", ctypes.c_size_t), ("slot", ctypes.c_size_t), ("bins", ctypes.c_size_t), ("scale", ctypes.c_float),
                ("analysis", ctypes.c_float * 512), ("synthesis", ctypes.c_float * 160)]  # fmt: skip


@pytest.mark.parametrize("rate", [8000, 16000])
def test_grid_reconstructs_the_band_it_covers(native, rate):
    """Tones inside the grid's bins come back whole after 5 ms; the spectrum is NumPy's."""
    grid = Grid()
    native.tp_echo_grid_init(ctypes.byref(grid), rate)
    n, slot = grid.fft, grid.slot
    t = np.arange(rate)
    x = to_int16(0.2 * np.sin(2 * np.pi * 700 * t / rate) + 0.1 * np.sin(2 * np.pi * 2500 * t / rate))
    re, im = np.zeros(240, np.float32), np.zeros(240, np.float32)
    tail, out = np.zeros(2 * slot, np.float32), []
    for end in range(n, rate, slot):
        native.tp_echo_analyse(
            ctypes.byref(grid), pointer(x), ctypes.c_size_t(rate), ctypes.c_uint64(end), pointer(re), pointer(im), None
        )
        native.tp_echo_synthesise(ctypes.byref(grid), pointer(re), pointer(im), None, pointer(tail))
        out.append(tail[:slot].copy())
        tail[:slot], tail[slot:] = tail[slot:], 0
    window = np.array(grid.analysis[:n], float)
    expected = np.fft.rfft(x[end - n : end] / 32768 * window)[4 : 4 + grid.bins] * grid.scale
    np.testing.assert_allclose(re[: grid.bins] + 1j * im[: grid.bins], expected, atol=1e-6)
    y = np.concatenate(out)[4 * slot :]
    want = x[n - 2 * slot + 4 * slot :][: len(y)] / 32768
    assert power_db(32768 * (y - want)) < power_db(32768 * want) - 40


def weights_of(stem, names, most=127):
    """A network's weights as the C code has them: bytes and a scale a row."""
    path = CSRC / "echo/gen_near_net.py"
    spec = importlib.util.spec_from_file_location("gen_near_net", path)
    gen = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gen)
    w = dict(np.load(CSRC / f"echo/{stem}_weights.npz"))
    for name in names:
        matrix, scale = gen.quantised(w[name], most)
        w[name] = (matrix * scale[:, None])[: len(w[name])]
    return w


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(w, i, x, h):
    """One step of a gated recurrent layer."""
    units = len(h)
    a, b = w[f"input{i}"] @ x + w[f"input{i}_bias"], w[f"recurrent{i}"] @ h + w[f"recurrent{i}_bias"]
    reset, update = sigmoid(a[:units] + b[:units]), sigmoid(a[units : 2 * units] + b[units : 2 * units])
    new = np.tanh(a[2 * units :] + reset * b[2 * units :])
    return new + update * (h - new)


def test_network_is_the_reference(native, rng):
    """The C network against NumPy on the same bytes of weights."""
    w = weights_of("near_net", ("dense", "input0", "recurrent0", "input1", "recurrent1", "out"))
    units = w["recurrent0"].shape[1]

    class Net(ctypes.Structure):
        _fields_ = [("units", ctypes.c_float * (2 * units)), ("logit", ctypes.c_float), ("gains", ctypes.c_float * 12)]

    net, states = Net(), [np.zeros(units), np.zeros(units)]
    native.tp_near_net_init(ctypes.byref(net))
    for _ in range(50):
        f = (w["mean"] + w["spread"] * rng.standard_normal(len(w["mean"])) * 1.5).astype(np.float32)
        native.tp_near_net_step(ctypes.byref(net), pointer(f))
        x = np.tanh(w["dense"] @ np.clip((f - w["mean"]) / w["spread"], -4, 4) + w["dense_bias"])
        for i, h in enumerate(states):
            states[i] = x = gru(w, i, x, h)
        z = w["out"] @ x + w["out_bias"]
        assert net.logit == pytest.approx(z[0], abs=0.05)
        np.testing.assert_allclose(net.gains, sigmoid(z[1:]), atol=0.01)


class Keep(ctypes.Structure):
    _fields_ = [("hops", ctypes.c_size_t), ("floor", ctypes.c_float * (10 * 12)), ("far", ctypes.c_float * (4 * 7)),
                ("leak", ctypes.c_float * 7), ("high", ctypes.c_float * 42), ("units", ctypes.c_float * 48),
                ("gains", ctypes.c_float * 19), ("apart", ctypes.c_float * 19), ("floors", ctypes.c_float * 19)]  # fmt: skip


@pytest.mark.parametrize("wide", [0, 1])
def test_keep_network_is_the_reference(native, rng, wide):
    """Without the bands above the telephone's, their features count as average."""
    w = weights_of("keep_net", ("dense", "input0", "recurrent0", "out"), 15)
    high = len(w["mean"]) - len(Keep().high)
    below = high - len(weights_of("near_net", ())["mean"])
    keep, h = Keep(), np.zeros(len(Keep().units))
    native.tp_keep_net_init(ctypes.byref(keep))
    for _ in range(50):
        f = (w["mean"] + w["spread"] * rng.standard_normal(len(w["mean"])) * 1.5).astype(np.float32)
        units, features = f[:below].copy(), f[below:high].copy()
        keep.high[:] = f[high:]
        native.tp_keep_net_step(ctypes.byref(keep), pointer(units), pointer(features), wide)
        x = np.clip((f - w["mean"]) / w["spread"], -4, 4)
        x[high:] *= wide
        h = gru(w, 0, np.tanh(w["dense"] @ x + w["dense_bias"]), h)
        np.testing.assert_allclose(keep.gains, sigmoid(w["out"] @ h + w["out_bias"]), atol=0.01)


def both_parts(x):
    """As a tp_echo_row."""
    row = np.zeros(480, np.float32)
    row[: len(x)], row[240 : 240 + len(x)] = x.real, x.imag
    return row


class KeepBins(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float * 240) for name in ("echo", "residual", "slow", "near")] + [
        ("tap", ctypes.c_void_p)
    ]


class Suppressor(ctypes.Structure):
    _fields_ = [("bins", KeepBins), ("dice", ctypes.c_uint32)]


def log10_rough(x):
    """approx.h's: straight lines between powers of two."""
    return (np.asarray(x, np.float32).view(np.int32) - 0x3F7A8000) * (np.log10(2) / 2**23)


class BinReference:
    """keep_bins.h in NumPy."""

    def __init__(self, bins):
        self.w = {k: v.astype(float) for k, v in np.load(CSRC / "echo/keep_bins_weights.npz").items()}
        self.echo, self.residual, self.slow, self.near = np.zeros((4, bins))

    def slot(self, gains, apart, noise, caller, residual, echo):
        def log(x):
            return log10_rough(x + 1e-14)

        def around(x):
            return np.maximum(np.convolve(x, np.ones(13))[6:-6], 1e-14) / 13

        now, predicted = np.abs(residual) ** 2, np.abs(echo) ** 2
        self.near += 0.4 * (np.abs(residual + echo) ** 2 - self.near)
        self.echo += 0.2 * (predicted - self.echo)
        self.residual += 0.4 * (now - self.residual)
        self.slow += 0.07 * (now - self.slow)
        r, e, g = log(self.residual), log(self.echo), np.clip(gains, 0.003, 0.997)
        known = around(self.echo) > 1e-9
        odds = log10_rough(g) - log10_rough(1 - g)
        measures = np.stack([
            odds,
            np.clip(r - log(around(self.residual)), -5, 5),
            np.clip(e - log(around(self.echo)), -5, 5) * known,
            np.clip(log(now) - r, -2, 2),
            np.clip(r - e, -3, 4) * known,
            np.clip(r - log(noise), -2, 5),
            np.full(len(r), 2 * caller - 1),
            np.arange(len(r)) / 239 * 2 - 1,
            known,
            np.clip(r - log(self.slow), -2, 2),
            np.clip(log(self.near) - r, -1, 3) * known,
            np.clip(log(predicted) - e, -2, 2) * known,
            (r + 6) / 2,
            2 * apart,
            np.ones(len(r)),
        ])  # fmt: skip
        units = np.maximum(self.w["hidden"] @ measures, 0)
        return sigmoid(np.log(10) * odds + (self.w["out"] @ units)[0] + self.w["out_bias"])


@pytest.mark.parametrize("bins", [112, 240])
def test_bin_network_is_the_reference(native, rng, bins):
    state, reference = KeepBins(), BinReference(bins)
    native.tp_keep_bins_init(ctypes.byref(state))
    for slot in range(60):
        residual, echo = (
            (rng.standard_normal(bins) + 1j * rng.standard_normal(bins)) * 10 ** rng.uniform(-4, -1, bins)
            for _ in range(2)
        )
        echo = echo * (slot > 20)
        apart = rng.uniform(-1, 1, bins).astype(np.float32)
        gains, noise = rng.uniform(0, 1, bins).astype(np.float32), (10 ** rng.uniform(-9, -4, bins)).astype(np.float32)
        caller, rows = rng.uniform(), [both_parts(x) for x in (residual + echo, residual, echo)]
        want = reference.slot(gains, apart, noise, caller, residual, echo)
        native.tp_keep_bins_slot(ctypes.byref(state), ctypes.c_size_t(bins), pointer(apart), pointer(noise), ctypes.c_float(caller),
                                 *map(pointer, rows), pointer(gains))  # fmt: skip
        np.testing.assert_allclose(gains, want, atol=2e-3)


def suppress(native, gains, floors, residual, echo, slots=100, caller=0.0):
    """What goes of a steady residual in each of so many slots, complex (slots, bins); the last gains."""
    bins, gone = len(residual), []
    state, row, g = Suppressor(), np.zeros(480, np.float32), np.zeros(240, np.float32)
    native.tp_suppressor_init(ctypes.byref(state))
    rows, keep = [both_parts(x) for x in (residual + echo, residual, echo)], Keep()
    keep.gains[:], keep.floors[:] = gains, floors
    for _ in range(slots):
        native.tp_suppressor_slot(ctypes.byref(state), ctypes.c_size_t(bins), ctypes.byref(keep), pointer(rows[0]),
                                  pointer(rows[1]), pointer(rows[2]), ctypes.c_float(caller), pointer(g), pointer(row))  # fmt: skip
        gone.append(row[:bins] + 1j * row[240 : 240 + bins])
    return np.array(gone), g[:bins]


@pytest.mark.parametrize("bins", [112, 240])
def test_suppressor(native, rng, bins):
    """All kept, and no echo: hardly anything goes. Nothing kept: all goes, noise as loud as the floor says comes. Half kept: most
    goes where the echo is."""
    residual = 0.01 * (rng.standard_normal(bins) + 1j * rng.standard_normal(bins))
    quiet, loud = np.full(19, 3e-8, np.float32), np.full(19, 1e-4, np.float32)
    _, g = suppress(native, np.ones(19, np.float32), quiet, residual, np.zeros(bins, complex), caller=1.0)
    assert g.mean() > 0.95
    gone, g = suppress(native, np.zeros(19, np.float32), quiet, residual, np.zeros(bins, complex))
    np.testing.assert_allclose(gone[-1], residual, rtol=0.01, atol=1e-4)
    residual *= 10
    gone, g = suppress(native, np.zeros(19, np.float32), loud, residual, np.zeros(bins, complex), 2000)
    put = residual - gone
    assert np.mean(np.abs(put) ** 2) == pytest.approx(0.25 * (1e-4 - 3e-8), rel=0.05)
    assert np.abs(put.mean(0)).max() < 0.1 * 0.5e-2
    echo = np.zeros(bins, complex)
    echo[::10] = 0.03
    _, g = suppress(native, np.full(19, 0.7, np.float32), quiet, np.full(bins, 0.01 + 0j), echo)
    inside = np.arange(bins) % 10
    known = (np.arange(bins) > 10) & (np.arange(bins) < bins - 10)
    assert g[(inside == 0) & known].max() < 0.7 * g[(inside == 5) & known].min()


def test_floor_tracker(native, rng):
    """The mean power of steady noise within 5 dB, whatever speech lies on top; a rise is followed within 2 s."""
    state, floor = np.zeros(120, np.float32), np.zeros(12, np.float32)
    native.tp_floor_tracker_init(pointer(state))
    for hop in range(1200):
        level = 1e-5 if hop < 600 else 1e-4
        power = (level * rng.gamma(6, 1 / 6, 12) + (1e-2 if hop % 50 < 30 else 0)).astype(np.float32)
        native.tp_floor_tracker_hop(
            pointer(state), ctypes.c_size_t(12), pointer(power), ctypes.c_size_t(hop), pointer(floor)
        )
        if hop % 600 > 250:
            assert np.abs(10 * np.log10(floor / level)).max() < 5


# --- what comes out ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def call():
    """Far, echo of it 170 ms later, and what the line returns; 10 s."""
    far = ulaw(to_int16(voice(10, seed=21)))
    echo = echo_of(far, 170, loss_db=8)
    return far, echo, ulaw(to_int16(echo + noise(len(far))))


def test_echo_is_cancelled(call):
    far, _, near = call
    linear, whole = tp.EchoCanceller(suppress=False), tp.EchoCanceller()
    a, b = run(linear, near, far), run(whole, near, far)
    assert erle_db(near, a, 4, 9.5) > 12
    assert erle_db(near, b, 4, 9.5) > 20
    for ec in (linear, whole):
        assert ec.delay_estimate_ms == pytest.approx(170, abs=3)
        assert ec.erle_db > 8
        assert ec.echo_likelihood > 0.9
        assert ec.diagnostics.erl_db == pytest.approx(8, abs=5)
        assert ec.diagnostics.far_active
        assert not ec.diagnostics.double_talk


def test_echo_is_cut_before_any_delay_is_known():
    """The first half second of an echo that comes late is 10 dB softer already."""
    far = ulaw(to_int16(voice(4, seed=27)))
    near = ulaw(to_int16(echo_of(far, 430, loss_db=8) + noise(len(far))))
    out = run(tp.EchoCanceller(), near, far)
    assert erle_db(near, out, 0.43, 1.1) > 10


def test_background_stays_where_echo_goes():
    """The line's noise does not pump with the agent's words: what is left of far-end talk is near the noise, not far below."""
    far = ulaw(to_int16(voice(10, seed=28)))
    background = noise(len(far), seed=29) * 4
    out = run(tp.EchoCanceller(), ulaw(to_int16(echo_of(far, 170, loss_db=8) + background)), far)
    left = [power_db(out[i : i + 4000]) - power_db(to_int16(background)) for i in range(40000, 76000, 4000)]
    assert min(left) > -12
    assert max(left) < 6


def test_cancellation_starts_within_a_second(call):
    far, _, near = call
    out = run(tp.EchoCanceller(), near, far)
    assert erle_db(near, out, 0.17 + 1.0, 2.5) > 10


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_line_without_echo_passes_bit_for_bit(rate):
    """From the first second of the agent's speech on."""
    far, near = to_int16(voice(6, rate, seed=31)), to_int16(voice(6, rate, seed=32) + noise(6 * rate))
    ec = tp.EchoCanceller(rate)
    out, d = run(ec, near, far, rate // 50), rate // 100
    np.testing.assert_array_equal(out[2 * rate + d :], near[2 * rate : -d])
    assert ec.echo_likelihood < 0.25
    assert ec.delay_ms == 10


def test_silence_of_the_agent_passes_bit_for_bit(rng):
    near = rng.integers(-32768, 32768, 8000).astype(np.int16)
    out = run(tp.EchoCanceller(), near, np.zeros(8000, np.int16))
    np.testing.assert_array_equal(out[80:], near[:-80])
    assert not out[:80].any()


def test_a_background_is_no_agent():
    """What is sent under everything and comes back below the line's noise counts as silence: nothing is taken out for it."""
    n = 9 * 8000
    far = ulaw(to_int16(at(voice(4, seed=62), 0, n) + noise(n, -50, seed=61)))
    near = ulaw(to_int16(echo_of(far, 120, loss_db=25) + noise(n, -60) + at(voice(2, seed=63), 6.5, n)))
    ec = tp.EchoCanceller()
    out = run(ec, near[:32000], far[:32000])
    assert ec.diagnostics.far_active
    assert ec.echo_likelihood > 0.5
    out = np.concatenate([out, run(ec, near[32000:], far[32000:])])
    assert not ec.diagnostics.far_active
    np.testing.assert_array_equal(out[6 * 8000 + 80 :], near[6 * 8000 : -80])


def test_a_delay_jump_is_overcome_within_a_second():
    far = ulaw(to_int16(voice(9, seed=41)))
    echo = np.concatenate([echo_of(far, 90, 8)[:36000], echo_of(far, 200, 8)[36000:]])
    near = ulaw(to_int16(echo + noise(len(far))))
    ec = tp.EchoCanceller()
    out = run(ec, near, far)
    assert erle_db(near, out, 4.5 + 0.2 + 1.0, 8.5) > 12
    assert ec.delay_estimate_ms == pytest.approx(200, abs=3)


def test_double_talk_does_no_harm(call):
    """The caller talks for 3 s over the echo: nothing is added, the caller stays, and the echo is as low afterwards."""
    far, echo, _ = call
    speech = at(voice(3, seed=51, level_db=-20), 4, len(far))
    near = ulaw(to_int16(echo + speech + noise(len(far))))
    ec = tp.EchoCanceller()
    out = run(ec, near, far)
    talk = slice(4 * 8000 + 80, 7 * 8000 + 80)
    clean = to_int16(speech)
    assert abs(power_db(out[talk]) - power_db(clean[4 * 8000 : 7 * 8000])) < 2.5
    assert np.corrcoef(out[talk], clean[4 * 8000 : 7 * 8000])[0, 1] > 0.85
    assert erle_db(near, out, 7.3, 9.5) > 15


def test_full_band_at_16_khz():
    far = to_int16(
        voice(8, 16000, seed=61) + noise(128000, -40) * np.repeat(np.random.default_rng(1).random(400) > 0.3, 320)
    )
    near = to_int16(echo_of(far, 130, 8, 16000) + noise(128000))
    out = run(tp.EchoCanceller(16000, suppress=False), near, far, 320)
    high = [np.diff(np.diff(x.astype(float))) for x in (near[64000:-160], out[64160:])]
    assert erle_db(near, out, 4, 7.9, 16000) > 12
    assert power_db(high[0]) - power_db(high[1]) > 8


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000])
def test_any_cut_gives_the_same(rate, rng):
    far = to_int16(voice(2.5, rate, seed=71))
    near = to_int16(echo_of(far, 60, 8, rate) + at(voice(1, rate, 72), 1.2, len(far), rate) + noise(len(far)))
    whole = tp.EchoCanceller(rate).process(near, far)
    for longest in (37, 700, 5000):
        ec, out, at_ = tp.EchoCanceller(rate), [], 0
        for piece in random_cuts(near, rng, longest):
            out.append(ec.process(piece, far[at_ : at_ + len(piece)]))
            at_ += len(piece)
        np.testing.assert_array_equal(np.concatenate(out), whole)


def test_reset_is_new(call):
    far, _, near = call
    far, near = far[:16000], near[:16000]
    used = tp.EchoCanceller()
    run(used, far, near)
    used.reset()
    np.testing.assert_array_equal(run(used, near, far), run(tp.EchoCanceller(), near, far))


def test_in_place_and_out(call):
    far, _, near = call
    far, near = far[:8000], near[:8000]
    want, mine, theirs = tp.EchoCanceller().process(near, far), near.copy(), far.copy()
    assert tp.EchoCanceller().process(mine, far, out=mine) == 8000
    assert tp.EchoCanceller().process(near, theirs, out=theirs) == 8000
    np.testing.assert_array_equal(mine, want)
    np.testing.assert_array_equal(theirs, want)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_hostile_audio(rate):
    """No number goes wild, and ordinary sound is handled afterwards."""
    signals = hostile_signals(4000)
    far_voice = to_int16(voice(3, rate, seed=81))
    near_voice = to_int16(echo_of(far_voice, 50, 8, rate))
    for name, far in signals.items():
        ec = tp.EchoCanceller(rate)
        for near in signals.values():
            out = ec.process(near, far)
            assert len(out) == 4000
            d = ec.diagnostics
            assert np.isfinite(
                [d.delay_confidence, d.erl_db, d.erle_db, d.echo_likelihood, d.speech_probability]
            ).all(), name
    out = run(ec, near_voice, far_voice, rate // 50)
    assert np.abs(out.astype(int)).max() <= 2 * np.abs(near_voice.astype(int)).max()


def test_lost_sound_is_not_learnt_from(call):
    """60 ms lost now and then on either side: the filter stays what it was."""
    far, _, near = call
    ec, out = tp.EchoCanceller(), []
    for i in range(0, len(far) - 159, 160):
        k = i // 160
        lost_near, lost_far = k % 150 in (140, 141, 142), k % 190 in (180, 181, 182)
        a, b = near[i : i + 160], far[i : i + 160]
        if lost_near and lost_far:
            out.append(ec.lost(160))
        else:
            out.append(ec.process(None if lost_near else a, None if lost_far else b))
    assert len(np.concatenate(out)) == len(far) // 160 * 160
    assert erle_db(near, np.concatenate(out), 5.2, 5.5) > 12
    assert ec.delay_estimate_ms == pytest.approx(170, abs=3)


def test_object():
    ec = tp.EchoCanceller(16000, tail_ms=60, max_delay_ms=1000, suppress=False)
    again = pickle.loads(pickle.dumps(ec))
    assert repr(again) == repr(ec) == "EchoCanceller(sample_rate=16000, tail_ms=60, max_delay_ms=1000, suppress=False)"
    assert ec.diagnostics == (None, 0.0, 0.0, 0.0, 0.5, 0.0, False, False)
    assert ec.delay_estimate_ms is None
    for bad in ({"sample_rate": 44100}, {"tail_ms": 30}, {"tail_ms": 161}, {"max_delay_ms": 99}):
        with pytest.raises(tp.ConfigError, match=next(iter(bad))):
            tp.EchoCanceller(**bad)
    for bad in ((bytes(4), bytes(2)), (None, None), (bytes(3), bytes(3)), (np.zeros((2, 2), np.int16), bytes(4))):
        with pytest.raises(tp.FormatError):
            ec.process(*bad)
    with pytest.raises(tp.LengthError):
        ec.process(bytes(4), bytes(4), out=bytearray(2))
    with pytest.raises(tp.LengthError):
        ec.lost(-1)
    assert len(ec.process(b"", b"")) == 0
    assert len(ec.lost(7)) == 7
