"""The edge of the stand-ins: sockets and clocks, on a loop in a thread of their own."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as Upgrade
from websockets.http11 import Response as UpgradeResponse

from standins.chat import Chat, ChatRequest, Failure, check, stream
from standins.hearing import RESET, Hearing, HearingStream
from standins.http import Request, Response, serve
from standins.realtime import Realtime, RealtimeStream
from standins.voice import Voice, tone

T = TypeVar("T", Hearing, Chat, Voice, Realtime)
FOREVER_S = 3600.0


class Standins:
    """Deepgram, OpenAI and ElevenLabs on this machine.

    Parameters
    ----------
    fallback : bool
        Keys without a script of their own are served by that of "".

    Attributes
    ----------
    hearing, chat, voices : dict
        Scripts by key.
    refused_keys : set of str
        401, wherever they are shown.
    checks : list of (str, str)
        Requests that only ask whether a key is good: path and key.
    """

    def __init__(self) -> None:
        self.hearing: dict[str, Hearing] = {"": Hearing()}
        self.chat: dict[str, Chat] = {"": Chat()}
        self.voices: dict[str, Voice] = {"": Voice()}
        self.realtime: dict[str, Realtime] = {"": Realtime()}
        self.refused_keys: set[str] = set()
        self.checks: list[tuple[str, str]] = []
        self.faults: list[str] = []  # of the server's: what no provider would have taken
        self.ports: dict[str, int] = {}
        self._number = 0
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="standins", daemon=True)
        self._ready = threading.Event()

    # --- life -----------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Standins":
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the stand-ins did not start")
        return self

    def __exit__(self, *problem: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def deepgram_url(self) -> str:
        """…/v1"""
        return f"http://127.0.0.1:{self.ports['deepgram']}/v1"

    @property
    def openai_url(self) -> str:
        """…/v1"""
        return f"http://127.0.0.1:{self.ports['openai']}/v1"

    @property
    def elevenlabs_url(self) -> str:
        """…/v1"""
        return f"http://127.0.0.1:{self.ports['elevenlabs']}/v1"

    @property
    def realtime_url(self) -> str:
        """…/v1"""
        return f"http://127.0.0.1:{self.ports['realtime']}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """For `talkpath agents`."""
        return {
            "DEEPGRAM_BASE_URL": self.deepgram_url, "OPENAI_BASE_URL": self.openai_url,
            "ELEVENLABS_BASE_URL": self.elevenlabs_url, "DEEPGRAM_API_KEY": "platform",
            "OPENAI_API_KEY": "platform", "ELEVENLABS_API_KEY": "platform",
        }  # fmt: skip

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers: list[asyncio.Server | Server] = [
            await serve_websocket(
                self._listen, "127.0.0.1", 0, process_request=self._upgrade, compression=None, max_size=None,
                ping_interval=None,
            ),
            await serve(self._chat),
            await serve(self._speak),
            await serve_websocket(self._converse, "127.0.0.1", 0, process_request=self._realtime_upgrade, compression=None, ping_interval=None),
        ]  # fmt: skip
        for name, server in zip(("deepgram", "openai", "elevenlabs", "realtime"), servers, strict=True):
            self.ports[name] = next(iter(server.sockets)).getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    @staticmethod
    def _script(scripts: dict[str, T], key: str) -> T:
        return scripts.get(key) or scripts[""]

    # --- Deepgram -------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _token(upgrade: Upgrade) -> str:
        scheme, _, key = upgrade.headers.get("Authorization", "").partition(" ")
        return key if scheme.lower() in ("token", "bearer") else ""

    def _upgrade(self, connection: ServerConnection, upgrade: Upgrade) -> UpgradeResponse | None:
        url, key = urlsplit(upgrade.path), self._token(upgrade)
        if url.path != "/v1/listen":
            self.checks.append((url.path, key))
            refused = not key or key in self.refused_keys
            response = connection.respond(401 if refused else 200, "{}")
            response.headers["Content-Type"] = "application/json"
            return response
        script = self._script(self.hearing, key)
        status = 401 if not key or key in self.refused_keys else script.status
        if status == 101:
            return None
        return connection.respond(status, '{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}')

    async def _listen(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        script = self._script(self.hearing, self._token(connection.request))
        heard = HearingStream(script, query, time.monotonic())
        sending: asyncio.Queue[tuple[float, Any]] = asyncio.Queue()
        sender = asyncio.create_task(self._send_results(connection, sending))
        idle = asyncio.create_task(self._watch_idle(connection, heard))
        try:
            async for message in connection:
                now = time.monotonic()
                if isinstance(message, str):
                    out = heard.receive_text(message, now)
                else:
                    out = heard.receive_audio(message, now)
                for after_s, what in out:
                    sending.put_nowait((now + after_s, what))
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            idle.cancel()

    @staticmethod
    async def _send_results(connection: ServerConnection, sending: "asyncio.Queue[tuple[float, Any]]") -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                at, what = await sending.get()  # in order, as Deepgram sends them
                await asyncio.sleep(max(0.0, at - time.monotonic()))
                if what is RESET:
                    connection.transport.abort()
                    return
                if what is None:
                    await connection.close()
                    return
                await connection.send(what)

    @staticmethod
    async def _watch_idle(connection: ServerConnection, heard: HearingStream) -> None:
        while not heard.is_idle(time.monotonic()):
            await asyncio.sleep(0.5)
        heard.closed_by = "idle"
        await connection.close(1011, "NET-0001")

    # --- OpenAI's realtime ----------------------------------------------------------------------------------------------------

    def _realtime_upgrade(self, connection: ServerConnection, upgrade: Upgrade) -> UpgradeResponse | None:
        url, key = urlsplit(upgrade.path), self._token(upgrade)
        refused = not key or key in self.refused_keys
        if url.path == "/v1/realtime" and not refused:
            return None
        if url.path != "/v1/realtime":
            self.checks.append((url.path, key))
        return connection.respond(401 if refused else 200, "{}")

    async def _converse(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        script = self._script(self.realtime, self._token(connection.request))
        stream = RealtimeStream(script)
        answering: set[asyncio.Task[None]] = set()

        async def answer(out: Any) -> None:
            with contextlib.suppress(ConnectionClosed):
                for wait_s, event in out:
                    if wait_s:
                        await asyncio.sleep(wait_s)
                    response_id = event.get("response_id") or event["response"]["id"]
                    if response_id != stream.response_id:
                        return  # it was cancelled
                    if event["type"] == "response.done":
                        stream.response_id = ""
                    await connection.send(json.dumps(event))
                if script.answers == script.drop_after:
                    script.drop_after = None
                    connection.transport.abort()

        try:
            await connection.send(json.dumps(stream.opened()))
            async for message in connection:
                events, out = stream.receive(str(message))
                for event in events:
                    await connection.send(json.dumps(event))
                if out is not None:
                    task = asyncio.create_task(answer(out))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
        except ConnectionClosed:
            pass
        finally:
            for task in answering:
                task.cancel()

    # --- OpenAI ---------------------------------------------------------------------------------------------------------------

    async def _chat(self, request: Request) -> Response:
        key = request.key
        if not key or key in self.refused_keys:
            return Response(401, Failure(401, "Incorrect API key provided", code="invalid_api_key").body.encode())
        if not request.path.endswith("/chat/completions") or request.method != "POST":
            self.checks.append((request.path, key))
            return Response(body=b'{"object": "list", "data": []}')
        script = self._script(self.chat, key)
        try:
            body = request.json()
            check(body)
        except Failure as problem:
            script.refused.append(str(problem))
            self.faults.append(f"OpenAI, key {key}: {problem}")
            return Response(problem.status, problem.body.encode())
        asked = ChatRequest(body, request.path, time.monotonic())
        reply = script.answer(asked)
        if reply.status != 200:
            problem = Failure(reply.status, f"stand-in says {reply.status}", "server_error")
            return Response(reply.status, problem.body.encode(), headers={"retry-after": "1"})
        self._number += 1
        chunks = self._events(request, asked, self._number)
        return Response(200, content_type="text/event-stream; charset=utf-8", chunks=chunks,
                        headers={"x-request-id": f"req_{self._number}"})  # fmt: skip

    async def _events(self, request: Request, asked: ChatRequest, number: int) -> AsyncIterator[bytes | None]:
        asked.cancelled = True  # until it is done
        first = True
        for wait_s, what in stream(asked, number):
            if wait_s:
                await asyncio.sleep(wait_s)
            if what == "hang":
                await asyncio.sleep(FOREVER_S)
            if what == "reset":
                yield None
            if not first and asked.first_token_at is None:
                asked.first_token_at = time.monotonic()
            first = False
            text = what if isinstance(what, str) else json.dumps(what, separators=(",", ":"))
            yield f"data: {text}\n\n".encode()
        asked.cancelled, asked.done_at = False, time.monotonic()

    # --- ElevenLabs -----------------------------------------------------------------------------------------------------------

    async def _speak(self, request: Request) -> Response:
        key = request.key
        if not key or key in self.refused_keys:
            body = {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}
            return Response(401, json.dumps(body).encode())
        parts = request.path.strip("/").split("/")
        if request.method != "POST" or "text-to-speech" not in parts:
            self.checks.append((request.path, key))
            return Response(body=b"{}")
        script = self._script(self.voices, key)
        body = request.json()
        form = request.query.get("output_format", "mp3_44100_128")
        text = body.get("text")
        if not isinstance(text, str) or not form.startswith("pcm_") or parts[-1] != "stream":
            self.faults.append(f"ElevenLabs, key {key}: {request.url} {body}")
            return Response(422, b'{"detail": [{"msg": "stand-in: text, /stream and pcm_ are expected"}]}')
        asked: dict[str, Any] = {
            "text": text, "voice": parts[parts.index("text-to-speech") + 1], "query": request.query, "body": body,
            "at": time.monotonic(), "first_byte_at": None, "sent_s": 0.0, "cancelled": True,
        }  # fmt: skip
        script.requests.append(asked)
        is_fault = script.takes_fault()
        if is_fault and script.status != 200:
            return Response(script.status, b'{"detail": {"status": "stand_in", "message": "as the script says"}}')
        return Response(200, content_type="audio/pcm", chunks=self._sound(script, asked, int(form[4:]), is_fault))

    @staticmethod
    async def _sound(script: Voice, asked: dict[str, Any], rate_hz: int, is_fault: bool) -> AsyncIterator[bytes | None]:
        pcm = tone(asked["text"], rate_hz, script).astype("<i2").tobytes()
        size = 2 * round(rate_hz * script.chunk_ms / 1000)
        await asyncio.sleep(FOREVER_S if is_fault and script.hang else script.ttfb_s)
        for i, at in enumerate(range(0, len(pcm), size)):
            if is_fault and script.hang_after == i:
                await asyncio.sleep(FOREVER_S)
            if is_fault and script.reset_after == i:
                yield None
            if i and script.chunk_s:
                await asyncio.sleep(script.chunk_s)
            asked["first_byte_at"] = asked["first_byte_at"] or time.monotonic()
            yield pcm[at : at + size]
            asked["sent_s"] += len(pcm[at : at + size]) / 2 / rate_hz
        asked["cancelled"] = False
