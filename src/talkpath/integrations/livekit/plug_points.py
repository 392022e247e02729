"""What these adapters rely on in livekit-agents, looked at when they are imported: a version that has moved it is named, and what has moved."""

import inspect
from collections.abc import Iterable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, vad, version
from livekit.agents.voice import SpeechHandle, io
from livekit.agents.voice.amd import AMD, classifier
from livekit.agents.voice.transcription import TranscriptSynchronizer

# Of a class: a method or property, and the parameters that it is given here.
POINTS: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (io.AudioInput, "__init__", ("label",)),
    (io.AudioInput, "__anext__", ()),
    (io.AudioOutput, "__init__", ("label", "capabilities")),
    (io.AudioOutput, "capture_frame", ("frame",)),
    (io.AudioOutput, "flush", ()),
    (io.AudioOutput, "clear_buffer", ()),
    (io.AudioOutput, "pause", ()),
    (io.AudioOutput, "resume", ()),
    (io.AudioOutput, "on_playback_started", ("created_at",)),
    (io.AudioOutput, "on_playback_finished", ("playback_position", "interrupted")),
    (io.AudioOutputCapabilities, "__init__", ("pause",)),
    (vad.VAD, "__init__", ("capabilities",)),
    (vad.VAD, "stream", ()),
    (vad.VADStream, "__init__", ("vad",)),
    (vad.VADStream, "_main_task", ()),
    (vad.VADStream, "_FlushSentinel", ()),
    (vad.VADEvent, "__init__", ("type", "samples_index", "timestamp", "speech_duration", "silence_duration", "frames",
                                "probability", "inference_duration", "speaking", "raw_accumulated_silence",
                                "raw_accumulated_speech")),
    (rtc.FrameProcessor, "_process", ("frame",)),
    (rtc.FrameProcessor, "_close", ()),
    (rtc.FrameProcessor, "enabled", ()),
    (TranscriptSynchronizer, "__init__", ("next_in_chain_audio", "next_in_chain_text")),
    (TranscriptSynchronizer, "audio_output", ()),
    (TranscriptSynchronizer, "text_output", ()),
    (AgentSession, "__init__", ("vad", "turn_handling", "aec_warmup_duration")),
    (AgentSession, "current_speech", ()),
    (AMD, "__init__", ("session",)),
    (AMD, "__aenter__", ()),
    (AMD, "execute", ()),
    (AMD, "aclose", ()),
    (classifier._AMDClassifier, "settle", ("category", "reason")),
    (classifier._AMDClassifier, "on_end_of_turn", ()),
    (SpeechHandle, "interrupt", ("force",)),
    (SpeechHandle, "allow_interruptions", ()),
)  # fmt: skip


def moved(points: Iterable[tuple[type, str, tuple[str, ...]]] = POINTS) -> list[str]:
    """What is not where it was: names of methods, with the parameters that they no longer take."""
    found = []
    for owner, name, parameters in points:
        point: Any = inspect.getattr_static(owner, name, None)
        where = f"{owner.__module__}.{owner.__name__}.{name}"
        if point is None:
            found.append(where)
        elif parameters:
            takes = inspect.signature(getattr(owner, name)).parameters
            missing = [p for p in parameters if p not in takes]
            if missing:
                found.append(f"{where}({', '.join(missing)})")
    return found


def check(points: Iterable[tuple[type, str, tuple[str, ...]]] = POINTS) -> None:
    """Refuse a version that these adapters do not fit.

    Raises
    ------
    ImportError
        A plug point has moved.
    """
    found = moved(points)
    if found:
        raise ImportError(
            f"livekit-agents {version.__version__} has moved {'; '.join(found)}, which talkpath.integrations.livekit is plugged into. "
            "It was made for livekit-agents 1.8: install that, or a newer talkpath."
        )
