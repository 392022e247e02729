"""The embedded default: PocketSphinx hears, a script answers, Hibari speaks. No key, no network. Extra `local`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator
from typing import Any

from talkpath.agentstack.providers.base import (
    LanguageModel,
    ProviderError,
    Spec,
    SpeechToText,
    SttStream,
    TextToSpeech,
    Transcript,
)
from talkpath.agentstack.providers.local_model import ScriptedModel
from talkpath.agentstack.providers.local_pool import LocalProcess, close_local, local_pool

__all__ = ["close_local", "local_llm", "local_stt", "local_tts"]

PROVIDER = "local"
_RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
_VOICES = ("heart", "fenrir", "emma", "fable", "kore")


def _needs(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ProviderError(
                "the embedded default needs the extra 'local': pip install 'talkpath[local]'", "bad_request", PROVIDER
            )


def _begin(kind: str) -> None:
    """Load models while there is no call yet: an agent has just been made."""
    with contextlib.suppress(RuntimeError):  # no loop runs: at the first call, then
        local_pool().process(kind)


# --- hearing ------------------------------------------------------------------------------------------------------------------


def local_stt(spec: Spec) -> SpeechToText:
    """PocketSphinx, in processes of its own.

    Parameters
    ----------
    spec : mapping
        `keywords`: phrases or sentences that callers say, a list of str; they go before others. `grammar`: a grammar in JSGF; nothing else is understood.
        `interim_results`: False keeps interim text back. Others are not looked at.
    """
    _needs("pocketsphinx")
    keywords, grammar = spec.get("keywords") or (), spec.get("grammar") or ""
    if isinstance(keywords, str) or not all(isinstance(word, str) for word in keywords) or not isinstance(grammar, str):
        raise ProviderError("stt.keywords must be a list of texts, stt.grammar a text", "bad_request", PROVIDER)
    _begin("hear")
    options = {"keywords": tuple(keywords), "grammar": grammar, "interim": bool(spec.get("interim_results", True))}
    return LocalStt(options)


class LocalStt:
    """Made by `local_stt`."""

    provider, model = PROVIDER, "pocketsphinx-en-us"

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def open(self, sample_rate_hz: int) -> SttStream:
        """See `SpeechToText`."""
        return LocalSttStream(sample_rate_hz, self._options)


class LocalSttStream:
    """One call's. Made by `LocalStt.open`."""

    provider, model = LocalStt.provider, LocalStt.model

    def __init__(self, sample_rate_hz: int, options: dict[str, Any]) -> None:
        pool = local_pool()
        self.audio_s = 0.0
        self._bytes_per_s = 2 * sample_rate_hz
        self._number = pool.number()
        self._process: LocalProcess = pool.process("hear")
        self._news: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self._process.users[self._number] = self._news.put_nowait
        self._process.send(("open", self._number, sample_rate_hz, options))

    def send(self, pcm: bytes) -> None:
        """See `SttStream`."""
        self.audio_s += len(pcm) / self._bytes_per_s
        self._process.send(("audio", self._number, bytes(pcm)))

    def finalize(self) -> None:
        """See `SttStream`."""
        self._process.send(("finalize", self._number))

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while True:
            match await self._news.get():
                case ("heard", _, transcript):
                    yield transcript
                case ("broken", _, text):
                    raise ProviderError(text, provider=PROVIDER)
                case ("closed",):
                    return

    async def aclose(self) -> None:
        """See `SttStream`."""
        if self._process.users.pop(self._number, None) is not None:
            self._process.send(("close", self._number))
            self._news.put_nowait(("closed",))


# --- answering ----------------------------------------------------------------------------------------------------------------


def local_llm(spec: Spec) -> LanguageModel:
    """A scripted model: see `local_model`.

    Parameters
    ----------
    spec : mapping
        `script`: rules as an object, or the name of a TOML or JSON file that holds them. None: rules that are built in, and the agent's own tools.
    """
    return ScriptedModel(spec)


# --- speaking -----------------------------------------------------------------------------------------------------------------


def local_tts(spec: Spec) -> TextToSpeech:
    """Hibari, in a process of its own.

    Parameters
    ----------
    spec : mapping
        `speed`; `sample_rate`, or `output_format` "pcm_RATE" (default: 16000 Hz); `voice`: one of Hibari's, "heart" where the name is none of them.
    """
    _needs("hibari", "onnxruntime")
    _begin("speak")
    form = str(spec.get("output_format") or "")
    rate = spec.get("sample_rate") or (form[4:] if form.startswith("pcm_") else 16000)
    rate_hz = int(rate) if str(rate).isdigit() and int(rate) in _RATES_HZ else 16000
    voice = str(spec.get("voice") or "")
    return LocalTts(
        rate_hz,
        {
            "sample_rate_hz": rate_hz,
            "voice": voice if voice in _VOICES else _VOICES[0],
            "speed": float(spec.get("speed") or 1.0),
        },
    )


class LocalTts:
    """Made by `local_tts`."""

    provider = PROVIDER

    def __init__(self, sample_rate_hz: int, options: dict[str, Any]) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.model = f"hibari-{options['voice']}"
        self._options = options

    async def speech(self, text: str) -> AsyncIterator[bytes]:
        """See `TextToSpeech`."""
        pool = local_pool()
        process, job = pool.process("speak"), pool.number()
        news: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        process.users[job] = news.put_nowait
        process.send(("speak", job, text, self._options))
        is_over = False
        try:
            while not is_over:
                match await news.get():
                    case ("spoken", _, pcm):
                        yield pcm
                    case ("done", _):
                        is_over = True
                    case ("mute" | "broken", _, problem):
                        is_over = True
                        raise ProviderError(problem, provider=PROVIDER)
        finally:
            process.users.pop(job, None)
            if not is_over:
                process.send(("cancel", job))
