"""REST's manners: who may come in, what an error looks like, bodies of every kind, the description; and all of it over a socket."""

import asyncio
import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bodies import SEED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

for extra in ("starlette", "httpx", "uvicorn"):
    pytest.importorskip(extra, reason="the extra 'agentstack' is not installed")

import httpx  # noqa: E402
import uvicorn  # noqa: E402
from rest_world import BASE, WHO, World, run  # noqa: E402

from talkpath.agentstack.rest.replies import MAX_BODY_BYTES  # noqa: E402
from talkpath.agentstack.rest.routes import OPERATIONS, PREFIX  # noqa: E402


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("MATEST:wrong"),
        basic("OTHER:tok"),
        basic("MATEST"),
        basic(""),
        {"Authorization": "Basic ?"},
        {"Authorization": "Basic"},
        {"Authorization": "Bearer tok"},
    ],
)
@pytest.mark.parametrize("path", ["/Agent", "/nowhere"])
def test_401(tmp_path: Path, headers: dict[str, str], path: str) -> None:
    async def use(world: World) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app)) as client:
            response = await client.get(BASE + path, headers=headers)
        assert response.status_code == 401
        assert response.json().keys() == {"api_id", "error"}
        assert response.headers["www-authenticate"].startswith("Basic")

    run(tmp_path, use)


def test_403_another_account(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        for account in ("OTHER", "matest", "MATEST2"):
            await world.ask("GET", f"http://rest.example/v1/Account/{account}/Agent", 403)
        await world.ask("POST", "http://rest.example/v1/Account/OTHER/Agent", 403, json=SEED)
        assert (await world.ask("GET", "/Agent"))["meta"]["total_count"] == 0

    run(tmp_path, use)


def test_404_and_405_are_json(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        for path in ("/nowhere", "", "/Agent/a/b/c", "/Number", "http://rest.example/", "http://rest.example/v1"):
            await world.ask("GET", path, 404)
        response = await world.client.put(f"{BASE}/Agent")
        assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})
        assert response.json()["error"]
        await world.ask("POST", "/Agent/x", 405, json={})
        assert (await world.client.head(f"{BASE}/Agent")).status_code == 200

    run(tmp_path, use)


WRITES = [(o.method, re.sub(r"{\w+}", "x", o.path)) for o in OPERATIONS if o.body is not None]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"\xff\xfe\x00", 400),
        (b'{"a": "\\ud800"}', 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": ' + b"9" * 5000 + b"}", 400),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"a": [' + b"1," * 30_000 + b"1]}", 400),
        (b'{"a": [' + b"{}," * 30_000 + b"1]}", 400),
        (b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}', 413),
    ],
)
def test_bodies_that_are_none(tmp_path: Path, content: bytes, status: int) -> None:
    async def use(world: World) -> None:
        for method, path in WRITES:
            refused = await world.ask(method, path, status, content=content)
            assert "body" in refused["error"]

    run(tmp_path, use)


def test_open_doors(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(world.app), base_url="http://rest.example"
        ) as client:
            assert (await client.get("/healthz")).json()["status"] == "ok"
            assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"

    run(tmp_path, use)


def test_recordings_by_their_token(tmp_path: Path) -> None:
    """No credentials: who has the URL has the token. Nothing else of the folder is given away."""

    async def use(world: World) -> None:
        (tmp_path / "recordings").mkdir()
        token = "t" * 32
        (tmp_path / "recordings" / f"{token}.wav").write_bytes(b"RIFF" + bytes(100))
        (tmp_path / "recordings" / "short.wav").write_bytes(b"RIFF")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(world.app), base_url="http://rest.example"
        ) as client:
            found = await client.get(f"/recordings/{token}.wav")
            assert (found.status_code, found.headers["content-type"], found.content) == (
                200,
                "audio/wav",
                b"RIFF" + bytes(100),
            )
            for name in (
                "u" * 32 + ".wav",
                "short.wav",
                f"{token}.wav.part",
                "..%2Ftalkpath.db",
                "%2e%2e/talkpath.db",
                "",
            ):
                missing = await client.get(f"/recordings/{name}")
                assert (missing.status_code, "error" in missing.json()) == (404, True)

    run(tmp_path, use)


