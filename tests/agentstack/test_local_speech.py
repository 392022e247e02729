"""The embedded voice and recogniser: what is said is heard. The recogniser's own processes, once."""

import asyncio

import numpy as np
import pytest

pytest.importorskip("pocketsphinx", reason="the extra 'local' is not installed")
pytest.importorskip("hibari", reason="the extra 'local' is not installed")

from talkpath import g711
from talkpath.agentstack.providers import local_features as features
from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.local import close_local, local_stt, local_tts
from talkpath.agentstack.providers.local_hearing import Decoders, Hearing
from talkpath.agentstack.providers.local_voice import MAX_CHARS, Voice, sentences

OPTIONS = {"keywords": (), "grammar": "", "interim": True}


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return Decoders()


def telephone(voice: Voice, text: str) -> np.ndarray:
    said = np.frombuffer(b"".join(voice.speech(text, sample_rate_hz=8000)), np.int16)
    silence = np.random.default_rng(1).normal(0, 6, 6400).astype(np.int16)
    return np.asarray(g711.ulaw_decode(g711.ulaw_encode(np.concatenate([silence[:4000], said, silence]))))


def listen(decoders: Decoders, pcm: np.ndarray, options: dict, step: int = 320) -> list:
    hearing, found = Hearing(decoders, 8000, options), []
    for at in range(0, len(pcm), step):
        found += hearing.process(pcm[at : at + step].tobytes())
    return found + hearing.finalize()


def test_what_is_said_is_heard(voice: Voice, decoders: Decoders) -> None:
    pcm = telephone(voice, "Please transfer me to a human.")
    found = listen(decoders, pcm, OPTIONS)
    finals = [t for t in found if t.is_final]
    assert "human" in finals[0].text
    assert finals[0].is_speech_end
    assert [t.from_finalize for t in finals] == [False, True]
    assert finals[1].text == ""  # nothing is said twice
    assert any(t.text and not t.is_final for t in found)


def test_how_the_audio_is_cut_makes_no_difference(voice: Voice, decoders: Decoders) -> None:
    pcm = telephone(voice, "Where is my order?")
    finals = [
        [t.text for t in listen(decoders, pcm, OPTIONS, step) if t.is_final and t.text] for step in (160, 333, 640)
    ]
    assert finals[0]
    assert finals[0][0].split()[-1] == finals[1][0].split()[-1] == finals[2][0].split()[-1] == "order"


def test_finalize_ends_a_segment_and_always_answers(voice: Voice, decoders: Decoders) -> None:
    hearing = Hearing(decoders, 8000, OPTIONS)
    assert [(t.text, t.from_finalize) for t in hearing.finalize()] == [("", True)]
    pcm = telephone(voice, "I want to speak to a human.")[:-9200]
    hearing.process(pcm.tobytes())
    (final,) = hearing.finalize()
    assert final.from_finalize
    assert "speak" in final.text


def test_a_grammar_is_all_that_is_understood(voice: Voice, decoders: Decoders) -> None:
    grammar = "#JSGF V1.0; grammar a; public <a> = yes | no | order (one | two) hundred;"
    found = listen(decoders, telephone(voice, "Order two hundred."), {**OPTIONS, "grammar": grammar})
    assert [t.text for t in found if t.is_final and t.text] == ["order two hundred"]
    with pytest.raises((ValueError, RuntimeError)):
        Hearing(decoders, 8000, {**OPTIONS, "grammar": "no grammar"})


def test_silence_is_nothing(decoders: Decoders) -> None:
    assert [(t.text, t.is_final) for t in listen(decoders, np.zeros(32000, np.int16), OPTIONS)] == [("", True)]


def test_pitch() -> None:
    t = np.arange(800) / 8000
    for hz in (90, 120, 180, 240):
        tone = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 8)) * 3000
        assert features.pitch_hz(tone.astype(np.int16)) == pytest.approx(hz, rel=0.04)
    assert features.pitch_hz(np.random.default_rng(1).normal(0, 3000, 800).astype(np.int16)) is None
    assert features.pitch_hz(np.zeros(800, np.int16)) is None


def test_long_sentences_are_cut() -> None:
    text = "one two three, " * 60 + "x" * 700 + "."
    pieces = sentences(text)
    assert max(map(len, pieces)) <= MAX_CHARS
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert sentences("... !? -") == []


@pytest.mark.realtime
def test_processes() -> None:
    """Speech from one process, words from another; a closed iterator; a process that is gone."""

    async def scene() -> None:
        tts, stt = local_tts({"output_format": "pcm_8000"}), local_stt({})
        cancelled = tts.speech("This is never heard to its end. " * 20)
        assert await anext(cancelled)
        await cancelled.aclose()
        pcm = b"".join([piece async for piece in tts.speech("I want to speak to a human.")])
        stream = stt.open(8000)
        stream.send(bytes(4000) + pcm + bytes(16000))
        stream.finalize()
        words = []
        async for transcript in stream:
            words.append(transcript.text)
            if transcript.from_finalize:
                break
        assert any("human" in text for text in words)
        assert stream.audio_s == pytest.approx((20000 + len(pcm)) / 16000)
        stream._process._process.kill()
        with pytest.raises(ProviderError, match="ended"):
            async for _ in stream:
                pass
        await stream.aclose()
        again = stt.open(8000)  # another process takes its place
        again.finalize()
        assert (await anext(aiter(again))).from_finalize
        await again.aclose()
        await close_local()

    asyncio.run(scene())


def test_bad_specs() -> None:
    for spec in ({"keywords": "order"}, {"keywords": [1]}, {"grammar": 5}):
        with pytest.raises(ProviderError):
            local_stt(spec)
