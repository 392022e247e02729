"""Legs: the carrier's word and the stream in either order, time-outs, hunts, and that none is left over."""

import asyncio

import pytest
from leg_world import FakeCarrier, Line, now, path_of, run, settle

from talkpath.agentstack.carriers.base import LegStatus
from talkpath.agentstack.hunting import Target
from talkpath.agentstack.legs import Leg, LegFailed, Legs
from talkpath.call.config import CallConfig


def world(**options: object) -> tuple[FakeCarrier, Legs]:
    carrier = FakeCarrier(**options)
    return carrier, Legs(carrier, stream_base="ws://phone:8080?token=t0", status_base="http://rest:8000/")


async def answer(carrier: FakeCarrier, legs: Legs, to: str) -> Line:
    line = Line(path_of(carrier.of(to)))
    assert legs.claim(line.call)
    await settle()
    return line


async def failure(work: object) -> str:
    with pytest.raises(LegFailed) as found:
        await work  # type: ignore[misc]
    return found.value.cause


def test_what_the_carrier_is_asked() -> None:
    async def main() -> None:
        carrier, legs = world(sends_digits=True)
        await legs.place("u-1", "+1", "+2", 30.0, "12#")
        await legs.place("u-2", "+1", "+2", 30.0)
        first, second = carrier.requests
        assert (first.call_uuid, first.to, first.from_number, first.ring_timeout_s) == ("u-1", "+1", "+2", 30.0)
        assert (first.stream_dialect, first.send_digits) == ("plivo", "12#")
        assert first.stream_url.startswith("ws://phone:8080/plivo/leg/u-1?token=t0&leg=")
        assert first.status_url.startswith("http://rest:8000/carrier/status/")
        secrets = {url.rpartition("=")[2] for url in (first.stream_url, second.stream_url)}
        tokens = {url.rpartition("/")[2] for url in (first.status_url, second.status_url)}
        assert len(secrets | tokens) == 4
        assert all(len(found) >= 32 for found in secrets | tokens)

    run(main())


@pytest.mark.parametrize("order", ["status first", "stream first", "no status"])
def test_an_answer(order: str) -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        carrier.says("+1", "ringing")
        assert leg.has_rung
        waits = asyncio.ensure_future(leg.answered())
        if order == "status first":
            carrier.says("+1", "answered")
            await asyncio.sleep(3)
            assert not waits.done()
        line = await answer(carrier, legs, "+1")
        if order == "stream first":
            carrier.says("+1", "answered")
        assert await waits is line.call
        await asyncio.sleep(100)  # no clock is left that could end it
        assert leg.cause is None
        line.ends("stop")
        await settle()
        assert leg.cause == "normal_clearing"
        assert carrier.ended == ["id-+1"]  # it has not said that it is over

    run(main())


def test_nobody_answers_and_the_carrier_says_so() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        asyncio.get_running_loop().call_later(30, carrier.says, "+1", "no_answer")
        assert await failure(leg.answered()) == "no_answer"
        assert now() == 1030
        await settle()
        assert carrier.ended == []

    run(main())


def test_nobody_answers_and_the_carrier_says_nothing() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        assert await failure(leg.answered()) == "no_answer"
        assert now() == pytest.approx(1032)
        await settle()
        assert carrier.ended == ["id-+1"]
        late = Line(path_of(carrier.of("+1")))
        assert not legs.claim(late.call)  # an answer that comes too late

    run(main())


def test_answered_but_no_stream() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 5.0)
        await asyncio.sleep(4.9)
        carrier.says("+1", "answered")
        assert await failure(leg.answered()) == "failed"
        assert now() == pytest.approx(1014.9)
        await settle()
        assert carrier.ended == ["id-+1"]

    run(main())


@pytest.mark.parametrize(
    ("status", "cause", "expected"),
    [
        ("busy", None, "busy"),
        ("no_answer", "whatever", "no_answer"),
        ("failed", None, "failed"),
        ("failed", "rejected", "rejected"),
        ("completed", None, "failed"),
        ("completed", "busy", "busy"),
    ],
)
def test_causes(status: str, cause: str | None, expected: str) -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        carrier.says("+1", status, cause)
        assert await failure(leg.answered()) == expected
        await settle()
        assert carrier.ended == []

    run(main())


