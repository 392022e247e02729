"""Calls that end, are refused, or are many: each for itself, on both sides, and for a reason."""

import asyncio
import itertools
from collections.abc import Callable

import pytest
from scenario import voice

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, read_wav
from asterisk.system import System
from talkpath.server import CallEnded, PhoneCall
from talkpath.streams import Start

CHANNEL = Way("audiosocket-channel")
ways = pytest.mark.parametrize("way", [AUDIOSOCKET, CHANNEL, PLAIN, JSON], ids=str)


async def until(happened: Callable[[], bool]) -> None:
    while not happened():
        await asyncio.sleep(0.01)


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
            await lines.over(await lines.dial(way, "leave"))
            await asyncio.wait_for(until(lambda: lines.server.calls == 0), 5)

    run(main())
    assert ends == ["connection closed"] * 2


@ways
def test_the_agent_hangs_up(system: System, way: Way) -> None:
    """In the middle of its own speech, which is not heard to its end; the dialplan goes on."""
    ends: list[str] = []

    async def answer(call: PhoneCall) -> None:
        await call.speak(voice(5000), 8000, "long", True)
        await asyncio.sleep(0.5)
        await call.hangup(after_speech=False)
        ends.append(await call.wait_ended())

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "listen")
            left = await lines.told("Left")
            assert left["Status"] == ("" if way is AUDIOSOCKET else "ANSWER")
            assert (await lines.over(call))["Cause-txt"] == "Normal Clearing"
            heard, rate = read_wav(next(call.folder.iterdir()))
            assert 0 < len(heard) < 3 * rate

    run(main())
    assert ends == ["hangup"]


@pytest.mark.parametrize("way", [AUDIOSOCKET, CHANNEL, PLAIN], ids=str)
def test_a_call_too_many(system: System, way: Way) -> None:
    """Asterisk goes on in its dialplan; the call that is there hears nothing of it."""
    heard: list[float] = []

    async def answer(call: PhoneCall) -> None:
        heard.append(await call.say(voice(2000), 8000))

    async def main() -> None:
        async with telephone(system, answer, max_calls=1) as lines:
            first = await lines.dial(way, "wait")
            await asyncio.wait_for(until(lambda: lines.server.calls == 1), 5)
            second = await lines.dial(way, "wait")
            left = await lines.told("Left", second)
            assert left["Status"] == {AUDIOSOCKET: "", CHANNEL: "ANSWER", PLAIN: "CHANUNAVAIL"}[way]
            await lines.over(second)
            assert not heard
            await lines.over(first)

    run(main())
    assert heard == [2000.0]


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_the_token_is_a_password(system: System, password: str) -> None:
    """`username` and `password` of websocket_client.conf: basic authentication."""
    heard: list[float] = []

    async def answer(call: PhoneCall) -> None:
        heard.append(await call.say(voice(100), 8000))

    async def main() -> None:
        async with telephone(system, answer, password, token="secret") as lines:
            await lines.dial(PLAIN, "wait")
            left = await lines.told("Left")
            assert left["Status"] == ("ANSWER" if password == "secret" else "CHANUNAVAIL")

    run(main())
    assert heard == ([100.0] if password == "secret" else [])


@pytest.mark.parametrize(("transport", "workers"), [("websockets", 1), ("picows", 2)])
def test_many_at_once(system: System, transport: str, workers: int) -> None:
    """Every caller hears what was said on their own call, which the handler knows by its UUID."""
    pytest.importorskip(transport, reason="needs the extra: talkpath[fast]")
    said = [voice(2000, seed=seed, pitch=100.0 + 10 * seed) for seed in range(1, 9)]
    spoken: list[tuple[Start, tuple[int, float]]] = []
    count = itertools.count()

    async def answer(call: PhoneCall) -> None:
        number = next(count)
        spoken.append((call.start, (number, await call.say(said[number], 8000))))

    async def main() -> None:
        async with telephone(system, answer, transport=transport, workers=workers) as lines:
            calls = [await lines.dial(way, "listen") for way in (AUDIOSOCKET, CHANNEL, PLAIN, Way("websocket")) * 2]
            for call in calls:
                await lines.over(call)
        assert len({start.call_id for start, _ in spoken}) == len(calls)
        paths = {start.path.partition("&")[0] for start, _ in spoken if start.dialect == "asterisk"}
        assert paths == {"/asterisk?from=%2B15550100"}  # `v(…)` of Dial()
        for call in calls:
            number, ms = call.its(spoken)
            assert ms == 2000.0
            found = align(read_wav(next(call.folder.iterdir()))[0], said[number], 8000)
            assert (found.shift_ms, found.likeness > 0.99) == (0, True)

    run(main())
