"""Which provider is this? Found from the first message, or the one after a bare "connected"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.errors import FormatError
from talkpath.streams import fields
from talkpath.streams.asterisk_websocket import AsteriskWebSocket
from talkpath.streams.audiosocket import AudioSocket
from talkpath.streams.azure import Azure
from talkpath.streams.base import Stream
from talkpath.streams.exotel import Exotel
from talkpath.streams.freeswitch import FreeSwitch
from talkpath.streams.genesys import Genesys
from talkpath.streams.jambonz import Jambonz
from talkpath.streams.plivo import Plivo
from talkpath.streams.telnyx import Telnyx
from talkpath.streams.twilio import SignalWire, Twilio
from talkpath.streams.vonage import Infobip, Vonage

DIALECTS: dict[str, type[Stream]] = {
    cls.dialect: cls
    for cls in (
        Plivo,
        Twilio,
        SignalWire,
        Telnyx,
        Exotel,
        Vonage,
        Infobip,
        Genesys,
        Azure,
        AsteriskWebSocket,
        AudioSocket,
        Jambonz,
        FreeSwitch,
    )
}

# What a "start" has of each: keys at the top or in `start` (any of a row), all rows.
_STARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "twilio": (("streamSid", "start.streamSid"), ("start.callSid",)),
    "telnyx": (("stream_id",), ("start.call_control_id",)),
    "plivo": (("start.streamId",), ("start.callId",)),
    "exotel": (("stream_sid", "start.stream_sid"), ("start.call_sid",)),
}


def _has(message: fields.Object, path: str) -> bool:
    above, dot, key = path.rpartition(".")
    obj = message.get(above) if dot else message
    return isinstance(obj, dict) and isinstance(obj.get(key), (str, int))


def _names(message: fields.Object) -> list[str]:
    """All dialects that this message could begin."""
    event = message.get("event")
    if event == "start":
        return [name for name, rows in _STARTS.items() if all(any(_has(message, p) for p in row) for row in rows)]
    if event == "websocket:connected":
        return ["vonage"]
    if event == "MEDIA_START":
        return ["asterisk"]
    found = []
    if message.get("type") == "open" and str(message.get("version")) == "2":
        found.append("genesys")
    if "AudioMetadata" in (message.get("kind"), message.get("Kind")):
        found.append("azure")
    if event is None and all(key in message for key in ("callSid", "sampleRate", "mixType")):
        found.append("jambonz")
    return found


class Detector:
    """Finds a call's dialect.

    Parameters
    ----------
    role, path, headers
        For the stream that is found; see `Stream`.
    options : mapping of str to mapping, optional
        More arguments for a dialect's class, by its name.

    Notes
    -----
    SignalWire is found as Twilio, Infobip as Vonage. FreeSWITCH's mod_audio_stream cannot be found: what it sends first is the user's
    own text, or audio. Take `DIALECTS[name]` where a path says which dialect it is.
    """

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._role = role
        self._path = path
        self._headers = headers
        self._options = options or {}

    def receive(self, message: str | bytes, /) -> Stream | None:
        """Look at a message.

        Returns
        -------
        Stream or None
            A new stream, which has not taken this message yet: give it to its `receive`. None: not known yet (a bare "connected",
            or, over TCP, less than three bytes); ask again with the next message, or with all bytes so far.

        Raises
        ------
        FormatError
            No dialect begins like this, or more than one does. The detector can go on.
        """
        name = self._name(message)
        if name is None:
            return None
        options = self._options.get(name, {})
        return DIALECTS[name](self._role, path=self._path, headers=self._headers, **options)

    @staticmethod
    def _name(message: str | bytes) -> str | None:
        if not isinstance(message, str):
            head = fields.binary(message)[:3]
            if head == b"\x01\x00\x10":
                return "audiosocket"
            if b"\x01\x00\x10".startswith(head):
                return None
            raise FormatError(
                "message: binary data begins no dialect that could be told from others; name it in the path"
            )
        if message.split(None, 1)[:1] == ["MEDIA_START"]:
            return "asterisk"
        found = fields.parse(message)
        if found.get("event") == "connected":
            return None
        names = _names(found)
        if len(names) == 1:
            return names[0]
        if names:
            raise FormatError(f"message: could be {' or '.join(names)}; name the dialect in the path")
        what = next(
            (f"{k} {fields.shown(found[k])}" for k in ("event", "type", "kind", "Kind") if k in found), "no event"
        )
        raise FormatError(f"message: begins no dialect that is known ({what})")
