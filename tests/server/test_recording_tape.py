"""What is recorded of a call: both directions on one axis of time, the agent as he was heard."""

import numpy as np
import pytest
from scenario import voice
from world import QUICK, World

from talkpath import StateError, g711, l16
from talkpath.server import Ended, PlayoutCleared, Taped
from talkpath.streams import ClearRequest, Media

FRAME = 160


def numbered(i: int) -> bytes:
    """A frame of the caller that says which it is; never silence."""
    return bytes([i % 100, i // 100 % 100] * (FRAME // 2))


def tracks(world: World) -> tuple[bytes, bytes]:
    pieces = world.of(Taped)
    assert {len(p.caller) for p in pieces} == {len(p.agent) for p in pieces} or all(
        len(p.caller) == len(p.agent) for p in pieces
    )
    return b"".join(p.caller for p in pieces), b"".join(p.agent for p in pieces)


def numbers(track: bytes) -> list[int | None]:
    frames = [track[at : at + FRAME] for at in range(0, len(track), FRAME)]
    return [f[0] + 100 * f[1] if f == bytes([f[0], f[1]] * (FRAME // 2)) and f[0] != 0xFF else None for f in frames]


def recorded(world: World) -> World:
    world.session.record(world.now)
    return world


def end(world: World) -> World:
    world.session.closed(world.now)
    world.settle()
    return world


def began(**options) -> World:
    return World("twilio", caller=numbered, **options).run(0.2)


def test_the_caller_is_there_frame_by_frame() -> None:
    world = end(recorded(began()).run(7))
    caller, agent = tracks(world)
    got = numbers(caller)
    assert got == list(range(got[0], got[0] + len(got)))
    assert len(got) in range(349, 352)
    assert len(caller) == len(agent)
    assert isinstance(world.events[-1][1], Ended)
    assert len(world.of(Taped)) > 4  # by and by, not at the end only


def test_the_agent_is_where_he_was_heard() -> None:
    """To the sample, and within a frame of the caller's time."""
    world = recorded(began())
    said = voice(2000)
    world.run(1)
    world.session.call.speak(said, 8000, "u", True)
    out = len(world.got_of(Media))
    world.run(3)
    sent = b"".join(m.payload for m in world.got_of(Media)[out:])
    _, agent = tracks(end(world))
    assert sent[: 2000 * 8] in agent
    onset = agent.index(sent[: 2000 * 8]) / 8000
    assert onset == pytest.approx(1.0, abs=0.03)


def test_what_was_cleared_is_not_there() -> None:
    """A stall of ours leaves 60 ms at the provider: the clear throws them away."""
    world = recorded(began())
    world.session.call.speak(voice(5000), 8000, "u", True)
    world.run(1)
    world.stalls.append((world.now, world.now + 0.1))
    world.run(0.2)
    world.session.call.interrupt()
    world.run(0.1)
    (cleared,) = world.of(PlayoutCleared)
    assert cleared.unheard_ms > 30
    at = world.now
    world.run(1)
    assert world.got_of(ClearRequest)
    _, agent = tracks(end(world))
    pcm = g711.ulaw_decode(agent).astype(float)
    loud = np.flatnonzero(np.abs(pcm) > 200)
    assert loud[-1] / 8000 + 0.2 <= at - 0.05  # the record began at 0.2 s
    assert loud[-1] / 8000 + 0.2 >= at - 0.2


def test_late_frames_leave_no_hole_and_move_nothing() -> None:
    world = recorded(World("twilio", caller=numbered, delay=lambda t: max(0.0, 2.6 - t) if t >= 2 else 0.0).run(0.2))
    got = numbers(tracks(end(world.run(6)))[0])
    assert got == list(range(got[0], got[0] + len(got)))


@pytest.mark.parametrize("silent_s", [0.6, 3.0])
def test_a_provider_that_sends_no_silence(silent_s: float) -> None:
    """The hole is where it was, and as long: what is said after it has its time."""
    first, last = 150, 150 + round(50 * silent_s)
    world = World("twilio", caller=lambda i: None if first <= i < last else numbered(i)).run(0.2)
    got = numbers(tracks(end(recorded(world).run(10)))[0])
    offset = got[0]
    for index, number in enumerate(got):
        if number is not None and number < first:
            assert number == index + offset
    later = [number - index - offset for index, number in enumerate(got) if number is not None and number >= last]
    assert max(abs(d) for d in later) <= 1
    assert [n for n in got if n is not None] == [
        *range(offset, first),
        *range(last, max(n for n in got if n is not None) + 1),
    ]


def test_audio_that_waited_for_the_configuration_was_said_before() -> None:
    world = World("twilio", None, caller=numbered, ask=True).run(1)
    world.session.configure(QUICK, world.now)
    recorded(world)
    world.session.call.speak(voice(1000), 8000, "u", True)
    caller, agent = tracks(end(world.run(5)))
    got = numbers(caller)
    assert got == list(range(len(got)))
    loud = np.flatnonzero(np.abs(g711.ulaw_decode(agent).astype(float)) > 500)
    assert loud[0] / 8000 == pytest.approx(0.95, abs=0.1)  # since the caller's first word


@pytest.mark.parametrize("dialect", ["vonage", "genesys", "audiosocket", "exotel"])
def test_any_wire_and_any_gathering(dialect: str) -> None:
    world = World(dialect).run(0.5)
    recorded(world).run(1)
    world.session.call.speak(voice(1000, 16000), 16000, "u", True)
    end(world.run(3))
    caller, agent = tracks(world)
    (stream,) = {p.stream for p in world.of(Taped)}
    rate = int(stream.rpartition("=")[2])
    pcm = g711.ulaw_decode(agent) if "mulaw" in stream else l16.decode(agent)
    loud = np.flatnonzero(np.abs(pcm.astype(float)) > 500)
    assert loud[0] / rate == pytest.approx(1.0 if dialect != "genesys" else 1.2, abs=0.15)
    assert loud[-1] / rate - loud[0] / rate == pytest.approx(1.0, abs=0.1)
    assert len(caller) == len(agent)


def test_it_is_recorded_once() -> None:
    world = World("twilio")
    with pytest.raises(StateError):
        World("twilio", None, ask=True).session.record(0)
    recorded(world.run(0.1))
    with pytest.raises(StateError, match="already"):
        world.session.record(world.now)


def test_what_is_masked_is_silence_on_both_sides() -> None:
    world = recorded(began())
    assert world.session.call is not None
    world.session.call.update(allow_interruptions=False)
    world.session.call.speak(voice(6000, 8000, seed=3), 8000, "u", True)
    world.run(2.0)
    world.session.mask(True)
    world.run(2.0)
    world.session.mask(False)
    end(world.run(2.0))
    caller, agent = tracks(world)
    quiet = bytes([0xFF]) * FRAME
    for track in (caller, agent):
        frames = [track[at : at + FRAME] == quiet for at in range(0, len(track), FRAME)]
        assert sum(frames[105:195]) == 90
        assert sum(frames[20:95]) < 20
        assert sum(frames[205:290]) < 20


def test_a_call_that_is_not_recorded_has_nothing_to_mask() -> None:
    world = began()
    world.session.mask(True)
    assert end(world.run(1.0)).of(Taped) == []
