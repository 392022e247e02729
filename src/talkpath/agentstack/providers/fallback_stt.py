"""Recognisers in a row: the next one hears what the one before had not put into a final transcript."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

from talkpath.agentstack.providers.audio_log import AudioLog
from talkpath.agentstack.providers.base import ProviderError, SpeechToText, SttStream, Transcript
from talkpath.agentstack.providers.fallback_health import Chain, Health, is_ours, label_of

KEPT_S = 20.0


class FallbackRecogniser:
    """See `SpeechToText`."""

    def __init__(
        self, members: Sequence[SpeechToText], names: Sequence[str] = (), health: Health | None = None
    ) -> None:
        self._members = members
        self.provider, self.model = members[0].provider, members[0].model
        self._labels = [label_of(m) for m in members]
        self._names, self._health = names or self._labels, health or Health()

    def open(self, sample_rate_hz: int) -> SttStream:
        """See `SpeechToText`."""
        return FallbackStream(self._members, Chain(self._names, self._labels, self._health), sample_rate_hz)


class FallbackStream:
    """One call's hearing. See `SttStream`.

    Final transcripts are never said twice; the interim text of a recogniser that is lost is said again by its successor.
    """

    def __init__(self, members: Sequence[SpeechToText], chain: Chain, sample_rate_hz: int) -> None:
        self._members, self._chain, self._rate = members, chain, sample_rate_hz
        self.audio_s = 0.0
        self._log = AudioLog(sample_rate_hz, KEPT_S)
        self._finalizes: deque[int] = deque()  # where; those without an answer
        self._failed: set[int] = set()  # since a transcript came
        self._is_closed = False
        self._origin = 0  # where the present one began
        self._number = chain.order()[0]
        self._stream = self._opened()

    def send(self, pcm: bytes) -> None:
        """See `SttStream`."""
        if len(self._members) == 1:  # nobody will have to hear it again
            self._stream.send(pcm)
            self.audio_s = self._stream.audio_s
            return
        self._log.append(pcm)
        self.audio_s = self._log.end_samples / self._rate
        self._stream.send(pcm)

    def finalize(self) -> None:
        """See `SttStream`."""
        self._finalizes.append(self._log.end_samples)
        self._stream.finalize()

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """See `SttStream`."""
        while not self._is_closed:
            try:
                async for transcript in self._stream:
                    self._heard(transcript)
                    yield transcript
                return
            except ProviderError as problem:
                if self._is_closed:
                    return
                await self._replace(problem)

    async def aclose(self) -> None:
        """See `SttStream`."""
        self._is_closed = True
        await self._stream.aclose()

    def _opened(self) -> SttStream:
        stream = self._members[self._number].open(self._rate)
        self.provider, self.model = stream.provider, stream.model
        at = self._origin = self._log.begin_samples
        for position in self._finalizes:
            stream.send(self._log.read(at, max(at, position)))
            stream.finalize()
            at = max(at, position)
        if unheard := self._log.read(at, self._log.end_samples):
            stream.send(unheard)
        return stream

    def _heard(self, transcript: Transcript) -> None:
        self._failed.clear()
        self._chain.answered(self._number)
        if not transcript.is_final:
            return
        # Who says how far it has heard is believed; of the others all is taken for heard that was sent before a Finalize, or until now.
        heard_s: float | None = getattr(self._stream, "heard_s", None)
        position = self._finalizes.popleft() if transcript.from_finalize and self._finalizes else self._log.end_samples
        if heard_s is not None:
            position = self._origin + int(heard_s * self._rate)
        self._log.forget(position)

    async def _replace(self, problem: ProviderError) -> None:
        """Raises `problem` when nobody is left."""
        if not is_ours(problem):
            self._chain.failed(self._number)
        self._failed.add(self._number)
        left = [n for n in self._chain.order() if n not in self._failed]
        if not left:
            raise problem
        lost, self._number = self._stream, left[0]
        self._stream = self._opened()
        await lost.aclose()
