"""Voice activity for Pipecat, without an executor: what the call says, or the engine's detector alone."""

from __future__ import annotations

from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams, VADState

from talkpath import Resampler, VoiceActivityDetector
from talkpath.integrations.pipecat.serializer import TalkpathSerializer


class TalkpathVADAnalyzer(VADAnalyzer):
    """`vad_analyzer` of the user aggregator.

    Parameters
    ----------
    serializer : TalkpathSerializer, optional
        Follow its call: `user.speech_started` and `user.speech_stopped`, which know the agent's echo. Nothing is computed then, and
        `params` count for nothing. None: the engine's detector on what comes, for those who keep their transport.
    sample_rate : int, optional
        Hz; None: Pipecat's.
    params : VADParams, optional
        `start_secs`, `stop_secs` and `confidence`, 0.5 by default. `min_volume` does not count: the detector knows speech at any level.
    """

    def __init__(
        self,
        serializer: TalkpathSerializer | None = None,
        *,
        sample_rate: int | None = None,
        params: VADParams | None = None,
    ) -> None:
        super().__init__(sample_rate=sample_rate, params=params or VADParams(confidence=0.5))
        self._serializer = serializer
        self._detector = VoiceActivityDetector(16000)
        self._resampler: Resampler | None = None

    def set_sample_rate(self, sample_rate: int) -> None:
        """Of what will come."""
        super().set_sample_rate(sample_rate)
        rate_hz = self.sample_rate
        self._detector = VoiceActivityDetector(8000 if rate_hz == 8000 else 16000)
        self._resampler = None if rate_hz in (8000, 16000) else Resampler(rate_hz, 16000)

    def num_frames_required(self) -> int:
        """20 ms."""
        return int(self.sample_rate) // 50

    def voice_confidence(self, buffer: bytes) -> float:
        """The probability of speech."""
        return self._detector.process(buffer if self._resampler is None else self._resampler.process(buffer))

    def _get_smoothed_volume(self, audio: bytes) -> float:
        return 1.0  # Pipecat's measure of loudness costs more than the detector, which does not need it

    async def analyze_audio(self, buffer: bytes) -> VADState:
        """Here and now: a thread costs more than the detector."""
        if self._serializer is None:
            return self._run_analyzer(buffer)
        call = self._serializer.call
        speaks = call is not None and call.state.user == "speaking"
        return VADState.SPEAKING if speaks else VADState.QUIET
