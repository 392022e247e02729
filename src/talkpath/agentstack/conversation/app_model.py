"""The app's own model, as the talk sees it: what it is asked goes out as `user.transcription`, its words come in as `text` messages.

A message does not say which answer it belongs to. So the rest of an answer that was cut short is dropped: until a token says that it is the last, or the
caller has said something new, which the app answers with other words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from talkpath.agentstack.providers.base import ChatMessage, Delta, Finished, Text, Tool

MOST_WAITING = 20_000  # tokens of answers that nobody has taken yet


class _Stream:
    """Tokens in their order; None ends an answer. One answer reads at a time."""

    def __init__(self) -> None:
        self.tokens: deque[str | None] = deque()
        self.news = asyncio.Event()
        self.reading = asyncio.Lock()

    def put(self, token: str | None) -> None:
        self.tokens.append(token)
        self.news.set()

    async def get(self) -> str | None:
        while not self.tokens:
            self.news.clear()
            await self.news.wait()
        return self.tokens.popleft()


class AppModel:
    """Of one call. Words may come unasked, too: a greeting, news."""

    provider, model = "app", ""

    def __init__(self) -> None:
        self._stream = _Stream()
        self._is_cut = False

    @property
    def has_more(self) -> bool:
        """Words wait that no answer has taken."""
        return any(token is not None for token in self._stream.tokens)

    @property
    def is_full(self) -> bool:
        """The app talks, and nobody listens."""
        return len(self._stream.tokens) >= MOST_WAITING

    def put(self, token: str, last: bool) -> None:
        """What the app says."""
        stream = self._stream
        if self._is_cut:
            self._is_cut = not last
            return
        if token:
            stream.put(token)
        if last and (stream.tokens or stream.reading.locked()):
            stream.put(None)

    def asked(self, goes_on: bool) -> None:
        """The caller has said something new: what comes now answers it. `goes_on`: what is being said is still the app's to end."""
        self._is_cut = False
        if not goes_on:
            self._stream = _Stream()

    async def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """See `LanguageModel`."""
        stream = self._stream
        async with stream.reading:
            is_begun = is_over = False
            try:
                while (token := await stream.get()) is not None:
                    is_begun = True
                    yield Text(token)
                is_over = True
                yield Finished(provider=self.provider, model=self.model)
            finally:
                if is_begun and not is_over and stream is self._stream:
                    self._skip()

    def _skip(self) -> None:
        """The rest of an answer that was cut."""
        tokens = self._stream.tokens
        while tokens:
            if tokens.popleft() is None:
                return
        self._is_cut = True
