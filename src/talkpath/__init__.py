"""talkpath: realtime audio engine for voice agents on the phone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from talkpath import dtmf, g711, l16
from talkpath._core import (
    AmbienceMixer,
    AnsweringMachineDetector,
    BargeInGate,
    BeepDetector,
    CallProgressDetector,
    ComfortNoise,
    DelayEstimator,
    DtmfDetector,
    EchoCanceller,
    JitterBuffer,
    LevelNormalizer,
    NoiseSuppressor,
    PacketLossConcealer,
    Resampler,
    VoiceActivityDetector,
)
from talkpath.errors import ConfigError, FormatError, LengthError, StateError, TalkpathError
from talkpath.results import (
    AmdResult,
    Beep,
    CallProgress,
    DelayEstimate,
    DtmfDigit,
    EchoDiagnostics,
    GateDiagnostics,
    GateResult,
    JitterStats,
    PlayoutEvent,
    Tone,
)

if TYPE_CHECKING:
    from talkpath.call.config import CallConfig
    from talkpath.call.group import CallGroup
    from talkpath.call.pipeline import CallPipeline
    from talkpath.call.results import CallMetrics, Received, Transmitted
    from talkpath.playout_queue import PlayoutQueue
    from talkpath.wav import read_wav

__version__ = "0.1.0"

__all__ = [
    "AmbienceMixer",
    "AmdResult",
    "AnsweringMachineDetector",
    "BargeInGate",
    "Beep",
    "BeepDetector",
    "CallConfig",
    "CallGroup",
    "CallMetrics",
    "CallPipeline",
    "CallProgress",
    "CallProgressDetector",
    "ComfortNoise",
    "ConfigError",
    "DelayEstimate",
    "DelayEstimator",
    "DtmfDetector",
    "DtmfDigit",
    "EchoCanceller",
    "EchoDiagnostics",
    "FormatError",
    "GateDiagnostics",
    "GateResult",
    "JitterBuffer",
    "JitterStats",
    "LengthError",
    "LevelNormalizer",
    "NoiseSuppressor",
    "PacketLossConcealer",
    "PlayoutEvent",
    "PlayoutQueue",
    "Received",
    "Resampler",
    "StateError",
    "TalkpathError",
    "Tone",
    "Transmitted",
    "VoiceActivityDetector",
    "__version__",
    "dtmf",
    "g711",
    "l16",
    "read_wav",
]

# Loaded at first use: `import talkpath` stays within a few milliseconds of `import numpy`.
_LAZY = {
    "CallConfig": "talkpath.call.config",
    "CallGroup": "talkpath.call.group",
    "CallMetrics": "talkpath.call.results",
    "CallPipeline": "talkpath.call.pipeline",
    "PlayoutQueue": "talkpath.playout_queue",
    "Received": "talkpath.call.results",
    "Transmitted": "talkpath.call.results",
    "read_wav": "talkpath.wav",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'talkpath' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
