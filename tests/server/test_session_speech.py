"""What was heard, what an interruption does, keys, and how a call ends."""

import pytest
from scenario import voice
from world import QUICK, STARTS, World

from talkpath import CallConfig, streams
from talkpath.call import events as e
from talkpath.server import Began, Ended, Limits, MarkCleared, MarkHeard, PlayoutCleared, Session, StreamFailed
from talkpath.streams import Cleared, ClearRequest, HangupRequest, MarkRequest, Media, Wire

DIALECTS = ["plivo", "twilio", "audiosocket", "asterisk", "vonage", "telnyx"]
dialects = pytest.mark.parametrize("dialect", DIALECTS)


def say(world: World, ms: int, name: str = "said") -> None:
    world.session.call.speak(voice(ms), 8000, name, True)
    world.session.call.checkpoint(name)


@dialects
@pytest.mark.parametrize("answers", [True, False])
def test_a_mark_is_heard(dialect: str, answers: bool) -> None:
    """By the provider's word, or by our own clock where it has none or gives none."""
    world = World(dialect, marks=answers).run(0.5)
    say(world, 600)
    world.run(0.4)
    assert not world.of(MarkHeard)
    world.run(2)
    asked = bool(world.got_of(MarkRequest))
    assert asked == (dialect != "audiosocket")
    assert world.of(MarkHeard) == [MarkHeard("said", "mark" if answers and asked else "clock")]
    assert not world.of(MarkCleared)


@dialects
def test_a_mark_that_was_cut_was_not_heard(dialect: str) -> None:
    world = World(dialect).run(0.5)
    say(world, 3000)
    world.run(1)
    world.session.call.interrupt()
    world.run(2)
    assert world.of(MarkCleared) == [MarkCleared("said")]
    assert not world.of(MarkHeard)
    assert len(world.got_of(ClearRequest)) == (dialect != "audiosocket")


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "asterisk", "telnyx"])
def test_a_mark_that_a_clear_sends_back_was_not_heard(dialect: str) -> None:
    """It has left, but the provider still has audio before it; a clear comes, and the provider sends all marks back."""
    world = World(dialect, marks=False).run(0.5)
    world.played_until = world.now + 5
    say(world, 200, "a")
    world.run(0.215)
    asked = world.got_of(MarkRequest)
    assert len(asked) == 1
    world.session.call.speak(voice(500), 8000, "b", True)
    world.run(0.06)
    heard_before = world.of(MarkHeard)
    assert not heard_before
    world.session.call.interrupt()
    world.run(0.03)
    for request in asked:
        world.deliver(world.provider.mark(request.name))
    world.run(2)
    assert len(world.of(MarkHeard)) + len(world.of(MarkCleared)) == 1  # known once, from the clear on
    assert all(m.by == "clock" for m in world.of(MarkHeard))


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "vonage", "asterisk"])
def test_names_that_are_used_again_are_told_apart(dialect: str) -> None:
    world = World(dialect).run(0.5)
    for _ in range(3):
        say(world, 100, "same name, with spaces")
        world.run(0.5)
    assert len({m.name for m in world.got_of(MarkRequest)}) == 3
    assert world.of(MarkHeard) == [MarkHeard("same name, with spaces", "mark")] * 3


@dialects
def test_the_clear_comes_before_the_silence(dialect: str) -> None:
    world = World(dialect).run(0.5)
    say(world, 3000)
    world.run(0.5)
    before = len(world.out)
    world.session.call.clear_audio()
    world.run(0.021)
    kinds = [type(m) for _, m in world.out[before:]]
    if dialect == "audiosocket":
        assert ClearRequest not in kinds
    else:
        assert kinds[0] is ClearRequest
        assert kinds.count(ClearRequest) == 1
        assert world.of(PlayoutCleared)[0].unheard_ms == pytest.approx(0, abs=20)
    world.run(1)
    assert world.got_of(ClearRequest).__len__() <= 1
    assert len(world.of(e.AudioCleared)) == 1


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "asterisk", "vonage", "audiosocket"])
def test_the_caller_interrupts(dialect: str) -> None:
    """End to end: the caller's speech on the wire, then a clear on the wire, within 700 ms."""
    rate = STARTS[dialect].wire.sample_rate_hz
    speech = voice(4000, rate, seed=9, pitch=190.0, level=0.2)
    n = rate // 50
    box: list = []

    def caller(i: int) -> bytes:
        at = (i - 100) * n
        pcm = speech[max(0, at) : max(0, at) + n] if 0 <= at < len(speech) - n else speech[:0]
        wire = STARTS[dialect].wire
        if not len(pcm):
            return (b"\xff" if wire.codec == "mulaw" else b"\0") * wire.frame_bytes()
        return box[0].session.call.encode(pcm)

    world = World(dialect, CallConfig(idle_timeout=None), caller=caller)
    box.append(world)
    world.run(0.2)
    world.session.call.speak(voice(8000), 8000, "long", True)
    world.run(6)
    assert len(world.of(e.AgentSpeechInterrupted)) == 1
    at = next(t for t, ev in world.events if isinstance(ev, e.AgentSpeechInterrupted))
    begins = world.begins + 100 * 0.02
    assert 0.2 < at - begins < 0.9
    clears = [t for t, m in world.out if isinstance(m, ClearRequest)]
    assert clears == ([] if dialect == "audiosocket" else [at])


@dialects
def test_what_was_heard_is_counted(dialect: str) -> None:
    world = World(dialect).run(3)
    session = world.session
    assert session.heard_ms(world.now) == pytest.approx(20 * session.counters.sent - session.unheard_ms(world.now))
    assert session.unheard_ms(world.now) <= 20.001


# --- keys -------------------------------------------------------------------------------------------------------------------


