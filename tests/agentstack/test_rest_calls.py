"""R6 to R8 and R12 to R15 of the protocol: calls and sessions."""

from pathlib import Path
from typing import Any

import pytest
from bodies import SEED, body

for extra in ("starlette", "httpx"):
    pytest.importorskip(extra, reason="the extra 'agentstack' is not installed")

from rest_world import ControlError, World, run  # noqa: E402

from talkpath.agentstack.records import SessionRecord  # noqa: E402
from talkpath.agentstack.rest.control import DialMore, NewCall, Target  # noqa: E402
from talkpath.agentstack.store.database import StoreError  # noqa: E402


async def agent(world: World, given: dict[str, Any] = SEED) -> str:
    made: str = (await world.ask("POST", "/Agent", 201, json=given))["agent_uuid"]
    return made


def test_r6_initiate(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = await agent(world)
        asked = {"agent_id": uuid, "from": "+14155551234", "to": ["+18005551234"], "ring_timeout": 20}
        answer = await world.ask("POST", "/AgentCall", 201, json=asked)
        for name, value in {"call_uuid": "call-1", "status": "initiated", "agent_id": uuid, "from": "+14155551234",
                            "to": ["+18005551234"], "participant_mode": "dual", "mpc_name": None}.items():  # fmt: skip
            assert answer[name] == value
        (call,) = world.control.asked
        stored = await world.store.agent(uuid)
        assert call == NewCall(stored, ("+18005551234",), "+14155551234", "disabled", ring_timeout_s=20)
        more = {"to": "+18005550000", "voicemail_detect": True, "dial_mode": "sequential", "caller_name": "Acme", "time_limit": 600,
                "send_digits": "ww12#"}  # fmt: skip
        await world.ask("POST", "/AgentCall", 201, json=asked | more)
        call = world.control.asked[-1]
        assert (call.to, call.detection_method, call.dial_mode, call.caller_name, call.time_limit_s, call.send_digits) == (
            ("+18005550000",), "audio", "sequential", "Acme", 600, "ww12#")  # fmt: skip

    run(tmp_path, use)


@pytest.mark.parametrize(
    ("of_agent", "asked", "method"),
    [
        ("disabled", {}, "disabled"),
        ("disabled", {"voicemail_detect": True}, "audio"),
        ("disabled", {"machine_detection": "true"}, "audio"),
        ("disabled", {"machine_detection": "llm"}, "llm"),
        ("disabled", {"machine_detection": False}, "disabled"),
        ("llm", {"voicemail_detect": True}, "llm"),
        ("audio", {}, "audio"),
    ],
)
def test_r6_detection(tmp_path: Path, of_agent: str, asked: dict[str, Any], method: str) -> None:
    async def use(world: World) -> None:
        uuid = await agent(world, body(detection_method=of_agent))
        await world.ask("POST", "/AgentCall", 201, json={"agent_id": uuid, "from": "+1415", "to": "+1416", **asked})
        assert world.control.asked[0].detection_method == method

    run(tmp_path, use)


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"agent_id": None}, 400, "agent_id must"),
        ({"agent_id": "nobody"}, 404, "agent_id"),
        ({"from": None}, 400, "from must be a phone number"),
        ({"to": None}, 400, "to must be a list"),
        ({"to": []}, 400, "to is empty"),
        ({"to": ["+1415", "x"]}, 400, "to[1] must"),
        ({"to": ["+1415"] * 11}, 400, "to must not be longer than 10"),
        ({"ring_timeout": 0}, 400, "ring_timeout must"),
        ({"dial_mode": "random"}, 400, "dial_mode must"),
        ({"time_limit": "long"}, 400, "time_limit must"),
        ({"send_digits": "1;2"}, 400, "send_digits must"),
        ({"voicemail_detect": "maybe"}, 400, "voicemail_detect must"),
        ({"caller_name": 1}, 400, "caller_name must"),
    ],
)
def test_r6_errors(tmp_path: Path, change: dict[str, Any], status: int, says: str) -> None:
    async def use(world: World) -> None:
        asked = {"agent_id": await agent(world), "from": "+14155551234", "to": ["+18005551234"], **change}
        assert (await world.ask("POST", "/AgentCall", status, json=asked))["error"].startswith(says)
        assert world.control.asked == []

    run(tmp_path, use)


