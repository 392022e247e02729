"""Which of the peers are installed, in which versions."""

import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

from peers import (
    Missing,
    RNNoise,
    WebRtcApm,
    audioop,
    library,
    module,
    pipecat_utils,
    samplerate_resampler,
    silero_vad,
    ten_vad,
    webrtc_vad,
)

PEERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "audioop": ("", audioop),
    "NumPy": ("numpy", lambda: None),
    "soxr": ("soxr", lambda: None),
    "libsamplerate": ("samplerate", lambda: samplerate_resampler(8000, 16000)),
    "speexdsp": ("", lambda: library("speexdsp")),
    "spandsp": ("", lambda: library("spandsp")),
    "webrtcvad": ("webrtcvad-wheels", lambda: webrtc_vad(8000)),
    "Silero": ("silero-vad", lambda: silero_vad(8000)),
    "ten-vad": ("ten-vad", lambda: ten_vad(16000)),
    "WebRTC APM": ("livekit", lambda: WebRtcApm(8000)),
    "RNNoise": ("pyrnnoise", lambda: RNNoise(8000)),
    "Pipecat": ("pipecat-ai", pipecat_utils),
    "agent-transport": ("agent-transport", lambda: module("agent_transport", "agent-transport")),
}
NOTES = {"agent-transport": "a server without a function of its own to call: `bench/strangers/compare.py` measures it"}


def versions() -> dict[str, str]:
    """{peer: its version, or why it is skipped}."""
    found = {}
    for name, (package, make) in PEERS.items():
        try:
            make()
        except Missing as why:
            found[name] = f"skipped: not installed: {why}"
            continue
        if package:
            found[name] = f"{package} {importlib.metadata.version(package)}"
        elif name == "audioop":
            found[name] = "audioop-lts" if sys.version_info >= (3, 13) else "the standard library's"
        else:
            found[name] = "the system's library"
        if name in NOTES:
            found[name] += f"; {NOTES[name]}"
    return found
