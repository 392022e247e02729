"""The ASGI app: mounted in FastAPI, alone, in Starlette's TestClient, and with uvicorn on real sockets."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import numpy as np
import pytest
from scenario import voice
from test_media_server import Phone
from world import STARTS, silence

from talkpath import CallConfig, streams
from talkpath.errors import ConfigError
from talkpath.server import Authentication, CallEnded, Limits, PhoneCall, asgi
from talkpath.server.asgi_connection import paths
from talkpath.streams import Media, Start
from talkpath.streams.signatures import twilio_sign

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)


async def waits(call: PhoneCall) -> None:
    await call.wait_ended()


def app_of(answer: Callable = waits, **options: object) -> asgi:
    return asgi(answer, **{"config": CONFIG, "drain_s": 0.0, **options})


# --- an ASGI server of a few lines ------------------------------------------------------------------------------------------------


class Server:
    """One WebSocket of an ASGI server: what the app sent, and what it is to receive."""

    def __init__(self, app: asgi, path: str = "/twilio", **scope: object) -> None:
        self.app = app
        self.scope = {
            "type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": [],
            "extensions": {"websocket.http.response": {}}, **scope,
        }  # fmt: skip
        self.incoming: asyncio.Queue = asyncio.Queue()
        self.sent: list[dict] = []
        self.problem: Exception | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> dict:
        return await self.incoming.get()

    async def send(self, message: dict) -> None:
        await self.reads.wait()
        if self.problem is not None:
            raise self.problem
        self.sent.append(message)

    def put(self, data: str | bytes) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data})

    def begin(self) -> asyncio.Task:
        self.incoming.put_nowait({"type": "websocket.connect"})
        for data in streams.Twilio("provider").open(STARTS["twilio"]):
            self.put(data)
        return asyncio.create_task(self.app(self.scope, self.receive, self.send))

    def hang_up(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent]


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def page(app: asgi, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    await app({"type": "http", "path": path, "method": method, "headers": []}, None, send)
    return sent[0]["status"], sent[1]["body"].decode()


def sample(text: str, name: str) -> float:
    found = re.search(rf"^talkpath_{re.escape(name)} (.*)$", text, re.M)
    assert found, name
    return float(found[1])


def test_a_call_and_its_end() -> None:
    ends: list[str] = []

    async def answer(call: PhoneCall) -> None:
        ends.append(await call.wait_ended())

    async def main() -> None:
        app = app_of(answer)
        server = Server(app)
        task = server.begin()
        await until(lambda: "websocket.send" in server.kinds())
        assert server.sent[0] == {"type": "websocket.accept", "subprotocol": None}
        assert app.calls == 1
        assert json.loads((await page(app, "/healthz"))[1]) == {"status": "ok", "calls": 1, "max_calls": 500}
        server.hang_up()
        await task
        await until(lambda: ends)
        assert app.calls == 0
        _, text = await page(app)
        assert sample(text, 'calls_begun_total{dialect="twilio"}') == 1
        assert sample(text, 'calls_ended_total{dialect="twilio",reason="closed"}') == 1
        assert sample(text, "frames_sent_total") == server.kinds().count("websocket.send") > 0
        assert sample(text, "tick_lateness_seconds_count") > 0
        assert sample(text, "calls") == 0
        await app.drain()

    asyncio.run(main())
    assert ends == ["connection closed"]


def test_the_handler_hangs_up() -> None:
    """The app closes the WebSocket; a server that then says nothing more does not keep the task."""

    async def answer(call: PhoneCall) -> None:
        await call.speak(np.zeros(1600, np.int16), 8000)

    async def main() -> None:
        app = app_of(answer)
        server = Server(app)
        await asyncio.wait_for(server.begin(), 5)
        assert server.sent[-1] == {"type": "websocket.close", "code": 1000, "reason": "hangup"}
        assert sample((await page(app))[1], 'calls_ended_total{dialect="twilio",reason="hangup"}') == 1
        await app.drain()

    asyncio.run(main())


@pytest.mark.parametrize("problem", [OSError("gone"), RuntimeError("Unexpected ASGI message"), KeyError("a bug")])
def test_a_send_that_fails_ends_its_call_only(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        app = app_of()
        bad, good = Server(app), Server(app)
        tasks = [bad.begin(), good.begin()]
        await until(lambda: len(bad.sent) > 3 and len(good.sent) > 3)
        bad.problem = problem
        await asyncio.wait_for(tasks[0], 5)
        count = len(good.sent)
        await until(lambda: len(good.sent) > count + 3)
        assert app.calls == 1
        await app.drain()
        await tasks[1]

    asyncio.run(main())
    assert ("a connection failed" in caplog.text) == isinstance(problem, KeyError)


def test_a_client_that_does_not_read() -> None:
    reasons: list[str] = []

    async def answer(call: PhoneCall) -> None:
        reasons.append(await call.wait_ended())

    async def main() -> None:
        app = app_of(answer, limits=Limits(max_unsent_s=0.06, unread_timeout_s=0.2))
        server = Server(app)
        task = server.begin()
        await until(lambda: len(server.sent) > 3)
        server.reads.clear()
        text = ""
        async with asyncio.timeout(5):
            while not text or sample(text, "unsent_audio_seconds") < 0.06:
                await asyncio.sleep(0.01)
                text = (await page(app))[1]
        await asyncio.wait_for(task, 10)
        assert "websocket.close" not in server.kinds()
        assert app.calls == 0
        await until(lambda: reasons)
        await app.drain()

    asyncio.run(main())
    assert reasons == ["the client does not read"]


def test_the_server_gives_up_on_the_connection() -> None:
    """It cancels the app's task: the call is over, and nothing is left."""

    async def main() -> None:
        app = app_of()
        server = Server(app)
        task = server.begin()
        await until(lambda: app.calls)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert app.calls == 0
        await app.drain()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_garbage_ends_nothing() -> None:
    async def main() -> None:
        app = app_of()
        server = Server(app, subprotocols=["what.is.this"])
        task = server.begin()
        for data in ("", "{", b"\xff\x00", "[]", '{"event": 1}'):
            server.put(data)
        server.incoming.put_nowait({"type": "websocket.receive", "text": None, "bytes": b"x"})
        await until(lambda: len(server.sent) > 5)
        assert app.calls == 1
        assert sample((await page(app))[1], "messages_malformed_total") >= 4
        server.hang_up()
        await task
        await app.drain()

    asyncio.run(main())


