"""Callbacks: signed as both SDKs check it, three tries, owed over a restart; a dead target harms nobody."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

httpx = pytest.importorskip("httpx", reason="the extra 'agentstack' is not installed")

from talkpath.agentstack.callback_signature import signature  # noqa: E402
from talkpath.agentstack.callbacks import BACK_OFF_S, HttpCallbacks  # noqa: E402
from talkpath.agentstack.store.store import Store  # noqa: E402

TARGET = {"url": "http://app.example/callbacks/hangup", "method": "POST"}
BODY = {"call_uuid": "c1", "duration": 12, "hangup_cause": "normal_clearing"}
NODE_SAFE = "-_.!~*'()"


def python_sdk_accepts(method: str, uri: str, nonce: str, token: str, header: str, params: dict[str, Any]) -> bool:
    """What Plivo's Python SDK is documented to do, written anew."""
    if method == "GET":
        parts = urlsplit(uri)
        merged = {k: v[0] for k, v in parse_qs(parts.query).items()} | params
        signed = f"{parts.scheme}://{parts.netloc}{parts.path}" + (
            f"?{urlencode(sorted(merged.items()))}" if merged else ""
        )
    else:
        signed = f"{uri}.{urlencode(sorted(params.items()))}" if params else uri
    return _mac(token, signed, nonce) in header.encode().split(b",")


def node_sdk_accepts(uri: str, nonce: str, token: str, header: str, params: dict[str, Any]) -> bool:
    """Its Node counterpart, for a POST: encodeURIComponent."""
    pairs = "&".join(f"{quote(k, safe=NODE_SAFE)}={quote(str(v), safe=NODE_SAFE)}" for k, v in sorted(params.items()))
    return _mac(token, f"{uri}.{pairs}" if params else uri, nonce) in [
        part.strip().encode() for part in header.split(",")
    ]


def _mac(token: str, signed: str, nonce: str) -> bytes:
    return base64.b64encode(hmac.new(token.encode(), f"{signed}.{nonce}".encode(), hashlib.sha256).digest())


class Target:
    """A customer's server: answers as it is told, and keeps what came."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Any] = []

    async def __call__(self, request: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={"status": "ok"})


def run(
    tmp_path: Path, target: Callable[[Any], Awaitable[Any]], use: Callable[[HttpCallbacks, Store], Awaitable[Any]]
) -> list[float]:
    """The pauses that were made."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def main() -> None:
        store = Store(tmp_path)
        callbacks = HttpCallbacks(store, "token", httpx.AsyncClient(transport=httpx.MockTransport(target)), sleep)
        try:
            await use(callbacks, store)
        finally:
            await callbacks.aclose()
            await asyncio.to_thread(store.close)

    asyncio.run(main())
    return pauses


@pytest.mark.parametrize("text", ["plain", "two words", "it's (here)!*", "+1415", "é&=?#", "~-_.", "a%20b"])
def test_both_sdks_accept_the_signature(text: str) -> None:
    params: dict[str, str | int] = {"to": text, "b": 3, "A": "x"}
    for url in ("http://a.example/x", "http://a.example/x?q=1"):
        header = signature("token", "POST", url, "n", params)
        assert python_sdk_accepts("POST", url, "n", "token", header, params)
        assert node_sdk_accepts(url, "n", "token", header, params)
        assert ("," in header) == (text in ("two words", "it's (here)!*"))
        assert not python_sdk_accepts("POST", url, "n", "token", signature("other", "POST", url, "n", params), params)
        header = signature("token", "GET", url, "n", params)
        assert python_sdk_accepts("GET", url, "n", "token", header, dict(params))
    assert python_sdk_accepts("POST", "http://a", "n", "token", signature("token", "POST", "http://a", "n", {}), {})


def test_a_post_as_the_example_reads_it(tmp_path: Path) -> None:
    target = Target()

    async def use(callbacks: HttpCallbacks, store: Store) -> None:
        callbacks.send("c1", "hangup", {**BODY, "error": None, "is_x": True, "rate": 0.5}, TARGET)
        callbacks.send("c1", "ring", BODY, None)  # nobody asked
        await callbacks.idle()
        assert await store.owed() == []
        assert (callbacks.delivered, callbacks.given_up) == (1, 0)

    assert run(tmp_path, target, use) == []
    (request,) = target.requests
    body = json.loads(request.content)
    assert body == {**BODY, "error": "", "is_x": "true", "rate": "0.5"}
    assert (request.method, str(request.url), request.headers["content-type"]) == (
        "POST",
        TARGET["url"],
        "application/json",
    )
    header, nonce = request.headers["x-plivo-signature-v3"], request.headers["x-plivo-signature-v3-nonce"]
    assert python_sdk_accepts("POST", TARGET["url"], nonce, "token", header, body)


