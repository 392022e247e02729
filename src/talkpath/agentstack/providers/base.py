"""What the conversation asks of a provider: hear, answer, speak. One file a provider stands behind these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

# --- faults ------------------------------------------------------------------------------------------------------------------


class ProviderError(Exception):
    """A provider could not do what it was asked.

    Parameters
    ----------
    message : str
        For people. Never holds a key.
    kind : {"rejected_key", "bad_request", "unavailable", "timeout"}
        "rejected_key" and "bad_request" do not get better by trying again.
    provider : str
        As the agent names it.
    """

    def __init__(self, message: str, kind: str = "unavailable", provider: str = "") -> None:
        super().__init__(message)
        self.kind, self.provider = kind, provider


# --- hearing -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of the caller.

    Attributes
    ----------
    text : str
        Of the present segment so far; of all of it when `is_final`. Segments follow each other: a final one is not said again.
    is_final : bool
    is_speech_end : bool
        The provider heard the speaker stop (Deepgram's `speech_final`).
    confidence : float or None
    language, speaker_id : str or None
    from_finalize : bool
        It answers `finalize()`: nothing that was sent before it is still to come.
    """

    text: str
    is_final: bool
    is_speech_end: bool = False
    confidence: float | None = None
    language: str | None = None
    speaker_id: str | None = None
    from_finalize: bool = False


class SttStream(Protocol):
    """A caller's audio in, transcripts out: `async for transcript in stream`."""

    provider: str  # that does the work now; changes when a fallback takes over
    model: str
    audio_s: float  # sent so far

    def send(self, pcm: bytes) -> None:
        """int16, mono, at the rate it was opened with. Never waits."""
        ...

    def finalize(self) -> None:
        """The caller has stopped: give what is known of all that was sent. A transcript with `from_finalize` answers, an empty one too."""
        ...

    def __aiter__(self) -> AsyncIterator[Transcript]: ...

    async def aclose(self) -> None:
        """Nothing more is wanted."""
        ...


class SpeechToText(Protocol):
    """A recogniser."""

    provider: str
    model: str

    def open(self, sample_rate_hz: int) -> SttStream:
        """A stream for one call. What goes wrong is raised by its iteration, as `ProviderError`."""
        ...


# --- answering ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of what is said."""

    text: str


@dataclass(frozen=True, slots=True)
class Audio:
    """The next piece of what is said, as sound: int16 mono, at the rate of the model that speaks."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool: complete. `arguments` is {} where the model wrote no JSON object; `raw` is what it wrote."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    raw: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last of a stream.

    Attributes
    ----------
    reason : str
        "stop", "tool_calls", "length", …
    input_tokens, cached_tokens, output_tokens : int
        0 where the provider does not say.
    provider, model, request_id : str
        Of whoever answered, a fallback perhaps.
    """

    reason: str = "stop"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    provider: str = ""
    model: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is said and all calls are there: only `Finished` follows, perhaps a while later. A model need not tell it."""


Delta: TypeAlias = Text | Audio | ToolCall | Whole | Finished
ChatMessage: TypeAlias = dict[
    str, Any
]  # as OpenAI's chat completions have them: role, content, tool_calls, tool_call_id


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call: `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


class LanguageModel(Protocol):
    """A model that chats."""

    provider: str  # of the first choice
    model: str

    def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """One answer, as it comes; `Finished` is the last. Closing the iterator cancels the request. Raises `ProviderError`."""
        ...


# --- speaking ----------------------------------------------------------------------------------------------------------------


class TextToSpeech(Protocol):
    """A voice."""

    provider: str  # that spoke last, a fallback perhaps
    model: str
    sample_rate_hz: int  # of what it gives; does not change

    def speech(self, text: str) -> AsyncIterator[bytes]:
        """A sentence or a clause as int16 mono, as it is made. Closing the iterator cancels the request. Raises `ProviderError`."""
        ...


# --- all in one --------------------------------------------------------------------------------------------------------------


class SpeechModel(SpeechToText, LanguageModel, Protocol):
    """A model that hears and speaks, on one call. Its `chat` answers what was said since the last answer, and gives `Audio` beside the words.

    Attributes
    ----------
    sample_rate_hz : int
        Of what it hears and says.
    tools, talk_so_far : callable
        Set by the talk: what a new connection is told.
    """

    sample_rate_hz: int
    tools: Callable[[], Sequence[Tool]]
    talk_so_far: Callable[[], Sequence[ChatMessage]]

    def attend(self) -> None:
        """The caller speaks: what he says is for the model, to `finalize`."""
        ...

    def forget(self) -> None:
        """What he has said since the last answer was no turn."""
        ...

    def say(self, text: str) -> AsyncIterator[Delta]:
        """These words, in its voice."""
        ...

    def heard(self, position_s: float) -> None:
        """The caller has heard so much of what was said last."""
        ...


# --- all of them -------------------------------------------------------------------------------------------------------------

OnAvailability: TypeAlias = Callable[[str, bool], None]  # ("openai/gpt-4o", is it available?)
Spec: TypeAlias = Mapping[str, Any]  # an agent's `stt`, `llm` or `tts`, defaults filled in


class ProviderSet(Protocol):
    """Makes what an agent names. One for the whole server: connections are shared."""

    def stt(self, spec: Spec, fallback: Sequence[Spec] = ()) -> SpeechToText: ...

    def llm(
        self, spec: Spec, fallback: Sequence[Spec] = (), on_availability: OnAvailability | None = None
    ) -> LanguageModel: ...

    def tts(self, spec: Spec, fallback: Sequence[Spec] = ()) -> TextToSpeech: ...

    def s2s(self, spec: Spec) -> SpeechModel: ...

    async def check(self, kind: str, spec: Spec) -> str | None:
        """Why `spec` (of an "stt", "llm" or "tts") cannot be: a key that is refused. None: nothing is wrong, or nobody can be reached."""
        ...

    async def aclose(self) -> None: ...