def dtmf(key: str, ms: int, wire: Wire) -> bytes:
    import talkpath as tp

    rate = wire.sample_rate_hz
    low, high = {"5": (770, 1336), "1": (697, 1209), "#": (941, 1477)}[key]
    import numpy as np

    t = np.arange(rate * ms // 1000) / rate
    pcm = (6000 * (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t))).astype(np.int16)
    return tp.g711.ulaw_encode(pcm) if wire.codec == "mulaw" else tp.l16.encode(pcm)


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket", "vonage"])
@pytest.mark.parametrize("message_at", [0.9, 1.1, 1.9])
@pytest.mark.parametrize("keys", ["5", "55", "1#"])
def test_a_key_once(dialect: str, message_at: float, keys: str) -> None:
    """In band from 1 s on, and as a message before, while or after that."""
    wire = STARTS[dialect].wire
    size = wire.frame_bytes()
    audio = b"".join(
        dtmf(k, 120, wire) + (b"\xff" if wire.codec == "mulaw" else b"\0\0") * (wire.sample_rate_hz // 10) for k in keys
    )
    audio = [audio[at : at + size] for at in range(0, len(audio), size)]

    def caller(i: int) -> bytes:
        return audio[i - 50] if 50 <= i < 50 + len(audio) else (b"\xff" if wire.codec == "mulaw" else b"\0") * size

    world = World(dialect, caller=caller).run(message_at)
    for key in keys:
        world.deliver(world.provider.dtmf(key))
    world.run(3)
    assert "".join(ev.digit for ev in world.of(e.UserDtmf)) == keys
    assert world.session.counters.keys_paired == len(keys)


@dialects
def test_keys_as_messages_only(dialect: str) -> None:
    world = World(dialect).run(0.5)
    for key in "5550":
        data = world.provider.dtmf(key)
        world.deliver(data)
        world.run(0.2)
    assert [ev.digit for ev in world.of(e.UserDtmf)] == list("5550")


# --- beginning, limits, end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialect", ["plivo", "twilio", "audiosocket", "asterisk", "vonage", "telnyx", "genesys", "exotel"]
)
def test_the_dialect_is_found(dialect: str) -> None:
    world = World(dialect, detect=True).run(1)
    began = world.of(Began)
    assert [b.start.dialect for b in began] == [dialect]
    assert world.session.start == began[0].start
    assert world.session.counters.received > 40
    assert world.got_of(Media)


@dialects
def test_garbage_in_between_harms_nothing(dialect: str) -> None:
    world = World(dialect).run(0.5)
    for k in range(100):
        garbage = "{" if k % 2 else '{"event":["media"]}'
        if dialect == "audiosocket":
            garbage = b"\x03\0\x01x"
        world.deliver(garbage)
        world.run(0.02)
    assert world.session.counters.malformed == 100
    assert abs(world.session.counters.received - world.sent) <= 1
    assert world.session.ended is None


@dialects
def test_limits(dialect: str) -> None:
    cls = streams.DIALECTS[dialect]
    session = Session(QUICK, cls(), now=100.0, limits=Limits(start_timeout_s=5))
    assert session.next_deadline() == 105.0
    session.tick(104.9)
    assert session.ended is None
    session.tick(105.0)
    assert session.ended == "no start"
    assert session.events() == [Ended("no start")]

    world = World(dialect, limits=Limits(max_message_bytes=5000)).run(1)
    world.session.receive(b"\0" * 5001 if dialect in ("audiosocket", "asterisk", "vonage") else "x" * 5001, world.now)
    assert world.session.ended == "a message is too long"
    sent = len(world.session.data_to_send())
    world.session.tick(world.now + 1)
    assert len(world.session.data_to_send()) == 0
    assert sent <= 1

    world = World(
        dialect,
        caller=lambda i: world.provider and (b"\xff" * 320 if i < 50 else None),
        limits=Limits(idle_timeout_s=2),
    )
    world.run(10)
    assert world.session.ended == "idle"
    assert world.session.next_deadline() is None


@dialects
def test_the_provider_stops(dialect: str) -> None:
    world = World(dialect).run(1)
    data = world.provider.stop("done")
    if data is None:
        world.session.closed(world.now)
    else:
        world.session.receive(data, world.now)
    world.settle()
    assert len(world.of(Ended)) == 1
    assert isinstance(world.events[-1][1], Ended)
    world.session.receive("{}", world.now)
    world.session.closed(world.now)
    world.run(1)
    assert len(world.of(Ended)) == 1


@dialects
def test_this_side_hangs_up(dialect: str) -> None:
    world = World(dialect).run(1)
    say(world, 1000)
    world.session.hangup(world.now)
    world.settle()
    assert world.of(Ended) == [Ended("hangup")]
    assert bool(world.got_of(HangupRequest)) == (dialect in ("audiosocket", "asterisk"))
    assert world.of(MarkCleared) == [MarkCleared("said")]


def test_an_owner_who_hangs_up_the_call_itself() -> None:
    world = World("twilio").run(1)
    world.session.call.hangup()
    world.run(0.1)
    assert world.session.ended == "hangup"


def test_the_provider_reports_an_error() -> None:
    world = World("plivo").run(1)
    world.session.receive('{"event":"error","reason":"oops"}', world.now)
    world.settle()
    assert world.of(StreamFailed) == [StreamFailed("error", "oops")]
    assert world.session.ended is None


def test_cleared_is_no_event_of_the_call() -> None:
    world = World("plivo").run(0.5)
    say(world, 1000)
    world.run(0.3)
    world.session.call.interrupt()
    world.run(0.5)
    assert not world.of(Cleared)
    assert len(world.of(PlayoutCleared)) == 1
