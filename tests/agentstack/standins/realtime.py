"""OpenAI's Realtime API without its socket: audio is appended and committed, answers are asked for; they come as sound and words.

The n-th commit is heard as the n-th text. Answers follow the rules of `Chat`. It refuses what the service refuses: a commit of less than 100 ms, an answer
while another is given, a truncation beyond what was said.
Source: "Realtime API" (client and server events) of platform.openai.com.
"""

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from standins.chat import Reply, Rule
from standins.voice import Voice, tone

RATE_HZ = 24000
Out = tuple[float, dict[str, Any]]  # so long after the one before


@dataclass
class Realtime:
    """What the model does for one key.

    Attributes
    ----------
    texts : list of str
        What it hears.
    rules : list of Rule
        The first whose word is in what was heard, or in a tool's result (`on="tool"`).
    delta_s : float
        Between pieces of 200 ms; sound comes faster than it plays.
    """

    texts: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    voice: Voice = field(default_factory=Voice)
    ttft_s: float = 0.05
    delta_s: float = 0.02
    drop_after: int | None = None  # answers, then the connection is gone
    sessions: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # all that came, without audio
    items: list[dict[str, Any]] = field(default_factory=list)
    commits_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: int = 0
    heard: int = 0


class RealtimeStream:
    """One connection."""

    def __init__(self, script: Realtime) -> None:
        self.script = script
        self._numbers = itertools.count(1)
        self._buffer = 0
        self._last = ("user", "")
        self._said_ms: dict[str, int] = {}
        self.response_id = ""  # of the answer that is being given

    def opened(self) -> dict[str, Any]:
        """The first event."""
        return self._event("session.created", session={"type": "realtime", "id": "sess_1"})

    def receive(self, text: str) -> tuple[list[dict[str, Any]], Iterator[Out] | None]:
        """What is sent at once, and the answer that begins."""
        event = json.loads(text)
        kind = event["type"]
        self.script.events.append({k: v for k, v in event.items() if k != "audio"})
        match kind:
            case "session.update":
                self.script.sessions.append(event["session"])
                return [self._event("session.updated", session=event["session"])], None
            case "input_audio_buffer.append":
                self._buffer += len(base64.b64decode(event["audio"], validate=True)) // 2
            case "input_audio_buffer.clear":
                self._buffer = 0
                return [self._event("input_audio_buffer.cleared")], None
            case "input_audio_buffer.commit":
                return self._commit(), None
            case "conversation.item.create":
                item = event["item"]
                self.script.items.append(item)
                if item["type"] == "function_call_output":
                    self._last = ("tool", item["output"])
                return [self._event("conversation.item.added", item=item)], None
            case "conversation.item.truncate":
                return self._truncated(event), None
            case "response.cancel":
                if not self.response_id:
                    return [self._error("response_cancel_not_active", "nothing to cancel")], None
                response, self.response_id = self.response_id, ""
                return [
                    self._event("response.done", response={"id": response, "status": "cancelled", "output": []})
                ], None
            case "response.create":
                if self.response_id:
                    return [self._error("conversation_already_has_active_response", "one at a time")], None
                self.response_id = f"resp_{next(self._numbers)}"
                return [], self._answer(self.response_id, event.get("response") or {})
            case _:
                return [self._error("invalid_value", f"{kind} is no event")], None
        return [], None

    def _commit(self) -> list[dict[str, Any]]:
        ms, self._buffer = 1000 * self._buffer / RATE_HZ, 0
        if ms < 100:
            return [self._error("input_audio_buffer_commit_empty", "buffer too small")]
        script = self.script
        script.commits_ms.append(ms)
        text = script.texts[script.heard] if script.heard < len(script.texts) else ""
        script.heard += 1
        self._last = ("user", text)
        item = f"item_{next(self._numbers)}"
        return [
            self._event("input_audio_buffer.committed", item_id=item),
            self._event(
                "conversation.item.input_audio_transcription.completed", item_id=item, content_index=0, transcript=text
            ),
        ]

    def _truncated(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        said_ms = self._said_ms.get(event["item_id"])
        if said_ms is None or event["audio_end_ms"] > said_ms:
            return [self._error("invalid_value", "audio content is shorter than that")]
        return [
            self._event("conversation.item.truncated", item_id=event["item_id"], audio_end_ms=event["audio_end_ms"])
        ]

    def _answer(self, response_id: str, asked: dict[str, Any]) -> Iterator[Out]:
        script = self.script
        script.answers += 1
        item_id = f"item_{next(self._numbers)}"
        instructions = asked.get("instructions", "")
        on, said = self._last
        if "Say exactly" in instructions:
            reply = Reply(json.loads(instructions.split(": ", 1)[1]))
        else:
            reply = next(
                (r.reply for r in script.rules if r.on == on and re.search(r.pattern, said, re.IGNORECASE)),
                Reply("I see."),
            )
        ids = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        yield script.ttft_s, self._event("response.created", response={"id": response_id, "status": "in_progress"})
        self._said_ms[item_id] = 0
        if reply.text:
            pcm = tone(reply.text, RATE_HZ, script.voice).astype("<i2").tobytes()
            size, words = RATE_HZ // 5 * 2, reply.text.split(" ")
            pieces = range(0, len(pcm), size)
            for i, at in enumerate(pieces):
                piece = pcm[at : at + size]
                self._said_ms[item_id] += len(piece) // 2 * 1000 // RATE_HZ
                told = words[i * len(words) // len(pieces) : (i + 1) * len(words) // len(pieces)]
                for word in told:
                    yield 0, self._event("response.output_audio_transcript.delta", delta=word + " ", **ids)
                yield (
                    script.delta_s,
                    self._event("response.output_audio.delta", delta=base64.b64encode(piece).decode(), **ids),
                )
        calls = [
            {"type": "function_call", "id": f"fc_{i}", "call_id": f"call_{script.answers}_{i}", "name": t.name, "arguments": json.dumps(t.arguments)}
            for i, t in enumerate(reply.tools)
        ]  # fmt: skip
        usage = {
            "input_tokens": 50,
            "output_tokens": 20,
            "total_tokens": 70,
            "input_token_details": {"cached_tokens": 10},
        }
        yield (
            0,
            self._event(
                "response.done", response={"id": response_id, "status": "completed", "output": calls, "usage": usage}
            ),
        )

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}

    def _error(self, code: str, text: str) -> dict[str, Any]:
        self.script.errors.append(code)
        return self._event("error", error={"type": "invalid_request_error", "code": code, "message": text})
