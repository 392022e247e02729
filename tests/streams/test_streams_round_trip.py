"""What one role builds, the other reads: any audio, any names, any ids."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_cases import CASES, UUID, Case, ids

import talkpath as tp
from talkpath import streams
from talkpath.streams import (
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
    Start,
    Stop,
    Stream,
    Unknown,
    Wire,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = texts.filter(bool)
words = st.text("abcXYZ019-_.", min_size=1, max_size=30)
payloads = st.binary(max_size=700)


def pair(case: Case, start: Start) -> tuple[Stream, Stream, Start]:
    """A server and a provider that have begun a call."""
    server, provider = case.server(), case.provider()
    found = []
    for message in provider.open(start):
        found += server.receive(message)
    exchange(server, provider)
    begun = [m for m in found if isinstance(m, Start)]
    assert len(begun) == 1 or case.cls is streams.FreeSwitch
    return server, provider, begun[0] if begun else start


def exchange(server: Stream, provider: Stream) -> list:
    """Carries what the protocol itself answers to and fro; all messages that this gives."""
    found = []
    for _ in range(4):
        for data in provider.data_to_send():
            found += server.receive(data)
        for data in server.data_to_send():
            found += provider.receive(data)
    return found


def start_of(case: Case, **changes: object) -> Start:
    return replace(case.start, **changes)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_start(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    start = case.start
    if name not in ("audiosocket", "asterisk-text", "freeswitch"):
        start = replace(start, call_id=data.draw(names))
    if name in ("plivo", "twilio", "telnyx", "exotel", "azure"):
        start = replace(start, stream_id=data.draw(names))
    if name == "asterisk-text":
        start = replace(start, call_id=data.draw(words), stream_id=data.draw(words))
    if name in ("twilio", "telnyx", "exotel"):
        keys = names.filter(lambda k: k not in ("from", "to"))
        start = replace(start, headers=data.draw(st.dictionaries(keys, texts, max_size=4)))
    if name in ("telnyx", "exotel"):
        start = replace(start, from_number=data.draw(names), to_number=data.draw(names))
    if name == "plivo":
        words_not = words.filter(lambda k: k not in ("from", "to"))
        start = replace(start, headers=data.draw(st.dictionaries(words_not, words, max_size=4)))
    server, provider, found = pair(case, start)
    if name == "vonage":
        start = replace(start, headers={**start.headers, "uuid": start.call_id})
    if name == "azure":  # the call's id comes with the upgrade
        start = replace(start, call_id=found.call_id)
    if name == "genesys":
        start = replace(start, headers={"language": "en-US", "organizationId": "org"})
    assert found == start
    assert provider.start == replace(found, headers=provider.start.headers, call_id=provider.start.call_id)
    assert server.ready
    assert provider.ready
    assert server.data_to_send() == provider.data_to_send() == []


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(sent=st.lists(payloads, max_size=5))
def test_audio_both_ways(name: str, sent: list[bytes]) -> None:
    server, provider, _ = pair(CASES[name], CASES[name].start)
    at_ms = 0.0
    for number, payload in enumerate(sent, 1):
        (back,) = provider.receive(server.media(payload))
        assert back == Media(payload)
        found = server.receive(provider.media(payload))
        media = found[-1]
        assert isinstance(media, Media)
        assert (media.payload, media.track, media.wire) == (payload, "inbound", None)
        if media.sequence is not None:
            assert media.sequence == number
        if media.timestamp_ms is not None:
            assert media.timestamp_ms == int(at_ms)
        at_ms += CASES[name].start.wire.duration_ms(len(payload))
    counted = name in ("plivo", "twilio", "telnyx", "exotel")
    assert not sent or (media.sequence is not None) == counted


@pytest.mark.parametrize("name", ids(lambda case: case.names))
@settings(max_examples=30, deadline=None)
@given(marks=st.lists(names, min_size=1, max_size=5, unique=True))
def test_marks(name: str, marks: list[str]) -> None:
    if name.startswith("asterisk"):
        marks = [f"m{number}" for number in range(len(marks))]
    server, provider, _ = pair(CASES[name], CASES[name].start)
    for mark in marks:
        assert provider.receive(server.mark(mark)) == [MarkRequest(mark)]
    for mark in marks[1:]:
        assert server.receive(provider.mark(mark)) == [MarkPlayed(mark)]
    # the first is still under way when all is cleared
    found = provider.receive(server.clear())
    assert found == [ClearRequest()]
    found = [m for m in exchange(server, provider) if not isinstance(m, Unknown)]
    answered = {
        "plivo": [Cleared()],
        "vonage": [Cleared()],
        "asterisk-json": [],
        "asterisk-text": [],
    }
    assert found == answered.get(name, [MarkPlayed(marks[0], cleared=True)])
    assert exchange(server, provider) == []


@pytest.mark.parametrize("name", ids(lambda case: case.keys))
@pytest.mark.parametrize("key", [*"0123456789*#ABCDa"])
def test_keys(name: str, key: str) -> None:
    server, provider, _ = pair(CASES[name], CASES[name].start)
    assert server.receive(provider.dtmf(key)) == [Dtmf(key.upper())]
    for wrong in ("", "12", "x", "٣"):
        with pytest.raises(tp.FormatError, match="digits"):
            provider.dtmf(wrong)


def test_keys_to_the_line() -> None:
    server, provider, _ = pair(CASES["plivo"], CASES["plivo"].start)
    assert provider.receive(server.dtmf("12#a")) == [DtmfRequest("12#A")]
    for wrong in ("", "1 2", "w"):
        with pytest.raises(tp.FormatError, match="digit"):
            server.dtmf(wrong)
    assert streams.Plivo(send_dtmf=False).receive(CASES["plivo"].opening[0])


@pytest.mark.parametrize("name", CASES)
def test_ends(name: str) -> None:
    case = CASES[name]
    server, provider, _ = pair(case, case.start)
    request = server.hangup()
    if request is not None:
        (asked,) = provider.receive(request)
        assert isinstance(asked, HangupRequest)
        exchange(server, provider)
    server, provider, _ = pair(case, case.start)
    over = provider.stop("end")
    assert (over is not None) == case.stops
    if over is not None:
        (stop,) = server.receive(over)
        assert isinstance(stop, Stop)
        exchange(server, provider)


def test_asterisk_flow() -> None:
    server, provider, _ = pair(CASES["asterisk-json"], CASES["asterisk-json"].start)
    assert server.receive(provider.flow(True)) == [FlowControl(True)]
    assert server.receive(provider.flow(False)) == [FlowControl(False)]
    assert provider.receive(server.command("ANSWER")) == [Unknown("ANSWER")]
    assert provider.framing.multiple_bytes == server.framing.multiple_bytes == 640


def test_genesys_stereo_and_ping() -> None:
    case = CASES["genesys"]
    provider, server = streams.Genesys("provider", stereo=True), streams.Genesys()
    (opening,) = provider.open(case.start)
    with pytest.raises(tp.StateError, match="not opened"):
        provider.media(b"x")
    server.receive(opening)
    exchange(server, provider)
    message = provider.media(b"abc")
    assert message == b"a\xffb\xffc\xff"
    assert server.receive(message) == [Media(b"abc")]
    assert server.receive(provider.ping()) == [Unknown("ping")]
    assert exchange(server, provider) == [Unknown("pong")]
    assert json.loads(provider.ping())["position"] == "PT0S"  # three samples round to nothing
    provider.media(bytes(12000))
    assert json.loads(provider.ping())["position"] == "PT1.5S"


def test_genesys_monitor_ends_when_audio_comes() -> None:
    provider, server = streams.Genesys("provider", stereo=True), streams.Genesys(listen_only=False)
    server.receive(provider.open(CASES["genesys"].start)[0])
    exchange(server, provider)
    (failed,) = provider.receive(server.media(b"abc"))
    assert failed == Failed("415", "unexpected binary message")
    assert exchange(server, provider) == [failed, Stop("error"), Unknown("closed")]
    provider.receive(server.media(b"abc"))
    assert provider.data_to_send() == []


@pytest.mark.parametrize("name", ["vonage", "infobip"])
def test_vonage_notifications_of_any_form(name: str) -> None:
    cls = streams.DIALECTS[name]
    provider, server = cls("provider"), streams.Vonage()
    server.receive(provider.open(CASES["vonage"].start)[0])
    for payload in ({"id": "m1"}, {"id": 1}, {"a": [1, {"b": None}]}, {}):
        (request,) = provider.receive(json.dumps({"action": "notify", "payload": payload}))
        back = json.loads(provider.mark(request.name))
        assert back == {"event": "websocket:notify", "payload": payload}
    if name == "infobip":
        begun = cls()
        begun.receive(CASES["vonage"].opening[0])
        assert begun.mark("m") is begun.clear() is None


@pytest.mark.parametrize("is_given", [False, True])
@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100])
def test_audiosocket_rates(rate: int, is_given: bool) -> None:
    wire = Wire("l16", rate, "little")
    provider, server = streams.AudioSocket("provider"), streams.AudioSocket(sample_rate_hz=rate if is_given else None)
    (begin,) = provider.open(Start(call_id=UUID, wire=wire, wire_out=wire))
    server.receive(begin)
    assert server.is_settled == is_given
    promised = wire if is_given else Wire("l16", 8000, "little")
    assert server.receive(provider.media(b"12")) == [Media(b"12", wire=None if wire == promised else wire)]
    assert server.is_settled
    assert server.start.wire == server.start.wire_out == wire
    assert provider.receive(server.media(b"12")) == [Media(b"12")]
    assert provider.receive(server.hangup()) == [HangupRequest()]
    for wrong in (Start(call_id="no uuid", wire=wire, wire_out=wire), Start(call_id=UUID)):
        with pytest.raises(tp.ConfigError):
            streams.AudioSocket("provider").open(wrong)


def test_a_providers_id_is_checked() -> None:
    for name in ("twilio", "exotel"):
        server, provider, _ = pair(CASES[name], CASES[name].start)
        message = json.loads(server.media(b"1"))
        for wrong in (
            {**message, "streamSid": "no", "stream_sid": "no"},
            {"event": "media", "media": message["media"]},
        ):
            with pytest.raises(tp.FormatError, match="stream"):
                provider.receive(json.dumps(wrong))


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.cls.codecs])
def test_what_a_dialect_cannot_carry(name: str) -> None:
    case = CASES[name]
    for changes in ({"wire": Wire("opus", 48000)}, {"wire_out": Wire("g722", 8000)}):
        provider = case.provider()
        with pytest.raises(tp.ConfigError, match="carries"):
            provider.open(replace(case.start, **changes))
        assert provider.open(case.start) is not None


def test_azure_time_goes_on() -> None:
    _, provider, _ = pair(CASES["azure"], CASES["azure"].start)
    times = [json.loads(provider.media(bytes(640)))["audioData"]["timestamp"] for _ in range(5000)]
    assert times == sorted(set(times))
    assert times[-1] == "2024-11-15T00:01:39.980Z"


def test_open_twice() -> None:
    for case in CASES.values():
        provider = case.provider()
        provider.open(case.start)
        with pytest.raises(tp.StateError, match="begun"):
            provider.open(case.start)
