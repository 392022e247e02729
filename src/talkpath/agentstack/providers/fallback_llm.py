"""Models in a row: the next one answers where one fails before its first piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

from talkpath.agentstack.providers.base import (
    ChatMessage,
    Delta,
    LanguageModel,
    OnAvailability,
    ProviderError,
    Tool,
)
from talkpath.agentstack.providers.fallback_health import Chain, Health, is_ours, label_of


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
        problem: ProviderError | None = None
        for number in self._chain.order():
            has_begun = False
            try:
                async with aclosing(_closable(self._members[number].chat(messages, tools))) as answer:
                    async for delta in answer:
                        if not has_begun:
                            has_begun = True
                            self._chain.answered(number)
                        yield delta
                return
            except ProviderError as fault:
                problem = fault
                if not is_ours(fault):
                    self._chain.failed(number)
                if has_begun:
                    raise
        assert problem is not None
        raise problem


def _closable(answer: AsyncIterator[Delta]) -> AsyncGenerator[Delta, None]:
    """Every model's answer can be closed: `LanguageModel` says so."""
    return cast("AsyncGenerator[Delta, None]", answer)