def test_r7_connect(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = await agent(world)
        answer = await world.ask("POST", "/AgentCall/call-9/connect", 201, json={"agent_id": uuid})
        assert (answer["agent_session_id"], answer["status"]) == ("session-1", "connecting")
        assert world.control.asked == [("call-9", uuid)]
        await world.ask("POST", "/AgentCall/call-9/connect", 404, json={"agent_id": "nobody"})
        await world.ask("POST", "/AgentCall/call-9/connect", 400, json={})

    run(tmp_path, use)


def test_r8_dial(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        asked = {"targets": [{"number": "+1415", "send_digits": "1"}, {"number": "+1416"}], "dial_mode": "sequential", "timeout": 15,
                 "caller_id": "+1417", "time_limit": 60, "agent_id": "a"}  # fmt: skip
        answer = await world.ask("POST", "/AgentCall/call-9/dial", json=asked)
        assert (answer["status"], answer["call_uuid"]) == ("dialing", "call-9")
        more = DialMore((Target("+1415", "1"), Target("+1416")), "sequential", "+1417", 15, 60)
        assert world.control.asked == [("call-9", more)]

    run(tmp_path, use)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "targets must be a list"),
        ({"targets": []}, "targets is empty"),
        ({"targets": ["+1415"]}, "targets[0] must be an object"),
        ({"targets": [{"number": "x"}]}, "targets[0].number must"),
        ({"targets": [{"number": "+1415", "send_digits": 1}]}, "targets[0].send_digits must"),
        ({"targets": [{"number": "+1415"}], "confirm_key": "1"}, "confirm_key is not served yet"),
        ({"targets": [{"number": "+1415"}], "timeout": 0}, "timeout must"),
    ],
)
def test_r8_errors(tmp_path: Path, asked: dict[str, Any], says: str) -> None:
    async def use(world: World) -> None:
        refused = await world.ask("POST", "/AgentCall/c/dial", 400, json=asked)
        assert refused["error"].startswith(says)

    run(tmp_path, use)


@pytest.mark.parametrize("status", [400, 404, 409, 503])
def test_what_the_phone_side_refuses(tmp_path: Path, status: int) -> None:
    async def use(world: World) -> None:
        uuid = await agent(world)
        world.control.error = ControlError(status, "the call is so and so")
        for path, asked in (
            ("/AgentCall", {"agent_id": uuid, "from": "+1415", "to": "+1416"}),
            ("/AgentCall/c/connect", {"agent_id": uuid}),
            ("/AgentCall/c/dial", {"targets": [{"number": "+1415"}]}),
        ):
            assert (await world.ask("POST", path, status, json=asked))["error"] == "the call is so and so"
        world.control.error = StoreError("full")
        await world.ask("POST", "/AgentCall", 503, json={"agent_id": uuid, "from": "+1415", "to": "+1416"})
        world.control.error = RuntimeError("a fault of ours")
        await world.ask("POST", "/AgentCall", 500, json={"agent_id": uuid, "from": "+1415", "to": "+1416"})

    run(tmp_path, use)


# --- sessions -----------------------------------------------------------------------------------------------------------


async def talked(world: World, agent_uuid: str, count: int = 3) -> None:
    for i in range(count):
        day = f"2026-01-0{i + 1}T00:0"
        await world.store.session_began(
            SessionRecord(
                f"s{i}", agent_uuid, "Acme", f"c{i}", f"+1415000{i}", "+18005551234", "full", "dual", f"{day}0:00Z"
            )
        )
        if i > 0:
            summary = {"duration_seconds": i * 60, "turn_count": i, "reason": "user_hangup", "record_url": "http://x/r.wav",
                       "transcript": [{"role": "user", "text": "hi"}]}  # fmt: skip
            await world.store.session_ended(f"s{i}", f"{day}1:00Z", summary, [{"type": "llm_usage"}])


