"""OpenAI's Realtime protocol without I/O: what is sent (as the vendor's reference has it), what its events mean, garbage."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("websockets", reason="extra agentstack is not installed")

from talkpath.agentstack.providers import openai_realtime as wire
from talkpath.agentstack.providers.base import Audio, Finished, ProviderError, Text, Tool, ToolCall, Transcript

SPEC = {"provider": "openai_realtime", "model": "gpt-realtime", "voice": "marin"}


def read(event: dict) -> list:
    return list(wire.read(json.dumps(event), "openai_realtime", "gpt-realtime"))


# --- what is sent ---------------------------------------------------------------------------------------------------------------


def test_where_and_as_whom() -> None:
    assert wire.url_of(SPEC, None) == "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    assert wire.url_of(SPEC, "http://127.0.0.1:9/v1/") == "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime"
    assert wire.headers(SPEC, "sk-1") == {"Authorization": "Bearer sk-1"}
    assert wire.headers(SPEC, None) == {}


def test_azure_has_addresses_and_headers_of_its_own() -> None:
    spec = {
        "provider": "azure_openai",
        "model": "gpt-realtime",
        "azure_endpoint": "https://me.openai.azure.com/",
        "azure_deployment": "rt",
    }
    url = urlsplit(wire.url_of(spec, None))
    assert (url.scheme, url.netloc, url.path) == ("wss", "me.openai.azure.com", "/openai/realtime")
    assert parse_qs(url.query) == {"api-version": [wire.AZURE_VERSION], "deployment": ["rt"]}
    assert wire.headers(spec, "k") == {"api-key": "k"}
    with pytest.raises(ProviderError, match="azure_endpoint"):
        wire.url_of({"provider": "azure_openai"}, None)


def test_the_session_is_told_all_and_decides_no_turns() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    update = json.loads(
        wire.session_update({**SPEC, "speed": 1.1}, "Be brief.", [Tool("weather", "Tells it.", schema)])
    )
    assert update == {
        "type": "session.update",
        "session": {
            "type": "realtime", "output_modalities": ["audio"], "instructions": "Be brief.", "tool_choice": "auto",
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}},
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.1},
            },
            "tools": [{"type": "function", "name": "weather", "description": "Tells it.", "parameters": schema}],
        },
    }  # fmt: skip


def test_events_are_the_vendors() -> None:
    assert json.loads(wire.append(b"\x01\x00\x02\x00")) == {"type": "input_audio_buffer.append", "audio": "AQACAA=="}
    assert json.loads(wire.COMMIT) == {"type": "input_audio_buffer.commit"}
    assert json.loads(wire.CLEAR) == {"type": "input_audio_buffer.clear"}
    assert json.loads(wire.respond()) == {"type": "response.create"}
    assert json.loads(wire.respond("Hi.")) == {"type": "response.create", "response": {"instructions": "Hi."}}
    assert json.loads(wire.cancel("resp_1")) == {"type": "response.cancel", "response_id": "resp_1"}
    assert json.loads(wire.truncate("item_1", 1500)) == {
        "type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 1500}  # fmt: skip
    assert json.loads(wire.tool_output("call_1", "21")) == {
        "type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_1", "output": "21"}}  # fmt: skip


def test_a_talk_is_told_again_in_words() -> None:
    messages = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "1", "content": "x"}, {"role": "assistant", "content": "Hello."}, {"role": "system", "content": "VIP."},
    ]  # fmt: skip
    items = [json.loads(one)["item"] for one in wire.replayed(messages)]
    assert [(i["role"], i["content"]) for i in items] == [
        ("user", [{"type": "input_text", "text": "Hi"}]),
        ("assistant", [{"type": "output_text", "text": "Hello."}]),
        ("system", [{"type": "input_text", "text": "VIP."}]),
    ]


# --- what comes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
def test_sound(kind: str) -> None:
    event = {
        "type": kind,
        "event_id": "e",
        "response_id": "r",
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": "AQACAA==",
    }
    assert read(event) == [wire.Answered("r", Audio(b"\x01\x00\x02\x00"), "i")]
    assert read({**event, "delta": "§"}) == read({**event, "delta": 5}) == []


@pytest.mark.parametrize("kind", ["response.output_audio_transcript.delta", "response.audio_transcript.delta"])
def test_words_of_the_sound(kind: str) -> None:
    assert read({"type": kind, "response_id": "r", "item_id": "i", "delta": "Hello, "}) == [
        wire.Answered("r", Text("Hello, "), "i")
    ]


def test_what_the_caller_said() -> None:
    event = {"type": "conversation.item.input_audio_transcription.completed", "event_id": "e", "item_id": "i", "content_index": 0,
             "transcript": " Where is it?\n", "usage": {"type": "duration", "seconds": 1}}  # fmt: skip
    assert read(event) == [Transcript("Where is it?", True, True)]


def test_an_answer_with_a_tool_is_over() -> None:
    item = {"id": "fc_1", "object": "realtime.item", "type": "function_call", "status": "completed", "name": "weather", "call_id": "call_1",
            "arguments": '{"city": "Rome"}'}  # fmt: skip
    usage = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {"text_tokens": 9, "audio_tokens": 11, "cached_tokens": 4},
    }
    event = {
        "type": "response.done",
        "event_id": "e",
        "response": {"id": "r", "object": "realtime.response", "status": "completed", "output": [item], "usage": usage},
    }
    assert read(event) == [
        wire.Answered("r", ToolCall("call_1", "weather", {"city": "Rome"}, '{"city": "Rome"}')),
        wire.Answered("r", Finished("completed", 20, 4, 10, "openai_realtime", "gpt-realtime", "r")),
    ]
    assert read({"type": "response.done", "response": {"id": "r", "status": "cancelled", "output": [item]}}) == [
        wire.Answered("r", Finished("cancelled", 0, 0, 0, "openai_realtime", "gpt-realtime", "r"))]  # fmt: skip
    failed = {
        "id": "r",
        "status": "failed",
        "status_details": {
            "type": "failed",
            "error": {"type": "server_error", "code": "rate_limit", "message": "slow"},
        },
    }
    assert read({"type": "response.done", "response": failed})[0] == wire.Refused("rate_limit", "slow")


def test_arguments_that_are_none_are_empty() -> None:
    for raw in ("{", "[1]", "", None, 5):
        item = {"type": "function_call", "name": "t", "call_id": "c", "arguments": raw}
        found = read({"type": "response.done", "response": {"id": "r", "status": "completed", "output": [item]}})
        assert found[0].delta.arguments == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
    max_leaves=8,
)
KINDS = ("response.created", "response.output_audio.delta", "response.output_audio_transcript.delta", "response.done", "error",
         "conversation.item.input_audio_transcription.completed")  # fmt: skip
NAMES = ("response", "delta", "transcript", "error", "item_id", "response_id")


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(
    st.sampled_from(("id", "status", "output", "usage", "status_details", "code")), JSON, max_size=4), max_size=4))  # fmt: skip
def test_garbage_raises_nothing(kind: str, fields: dict) -> None:
    read({"type": kind, **fields})


def test_no_json_means_nothing() -> None:
    assert (
        list(wire.read("{", "p", "m"))
        == list(wire.read("[]", "p", "m"))
        == list(wire.read("[" * 100_000, "p", "m"))
        == []
    )
