"""What was said and done, as a model sees it. Of the agent's words only those that were heard."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkpath.agentstack.agent_tools.privacy import HIDDEN
from talkpath.agentstack.conversation.utterance import Utterance
from talkpath.agentstack.providers.base import ChatMessage, ToolCall


@dataclass(slots=True)
class Entry:
    """Somebody's words, or a note."""

    role: str
    text: str = ""
    is_private: bool = False  # for the model at work alone
    utterance: Utterance | None = None  # the agent's: its text may still be cut
    calls: list[ToolCall] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)  # by the id of the call

    @property
    def is_running(self) -> bool:
        """Some of its calls have no result yet."""
        return any(call.id not in self.results for call in self.calls)

    @property
    def is_unheard(self) -> bool:
        """The agent's, of which the caller knows nothing."""
        cut = self.utterance is not None and self.utterance.is_cut and not self.utterance.heard_text()
        return self.role == "assistant" and cut and not self.calls


def _id_of(call: ToolCall) -> str:
    return call.id


class History:
    """The talk so far."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def user(self, text: str, is_private: bool = False) -> Entry:
        """The caller said it, or will turn out to have (an empty text); after his own words, with nothing heard between, it is one message with them."""
        while self._entries and self._entries[-1].is_unheard:
            self._entries.pop()
        last = self._entries[-1] if self._entries else None
        if last is not None and last.role == "user" and last.is_private == is_private:
            self._entries[-1].text = f"{self._entries[-1].text} {text}".strip()
        else:
            self._entries.append(Entry("user", text, is_private))
        return self._entries[-1]

    def agent(self, utterance: Utterance | None, calls: Sequence[ToolCall] = ()) -> Entry:
        """The agent's words, and the tools that it called with them. The entry: calls may follow."""
        entry = Entry("assistant", utterance=utterance, calls=list(calls))
        self._entries.append(entry)
        return entry

    def app_says(self, utterance: Utterance) -> None:
        """Words that the app gave. While its tools run they stand before the call: between a call and its result there is no place."""
        at = len(self._entries)
        while at and self._entries[at - 1].is_running:
            at -= 1
        self._entries.insert(at, Entry("assistant", utterance=utterance))

    def result(self, call_id: str, result: Any) -> None:
        """What a tool gave; the last call of that id."""
        for entry in reversed(self._entries):
            if any(call.id == call_id for call in entry.calls):
                entry.results[call_id] = result
                return

    def conclude(self, call_id: str, result: Any, own_tools: Collection[str]) -> None:
        """A sub-agent is done: the parent's call stands, with its result, after all that was said meanwhile.

        The sub-agent's own calls are left out: the parent has no such tools.
        """
        at = next(
            (i for i, entry in reversed(list(enumerate(self._entries))) if call_id in map(_id_of, entry.calls)), None
        )
        if at is None:
            return
        call = next(call for call in self._entries[at].calls if call.id == call_id)
        for entry in self._entries[at:]:
            entry.calls = [c for c in entry.calls if c.id != call_id and c.name not in own_tools]
        self._entries = [e for e in self._entries if e.role != "assistant" or e.utterance is not None or e.calls]
        self._entries.append(Entry("assistant", calls=[call], results={call_id: result}))

    def hide(self) -> None:
        """Nobody sees any more what was private."""
        for entry in self._entries:
            if entry.is_private:
                entry.text, entry.is_private = HIDDEN, False

    def context(self, content: str) -> None:
        """Something the model should know."""
        self._entries.append(Entry("system", content))

    def transfer_failed(self, cause: str) -> None:
        """Nobody took the call: the tool that wanted it has failed, or the model is told."""
        error = {"error": f"the transfer failed: {cause}; the caller is still here"}
        last = next((entry for entry in reversed(self._entries) if entry.calls), None)
        for call in last.calls if last is not None else ():
            if last is not None and last.results.get(call.id) in ({"status": "transferring"}, None):
                last.results[call.id] = error
                return
        self.context(error["error"])

    def messages(self, system_prompt: str) -> list[ChatMessage]:
        """For a model. Calls without a result yet are given as running: no model takes a call that has none."""
        found: list[ChatMessage] = [{"role": "system", "content": system_prompt}] if system_prompt else []
        for entry in self._entries:
            if entry.role != "assistant":
                found.append({"role": entry.role, "content": entry.text})
                continue
            text = entry.utterance.heard_text() if entry.utterance is not None else ""
            if not text and not entry.calls:
                continue
            message: ChatMessage = {"role": "assistant", "content": text or None}
            if entry.calls:
                message["tool_calls"] = [
                    {
                        "id": c.id,
                        "type": "function",
                        "function": {"name": c.name, "arguments": json.dumps(dict(c.arguments), ensure_ascii=False)},
                    }
                    for c in entry.calls
                ]
            found.append(message)
            for call in entry.calls:
                result = entry.results.get(call.id, {"status": "running"})
                content = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
                found.append({"role": "tool", "tool_call_id": call.id, "content": content})
        return found

    def transcript(self) -> list[dict[str, str]]:
        """Who said what, for the session's end."""
        found = []
        for entry in self._entries:
            text = entry.utterance.heard_text() if entry.utterance is not None else entry.text
            text = HIDDEN if entry.is_private else text
            if entry.role in ("user", "assistant") and text:
                found.append({"role": entry.role, "text": text})
        return found