def test_r12_r13_sessions_of_an_agent(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid, other = await agent(world), await agent(world)
        await talked(world, uuid)
        found = await world.ask("GET", f"/Agent/{uuid}/Session", params={"limit": 2})
        assert [(one["agent_session_id"], one["duration_seconds"]) for one in found["objects"]] == [
            ("s2", 120),
            ("s1", 60),
        ]
        assert (found["meta"]["total_count"], "transcript" in found["objects"][0]) == (3, False)
        assert (await world.ask("GET", f"/Agent/{other}/Session"))["objects"] == []
        assert (await world.ask("GET", f"/Agent/{other}/Session?agent_id={uuid}"))["objects"] == []
        one = await world.ask("GET", f"/Agent/{uuid}/Session/s2")
        assert (one["agent_session_id"], one["agent_uuid"], one["duration_seconds"], one["turn_count"]) == (
            "s2",
            uuid,
            120,
            2,
        )
        assert (one["transcript"], one["usage"]) == ([{"role": "user", "text": "hi"}], [{"type": "llm_usage"}])
        await world.ask("GET", f"/Agent/{other}/Session/s2", 404)
        await world.ask("GET", "/Agent/nobody/Session", 404)

    run(tmp_path, use)


def test_r14_r15_sessions_of_the_account(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = await agent(world)
        await talked(world, uuid)
        found = await world.ask("GET", "/AgentSession")
        assert found["objects"][0].keys() >= {
            "agent_session_uuid", "agent_session_id", "agent_uuid", "agent_name", "plivo_auth_id", "primary_call_uuid", "agent_mode",
            "participant_mode", "state", "created_at", "ended_at", "duration_seconds", "turn_count", "has_stt", "has_llm", "has_tts",
            "has_s2s", "total_cost", "from_number", "to_number", "call_legs", "record_url"}  # fmt: skip
        assert [one["state"] for one in found["objects"]] == ["completed", "completed", "active"]
        for query, ids in (
            ({"agent_id": uuid}, ["s2", "s1", "s0"]),
            ({"agent_id": "nobody"}, []),
            ({"call_uuid": "c1"}, ["s1"]),
            ({"phone_number": "+14150002"}, ["s2"]),
            ({"duration__gte": 60, "duration__lte": 60}, ["s1"]),
            ({"created_at__gte": "2026-01-02T00:00:00Z"}, ["s2", "s1"]),
            ({"created_at__lte": "2026-01-01T02:00:00+02:00"}, ["s0"]),
            ({"ended_at__gte": "2026-01-03"}, ["s2"]),
            ({"sort_by": "duration_seconds", "sort_order": "asc"}, ["s0", "s1", "s2"]),
            ({"agent_mode": "raw"}, []),
        ):
            rows = (await world.ask("GET", "/AgentSession", params=query))["objects"]
            assert [row["agent_session_id"] for row in rows] == ids, query
        assert [
            row["agent_session_id"]
            for row in (await world.ask("GET", "/AgentSession?phone_number=+14150002"))["objects"]
        ] == ["s2"]
        older = await world.ask("GET", "/AgentSession", params={"page": 1, "per_page": 2})
        assert (len(older["data"]), older["meta"]["total_pages"]) == (2, 2)
        one = await world.ask("GET", "/AgentSession/s1")
        assert (one["state"], one["has_llm"], one["has_s2s"], one["record_url"]) == (
            "completed",
            True,
            False,
            "http://x/r.wav",
        )
        await world.ask("GET", "/AgentSession/nobody", 404)
        for query in ("created_at__gte=yesterday", "duration__lte=-1", "ended_at__lte=12", "duration__gte=99999999999"):
            refused = await world.ask("GET", f"/AgentSession?{query}", 400)
            assert refused["error"].startswith(query.partition("=")[0])

    run(tmp_path, use)