def test_the_carrier_does_not_take_it() -> None:
    async def main() -> None:
        carrier, legs = world()
        carrier.refuses.add("+1")
        assert await failure(legs.place("u-1", "+1", "+2", 30.0)) == "failed"
        await settle()
        assert carrier.ended == []

    run(main())


def test_ended_while_it_rings_and_while_it_is_placed() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        await leg.end()
        assert await failure(leg.answered()) == "cancelled"
        assert carrier.ended == ["id-+1"]
        carrier.says("+1", "completed")  # follows the DELETE
        await leg.end()
        assert carrier.ended == ["id-+1"]
        carrier.slow_s = 3.0
        placing = asyncio.ensure_future(legs.place("u-2", "+3", "+2", 30.0))
        await asyncio.sleep(1)
        placing.cancel()
        await asyncio.sleep(1)
        assert carrier.ended == ["id-+1"]
        await asyncio.sleep(2)  # now it has an id
        assert carrier.ended == ["id-+1", "id-+3"]

    run(main())


def test_completed_ends_the_stream() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        line = await answer(carrier, legs, "+1")
        carrier.says("+1", "completed")
        await settle()
        assert line.call.ended == "hangup"
        assert (leg.cause, carrier.ended) == ("normal_clearing", [])

    run(main())


def test_streams_of_strangers() -> None:
    async def main() -> None:
        carrier, legs = world()
        await legs.place("u-1", "+1", "+2", 30.0, config=CallConfig(idle_timeout=None, audio_format="pcm_24k"))
        right = path_of(carrier.of("+1"))
        for path in ("/plivo/leg/u-1", "/plivo/leg/u-1?leg=", "/plivo/leg/u-1?leg=é", right.replace("u-1", "u-2")):
            line = Line(path)
            assert legs.is_leg(line.call.start)
            assert legs.config(line.call.start).audio_format == "pcm_8k"
            assert not legs.claim(line.call)
        assert not legs.is_leg(Line("/plivo/7b0c").call.start)
        assert not legs.is_leg(Line("/plivo/x?a=/plivo/leg/u-1").call.start)
        line = Line(right)
        assert legs.config(line.call.start).audio_format == "pcm_24k"
        assert legs.claim(line.call)
        assert not legs.claim(Line(right).call)  # a second one

    run(main())


def test_statuses_need_their_token() -> None:
    async def main() -> None:
        carrier, legs = world()
        leg = await legs.place("u-1", "+1", "+2", 30.0)
        await legs.place("u-2", "+1", "+2", 30.0)
        token, other = (request.status_url.rpartition("/")[2] for request in carrier.requests)
        assert not legs.report("guess", LegStatus("u-1", "busy"))
        assert not legs.report(other, LegStatus("u-1", "busy"))
        assert leg.cause is None
        assert legs.report(token, LegStatus("u-1", "busy"))
        assert leg.cause == "busy"
        await asyncio.sleep(59)
        assert legs.report(token, LegStatus("u-1", "completed"))
        await asyncio.sleep(2)
        assert not legs.report(token, LegStatus("u-1", "completed"))

    run(main())


def test_keys_after_the_answer() -> None:
    async def main() -> None:
        carrier, legs = world()
        await legs.place("u-1", "+1", "+2", 30.0, "1wW2")
        line = await answer(carrier, legs, "+1")
        assert line.of("send_dtmf") == [("1",)]
        await asyncio.sleep(1.6)
        assert line.of("send_dtmf") == [("1",), ("2",)]

    run(main())


