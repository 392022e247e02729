"""A whole agent dict, as Plivo's SDK sends it: what is the engine's is used, in every spelling that ships."""

import json

import numpy as np
import pytest
from scenario import voice

import talkpath as tp
from talkpath.call.config import PRESETS
from talkpath.call.replay import replay

AGENT = {"agent_name": "a", "websocket_url": "ws://localhost:9000/ws"}


def config(**fields: object) -> tp.CallConfig:
    return tp.CallConfig.from_agent({**AGENT, **fields})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, PRESETS["auto"]),
        ("auto", PRESETS["auto"]),
        ("high", PRESETS["high"]),
        ("low", PRESETS["low"]),
        (None, PRESETS["medium"]),
        ({"eagerness": "low"}, PRESETS["low"]),
        ({"eagerness": "auto"}, PRESETS["auto"]),
        ({"a_key_of_tomorrow": 3, "eagerness": "high"}, PRESETS["high"]),
        ({"completed_turn_delay_ms": 150, "incomplete_turn_delay_ms": 1400, "uncertain_turn_delay_ms": 700,
          "min_interruption_duration_ms": 300, "false_interruption_timeout_ms": 750}, PRESETS["high"]),
    ],
)  # fmt: skip
def test_semantic_vad_as_it_arrives(given: object, expected: object) -> None:
    assert config(semantic_vad=given).turns == expected


def test_an_empty_semantic_vad_is_auto_wherever_it_is_given() -> None:
    empty = tp.CallConfig(semantic_vad={})
    assert empty.turns == PRESETS["auto"]
    shorter = empty.replaced(semantic_vad={"min_interruption_duration_ms": 200}).turns
    assert (shorter.adapts, shorter.min_interruption_duration_ms) == (True, 200)
    call = tp.CallPipeline(semantic_vad="high")
    call.update(semantic_vad={})  # a dict changes what it names: nothing
    assert call.config.turns == PRESETS["high"]


def test_absent_semantic_vad_is_medium() -> None:
    assert config().turns == PRESETS["medium"]
    assert not config().turns.adapts


@pytest.mark.parametrize("fields", [{}, {"idle_timeout": None}])
def test_no_idle_timeout_is_off(fields: dict[str, object]) -> None:
    """A server would hang up on people."""
    assert config(**fields).idle == {}
    call = tp.CallPipeline(config(**fields))
    call.speak(voice(200), 8000, "a", final=True)
    silence = call.encode(np.zeros(160, np.int16))
    events = [e for _ in range(1200) for e in [*call.transmit().events, *call.receive(silence).events]]
    assert [e for e in events if e.type == "user.idle"] == []


@pytest.mark.parametrize(
    ("given", "response_ms", "extended_ms", "retries"),
    [
        ({}, 15_000, 30_000, 3),
        ({"no_response_timeout_ms": 8000}, 8000, 30_000, 3),
        ({"no_response_timeout_s": 8}, 8000, 30_000, 3),
        ({"no_response_timeout_s": 7.5, "extended_wait_time_s": 20.0, "max_retries": 1}, 7500, 20_000, 1),
        ({"no_response_timeout_s": 5, "no_response_timeout_ms": 6000}, 6000, 30_000, 3),
        ({"no_response_timeout_ms": None, "max_retries": None, "reminder_message": None}, 15_000, 30_000, 3),
        ({"extended_wait_time_s": 60, "hangup_message": "Bye."}, 15_000, 60_000, 3),
    ],
)
def test_idle_timeout_in_ms_and_s(given: dict[str, object], response_ms: int, extended_ms: int, retries: int) -> None:
    assert config(idle_timeout=given).idle == {
        "no_response_timeout_ms": response_ms, "extended_wait_time_ms": extended_ms, "max_retries": retries,
    }  # fmt: skip


@pytest.mark.parametrize("value", [0.5, 121, "8", True])
def test_wrong_seconds_name_their_field(value: object) -> None:
    with pytest.raises(tp.ConfigError, match=r"idle_timeout\.no_response_timeout_s"):
        config(idle_timeout={"no_response_timeout_s": value})


