"""Audio given to a function, and commands without an answer."""

import asyncio
import contextlib
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig
from talkpath.call.events import UserSpeechStarted, UserSpeechStopped
from talkpath.errors import StateError
from talkpath.server import Began, CallEnded, Ended, Limits, MediaServer, PhoneCall, lines
from talkpath.streams import Start


class Line:
    """A call without one: what it is asked for, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.call = PhoneCall(Began(Start()), self.ask)

    async def ask(self, command: str, *args: object) -> None:
        self.asked.append((command, *args))
        if command == "turn_probability":
            raise ValueError("no probability")


async def rounds(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_function_gets_what_waited_and_then_what_comes_to_the_end() -> None:
    async def main() -> None:
        line, heard = Line(), []
        line.call.deliver([], [b"aa", b"bb"])
        hearing = asyncio.create_task(line.call.hear(heard.append, 100))
        await rounds()
        assert line.asked == [("listen", 5)]
        assert heard == [b"aabb"]
        line.call.deliver([], [b"c", b"d"])
        assert heard == [b"aabb", b"cd"]  # now, not in a task
        line.call.deliver([Ended("hangup")], [b"e"])
        await hearing
        assert heard[-1] == b"e"

    asyncio.run(main())


def test_what_the_function_raises_is_raised_and_a_new_reader_ends_the_old_one() -> None:
    async def main() -> None:
        line = Line()
        hearing = asyncio.create_task(line.call.hear(lambda pcm: 1 // 0))
        await rounds()
        line.call.deliver([], [b"aa"])
        with pytest.raises(ZeroDivisionError):
            await hearing
        line.call.deliver([], [b"bb"])
        heard: list[bytes] = []
        first = asyncio.create_task(line.call.hear(heard.append))
        await rounds()
        chunks = line.call.audio()
        line.call.deliver([], [b"cc"])
        second = asyncio.create_task(anext(chunks))
        with pytest.raises(StateError):
            await first
        line.call.deliver([], [b"dd"])
        assert (await second).tobytes() == b"dd"
        assert heard == [b"bb", b"cc"]

    asyncio.run(main())


def test_a_command_without_an_answer_is_done_in_its_order_and_logs_what_it_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        line = Line()
        line.call.tell("transcript", "well", True)
        line.call.tell("turn_probability", 7)
        line.call.tell("extend_wait")
        await rounds()
        assert [command for command, *_ in line.asked] == ["transcript", "turn_probability", "extend_wait"]
        line.call.deliver([Ended("hangup")], [])
        with pytest.raises(CallEnded):
            line.call.tell("extend_wait")

    with caplog.at_level(logging.WARNING, "talkpath.server"):
        asyncio.run(main())
    assert "no probability" in caplog.text


class Frames:
    """A session that gives a frame each time it is asked, and the events that a test puts in."""

    has_news, is_blocked, ended, call = True, False, None, None

    def __init__(self) -> None:
        self.waiting: list[object] = []

    def data_to_send(self) -> list[bytes]:
        return []

    def events(self) -> list[object]:
        found, self.waiting = self.waiting, []
        return found

    def audio(self) -> list[np.ndarray]:
        return [np.zeros(1, np.int16)]


def test_while_the_caller_is_silent_more_is_told_together_and_nothing_from_before_an_event_waits() -> None:
    frames, hub = Frames(), SimpleNamespace(limits=Limits(), logs=False)
    line = lines.Line(1, frames, SimpleNamespace(unsent_bytes=0), hub)
    line.listen(2, 5)

    def told(event: object = None) -> list[tuple[int, int]]:
        """After which frames, and how many."""
        found = []
        for frame in range(10):
            frames.waiting = [event] if event is not None and frame == 2 else []
            if line.settle(0.0):
                found.append((frame, len(line.take()[2])))
        return found

    assert told() == [(4, 5), (9, 5)]
    assert told(UserSpeechStarted("receive", 0.0, 0.0)) == [(2, 3), (4, 2), (6, 2), (8, 2)]
    assert told(UserSpeechStopped("receive", 0.0, 0.0, 0.0)) == [(0, 2), (2, 2), (7, 5)]


def test_audio_of_a_silent_caller_waits_for_what_another_call_has_to_tell() -> None:
    async def main() -> list[list[tuple[int, int, int]]]:
        told: list[list[tuple[int, int, int]]] = []
        hub = lines.Hub(
            lambda news: told.append([(n, len(events), len(audio)) for n, events, audio in news]),
            config=CallConfig(), limits=Limits(),
        )  # fmt: skip
        both = [lines.Line(n, Frames(), SimpleNamespace(unsent_bytes=0), hub) for n in (1, 2)]
        for line in both:
            line.listen(2, 1)
            assert line.settle(0.0)
            hub._fresh[line] = None
            hub.flush()
        assert told == []
        both[1].session.waiting = [UserSpeechStarted("receive", 0.0, 0.0)]
        both[1].settle(0.0)
        hub.flush()
        hub.close()
        return told

    assert asyncio.run(main()) == [[(1, 0, 1), (2, 1, 2)]]


@pytest.mark.realtime
def test_the_process_of_audio_answers_no_such_command_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    said: list[float] = []

    async def answer(call: PhoneCall) -> None:
        call.tell("turn_probability", 7)
        call.tell("transcript", "well", True)
        said.append(await call.say(voice(200), 8000))

    async def main() -> None:
        config = CallConfig(idle_timeout=None, comfort_noise_enabled=False)
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(MediaServer(answer, port=0, config=config))
            phone = await Phone("twilio").dial(server)
            await phone.over()

    with caplog.at_level(logging.WARNING, "talkpath.server"):
        asyncio.run(main())
    assert said == [200]
    assert "turn_probability" in caplog.text
