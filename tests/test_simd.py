"""All variants that this machine can run must agree: integers exactly, floats within the stated bound."""

import ctypes as c

import numpy as np
import pytest
from conftest import pointer

import talkpath as tp

CODEC = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_size_t)


class FirRows(c.Structure):
    _fields_ = [("rows", c.c_void_p), ("taps", c.c_uint32), ("phases", c.c_uint32), ("step_samples", c.c_uint32),
                ("step_phases", c.c_uint32)]  # fmt: skip


class Kalman(c.Structure):
    """dsp/kalman.h"""

    _fields_ = [("taps", c.c_size_t), ("bins", c.c_size_t), ("x_re", c.c_void_p * 40), ("x_im", c.c_void_p * 40),
                *[(name, c.c_void_p) for name in ("m_re", "m_im", "h_re", "h_im", "p", "noise", "y_re", "y_im")],
                *[(name, c.c_float) for name in ("keep", "noise_floor", "least", "forget")], ("drift", c.c_void_p)]  # fmt: skip


class Ops(c.Structure):
    _fields_ = [
        ("name", c.c_char_p), ("ulaw_encode", CODEC), ("ulaw_decode", CODEC), ("alaw_encode", CODEC), ("alaw_decode", CODEC),
        ("fir_bank", c.CFUNCTYPE(None, c.POINTER(FirRows), c.c_uint32, c.c_void_p, c.c_void_p, c.c_size_t)),
        ("dot", c.CFUNCTYPE(c.c_float, c.c_void_p, c.c_void_p, c.c_size_t)),
        ("correlate", c.CFUNCTYPE(None, c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p, c.c_size_t)),
        ("all_pole", c.CFUNCTYPE(None, *[c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p, c.c_void_p, c.c_size_t])),
        ("affine_pairs", c.CFUNCTYPE(None, *[c.c_void_p] * 5, c.c_size_t, c.c_size_t)),
        ("two_layers", c.CFUNCTYPE(None, *[c.c_void_p] * 3, c.c_size_t, c.c_size_t, c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p, c.c_size_t)),
        ("rfft_forward", c.CFUNCTYPE(None, c.c_size_t, *[c.c_void_p] * 3)),
        ("rfft_inverse", c.CFUNCTYPE(None, c.c_size_t, *[c.c_void_p] * 3)),
        ("kalman_filter", c.CFUNCTYPE(None, c.POINTER(Kalman))),
        ("kalman_diagonal", c.CFUNCTYPE(None, c.POINTER(Kalman))),
        ("kalman_full", c.CFUNCTYPE(None, c.POINTER(Kalman))),
        ("wide", c.c_int),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def variants(native: c.CDLL) -> list[Ops]:
    native.tp_simd_variant.restype = c.POINTER(Ops)
    found = []
    while variant := native.tp_simd_variant(c.c_size_t(len(found))):
        found.append(variant.contents)
    return found


def test_plain_comes_first_and_the_best_is_in_use(variants: list[Ops]) -> None:
    names = [v.name.decode() for v in variants]
    assert names[0] == "plain"
    assert tp._core._simd_name() == names[-1]


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_the_same_everywhere(variants: list[Ops], law: str) -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    codes = np.tile(np.arange(256, dtype=np.uint8), 3)[5:]  # an odd length and start
    results = []
    for v in variants:
        coded, linear = np.zeros(65536, np.uint8), np.zeros(len(codes), np.int16)
        getattr(v, f"{law}_encode")(pointer(pcm), pointer(coded), len(pcm))
        getattr(v, f"{law}_decode")(pointer(codes), pointer(linear), len(codes))
        results.append((coded, linear))
    for coded, linear in results[1:]:
        np.testing.assert_array_equal(coded, results[0][0])
        np.testing.assert_array_equal(linear, results[0][1])


@pytest.mark.parametrize(("phases", "step", "taps"), [(7, 11, 16), (7, 11, 48), (7, 11, 256), (7, 11, 272), (7, 11, 960),
                                                      (1, 1, 16), (1, 1, 64), (1, 1, 176)])  # fmt: skip
def test_fir_bank_is_the_same_everywhere(
    variants: list[Ops], phases: int, step: int, taps: int, rng: np.random.Generator
) -> None:
    """Including coefficients and samples of the largest size: the sums are exact, so nothing may overflow on the way."""
    first = 3 % phases
    for kind in ("random", "largest"):
        high = rng.integers(-65000 // taps, 65000 // taps + 1, (phases, taps)).clip(-16384, 16384)
        low = rng.integers(-512, 512, (phases, taps))
        high[:, :5] = low[:, :5] = 0
        x = rng.integers(-32768, 32768, 4000).astype(np.int16)
        if kind == "largest":
            low[:, 6:] = -512
            x[:] = -32768
        rows = np.ascontiguousarray(np.stack([high, low], axis=1)).astype(np.int16)
        bank = FirRows(rows.ctypes.data, taps, phases, step // phases, step % phases)
        for n_out in (1, 2, 3, 4, 5, 32, 75, 320):
            expected = []
            tick = first
            for _ in range(n_out):
                window = x[tick // phases :][:taps].astype(np.int64)
                total = (high[tick % phases] @ window << 10) + low[tick % phases] @ window
                expected.append(np.clip((total + (1 << 23)) >> 24, -32768, 32767))
                tick += step
            for v in variants:
                y = np.full(n_out + 4, 99, np.int16)
                v.fir_bank(c.byref(bank), first, pointer(x), pointer(y), n_out)
                np.testing.assert_array_equal(y[:n_out], expected, err_msg=f"{v.name} {kind} {n_out}")
                assert (y[n_out:] == 99).all()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 15, 16, 17, 160, 1000])
def test_dot_is_within_its_bound(variants: list[Ops], n: int, rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, n)).astype(np.float32)
    exact = float(a.astype(float) @ b.astype(float))
    bound = 4e-7 * float(np.abs(a).astype(float) @ np.abs(b).astype(float))
    for v in variants:
        assert abs(v.dot(pointer(a), pointer(b), n) - exact) <= bound, v.name


@pytest.mark.parametrize("lags", [8, 32, 40, 72])
@pytest.mark.parametrize("n", [0, 1, 5, 33, 256])
def test_correlate_is_within_its_bound(variants: list[Ops], n: int, lags: int, rng: np.random.Generator) -> None:
    a, b = rng.standard_normal(n).astype(np.float32), rng.standard_normal(n + lags).astype(np.float32)
    rows = np.array([b[k : k + n] for k in range(lags)], float).reshape(lags, n)
    bound = 4e-7 * 16 * np.abs(rows) @ np.abs(a).astype(float)  # one long chain of sums in the plain loop
    for v in variants:
        r = np.full(lags + 1, 99, np.float32)
        v.correlate(pointer(a), n, pointer(b), pointer(r), lags)
        assert (np.abs(r[:lags] - rows @ a.astype(float)) <= bound + 1e-30).all(), v.name
        assert r[lags] == 99


@pytest.mark.parametrize("order", [1, 6, 8, 32])
def test_all_pole_is_the_same_filter_everywhere(variants: list[Ops], order: int, rng: np.random.Generator) -> None:
    taps = np.zeros(order + 8, np.float32)
    taps[1 : order + 1] = rng.uniform(-1, 1, order) / order  # stable: the sum of magnitudes is below 1
    response = np.zeros(16, np.float32)
    for i in range(8):
        response[8 + i] = (i == 0) - sum(taps[j] * response[8 + i - j] for j in range(1, min(i, order) + 1))
    x, past = rng.standard_normal((2, 160))
    expected = np.concatenate([past[:order], np.zeros(160)])
    for i in range(order, order + 160):
        expected[i] = x[i - order] - sum(float(taps[j]) * expected[i - j] for j in range(1, order + 1))
    for v in variants:
        y = np.concatenate([past[:order], np.zeros(161)]).astype(np.float32)
        here = c.c_void_p(y.ctypes.data + 4 * order)
        v.all_pole(pointer(taps), order, pointer(response), pointer(x.astype(np.float32)), here, 160)
        np.testing.assert_allclose(y[order:-1], expected[order:], atol=1e-4, err_msg=v.name)
        assert y[-1] == 0


@pytest.mark.parametrize("n", [16, 112, 240])
@pytest.mark.parametrize(("units", "inputs"), [(4, 1), (16, 13), (12, 0)])
def test_two_layers_are_within_their_bound(
    variants: list[Ops], units: int, inputs: int, n: int, rng: np.random.Generator
) -> None:
    hidden, x = (rng.standard_normal(shape).astype(np.float32) for shape in ((units, inputs), (inputs, n + 5)))
    bias, out = rng.standard_normal((2, units)).astype(np.float32)
    base = rng.standard_normal(n).astype(np.float32)
    exact = base + out.astype(float) @ np.maximum(bias[:, None] + hidden.astype(float) @ x[:, :n].astype(float), 0)
    sizes = np.abs(bias)[:, None] + np.abs(hidden).astype(float) @ np.abs(x[:, :n]).astype(float)
    bound = 4e-7 * 8 * (np.abs(base) + np.abs(out).astype(float) @ sizes)
    for v in variants:
        y = np.full(n + 1, 99, np.float32)
        v.two_layers(*map(pointer, (hidden, bias, out)), units, inputs, pointer(x), n + 5, pointer(base), pointer(y), n)
        assert (np.abs(y[:n] - exact) <= bound).all(), v.name
        assert y[n] == 99


@pytest.mark.parametrize("rows", [8, 16, 24, 56, 96, 120, 144, 192])
@pytest.mark.parametrize("columns", [2, 48, 100, 282])
def test_affine_pairs_sums_exactly(variants: list[Ops], rows: int, columns: int, rng: np.random.Generator) -> None:
    matrix = rng.integers(-127, 128, (rows, columns)).astype(np.int8)
    matrix[0] = 127
    x = rng.integers(-16384, 16385, columns).astype(np.int16)
    x[:] = np.where(rng.random(columns) < 0.3, -16384, x)
    scale, bias = rng.standard_normal((2, rows)).astype(np.float32)
    pairs = np.ascontiguousarray(matrix.reshape(rows, -1, 2).transpose(1, 0, 2))
    want = bias + scale * (matrix.astype(np.int64) @ x).astype(np.float32)
    for v in variants:
        y = np.full(rows + 1, 99, np.float32)
        v.affine_pairs(pointer(pairs), pointer(scale), pointer(bias), pointer(x), pointer(y), rows, columns)
        np.testing.assert_allclose(y[:rows], want, rtol=1e-6, atol=1e-4, err_msg=v.name.decode())
        assert y[rows] == 99


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """dsp/bfloat16.h: the upper half of a float, rounded to nearest."""
    return ((np.ascontiguousarray(x, np.float32).view(np.uint32) + np.uint32(0x8000)) >> np.uint32(16)).astype(
        np.uint16
    )


def from_bfloat16(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.uint32) << np.uint32(16)).view(np.float32)


