"""Which provider is this?"""

import json

import pytest
from stream_cases import CASES, GENESYS, UUID

import talkpath as tp
from talkpath import streams
from talkpath.streams import Detector

FOUND = {name: case for name, case in CASES.items() if name != "freeswitch"}


@pytest.mark.parametrize("name", FOUND)
def test_first_messages(name: str) -> None:
    """The stream that is found takes the message that named it."""
    case = FOUND[name]
    detector = Detector(path="/x?y=z", headers={"x-ms-call-connection-id": "conn"})
    *before, last = case.opening
    for message in before:
        assert detector.receive(message) is None
    stream = detector.receive(last)
    assert type(stream) is case.cls
    (start,) = stream.receive(last)
    assert start.call_id == case.start.call_id
    assert start.wire == case.start.wire
    assert start.path == "/x?y=z"


@pytest.mark.parametrize("name", FOUND)
def test_what_a_provider_opens_with(name: str) -> None:
    case = FOUND[name]
    detector, found = Detector(), None
    for message in case.provider().open(case.start):
        found = found or detector.receive(message)
    assert type(found) is case.cls


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "{}",
        "[]",
        "null",
        '{"event":"start"}',
        '{"event":"start","start":null}',
        '{"event":"start","start":{"streamSid":"x"}}',
        '{"event":"media","media":{"payload":""}}',
        '{"type":"open","version":"1"}',
        '{"kind":"AudioData"}',
        '{"event":["start"]}',
        "MEDIA_STARTED x:y",
        b"\x02\x00\x10",
        b"RIFF",
        b'{"event":"connected"}',
        '{"a":' * 100_000,
        "NaN",
        None,
    ],
)
def test_unknown(message: object) -> None:
    detector = Detector()
    with pytest.raises(tp.FormatError):
        detector.receive(message)
    assert type(detector.receive(CASES["plivo"].opening[0])) is streams.Plivo


def test_ambiguous() -> None:
    both = {"event": "start", "stream_id": "1", "start": {"streamId": "s", "callId": "c", "call_control_id": "d"}}
    with pytest.raises(tp.FormatError, match="telnyx or plivo"):
        Detector().receive(json.dumps(both))
    mixed = {**json.loads(GENESYS.opening[0]), "kind": "AudioMetadata"}
    with pytest.raises(tp.FormatError, match="genesys or azure"):
        Detector().receive(json.dumps(mixed))


def test_options() -> None:
    detector = Detector("server", options={"telnyx": {"byte_order": "little"}, "plivo": {"timestamps": "stream"}})
    message = CASES["telnyx"].opening[1].replace("PCMA", "L16")
    (start,) = detector.receive(message).receive(message)
    assert start.wire.byte_order == "little"


def test_bytes_by_and_by() -> None:
    detector, data = Detector(), b"\x01\x00\x10" + bytes.fromhex(UUID.replace("-", ""))
    assert detector.receive(data[:1]) is detector.receive(data[:2]) is None
    assert type(detector.receive(data)) is streams.AudioSocket


def test_dialects() -> None:
    assert all(cls.dialect == name for name, cls in streams.DIALECTS.items())
    assert {case.cls for case in CASES.values()} <= set(streams.DIALECTS.values())
