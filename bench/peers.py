"""The peers, each behind one plain function or object; `Missing` names one that is not installed. Used by `make bench` and `make quality`."""

import asyncio
import ctypes
import ctypes.util
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr

HERE = Path(__file__).resolve().parent
Process = Callable[[np.ndarray], Any]


class Missing(Exception):
    """A peer is not installed; the message says which, and how it would be."""


def module(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: a library that it loads
        raise Missing(f"{package} ({str(error).splitlines()[0]})") from None


def library(name: str) -> Any:
    found = ctypes.util.find_library(name)
    if found is None:
        try:
            return ctypes.CDLL(f"lib{name}.so.1" if name == "speexdsp" else f"lib{name}.so.2")
        except OSError:
            raise Missing(f"lib{name} (apt-get install lib{name}{'1' if name == 'speexdsp' else '2'})") from None
    return ctypes.CDLL(found)


def audioop() -> Any:
    return module("audioop", "audioop-lts (audioop is the standard library's until Python 3.12)")


# --- voice activity -------------------------------------------------------------------------------------------------------------------


def webrtc_vad(rate_hz: int, mode: int = 3) -> Process:
    """20 ms: speech or not."""
    vad = module("webrtcvad", "webrtcvad-wheels").Vad(mode)
    return lambda pcm: float(vad.is_speech(pcm.tobytes(), rate_hz))


class Cut:
    """Frames of any length into those of a fixed one; the result for the newest that was whole."""

    def __init__(self, process: Process, samples: int) -> None:
        self.process, self.samples = process, samples
        self.waiting, self.result = np.zeros(0, np.int16), 0.0

    def __call__(self, pcm: np.ndarray) -> float:
        self.waiting = np.concatenate([self.waiting, pcm])
        while len(self.waiting) >= self.samples:
            self.result = float(self.process(self.waiting[: self.samples]))
            self.waiting = self.waiting[self.samples :]
        return self.result


def silero_vad(rate_hz: int) -> Process:
    """Silero's network, which the silero-vad wheel brings, behind ONNX Runtime, one thread: a probability."""
    module("onnxruntime", "onnxruntime")
    package = importlib.util.find_spec("silero_vad")  # importing it would import torch
    if package is None or package.submodule_search_locations is None:
        raise Missing("silero-vad (pip install --no-deps silero-vad)")
    spec = importlib.util.spec_from_file_location("silero_example", HERE.parent / "examples/silero_vad.py")
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    silero = example.Silero(Path(package.submodule_search_locations[0]) / "data/silero_vad.onnx", rate_hz)
    return Cut(silero.process, silero.frame_samples)


def ten_vad(rate_hz: int) -> Process:
    """TEN's, which takes 16 kHz in pieces of 16 ms; 8 kHz go up first."""
    vad = module("ten_vad", "ten-vad (needs libc++1 on Debian)").TenVad(256, 0.5)
    cut = Cut(lambda pcm: vad.process(np.ascontiguousarray(pcm))[0], 256)
    if rate_hz == 16000:
        return cut
    up = Up(rate_hz, 16000)
    return lambda pcm: cut(up(pcm))


class Up:
    """To a multiple of a rate and, by `down`, back; a FIR filter with a small constant delay, as nothing else here holds back."""

    def __init__(self, rate_hz: int, out_hz: int) -> None:
        import talkpath as tp

        self.up, self.back = tp.Resampler(rate_hz, out_hz), tp.Resampler(out_hz, rate_hz)

    def __call__(self, pcm: np.ndarray) -> np.ndarray:
        return self.up.process(pcm)

    def down(self, pcm: np.ndarray) -> np.ndarray:
        return self.back.process(pcm)


class RNNoise:
    """RNNoise, which takes 48 kHz in pieces of 10 ms: `__call__` gives the sound, `probability` is of its newest."""

    def __init__(self, rate_hz: int) -> None:
        rnnoise = module("pyrnnoise.rnnoise", "pyrnnoise")
        self.run, self.state, self.up = rnnoise.lib.rnnoise_process_frame, rnnoise.create(), Up(rate_hz, 48000)
        self.probability = 0.0

    def __call__(self, pcm: np.ndarray) -> np.ndarray:
        x = self.up(pcm).astype(np.float32)
        for at in range(0, len(x), 480):
            frame = x[at : at + 480].ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            self.probability = float(self.run(self.state, frame, frame))
        return self.up.down(np.clip(x, -32768, 32767).astype(np.int16))


# --- echo and noise -------------------------------------------------------------------------------------------------------------------


class WebRtcApm:
    """WebRTC's audio processing as the livekit wheel brings it: AEC3 and noise suppression."""

    def __init__(self, rate_hz: int, echo: bool = True, noise: bool = True) -> None:
        self.rtc, self.rate_hz, self.echo = module("livekit.rtc", "livekit"), rate_hz, echo
        self.apm = self.rtc.AudioProcessingModule(
            echo_cancellation=echo, noise_suppression=noise, high_pass_filter=True
        )

    def __call__(self, near: np.ndarray, far: np.ndarray | None = None) -> np.ndarray:
        n, out = self.rate_hz // 100, []
        for at in range(0, len(near), n):
            if self.echo and far is not None:
                self.apm.process_reverse_stream(self.rtc.AudioFrame(far[at : at + n].tobytes(), self.rate_hz, 1, n))
                self.apm.set_stream_delay_ms(0)
            frame = self.rtc.AudioFrame(bytearray(near[at : at + n].tobytes()), self.rate_hz, 1, n)
            self.apm.process_stream(frame)
            out.append(np.frombuffer(frame.data, np.int16))
        return np.concatenate(out)


class SpeexEcho:
    """speexdsp's canceller with a tail of 700 ms, as long as echoes of telephones come; with its suppressor behind it if wanted."""

    def __init__(self, rate_hz: int, suppress: bool = False) -> None:
        self.lib, n = library("speexdsp"), rate_hz // 50
        for make in (self.lib.speex_echo_state_init, self.lib.speex_preprocess_state_init):
            make.restype = ctypes.c_void_p
        self.state = ctypes.c_void_p(self.lib.speex_echo_state_init(n, rate_hz * 7 // 10))
        self.lib.speex_echo_ctl(self.state, 24, ctypes.byref(ctypes.c_int(rate_hz)))
        self.after = None
        if suppress:
            self.after = ctypes.c_void_p(self.lib.speex_preprocess_state_init(n, rate_hz))
            self.lib.speex_preprocess_ctl(self.after, 24, self.state)

    def __call__(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        out = np.empty(len(near), np.int16)
        at = ctypes.c_void_p(out.ctypes.data)
        near, far = np.ascontiguousarray(near), np.ascontiguousarray(far)
        self.lib.speex_echo_cancellation(
            self.state, ctypes.c_void_p(near.ctypes.data), ctypes.c_void_p(far.ctypes.data), at
        )
        if self.after:
            self.lib.speex_preprocess_run(self.after, at)
        return out


def speex_denoise(rate_hz: int) -> Process:
    lib = library("speexdsp")
    lib.speex_preprocess_state_init.restype = ctypes.c_void_p
    lib.speex_preprocess_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    state = lib.speex_preprocess_state_init(rate_hz // 50, rate_hz)

    def process(pcm: np.ndarray) -> np.ndarray:
        out = pcm.copy()
        lib.speex_preprocess_run(state, out.ctypes.data)
        return out

    return process


# --- rates, losses, keys --------------------------------------------------------------------------------------------------------------


def speex_resampler(in_hz: int, out_hz: int, quality: int = 5) -> Process:
    lib = library("speexdsp")
    lib.speex_resampler_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(lib.speex_resampler_init(1, in_hz, out_hz, quality, None))
    out, u32 = np.empty(4 * 1024, np.int16), ctypes.c_uint32

    def process(pcm: np.ndarray) -> np.ndarray:
        used, made = u32(len(pcm)), u32(len(out))
        lib.speex_resampler_process_int(state, 0, ctypes.c_void_p(pcm.ctypes.data), ctypes.byref(used),
                                        ctypes.c_void_p(out.ctypes.data), ctypes.byref(made))  # fmt: skip
        return out[: made.value].copy()

    return process


def samplerate_resampler(in_hz: int, out_hz: int) -> Process:
    """libsamplerate, medium."""
    resampler, ratio = module("samplerate", "samplerate").Resampler("sinc_medium", 1), out_hz / in_hz
    return lambda pcm: resampler.process(pcm * (1 / 32768), ratio)


def soxr_resampler(in_hz: int, out_hz: int) -> Process:
    return soxr.ResampleStream(in_hz, out_hz, 1, dtype="int16", quality="HQ").resample_chunk


def at_once(coroutine: Any) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits")


def pipecat_utils() -> Any:
    try:
        from loguru import logger

        logger.remove()
    except ImportError:
        raise Missing("pipecat-ai") from None
    return module("pipecat.audio.utils", "pipecat-ai")


def pipecat_resampler(in_hz: int, out_hz: int) -> Process:
    async def made() -> Any:
        return pipecat_utils().create_stream_resampler()

    resample = asyncio.run(made()).resample
    return lambda pcm: at_once(resample(pcm.tobytes(), in_hz, out_hz))


class SpandspPlc:
    """spandsp's concealment: `receive` a frame, or `conceal` one."""

    def __init__(self) -> None:
        self.lib = library("spandsp")
        self.lib.plc_init.restype = ctypes.c_void_p
        self.lib.plc_init.argtypes = [ctypes.c_void_p]
        self.lib.plc_rx.argtypes = self.lib.plc_fillin.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        self.state, self.out = self.lib.plc_init(None), np.zeros(160, np.int16)

    def receive(self, pcm: np.ndarray) -> np.ndarray:
        out = pcm.copy()
        self.lib.plc_rx(self.state, out.ctypes.data, 160)
        return out

    def conceal(self) -> np.ndarray:
        self.lib.plc_fillin(self.state, self.out.ctypes.data, 160)
        return self.out.copy()


def spandsp_dtmf() -> Callable[[np.ndarray], str]:
    """Keys that became known with a frame of 20 ms at 8 kHz."""
    lib = library("spandsp")
    lib.dtmf_rx_init.restype = ctypes.c_void_p
    lib.dtmf_rx_init.argtypes = [ctypes.c_void_p] * 3
    lib.dtmf_rx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    lib.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    state, text = lib.dtmf_rx_init(None, None, None), ctypes.create_string_buffer(64)

    def process(pcm: np.ndarray) -> str:
        lib.dtmf_rx(state, pcm.ctypes.data, len(pcm))
        count = lib.dtmf_rx_get(state, text, 60)
        return text.raw[:count].decode()

    return process