def test_older_spellings() -> None:
    assert not config(interruption_enabled=False).allow_interruptions
    assert config(interruption_enabled=False, allow_interruptions=True).allow_interruptions
    with pytest.raises(tp.ConfigError, match="interruption_enabled"):
        config(interruption_enabled="no")
    older = config(
        vad={"threshold": 0.4}, turn_detector={"min_interruption_duration_ms": 400, "silence_threshold_ms": 3}
    )
    assert older.turns.speech_activation_threshold == 0.4
    assert older.turns.min_interruption_duration_ms == 400
    newer = config(vad={"threshold": 0.4}, semantic_vad={"speech_activation_threshold": 0.6})
    assert newer.turns.speech_activation_threshold == 0.6


@pytest.mark.parametrize(("given", "expected"), [("mulaw_8k", "pcm_8k"), ("pcm_24k", "pcm_24k"), (None, "pcm_16k")])
def test_audio_format(given: str | None, expected: str) -> None:
    assert config(audio_format=given).audio_format == expected


@pytest.mark.parametrize("method", ["disabled", "audio", "llm"])
def test_detection_method(method: str) -> None:
    assert config(detection_method=method).detection_method == method


def test_streams_dict() -> None:
    given = config(
        stream={"content_type": "audio/x-l16;rate=16000", "noise_cancellation": True, "stream_timeout": 86400}
    )
    assert (given.stream, given.noise_cancellation) == ("audio/x-l16;rate=16000", True)
    for path, stream in (("stream.content_type", {"content_type": "audio/mp3"}), ("stream.noise_cancellation", {"noise_cancellation": 1}),
                         ("stream.noise_cancellation_level", {"noise_cancellation_level": 50}), ("stream", 8000)):  # fmt: skip
        with pytest.raises(tp.ConfigError, match=f"^{path}"):
            config(stream=stream)


def test_what_is_not_ours_is_ignored() -> None:
    given = config(
        stt={"provider": "deepgram"}, llm={"model": "gpt-4o"}, callbacks={}, welcome_greeting="Hi!", voice_of_tomorrow=1
    )
    assert given.speaks_first == "agent"
    assert config().speaks_first == "user"
    json.dumps(given.to_dict())


# --- comfort noise -------------------------------------------------------------------------------------------------------


def quiet_seconds(call: tp.CallPipeline, frames: int = 50) -> np.ndarray:
    return np.concatenate([call.decode(call.transmit().payload) for _ in range(frames)]).astype(float)


def test_no_two_calls_carry_the_same_comfort_noise() -> None:
    calls = [tp.CallPipeline(stream="audio/x-l16;rate=8000", cng_divisor=100) for _ in range(6)]
    noises = [quiet_seconds(c) for c in calls]
    for i, a in enumerate(noises):
        for b in noises[:i]:
            assert abs(np.corrcoef(a, b)[0, 1]) < 0.05
    assert len({c.seed for c in calls}) == 6


def test_a_given_seed_is_kept_and_a_log_keeps_a_drawn_one(tmp_path) -> None:
    a, b = (quiet_seconds(tp.CallPipeline(seed=7)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    call = tp.CallPipeline(cng_divisor=500)
    call.record(tmp_path / "log")
    sent = [call.transmit().payload for _ in range(20)]
    call.hangup()
    again = [result.payload for _, result in replay(tmp_path / "log") if isinstance(result, tp.Transmitted)]
    assert again == sent


def test_another_level_does_not_start_the_noise_again() -> None:
    """It fades to its level within a frame and goes on: no block of it comes twice, and nothing jumps."""
    call = tp.CallPipeline(stream="audio/x-l16;rate=8000", cng_divisor=300, seed=3)
    first = quiet_seconds(call)
    call.update(cng_divisor=30)
    second = quiet_seconds(call)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    gain_db = 20 * np.log10(second[400:].std() / first.std())
    assert gain_db == pytest.approx(20.0, abs=0.6)
    assert np.abs(second[:20]).max() < 6 * first.std()
    assert call.config.seed == 3
