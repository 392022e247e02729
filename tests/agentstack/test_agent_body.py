"""From a dict to an agent: defaults spelt out, every wrong field named, changes merged, keys masked."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from bodies import MINIMAL, SEED, TOOL, body
from hypothesis import given, settings
from hypothesis import strategies as st

from talkpath.agentstack.agent import Agent, AgentError, Callback, IdleTimeout
from talkpath.agentstack.agent_body import agent_from_body, masked, merged, updated
from talkpath.call.config import PRESETS, CallConfig


def made(given: dict[str, Any]) -> Agent:
    return agent_from_body(given, "uuid-1", "2026-01-01T00:00:00Z")


def refused(given: dict[str, Any]) -> AgentError:
    with pytest.raises(AgentError) as caught:
        made(given)
    assert str(caught.value).startswith(caught.value.path + " ")
    return caught.value


def test_the_seeds_body() -> None:
    agent = made(SEED)
    assert (agent.agent_name, agent.mode, agent.speaks_first) == ("Acme Support Agent", "full", "agent")
    assert agent.callbacks["recording"] == Callback("http://localhost:9001/callbacks/recording")
    assert agent.idle_timeout == IdleTimeout(None, SEED["idle_timeout"]["hangup_message"])
    assert agent.agent_tools[0]["config"]["timeout_s"] == 60.0
    assert [tool["name"] for tool in agent.llm["tools"]] == ["lookup_order", "play_hold_music", "end_call"]
    assert agent.llm["api_key"] == ""  # empty: the server's
    config = CallConfig.from_agent(agent.call)
    assert config.turns == PRESETS["high"]
    assert config.idle["max_retries"] == 3


def test_defaults_are_spelt_out() -> None:
    agent = made(MINIMAL)
    assert agent.stt == {
        "provider": "deepgram", "model": "nova-3", "language": "en", "api_key": "", "base_url": "", "encoding": "linear16",
        "sample_rate": 16000, "endpointing": 25, "interim_results": True, "smart_format": False, "punctuate": True,
        "profanity_filter": False, "no_delay": True, "filler_words": True,
    }  # fmt: skip
    assert agent.llm == {
        "provider": "openai", "model": "gpt-4.1-mini", "api_key": "", "base_url": "", "temperature": 0.2, "system_prompt": "", "tools": (),
    }  # fmt: skip
    assert agent.tts == {
        "provider": "elevenlabs", "model": "eleven_flash_v2_5", "voice": "sarah", "api_key": "", "base_url": "", "region": "us",
        "output_format": "pcm_16000",
    }  # fmt: skip
    assert agent.events == {"metrics_events": False, "vad_events": False, "turn_events": False, "state_events": True}
    assert (agent.speaks_first, agent.wait_for_user_timeout_s) == ("user", 5.0)
    assert (agent.prefill_cache, agent.send_on, agent.detection_method) == (True, "turn_end", "disabled")
    assert (agent.tool_call_timeout_s, agent.idle_timeout, agent.callbacks) == (30, None, {})
    assert agent.extra_headers == {"agentUuid": "uuid-1"}
    assert CallConfig.from_agent(agent.call).turns == PRESETS["medium"]


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        (body(agent_name=None), "agent_name", "is missing"),
        (body(agent_name=" "), "agent_name", "1 to 256"),
        (body(websocket_url=None), "websocket_url", "is missing"),
        (body(websocket_url="http://x"), "websocket_url", "ws://"),
        (body(websocket_url="ws://"), "websocket_url", "ws://"),
        (body(websocket_url="ws://a:b@c/"), "websocket_url", "password"),
        (body(stt__provider="whispering"), "stt.provider", "one of deepgram"),
        (body(llm__provider="opena1"), "llm.provider", "one of openai"),
        (body(tts__provider="elevenlab"), "tts.provider", "one of elevenlabs"),
        (body(stt__encoding="mulaw"), "stt.encoding", "linear16"),
        (body(stt__sample_rate=12345), "stt.sample_rate", "16000"),
        (body(stt__endpointing=-1), "stt.endpointing", "0 to 60000"),
        (body(stt__punctuate="yes"), "stt.punctuate", "true or false"),
        (body(stt__base_url="api.deepgram.com"), "stt.base_url", "http://"),
        (body(llm__temperature=2.5), "llm.temperature", "0 to 2"),
        (body(llm__max_tokens=0), "llm.max_tokens", "whole"),
        (body(llm__reasoning_effort="huge"), "llm.reasoning_effort", "low"),
        (body(llm__api_key=["k"]), "llm.api_key", "ASCII"),
        (body(llm__system_prompt=1), "llm.system_prompt", "text"),
        (body(llm__tools={}), "llm.tools", "list"),
        (body(llm__tools=[TOOL, 3]), "llm.tools[1]", "object"),
        (body(llm__tools=[{"description": "d"}]), "llm.tools[0].name", "missing"),
        (body(llm__tools=[{"name": "two words"}]), "llm.tools[0].name", "letters"),
        (body(llm__tools=[TOOL, TOOL]), "llm.tools[1].name", "twice"),
        (body(llm__tools=[{"name": "a", "parameters": {"type": "array"}}]), "llm.tools[0].parameters.type", "object"),
        (body(llm__tools=[{"name": "a", "parameters": {"required": [1]}}]), "llm.tools[0].parameters.required[0]", "text"),
        (body(tts__output_format="wav"), "tts.output_format", "pcm_16000"),
        (body(tts__stability=1.5), "tts.stability", "0 to 1"),
        (body(tts__speed=0), "tts.speed", "0.1 to 4"),
        (body(tts__region="mars"), "tts.region", "us"),
        (body(stt=None), "stt", "llm needs stt and tts"),
        (body(tts=None), "tts", "llm needs stt and tts"),
        (body(stt=None, tts=None), "stt", "llm needs stt and tts"),
        (body(s2s={}), "s2s", "excludes stt and llm and tts"),
        (body(stt=None, llm=None, tts=None, s2s={"provider": "parrot"}), "s2s.provider", "one of"),
        (body(llm=None, tts=None, welcome_greeting="Hi"), "welcome_greeting", "needs tts"),
        (body(llm=None, agent_tools=[{"type": "collect_email"}]), "agent_tools", "needs llm"),
        (body(llm=None, agent_tools=None, idle_timeout={"max_retries": 1}), "idle_timeout.reminder_message", "nobody words it"),
        (body(llm=None, tts=None, welcome_greeting=None, agent_tools=None, idle_timeout={"reminder_message": "Hm?"}),
         "idle_timeout.reminder_message", "needs tts"),
        (body(llm=None, agent_tools=None, idle_timeout=None, detection_method="llm"), "detection_method", "audio needs none"),
        (body(stt=None, llm=None, tts=None, welcome_greeting=None, agent_tools=None, idle_timeout={}), "idle_timeout", "raw audio"),
        (body(stt=None, llm=None, tts=None, stt_fallback=[{}]), "stt_fallback", "needs stt"),
        (body(stt="deepgram"), "stt", "object"),
        (body(stt_fallback={}), "stt_fallback", "list"),
        (body(llm_fallback=[{"provider": "x"}]), "llm_fallback[0].provider", "one of"),
        (body(tts_fallback=[{}, {"speed": 9}]), "tts_fallback[1].speed", "0.1 to 4"),
        (body(participant_mode="multi"), "participant_mode", "not served yet"),
        (body(participant_mode="solo"), "participant_mode", "one of"),
        (body(mcp_servers=[{"type": "http", "url": "http://x"}]), "mcp_servers", "not served yet"),
        (body(agent_tools=[{"type": "collect_digits", "config": {"num_digits": -1}}]), "agent_tools[0].config.num_digits", "whole"),
        (body(agent_tools=[{"type": "collect_dust"}]), "agent_tools[0].type", "one of"),
        (body(agent_tools=[{"type": "collect_email", "config": {"timeout_s": 0}}]), "agent_tools[0].config.timeout_s", "1 to"),
        (body(agent_tools=[{"type": "collect_email"}] * 2), "agent_tools[1].config.tool_name", "another tool"),
        (body(agent_tools=[{"type": "collect_email"}], llm__tools=[{"name": "collect_email"}]), "agent_tools[0].config.tool_name", "another"),
        (body(semantic_vad="eager"), "semantic_vad", "one of"),
        (body(semantic_vad={"eagerness": "eager"}), "semantic_vad.eagerness", "one of"),
        (body(semantic_vad={"completed_turn_delay_ms": -1}), "semantic_vad.completed_turn_delay_ms", "whole"),
        (body(idle_timeout={"no_response_timeout_ms": 10}), "idle_timeout.no_response_timeout_ms", "1000 to 120000"),
        (body(idle_timeout={"no_response_timeout_s": 500}), "idle_timeout.no_response_timeout_s", "1 to 120"),
        (body(idle_timeout={"hangup_message": 1}), "idle_timeout.hangup_message", "text"),
        (body(idle_timeout=15), "idle_timeout", "dict"),
        (body(speaks_first="nobody"), "speaks_first", "one of"),
        (body(wait_for_user_timeout_s=61), "wait_for_user_timeout_s", "0 to 60"),
        (body(prefill_cache=1), "prefill_cache", "true or false"),
        (body(interruption_enabled="no"), "interruption_enabled", "True or False"),
        (body(send_on="whim"), "send_on", "one of"),
        (body(detection_method="guess"), "detection_method", "one of"),
        (body(tool_call_timeout_s=301), "tool_call_timeout_s", "1 to 300"),
        (body(audio_format="opus"), "audio_format", "one of"),
        (body(audio_channels=2), "audio_channels", "1 to 1"),
        (body(background_audio={"sound": "/etc/passwd.wav"}), "background_audio.sound", "one of office"),
        (body(background_audio={"sound": "office", "volume": 2}), "background_audio.volume", "0 to 1"),
        (body(callbacks={"hangup": {}}), "callbacks.hangup.url", "http://"),
        (body(callbacks={"hangup": {"url": "http://x", "method": "PUT"}}), "callbacks.hangup.method", "one of"),
        (body(callbacks={"hangups": {"url": "http://x"}}), "callbacks.hangups", "not known"),
        (body(events={"metrics_events": 1}), "events.metrics_events", "true or false"),
        (body(stream={"extra_headers": {"a b": "1"}}), "stream.extra_headers.a b", "name of letters"),
        (body(stream={"extra_headers": {"a": "x=y"}}), "stream.extra_headers.a", "value of letters"),
        (body(stream={"extra_headers": {"a": "x" * 512}}), "stream.extra_headers", "512 bytes"),
        (body(stream={"stream_timeout": 0}), "stream.stream_timeout", "1 to 86400"),
        (body(stream={"content_type": "audio/ogg"}), "stream.content_type", "one of"),
        (body(stream={"noise_cancellation_level": 10}), "stream.noise_cancellation_level", "60 to 100"),
        (body(welcome_greeting=7), "welcome_greeting", "text"),
        (body(note="\ud800"), "agent", "surrogate"),
        (body(note=float("inf")), "agent", "finite"),
    ],
)  # fmt: skip
def test_what_is_refused(given: dict[str, Any], path: str, says: str) -> None:
    error = refused(given)
    assert error.path == path
    assert says in str(error)


def test_a_key_is_in_no_error() -> None:
    for key in ("sk secret", "sécret", ["secret"]):
        assert "cret" not in str(refused(body(llm__api_key=key)))


def test_spellings_that_are_taken() -> None:
    agent = made(body(stt__provider=" DeepGram ", semantic_vad="high", idle_timeout={"no_response_timeout_s": 8},
                      interruption_enabled=False, tts__output_format="mp3_44100_128", stt__endpointing=False,
                      tool_call_timeout_s=5, callbacks={"ring": {"url": "http://x/r", "method": "get"}, "hangup": None},
                      stream={"extra_headers": {"user_id": "12", "n": 7}}))  # fmt: skip
    config = CallConfig.from_agent(agent.call)
    assert (agent.stt["provider"], agent.stt["endpointing"], agent.tts["output_format"]) == (
        "deepgram",
        False,
        "pcm_16000",
    )
    assert (config.turns, config.idle["no_response_timeout_ms"], config.allow_interruptions) == (
        PRESETS["high"],
        8000,
        False,
    )
    assert agent.callbacks == {"ring": Callback("http://x/r", "GET")}
    assert agent.extra_headers == {"user_id": "12", "n": "7", "agentUuid": "uuid-1"}


def test_a_voices_rate_is_its_format() -> None:
    assert made(body(tts={"sample_rate": 24000})).tts["output_format"] == "pcm_24000"
    assert made(body(tts={"sample_rate": 24000, "output_format": "pcm_16000"})).tts["output_format"] == "pcm_16000"


def test_null_is_absent_and_unknown_fields_pass() -> None:
    agent = made(body(stt={"model": None, "keyterm": ["Acme"]}, idle_timeout=None, a_field_of_tomorrow={"x": 1}))
    assert (agent.stt["model"], agent.stt["keyterm"]) == ("nova-3", ["Acme"])
    assert agent.body["a_field_of_tomorrow"] == {"x": 1}


def test_models_of_their_own() -> None:
    agent = made(body(llm__model="o3-mini", tts={"provider": "cartesia", "voice_id": "v", "model_id": "m"}))
    assert agent.llm["reasoning_effort"] == "low"
    assert (agent.tts["voice"], agent.tts["model"]) == ("v", "m")


def test_fallbacks_inherit_prompt_and_tools() -> None:
    agent = made(
        body(llm={"system_prompt": "Help.", "tools": [TOOL]}, llm_fallback=[{"provider": "groq", "api_key": "g"}])
    )
    (fallback,) = agent.llm_fallback
    assert (fallback["model"], fallback["system_prompt"], fallback["api_key"]) == (
        "llama-3.3-70b-versatile",
        "Help.",
        "g",
    )
    assert fallback["tools"] == agent.llm["tools"]


# --- changes ------------------------------------------------------------------------------------------------------------


def test_objects_merge_lists_replace_null_removes() -> None:
    found = merged(
        SEED,
        {"llm": {"model": "gpt-4.1", "tools": [TOOL]}, "idle_timeout": None, "stream": {"extra_headers": {"a": "1"}}},
    )
    assert found["llm"] == {**SEED["llm"], "model": "gpt-4.1", "tools": [TOOL]}
    assert "idle_timeout" not in found
    assert merged(found, {"stream": {"extra_headers": {"b": "2"}}})["stream"] == {"extra_headers": {"a": "1", "b": "2"}}
    assert SEED["llm"]["model"] == "gpt-4o"  # what was given is left alone


def test_a_masked_key_that_comes_back_is_ignored() -> None:
    whole = {**SEED, "stt_fallback": [{"provider": "openai", "api_key": "sk-0123456789abcdef"}, {"api_key": "short"}]}
    shown = masked(whole)
    assert shown["stt"]["api_key"] == "****cdef"
    assert [one["api_key"] for one in shown["stt_fallback"]] == ["****cdef", "****"]
    assert shown["llm"]["api_key"] == ""
    assert merged(whole, shown) == whole
    swapped = merged(whole, {"stt_fallback": shown["stt_fallback"][::-1]})
    assert swapped["stt_fallback"] == whole["stt_fallback"][::-1]
    assert merged(whole, {"stt": {"api_key": "new"}})["stt"]["api_key"] == "new"


def test_no_key_goes_to_another_provider() -> None:
    found = merged(SEED, {"stt": {"provider": "openai"}})
    assert found["stt"] == {"provider": "openai", "language": "en"}
    assert merged(SEED, {"stt": {"provider": "Deepgram"}})["stt"]["api_key"] == SEED["stt"]["api_key"]
    whole = {**SEED, "stt_fallback": [{"provider": "openai", "api_key": "sk-0123456789abcdef"}]}
    moved = merged(whole, {"stt_fallback": [{"provider": "groq", "api_key": "****cdef"}]})
    assert moved["stt_fallback"] == [{"provider": "groq", "api_key": ""}]


@pytest.mark.parametrize(
    ("old", "patch", "expected"),
    [
        ({"semantic_vad": "high"}, {"semantic_vad": {}}, {}),
        ({"semantic_vad": "high"}, {"semantic_vad": {"min_interruption_words": 3}}, {"eagerness": "high", "min_interruption_words": 3}),
        ({"semantic_vad": {}}, {"semantic_vad": {"min_interruption_words": 3}}, {"eagerness": "auto", "min_interruption_words": 3}),
        ({"semantic_vad": {"min_interruption_words": 1}}, {"semantic_vad": "low"}, "low"),
        ({"semantic_vad": {"min_interruption_words": 1}}, {"semantic_vad": {"eagerness": "low"}}, {"eagerness": "low"}),
    ],
)  # fmt: skip
def test_semantic_vad_merges_as_it_is_meant(old: dict[str, Any], patch: dict[str, Any], expected: object) -> None:
    assert merged(old, patch)["semantic_vad"] == expected


def test_the_last_spelling_counts() -> None:
    old = body(allow_interruptions=True, idle_timeout={"no_response_timeout_ms": 9000}, tts={"voice_id": "v"})
    found = made(
        merged(
            old, {"interruption_enabled": False, "idle_timeout": {"no_response_timeout_s": 5}, "tts": {"voice": "w"}}
        )
    )
    config = CallConfig.from_agent(found.call)
    assert (config.allow_interruptions, config.idle["no_response_timeout_ms"], found.tts["voice"]) == (False, 5000, "w")


def test_an_update_during_a_call() -> None:
    agent = made(SEED)
    escalated = updated(
        agent,
        {"type": "agent_session.update", "system_prompt": "Be calm.", "tools": [TOOL], "llm": {"model": "gpt-4.1"}},
    )
    assert (escalated.llm["system_prompt"], escalated.llm["model"]) == ("Be calm.", "gpt-4.1")
    assert [tool["name"] for tool in escalated.llm["tools"]] == ["lookup_order"]
    assert escalated.agent_uuid == agent.agent_uuid
    assert updated(agent, {"events": {"metrics_events": True}}).events["metrics_events"]
    assert updated(updated(agent, {"events": {"vad_events": True}}), {"events": {"metrics_events": True}}).events[
        "vad_events"
    ]
    assert updated(agent, {"tools": []}).llm["tools"] == ()
    assert CallConfig.from_agent(updated(agent, {"semantic_vad": {}}).call).turns == PRESETS["high"]
    assert updated(agent, {"tool_call_timeout_s": 90}).tool_call_timeout_s == 90


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"websocket_url": "ws://other"}, "websocket_url"),
        ({"stream": {"content_type": "audio/x-alaw;rate=8000"}}, "stream"),
        ({"agent_tools": []}, "agent_tools"),
        ({"tools": "none"}, "tools"),
        ({"system_prompt": 3}, "system_prompt"),
        ({"llm": {"temperature": 9}}, "llm.temperature"),
        ({"llm": 3}, "llm"),
        ({"stt": {"provider": "ear"}}, "stt.provider"),
        ({"note": "\udfff"}, "agent_session.update"),
    ],
)
def test_a_wrong_update_changes_nothing(changes: dict[str, Any], path: str) -> None:
    agent = made(SEED)
    with pytest.raises(AgentError) as caught:
        updated(agent, changes)
    assert caught.value.path == path
    assert agent == made(SEED)


# --- anything -----------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from([*SEED, "stt_fallback", "llm_fallback", "stream", "background_audio", "events", "vad", "turn_detector", "s2s",
                         "mcp_servers", "participant_mode", "frame_ms", "seed", "plc_enabled", "audio_channels"])  # fmt: skip
PARTS = [name for name, value in SEED.items() if isinstance(value, dict)]


@settings(max_examples=300, deadline=None)
@given(NAMES, JSON, st.sampled_from(PARTS), st.data())
def test_anything_is_an_agent_or_an_error_with_a_path(name: str, value: Any, part: str, data: st.DataObject) -> None:
    given_body = copy.deepcopy(SEED)
    field = data.draw(st.sampled_from(sorted(SEED[part])) | st.text(max_size=8))
    given_body[part][field] = data.draw(JSON)
    given_body[name] = value
    for attempt in (lambda: made(given_body), lambda: made(merged(SEED, {name: value, part: {field: value}})),
                    lambda: updated(made(SEED), {name: value})):  # fmt: skip
        found = outcome(attempt)
        if isinstance(found, str):
            assert found
        else:
            json.dumps(masked(found.body), allow_nan=False, ensure_ascii=False).encode()
            CallConfig.from_agent(found.call)


def outcome(attempt: Callable[[], Agent]) -> Agent | str:
    """The agent, or the path of what is wrong with it."""
    try:
        return attempt()
    except AgentError as error:
        return error.path
