"""What Pipecat gives in chunks, as the call's utterances: where one begins, and where it is over."""

from __future__ import annotations

from talkpath.call.pipeline import CallPipeline

DRY_MS = 20.5  # less than this in the queue, and no chunk in its time: it was the last one
GOES_ON_S = 0.5  # a chunk that comes so much later continues what was being said: Pipecat's loop stood still


class Speech:
    """The agent's utterances. Pipecat says neither when one begins nor when it ends: its chunks come in real time, 40 to 80 ms ahead."""

    def __init__(self) -> None:
        self._count = self._interrupted = 0
        self._rate_hz = 0  # 0: nothing is being said
        self._chunk_s = self._chunk_at = self._said_s = 0.0
        self._is_cut = False  # by the call; Pipecat has not heard of it yet
        self.said_before_s = 0.0  # of what is being said, in utterances before this one

    def speak(self, call: CallPipeline, pcm: bytes, rate_hz: int, now: float) -> None:
        """The next chunk."""
        if self._is_cut and now < self._chunk_at + GOES_ON_S:  # of what was cut
            self._chunk_at = now
            return
        self._is_cut = False
        if rate_hz != self._rate_hz:
            self._finish(call)
            self._count += 1
            self._rate_hz = rate_hz
            self.said_before_s = self._said_s if now < self._chunk_at + GOES_ON_S else 0.0
            self._said_s = self.said_before_s
            call.checkpoint(f"begin-{self._count}")  # when it comes back, the provider's lag is known
        call.speak(pcm, rate_hz, f"pipecat-{self._count}")
        self._chunk_s, self._chunk_at = len(pcm) / 2 / rate_hz, now
        self._said_s += self._chunk_s

    def interrupt(self, call: CallPipeline) -> None:
        """Cut it. What comes next is another."""
        self._is_cut, self._interrupted = False, self._count
        self._rate_hz = 0
        self._said_s = 0.0
        call.interrupt()

    def was_cut(self, utterance: str) -> None:
        """The call has cut this one: Pipecat goes on with it until it hears of that, or has been silent for a while."""
        if utterance == f"pipecat-{self._count}" and self._count > self._interrupted:
            self._is_cut, self._said_s = True, 0.0

    def before_tick(self, call: CallPipeline, now: float) -> None:
        """A frame is about to leave."""
        if self._rate_hz and now > self._chunk_at + 1.1 * self._chunk_s and call.queued_ms < DRY_MS:
            self._finish(call)

    def _finish(self, call: CallPipeline) -> None:
        """Nothing more of it comes: the resampler's tail is said too, and nothing is concealed."""
        if self._rate_hz:
            call.speak(b"", self._rate_hz, f"pipecat-{self._count}", True)
        self._rate_hz = 0
