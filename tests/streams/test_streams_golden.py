"""Messages of the vendors' own pages, to a server: each means what the page says."""

import json

import numpy as np
import pytest
from stream_cases import AUDIO, B64, CASES, UUID, Case, genesys
from stream_mutations import opened, snapshot

import talkpath as tp
from talkpath import streams
from talkpath.streams import Cleared, Dtmf, Failed, MarkPlayed, Media, Start, Unknown, Wire

ALL = [(name, message, expected) for name, case in CASES.items() for message, expected in case.messages]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_start(case: Case) -> None:
    server = case.server()
    assert server.start is None
    assert not server.ready
    *before, last = case.opening
    for message in before:
        assert server.receive(message) == []
    assert server.receive(last) == [case.start]
    assert server.start == case.start
    assert server.ready
    assert server.framing.preferred_ms >= 20
    assert case.start.dialect in repr(server) or type(server).__name__ in repr(server)


@pytest.mark.parametrize(("name", "message", "expected"), ALL)
def test_message(name: str, message: str | bytes, expected: list) -> None:
    assert CASES[name].started().receive(message) == expected


def test_before_the_start(case: Case) -> None:
    """Audio before the start cannot be read: its format is not known. The stream goes on."""
    server = case.server()
    if case.cls is not streams.FreeSwitch:
        with pytest.raises(tp.FormatError):
            server.receive(case.messages[0][0])
    with pytest.raises(tp.StateError, match="has not begun"):
        case.server().media(AUDIO)
    assert case.started().receive(case.messages[0][0]) == case.messages[0][1]


def test_second_start(case: Case) -> None:
    server = case.started()
    if case.cls in (streams.FreeSwitch, streams.Jambonz):  # any text is a text there
        return
    last = case.opening[-1]
    message = json.dumps({**json.loads(last), "seq": 2}) if case.cls is streams.Genesys else last
    with pytest.raises(tp.FormatError, match="already begun"):
        server.receive(message)
    assert server.start == case.start


@pytest.mark.parametrize("name", ["twilio", "plivo", "telnyx", "exotel"])
@pytest.mark.parametrize("track", ["outbound", "outbound_track"])
def test_outbound_never_reaches_the_caller(name: str, track: str) -> None:
    case = CASES[name]
    message = json.loads(case.messages[0][0])
    message["media"]["track"] = track
    server = case.started()
    assert server.receive(json.dumps(message)) == []
    message["media"]["track"] = "inbound_track"
    assert server.receive(json.dumps(message))[0].payload == AUDIO


@pytest.mark.parametrize(
    "text",
    ["a=1;b=2", "a=1,b=2", '{"a":"1","b":2}', " a = 1 ; b = 2 ;", {"a": 1, "b": "2"}],
)
def test_plivo_extra_headers(text: object) -> None:
    message = json.loads(CASES["plivo"].opening[0])
    message["extra_headers"] = text
    (start,) = streams.Plivo().receive(json.dumps(message))
    assert start.headers == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("encoding", "rate", "wire"),
    [
        ("audio/x-l16", 16000, Wire("l16", 16000, "little")),
        ("audio/x-l16", "8000", Wire("l16", 8000, "little")),
        ("audio/x-alaw", 8000, Wire("alaw", 8000)),
        ("audio/x-l16;rate=16000", None, Wire("l16", 16000, "little")),
        (None, None, Wire("l16", 8000, "little")),  # the vendor's default
    ],
)
def test_plivo_codecs(encoding: str | None, rate: object, wire: Wire) -> None:
    message = json.loads(CASES["plivo"].opening[0])
    message["start"]["mediaFormat"] = {"encoding": encoding, "sampleRate": rate}
    (start,) = streams.Plivo().receive(json.dumps(message))
    assert start.wire == start.wire_out == wire


