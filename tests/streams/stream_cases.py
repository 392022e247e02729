"""One case a dialect: how its streams are made, what a call begins with on the wire, and what each of its messages means.

The messages are those of the vendors' pages, as reference/wire_formats.md of the project collects them (P→S tables).
"""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkpath import streams
from talkpath.streams import (
    Cleared,
    Dtmf,
    Failed,
    FlowControl,
    MarkPlayed,
    Media,
    Message,
    Start,
    Stop,
    Stream,
    Unknown,
    Wire,
)

AUDIO = bytes(range(160))
B64 = b64encode(AUDIO).decode()
ULAW = Wire("mulaw", 8000)
L16 = Wire("l16", 8000, "little")
L16_16K = Wire("l16", 16000, "little")
UUID = "f3b1c2d4-0000-4000-8000-1234567890ab"


@dataclass(frozen=True)
class Case:
    """Everything that the tests need to know about a dialect."""

    cls: type[Stream]
    opening: Sequence[str | bytes]  # the last of them gives `start`
    start: Start
    messages: Sequence[tuple[str | bytes, list[Message]]]
    options: dict[str, Any] = field(default_factory=dict)
    names: bool = True  # marks
    keys: bool = True
    stops: bool = True

    def server(self) -> Stream:
        return self.cls("server", **self.options)

    def provider(self) -> Stream:
        return self.cls("provider", **{k: v for k, v in self.options.items() if k != "headers"})

    def started(self) -> Stream:
        server = self.server()
        for message in self.opening:
            server.receive(message)
        server.data_to_send()
        return server


