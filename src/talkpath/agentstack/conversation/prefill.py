"""An answer that a model begins before the turn is over; thrown away when the words change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from talkpath.agentstack.providers.base import (
    ChatMessage,
    Delta,
    Finished,
    LanguageModel,
    ProviderError,
    Text,
    Tool,
    ToolCall,
    Whole,
)

MOST_CHARS = 100_000  # of one answer: two hours of speech


class Chat:
    """One request to a model, running by itself; what it gives can be read from the beginning, at any time.

    Attributes
    ----------
    ttft_s, duration_s : float or None
        To the first delta; to the end.
    finished : Finished or None
    """

    def __init__(
        self,
        model: LanguageModel,
        messages: Sequence[ChatMessage],
        tools: Sequence[Tool],
        clock: Callable[[], float],
        text: str = "",
    ) -> None:
        self.text = text  # of the caller that it answers
        self.model = model
        self.ttft_s: float | None = None
        self.duration_s: float | None = None
        self.finished: Finished | None = None
        self.began_at = clock()
        self._clock = clock
        self._deltas: list[Delta] = []
        self._problem: ProviderError | None = None
        self._is_over = False
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run(model, list(messages), list(tools)))

    async def _run(self, model: LanguageModel, messages: list[ChatMessage], tools: list[Tool]) -> None:
        chars = 0
        try:
            async with contextlib.aclosing(model.chat(messages, tools)) as deltas:  # type: ignore[type-var]
                async for delta in deltas:
                    if self.ttft_s is None and isinstance(delta, Text | ToolCall):
                        self.ttft_s = self._clock() - self.began_at
                    if isinstance(delta, Finished):
                        self.finished = delta
                    elif isinstance(delta, Whole):
                        self.duration_s = self._clock() - self.began_at
                    chars += len(delta.text) if isinstance(delta, Text) else 0
                    if chars > MOST_CHARS:
                        raise ProviderError(f"{model.provider}: the answer has no end", provider=model.provider)
                    self._deltas.append(delta)
                    self._news.set()
        except ProviderError as problem:
            self._problem = problem
        finally:
            if self.duration_s is None:
                self.duration_s = self._clock() - self.began_at
            self._is_over = True
            self._news.set()

    async def deltas(self) -> AsyncIterator[Delta]:
        """All it gives. Raises `ProviderError`."""
        at = 0
        while True:
            while at < len(self._deltas):
                at += 1
                yield self._deltas[at - 1]
            if self._is_over:
                if self._problem is not None:
                    raise self._problem
                return
            self._news.clear()
            await self._news.wait()

    @property
    def is_over(self) -> bool:
        """It has given all."""
        return self._is_over

    async def over(self) -> None:
        """Until it has given all, its figures too."""
        await asyncio.wait({self._task})

    def cancel(self) -> None:
        """Nobody wants the rest."""
        self._task.cancel()
