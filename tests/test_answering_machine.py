"""Who answered: generated greetings of people and of machines, against the rules written out, and on real prompts."""

import pickle

import numpy as np
import pytest
from conftest import hostile_signals, prompts, random_cuts

import talkpath as tp


def silence(seconds: float, rng: np.random.Generator, level_dbov: float = -65.0) -> np.ndarray:
    return rng.standard_normal(round(seconds * 8000)) * 10 ** (level_dbov / 20) * 32768


def spoken(seconds: float, rng: np.random.Generator, files: list) -> np.ndarray:
    """Real speech without long pauses, cut to length, at -22 dBov."""
    out = np.zeros(0)
    while len(out) < seconds * 8000:
        x = tp.read_wav(files[int(rng.integers(len(files)))], 8000).astype(float)
        power = np.convolve(x**2, np.ones(400) / 400, "same")
        out = np.concatenate([out, x[power > power.max() * 1e-3]])
    out = out[: round(seconds * 8000)]
    return out / np.sqrt((out**2).mean()) * 32768 * 10 ** (-22 / 20)


def line(*parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pcm = np.concatenate(parts)
    pcm = pcm + silence(len(pcm) / 8000, rng)
    pcm = np.clip(np.rint(pcm), -32768, 32767).astype(np.int16)
    return tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))


def decide(pcm: np.ndarray, **fields: int) -> tp.AmdResult:
    a = tp.AnsweringMachineDetector(**fields)
    for i in range(0, len(pcm), 160):
        if (result := a.process(pcm[i : i + 160])) is not None:
            assert a.process(pcm[:160]) is None  # once
            assert a.finish() == result
            return result
    return a.finish()


@pytest.fixture(scope="module")
def voices() -> list:
    files = [p for p in prompts("en") if 20000 < p.stat().st_size < 120000]
    if not files:
        pytest.skip("no real speech: install Debian's asterisk-core-sounds-en-wav")
    return files


@pytest.mark.parametrize("greeting_s", [0.5, 0.8, 1.5, 2.2])
def test_a_short_greeting_and_silence_is_a_person(voices: list, greeting_s: float, rng: np.random.Generator) -> None:
    right = 0
    for _ in range(6):
        pcm = line(np.zeros(6000), spoken(greeting_s, rng, voices), np.zeros(32000), rng=rng)
        result = decide(pcm)
        right += result.result == "human"
        if result.result == "human":
            assert result.reason == "short_greeting"
            assert 0.5 < result.decided_ms / 1000 - 0.75 - greeting_s < 1.7
    assert right >= 5


def test_long_speech_is_a_machine(voices: list, rng: np.random.Generator) -> None:
    right = 0
    for _ in range(10):
        pause = np.zeros(round(rng.uniform(0.1, 0.6) * 8000))
        pcm = line(np.zeros(4000), spoken(2.0, rng, voices), pause, spoken(5.0, rng, voices), np.zeros(16000), rng=rng)
        result = decide(pcm)
        right += result.result == "machine"
        if result.result == "machine":
            assert result.reason == "long_greeting"
            assert 3.5 < result.decided_ms / 1000 < 5.0
    assert right >= 9


@pytest.mark.parametrize("level_dbov", [-75.0, -60.0, -45.0])
def test_nobody_speaks(level_dbov: float, rng: np.random.Generator) -> None:
    pcm = np.rint(silence(12, rng, level_dbov)).astype(np.int16)
    result = decide(pcm)
    assert (result.result, result.reason, result.decided_ms) == ("unknown", "initial_silence", 3200.0)


def test_the_end_of_the_audio(voices: list, rng: np.random.Generator) -> None:
    talking = line(spoken(1.0, rng, voices), rng=rng)
    assert decide(talking).result == "unknown"
    assert decide(talking).reason == "end_of_audio"
    paused = line(np.zeros(4000), spoken(0.8, rng, voices), np.zeros(5600), rng=rng)
    assert decide(paused).result == "human"
    assert tp.AnsweringMachineDetector().finish().result == "unknown"


@pytest.mark.parametrize("level_dbov", [-48.0, -40.0])
def test_noise_that_comes_to_stay_does_not_hold_the_decision(
    voices: list, level_dbov: float, rng: np.random.Generator
) -> None:
    pcm = line(np.zeros(4000), spoken(0.8, rng, voices), np.zeros(80000), rng=rng).astype(float)
    start = 4000 + 6400 + 4000  # half a second into the silence
    pcm[start:] += silence((len(pcm) - start) / 8000, rng, level_dbov)
    result = decide(np.clip(np.rint(pcm), -32768, 32767).astype(np.int16))
    assert (result.result, result.reason) == ("human", "short_greeting")
    assert result.decided_ms < 3500


def test_a_click_is_no_greeting(rng: np.random.Generator) -> None:
    pcm = silence(8, rng)
    pcm[8000:8400] += rng.standard_normal(400) * 4000
    assert decide(np.rint(pcm).astype(np.int16)).result == "unknown"


def test_parameters_move_the_decision(voices: list, rng: np.random.Generator) -> None:
    pcm = line(np.zeros(4000), spoken(6.0, rng, voices), np.zeros(16000), rng=rng)
    assert decide(pcm, greeting_ms=1500).decided_ms < decide(pcm, greeting_ms=3000).decided_ms
    assert decide(pcm, maximum_words=1, between_words_silence_ms=20, greeting_ms=9000).result in (
        "machine",
        "human",
        "unknown",
    )
    assert decide(pcm, total_ms=1000, greeting_ms=9000).reason == "total_time"
    quiet = np.zeros(40000, np.int16)
    assert decide(quiet, initial_silence_ms=1000).decided_ms == 1000


def test_any_cut_gives_the_same_decision(voices: list, rng: np.random.Generator) -> None:
    pcm = line(np.zeros(4000), spoken(0.9, rng, voices), np.zeros(24000), rng=rng)
    expected = decide(pcm)
    a = tp.AnsweringMachineDetector()
    for _ in range(2):
        got = [r for p in random_cuts(pcm, rng) if (r := a.process(p)) is not None]
        assert got == [expected]
        a.reset()


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("name", sorted(hostile_signals(1)))
def test_hostile_input(name: str, rate: int) -> None:
    a = tp.AnsweringMachineDetector(rate)
    a.process(hostile_signals(rate * 2)[name])
    assert a.finish().result in ("human", "machine", "unknown")


def test_configuration() -> None:
    for field, value in [("sample_rate", 11025), ("initial_silence_ms", 100), ("greeting_ms", 0), ("after_greeting_silence_ms", 9000),
                         ("between_words_silence_ms", 5), ("maximum_words", 0), ("total_ms", 10)]:  # fmt: skip
        with pytest.raises(tp.ConfigError, match=f"{field} must be"):
            tp.AnsweringMachineDetector(**{field: value})
    a = tp.AnsweringMachineDetector(16000, greeting_ms=2500)
    again = pickle.loads(pickle.dumps(a))
    assert repr(again) == repr(a)
    assert "greeting_ms=2500" in repr(a)