@pytest.mark.parametrize(
    ("encoding", "rate", "wire"),
    [
        ("PCMU", 8000, Wire("mulaw", 8000)),
        ("PCMA", "8000", Wire("alaw", 8000)),
        ("L16", 16000, Wire("l16", 16000, "big")),
        ("G722", 8000, Wire("g722", 8000)),
        ("OPUS", 16000, Wire("opus", 16000)),
        ("AMR-WB", 16000, Wire("amr-wb", 16000)),
    ],
)
def test_telnyx_codecs(encoding: str, rate: object, wire: Wire) -> None:
    message = json.loads(CASES["telnyx"].opening[1])
    message["start"]["media_format"] = {"encoding": encoding, "sample_rate": rate}
    (start,) = streams.Telnyx(wire_out=Wire("l16", 16000, "big")).receive(json.dumps(message))
    assert (start.wire, start.wire_out) == (wire, Wire("l16", 16000, "big"))


@pytest.mark.parametrize(
    ("format", "wire"),
    [("ulaw", Wire("mulaw", 8000)), ("alaw", Wire("alaw", 8000)), ("slin", Wire("l16", 8000, "little"))]
    + [(f"slin{k}", Wire("l16", k * 1000, "little")) for k in (12, 16, 24, 32, 48, 96, 192)]
    + [("slin44", Wire("l16", 44100, "little")), ("g722", Wire("g722", 8000)), ("opus", Wire("opus", 8000))]
    + [("slin\u00b36", Wire("slin\u00b36", 8000))],  # a digit to Python, no number
)
def test_asterisk_formats(format: str, wire: Wire) -> None:
    (start,) = streams.AsteriskWebSocket().receive(f"MEDIA_START connection_id:c channel:x format:{format}")
    assert start.wire == wire


def test_exotel_rate_of_the_path() -> None:
    message = json.loads(CASES["exotel"].opening[1])
    del message["start"]["media_format"]
    (start,) = streams.Exotel(path="/bot?sample-rate=16000&a=b").receive(json.dumps(message))
    assert start.wire == Wire("l16", 16000, "little")
    assert start.path == "/bot?sample-rate=16000&a=b"


def test_plivo_timestamps() -> None:
    server = streams.Plivo(timestamps="stream")
    server.receive(CASES["plivo"].opening[0])
    assert server.receive(CASES["plivo"].messages[0][0]) == [Media(AUDIO, "inbound", 41, 1705312200000)]


def test_azure_participant() -> None:
    server = streams.Azure(participant="8:acs:1")
    server.receive(CASES["azure"].opening[0])
    mine = CASES["azure"].messages[0][0]
    assert server.receive(mine) == [Media(AUDIO)]
    assert server.receive(mine.replace("8:acs:1", "8:acs:2")) == []


# --- what a server says -------------------------------------------------------------------------------------------------

