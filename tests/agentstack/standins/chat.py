"""OpenAI's chat completions without their server: a request in, pieces of an event stream with their times out.

Source: "Chat completions" and "Streaming" of platform.openai.com. What OpenAI refuses is refused here, with its words.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class Tool:
    """A call that the model makes. `raw`: arguments as they are written, whatever they are."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True)
class Reply:
    """What the model answers.

    Attributes
    ----------
    text : str
        A word a token.
    tools : sequence of Tool
        After the text, all in one turn.
    ttft_s, token_s : float
        To the first token; between two.
    status : int
        401, 429, 500 …
    hang : bool
        Nothing comes, for ever; `hang_after`: after so many tokens.
    reset_after : int or None
        The connection drops after so many tokens.
    cached_tokens : int
        Of the prompt's, as usage tells.
    """

    text: str = ""
    tools: Sequence[Tool] = ()
    ttft_s: float = 0.0
    token_s: float = 0.0
    status: int = 200
    hang: bool = False
    hang_after: int | None = None
    reset_after: int | None = None
    cached_tokens: int = 0


@dataclass
class Rule:
    """Answers a request whose last message matches.

    Attributes
    ----------
    pattern : str
        Searched in the text of the last message, without case.
    reply : Reply, or callable
        Or what makes one from the request.
    on : {"user", "tool", "any"}
        Role of the last message that is the user's or a tool's.
    times : int or None
        So often; None: always.
    """

    pattern: str
    reply: Reply | Callable[["ChatRequest"], Reply]
    on: str = "user"
    times: int | None = None


@dataclass
class ChatRequest:
    """A request, kept for assertions."""

    body: dict[str, Any]
    path: str
    at: float
    reply: Reply = field(default_factory=Reply)
    tokens_sent: int = 0
    cancelled: bool = False
    first_token_at: float | None = None
    done_at: float | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As they came."""
        return self.body["messages"]

    @property
    def last(self) -> dict[str, Any]:
        """The last message of the user, or a tool's result: what the model answers."""
        found = [m for m in self.messages if m["role"] in ("user", "tool")]
        return found[-1] if found else self.messages[-1]

    @property
    def tools(self) -> list[str]:
        """Names of the tools that are offered."""
        return [tool["function"]["name"] for tool in self.body.get("tools") or ()]

    @property
    def system(self) -> str:
        """All that the system says."""
        return "\n".join(text_of(m) for m in self.messages if m["role"] in ("system", "developer"))

    def said(self, role: str) -> list[str]:
        """All texts of a role."""
        return [text_of(m) for m in self.messages if m["role"] == role]


@dataclass
class Chat:
    """What the model does for one key: the first rule that fits answers; none: `otherwise`."""

    rules: Sequence[Rule] = ()
    otherwise: Reply = field(default_factory=lambda: Reply("I see."))
    requests: list[ChatRequest] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # requests that OpenAI would have refused, and why

    def answer(self, request: ChatRequest) -> Reply:
        """The reply; keeps the request."""
        self.requests.append(request)
        request.reply = self._find(request)
        return request.reply

    def _find(self, request: ChatRequest) -> Reply:
        last = request.last
        for rule in self.rules:
            if rule.times == 0 or rule.on not in ("any", last["role"]):
                continue
            if not re.search(rule.pattern, text_of(last), re.I):
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.reply(request) if callable(rule.reply) else rule.reply
        return self.otherwise


