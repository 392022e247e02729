"""`say` of an iterator that stalls, fails or is left: what is heard, who is closed, and that nobody waits for nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig
from talkpath.call.events import AgentSpeechCompleted, AgentSpeechInterrupted, AudioCleared
from talkpath.errors import ConfigError
from talkpath.server import (
    Began,
    CallEnded,
    Ended,
    MarkCleared,
    MarkHeard,
    MediaServer,
    PhoneCall,
    PlayoutCleared,
    Session,
)
from talkpath.streams import Start

CHUNK = np.ones(800, np.int16)  # 100 ms


class Line:
    """What a call asks of its line, written down; `plays`: what is said is heard at once."""

    def __init__(self, plays: bool = True) -> None:
        self.asked: list[tuple] = []
        self.plays = plays
        self.call = PhoneCall(Began(Start()), self.ask)

    async def ask(self, command: str, *args: object, **kwargs: object) -> object:
        self.asked.append((command, *args))
        await asyncio.sleep(0)
        if command == "speak":
            return len(args[0])
        if command == "checkpoint" and self.plays:
            asyncio.get_running_loop().call_soon(self.happens, MarkHeard(args[0], "clock"))
        return None

    def happens(self, *events: object) -> None:
        self.call.deliver(list(events), [])

    def said(self) -> list[tuple[str, int, bool]]:
        return [(a[3], len(a[1]), a[4]) for a in self.asked if a[0] == "speak"]


def run(scene: Callable) -> object:
    return asyncio.run(asyncio.wait_for(scene(), 10))


class Chunks:
    """Gives `before` chunks, then waits for ever; says when it was closed."""

    def __init__(self, before: int = 1) -> None:
        self.before, self.is_closed = before, False
        self.stalls = asyncio.Event()

    async def __call__(self) -> AsyncIterator[np.ndarray]:
        try:
            for _ in range(self.before):
                yield CHUNK
            self.stalls.set()
            await asyncio.Event().wait()
        finally:
            self.is_closed = True


@pytest.mark.parametrize("ended", [False, True])
def test_an_iterator_that_stalls(ended: bool) -> None:
    """An interruption, or the end of the call, does not wait for its next chunk."""

    async def scene() -> None:
        line, chunks = Line(), Chunks()
        says = asyncio.create_task(line.call.say(chunks(), 8000, "a"))
        await chunks.stalls.wait()
        if ended:
            line.happens(AgentSpeechInterrupted("transmit", 0, "a", 0.1), PlayoutCleared(30), Ended("stop"))
            with pytest.raises(CallEnded) as found:
                await says
            assert found.value.heard_ms == pytest.approx(70)
        else:
            line.happens(AgentSpeechInterrupted("transmit", 0, "a", 0.1), PlayoutCleared(30))
            assert await says == pytest.approx(70)
            assert line.said()[-1] == ("a", 0, True)  # its name is free again
        assert chunks.is_closed

    run(scene)


def test_one_that_stalls_before_its_first_chunk() -> None:
    async def scene() -> None:
        line, chunks = Line(), Chunks(0)
        says = asyncio.create_task(line.call.say(chunks(), 8000))
        await chunks.stalls.wait()
        line.happens(AgentSpeechInterrupted("transmit", 0, "a filler", 0.1))
        assert await says == 0
        assert chunks.is_closed

    run(scene)


def test_one_that_does_not_want_to_close() -> None:
    """It goes on by itself."""

    async def scene() -> None:
        line, stalls, released = Line(), asyncio.Event(), asyncio.Event()

        async def stubborn() -> AsyncIterator[np.ndarray]:
            try:
                yield CHUNK
                stalls.set()
                await asyncio.Event().wait()
            finally:
                await released.wait()

        says = asyncio.create_task(line.call.say(stubborn(), 8000, "a"))
        await stalls.wait()
        line.happens(AgentSpeechInterrupted("transmit", 0, "a", 0.1))
        assert await says == pytest.approx(100)
        released.set()

    run(scene)


def test_a_time_out_that_an_iterator_holds_open() -> None:
    """All of it runs in one task."""

    async def scene() -> None:
        async def chunks() -> AsyncIterator[np.ndarray]:
            async with asyncio.timeout(5):
                yield CHUNK
                yield CHUNK

        assert await Line().call.say(chunks(), 8000) == 200

    run(scene)


def test_two_at_once_are_said_one_after_the_other() -> None:
    async def scene() -> None:
        line = Line()
        heard = await asyncio.gather(
            line.call.say(np.ones(12000, np.int16), 8000, "a"), line.call.say(CHUNK, 8000, "b")
        )
        assert heard == [1500, 100]
        assert [name for name, _, _ in line.said()] == ["a"] * 3 + ["b"] * 2

    run(scene)


def test_an_interruption_cuts_all_that_were_asked_for() -> None:
    async def scene() -> None:
        line, chunks = Line(plays=False), Chunks()
        says = [
            asyncio.create_task(line.call.say(chunks(), 8000, "a")),
            asyncio.create_task(line.call.say(CHUNK, 8000, "b")),
        ]
        await chunks.stalls.wait()
        line.happens(AgentSpeechInterrupted("transmit", 0, "a", 0.05))
        assert await asyncio.gather(*says) == [50, 0]
        assert not any(name == "b" for name, _, _ in line.said())

    run(scene)


def test_what_the_provider_throws_away_is_taken_from_the_last() -> None:
    """`a` had left and waited there with the beginning of `b`."""

    async def scene() -> None:
        line = Line(plays=False)
        says = [asyncio.create_task(line.call.say(CHUNK, 8000, name)) for name in "ab"]
        while len([a for a in line.asked if a[0] == "checkpoint"]) < 2:
            await asyncio.sleep(0)
        line.happens(
            AgentSpeechCompleted("transmit", 0, "a", 0.1),
            AgentSpeechInterrupted("transmit", 0, "b", 0.02, ("x",)),
            AudioCleared("transmit", 0),
            *(MarkCleared(args[1]) for args in line.asked if args[0] == "checkpoint"),
            PlayoutCleared(50),
        )
        assert await asyncio.gather(*says) == [pytest.approx(70), 0]

    run(scene)


@pytest.mark.parametrize("how", ["raises", "is cancelled", "gives nonsense"])
def test_what_was_given_before_is_complete(how: str) -> None:
    """Nothing waits for more of it, and the next one may begin."""

    async def scene() -> None:
        line, stalls = Line(), Chunks()

        async def chunks() -> AsyncIterator[object]:
            yield CHUNK
            if how == "raises":
                raise ZeroDivisionError
            yield "nonsense"

        says = asyncio.create_task(line.call.say(stalls() if how == "is cancelled" else chunks(), 8000, "a"))
        if how == "is cancelled":
            await stalls.stalls.wait()
            says.cancel()
        with pytest.raises({"raises": ZeroDivisionError, "is cancelled": asyncio.CancelledError}.get(how, ValueError)):
            await says
        assert line.said() == [("a", 800, False), ("a", 0, True)]
        assert stalls.is_closed or how != "is cancelled"
        assert await line.call.say(CHUNK, 8000, "b") == 100

    run(scene)


def test_a_rate_that_is_none_leaves_nothing_behind() -> None:
    async def scene() -> None:
        line = Line()
        with pytest.raises(ConfigError):
            await line.call.say(CHUNK, float("nan"))
        assert await line.call.say(CHUNK, 8000) == 100

    run(scene)


@pytest.mark.realtime
@pytest.mark.parametrize("dialect", ["twilio", "audiosocket"])
def test_a_stall_on_a_real_line(dialect: str) -> None:
    story: list = []

    async def answer(call: PhoneCall) -> None:
        chunks = Chunks(2)
        says = asyncio.create_task(call.say(chunks(), 8000))
        await asyncio.sleep(0.4)
        await call.interrupt()
        story.append(await asyncio.wait_for(says, 5))
        story.append(await call.say(voice(100), 8000))

    async def main() -> None:
        config = CallConfig(idle_timeout=None, comfort_noise_enabled=False)
        async with MediaServer(answer, config=config, port=0, audiosocket_port=0, drain_s=0) as server:
            await (await Phone(dialect).dial(server)).over()

    asyncio.run(main())
    assert story == [pytest.approx(200, abs=60), 100]  # what waited at the provider was silence, and counts as speech


@pytest.mark.parametrize("ends", [False, True])
def test_how_much_was_heard_is_in_the_events(ends: bool) -> None:
    """Of speech by pieces, as of `say`: what was being said, and what of it was played."""
    from world import World

    world = World("twilio").run(0.5)
    session: Session = world.session
    world.session.call.speak(voice(3000), 8000, "u", False)
    world.run(0.5)
    if ends:
        session.hangup(world.now)
        world.settle()
    else:
        session.call.interrupt()
        world.run(0.1)
    (cut,) = world.of(AgentSpeechInterrupted)
    (cleared,) = world.of(PlayoutCleared)
    assert cleared.utterance == cut.utterance == "u"
    assert cleared.heard_ms == pytest.approx(1000 * cut.playback_position_s - cleared.unheard_ms)
    assert 440 <= cleared.heard_ms <= 510  # the voice fades out
