"""However the caller's bytes were cut, the call gets the same frames; and the agent's go out in what the provider takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import QUICK, STARTS, World

from talkpath import streams
from talkpath.errors import TalkpathError
from talkpath.server import Session
from talkpath.server.framing import Framer, Packer
from talkpath.streams import Framing, Media, Wire

AUDIO = bytes(range(256)) * 20


@given(cuts=st.lists(st.integers(0, 700), max_size=60), size=st.sampled_from([80, 160, 320, 640]))
@settings(deadline=None)
def test_any_cutting_gives_the_same_frames(cuts: list[int], size: int) -> None:
    framer = Framer(size, 1000, b"\xff")
    at = 0
    for cut in [*cuts, len(AUDIO)]:
        framer.put(AUDIO[at : at + cut])
        at += cut
    framer.finish()
    frames = [framer.take() for _ in range(len(framer))]
    assert {len(f) for f in frames} == {size}
    joined = b"".join(frames)
    assert joined[: len(AUDIO)] == AUDIO
    assert set(joined[len(AUDIO) :]) <= {0xFF}


class Spy:
    """What a call was given."""

    def __init__(self, session: Session) -> None:
        self.call, self.frames = session.call, []
        session.call = self

    def receive(self, payload: bytes) -> object:
        self.frames.append(payload)
        return self.call.receive(payload)

    def __getattr__(self, name: str) -> object:
        return getattr(self.call, name)


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket", "asterisk", "vonage", "exotel"])
@given(cuts=st.lists(st.integers(1, 1000), min_size=1, max_size=30))
@settings(deadline=None, max_examples=15)
def test_any_messages_give_the_same_frames(dialect: str, cuts: list[int]) -> None:
    start = STARTS[dialect]
    options = {"sample_rate_hz": 8000} if dialect == "audiosocket" else {}  # or the call begins with the audio
    session = Session(QUICK, streams.DIALECTS[dialect](**options), now=0.0)
    provider = streams.DIALECTS[dialect]("provider")
    for message in provider.open(start):
        session.receive(message, 0.0)
    spy = Spy(session)
    at = 0
    for cut in [*cuts, len(AUDIO)]:
        if AUDIO[at : at + cut]:
            session.receive(provider.media(AUDIO[at : at + cut]), 0.1)
        at += cut
    for k in range(30):
        session.tick(0.3 + k * 0.02)
    session.closed(1.0)
    size = start.wire.frame_bytes()
    whole = b"".join(spy.frames)
    assert {len(f) for f in spy.frames} == {size}
    assert whole[: len(AUDIO)] == AUDIO
    assert len(whole) - len(AUDIO) < size


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
def test_any_piece_of_a_tcp_stream(cut: int) -> None:
    provider = streams.AudioSocket("provider")
    data = b"".join([*provider.open(STARTS["audiosocket"]), *[provider.media(bytes([k]) * 320) for k in range(20)]])
    session = Session(QUICK, now=0.0)  # found out from the first three bytes
    first = session.receive(data[:30], 0.0)
    assert first is None
    for at in range(30, len(data), cut):
        session.receive(data[at : at + cut], 0.0)
    assert session.start.call_id == STARTS["audiosocket"].call_id
    for k in range(20):
        session.tick(k * 0.02)
    assert session.counters.received == 20
    assert session.counters.malformed == 0


def test_a_last_frame_of_93() -> None:
    world = World("asterisk", caller=lambda i: b"\x55" * (160 if i < 10 else 93) if i <= 10 else None)
    world.run(0.4)
    assert world.session.counters.received == 10
    world.session.closed(world.now)
    assert world.session.counters.received == 11


@pytest.mark.parametrize(
    ("framing", "message", "sizes"),
    [
        (Framing(20, 160), 160, [160] * 6),
        (Framing(20, 1), 160, [160] * 6),
        (Framing(20, 320), 160, [320] * 3),
        (Framing(100, 320, 960), 800, [960]),
        (Framing(20, 160, 160), 480, [160] * 6),
        (Framing(60, 240), 480, [480, 480]),
        (Framing(20, 500), 160, [500]),
    ],
)
def test_messages_are_what_the_provider_takes(framing: Framing, message: int, sizes: list[int]) -> None:
    packer = Packer(framing, message)
    found = [piece for k in range(6) for piece in packer.put(bytes([k]) * 160)]
    assert [len(p) for p in found] == sizes
    assert packer.taken_bytes == 960
    assert packer.given_bytes + packer.waiting_bytes == 960
    assert b"".join(found) == b"".join(bytes([k]) * 160 for k in range(6))[: sum(sizes)]


@pytest.mark.parametrize(("dialect", "ms"), [("exotel", 100), ("genesys", 200), ("twilio", 20), ("vonage", 20)])
def test_messages_of_the_length_that_is_preferred(dialect: str, ms: int) -> None:
    world = World(dialect).run(2)
    wire = world.start.wire_out
    assert {wire.duration_ms(len(m.payload)) for m in world.got_of(Media)} == {ms}
    short = World(dialect, message_ms=20).run(2)
    assert {wire.duration_ms(len(m.payload)) for m in short.got_of(Media)} == {20}


WIRES = [
    Wire("mulaw", 8000),
    Wire("alaw", 8000),
    *[Wire("l16", hz, order) for hz in (8000, 16000, 24000, 48000) for order in ("little", "big")],
]


@pytest.mark.parametrize("out", WIRES, ids=str)
@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_each_direction_has_its_own_codec(wire: Wire, out: Wire) -> None:
    stream = streams.Telnyx(byte_order=wire.byte_order or "big", wire_out=out)
    provider = streams.Telnyx("provider", byte_order=wire.byte_order or "big")
    session = Session(QUICK, stream, now=0.0)
    for message in provider.open(streams.Start(stream_id="s", wire=wire, wire_out=out)):
        session.receive(message, 0.0)
    sent = []
    for k in range(50):
        session.receive(provider.media(b"\x7f\x00" * (wire.frame_bytes() // 2)), k * 0.02)
        session.tick(k * 0.02 + 0.01)
        for data in session.data_to_send():
            sent += provider.receive(data)
    assert {len(m.payload) for m in sent} == {out.frame_bytes()}
    assert len(sent) == 50
    assert session.counters.received == 50
    assert session.counters.malformed == 0


@pytest.mark.parametrize("codec", ["opus", "g722", "amr-wb", "speex"])
def test_a_codec_that_is_not_known_ends_the_call(codec: str) -> None:
    for wire, out in ((Wire(codec, 16000), Wire()), (Wire(), Wire(codec, 16000))):
        session = Session(QUICK, streams.Telnyx(wire_out=out), now=0.0)
        for message in streams.Telnyx("provider").open(streams.Start(stream_id="s", wire=wire, wire_out=out)):
            session.receive(message, 0.0)
        assert codec in session.ended
        assert session.next_deadline() is None


def test_audio_of_another_form_than_promised() -> None:
    """AudioSocket says the rate with the audio, after the call has begun."""
    provider = streams.AudioSocket("provider")
    session = Session(QUICK, now=0.0)
    start = streams.Start(
        call_id=STARTS["audiosocket"].call_id, wire=Wire("l16", 16000, "little"), wire_out=Wire("l16", 8000, "little")
    )
    for message in provider.open(start):
        session.receive(message, 0.0)
    for k in range(50):
        session.receive(provider.media(b"\1\0" * 320), k * 0.02)
        session.tick(k * 0.02 + 0.01)
    assert session.counters.received == 50


def test_a_configuration_of_ones_own_may_refuse() -> None:
    def refuse(start: streams.Start) -> None:
        raise TalkpathError(f"nobody at {start.dialect}")

    world = World("plivo", refuse)
    assert world.session.ended == "nobody at plivo"
