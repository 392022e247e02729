"""ElevenLabs' voices: text to speech as an HTTP stream of PCM.

Sources: elevenlabs.io/docs, "Stream speech" (API reference), "Voice settings", "Data residency". Not verified against the service itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from talkpath.agentstack.providers.base import ProviderError, Spec
from talkpath.agentstack.providers.faults import message_of, without_key
from talkpath.agentstack.providers.http_stream import HttpTimes, posted
from talkpath.agentstack.providers.urls import http_base

if TYPE_CHECKING:
    from talkpath.agentstack.providers.http_pool import HttpPool

PROVIDER = "elevenlabs"
BASE_URLS = {"us": "https://api.elevenlabs.io/v1", "in": "https://api.in.residency.elevenlabs.io/v1"}
MODEL = "eleven_flash_v2_5"
RATES_HZ = (8000, 16000, 22050, 24000, 44100)
RATE_HZ = 16000
TIMES = HttpTimes(first_s=5.0, between_s=5.0)
SPEEDS = (0.7, 1.2)  # it refuses others
_MP3 = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")  # how a file of it begins; some call PCM audio/mpeg

# The premade voices by their names. Anything else is taken for an id.
VOICES: Mapping[str, str] = {
    "adam": "pNInz6obpgDQGcFmaJgB",
    "antoni": "ErXwobaYiN019PkySvjV",
    "aria": "9BWtsMINqrJLrRacOk9x",
    "charlie": "IKne3meq5aSn9XLyUdCD",
    "charlotte": "XB0fDUnXU5powFXDhCwa",
    "clyde": "2EiwWnXFnvU5JabPnv8n",
    "daniel": "onwK4e9ZLuTAKqWW03F9",
    "dave": "CYw3kZ02Hs0563khs1Fj",
    "domi": "AZnzlk1XvdvUeBnXmlld",
    "dorothy": "ThT5KcBeYPX3keUQqHPh",
    "drew": "29vD33N1CtxCmqQRPOHJ",
    "fin": "D38z5RcWu1voky8WS1ja",
    "george": "JBFqnCBsd6RMkjVDRZzb",
    "james": "ZQe5CZNOzWyzPSCn5a3c",
    "josh": "TxGEqnHWrfWFTfGW9XjX",
    "liam": "TX3LPaxmHKxFdv7VOQHJ",
    "lily": "pFZP5JQG7iQjIQuC4Bku",
    "rachel": "21m00Tcm4TlvDq8ikWAM",
    "roger": "CwhRBWXzGAHq8TQ4Fs17",
    "sarah": "EXAVITQu4vr4xnSDxMaL",
}
_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost")


def base_of(spec: Spec, base_url: str | None = None) -> str:
    """The end point: one of one's own, else the region's."""
    given = http_base(base_url or BASE_URLS["us"])
    region = str(spec.get("region") or "us").lower()
    return BASE_URLS.get(region, given) if given == BASE_URLS["us"] else given


def rate_of(spec: Spec) -> int:
    """Samples a second of what is asked for. No MP3 is: nothing here would decode it, and a phone has no use for it."""
    name = str(spec.get("output_format") or (f"pcm_{spec['sample_rate']}" if spec.get("sample_rate") else ""))
    digits = name.removeprefix("pcm_")
    rate_hz = int(digits) if name.startswith("pcm_") and digits.isdecimal() else RATE_HZ
    return rate_hz if rate_hz in RATES_HZ else RATE_HZ


def voice_of(spec: Spec) -> str:
    """A voice's id."""
    voice = str(spec.get("voice") or spec.get("voice_id") or "sarah")
    return VOICES.get(voice.lower(), voice)


def speech_body(spec: Spec, text: str) -> dict[str, Any]:
    """What is posted: settings only where the agent has them, else the voice's own hold."""
    body: dict[str, Any] = {"text": text, "model_id": str(spec.get("model") or spec.get("model_id") or MODEL)}
    settings = {name: spec[name] for name in _SETTINGS if spec.get(name) is not None}
    if (speed := spec.get("speed")) is not None:
        settings["speed"] = min(max(float(speed), SPEEDS[0]), SPEEDS[1])
    if settings:
        body["voice_settings"] = settings
    if spec.get("language"):
        body["language_code"] = str(spec["language"])
    return body


def key_requests(spec: Spec, key: str | None, base_url: str | None) -> tuple[list[str], dict[str, str]]:
    """What tells whether a key is good."""
    return [f"{base_of(spec, base_url)}/user"], {"xi-api-key": key} if key else {}


class ElevenLabs:
    """Speaks by ElevenLabs, or by what speaks like it. See `TextToSpeech`.

    Parameters
    ----------
    spec : mapping
        An agent's `tts`.
    http : HttpPool
        Shared by all: its connections are kept.
    """

    provider = PROVIDER

    def __init__(
        self,
        spec: Spec,
        http: HttpPool,
        key: str | None = None,
        base_url: str | None = None,
        times: HttpTimes = TIMES,
    ) -> None:
        self.model = str(spec.get("model") or spec.get("model_id") or MODEL)
        self.sample_rate_hz = rate_of(spec)
        self._spec, self._http, self._key, self._times = spec, http, key, times
        voice = quote(voice_of(spec), safe="")
        self._url = f"{base_of(spec, base_url)}/text-to-speech/{voice}/stream?output_format=pcm_{self.sample_rate_hz}"

    async def speech(
        self, text: str, previous_text: str | None = None, next_text: str | None = None
    ) -> AsyncIterator[bytes]:
        """See `TextToSpeech`. The texts around it, where they are known, make its melody fit."""
        if not text.strip():
            return
        body = speech_body(self._spec, text)
        body |= {k: v for k, v in (("previous_text", previous_text), ("next_text", next_text)) if v}
        headers = {"xi-api-key": self._key} if self._key else {}
        async with posted(self._http, self._url, body, headers, self._times, PROVIDER, self._key) as stream:
            kind = stream.headers.get("content-type", "").split(";")[0].strip().lower()
            odd, is_silent = b"", True
            while (piece := await stream.piece()) is not None:
                is_mp3 = kind == "audio/mpeg" and is_silent and piece.startswith(_MP3)
                if kind in ("application/json", "text/html") or is_mp3:
                    said = "" if is_mp3 else without_key(message_of(piece), self._key)
                    raise ProviderError(f"{PROVIDER} sends {kind} for PCM {said}".rstrip(), "unavailable", PROVIDER)
                piece = odd + piece
                whole = len(piece) & ~1
                odd = piece[whole:]
                stream.wait(self._times.between_s)
                if whole:
                    is_silent = False
                    yield piece[:whole]
            if is_silent and any(c.isalnum() for c in text):
                raise ProviderError(f"{PROVIDER} gives no sound for a text", "unavailable", PROVIDER)
