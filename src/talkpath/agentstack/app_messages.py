"""What the customer's program says on its socket: text in, commands out. No socket, no clock.

Source: `reference/agentstack.md` of the design, section 6.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from talkpath.agentstack import raw_messages as raw
from talkpath.agentstack.plain import read_json
from talkpath.agentstack.raw_messages import MessageError
from talkpath.ambience import NAMES
from talkpath.dtmf import MAX_KEYS

MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # a whole WAV comes in one message
MAX_NAME_CHARS = 256
MAX_TEXT_CHARS = 100_000  # to be said, or to be known: two hours of speech


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a `tool.called`; `error` instead of a result where the tool failed."""

    id: str
    result: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Fields of the agent, from now on."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inject:
    """Something the model should know."""

    content: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Say it, in turn."""

    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of what the app's own model answers."""

    text: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class Play:
    """Play a WAV file, in turn."""

    audio: bytes
    allow_interruption: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """Dial people, and leave the call to the first who answers; in turn."""

    destination: tuple[str, ...]
    dial_mode: str
    timeout_s: float
    caller_id: str | None


@dataclass(frozen=True, slots=True)
class SendDtmf:
    """Press keys, in turn; "w" and "W" wait 0.5 and 1 s."""

    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call, when what is queued was heard."""


@dataclass(frozen=True, slots=True)
class ExtendWait:
    """The caller asked for time."""


@dataclass(frozen=True, slots=True)
class Background:
    """A sound under everything; `sound` None: the last one again; `is_on` False: none."""

    is_on: bool
    sound: str | None = None
    volume: float = 0.5
    loop: bool = True


Command: TypeAlias = (
    ToolResult
    | Update
    | Inject
    | Speak
    | Token
    | Play
    | Transfer
    | SendDtmf
    | HangUp
    | ExtendWait
    | Background
    | raw.RawCommand
)


def parse(data: str | bytes) -> Command:
    """One message as a command.

    Raises
    ------
    MessageError
        Not JSON, no object, unknown, or a field of the wrong kind. The connection lives on.
    """
    try:
        message = read_json(data)
    except ValueError as problem:
        raise MessageError("invalid_message", f"the message is not JSON ({problem})") from None
    if not isinstance(message, dict):
        raise MessageError("invalid_message", f"a message must be an object (got {type(message).__name__})")
    kind = message.get("type") or message.get("event")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise MessageError("unknown_message", f"{str(kind)[:100]!r} is not known")
    return reader({**message, "type": kind})


def _text(message: Mapping[str, Any], name: str, most_chars: int = MAX_MESSAGE_BYTES) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise MessageError(
            "invalid_message", f"{message['type']}: {name} must be a string (got {type(value).__name__})"
        )
    if len(value) > most_chars:
        raise MessageError("invalid_message", f"{message['type']}: {name} is longer than {most_chars} characters")
    return value


def _flag(message: Mapping[str, Any], name: str, default: bool) -> bool:
    value = message.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise MessageError("invalid_message", f"{message['type']}: {name} must be true or false (got {value!r})")
    return value


def _number(message: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = message.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise MessageError("invalid_message", f"{message['type']}: {name} must be {low:g} to {high:g} (got {value!r})")
    return float(value)


def _tool_result(message: Mapping[str, Any]) -> Command:
    return ToolResult(_text(message, "id"), message.get("result"))


def _tool_error(message: Mapping[str, Any]) -> Command:
    error = message.get("error")
    return ToolResult(_text(message, "id"), error=error if isinstance(error, str) else json.dumps(error))


def _update(message: Mapping[str, Any]) -> Command:
    return Update({name: value for name, value in message.items() if name not in ("type", "event")})


def _token(message: Mapping[str, Any]) -> Command:
    given = {**message, "token": ""} if message.get("token") is None else message  # the last is often alone
    return Token(_text(given, "token", MAX_TEXT_CHARS), _flag(message, "last", False))


def _play(message: Mapping[str, Any]) -> Command:
    try:
        audio = base64.b64decode(_text(message, "audio_data"), validate=True)
    except (binascii.Error, ValueError):
        raise MessageError("play_error", "agent_session.play: audio_data is not base64") from None
    return Play(audio, _flag(message, "allow_interruption", True))


def _transfer(message: Mapping[str, Any]) -> Command:
    given = message.get("destination")
    destination = [given] if isinstance(given, str) else given
    if not isinstance(destination, list) or not destination or not all(isinstance(d, str) and d for d in destination):
        raise MessageError("invalid_message", "agent_session.transfer: destination must be a list of numbers")
    mode = message.get("dial_mode") or "parallel"
    if mode not in ("parallel", "sequential"):
        raise MessageError(
            "invalid_message", f"agent_session.transfer: dial_mode must be parallel or sequential (got {mode!r})"
        )
    caller_id = message.get("caller_id")
    return Transfer(
        tuple(destination),
        mode,
        _number(message, "timeout", 30.0, 1, 600),
        caller_id if isinstance(caller_id, str) else None,
    )


def _send_dtmf(message: Mapping[str, Any]) -> Command:
    digits = _text(message, "digits")
    if not 0 < len(digits) <= MAX_KEYS or set(digits) - set("0123456789ABCDabcd*#wW"):
        raise MessageError(
            "invalid_message",
            f"agent_session.send_dtmf: digits must be 1 to {MAX_KEYS} of 0-9 A-D * #, w and W (got {digits[:50]!r})",
        )
    return SendDtmf("".join(key if key in "wW" else key.upper() for key in digits))


def _mix(message: Mapping[str, Any]) -> Command:
    sound = _text(message, "sound")
    if sound not in NAMES:  # a path would be read on this machine
        raise MessageError(
            "invalid_message", f"audio.mix: sound must be one of {', '.join(NAMES)} (got {sound[:50]!r})"
        )
    return Background(True, sound, _number(message, "volume", 0.5, 0, 1), _flag(message, "loop", True))


_READERS: dict[str, Callable[[Mapping[str, Any]], Command]] = {
    "tool.result": _tool_result,
    "tool.error": _tool_error,
    "agent_session.update": _update,
    "agent_session.inject": lambda m: Inject(_text(m, "content", MAX_TEXT_CHARS)),
    "agent_session.speak": lambda m: Speak(_text(m, "text", MAX_TEXT_CHARS)),
    "text": _token,
    "agent_session.play": _play,
    "agent_session.transfer": _transfer,
    "agent_session.send_dtmf": _send_dtmf,
    "agent_session.hangup": lambda _: HangUp(),
    "agent_session.extend_wait": lambda _: ExtendWait(),
    "playAudio": raw.play_audio,
    "checkpoint": lambda m: raw.Checkpoint(_text(m, "name", MAX_NAME_CHARS)),
    "clearAudio": lambda _: raw.ClearAudio(),
    "audio.mix": _mix,
    "audio.mix_enable": lambda m: Background(_flag(m, "enabled", True)),
}
