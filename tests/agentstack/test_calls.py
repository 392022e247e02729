"""Every call from its beginning to its callbacks: inbound, outbound, hunts, an agent or a person who joins, the server's stop."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from leg_world import FakeCarrier, Line, path_of, run, settle

from talkpath.agentstack.agent import Agent, Callback
from talkpath.agentstack.agent_body import agent_from_body
from talkpath.agentstack.calls import HOLD_S, Calls
from talkpath.agentstack.legs import Leg, Legs
from talkpath.agentstack.rest.control import ControlError, DialMore, NewCall, Target
from talkpath.agentstack.session import Party
from talkpath.server import PhoneCall

BODY = {
    "agent_name": "a", "websocket_url": "ws://app", "stt": {"provider": "deepgram"}, "llm": {"provider": "openai"},
    "tts": {"provider": "elevenlabs"}, "callbacks": {"hangup": {"url": "http://app/h", "method": "POST"}},
}  # fmt: skip
AGENT: Agent = agent_from_body(BODY, "agent-1", "2026-01-01T00:00:00Z")


@dataclass
class Kept:
    """Sessions and callbacks: what came, in order."""

    rows: list[tuple] = field(default_factory=list)
    sent: list[tuple] = field(default_factory=list)
    fails: bool = False

    async def call_began(self, record: Any) -> None:
        if self.fails:
            raise OSError("the disk is full")
        self.rows.append(("began", record.call_uuid, record.direction, record.to_number, dict(record.callbacks)))
        await asyncio.sleep(0.01)

    async def call_answered(self, call_uuid: str, answered_at: str) -> None:
        self.rows.append(("answered", call_uuid))

    async def call_ended(self, call_uuid: str, ended_at: str, duration_s: int, cause: str) -> None:
        self.rows.append(("ended", call_uuid, duration_s, cause))

    def send(self, call_uuid: str, kind: str, body: Any, callback: Any) -> None:
        self.sent.append((kind, callback and callback["url"], dict(body)))

    def of(self, kind: str) -> list[dict]:
        return [body for found, _, body in self.sent if found == kind]


class FakeSession:
    """An agent that stays until it is told to leave, or the call is over."""

    record_url: str | None = None
    has_failed = False

    def __init__(self, legs: Legs, call: PhoneCall, agent: Agent, party: Party) -> None:
        self.id, self.legs, self.call, self.agent, self.party = f"s-{agent.agent_uuid}", legs, call, agent, party
        self.left: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        gone = asyncio.ensure_future(self.call.wait_ended())
        await asyncio.wait({gone, self.left}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if self.left.done() and isinstance(self.left.result(), PhoneCall):
            await self.legs.bridge(self.call, self.left.result())

    def hand_over(self, leg: Leg, person: PhoneCall) -> None:
        self.left.set_result(person)

    def leave(self, reason: str) -> None:
        self.left.set_result(reason)


class Stage:
    def __init__(self, **options: Any) -> None:
        self.carrier = FakeCarrier()
        self.legs = Legs(self.carrier, stream_base="ws://phone", status_base="http://rest")
        self.kept = Kept()
        self.sessions: list[FakeSession] = []
        self.calls = Calls(self.legs, self.kept, self.kept, None, self.session_of, **options)  # type: ignore[arg-type]

    def session_of(self, call: PhoneCall, agent: Agent, party: Party) -> FakeSession:
        self.sessions.append(FakeSession(self.legs, call, agent, party))
        return self.sessions[-1]

    def answer(self, to: str) -> Line:
        line = Line(path_of(self.carrier.of(to)))
        assert self.legs.claim(line.call)
        return line

    async def inbound(self, agent: Agent | None = AGENT, call_id: str = "c-1") -> tuple[Line, asyncio.Task]:
        line = Line(call_id=call_id)
        task = asyncio.ensure_future(self.calls.inbound(line.call, agent, "+1", "+2"))
        await asyncio.sleep(0.1)
        return line, task


def new_call(*to: str, **options: Any) -> NewCall:
    return NewCall(AGENT, to, "+9", **{"detection_method": "disabled", **options})


def test_a_call_that_comes_in() -> None:
    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound()
        assert stage.kept.rows == [
            ("began", "c-1", "inbound", "+2", {"hangup": {"url": "http://app/h", "method": "POST"}})
        ]
        assert stage.kept.sent == [
            ("ring", None, {"call_uuid": "c-1", "from": "+1", "to": "+2", "direction": "inbound"})
        ]
        party = stage.sessions[0].party
        assert (party.call_uuid, party.caller, party.callee, party.is_outbound) == ("c-1", "+1", "+2", False)
        await asyncio.sleep(12)
        line.ends("stop")
        await task
        body = {
            "call_uuid": "c-1",
            "duration": 12,
            "hangup_cause": "normal_clearing",
            "from": "+1",
            "to": "+2",
            "direction": "inbound",
        }
        assert stage.kept.sent[1:] == [("hangup", "http://app/h", body)]
        assert stage.kept.rows[1:] == [("ended", "c-1", 12, "normal_clearing")]

    run(main())


def test_ids_of_calls_that_come_in() -> None:
    async def main() -> None:
        stage = Stage()
        for call_id in ("c-1", "c-1", ""):
            await stage.inbound(call_id=call_id)
        ids = [row[1] for row in stage.kept.rows]
        assert ids[0] == "c-1"
        assert len(set(ids)) == 3
        assert all(ids)

    run(main())


def test_the_agent_leaves_and_the_session_fails() -> None:
    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound()
        stage.sessions[0].leave("agent_hangup")
        await task
        assert line.call.ended == "hangup"
        line, task = await stage.inbound()
        stage.sessions[1].left.set_exception(ZeroDivisionError())
        await task
        assert line.call.ended == "hangup"
        assert [body["hangup_cause"] for body in stage.kept.of("hangup")] == ["normal_clearing"] * 2

    run(main())


def test_an_outbound_call() -> None:
    async def main() -> None:
        stage = Stage()
        call_uuid = await stage.calls.initiate(
            new_call("+1", send_digits="5", ring_timeout_s=25.0, detection_method="audio")
        )
        assert stage.kept.rows[0][:4] == ("began", call_uuid, "outbound", "+1")
        await settle()
        request = stage.carrier.of("+1")
        assert (request.call_uuid, request.ring_timeout_s) == (call_uuid, 25.0)
        for _ in range(2):
            stage.carrier.says("+1", "ringing")
        assert stage.kept.of("ring") == [{"call_uuid": call_uuid, "from": "+9", "to": "+1", "direction": "outbound"}]
        await asyncio.sleep(5)
        line = Line(path_of(request))
        assert stage.legs.config(line.call.start).detection_method == "audio"
        assert stage.legs.claim(line.call)
        await settle()
        assert line.of("send_dtmf") == [("5",)]
        party = stage.sessions[0].party
        assert (party.caller, party.callee, party.is_outbound, party.detection_method) == ("+9", "+1", True, "audio")
        await asyncio.sleep(7)
        line.ends()
        await settle()
        assert stage.kept.rows[1:] == [("answered", call_uuid), ("ended", call_uuid, 7, "normal_clearing")]
        assert stage.kept.of("hangup")[0]["duration"] == 7
        assert stage.carrier.ended == ["id-+1"]

    run(main())


@pytest.mark.parametrize("how", ["busy", "no_answer", "refused"])
def test_nobody_answers(how: str) -> None:
    """No session, so no socket to the app: a hangup callback with its cause."""

    async def main() -> None:
        stage = Stage()
        if how == "refused":
            stage.carrier.refuses.add("+1")
        call_uuid = await stage.calls.initiate(new_call("+1", ring_timeout_s=25.0))
        await settle()
        if how == "busy":
            stage.carrier.says("+1", "busy")
        await asyncio.sleep(30)
        cause = "failed" if how == "refused" else how
        assert stage.sessions == []
        assert [(body["duration"], body["hangup_cause"]) for body in stage.kept.of("hangup")] == [(0, cause)]
        assert stage.kept.rows[1:] == [("ended", call_uuid, 0, cause)]
        with pytest.raises(ControlError) as problem:
            await stage.calls.connect(call_uuid, AGENT)
        assert problem.value.status == 404

    run(main())


def test_an_outbound_hunt() -> None:
    """The call has the id that REST gave; each leg one and a row of its own."""

    async def main() -> None:
        stage = Stage()
        call_uuid = await stage.calls.initiate(new_call("+1", "+2"))
        await settle()
        stage.carrier.says("+1", "ringing")
        stage.carrier.says("+2", "ringing")
        await asyncio.sleep(2)
        line = stage.answer("+2")
        await asyncio.sleep(3)
        assert (stage.sessions[0].party.call_uuid, stage.sessions[0].party.callee) == (call_uuid, "+2")
        line.ends()
        await asyncio.sleep(1)
        assert [body["call_uuid"] for body in stage.kept.of("ring")] == [call_uuid]
        ids = {to: stage.carrier.of(to).call_uuid for to in ("+1", "+2")}
        rows = {found: [row for row in stage.kept.rows if row[1] == found] for found in (call_uuid, *ids.values())}
        assert [row[0] for row in rows[call_uuid]] == ["began", "answered", "ended"]
        assert rows[ids["+1"]] == [("began", ids["+1"], "outbound", "+1", {}), ("ended", ids["+1"], 0, "cancelled")]
        assert [row[0] for row in rows[ids["+2"]]] == ["began", "answered", "ended"]
        assert rows[ids["+2"]][2][2:] == (3, "normal_clearing")
        assert len(stage.kept.of("hangup")) == 1

    run(main())


def test_time_is_up() -> None:
    async def main() -> None:
        stage = Stage()
        await stage.calls.initiate(new_call("+1", time_limit_s=20.0))
        await settle()
        line = stage.answer("+1")
        await asyncio.sleep(21)
        assert stage.sessions[0].left.result() == "time_limit"
        assert line.call.ended == "hangup"
        assert stage.kept.of("hangup")[0]["duration"] == 20

    run(main())


def test_an_agent_joins_a_call_that_has_none() -> None:
    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound(None)
        assert stage.sessions == []
        assert await stage.calls.connect("c-1", replace(AGENT, agent_uuid="agent-2")) == "s-agent-2"
        await settle()
        with pytest.raises(ControlError) as problem:
            await stage.calls.connect("c-1", AGENT)
        assert problem.value.status == 409
        await asyncio.sleep(2 * HOLD_S)
        line.ends()
        await task
        assert stage.kept.sent[-1][:2] == ("hangup", "http://app/h")
        line, task = await stage.inbound(None)  # nobody joins this one
        await task
        assert line.call.ended == "hangup"
        assert stage.kept.sent[-1][2]["duration"] == HOLD_S

    run(main())


@pytest.mark.parametrize("has_agent", [True, False])
def test_more_people_are_rung(has_agent: bool) -> None:
    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound(AGENT if has_agent else None)
        await stage.calls.dial("c-1", DialMore([Target("+5"), Target("+6", "7")]))
        with pytest.raises(ControlError) as problem:
            await stage.calls.dial("c-1", DialMore([Target("+7")]))
        assert problem.value.status == 409
        await settle()
        assert stage.carrier.of("+5").from_number == "+2"
        person = stage.answer("+6")
        await settle()
        assert person.of("send_dtmf") == [("7",)]
        assert person.of("listen") == [(1,)]  # they talk
        assert line.of("listen") == [(1,)]
        with pytest.raises(ControlError):
            await stage.calls.connect("c-1", AGENT)
        person.ends()
        await task
        await asyncio.sleep(1)
        assert line.call.ended == "hangup"
        assert [row[0] for row in stage.kept.rows if row[1] == stage.carrier.of("+6").call_uuid] == [
            "began",
            "answered",
            "ended",
        ]

    run(main())


def test_nobody_who_is_rung_comes() -> None:
    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound()
        await stage.calls.dial("c-1", DialMore([Target("+5")], caller_id="+77"))
        await settle()
        assert stage.carrier.of("+5").from_number == "+77"
        stage.carrier.says("+5", "busy")
        await settle()
        assert line.call.ended is None
        await stage.calls.dial("c-1", DialMore([Target("+6")]))
        await settle()
        line.ends()  # while it rings
        await task
        await asyncio.sleep(1)
        assert stage.carrier.ended == ["id-+6"]

    run(main())


def test_what_cannot_be() -> None:
    async def main() -> None:
        stage = Stage(max_calls=1)
        with pytest.raises(ControlError) as problem:
            await stage.calls.dial("c-9", DialMore([Target("+7")]))
        assert problem.value.status == 404
        call_uuid = await stage.calls.initiate(new_call("+1"))
        with pytest.raises(ControlError) as problem:
            await stage.calls.dial(call_uuid, DialMore([Target("+7")]))
        assert problem.value.status == 409
        with pytest.raises(ControlError) as problem:
            await stage.calls.initiate(new_call("+1"))
        assert problem.value.status == 503
        await settle()
        stage.carrier.says("+1", "busy")
        await settle()
        stage.kept.fails = True
        with pytest.raises(OSError, match="full"):
            await stage.calls.initiate(new_call("+1"))
        stage.kept.fails = False
        await stage.calls.initiate(new_call("+1"))  # the failed one takes no place

    run(main())


def test_the_server_stops() -> None:
    """All calls end with their callbacks, those that ring too."""

    async def main() -> None:
        stage = Stage()
        line, task = await stage.inbound()
        rings = await stage.calls.initiate(new_call("+5"))
        talks = await stage.calls.initiate(new_call("+6"))
        await settle()
        person = stage.answer("+6")
        await settle()
        await stage.calls.aclose()
        await task
        assert (line.call.ended, person.call.ended) == ("hangup", "hangup")
        assert sorted(stage.carrier.ended) == ["id-+5", "id-+6"]
        causes = {body["call_uuid"]: body["hangup_cause"] for body in stage.kept.of("hangup")}
        assert causes == {"c-1": "normal_clearing", rings: "cancelled", talks: "normal_clearing"}
        assert {row[1] for row in stage.kept.rows if row[0] == "ended"} == {"c-1", rings, talks}
        with pytest.raises(ControlError) as problem:
            await stage.calls.initiate(new_call("+1"))
        assert problem.value.status == 503

    run(main())


def test_a_handler_that_is_cancelled() -> None:
    """The server has no more patience: the end is told all the same."""

    async def main() -> None:
        stage = Stage()
        _, task = await stage.inbound(replace(AGENT, callbacks={"hangup": Callback("http://app/x")}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle()
        assert stage.kept.sent[-1][:2] == ("hangup", "http://app/x")

    run(main())