def test_a_get_has_its_parameters_in_the_query(tmp_path: Path) -> None:
    target = Target()

    async def use(callbacks: HttpCallbacks, _: Store) -> None:
        callbacks.send("c1", "ring", {"from": "+1 415"}, {"url": "http://app.example/ring?x=1", "method": "GET"})
        await callbacks.idle()

    run(tmp_path, target, use)
    (request,) = target.requests
    assert (request.method, request.content, dict(request.url.params)) == ("GET", b"", {"x": "1", "from": "+1 415"})
    header, nonce = request.headers["x-plivo-signature-v3"], request.headers["x-plivo-signature-v3-nonce"]
    assert python_sdk_accepts("GET", str(request.url), nonce, "token", header, {})


@pytest.mark.parametrize(
    ("answers", "pauses", "delivered"),
    [
        ([500, 204], [BACK_OFF_S[0]], 1),
        ([httpx.ConnectError("refused"), 302, 201], list(BACK_OFF_S), 1),
        ([httpx.ReadTimeout("slow"), 404, 500], list(BACK_OFF_S), 0),
    ],
)
def test_three_tries(tmp_path: Path, answers: list[int | Exception], pauses: list[float], delivered: int,
                     caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    target = Target(*answers)
    expected = len(answers)

    async def use(callbacks: HttpCallbacks, store: Store) -> None:
        callbacks.send("c1", "hangup", BODY, TARGET)
        await callbacks.idle()
        assert await store.owed() == []
        assert (callbacks.delivered, callbacks.given_up) == (delivered, 1 - delivered)

    with caplog.at_level(logging.WARNING, "talkpath.agentstack"):
        assert run(tmp_path, target, use) == pauses
    assert len(target.requests) == expected
    assert ("callback_given_up" in caplog.text) == (not delivered)
    nonces = {request.headers["x-plivo-signature-v3-nonce"] for request in target.requests}
    assert len(nonces) == expected


def test_what_is_owed_goes_out_after_a_restart(tmp_path: Path) -> None:
    """The first server ends in the middle of it; the next one has one try fewer."""

    async def never(_: Any) -> Any:
        await asyncio.Event().wait()

    async def dies(callbacks: HttpCallbacks, store: Store) -> None:
        callbacks.send("c1", "hangup", BODY, TARGET)
        callbacks.send("c2", "hangup", {**BODY, "call_uuid": "c2"}, TARGET)
        assert [row["call_uuid"] for row in await store.owed()] == ["c1", "c2"]
        store.tried((await store.owed())[0]["id"], 2)
        await callbacks.aclose(0.01)

    run(tmp_path, never, dies)
    target = Target(500, 200)

    async def starts(callbacks: HttpCallbacks, store: Store) -> None:
        assert await callbacks.start() == 2
        await callbacks.idle()
        assert await store.owed() == []
        assert await callbacks.start() == 0

    run(tmp_path, target, starts)
    assert sorted(json.loads(r.content)["call_uuid"] for r in target.requests) == ["c1", "c2", "c2"]


def test_a_dead_target_holds_up_no_other(tmp_path: Path) -> None:
    free = asyncio.Event()
    waiting = 0
    arrived: list[str] = []

    async def target(request: Any) -> Any:
        nonlocal waiting
        if request.url.host == "dead.example":
            waiting += 1
            await free.wait()
        arrived.append(request.url.host)
        return httpx.Response(200)

    async def use(callbacks: HttpCallbacks, _: Store) -> None:
        for i in range(100):
            callbacks.send(f"c{i}", "hangup", BODY, {"url": "http://dead.example/h", "method": "POST"})
        callbacks.send("c", "hangup", BODY, TARGET)
        while not arrived:
            await asyncio.sleep(0)
        assert arrived == ["app.example"]
        assert waiting == 8
        free.set()
        await callbacks.idle()
        assert callbacks.delivered == 101

    run(tmp_path, target, use)


def test_nothing_is_raised(tmp_path: Path) -> None:
    """A store that is closed, a body or an address that cannot be: the call does not hear of it."""
    target = Target()

    async def use(callbacks: HttpCallbacks, store: Store) -> None:
        callbacks.send("c1", "hangup", {"x": "\ud800"}, TARGET)
        callbacks.send("c1", "hangup", BODY, {"method": "POST"})
        callbacks.send("c1", "hangup", BODY, {"url": "http://[broken/", "method": "POST"})
        await callbacks.idle()
        assert (callbacks.delivered, callbacks.given_up) == (0, 2)
        assert await store.owed() == []
        await asyncio.to_thread(store.close)
        callbacks.send("c1", "hangup", BODY, TARGET)
        await callbacks.idle()
        assert callbacks.delivered == 1
        store.close = lambda: None  # type: ignore[method-assign]

    run(tmp_path, target, use)
