"""The embedded model: a script, or what is built in. It answers at once, word for word, and costs nothing."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from talkpath.agentstack.providers import local_talk
from talkpath.agentstack.providers.base import ChatMessage, Delta, Finished, ProviderError, Spec, Text, Tool, ToolCall
from talkpath.agentstack.providers.local_rules import Call, Reply, Script, turns
from talkpath.agentstack.providers.local_script import ScriptError, read_script

_PIECE = re.compile(r"\S+\s*")


class ScriptedModel:
    """A `LanguageModel`.

    Parameters
    ----------
    spec : mapping
        `script`: see `read_script`; None: what is built in alone. A file is read when this is made.

    Raises
    ------
    ProviderError
        The script is wrong.
    """

    provider, model = "local", "script"

    def __init__(self, spec: Spec) -> None:
        found = spec.get("script")
        try:
            self._script = Script() if found is None else read_script(found)
        except ScriptError as problem:
            raise ProviderError(f"llm.script: {problem}", "bad_request", self.provider) from None

    async def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """See `LanguageModel`. Tokens are words."""
        answer = answer_to(self._script, messages, tools)
        for word in _PIECE.findall(answer.text):
            yield Text(word)
        for call in answer.calls:
            raw = json.dumps(dict(call.arguments), ensure_ascii=False)
            yield ToolCall(f"call_{uuid.uuid4().hex[:16]}", call.name, dict(call.arguments), raw)
        read = sum(len(_content(message).split()) for message in messages)
        written = len(answer.text.split()) + sum(1 + len(call.arguments) for call in answer.calls)
        reason = "tool_calls" if answer.calls else "stop"
        yield Finished(reason, read, 0, written, self.provider, self.model, f"local-{uuid.uuid4().hex[:16]}")


def _content(message: ChatMessage) -> str:
    content: Any = message.get("content")
    return content if isinstance(content, str) else ""


def answer_to(script: Script, messages: Sequence[ChatMessage], tools: Sequence[Tool]) -> Reply:
    """What is answered: by the script's rules, then by what is built in, then by the script's default."""
    conversation = turns(messages)
    turn = conversation[-1]
    last_said = next((_content(m) for m in reversed(messages) if m.get("role") == "assistant" and _content(m)), "")
    if (scripted := script.reply(conversation)) is not None:
        return scripted
    if local_talk.is_sub_agent(tools):
        if not local_talk.is_for_email(tools):
            return Reply(calls=(Call("decline", {"reason": "the embedded model collects email addresses only"}),))
        return local_talk.collect(turn, conversation, last_said)
    if script.default and turn.said:
        own = local_talk.reply(turn, conversation, last_said, tools) if script.built_in else Reply()
        if own.calls:
            return own
        times = sum(1 for one in conversation if one.said) - 1
        return Reply(script.default[times % len(script.default)])
    if not script.built_in and (turn.said or turn.results):
        return Reply()
    return local_talk.reply(turn, conversation, last_said, tools)