def test_a_configuration_for_each_call() -> None:
    rates: list[int] = []

    async def choose(start: Start) -> CallConfig:
        return CallConfig(audio_format="pcm_24k", idle_timeout=None)

    async def answer(call: PhoneCall) -> None:
        rates.append(call.sample_rate_hz)

    async def main() -> None:
        app = app_of(answer, config=choose)
        await asyncio.wait_for(Server(app).begin(), 5)
        await app.drain()

    asyncio.run(main())
    assert rates == [24000]


def test_drain() -> None:
    async def main() -> None:
        app = app_of(drain_s=5.0)
        first, second = Server(app), Server(app)
        tasks = [first.begin(), second.begin()]
        await until(lambda: len(first.sent) > 3 and len(second.sent) > 3)
        draining = asyncio.create_task(app.drain())
        await until(lambda: app.is_draining)
        third = Server(app)
        await third.begin()
        assert third.sent[0]["status"] == 503
        assert (await page(app, "/healthz"))[0] == 503
        first.hang_up()
        await tasks[0]
        assert not draining.done()
        assert app.calls == 1
        await app.drain(0.0)
        await tasks[1]
        assert second.sent[-1]["reason"] == "the server stops"
        await draining

    asyncio.run(main())


def test_lifespan() -> None:
    async def main() -> None:
        app = app_of()
        incoming: asyncio.Queue = asyncio.Queue()
        sent: list[str] = []

        async def send(message: dict) -> None:
            sent.append(message["type"])

        life = asyncio.create_task(app({"type": "lifespan"}, incoming.get, send))
        incoming.put_nowait({"type": "lifespan.startup"})
        await until(lambda: sent)
        server = Server(app)
        task = server.begin()
        await until(lambda: len(server.sent) > 3)
        incoming.put_nowait({"type": "lifespan.shutdown"})
        await life
        await task
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert server.sent[-1]["reason"] == "the server stops"
        again = asyncio.create_task(app({"type": "lifespan"}, incoming.get, send))
        incoming.put_nowait({"type": "lifespan.startup"})
        await until(lambda: len(sent) == 3)
        assert (await page(app, "/healthz"))[0] == 200
        incoming.put_nowait({"type": "lifespan.shutdown"})
        await again

    asyncio.run(main())


def test_drained_before_the_first_call() -> None:
    async def main() -> None:
        app = app_of()
        await app.drain()
        server = Server(app)
        await server.begin()
        assert server.sent[0]["status"] == 503

    asyncio.run(main())


def test_pages() -> None:
    async def main() -> None:
        app = app_of()
        assert (await page(app, "/"))[0] == 404
        assert (await page(app, "/healthz", "POST"))[0] == 405
        assert await page(app, "/healthz", "HEAD") == (200, "")
        assert await page(app, "/metricsx") == (404, "/healthz, /metrics, and WebSockets\n")
        with pytest.raises(ValueError, match="not known"):
            await app({"type": "gopher"}, None, None)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [{"max_calls": 0}, {"drain_s": -1}])
