"""What kernels share in csrc/dsp, against NumPy and SciPy."""

import ctypes as c

import numpy as np
import pytest
from conftest import pointer
from scipy import signal


class Biquad(c.Structure):
    _fields_ = [(name, c.c_float) for name in ("b0", "b1", "b2", "a1", "a2", "z1", "z2")]


class Goertzel(c.Structure):
    _fields_ = [(name, c.c_float) for name in ("coefficient", "s1", "s2")]


@pytest.mark.parametrize("n", [128, 256, 512, 1024])
def test_real_fft(native: c.CDLL, n: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(n).astype(np.float32)
    re, im, back = np.full(n // 2 + 1, 9, np.float32), np.full(n // 2 + 1, 9, np.float32), np.zeros(n, np.float32)
    native.tp_rfft_forward(c.c_size_t(n), pointer(x), pointer(re), pointer(im))
    exact = np.fft.rfft(x.astype(float))
    error = np.abs(re + 1j * im - exact)
    assert error.max() <= 6e-7 * np.sqrt((np.abs(exact) ** 2).mean()) * 4
    assert np.sqrt((error**2).mean()) <= 6e-7 * np.sqrt((np.abs(exact) ** 2).mean())
    assert im[0] == im[-1] == 0
    im[0] = im[-1] = 123.0  # ignored coming in
    native.tp_rfft_inverse(c.c_size_t(n), pointer(re), pointer(im), pointer(back))
    np.testing.assert_allclose(back, x, atol=2e-6)


def test_fft_of_single_tones_lands_in_single_bins(native: c.CDLL) -> None:
    for n in (128, 1024):
        for k in (0, 1, n // 4, n // 2 - 1, n // 2):
            x = np.cos(2 * np.pi * k * np.arange(n) / n).astype(np.float32)
            re, im = np.zeros((2, n // 2 + 1), np.float32)
            native.tp_rfft_forward(c.c_size_t(n), pointer(x), pointer(re), pointer(im))
            expected = np.zeros(n // 2 + 1)
            expected[k] = n if k in (0, n // 2) else n / 2
            np.testing.assert_allclose(re, expected, atol=1e-4 * n)
            np.testing.assert_allclose(im, 0, atol=1e-4 * n)


@pytest.mark.parametrize("n", [160, 256])
def test_windows(native: c.CDLL, n: int) -> None:
    for name in ("hann", "hamming"):
        w = np.zeros(n, np.float32)
        getattr(native, f"tp_window_{name}")(pointer(w), c.c_size_t(n))
        np.testing.assert_allclose(w, signal.get_window(name, n), atol=1e-7)
    native.tp_window_sqrt_hann(pointer(w), c.c_size_t(n))
    np.testing.assert_allclose(w[: n // 2] ** 2 + w[n // 2 :] ** 2, 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["lowpass", "highpass", "bandpass", "notch"])
def test_biquads_are_the_cookbook_filters(native: c.CDLL, kind: str, rng: np.random.Generator) -> None:
    rate_hz, frequency_hz, q = 8000.0, 700.0, 1.3
    f = Biquad()
    getattr(native, f"tp_biquad_{kind}")(c.byref(f), c.c_double(frequency_hz), c.c_double(q), c.c_double(rate_hz))
    b, a = [f.b0, f.b1, f.b2], [1, f.a1, f.a2]
    _, h = signal.freqz(b, a, [frequency_hz, 1.0, 3999.0], fs=rate_hz)
    at_centre = {"lowpass": q, "highpass": q, "bandpass": 1.0, "notch": 0.0}[kind]
    at_dc = {"lowpass": 1.0, "highpass": 0.0, "bandpass": 0.0, "notch": 1.0}[kind]
    at_nyquist = {"lowpass": 0.0, "highpass": 1.0, "bandpass": 0.0, "notch": 1.0}[kind]
    np.testing.assert_allclose(np.abs(h), [at_centre, at_dc, at_nyquist], atol=3e-3)
    x = rng.standard_normal(1000).astype(np.float32)
    y = x.copy()
    for piece in np.split(y, [1, 200, 777]):  # in place and in pieces
        native.tp_biquad_process(c.byref(f), pointer(piece), pointer(piece), c.c_size_t(len(piece)))
    np.testing.assert_allclose(y, signal.lfilter(b, a, x), atol=2e-5)
    silence = np.zeros(4000, np.float32)
    native.tp_biquad_process(c.byref(f), pointer(silence), pointer(silence), c.c_size_t(4000))
    assert f.z1 == f.z2 == 0  # no denormals left behind


@pytest.mark.parametrize("frequency_hz", [100.0, 697.0, 1477.3, 3900.0])
def test_goertzel_is_one_fft_bin(native: c.CDLL, frequency_hz: float, rng: np.random.Generator) -> None:
    native.tp_goertzel_power.restype = c.c_float
    x = rng.standard_normal(1000).astype(np.float32)
    g = Goertzel()
    native.tp_goertzel_init(c.byref(g), c.c_double(frequency_hz), c.c_double(8000.0))
    for piece in np.split(x, [3, 400]):
        native.tp_goertzel_process(c.byref(g), pointer(np.ascontiguousarray(piece)), c.c_size_t(len(piece)))
    exact = np.abs(np.exp(-2j * np.pi * frequency_hz / 8000 * np.arange(1000)) @ x) ** 2
    assert native.tp_goertzel_power(c.byref(g)) == pytest.approx(exact, rel=1e-3)
