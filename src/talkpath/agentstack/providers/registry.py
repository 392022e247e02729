"""Providers by their names: an agent's `stt`, `llm` and `tts` → what hears, answers and speaks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from talkpath.agentstack.providers import deepgram, elevenlabs, openai_chat, openai_realtime
from talkpath.agentstack.providers.base import (
    LanguageModel,
    OnAvailability,
    ProviderError,
    Spec,
    SpeechModel,
    SpeechToText,
    TextToSpeech,
)
from talkpath.agentstack.providers.deepgram_stream import Deepgram
from talkpath.agentstack.providers.dialling import http_client
from talkpath.agentstack.providers.elevenlabs import ElevenLabs
from talkpath.agentstack.providers.fallback_health import Health
from talkpath.agentstack.providers.fallback_llm import FallbackModel
from talkpath.agentstack.providers.fallback_stt import FallbackRecogniser
from talkpath.agentstack.providers.fallback_tts import FallbackVoice
from talkpath.agentstack.providers.http_pool import HttpPool
from talkpath.agentstack.providers.key_check import refused_key
from talkpath.agentstack.providers.openai_chat import VENDORS, OpenAIChat
from talkpath.agentstack.providers.realtime_call import RealtimeModel
from talkpath.agentstack.providers.urls import same_base
from talkpath.agentstack.settings import BASE_URLS

if TYPE_CHECKING:
    import httpx

LOCAL = "local"
DEFAULTS = {"stt": "deepgram", "llm": "openai", "tts": "elevenlabs", "s2s": openai_realtime.PROVIDER}
_SETTINGS = {openai_realtime.PROVIDER: "openai"}  # whose key and address in the settings


@dataclass(frozen=True, slots=True)
class Client:
    """One provider. `make(spec, http, key, base_url)`; `key_requests(spec, key, base_url)` → addresses and headers that tell whether a key is good."""

    make: Callable[[Spec, HttpPool, str | None, str | None], Any]
    key_requests: Callable[[Spec, str | None, str | None], tuple[list[str], dict[str, str]]]


CLIENTS: Mapping[str, Mapping[str, Client]] = {
    "stt": {"deepgram": Client(lambda spec, _, key, url: Deepgram(spec, key, url), deepgram.key_requests)},
    "llm": {name: Client(OpenAIChat, openai_chat.key_requests) for name in VENDORS},
    "tts": {"elevenlabs": Client(ElevenLabs, elevenlabs.key_requests)},
    "s2s": {
        name: Client(lambda spec, _, key, url: RealtimeModel(spec, key, url), openai_realtime.key_requests)
        for name in (openai_realtime.PROVIDER, openai_realtime.AZURE)
    },
}
KNOWN = {  # to agents, and without a client here yet
    "stt": frozenset({"google", "azure", "assemblyai", "groq", "openai"}),
    "llm": frozenset({"anthropic", "google"}),
    "tts": frozenset({"cartesia", "google", "azure", "openai", "deepgram"}),
    "s2s": frozenset({"gemini_live"}),
}


class ProviderSettings(Protocol):
    """What is needed of the server's settings. Names are lower case: "deepgram", "openai", …"""

    @property
    def providers(self) -> str:
        """`local`: every name is served by the embedded default."""
        ...

    def base_url(self, provider: str) -> str | None:
        """For agents that name none; None or "": the vendor's."""
        ...

    def api_key(self, provider: str) -> str | None:
        """For agents that name none; goes to `base_url(provider)` only."""
        ...