def rounded(z: np.ndarray) -> np.ndarray:
    return from_bfloat16(to_bfloat16(z.real)) + 1j * from_bfloat16(to_bfloat16(z.imag))


def kalman_reference(x, m, h, p, noise, s, full):
    """One step in complex double precision: x (taps, bins), m (bins,), h (taps, bins), p (bins, taps, taps); s the settings."""
    y = np.sum(h * x, axis=0)
    e = m - y
    power = np.abs(e) ** 2
    noise = np.maximum(s["keep"] * noise + (1 - s["keep"]) * power, s["noise_floor"])
    u = np.einsum("bij,jb->ib", p, x.conj())
    spread = np.sum(x * u, axis=0).real + np.maximum(noise, s["least"] * power)
    gain = u / spread
    h = h + gain * e
    growth = s["forget"] * np.abs(h) ** 2 + s["drift"][:, None]
    taps = np.arange(len(x))
    if full:
        p = p - np.einsum("ib,jb->bij", gain, u.conj())
        p[:, taps, taps] += growth.T
    else:
        diagonal = p[:, taps, taps].real.T
        p = p * 0
        p[:, taps, taps] = ((1 - s["forget"]) * (diagonal - (gain * x).real * diagonal) + growth).T
    return y, h, rounded(p), noise


