"""ElevenLabs: what is asked for, and its stream by a small HTTP server."""

import asyncio
from typing import Any

import pytest
from provider_fakes import FakeHttp, run

pytest.importorskip("httpx", reason="extra agentstack is not installed")
pytest.importorskip("aiohttp", reason="extra agentstack is not installed")

from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.elevenlabs import ElevenLabs, base_of, rate_of, speech_body, voice_of
from talkpath.agentstack.providers.http_pool import HttpPool
from talkpath.agentstack.providers.http_stream import HttpTimes

QUICK = HttpTimes(connect_s=1.0, first_s=0.15, between_s=0.15)
PCM = {"Content-Type": "audio/pcm"}
SPOKEN = bytes(range(256)) * 5


@pytest.mark.parametrize(
    ("spec", "rate_hz"),
    [
        ({}, 16000),
        ({"output_format": "pcm_8000"}, 8000),
        ({"output_format": "pcm_44100"}, 44100),
        ({"sample_rate": 24000}, 24000),
        ({"output_format": "mp3_44100", "sample_rate": 44100}, 16000),
        ({"output_format": "pcm_96000"}, 16000),
    ],
)
def test_only_pcm_is_asked_for(spec: dict[str, Any], rate_hz: int) -> None:
    assert rate_of(spec) == rate_hz


def test_voices_by_name_or_id() -> None:
    assert voice_of({"voice": "Rachel"}) == "21m00Tcm4TlvDq8ikWAM"
    assert voice_of({"voice": "EXAVITQu4vr4xnSDxMaL"}) == voice_of({"voice_id": "sarah"}) == voice_of({})


def test_region_gives_way_to_a_base_url() -> None:
    assert base_of({}) == "https://api.elevenlabs.io/v1"
    assert base_of({"region": "in"}) == "https://api.in.residency.elevenlabs.io/v1"
    assert base_of({"region": "in"}, "https://api.elevenlabs.io/v1") == "https://api.in.residency.elevenlabs.io/v1"
    assert base_of({"region": "in"}, "http://127.0.0.1:9/v1/") == "http://127.0.0.1:9/v1"


def test_settings_only_where_they_are_given() -> None:
    assert speech_body({"stability": None}, "Hi.") == {"text": "Hi.", "model_id": "eleven_flash_v2_5"}
    spec = {"stability": 0.5, "similarity_boost": 0.75, "use_speaker_boost": False, "speed": 4.0, "language": "de"}
    assert speech_body({**spec, "model": "eleven_turbo_v2_5"}, "Hi.") == {
        "text": "Hi.",
        "model_id": "eleven_turbo_v2_5",
        "language_code": "de",
        "voice_settings": {"stability": 0.5, "similarity_boost": 0.75, "use_speaker_boost": False, "speed": 1.2},
    }


def spoken(answer: Any, text: str = "Hello.", **spec: Any) -> tuple[FakeHttp, list[bytes]]:
    fake = FakeHttp(answer)

    async def main() -> list[bytes]:
        async with fake.at() as url, HttpPool() as http:
            return [pcm async for pcm in ElevenLabs(spec, http, "xi-k3y", url, QUICK).speech(text)]

    return fake, run(main())


def test_one_sentence_over_the_wire() -> None:
    """Whole samples only, however the stream is cut."""
    fake, pieces = spoken(lambda _: (200, PCM, [SPOKEN[:1], SPOKEN[1:2], SPOKEN[2:501], SPOKEN[501:]]), voice="clyde")
    assert b"".join(pieces) == SPOKEN
    assert all(pieces)
    assert not any(len(piece) % 2 for piece in pieces)
    request = fake.requests[0]
    assert request.path == "/v1/text-to-speech/2EiwWnXFnvU5JabPnv8n/stream?output_format=pcm_16000"
    assert request.headers["xi-api-key"] == "xi-k3y"
    assert request.body == {"text": "Hello.", "model_id": "eleven_flash_v2_5"}


def test_half_a_sample_at_the_end_is_no_sample() -> None:
    assert b"".join(spoken(lambda _: (200, PCM, [SPOKEN + b"x"]))[1]) == SPOKEN


def test_pcm_is_known_by_its_sound_not_by_its_name() -> None:
    """Some servers call everything audio/mpeg."""
    kind = {"Content-Type": "audio/mpeg"}
    assert b"".join(spoken(lambda _: (200, kind, [SPOKEN[:7], SPOKEN[7:]]))[1]) == SPOKEN


def test_no_sound_for_words_is_a_fault_and_for_a_mark_is_none() -> None:
    with pytest.raises(ProviderError) as problem:
        spoken(lambda _: (200, PCM, [b"x"]))
    assert problem.value.kind == "unavailable"
    assert spoken(lambda _: (200, PCM, b""), text="…")[1] == []


def test_nothing_to_say_is_not_asked_for() -> None:
    fake, pieces = spoken(lambda _: (500, {}, b""), text=" ")
    assert (fake.requests, pieces) == ([], [])


def test_texts_around_it_go_along() -> None:
    fake = FakeHttp(lambda _: (200, PCM, [SPOKEN]))

    async def main() -> None:
        async with fake.at() as url, HttpPool() as http:
            speech = ElevenLabs({}, http, None, url).speech("And you?", previous_text="I am fine.", next_text="Good.")
            assert [pcm async for pcm in speech]

    run(main())
    assert fake.requests[0].body["previous_text"] == "I am fine."
    assert fake.requests[0].body["next_text"] == "Good."
    assert "xi-api-key" not in fake.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {}, b'{"detail": {"status": "invalid_api_key", "message": "Invalid: xi-k3y"}}'), "rejected_key"),
        ((422, {}, b'{"detail": [{"loc": ["body"], "msg": "bad xi-k3y"}]}'), "bad_request"),
        ((429, {}, b'{"detail": {"status": "too_many_concurrent_requests", "message": "xi-k3y"}}'), "unavailable"),
        ((503, {}, b"down"), "unavailable"),
        ((200, {"Content-Type": "application/json"}, [b'{"detail": {"message": "oops xi-k3y"}}']), "unavailable"),
        ((200, {"Content-Type": "audio/mpeg"}, [b"ID3"]), "unavailable"),
        ((200, PCM, [5]), "timeout"),
        ((200, PCM, [SPOKEN, 5]), "timeout"),
        ((200, PCM, [SPOKEN, None]), "unavailable"),
    ],
)
def test_faults(answer: tuple[int, dict[str, str], Any], kind: str) -> None:
    with pytest.raises(ProviderError) as problem:
        spoken(lambda _: answer)
    assert (problem.value.kind, problem.value.provider) == (kind, "elevenlabs")
    assert "xi-k3y" not in str(problem.value)


def test_closing_the_iterator_cancels_the_request() -> None:
    fake = FakeHttp(lambda _: (200, PCM, [SPOKEN, 5]))

    async def main() -> None:
        async with fake.at() as url, HttpPool() as http:
            speech = ElevenLabs({}, http, None, url).speech("A long story.")
            assert await anext(speech)
            await speech.aclose()
            await asyncio.wait_for(fake.is_left.wait(), 2)

    run(main())
