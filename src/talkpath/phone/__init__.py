"""The other end of the line: simulated calls that speak a provider's side of a media stream, and judge the server.

call = SimulatedCall(CallPlan(provider="plivo", caller=load_script("talker"), line=parse_line("mobile")), now=clock())
results = asyncio.run(Dialer("ws://127.0.0.1:8080/plivo", CallPlan(provider="plivo"), calls=10).run())

`SimulatedCall` has no socket and reads no clock; `Dialer` has both, and needs the extra `phone`. `talkpath dial` is its command.
"""

from talkpath.phone.align import Alignment, align
from talkpath.phone.dialer import Dialer
from talkpath.phone.line import LINES, Line, parse_line
from talkpath.phone.plan import CallPlan, parse_wire
from talkpath.phone.result import CallResult, Machine, overall
from talkpath.phone.script import (
    SCRIPTS,
    HangUp,
    InterruptAfter,
    Press,
    Repeat,
    Say,
    Script,
    Wait,
    WaitFor,
    load_script,
    read_script,
)
from talkpath.phone.simulated_call import SimulatedCall
from talkpath.phone.upgrade import upgrade_headers
from talkpath.phone.voice import voice
from talkpath.phone.watch import BargeIn

__all__ = [
    "LINES",
    "SCRIPTS",
    "Alignment",
    "BargeIn",
    "CallPlan",
    "CallResult",
    "Dialer",
    "HangUp",
    "InterruptAfter",
    "Line",
    "Machine",
    "Press",
    "Repeat",
    "Say",
    "Script",
    "SimulatedCall",
    "Wait",
    "WaitFor",
    "align",
    "load_script",
    "overall",
    "parse_line",
    "parse_wire",
    "read_script",
    "upgrade_headers",
    "voice",
]