def text_of(message: Mapping[str, Any]) -> str:
    """A message's text, however it is wrapped."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return content or ""


class Failure(Exception):
    """The request is refused."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def check(body: Mapping[str, Any]) -> None:
    """Raises `Failure` for what OpenAI refuses."""
    if not body.get("model") or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Failure(400, "you must provide a model parameter and messages")
    if body.get("stream") is not True:
        raise Failure(400, "this stand-in streams only")
    for i, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") != "function" or not NAME.fullmatch(str(tool.get("function", {}).get("name"))):
            raise Failure(400, f"Invalid 'tools[{i}].function.name'")
        if not isinstance(tool["function"].get("parameters", {}), dict):
            raise Failure(400, f"Invalid 'tools[{i}].function.parameters'")
    if "tools" in body and not body["tools"]:
        raise Failure(400, "[] is too short - 'tools'")
    waiting: list[str] = []
    for i, message in enumerate(body["messages"]):
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise Failure(
                    400, f"messages[{i}]: role 'tool' must be a response to a preceding message with 'tool_calls'"
                )
            waiting.remove(message["tool_call_id"])
            if not isinstance(message.get("content"), (str, list)):
                raise Failure(400, f"Invalid value for 'messages[{i}].content'")
            continue
        if waiting:
            raise Failure(400, "An assistant message with 'tool_calls' must be followed by tool messages responding to "
                               f"each 'tool_call_id'. {', '.join(waiting)}")  # fmt: skip
        if role not in ("system", "developer", "user", "assistant"):
            raise Failure(400, f"Invalid value: {role!r}")
        calls = message.get("tool_calls")
        if message.get("content") is None and not calls:
            raise Failure(400, f"Invalid value for 'content' of messages[{i}]: expected a string, got null.")
        for call in calls or ():
            if not isinstance(call["function"]["arguments"], str) or call.get("type") != "function":
                raise Failure(400, f"Invalid type for 'messages[{i}].tool_calls'")
            waiting.append(call["id"])
    if waiting:
        raise Failure(400, f"tool_call_ids did not have response messages: {', '.join(waiting)}")


def tokens_of(body: Mapping[str, Any]) -> int:
    """Of the prompt: a word is one."""
    return sum(len(text_of(message).split()) + 4 for message in body["messages"])


def stream(request: ChatRequest, number: int) -> Iterator[tuple[float, dict[str, Any] | str]]:
    """(wait so long, then send that chunk) … "[DONE]"; "hang" and "reset" are what they say."""
    reply, body = request.reply, request.body
    head = {
        "id": f"chatcmpl-{number:08d}", "object": "chat.completion.chunk", "created": 1767225600, "model": body["model"],
        "service_tier": "default", "system_fingerprint": "fp_standin",
    }  # fmt: skip
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        made = {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        return {**made, "usage": None} if wants_usage else made

    if reply.hang:
        yield 0.0, "hang"
    words = re.findall(r"\S+\s*", reply.text)
    deltas: list[dict[str, Any]] = [{"content": word} for word in words]
    for i, tool in enumerate(reply.tools):
        written = tool.raw if tool.raw is not None else json.dumps(dict(tool.arguments))
        first = {"name": tool.name, "arguments": ""}
        deltas.append({"tool_calls": [{"index": i, "id": f"call_{number}_{i}", "type": "function", "function": first}]})
        for at in range(0, len(written), 12):
            deltas.append({"tool_calls": [{"index": i, "function": {"arguments": written[at : at + 12]}}]})
    start: dict[str, Any] = {"role": "assistant", "content": None if reply.tools and not words else "", "refusal": None}
    yield reply.ttft_s, chunk(start)
    for i, delta in enumerate(deltas):
        if i == reply.reset_after:
            yield 0.0, "reset"
        if i == reply.hang_after:
            yield 0.0, "hang"
        request.tokens_sent += 1
        yield reply.token_s if i else 0.0, chunk(delta)
    if reply.reset_after is not None:
        yield 0.0, "reset"
    yield 0.0, chunk({}, "tool_calls" if reply.tools else "stop")
    if wants_usage:
        prompt, out = tokens_of(body), len(deltas)
        usage = {
            "prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                                          "rejected_prediction_tokens": 0},
        }  # fmt: skip
        yield 0.0, {**head, "choices": [], "usage": usage}
    yield 0.0, "[DONE]"