def test_what_is_not_allowed(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        app_of(**wrong)


@pytest.mark.parametrize(
    ("scope", "path", "prefix"),
    [
        ({"path": "/twilio"}, "/twilio", ""),
        ({"path": "/calls/twilio", "root_path": "/calls"}, "/twilio", "/calls"),
        ({"path": "/calls", "root_path": "/calls"}, "", "/calls"),
        ({"path": "/calls/", "root_path": "/calls/"}, "/", "/calls"),
        ({"path": "/twilio", "root_path": "/calls"}, "/twilio", "/calls"),
        ({"path": "/callstwilio", "root_path": "/calls"}, "/callstwilio", "/calls"),
        ({"path": "/a b/twilio", "root_path": "/a b"}, "/twilio", "/a%20b"),
        ({"path": "/twilio/é", "raw_path": b"/twilio/%C3%A9"}, "/twilio/%C3%A9", ""),
        ({"path": "/twilio/é", "raw_path": None}, "/twilio/%C3%A9", ""),
        ({"path": "/c/x y", "raw_path": b"/c/x%20y?a=b", "root_path": "/c"}, "/x%20y", "/c"),
    ],
)
def test_where_it_is_mounted(scope: dict, path: str, prefix: str) -> None:
    assert paths(scope) == (path, prefix)


# --- who may come in ------------------------------------------------------------------------------------------------------------------


def test_refusals() -> None:
    async def main() -> None:
        app = app_of(authentication=Authentication(token="t"), max_calls=1)
        token = [(b"authorization", b"Bearer t")]

        async def refused(**scope: object) -> dict:
            server = Server(app, **scope)
            await asyncio.wait_for(server.begin(), 5)
            return server.sent[0]

        assert (await refused())["status"] == 401
        assert (await refused(path="/nobody"))["status"] == 404
        plain = await refused(extensions={})
        assert (plain["type"], plain["reason"]) == ("websocket.close", "token: a token is needed")
        server = Server(app, query_string=b"token=t")
        task = server.begin()
        await until(lambda: len(server.sent) > 1)
        full = await refused(headers=token)
        assert full["status"] == 503
        assert dict(full["headers"])[b"retry-after"]
        text = (await page(app))[1]
        assert sample(text, 'requests_refused_total{cause="authentication"}') == 2
        assert sample(text, 'requests_refused_total{cause="path"}') == 1
        assert sample(text, 'requests_refused_total{cause="full"}') == 1
        server.hang_up()
        await task
        await app.drain()

    asyncio.run(main())


def test_a_limit_holds_while_handshakes_are_answered() -> None:
    async def main() -> None:
        app = app_of(max_calls=2)
        servers = [Server(app) for _ in range(5)]
        for server in servers:
            server.reads.clear()
        tasks = [server.begin() for server in servers]
        await asyncio.sleep(0.05)
        for server in servers:
            server.reads.set()
        await until(lambda: all(server.sent for server in servers))
        firsts = [server.sent[0]["type"] for server in servers]
        assert sorted(firsts) == 2 * ["websocket.accept"] + 3 * ["websocket.http.response.start"]
        await app.drain()
        await asyncio.gather(*tasks)

    asyncio.run(main())


# --- Starlette's TestClient ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mounted() -> object:
    """A FastAPI application with calls below /calls."""
    fastapi = pytest.importorskip("fastapi", reason="PyPI's fastapi is not installed")
    pytest.importorskip("httpx", reason="PyPI's httpx is not installed")
    found = app_of(answers_and_says_so, authentication=Authentication(token="t", twilio="secret"))

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await found.drain(0.0)

    app = fastapi.FastAPI(lifespan=lifespan)
    app.mount("/calls", found)
    app.state.calls = found
    return app


async def answers_and_says_so(call: PhoneCall) -> None:
    assert call.start.path == "/twilio/agent"
    with contextlib.suppress(CallEnded):
        await call.say(voice(300, seed=4), 8000)
        await call.wait_ended()


def test_mounted_in_fastapi(mounted: object) -> None:
    from starlette.testclient import TestClient, WebSocketDenialResponse

    provider = streams.Twilio("provider")
    signature = {"X-Twilio-Signature": twilio_sign("secret", "wss://testserver/calls/twilio/agent")}
    with TestClient(mounted) as client:
        assert client.get("/calls/healthz").json()["calls"] == 0
        for path, status in {"/calls/twilio/agent": 401, "/calls/nobody": 404, "/calls/exotel": 401}.items():
            with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect(path):
                pass
            assert caught.value.status_code == status
        with client.websocket_connect("/calls/twilio/agent", headers=signature) as socket:
            for data in provider.open(STARTS["twilio"]):
                socket.send_text(data)
            heard: list[bytes] = []
            while sum(map(len, heard)) < 8000:  # a second of it
                for message in provider.receive(socket.receive_text()):
                    if isinstance(message, Media):
                        heard.append(message.payload)
                        socket.send_text(provider.media(silence(STARTS["twilio"].wire)))
            assert client.get("/calls/healthz").json()["calls"] == 1
            socket.send_text(provider.stop())
            while (message := socket.receive())["type"] == "websocket.send":
                pass
            assert (message["type"], message["code"]) == ("websocket.close", 1000)
        text = client.get("/calls/metrics").text
        assert sample(text, 'calls_ended_total{dialect="twilio",reason="stop"}') == 1
    assert len(set(b"".join(heard))) > 20  # it spoke


# --- uvicorn, on real sockets -----------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def uvicorn_on(app: object) -> AsyncIterator[SimpleNamespace]:
    uvicorn = pytest.importorskip("uvicorn", reason="PyPI's uvicorn is not installed")
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="warning", lifespan="on", timeout_graceful_shutdown=3)
    )
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    try:
        yield SimpleNamespace(port=server.servers[0].sockets[0].getsockname()[1], server=server)
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("dialect", ["twilio", "vonage", "asterisk"])
def test_uvicorn(dialect: str) -> None:
    heard_ms: list[float] = []
    pressed: list[str] = []

    async def answer(call: PhoneCall) -> None:
        heard_ms.append(await call.say(voice(400, seed=4), 8000))
        async for event in call.events():
            if type(event).__name__ == "UserDtmf":
                pressed.append(event.digit)
                return

    async def main() -> None:
        app = app_of(answer)
        async with uvicorn_on(app) as server:
            phones = [await Phone(dialect).dial(server) for _ in range(3)]
            await until(lambda: len(heard_ms) == 3)
            for phone in phones:
                await phone.send(phone.provider.dtmf("5"))
            for phone in phones:
                await phone.over()  # the handler's return has hung up
            assert app.calls == 0
            assert sample((await page(app))[1], "calls_limit") == 500
        assert [len(phone.of(Media)) > 20 for phone in phones] == [True] * 3

    asyncio.run(main())
    assert heard_ms == [400.0] * 3
    assert pressed == ["5"] * 3


