"""Every call ends, on both sides, and for a reason."""

import asyncio

import pytest
from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.system import System
from scenario import voice

from talkpath.server import CallEnded, PhoneCall

ways = pytest.mark.parametrize("way", [AUDIOSOCKET, Way("audiosocket-channel"), PLAIN, JSON], ids=str)


@ways
def test_the_caller_hangs_up(system: System, way: Way) -> None:
    """In the middle of what is said to them."""
    ends: list[str] = []

    async def answer(call: PhoneCall) -> None:
        try:
            await call.say(voice(20_000), 8000)
        except CallEnded as over:
            ends.extend([str(over), await call.wait_ended()])

    async def main() -> None:
        async with telephone(system, answer) as lines:
            name, _ = await lines.dial(way, "leave")
            await lines.over(name)
            await asyncio.wait_for(until_empty(lines.server), 5)

    run(main())
    print(way, ends)
    assert ends == [ENDS[way.agent]] * 2


@ways
def test_the_agent_hangs_up(system: System, way: Way) -> None:
    """In the middle of its own speech, which is not heard to its end."""
    ends: list[str] = []

    async def answer(call: PhoneCall) -> None:
        await call.speak(voice(20_000), 8000, "long", True)
        await asyncio.sleep(0.5)
        await call.hangup(after_speech=False)
        ends.append(await call.wait_ended())

    async def main() -> None:
        async with telephone(system, answer) as lines:
            name, _ = await lines.dial(way, "wait")
            await lines.told("Left")
            end = await lines.over(name)
            assert end["Cause-txt"] == "Normal Clearing"

    run(main())
    assert ends == ["hangup"]


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN], ids=str)
def test_a_refused_call(system: System, way: Way) -> None:
    """One call too many: Asterisk goes on in its dialplan; the call that is there hears nothing of it."""
    heard: list[float] = []

    async def answer(call: PhoneCall) -> None:
        heard.append(await call.say(voice(3000), 8000))

    async def main() -> None:
        async with telephone(system, answer, max_calls=1) as lines:
            first, _ = await lines.dial(way, "wait")
            await lines.manager.wait("Newexten", lambda e: e.get("Application") in ("AudioSocket", "Dial"))
            await asyncio.wait_for(until(lambda: lines.server.calls == 1), 5)
            second, _ = await lines.dial(way, "wait")
            left = await lines.told("Left")
            await lines.over(second)
            assert not heard
            print(way, left.get("Status"))
            await lines.over(first)

    run(main())
    assert heard == [3000.0]


async def until(happened) -> None:
    while not happened():
        await asyncio.sleep(0.01)


async def until_empty(server) -> None:
    await until(lambda: server.calls == 0)


ENDS = {"audiosocket": "connection closed", "audiosocket-channel": "connection closed", "websocket": "connection closed"}