def test_parallel_hunt() -> None:
    async def main() -> None:
        carrier, legs = world()
        seen: list[tuple[str, str]] = []
        legs.observe = lambda leg, what: seen.append((leg.to, what))
        carrier.refuses.add("+4")
        hunt = asyncio.ensure_future(legs.hunt(["+1", Target("+2", "9"), "+3", "+4"], "+9", "parallel", 30.0))
        await settle()
        assert [request.to for request in carrier.requests] == ["+1", "+2", "+3", "+4"]
        assert len({request.call_uuid for request in carrier.requests}) == 4
        carrier.says("+1", "busy")
        carrier.says("+3", "ringing")
        await asyncio.sleep(2)
        assert not hunt.done()
        late = Line(path_of(carrier.of("+3")))
        line = await answer(carrier, legs, "+2")
        leg, call = await hunt
        assert (leg.to, call) == ("+2", line.call)
        assert line.of("send_dtmf") == [("9",)]
        await settle()
        assert carrier.ended == ["id-+3"]
        assert not legs.claim(late.call)  # a moment too late
        assert ("+3", "over") in seen
        assert ("+2", "over") not in seen

    run(main())


def test_two_answer_in_the_same_moment() -> None:
    async def main() -> None:
        carrier, legs = world()
        hunt = asyncio.ensure_future(legs.hunt(["+1", "+2"], "+9", "parallel", 30.0))
        await settle()
        lines = [Line(path_of(carrier.of(to))) for to in ("+2", "+1")]
        assert all([legs.claim(line.call) for line in lines])
        _, call = await hunt
        await settle()
        lost = next(line for line in lines if line.call is not call)
        assert (call.ended, lost.call.ended) == (None, "hangup")
        assert len(carrier.ended) == 1

    run(main())


def test_sequential_hunt() -> None:
    async def main() -> None:
        carrier, legs = world()
        hunt = asyncio.ensure_future(legs.hunt(["+1", "+2", "+3"], "+9", "sequential", 20.0))
        await settle()
        assert [request.to for request in carrier.requests] == ["+1"]
        await asyncio.sleep(5)
        carrier.says("+1", "busy")
        await settle()
        assert [request.to for request in carrier.requests] == ["+1", "+2"]
        await asyncio.sleep(23)
        assert carrier.placed_at == pytest.approx([1000, 1005, 1027])
        assert carrier.ended == ["id-+2"]
        line = await answer(carrier, legs, "+3")
        assert (await hunt)[1] is line.call

    run(main())


@pytest.mark.parametrize(("mode", "expected", "at"), [("parallel", "no_answer", 1022), ("sequential", "busy", 1022.1)])
def test_a_hunt_that_nobody_answers(mode: str, expected: str, at: float) -> None:
    async def main() -> None:
        carrier, legs = world()

        def observe(leg: Leg, what: str) -> None:
            if leg.to == "+2" and what == "placed":
                asyncio.get_running_loop().call_later(0.1, carrier.says, "+2", "busy")

        legs.observe = observe
        assert await failure(legs.hunt(["+1", "+2"], "+9", mode, 20.0)) == expected
        assert now() == pytest.approx(at)
        await settle()
        assert carrier.ended == ["id-+1"]

    run(main())


@pytest.mark.parametrize("mode", ["parallel", "sequential"])
def test_a_hunt_that_is_given_up(mode: str) -> None:
    """The caller has hung up meanwhile."""

    async def main() -> None:
        carrier, legs = world()
        hunt = asyncio.ensure_future(legs.hunt(["+1", "+2"], "+9", mode, 20.0))
        await asyncio.sleep(1)
        hunt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hunt
        await settle()
        assert carrier.ended == [f"id-{request.to}" for request in carrier.requests]
        assert len(carrier.requests) == (2 if mode == "parallel" else 1)

    run(main())


def test_the_server_stops() -> None:
    async def main() -> None:
        carrier, legs = world()
        rings = await legs.place("u-1", "+1", "+9", 30.0)
        await legs.place("u-2", "+2", "+9", 30.0)
        line = await answer(carrier, legs, "+2")
        await legs.aclose()
        assert await failure(rings.answered()) == "cancelled"
        assert line.call.ended == "hangup"
        assert sorted(carrier.ended) == ["id-+1", "id-+2"]
        assert carrier.is_closed
        assert await failure(legs.place("u-3", "+3", "+9", 30.0)) == "server_error"

    run(main())