def test_uvicorn_refuses_before_the_upgrade() -> None:
    exceptions = pytest.importorskip("websockets.exceptions", reason="needs the extra: talkpath[server]")

    async def main() -> None:
        async with uvicorn_on(app_of(authentication=Authentication(token="t"))) as server:
            for path, status in {"/twilio": 401, "/nobody?token=t": 404, "//[": 404}.items():
                with pytest.raises(exceptions.InvalidStatus) as caught:
                    await Phone("twilio").dial(server, path)
                assert caught.value.response.status_code == status
            phone = await Phone("twilio").dial(server, "/twilio?token=t")
            await until(lambda: phone.of(Media))
            await phone.hang_up()
            await phone.over()

    asyncio.run(main())


def test_a_command_without_an_answer_goes_before_what_is_asked_for_after_it(caplog: pytest.LogCaptureFixture) -> None:
    story: list[str] = []

    async def answer(call: PhoneCall) -> None:
        call.tell("turn_probability", 7)
        call.tell("hangup")
        try:
            await call.checkpoint("late")
        except CallEnded:
            story.append("ended")

    async def main() -> None:
        await asyncio.wait_for(Server(app_of(answer)).begin(), 5)

    asyncio.run(main())
    assert story == ["ended"]
    assert "turn_probability" in caplog.text


def test_a_call_is_logged(tmp_path) -> None:
    """By a thread of the application's own process."""
    from talkpath.call.replay import replay
    from talkpath.server import call_log

    async def answer(call: PhoneCall) -> None:
        await call.log(tmp_path / "call.log")
        await call.say(voice(100), 8000)
        await call.wait_ended()

    async def main() -> None:
        server = Server(app_of(answer, logs=True))
        task = server.begin()
        await until(lambda: server.kinds().count("websocket.send") > 10)
        server.hang_up()
        await task
        await server.app.drain(0)

    asyncio.run(main())
    call_log._writer().submit(lambda: None).result(10)
    assert sum(result is not None for _, result in replay(tmp_path / "call.log")) >= 5
