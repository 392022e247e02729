"""Names, keys and base URLs: whose counts. Keys that are refused are found; nothing else stands in an agent's way."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from provider_fakes import FakeHttp, run

pytest.importorskip("httpx", reason="extra agentstack is not installed")
pytest.importorskip("aiohttp", reason="extra agentstack is not installed")
pytest.importorskip("websockets", reason="extra agentstack is not installed")

import httpx

from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.dialling import SocketTimes, dial
from talkpath.agentstack.providers.http_pool import HttpPool
from talkpath.agentstack.providers.http_stream import HttpTimes, posted
from talkpath.agentstack.providers.registry import CLIENTS, KNOWN, Providers
from talkpath.agentstack.providers.urls import http_base


class Settings:
    def __init__(self, providers: str = "", keys: Any = None, urls: Any = None) -> None:
        self.providers, self.keys, self.urls = providers, keys or {}, urls or {}

    def base_url(self, provider: str) -> str:
        return self.urls.get(provider, "")

    def api_key(self, provider: str) -> str | None:
        return self.keys.get(provider)


class Server:
    """All HTTP of a test."""

    def __init__(self, answer: Any = lambda _: httpx.Response(200, json={})) -> None:
        self.requests: list[httpx.Request] = []
        self.answer = answer
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)


def checked(kind: str, spec: dict[str, Any], settings: Settings, answer: Any = None) -> tuple[str | None, Server]:
    server = Server(answer) if answer else Server()
    return run(Providers(settings, server.http).check(kind, spec)), server


def status(code: int, body: Any = None) -> Any:
    return lambda _: httpx.Response(code, json=body or {})


# --- whose key, whose URL -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "url", "key"),
    [
        ({"provider": "openai"}, "http://ours:1/v1/models", "ours"),
        ({"api_key": ""}, "http://ours:1/v1/models", "ours"),
        ({"provider": "OpenAI", "api_key": "theirs"}, "http://ours:1/v1/models", "theirs"),
        ({"api_key": "theirs", "base_url": "http://theirs:2/v1"}, "http://theirs:2/v1/models", "theirs"),
        ({"provider": "groq"}, "https://api.groq.com/openai/v1/models", None),
    ],
)
def test_the_agents_own_comes_first_then_the_servers_then_the_vendors(spec: Any, url: str, key: str | None) -> None:
    settings = Settings(keys={"openai": "ours"}, urls={"openai": "http://ours:1/v1"})
    said, server = checked("llm", spec, settings)
    assert said is None
    assert str(server.requests[0].url) == url
    assert server.requests[0].headers.get("authorization") == (f"Bearer {key}" if key else None)


def test_each_is_asked_in_its_own_way() -> None:
    settings = Settings(
        keys={"deepgram": "dg", "elevenlabs": "xi", "azure": "az"},
        urls={"deepgram": "https://dg:1", "azure": "https://a.example/openai"},
    )
    _, deepgram = checked("stt", {"provider": "deepgram", "base_url": "wss://dg:1/v1"}, settings, status(404))
    assert [str(r.url) for r in deepgram.requests] == ["https://dg:1/v1/auth/token", "https://dg:1/v1/projects"]
    assert deepgram.requests[0].headers["authorization"] == "Token dg"
    _, elevenlabs = checked("tts", {"provider": "elevenlabs"}, settings)
    assert str(elevenlabs.requests[0].url) == "https://api.elevenlabs.io/v1/user"
    assert elevenlabs.requests[0].headers["xi-api-key"] == "xi"
    _, azure = checked("llm", {"provider": "azure", "azure_endpoint": "https://a.example/openai"}, settings)
    assert str(azure.requests[0].url) == "https://a.example/openai/models?api-version=2024-10-21"
    assert azure.requests[0].headers["api-key"] == "az"


STRANGER = "http://stranger:2/v1"


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("llm", {"base_url": STRANGER}),
        ("llm", {"base_url": "http://ours:1/v1/more"}),
        ("llm", {"base_url": "https://ours:1/v1"}),
        ("llm", {"base_url": "http://ours:1@stranger:2/v1"}),
        ("llm", {"base_url": "http://ours:one/v1"}),
        ("llm", {"provider": "azure", "azure_endpoint": STRANGER}),
        ("llm", {"provider": "azure", "azure_endpoint": STRANGER, "base_url": "http://ours:1/v1"}),
        ("llm", {"provider": "groq", "base_url": STRANGER}),
        ("stt", {"base_url": "ws://stranger:2"}),
        ("tts", {"base_url": STRANGER}),
    ],
)
def test_the_servers_key_goes_to_no_address_that_an_agent_brings(kind: str, spec: Any) -> None:
    names = ("openai", "azure", "groq", "deepgram", "elevenlabs")
    settings = Settings(keys=dict.fromkeys(names, "s3cret"), urls={"openai": "http://ours:1/v1", "azure": "http://ours:1/v1"})  # fmt: skip
    _, server = checked(kind, spec, settings, status(404))
    assert all("s3cret" not in str(r.headers.raw) + str(r.url) for r in server.requests)
    made: Any = getattr(Providers(settings), kind)(spec, [spec])
    assert "s3cret" not in repr([vars(member) for member in made._members])


@pytest.mark.parametrize("url", ["", "http://ours:1/v1", "http://OURS:1", "ws://ours:1/v1/"])
def test_and_to_its_own_address_however_it_is_written(url: str) -> None:
    settings = Settings(keys={"openai": "ours"}, urls={"openai": "http://ours:1/v1"})
    _, server = checked("llm", {"base_url": url}, settings)
    assert server.requests[0].headers["authorization"] == "Bearer ours"


# --- keys that are refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_a_refused_key_is_a_sentence_without_the_key(kind: str, code: int) -> None:
    said, _ = checked(kind, {"api_key": "s3cret"}, Settings(), status(code, {"error": "bad key s3cret"}))
    assert said is not None
    assert "refuses this key" in said
    assert "s3cret" not in said


def test_no_key_at_all_is_said_as_such() -> None:
    said, _ = checked("llm", {}, Settings(), status(401))
    assert said == "openai wants a key, and neither the agent nor the server has one"


@pytest.mark.parametrize(
    "body",
    [
        {"detail": {"status": "missing_permissions", "message": "user_read"}},
        {"error": {"message": "Missing scopes: api.model.read"}},
    ],
)
def test_a_key_for_one_purpose_is_no_bad_key(body: Any) -> None:
    assert checked("tts", {"api_key": "k"}, Settings(), status(401, body))[0] is None


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody", request=request)


@pytest.mark.parametrize("answer", [status(404), status(500), status(429), refuse])
def test_anything_else_is_no_reason(answer: Any) -> None:
    assert checked("llm", {"api_key": "k"}, Settings(), answer)[0] is None


def test_a_base_url_that_is_none_is_no_reason_either() -> None:
    assert checked("llm", {"base_url": "nonsense"}, Settings(), refuse)[0] is None


# --- names ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KNOWN.items() for name in sorted(names)])
def test_known_names_without_a_client_are_said_to_be_so(kind: str, name: str) -> None:
    said, server = checked(kind, {"provider": name.title()}, Settings())
    assert said == f"{kind} provider '{name}' is not served yet"
    assert server.requests == []
    providers = Providers(Settings(), server.http)
    with pytest.raises(ProviderError, match="not served yet"):
        getattr(providers, kind)({"provider": name})


def test_the_page_names_them_all_and_its_example_speaks() -> None:
    page = (Path(__file__).parents[2] / "docs/agentstack/providers.md").read_text(encoding="utf-8")
    table = page.split("**Whose key")[0]
    for names in (*CLIENTS.values(), *KNOWN.values()):
        assert not [name for name in names if not re.search(rf"\b{name}\b", table)]
    found: dict[str, Any] = {"http_base": http_base, "posted": posted, "HttpTimes": HttpTimes}
    exec(re.findall(r"```python\n(.*?)```", page, re.S)[0], found)
    fake = FakeHttp(lambda _: (200, {}, [b"ab", b"cd"]))

    async def main() -> bytes:
        async with fake.at() as url, HttpPool() as http:
            return b"".join([pcm async for pcm in found["AcmeVoice"]({}, http, "k", url).speech("Hello.")])

    assert run(main()) == b"abcd"
    assert found["key_requests"]({}, "k", None) == (["https://api.acme.example/v1/me"], {"Authorization": "Bearer k"})


def test_unknown_names() -> None:
    assert checked("tts", {"provider": "acme"}, Settings())[0] == "tts provider 'acme' is unknown"


def test_every_served_name_makes_something() -> None:
    providers = Providers(Settings(), Server().http)
    for kind, names in CLIENTS.items():
        for name in names:
            made = getattr(providers, kind)(
                {"provider": name.upper(), "model": "m", "azure_endpoint": "https://a.example/openai"}
            )
            assert (made.provider, made.model) == (name, "m")


def test_a_bad_fallback_is_found_at_once() -> None:
    with pytest.raises(ProviderError):
        Providers(Settings(), Server().http).llm({}, [{"provider": "anthropic"}])


# --- the embedded default ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("talkpath.agentstack.providers.local")
    for kind in ("stt", "llm", "tts"):
        made = lambda spec, kind=kind: SimpleNamespace(provider="local", model=kind, sample_rate_hz=8000, spec=spec)  # noqa: E731
        setattr(module, f"local_{kind}", made)
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("name", ["deepgram", "google", "Local"])
def test_local_serves_every_name(name: str) -> None:
    server = Server()
    providers = Providers(Settings("local"), server.http)
    stt = providers.stt({"provider": name})
    assert (stt.provider, stt.model) == ("local", "stt")
    assert providers.llm({}, [{"provider": "anthropic"}]).model == "llm"
    assert providers.tts({}).sample_rate_hz == 8000
    assert run(providers.check("stt", {"provider": name, "api_key": "k"})) is None
    assert server.requests == []


def test_local_that_cannot_be_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(spec: Any) -> None:
        raise ProviderError("the extra 'local' is missing", "bad_request", "local")

    module: Any = ModuleType("talkpath.agentstack.providers.local")
    module.local_stt = missing
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert checked("stt", {"provider": "local"}, Settings())[0] == "the extra 'local' is missing"


@pytest.mark.usefixtures("local")
def test_local_is_a_name_of_its_own() -> None:
    providers = Providers(Settings(), Server().http)
    assert providers.tts({"provider": "local"}).provider == "local"
    assert providers.llm({"provider": "openai", "model": "gpt-4o"}, [{"provider": "local"}]).provider == "openai"


def test_it_closes_what_it_made_only() -> None:
    async def main() -> None:
        server = Server()
        theirs, own = Providers(Settings(), server.http), Providers(Settings())
        http = own.http
        await theirs.aclose()
        await own.aclose()
        assert not server.http.is_closed
        assert http.is_closed

    run(main())


def test_proxies_are_for_the_world_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    providers = Providers(Settings())
    http, pool = providers.http, providers.pool
    for host in ("127.0.0.1:9", "localhost:9", "[::1]:9"):
        assert http._transport_for_url(httpx.URL(f"http://{host}/v1")) is http._transport
        assert pool.proxy(f"http://{host}/v1") is None
    assert http._transport_for_url(httpx.URL("https://api.openai.com/v1")) is not http._transport
    assert pool.proxy("https://api.openai.com/v1") == "http://proxy.example:3128"
    assert pool.proxy("https://near.example/v1") is None


# --- redirects ------------------------------------------------------------------------------------------------------------------------


def test_a_socket_follows_no_redirect() -> None:
    from websockets.asyncio.server import serve
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    seen: list[str] = []

    async def dialled() -> None:
        def elsewhere(_: Any, request: Any) -> Response:
            seen.append(request.path)
            return Response(302, "Found", Headers({"Location": "/elsewhere", "Content-Length": "0"}))

        async with serve(lambda _: None, "127.0.0.1", 0, process_request=elsewhere) as server:  # type: ignore[arg-type]
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ProviderError):
                await dial(
                    f"ws://127.0.0.1:{port}/listen", {"Authorization": "Token k"}, SocketTimes(), "deepgram", "k"
                )

    run(dialled())
    assert seen == ["/listen"]
