"""R1 to R5 and R9 to R11 of the protocol: agents and numbers."""

import asyncio
import copy
import json
import logging
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bodies import SEED, body

for extra in ("starlette", "httpx"):
    pytest.importorskip(extra, reason="the extra 'agentstack' is not installed")

from rest_world import World, run  # noqa: E402

from talkpath.agentstack.providers.base import ProviderError  # noqa: E402

LONG_KEY = "sk-0123456789abcdef"


def test_r1_create_answers_like_the_platform(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        made = await world.ask("POST", "/Agent", 201, json=SEED)
        assert made["message"]
        assert made["agent_name"] == "Acme Support Agent"
        assert len(made["agent_uuid"]) == 36
        assert (made["speaks_first"], made["participant_mode"], made["byok"], made["s2s"]) == (
            "agent",
            "dual",
            True,
            None,
        )
        again = await world.ask("POST", "/Agent", 201, json=SEED)
        assert again["agent_uuid"] != made["agent_uuid"]

    run(tmp_path, use)


def test_r1_the_websocket_url_need_not_be_reachable(tmp_path: Path) -> None:
    run(tmp_path, lambda world: world.ask("POST", "/Agent", 201, json=body(websocket_url="ws://127.0.0.1:1/nobody")))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (body(llm__temperature=9), "llm.temperature must"),
        (body(stt__provider="ear"), "stt.provider must be one of"),
        (body(llm__tools=[{"name": "a"}, {"name": ""}]), "llm.tools[1].name must"),
        (body(stt=None), "stt is missing: llm needs stt and tts"),
        (body(s2s={"provider": "openai_realtime"}), "s2s excludes"),
        (body(llm=None, tts=None, welcome_greeting="Hi"), "welcome_greeting needs tts"),
        ({}, "agent_name is missing"),
    ],
)
def test_r1_bad_fields_are_named(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    async def use(world: World) -> None:
        refused = await world.ask("POST", "/Agent", 400, json=given)
        assert refused["error"].startswith(says)
        assert (await world.ask("GET", "/Agent"))["meta"]["total_count"] == 0

    run(tmp_path, use)


def test_r1_a_rejected_key_is_named(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.providers.says["openai"] = "openai refuses this key (HTTP 401)"
        refused = await world.ask("POST", "/Agent", 400, json=body(llm__api_key="bad"))
        assert refused["error"] == "llm.api_key openai refuses this key (HTTP 401)"
        refused = await world.ask(
            "POST", "/Agent", 400, json=body(llm__provider="groq", llm_fallback=[{}, {"provider": "openai"}])
        )
        assert refused["error"].startswith("llm_fallback[0].api_key")
        world.providers.says["openai"] = ProviderError("no key of ours", "rejected_key")
        assert (await world.ask("POST", "/Agent", 400, json=body()))["error"].startswith("llm.api_key")
        world.providers.says["openai"] = "llm provider 'azure' is not served yet"
        assert (await world.ask("POST", "/Agent", 400, json=body()))["error"].startswith("llm.provider")
        assert (await world.ask("GET", "/Agent"))["meta"]["total_count"] == 0

    run(tmp_path, use)


def test_r1_providers_out_of_reach_refuse_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.agentstack.rest.agents.CHECK_S", 0.01)

    async def use(world: World) -> None:
        world.providers.says = {"deepgram": ProviderError("down", "unavailable"), "openai": asyncio.Event()}
        await world.ask("POST", "/Agent", 201, json=SEED)
        assert sorted(kind for kind, _, _ in world.providers.asked) == ["llm", "stt", "tts"]

    run(tmp_path, use)


def test_keys_are_in_no_reply_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def use(world: World) -> None:
        secret = body(stt__api_key=LONG_KEY, llm_fallback=[{"api_key": LONG_KEY}])
        uuid = (await world.ask("POST", "/Agent", 201, json=secret))["agent_uuid"]
        replies = [await world.ask("GET", f"/Agent/{uuid}"), await world.ask("GET", "/Agent"),
                   await world.ask("PATCH", f"/Agent/{uuid}", json={"welcome_greeting": "Hi"})]  # fmt: skip
        await world.ask("PATCH", f"/Agent/{uuid}", 400, json={"llm": {"temperature": 7, "api_key": LONG_KEY}})
        assert LONG_KEY not in str(replies)
        assert replies[0]["stt"]["api_key"] == "****cdef"

    with caplog.at_level(logging.DEBUG):
        run(tmp_path, use)
    assert LONG_KEY not in caplog.text


def test_r2_get(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        await world.ask("POST", f"/Agent/{uuid}/Number", 201, json={"number": "+14155550100"})
        found = await world.ask("GET", f"/Agent/{uuid}")
        assert json.dumps(found["llm"]) == json.dumps(SEED["llm"])  # the order too: models read it
        assert found["plivo_number"] == "+14155550100"
        for name in ("agent_uuid", "agent_name", "websocket_url", "created_at", "byok", "stt", "llm", "tts", "s2s", "welcome_greeting",
                     "speaks_first", "participant_mode", "detection_method"):  # fmt: skip
            assert name in found
        await world.ask("GET", "/Agent/nobody", 404)
        assert (await world.ask("GET", f"/Agent/{uuid}/"))["agent_uuid"] == uuid  # a slash at the end is none

    run(tmp_path, use)


def test_r3_lists_in_both_spellings(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        for i in range(25):
            await world.ask("POST", "/Agent", 201, json=body(agent_name=f"agent {i:02}"))
        found = await world.ask("GET", "/Agent")
        assert found["meta"]["limit"] == len(found["objects"]) == 20
        assert (found["meta"]["offset"], found["meta"]["total_count"], found["meta"]["previous"]) == (0, 25, None)
        rest = await world.ask("GET", "http://rest.example" + found["meta"]["next"])
        assert len(rest["objects"]) == 5
        assert rest["meta"]["next"] is None
        assert urlsplit(rest["meta"]["previous"]).query == "limit=20&offset=0"
        query = {
            "sort_by": "agent_name",
            "sort_order": "asc",
            "limit": 2,
            "agent_mode": "full",
            "participant_mode": "dual",
        }
        sorted_ones = await world.ask("GET", "/Agent", params=query)
        assert [one["agent_name"] for one in sorted_ones["objects"]] == ["agent 00", "agent 01"]
        assert "agent_mode=full" in sorted_ones["meta"]["next"]
        assert (await world.ask("GET", "/Agent", params={"agent_mode": "raw"}))["objects"] == []
        older = await world.ask("GET", "/Agent", params={"page": 3, "per_page": 10})
        assert older["meta"] == {"page": 3, "per_page": 10, "total": 25, "total_pages": 3}
        assert len(older["data"]) == 5

    run(tmp_path, use)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "limit=101",
        "offset=-1",
        "offset=99999999999",
        "sort_by=body",
        "sort_order=up",
        "page=0",
        "per_page=a",
    ],
)
def test_r3_a_bad_query_is_named(tmp_path: Path, query: str) -> None:
    async def use(world: World) -> None:
        assert (await world.ask("GET", f"/Agent?{query}", 400))["error"].startswith(query.partition("=")[0])

    run(tmp_path, use)


def test_r4_patch_merges(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json={**SEED, "stt": {**SEED["stt"], "api_key": LONG_KEY}}))[
            "agent_uuid"
        ]
        world.providers.asked.clear()
        shown = await world.ask("PATCH", f"/Agent/{uuid}", json={"llm": {"model": "gpt-4.1"}, "idle_timeout": None})
        assert (shown["llm"]["model"], shown["llm"]["system_prompt"], "idle_timeout" in shown) == (
            "gpt-4.1",
            "You help.",
            False,
        )
        assert [kind for kind, _, _ in world.providers.asked] == ["llm"]  # only what is new
        back = await world.ask("PATCH", f"/Agent/{uuid}", json=shown)  # all of it, masked keys too
        assert {**back, "api_id": ""} == {**shown, "api_id": ""}
        stored = await world.store.stored_agent(uuid)
        assert stored is not None
        assert stored.body["stt"]["api_key"] == LONG_KEY
        assert "byok" not in stored.body
        refused = await world.ask("PATCH", f"/Agent/{uuid}", 400, json={"llm": {"tools": [{}]}})
        assert refused["error"].startswith("llm.tools[0].name")
        assert (await world.ask("GET", f"/Agent/{uuid}"))["llm"] == shown["llm"]
        await world.ask("PATCH", "/Agent/nobody", 404, json={"agent_name": "x"})

    run(tmp_path, use)


def test_r4_many_patches_at_once_lose_none(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        changes = [
            {"llm": {"model": "m"}},
            {"welcome_greeting": "Hello"},
            {"stt": {"language": "de"}},
            {"send_on": "speaking_stop"},
        ]
        await asyncio.gather(*(world.ask("PATCH", f"/Agent/{uuid}", json=one) for one in changes))
        found = await world.ask("GET", f"/Agent/{uuid}")
        assert (found["llm"]["model"], found["welcome_greeting"], found["stt"]["language"], found["send_on"]) == (
            "m", "Hello", "de", "speaking_stop")  # fmt: skip

    run(tmp_path, use)


def test_r5_delete(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        await world.ask("DELETE", f"/Agent/{uuid}", 204)
        await world.ask("DELETE", f"/Agent/{uuid}", 404)
        await world.ask("GET", f"/Agent/{uuid}", 404)

    run(tmp_path, use)


def test_r9_r10_r11_numbers(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        one = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        other = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        for _ in range(2):  # twice is once
            made = await world.ask("POST", f"/Agent/{one}/Number", 201, json={"number": "+14155550100"})
            assert (made["agent_uuid"], made["number"]) == (one, "+14155550100")
        taken = await world.ask("POST", f"/Agent/{other}/Number", 409, json={"number": "14155550100"})
        assert one in taken["error"]
        listed = await world.ask("GET", f"/Agent/{one}/Number")
        assert (listed["agent_uuid"], listed["numbers"]) == (one, ["+14155550100"])
        await world.ask("DELETE", f"/Agent/{other}/Number/+14155550100", 404)
        await world.ask("DELETE", f"/Agent/{one}/Number/+14155550100", 204)
        await world.ask("DELETE", f"/Agent/{one}/Number/+14155550100", 404)
        await world.ask("POST", f"/Agent/{other}/Number", 201, json={"number": "+14155550100"})
        await world.ask("DELETE", f"/Agent/{other}/Number/%2B14155550100", 204)
        for number in (None, "", "hello", 14155550100, "+1 415", ["+1"]):
            refused = await world.ask("POST", f"/Agent/{one}/Number", 400, json={"number": number})
            assert refused["error"].startswith("number must")
        await world.ask("POST", "/Agent/nobody/Number", 404, json={"number": "+14155550101"})
        await world.ask("GET", "/Agent/nobody/Number", 404)
        await world.ask("DELETE", "/Agent/nobody/Number/+1415", 404)

    run(tmp_path, use)


def test_fifty_creates_at_once(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        made = await asyncio.gather(*(world.ask("POST", "/Agent", 201, json=copy.deepcopy(SEED)) for _ in range(50)))
        assert len({one["agent_uuid"] for one in made}) == 50
        assert (await world.ask("GET", "/Agent"))["meta"]["total_count"] == 50

    run(tmp_path, use)


def test_a_locked_database_is_503_and_nothing_is_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.agentstack.store.database.BUSY_S", 0.01)

    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]
        other = sqlite3.connect(tmp_path / "talkpath.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await world.ask("POST", "/Agent", 503, json=SEED)
        await world.ask("PATCH", f"/Agent/{uuid}", 503, json={"agent_name": "b"})
        await world.ask("DELETE", f"/Agent/{uuid}", 503)
        await world.ask("POST", f"/Agent/{uuid}/Number", 503, json={"number": "+14155550100"})
        assert (await world.ask("GET", f"/Agent/{uuid}"))["agent_name"] == SEED["agent_name"]  # what only reads goes on
        other.execute("ROLLBACK")
        other.close()
        assert (await world.ask("GET", "/Agent"))["meta"]["total_count"] == 1
        await world.ask("DELETE", f"/Agent/{uuid}", 204)

    run(tmp_path, use)
