"""What of Pipecat these adapters rely on, checked when they are imported: a version that moved it fails with a sentence."""

import inspect
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

# Class, method, and the parameters that are given or taken.
PLUG_POINTS = (
    ("serializers.base_serializer:FrameSerializer", "__init__", ("params",)),
    ("serializers.base_serializer:FrameSerializer", "setup", ("setup",)),
    ("serializers.base_serializer:FrameSerializer", "serialize", ("frame",)),
    ("serializers.base_serializer:FrameSerializer", "deserialize", ("data",)),
    ("serializers.base_serializer:FrameSerializer", "should_ignore_frame", ("frame",)),
    ("audio.vad.vad_analyzer:VADAnalyzer", "__init__", ("sample_rate", "params")),
    ("audio.vad.vad_analyzer:VADAnalyzer", "set_sample_rate", ("sample_rate",)),
    ("audio.vad.vad_analyzer:VADAnalyzer", "num_frames_required", ()),
    ("audio.vad.vad_analyzer:VADAnalyzer", "voice_confidence", ("buffer",)),
    ("audio.vad.vad_analyzer:VADAnalyzer", "analyze_audio", ("buffer",)),
    ("audio.vad.vad_analyzer:VADAnalyzer", "_run_analyzer", ("buffer",)),
    ("audio.vad.vad_analyzer:VADAnalyzer", "_get_smoothed_volume", ("audio",)),
    ("turns.user_start:BaseUserTurnStartStrategy", "process_frame", ("frame",)),
    ("turns.user_start:BaseUserTurnStartStrategy", "trigger_user_turn_started", ()),
    ("turns.user_stop:BaseUserTurnStopStrategy", "process_frame", ("frame",)),
    ("turns.user_stop:BaseUserTurnStopStrategy", "trigger_user_turn_stopped", ()),
    ("turns.user_turn_strategies:UserTurnStrategies", "__init__", ("start", "stop")),
    ("audio.mixers.base_audio_mixer:BaseAudioMixer", "mix", ("audio",)),
    ("audio.filters.base_audio_filter:BaseAudioFilter", "filter", ("audio",)),
    ("audio.resamplers.base_audio_resampler:BaseAudioResampler", "resample", ("audio", "in_rate", "out_rate")),
    ("processors.frame_processor:FrameProcessor", "process_frame", ("frame", "direction")),
    ("processors.frame_processor:FrameProcessor", "push_frame", ("frame", "direction")),
    ("frames.frames:InputAudioRawFrame", "__init__", ("audio", "sample_rate", "num_channels")),
    ("frames.frames:OutputAudioRawFrame", "__init__", ("audio", "sample_rate", "num_channels")),
    ("frames.frames:InputDTMFFrame", "__init__", ("button",)),
)


def problems() -> list[str]:
    """What is not where it is looked for."""
    found = []
    for where, method, parameters in PLUG_POINTS:
        module, _, name = where.partition(":")
        try:
            there = inspect.signature(getattr(getattr(import_module(f"pipecat.{module}"), name), method)).parameters
        except (ImportError, AttributeError):
            found.append(f"{name}.{method} is not there")
            continue
        missing = [parameter for parameter in parameters if parameter not in there]
        if missing:
            found.append(f"{name}.{method} has no parameter {missing[0]!r}")
    return found


def check() -> None:
    """Raise where Pipecat is missing, or is one that these adapters do not fit.

    Raises
    ------
    ImportError
        With what is wrong, and what to do.
    """
    try:
        import pipecat  # noqa: F401
    except ImportError as error:
        raise ImportError("Pipecat is not installed: pip install 'talkpath[pipecat]'") from error
    found = problems()
    if found:
        try:
            which = version("pipecat-ai")
        except PackageNotFoundError:
            which = "of an unknown version"
        raise ImportError(
            f"pipecat-ai {which} has moved what talkpath plugs into: {'; '.join(found)}. "
            "Take pipecat-ai 1.14, or a newer talkpath."
        )
