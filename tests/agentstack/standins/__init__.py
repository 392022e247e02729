"""Stand-ins for the providers: servers on this machine that speak the real wire formats and do what a script says.

with Standins() as standins:
    standins.hearing["dg-order"] = Hearing(["Where is my order?"])
    standins.chat["ai-order"] = Chat([Rule("order", Reply("It is on its way."))])
    standins.voices["el-order"] = Voice()
    …DEEPGRAM_BASE_URL=standins.deepgram_url…

A script belongs to a key: calls that go on together each have their own. A key that has none is served by the script of "".
"""

from standins.chat import Chat, ChatRequest, Failure, Reply, Rule, Tool
from standins.hearing import Hearing
from standins.realtime import Realtime
from standins.servers import Standins
from standins.voice import Voice, heard_s, pitches_hz, tone

__all__ = [
    "Chat",
    "ChatRequest",
    "Failure",
    "Hearing",
    "Realtime",
    "Reply",
    "Rule",
    "Standins",
    "Tool",
    "Voice",
    "heard_s",
    "pitches_hz",
    "tone",
]