class Providers:
    """All providers of a server. See `ProviderSet`.

    Parameters
    ----------
    settings : ProviderSettings
    http : httpx.AsyncClient, optional
        For key checks. Otherwise one is made, and closed by `aclose`.
    health : Health, optional
        Who failed lately.
    """

    def __init__(
        self, settings: ProviderSettings, http: httpx.AsyncClient | None = None, health: Health | None = None
    ) -> None:
        self._settings, self._http, self._own_http = settings, http, http is None
        self._health = health or Health()
        self._pool: HttpPool | None = None
        if settings.providers != LOCAL:
            _ = self.http, self.pool  # now, while nobody is on the phone: to read certificates takes some 10 ms

    # --- ProviderSet ------------------------------------------------------------------------------------------------------------

    def stt(self, spec: Spec, fallback: Sequence[Spec] = ()) -> SpeechToText:
        """See `ProviderSet`."""
        members = [self._made("stt", each) for each in (spec, *fallback)]
        return FallbackRecogniser(members, self._names("stt", spec, fallback), self._health)

    def llm(
        self, spec: Spec, fallback: Sequence[Spec] = (), on_availability: OnAvailability | None = None
    ) -> LanguageModel:
        """See `ProviderSet`. Prompt and tools come with each chat, so a fallback has the same."""
        members = [self._made("llm", each) for each in (spec, *fallback)]
        return FallbackModel(members, self._names("llm", spec, fallback), self._health, on_availability)

    def tts(self, spec: Spec, fallback: Sequence[Spec] = ()) -> TextToSpeech:
        """See `ProviderSet`."""
        members = [self._made("tts", each) for each in (spec, *fallback)]
        return FallbackVoice(members, self._names("tts", spec, fallback), self._health)

    def s2s(self, spec: Spec) -> SpeechModel:
        """See `ProviderSet`. One for each call."""
        made: SpeechModel = self._made("s2s", spec)
        return made

    async def check(self, kind: str, spec: Spec) -> str | None:
        """See `ProviderSet`."""
        try:
            name = self._name(kind, spec)
            if name == LOCAL:
                self._made(kind, spec)  # what is missing, it says here
                return None
            key, base_url = self._key(name, spec), self._base_url(name, spec)
            urls, headers = CLIENTS[kind][name].key_requests({**spec, "provider": name}, key, base_url)
        except ProviderError as problem:
            return str(problem)
        return await refused_key(self.http, name, urls, headers)

    async def aclose(self) -> None:
        """See `ProviderSet`."""
        if self._own_http and self._http is not None:
            await self._http.aclose()
            self._http = None
        if self._pool is not None:
            await self._pool.aclose()
        if "talkpath.agentstack.providers.local" in sys.modules:
            await importlib.import_module("talkpath.agentstack.providers.local").close_local()

    # --- parts ------------------------------------------------------------------------------------------------------------------

    @property
    def http(self) -> httpx.AsyncClient:
        """For key checks."""
        if self._http is None:
            self._http = http_client()
        return self._http

    @property
    def pool(self) -> HttpPool:
        """Shared by all: connections are kept between requests."""
        if self._pool is None:
            self._pool = HttpPool()
        return self._pool

    def _made(self, kind: str, spec: Spec) -> Any:
        name = self._name(kind, spec)
        if name == LOCAL:
            return _local(kind)(spec)
        make = CLIENTS[kind][name].make
        return make({**spec, "provider": name}, self.pool, self._key(name, spec), self._base_url(name, spec))

    def _name(self, kind: str, spec: Spec) -> str:
        """Who serves it.

        Raises
        ------
        ProviderError
            Nobody here.
        """
        name = str(spec.get("provider") or DEFAULTS[kind]).strip().lower()
        is_local = self._settings.providers == LOCAL and (name in CLIENTS[kind] or name in KNOWN[kind])
        if is_local and kind in ("llm", "s2s") and name in CLIENTS[kind] and self._has_own_url(name, spec):
            return name  # a model of one's own stands beside the embedded voice and recogniser
        if is_local and kind == "s2s":
            raise ProviderError("s2s has no embedded default: name a base_url", "bad_request", name)
        if name == LOCAL or is_local:
            return LOCAL
        if name in CLIENTS[kind]:
            return name
        what = "is not served yet" if name in KNOWN[kind] else "is unknown"
        raise ProviderError(f"{kind} provider '{name}' {what}", "bad_request", name)

    def _key(self, name: str, spec: Spec) -> str | None:
        """The agent's own; the server's only where the server itself would go: an agent may name an address, not take the key there."""
        own = str(spec.get("api_key") or "")
        return (
            own or (self._settings.api_key(_SETTINGS.get(name, name)) if self._is_at_home(name, spec) else None) or None
        )

    def _is_at_home(self, name: str, spec: Spec) -> bool:
        """The agent names no address, or the settings' (where they have none, the vendor's)."""
        named = [str(spec[field]) for field in ("base_url", "azure_endpoint") if spec.get(field)]
        name = _SETTINGS.get(name, name)
        home = self._settings.base_url(name) or BASE_URLS.get(name, "")
        prefix = VENDORS[name].prefix if name in VENDORS else "/v1"
        return all(bool(home) and same_base(each, home, prefix) for each in named)

    def _base_url(self, name: str, spec: Spec) -> str | None:
        return str(spec.get("base_url") or "") or self._settings.base_url(_SETTINGS.get(name, name)) or None

    def _has_own_url(self, name: str, spec: Spec) -> bool:
        """An agent, or the settings, name another server than the vendor's."""
        settings = _SETTINGS.get(name, name)
        own = any(spec.get(field) for field in ("base_url", "azure_endpoint"))
        return own or (self._settings.base_url(settings) or "") not in ("", BASE_URLS.get(settings, ""))

    def _names(self, kind: str, spec: Spec, fallback: Sequence[Spec]) -> list[str]:
        """For `Health`: the same service by the same account is one, to all calls. Never shown: a key is in it only by its hash."""
        names = []
        for each in (spec, *fallback):
            name = self._name(kind, each)
            where = each.get("azure_endpoint") or self._base_url(name, each)
            model = each.get("model") or each.get("azure_deployment") or each.get("voice")
            names.append(f"{kind} {name} {model} {where} {hash(self._key(name, each))}")
        return names


def _local(kind: str) -> Callable[[Spec], Any]:
    """`local_stt`, `local_llm` or `local_tts` of the embedded default (extra `local`)."""
    module = importlib.import_module("talkpath.agentstack.providers.local")
    made: Callable[[Spec], Any] = getattr(module, f"local_{kind}")
    return made
