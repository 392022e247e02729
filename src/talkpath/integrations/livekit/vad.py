"""talkpath's voice activity detector, for sessions that have a room."""

from __future__ import annotations

from livekit.agents import vad

from talkpath.integrations.livekit.vad_stream import UPDATE_S, DetectorStream, Options


class VAD(vad.VAD):
    """A native detector: no model file, no executor, 8 and 16 kHz as they come, other rates resampled.

    Parameters
    ----------
    min_speech_duration, min_silence_duration, prefix_padding_duration, max_buffered_speech : float
        s; as those of LiveKit's own.
    activation_threshold, deactivation_threshold : float
        Probability from which it is speech, and below which it is none any more.
    """

    def __init__(
        self,
        *,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.25,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: float = 0.5,
        deactivation_threshold: float = 0.35,
    ) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=UPDATE_S))
        self._options = Options(
            min_speech_duration, min_silence_duration, prefix_padding_duration, max_buffered_speech,
            activation_threshold, deactivation_threshold,
        )  # fmt: skip

    @property
    def model(self) -> str:
        return "native"

    @property
    def provider(self) -> str:
        return "talkpath"

    min_silence_duration = property(lambda self: self._options.min_silence_s)

    def stream(self) -> vad.VADStream:
        return DetectorStream(self, self._options)