def test_openapi_describes_what_is_served(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        found = await world.ask("GET", "http://rest.example/openapi.json")
        described = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
        assert described == {(o.method, PREFIX + o.path) for o in OPERATIONS}
        assert len(described) == 15
        for path, methods in found["paths"].items():
            for operation in methods.values():
                named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
                assert named == set(re.findall(r"{(\w+)}", path))
                assert {"401", "403", "503"} < operation["responses"].keys()
        served = {
            (method, route.path) for route in world.app.routes for method in route.methods or () if method != "HEAD"
        }  # type: ignore[attr-defined]
        assert described == {one for one in served if one[1].startswith("/v1")}
        create = found["paths"][PREFIX + "/Agent"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert set(create["required"]) <= SEED.keys()

    run(tmp_path, use)


# --- anything -----------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KNOWN = ["agent_name", "agent_id", "agent_uuid", "from", "to", "number", "targets", "websocket_url", "stt", "llm", "tts", "dial_mode",
         "timeout", "time_limit", "voicemail_detect", "machine_detection", "send_digits", "callbacks", "stream", "semantic_vad"]  # fmt: skip


def test_no_body_and_no_query_makes_a_500(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        uuid = (await world.ask("POST", "/Agent", 201, json=SEED))["agent_uuid"]

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.sampled_from(OPERATIONS),
            st.dictionaries(st.sampled_from(KNOWN), JSON, max_size=5),
            st.booleans(),
            st.data(),
        )
        def anything(operation: Any, changes: dict[str, Any], is_seed: bool, data: st.DataObject) -> None:
            ids = st.sampled_from([uuid, "x", "+1415", "%00", "%ff", "a%2Fb"])
            path = re.sub(r"{\w+}", lambda _: data.draw(ids), operation.path)
            query = data.draw(st.dictionaries(st.sampled_from(["limit", "offset", "page", "per_page", "sort_by", "sort_order", "agent_id",
                              "created_at__gte", "duration__lte", "phone_number"]), st.text(max_size=12), max_size=3))  # fmt: skip
            base = {**SEED, "agent_id": uuid, "from": "+1415", "to": "+1416"} if is_seed else {}
            content = json.dumps({**base, **changes}) if operation.body is not None else None
            loop.append(
                (operation.method, path, {k: v.encode("utf-8", "replace").decode() for k, v in query.items()}, content)
            )

        loop: list[tuple[str, str, dict[str, str], str | None]] = []
        await asyncio.to_thread(anything)
        for method, path, query, content in loop:
            if (method, path) == ("DELETE", f"/Agent/{uuid}"):
                continue
            response = await world.client.request(method, BASE + path, params=query, content=content)
            assert response.status_code < 500, (method, path, query, content, response.text)
            assert response.status_code == 204 or response.json()["api_id"]

    run(tmp_path, use)


# --- over a socket ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The app behind uvicorn."""
    ready, done = threading.Event(), threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        async def serve(world: World) -> None:
            one = uvicorn.Server(uvicorn.Config(world.app, log_level="warning", lifespan="off"))
            task = asyncio.create_task(one.serve(sockets=[listener]))
            while not one.started:
                await asyncio.sleep(0.01)
            ready.set()
            await asyncio.to_thread(done.wait)
            one.should_exit = True
            await task

        thread = threading.Thread(target=run, args=(tmp_path, serve))
        thread.start()
        assert ready.wait(10)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            done.set()
            thread.join(10)


def test_over_a_socket(server: str) -> None:
    """The plus unescaped in a request's line, a body that is too long, one that breaks off."""
    with httpx.Client(auth=WHO, base_url=f"{server}/v1/Account/MATEST") as client:
        uuid = client.post("/Agent", json=SEED).json()["agent_uuid"]
        assert client.post(f"/Agent/{uuid}/Number", json={"number": "+14155550100"}).status_code == 201
        deleted = raw(server, f"DELETE /v1/Account/MATEST/Agent/{uuid}/Number/+14155550100 HTTP/1.1")
        assert deleted.startswith(b"HTTP/1.1 204")
        assert client.get(f"/Agent/{uuid}/Number").json()["numbers"] == []
        assert client.post("/Agent", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
        raw(server, "POST /v1/Account/MATEST/Agent HTTP/1.1", "Content-Length: 100", body=b'{"agent')
        assert client.get("/Agent").json()["meta"]["total_count"] == 1


def raw(server: str, line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it is written here; the reply's beginning, b"" where the body is not whole."""
    host, _, port = server.removeprefix("http://").partition(":")
    head = [line, f"Host: {host}", *(f"{k}: {v}" for k, v in basic(":".join(WHO)).items()), *headers, "", ""]
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode() + body)
        return b"" if body else connection.recv(1000)
