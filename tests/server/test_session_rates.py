"""AudioSocket says its rate only with the audio: the call follows the first, and answers in kind."""

import pytest
from world import QUICK, STARTS, UUID, World, silence

from talkpath import CallConfig, streams
from talkpath.server import Began, ConfigWanted, Session
from talkpath.streams import Media, Start, Wire
from talkpath.streams.audiosocket import KINDS


def l16(rate_hz: int) -> Wire:
    return Wire("l16", rate_hz, "little")


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("rate_hz", [rate for rate in KINDS if rate <= 48000])
def test_the_rate_of_the_first_audio(rate_hz: int, asks: bool) -> None:
    wire = l16(rate_hz)
    world = World("audiosocket", None if asks else QUICK, start=Start(call_id=UUID, wire=wire, wire_out=wire), ask=asks)
    if asks:
        world.run(0.1)
        (wanted,) = world.of(ConfigWanted)
        assert wanted.start.wire == wire
        world.session.configure(QUICK, world.now)
    world.run(1)
    (began,) = world.of(Began)
    assert began.start.wire == began.start.wire_out == wire
    assert world.session.call.config.wire.sample_rate_hz == (8000 if rate_hz == 8000 else 16000)
    sent = world.got_of(Media)
    assert {message.wire for message in sent} == {None}  # the provider's own
    assert len(sent) >= 40
    assert {len(message.payload) for message in sent[2:]} == {wire.frame_bytes()}
    assert world.session.counters.malformed == 0


def test_the_id_and_the_audio_in_one_piece() -> None:
    wire = l16(16000)
    provider = streams.AudioSocket("provider")
    pieces = [*provider.open(Start(call_id=UUID, wire=wire, wire_out=wire)), provider.media(silence(wire))]
    session = Session(QUICK, streams.AudioSocket(), now=0.0)
    session.receive(b"".join(pieces), 0.0)
    assert session.call.config.wire.sample_rate_hz == 16000
    session.tick(0.011)
    session.tick(0.031)
    assert session.counters.received == 1


def test_a_line_that_is_silent_is_spoken_to() -> None:
    """8 kHz then; and it is told of a key that came before."""
    world = World("audiosocket", caller=lambda i: None)
    world.deliver(world.provider.dtmf("5"))
    world.run(0.15)
    assert world.session.call is None
    world.run(0.85)
    assert [type(event).__name__ for event in world.session.events() or [e for _, e in world.events]][:2] == [
        "Began",
        "UserDtmf",
    ]
    assert world.session.start == STARTS["audiosocket"].__class__(
        "audiosocket", UUID, wire=l16(8000), wire_out=l16(8000)
    )
    assert world.times()[0] == pytest.approx(0.2)


def test_a_caller_who_leaves_before_any_audio() -> None:
    world = World("audiosocket", caller=lambda i: None)
    world.deliver(world.provider.stop())
    world.run(0.1)
    assert world.session.ended == "hangup"
    assert world.session.call is None


def test_a_rate_that_was_given_holds_from_the_id_on() -> None:
    session = Session(CallConfig(), streams.AudioSocket(sample_rate_hz=16000), now=0.0)
    for message in streams.AudioSocket("provider").open(STARTS["audiosocket"]):
        session.receive(message, 0.0)
    assert session.call.config.wire.sample_rate_hz == 16000


def test_a_rate_that_the_engine_does_not_know() -> None:
    wire = l16(96000)
    world = World("audiosocket", start=Start(call_id=UUID, wire=wire, wire_out=wire)).run(0.2)
    assert "96000" in (world.session.ended or "")
