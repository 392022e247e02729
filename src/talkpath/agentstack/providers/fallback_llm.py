"""Models in a row: the next one answers where one fails before its first piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from talkpath.agentstack.providers.base import (
    ChatMessage,
    Delta,
    LanguageModel,
    OnAvailability,
    Tool,
)
from talkpath.agentstack.providers.fallback_health import Chain, Health, label_of


class FallbackModel:
    """See `LanguageModel`. An answer that has begun is never begun again by another: a part of it has been said."""

    def __init__(
        self,
        members: Sequence[LanguageModel],
        names: Sequence[str] = (),
        health: Health | None = None,
        on_availability: OnAvailability | None = None,
    ) -> None:
        self._members = members
        self.provider, self.model = members[0].provider, members[0].model
        labels = [label_of(m) for m in members]
        self._chain = Chain(names or labels, labels, health or Health(), on_availability)

    async def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """See `LanguageModel`."""
        given = self._chain.given(lambda n: self._members[n].chat(messages, tools), self._chain.answered)
        async with aclosing(given):
            async for delta in given:
                yield delta