SAID = {
    "plivo": {
        "media": {"event": "playAudio", "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": B64}},
        "mark": {"event": "checkpoint", "streamId": "s1", "name": "m1"},
        "clear": {"event": "clearAudio", "streamId": "s1"},
        "dtmf": {"event": "sendDTMF", "dtmf": "123#"},
    },
    "twilio": {
        "media": {"event": "media", "streamSid": "MZ1", "media": {"payload": B64}},
        "mark": {"event": "mark", "streamSid": "MZ1", "mark": {"name": "m1"}},
        "clear": {"event": "clear", "streamSid": "MZ1"},
    },
    "telnyx": {
        "media": {"event": "media", "media": {"payload": B64}},
        "mark": {"event": "mark", "mark": {"name": "m1"}},
        "clear": {"event": "clear"},
    },
    "exotel": {
        "media": {"event": "media", "stream_sid": "MZ1", "media": {"payload": B64}},
        "mark": {"event": "mark", "stream_sid": "MZ1", "mark": {"name": "m1"}},
        "clear": {"event": "clear", "stream_sid": "MZ1"},
    },
    "vonage": {
        "media": AUDIO,
        "mark": {"action": "notify", "payload": {"id": "m1"}},
        "clear": {"action": "clear"},
    },
    "genesys": {
        "media": AUDIO,
        "clear": {
            **{"version": "2", "id": UUID, "type": "event", "seq": 2, "clientseq": 1},
            "parameters": {"entities": [{"type": "barge_in", "data": {}}]},
        },
        "hangup": {
            **{"version": "2", "id": UUID, "type": "disconnect", "seq": 2, "clientseq": 1},
            "parameters": {"reason": "completed"},
        },
    },
    "azure": {
        "media": {"Kind": "AudioData", "AudioData": {"Data": B64}, "StopAudio": None},
        "clear": {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}},
    },
    "asterisk-json": {
        "media": AUDIO,
        "mark": {"command": "MARK_MEDIA", "correlation_id": "m1"},
        "clear": {"command": "FLUSH_MEDIA"},
        "hangup": {"command": "HANGUP"},
    },
    "asterisk-text": {"media": AUDIO, "mark": "MARK_MEDIA m1", "clear": "FLUSH_MEDIA", "hangup": "HANGUP"},
    "audiosocket": {"media": b"\x10\x00\xa0" + AUDIO, "hangup": b"\x00\x00\x00"},
    "jambonz": {
        "media": AUDIO,
        "mark": {"type": "mark", "data": {"name": "m1"}},
        "clear": {"type": "killAudio"},
        "hangup": {"type": "disconnect"},
    },
    "freeswitch": {
        "media": {"type": "streamAudio", "data": {"audioDataType": "raw", "sampleRate": 8000, "audioData": B64}}
    },
}
CALLS = {
    "media": lambda s: s.media(AUDIO),
    "mark": lambda s: s.mark("m1"),
    "clear": lambda s: s.clear(),
    "dtmf": lambda s: s.dtmf("123#"),
    "hangup": lambda s: s.hangup(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", CASES)
def test_said(name: str, call: str) -> None:
    said = CALLS[call](CASES[name].started())
    expected = SAID[name].get(call)
    if isinstance(expected, dict):
        assert isinstance(said, str)
        assert said.isascii()
        said = json.loads(said)
    assert said == expected


def test_jambonz_files() -> None:
    server = streams.Jambonz(streaming=False, sample_rate_out_hz=16000)
    server.receive(CASES["jambonz"].opening[0])
    body = {"audioContentType": "raw", "sampleRate": 16000, "audioContent": B64}
    assert json.loads(server.media(AUDIO)) == {"type": "playAudio", "data": body}


def test_clear_of_marks() -> None:
    """What comes back because of a clear was perhaps not heard."""
    for name in ("twilio", "telnyx", "exotel", "asterisk-json", "asterisk-text"):
        case = CASES[name]
        server = case.started()
        back = next(message for message, expected in case.messages if expected == [MarkPlayed("m1")])
        server.mark("m1")
        server.clear()
        server.mark("m1")
        assert server.receive(back) == [MarkPlayed("m1", cleared=True)]
        assert server.receive(back) == [MarkPlayed("m1")]
    server = CASES["jambonz"].started()
    server.mark("m1")
    assert json.loads(server.clear()) == {"type": "killAudio"}
    assert [json.loads(m) for m in server.data_to_send()] == [{"type": "clearMarks"}]


# --- Genesys: what the protocol itself answers ----------------------------------------------------------------------------


def answers(server: streams.Stream) -> list[tuple[str, int, int, dict]]:
    found = [json.loads(m) for m in server.data_to_send()]
    assert all(m["version"] == "2" and m["id"] == UUID for m in found)
    return [(m["type"], m["seq"], m["clientseq"], m["parameters"]) for m in found]


def test_genesys_answers() -> None:
    server = CASES["genesys"].server()
    server.receive(CASES["genesys"].opening[0])
    only = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
    assert answers(server) == [("opened", 1, 1, {"startPaused": False, "media": [only]})]
    for seq, (kind, answer) in enumerate([("ping", "pong"), ("update", "updated"), ("close", "closed")], 2):
        server.receive(genesys(kind, seq, {}))
        assert answers(server) == [(answer, seq, seq, {})]


def test_genesys_gap() -> None:
    server = CASES["genesys"].started()
    (failed,) = server.receive(genesys("ping", 4, {}))
    assert isinstance(failed, Failed)
    ((kind, _, _, parameters),) = answers(server)
    assert (kind, parameters["reason"]) == ("disconnect", "error")
    assert isinstance(server.receive(genesys("ping", 4, {}))[0], Failed)
    assert answers(server) == []  # once is enough
    assert server.receive(genesys("ping", 2, {})) == [Unknown("ping")]  # the right one still counts
    assert streams.Genesys(strict=False).receive(CASES["genesys"].opening[0].replace('"seq":1', '"seq":7'))


def test_genesys_refused_messages_may_have_had_numbers() -> None:
    server = CASES["genesys"].started()
    for broken in ("{", genesys("dtmf", 2, {"digit": "five"})):
        with pytest.raises(tp.FormatError):
            server.receive(broken)
    assert server.receive(genesys("dtmf", 4, {"digit": "5"})) == [Dtmf("5")]
    assert isinstance(server.receive(genesys("dtmf", 6, {"digit": "5"}))[0], Failed)


def test_genesys_channels() -> None:
    message = json.loads(CASES["genesys"].opening[0])
    message["parameters"]["media"][0]["channels"] = ["external", "internal"]
    for channel, expected in (("external", AUDIO[::2]), ("internal", AUDIO[1::2])):
        server = streams.Genesys(channel=channel)
        server.receive(json.dumps(message))
        assert server.receive(AUDIO) == [Media(expected)]
        with pytest.raises(tp.FormatError, match="whole samples"):
            server.receive(AUDIO[1:])
    message["parameters"]["media"] = [{"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000}]
    server = streams.Genesys()
    assert server.receive(json.dumps(message)) == [
        Failed("415", "no PCMU at 8000 Hz with the channel external is offered")
    ]
    assert json.loads(server.data_to_send()[0])["type"] == "disconnect"
    assert server.start is None


def test_genesys_monitor_is_only_listened_to() -> None:
    """What the vendor's client offers; it ends the session with 415 as soon as audio comes."""
    message = json.loads(CASES["genesys"].opening[0])
    channels = [["external", "internal"], ["external"], ["internal"]]
    message["parameters"]["media"] = [
        {"type": "audio", "format": "PCMU", "channels": c, "rate": 8000} for c in channels
    ]
    monitor = streams.Genesys()
    (start,) = monitor.receive(json.dumps(message))
    assert monitor.start == start
    assert json.loads(monitor.data_to_send()[0])["parameters"]["media"] == [message["parameters"]["media"][1]]
    assert not monitor.ready
    assert monitor.receive(AUDIO) == [Media(AUDIO)]
    with pytest.raises(tp.StateError, match="listening only"):
        monitor.media(AUDIO)
    assert monitor.clear() is None
    connector = streams.Genesys(listen_only=False)
    connector.receive(json.dumps(message))
    assert connector.ready
    assert connector.media(AUDIO) == AUDIO


def test_genesys_agrees_with_the_upgrade() -> None:
    right = streams.Genesys(headers={"Audiohook-Organization-Id": "org", "audiohook-session-id": UUID.upper()})
    assert isinstance(right.receive(CASES["genesys"].opening[0])[0], Start)
    wrong = streams.Genesys(headers={"audiohook-organization-id": "another"})
    (failed,) = wrong.receive(CASES["genesys"].opening[0])
    assert failed.code == "401"
    assert json.loads(wrong.data_to_send()[0])["parameters"]["reason"] == "unauthorized"


def test_jambonz_stereo() -> None:
    server = streams.Jambonz()
    server.receive(CASES["jambonz"].opening[0].replace("mono", "stereo"))
    assert server.receive(b"LlRrMmSs") == [Media(b"LlMm")]
    mixed = streams.Jambonz()
    assert mixed.receive(CASES["jambonz"].opening[0].replace("mono", "mixed"))[0].track == "mixed"


def test_freeswitch_without_metadata() -> None:
    server = streams.FreeSwitch(sample_rate_hz=16000, mix="stereo", playback="binary")
    start, media = server.receive(b"LlRrMmSs")
    assert start.wire == Wire("l16", 16000, "little")
    assert media == Media(b"LlMm")
    assert server.media(AUDIO) == AUDIO
    assert streams.FreeSwitch().receive("no JSON at all")[0].headers == {"metadata": "no JSON at all"}


@pytest.mark.parametrize("cuts", [1, 2, 3, 7, 19, 50, 1000])
def test_audiosocket_in_any_pieces(cuts: int) -> None:
    case = CASES["audiosocket"]
    stream = case.opening[0] + b"".join(message for message, _ in case.messages)
    server, found = case.server(), []
    for at in range(0, len(stream), cuts):
        found += server.receive(stream[at : at + cuts])
    assert found == [case.start, *(m for _, expected in case.messages for m in expected)]


def test_audiosocket_malformed_between_good_ones() -> None:
    case = CASES["audiosocket"]
    good = case.messages[0][0]
    server = case.started()
    with pytest.raises(tp.FormatError, match="type 0x03"):
        server.receive(good + b"\x03\x00\x02" + b"55" + good)
    assert server.receive(b"") == [Media(AUDIO), Media(AUDIO)]
    assert server.receive(b"") == []


@pytest.mark.parametrize(
    ("wire", "size"),
    [
        (Wire("mulaw", 8000), 160),
        (Wire("alaw", 8000), 160),
        (Wire("l16", 8000, "little"), 320),
        (Wire("l16", 24000, "big"), 960),
        (Wire("l16", 44100, "little"), 1764),
        (Wire("g722", 8000), 160),
        (Wire("g722", 16000), 160),
        (Wire("l16", 8000, "little", 2), 640),
        (Wire("opus", 48000), None),
    ],
)
def test_wire(wire: Wire, size: int | None) -> None:
    assert wire.frame_bytes() == size
    assert wire.duration_ms(size or 1) == (20 if size else None)
    assert (
        wire.content_type
        == f"audio/{'' if wire.codec in ('g722', 'opus') else 'x-'}{wire.codec};rate={wire.sample_rate_hz}"
    )


@pytest.mark.parametrize(
    ("name", "ms", "multiple", "most"),
    [
        ("plivo", 20, 1, None),
        ("twilio", 20, 160, None),
        ("telnyx", 20, 1, None),
        ("exotel", 100, 320, 100_000),
        ("vonage", 20, 640, 640),
        ("genesys", 200, 1, None),
        ("azure", 20, 1, None),
        ("asterisk-json", 20, 640, None),
        ("asterisk-text", 20, 160, None),
        ("audiosocket", 20, 1, 65535),
        ("jambonz", 20, 2, None),
        ("freeswitch", 200, 2, None),
    ],
)
def test_framing(name: str, ms: int, multiple: int, most: int | None) -> None:
    assert CASES[name].started().framing == streams.Framing(ms, multiple, most)


WRONG = [
    "text",
    5,
    None,
    [1, 2],
    np.zeros(160, np.int16),
    memoryview(np.zeros(8, np.int16)),
    np.zeros(160, np.uint8)[::2],
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: type(w).__name__)
@pytest.mark.parametrize("role", ["server", "provider"])
def test_what_is_no_wire_data(case: Case, role: str, wrong: object) -> None:
    stream = case.started() if role == "server" else opened(case)
    good = [bytearray(AUDIO), memoryview(AUDIO), np.frombuffer(AUDIO, np.uint8)]
    before = snapshot(stream)
    with pytest.raises(tp.FormatError):
        stream.media(wrong)
    assert snapshot(stream) == before
    for payload in good:
        assert type(stream.media(payload)) is type(stream.media(AUDIO))


def test_limits() -> None:
    with pytest.raises(tp.LengthError, match="65535"):
        CASES["audiosocket"].started().media(bytes(65536))
    with pytest.raises(tp.LengthError, match="100000"):
        CASES["exotel"].started().media(bytes(100_001))
    with pytest.raises(tp.LengthError, match="128 bytes"):
        CASES["asterisk-json"].started().mark("m" * 100)
    with pytest.raises(tp.FormatError, match="white space"):
        CASES["asterisk-text"].started().mark("two words")


def test_wrong_arguments() -> None:
    for make in (
        lambda: streams.Twilio("client"),
        lambda: streams.Plivo(timestamps="unix"),
        lambda: streams.Genesys(channel="both"),
        lambda: streams.Azure(case="snake"),
        lambda: streams.AsteriskWebSocket(control="xml"),
        lambda: streams.AudioSocket(sample_rate_hz=11025),
        lambda: streams.Jambonz(sample_rate_out_hz=1),
        lambda: streams.FreeSwitch(mix="quad"),
        lambda: streams.FreeSwitch(playback="mp3"),
        lambda: streams.FreeSwitch(sample_rate_hz=0),
    ):
        with pytest.raises(tp.ConfigError):
            make()
    for case in CASES.values():
        with pytest.raises(tp.StateError, match="provider"):
            case.started().open(case.start)
        with pytest.raises(tp.StateError, match="provider"):
            case.started().stop()
    assert Cleared() != Unknown("x")
