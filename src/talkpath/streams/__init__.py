"""What providers say on their media streams: messages in, messages out. No sockets, no clock.

s = streams.Twilio()                          # or Detector().receive(first_message)
for message in s.receive(text_or_bytes): ...  # Start, Media, Dtmf, MarkPlayed, Stop …
send(s.media(payload)); send(s.mark("said"))
for data in s.data_to_send(): send(data)      # what the protocol itself must answer
"""

from talkpath.streams import signatures
from talkpath.streams.asterisk_websocket import AsteriskWebSocket
from talkpath.streams.audiosocket import AudioSocket
from talkpath.streams.azure import Azure
from talkpath.streams.base import Framing, Stream
from talkpath.streams.detector import DIALECTS, Detector
from talkpath.streams.exotel import Exotel
from talkpath.streams.freeswitch import FreeSwitch
from talkpath.streams.genesys import Genesys
from talkpath.streams.jambonz import Jambonz
from talkpath.streams.messages import (
    Cleared,
    ClearRequest,
    Dtmf,
    DtmfRequest,
    Failed,
    FlowControl,
    HangupRequest,
    MarkPlayed,
    MarkRequest,
    Media,
    Message,
    Start,
    Stop,
    Unknown,
    Wire,
)
from talkpath.streams.plivo import Plivo
from talkpath.streams.telnyx import Telnyx
from talkpath.streams.twilio import SignalWire, Twilio
from talkpath.streams.vonage import Infobip, Vonage

__all__ = [
    "DIALECTS",
    "AsteriskWebSocket",
    "AudioSocket",
    "Azure",
    "ClearRequest",
    "Cleared",
    "Detector",
    "Dtmf",
    "DtmfRequest",
    "Exotel",
    "Failed",
    "FlowControl",
    "Framing",
    "FreeSwitch",
    "Genesys",
    "HangupRequest",
    "Infobip",
    "Jambonz",
    "MarkPlayed",
    "MarkRequest",
    "Media",
    "Message",
    "Plivo",
    "SignalWire",
    "Start",
    "Stop",
    "Stream",
    "Telnyx",
    "Twilio",
    "Unknown",
    "Vonage",
    "Wire",
    "signatures",
]
