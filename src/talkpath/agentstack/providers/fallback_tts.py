"""Voices in a row: the next one says a sentence of which the one before gave no sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

from talkpath import Resampler
from talkpath.agentstack.providers.base import TextToSpeech
from talkpath.agentstack.providers.fallback_health import Chain, Health, label_of


class FallbackVoice:
    """See `TextToSpeech`. A sentence of which something has been heard is not said again; the rate is the first voice's, whoever speaks."""

    def __init__(
        self, members: Sequence[TextToSpeech], names: Sequence[str] = (), health: Health | None = None
    ) -> None:
        self._members = members
        self.provider, self.model = members[0].provider, members[0].model
        self.sample_rate_hz = members[0].sample_rate_hz
        labels = [label_of(m) for m in members]
        self._chain = Chain(names or labels, labels, health or Health())

    async def speech(self, text: str) -> AsyncIterator[bytes]:
        """See `TextToSpeech`."""
        given = self._chain.given(lambda n: self._spoken(self._members[n], text), self._answered)
        async with aclosing(given):
            async for pcm in given:
                yield pcm

    def _answered(self, number: int) -> None:
        self.provider, self.model = self._members[number].provider, self._members[number].model
        self._chain.answered(number)

    async def _spoken(self, member: TextToSpeech, text: str) -> AsyncGenerator[bytes, None]:
        rate_hz = member.sample_rate_hz
        resampler = Resampler(rate_hz, self.sample_rate_hz) if rate_hz != self.sample_rate_hz else None
        speech = cast("AsyncGenerator[bytes, None]", member.speech(text))  # `TextToSpeech` says that it can be closed
        async with aclosing(speech):
            async for pcm in speech:
                out = pcm if resampler is None else resampler.process(pcm).tobytes()
                if out:
                    yield out
        if resampler is not None and (rest := resampler.flush().tobytes()):
            yield rest
