"""turn.metrics and session.usage against what the stand-ins and the phone know."""

import pytest
from standins import Reply, Rule

from scenarios.dialled import dialled
from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, Scene
from scenarios.test_talk import spoken_s
from talkpath.phone import Say

ANSWER = "It is five past nine."
NEAR_MS = 50


@dialled(quick=True)
async def test_metrics_agree_with_the_providers(scene: Scene) -> None:
    """stt 120 ms, first token 250 ms, first audio 180 ms: each within 50 ms, and their sum is what the caller perceived."""
    scene.hearing.texts = ["What time is it?"]
    scene.hearing.final_s = 0.12
    scene.hearing.interim_results = False
    scene.chat.otherwise = Reply(ANSWER, ttft_s=0.25, cached_tokens=7)
    scene.voice.ttfb_s = 0.18
    await scene.agent(events={"metrics_events": True}, prefill_cache=False)
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    metrics = session.of("turn.metrics")[-1]
    assert metrics["turn_number"] == 1
    assert metrics["interrupted"] is False
    assert metrics["llm_ttft_ms"] == pytest.approx(250, abs=NEAR_MS)
    assert metrics["tts_ttfb_ms"] == pytest.approx(180, abs=NEAR_MS)
    perceived_ms = call.result.answers_ms[0] - 40.0
    assert metrics["user_perceived_ms"] == pytest.approx(perceived_ms, abs=NEAR_MS)
    parts = metrics["turn_decision_ms"] + metrics["llm_ttft_ms"] + metrics["tts_ttfb_ms"]
    assert metrics["user_perceived_ms"] == pytest.approx(parts, abs=NEAR_MS)
    stream = scene.hearing.streams[-1]
    final = next(said for said in stream.results if said.is_final and said.text)
    assert metrics["stt_delay_ms"] == pytest.approx(1000 * (final.at + 0.12 - call.at("caller_silent")[0]), abs=NEAR_MS)
    assert metrics["stt_delay_ms"] <= metrics["turn_decision_ms"] + NEAR_MS
    asked = scene.chat.requests[-1]
    assert metrics["llm_completion_tokens"] == asked.tokens_sent
    assert metrics["llm_cache_read_tokens"] == 7
    assert metrics["llm_prompt_tokens"] + metrics["llm_completion_tokens"] == metrics["llm_total_tokens"]
    assert metrics["llm_cache_hit_ratio"] == pytest.approx(7 / metrics["llm_prompt_tokens"], abs=0.01)
    assert metrics["tts_characters"] == len(ANSWER)
    assert metrics["tts_audio_duration_ms"] == pytest.approx(1000 * spoken_s(ANSWER), abs=NEAR_MS)
    assert (metrics["llm_provider"], metrics["tts_provider"], metrics["stt_provider"]) == (
        "openai", "elevenlabs", "deepgram",
    )  # fmt: skip
    assert metrics["stt_confidence"] == pytest.approx(0.98)
    assert metrics["user_text"] in (None, "What time is it?")
    turn = session.of("turn.completed")[-1]
    assert turn["llm_ttft_s"] == pytest.approx(metrics["llm_ttft_ms"] / 1000, abs=0.02)
    assert turn["tts_ttfb_s"] == pytest.approx(metrics["tts_ttfb_ms"] / 1000, abs=0.02)
    assert turn["turn_decision_s"] == pytest.approx(metrics["turn_decision_ms"] / 1000, abs=0.02)
    kinds = session.kinds()
    assert kinds.index("turn.metrics") > kinds.index("turn.completed")


@dialled()
async def test_first_audio_does_not_wait_for_the_whole_answer(scene: Scene) -> None:
    scene.hearing.texts = ["What time is it?"]
    scene.chat.otherwise = Reply(ANSWER + " And there is a great deal more to say about it." * 3, token_s=0.06)
    await scene.agent(events={"metrics_events": True})
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    done_at = scene.chat.requests[-1].done_at
    assert done_at is not None
    assert call.agent_speaks_after(call.at("caller_silent")[0]) < done_at - 0.5
    assert session.of("turn.metrics")[-1]["llm_duration_ms"] > 1200


@dialled()
async def test_usage(scene: Scene) -> None:
    """After each turn and before the end, cumulative; tokens are the model's, characters those that were sent."""
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.rules = [Rule("one", Reply(ANSWER, cached_tokens=5)), Rule("two", Reply("No.", cached_tokens=6))]
    await scene.agent(prefill_cache=False)
    call, session = await scene.call(*LISTEN, *ASK, *ASK, HANG_UP)
    told = session.of("session.usage")
    assert len(told) >= 3
    kinds = session.kinds()
    assert kinds[-2:] == ["session.usage", "session.ended"]
    models = {model["type"]: model for model in told[-1]["models"]}
    from standins.chat import tokens_of

    asked = scene.chat.requests
    assert len(asked) == 2
    assert models["llm_usage"]["input_tokens"] == sum(tokens_of(one.body) for one in asked)
    assert models["llm_usage"]["output_tokens"] == sum(one.tokens_sent for one in asked)
    assert models["llm_usage"]["input_cached_tokens"] == 11
    assert (models["llm_usage"]["provider"], models["llm_usage"]["model"]) == ("openai", "gpt-4o")
    assert models["tts_usage"]["characters_count"] == sum(len(text) for text in scene.voice.texts)
    assert models["tts_usage"]["audio_duration"] == pytest.approx(
        sum(spoken_s(text) for text in (GREETING, ANSWER, "No.")), abs=0.1
    )
    assert models["stt_usage"]["audio_duration"] == pytest.approx(call.result.duration_s, abs=1.0)
    assert scene.hearing.streams[0].audio_s == pytest.approx(models["stt_usage"]["audio_duration"], abs=0.5)
    counts = [next((m["output_tokens"] for m in one["models"] if m["type"] == "llm_usage"), 0) for one in told]
    assert counts == sorted(counts)


@dialled()
async def test_answers_are_quick(scene: Scene) -> None:
    """Nothing in the stack waits: with providers without delay an answer begins soon after the turn's end."""
    scene.hearing.texts = [f"Question number {i}?" for i in range(4)]
    scene.hearing.interim_s = scene.hearing.final_s = 0.0
    scene.chat.otherwise = Reply("Yes.")
    await scene.agent(events={"metrics_events": True})
    call, session = await scene.call(*LISTEN, *((Say(seconds=1.0), *LISTEN) * 4), HANG_UP)
    assert len(call.result.answers_ms) == 4
    for metrics in session.of("turn.metrics")[1:]:
        rest_ms = metrics["user_perceived_ms"] - metrics["turn_decision_ms"]
        assert rest_ms < 200
