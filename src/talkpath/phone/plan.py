"""What a simulated call is like: provider, caller, line, numbers; and how a dialect's call begins."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from talkpath.errors import ConfigError
from talkpath.phone.codec import decoder, encoder
from talkpath.phone.ear import Ear
from talkpath.phone.line import Line
from talkpath.phone.script import SCRIPTS, Script
from talkpath.streams import DIALECTS, Start, Stream, Wire

L16 = Wire("l16", 8000, "little")
L16_16K = Wire("l16", 16000, "little")
WIRES = {"vonage": L16_16K, "infobip": L16_16K, "azure": L16_16K, "exotel": L16, "audiosocket": L16, "freeswitch": L16,
         "jambonz": L16}  # fmt: skip
NUMBERED = ("plivo", "twilio", "signalwire", "telnyx", "exotel")  # their media messages have numbers
_IN_PARAMETERS = (
    "plivo",
    "twilio",
    "signalwire",
    "vonage",
    "infobip",
    "freeswitch",
)  # from and to come as the user's own


def parse_wire(text: str, provider: str) -> Wire:
    """A wire from its name: `mulaw`, `alaw`, `l16`, `l16@16000`. ConfigError where it is none."""
    codec, at, rate = text.lower().partition("@")
    codec = {"ulaw": "mulaw", "pcmu": "mulaw", "pcma": "alaw"}.get(codec, codec)
    if codec not in ("mulaw", "alaw", "l16") or (at and not rate.isdecimal()):
        raise ConfigError(f"wire: mulaw, alaw or l16, and perhaps @RATE, is expected (got {text!r})")
    rate_hz = int(rate) if at else 8000
    if rate_hz not in (8000, 16000, 24000, 48000):
        raise ConfigError(f"wire: 8000, 16000, 24000 or 48000 Hz is expected (got {rate_hz})")
    order = "" if codec != "l16" else "big" if provider == "telnyx" else "little"
    return Wire(codec, rate_hz, order)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What the calls of one campaign have in common.

    Attributes
    ----------
    provider : str
        A dialect of `talkpath.streams`.
    caller : Script
    line : Line
    wire, wire_out : Wire, optional
        Caller to agent; agent to caller. None: the dialect's usual one; `wire`.
    from_number, to_number : str
    parameters : mapping of str to str
        What the provider hands over from the user: custom parameters, extra headers.
    path : str
        Path and query of the address.
    duration_s : float
        The caller hangs up then, whatever the script says.
    ear : {"level", "vad"}
        How it is judged that the agent speaks.
    record : bool
        Keep everything that was heard and sent.
    options : mapping
        More arguments for the dialect's class.
    """

    provider: str = "twilio"
    caller: Script = SCRIPTS["talker"]
    line: Line = field(default_factory=Line)
    wire: Wire | None = None
    wire_out: Wire | None = None
    from_number: str = "+15550100"
    to_number: str = "+15550199"
    parameters: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    duration_s: float = 60.0
    ear: str = "level"
    record: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.provider not in DIALECTS:
            raise ConfigError(f"provider: one of {', '.join(DIALECTS)} is expected (got {self.provider!r})")
        if not self.duration_s > 0:
            raise ConfigError(f"duration_s must be above 0 (got {self.duration_s!r})")
        encoder(self.wires[0])
        decoder(self.wires[1])
        Ear(self.wires[0].sample_rate_hz, 1, self.ear)
        self.stream().open(self.start(1, 1))  # what the dialect cannot carry is refused here

    @property
    def wires(self) -> tuple[Wire, Wire]:
        """Caller to agent, agent to caller."""
        wire = self.wire or WIRES.get(self.provider, Wire())
        # Telnyx takes what it was told when the call was made, by default PCMU, whatever it sends.
        return wire, self.wire_out or (Wire() if self.provider == "telnyx" else wire)

    @property
    def is_tcp(self) -> bool:
        """The dialect comes over TCP, not a WebSocket."""
        return DIALECTS[self.provider].transport == "tcp"

    @property
    def has_key_messages(self) -> bool:
        """The dialect has a message for keys."""
        return self.provider != "freeswitch"

    def stream(self) -> Stream:
        """A new provider's side."""
        return DIALECTS[self.provider]("provider", path=self.path, **self.options)

    def start(self, number: int, seed: int) -> Start:
        """How call `number` begins: its ids follow from the seed."""
        draw = random.Random(f"{seed}/{number}")
        ids = [str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(2)]
        call_id, stream_id = ids
        if self.provider in ("twilio", "signalwire"):
            call_id, stream_id = "CA" + call_id.replace("-", ""), "MZ" + stream_id.replace("-", "")
        headers = dict(self.parameters)
        if self.provider in _IN_PARAMETERS:
            headers = {"from": self.from_number, "to": self.to_number, **headers}
        elif self.provider == "asterisk":
            headers = {"CALLERID(num)": self.from_number, **headers}
        wire, wire_out = self.wires
        return Start(
            call_id=call_id, stream_id=stream_id, from_number=self.from_number, to_number=self.to_number,
            wire=wire, wire_out=wire_out, headers=headers, path=self.path,
        )  # fmt: skip