def js(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


PLIVO = Case(
    streams.Plivo,
    [
        '{"event":"start","sequenceNumber":1,"start":{"callId":"c1","streamId":"s1","accountId":"MA1","tracks":["inbound"],'
        '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"a=1;b=2"}'
    ],
    Start("plivo", "c1", "s1", None, None, ULAW, ULAW, "inbound", {"a": "1", "b": "2"}),
    [
        (
            '{"event":"media","sequenceNumber":42,"streamId":"s1","media":{"track":"inbound","timestamp":"1705312200000","chunk":41,'
            f'"payload":"{B64}"}},"extra_headers":"a=1"}}',
            [Media(AUDIO, "inbound", 41)],
        ),
        (
            '{"event":"dtmf","sequenceNumber":50,"streamId":"s1","dtmf":{"track":"inbound","digit":"5","timestamp":"1"}}',
            [Dtmf("5")],
        ),
        ('{"event":"playedStream","sequenceNumber":60,"streamId":"s1","name":"cp1"}', [MarkPlayed("cp1")]),
        ('{"event":"playedStream","sequenceNumber":"60","name":"cp1"}', [MarkPlayed("cp1")]),
        ('{"event":"clearedAudio","sequenceNumber":61,"streamId":"s1"}', [Cleared()]),
        ('{"event":"stop"}', [Stop()]),
        ('{"event":"playFailed","reason":"bad audio"}', [Failed("playFailed", "bad audio")]),
        ('{"event":"error","reason":"oops"}', [Failed("error", "oops")]),
    ],
)

TWILIO = Case(
    streams.Twilio,
    [
        '{"event":"connected","protocol":"Call","version":"1.0.0"}',
        '{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1",'
        '"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
        '"customParameters":{"k":"v"}}}',
    ],
    Start("twilio", "CA1", "MZ1", None, None, ULAW, ULAW, "inbound", {"k": "v"}),
    [
        (
            '{"event":"media","sequenceNumber":"4","streamSid":"MZ1","media":{"track":"inbound","chunk":"2","timestamp":"20",'
            f'"payload":"{B64}"}}}}',
            [Media(AUDIO, "inbound", 2, 20)],
        ),
        (
            '{"event":"dtmf","sequenceNumber":"5","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"1"}}',
            [Dtmf("1")],
        ),
        ('{"event":"mark","sequenceNumber":"6","streamSid":"MZ1","mark":{"name":"m1"}}', [MarkPlayed("m1")]),
        (
            '{"event":"stop","sequenceNumber":"7","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}',
            [Stop()],
        ),
    ],
)

TELNYX = Case(
    streams.Telnyx,
    [
        '{"event":"connected","version":"1.0.0"}',
        '{"event":"start","sequence_number":"1","stream_id":"T1","start":{"user_id":"u","call_control_id":"cc1",'
        '"call_session_id":"x","from":"+15550001","to":"+15550002","client_state":null,"custom_parameters":{},'
        '"media_format":{"encoding":"PCMA","sample_rate":8000,"channels":1}}}',
    ],
    Start("telnyx", "cc1", "T1", "+15550001", "+15550002", Wire("alaw", 8000), ULAW),
    [
        (
            '{"event":"media","sequence_number":"4","stream_id":"T1","media":{"track":"inbound","chunk":"2","timestamp":"20",'
            f'"payload":"{B64}"}}}}',
            [Media(AUDIO, "inbound", 2, 20)],
        ),
        (
            '{"event":"dtmf","sequence_number":"5","stream_id":"T1","occurred_at":"2024","dtmf":{"digit":"1"}}',
            [Dtmf("1")],
        ),
        ('{"event":"mark","sequence_number":"6","stream_id":"T1","mark":{"name":"m1"}}', [MarkPlayed("m1")]),
        (
            '{"event":"error","stream_id":"T1","payload":{"code":100002,"title":"bad","detail":"so bad"}}',
            [Failed("100002", "bad: so bad")],
        ),
        (
            '{"event":"stop","sequence_number":"9","stream_id":"T1","stop":{"user_id":"u","call_control_id":"cc1"}}',
            [Stop()],
        ),
    ],
)

EXOTEL = Case(
    streams.Exotel,
    [
        '{"event":"connected"}',
        '{"event":"start","sequence_number":"1","stream_sid":"MZ1","start":{"stream_sid":"MZ1","call_sid":"CA1",'
        '"account_sid":"AC1","from":"+9198","to":"+9180","custom_parameters":{"k":"v"},'
        '"media_format":{"encoding":"audio/x-raw","sample_rate":"8000","bit_rate":"16"}}}',
    ],
    Start("exotel", "CA1", "MZ1", "+9198", "+9180", L16, L16, "inbound", {"k": "v"}),
    [
        (
            '{"event":"media","sequence_number":"3","stream_sid":"MZ1","media":{"chunk":"2","timestamp":"200",'
            f'"payload":"{B64}"}}}}',
            [Media(AUDIO, "inbound", 2, 200)],
        ),
        (
            '{"event":"dtmf","sequence_number":"7","stream_sid":"MZ1","dtmf":{"digit":"5","duration":"100"}}',
            [Dtmf("5")],
        ),
        ('{"event":"mark","sequence_number":"15","stream_sid":"MZ1","mark":{"name":"m1"}}', [MarkPlayed("m1")]),
        (
            '{"event":"stop","sequence_number":"20","stream_sid":"MZ1","stop":{"call_sid":"CA1","account_sid":"AC1",'
            '"reason":"callended"}}',
            [Stop("callended")],
        ),
    ],
)

VONAGE = Case(
    streams.Vonage,
    ['{"event":"websocket:connected","content-type":"audio/l16;rate=16000","uuid":"u1","k":"v"}'],
    Start("vonage", "u1", "", None, None, L16_16K, L16_16K, "inbound", {"uuid": "u1", "k": "v"}),
    [
        (AUDIO, [Media(AUDIO)]),
        ('{"event":"websocket:dtmf","digit":"5","duration":260}', [Dtmf("5")]),
        ('{"event":"websocket:dtmf","dtmf":{"digit":"#"}}', [Dtmf("#")]),
        ('{"event":"dtmf","dtmf":"7"}', [Dtmf("7")]),
        ('{"event":"websocket:cleared"}', [Cleared()]),
        ('{"event":"websocket:notify","payload":{"id":"m1"}}', [MarkPlayed("m1")]),
    ],
    stops=False,
)


def genesys(kind: str, seq: int, parameters: Any, **more: Any) -> str:
    head = {"version": "2", "id": UUID, "type": kind, "seq": seq, "serverseq": 1, "position": "PT1.5S"}
    return js({**head, **more, "parameters": parameters})


_OPEN = {
    "organizationId": "org",
    "conversationId": "conv",
    "participant": {"id": "p", "ani": "+1555", "aniName": "A", "dnis": "+1666"},
    "media": [
        {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
    ],
    "language": "en-US",
}
GENESYS = Case(
    streams.Genesys,
    [genesys("open", 1, _OPEN, serverseq=0)],
    Start(
        "genesys", "conv", UUID, "+1555", "+1666", ULAW, ULAW, "inbound", {"organizationId": "org", "language": "en-US"}
    ),
    [  # each is the second message of its session
        (AUDIO, [Media(AUDIO)]),
        (genesys("ping", 2, {"rtt": "PT0.05S"}), [Unknown("ping")]),
        (genesys("update", 2, {"language": "es-US"}), [Unknown("update")]),
        (genesys("close", 2, {"reason": "end"}), [Stop("end")]),
        (genesys("dtmf", 2, {"digit": "5"}), [Dtmf("5")]),
        (genesys("error", 2, {"code": 429, "message": "slow down"}), [Failed("429", "slow down")]),
        (genesys("playback_completed", 2, {}), [Unknown("playback_completed")]),
    ],
    names=False,
)

AZURE = Case(
    streams.Azure,
    [
        '{"kind":"AudioMetadata","audioMetadata":{"subscriptionId":"sub","encoding":"PCM","sampleRate":16000,"channels":1,'
        '"length":640}}'
    ],
    Start(
        "azure",
        "conn",
        "sub",
        None,
        None,
        L16_16K,
        L16_16K,
        "inbound",
        {"x-ms-call-connection-id": "conn"},
    ),
    [
        (
            '{"kind":"AudioData","audioData":{"timestamp":"2024-11-15T19:16:12.925Z","participantRawID":"8:acs:1",'
            f'"data":"{B64}","silent":false}}}}',
            [Media(AUDIO)],
        ),
        (f'{{"Kind":"AudioData","AudioData":{{"Data":"{B64}"}}}}', [Media(AUDIO)]),
        ('{"kind":"DtmfData","dtmfData":{"data":"5"}}', [Dtmf("5")]),
        ('{"kind":"DtmfData","dtmfData":{"data":"pound"}}', [Dtmf("#")]),
    ],
    options={"headers": {"x-ms-call-connection-id": "conn"}},
    names=False,
    stops=False,
)

ASTERISK_JSON = Case(
    streams.AsteriskWebSocket,
    [
        '{"event":"MEDIA_START","connection_id":"conn","channel":"WebSocket/conn/0x1","channel_id":"1764.1","format":"slin16",'
        '"optimal_frame_size":640,"ptime":20,"channel_variables":{"X":"y"}}'
    ],
    Start("asterisk", "1764.1", "conn", None, None, L16_16K, L16_16K, "inbound", {"X": "y"}),
    [
        (AUDIO, [Media(AUDIO)]),
        ('{"event":"DTMF_END","channel_id":"1764.1","digit":"5"}', [Dtmf("5")]),
        ('{"event":"MEDIA_XOFF","channel_id":"1764.1"}', [FlowControl(True)]),
        ('{"event":"MEDIA_XON","channel_id":"1764.1"}', [FlowControl(False)]),
        ('{"event":"QUEUE_DRAINED","channel_id":"1764.1"}', [Unknown("QUEUE_DRAINED")]),
        ('{"event":"MEDIA_MARK_PROCESSED","channel_id":"1764.1","correlation_id":"m1"}', [MarkPlayed("m1")]),
        ('{"event":"STATUS","queue_length":3,"queue_full":false}', [Unknown("STATUS")]),
        (
            '{"event":"ERROR","channel_id":"1764.1","error_text":"no such command"}',
            [Failed("ERROR", "no such command")],
        ),
    ],
    stops=False,
)

ASTERISK_TEXT = Case(
    streams.AsteriskWebSocket,
    [
        "MEDIA_START connection_id:conn channel:WebSocket/conn/0x1 channel_id:1764.1 format:ulaw optimal_frame_size:160 ptime:20"
    ],
    Start("asterisk", "1764.1", "conn", None, None, ULAW, ULAW),
    [
        (AUDIO, [Media(AUDIO)]),
        ("DTMF_END digit:# channel_id:1764.1", [Dtmf("#")]),
        ("MEDIA_XOFF", [FlowControl(True)]),
        ("MEDIA_XON", [FlowControl(False)]),
        ("MEDIA_MARK_PROCESSED m1", [MarkPlayed("m1")]),
        ("MEDIA_MARK_PROCESSED a:b", [MarkPlayed("a:b")]),
        ("MEDIA_MARK_PROCESSED channel_id:1764.1 correlation_id:m1", [MarkPlayed("m1")]),
        ("STATUS channel_id:1764.1 queue_length:0 xon_level:800 queue_full:false", [Unknown("STATUS")]),
        ("ERROR channel_id:1764.1 error_text:no such command", [Failed("ERROR", "no such command")]),
    ],
    options={"control": "text"},
    stops=False,
)

AUDIOSOCKET = Case(
    streams.AudioSocket,
    [b"\x01\x00\x10" + bytes.fromhex(UUID.replace("-", ""))],
    Start("audiosocket", UUID, "", None, None, L16, L16),
    [
        (b"\x10\x00\xa0" + AUDIO, [Media(AUDIO)]),
        (b"\x12\x00\xa0" + AUDIO, [Media(AUDIO, wire=L16_16K)]),
        (b"\x03\x00\x01" + b"5", [Dtmf("5")]),
        (b"\xff\x00\x01\x02", [Failed("0x02", "frame error")]),
        (b"\x77\x00\x00", [Unknown("0x77")]),
        (b"\x00\x00\x00", [Stop("hangup")]),
    ],
    names=False,
)

JAMBONZ = Case(
    streams.Jambonz,
    [
        '{"sampleRate":8000,"mixType":"mono","callSid":"cs","direction":"inbound","from":"+1555","to":"+1666","callId":"x"}'
    ],
    Start("jambonz", "cs", "", "+1555", "+1666", L16, L16, "inbound", {"direction": "inbound", "callId": "x"}),
    [
        (AUDIO, [Media(AUDIO)]),
        ('{"event":"dtmf","dtmf":"5","duration":"1600"}', [Dtmf("5")]),
        ('{"type":"mark","data":{"name":"m1","event":"playout"}}', [MarkPlayed("m1")]),
        ('{"type":"mark","data":{"name":"m1","event":"cleared"}}', [MarkPlayed("m1", True)]),
        ('{"type":"playDone","data":{"id":"7"}}', [Unknown("playDone")]),
    ],
    stops=False,
)

FREESWITCH = Case(
    streams.FreeSwitch,
    ['{"uuid":"u1","from":"100","note":"any text of the user"}'],
    Start(
        "freeswitch",
        "u1",
        "",
        "100",
        None,
        L16,
        L16,
        "inbound",
        {"uuid": "u1", "from": "100", "note": "any text of the user"},
    ),
    [(AUDIO, [Media(AUDIO)]), ("what uuid_audio_stream send_text sends", [Unknown("text")])],
    names=False,
    keys=False,
    stops=False,
)

CASES: dict[str, Case] = {
    "plivo": PLIVO,
    "twilio": TWILIO,
    "telnyx": TELNYX,
    "exotel": EXOTEL,
    "vonage": VONAGE,
    "genesys": GENESYS,
    "azure": AZURE,
    "asterisk-json": ASTERISK_JSON,
    "asterisk-text": ASTERISK_TEXT,
    "audiosocket": AUDIOSOCKET,
    "jambonz": JAMBONZ,
    "freeswitch": FREESWITCH,
}

Pick = Callable[[Case], bool]


def ids(pick: Pick = lambda case: True) -> list[str]:
    return [name for name, case in CASES.items() if pick(case)]