@pytest.mark.parametrize("bins", [8, 104, 240])
@pytest.mark.parametrize("full", [False, True])
def test_kalman_steps_are_the_reference(variants: list[Ops], full: bool, bins: int, rng: np.random.Generator) -> None:
    """Sixty steps on noise through a known system; every variant stays with double precision (covariances apart), and the filter finds the system."""
    taps = 6
    s = {"keep": 0.7, "noise_floor": 1e-6, "least": 0.5, "forget": 1e-3, "drift": np.full(taps, 1e-5)}
    system = rng.standard_normal((taps, bins)) + 1j * rng.standard_normal((taps, bins))
    for v in variants:
        line = np.random.default_rng(5)
        f = {name: np.zeros(shape, np.float32) for name, shape in
             {"h_re": (taps, bins), "h_im": (taps, bins), "y_re": bins, "y_im": bins, "m_re": bins, "m_im": bins}.items()}  # fmt: skip
        f["noise"], f["drift"] = np.full(bins, 1e-3, np.float32), s["drift"].astype(np.float32)
        f["p"] = to_bfloat16(np.full((taps, bins), 0.5))
        if full:  # groups of eight bins, rows of the lower triangle: real and imaginary parts, the diagonal real
            rows = [np.r_[np.zeros(16 * i), np.full(8, 0.5)] for i in range(taps)]
            f["p"] = to_bfloat16(np.tile(np.concatenate(rows), bins // 8))
        k = Kalman(taps, bins, keep=s["keep"], noise_floor=s["noise_floor"], least=s["least"], forget=s["forget"])
        for name, array in f.items():
            setattr(k, name, array.ctypes.data)
        h, p, noise = (
            np.zeros((taps, bins), complex),
            np.tile(0.5 * np.eye(taps, dtype=complex), (bins, 1, 1)),
            f["noise"].astype(float),
        )
        history = [np.zeros(bins, complex)] * taps
        for step in range(60):
            history = [rounded(line.standard_normal(bins) + 1j * line.standard_normal(bins)), *history[:-1]]
            re, im = [[to_bfloat16(part(row)) for row in history] for part in (np.real, np.imag)]
            for t in range(taps):
                k.x_re[t], k.x_im[t] = re[t].ctypes.data, im[t].ctypes.data
            if not full and step % 7 == 3:
                history[2] = np.zeros(bins, complex)
                k.x_re[2], k.x_im[2] = None, None
            x = np.array(history)
            m = np.sum(system * x, axis=0) + 0.01 * line.standard_normal(bins)
            f["m_re"][:], f["m_im"][:] = m.real, m.imag
            before = p
            y, h, p, noise = kalman_reference(x, m, h, p, noise, s, full)
            if not full and step % 7 == 3:  # a row that is not there is not touched
                p[:, 2, 2] = before[:, 2, 2]
            v.kalman_filter(c.byref(k))
            np.testing.assert_allclose(f["y_re"] + 1j * f["y_im"], y, atol=4e-3)
            (v.kalman_full if full else v.kalman_diagonal)(c.byref(k))
            np.testing.assert_allclose(f["y_re"] + 1j * f["y_im"], y, atol=4e-3)
            np.testing.assert_allclose(f["h_re"] + 1j * f["h_im"], h, atol=5e-3)
        assert np.mean(np.abs(h - system) ** 2) < 0.02 * np.mean(np.abs(system) ** 2)


@pytest.mark.parametrize("n", [128, 256, 512, 1024])
def test_real_fft_is_the_same_everywhere(variants: list[Ops], n: int, rng: np.random.Generator) -> None:
    """Bit for bit: no variant fuses or reorders."""
    x = rng.standard_normal(n).astype(np.float32)
    results = []
    for v in variants:
        re, im, back = (np.zeros(size, np.float32) for size in (n // 2 + 1, n // 2 + 1, n))
        v.rfft_forward(n, pointer(x), pointer(re), pointer(im))
        v.rfft_inverse(n, pointer(re), pointer(im), pointer(back))
        np.testing.assert_allclose(re + 1j * im, np.fft.rfft(x), atol=1e-4)
        np.testing.assert_allclose(back, x, atol=1e-6)
        results.append((re, im, back))
    for result in results[1:]:
        for got, wanted in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_bfloat16_rounds_to_nearest() -> None:
    x = np.random.default_rng(3).standard_normal(1000).astype(np.float32) * 10.0 ** np.arange(-20, 20).repeat(25)
    assert np.max(np.abs(from_bfloat16(to_bfloat16(x)) / x - 1)) <= 2**-8
