"""Chat completions: server-sent events in any pieces, deltas of many servers, requests and faults by a small HTTP server."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_fakes import FakeHttp, run

pytest.importorskip("httpx", reason="extra agentstack is not installed")
pytest.importorskip("aiohttp", reason="extra agentstack is not installed")

from talkpath.agentstack.providers.base import Delta, Finished, ProviderError, Text, Tool, ToolCall
from talkpath.agentstack.providers.chat_deltas import ChatDeltas
from talkpath.agentstack.providers.http_pool import HttpPool
from talkpath.agentstack.providers.http_stream import HttpTimes
from talkpath.agentstack.providers.openai_chat import OpenAIChat, chat_body, chat_headers, chat_url
from talkpath.agentstack.providers.sse import SseParser

SSE = {"Content-Type": "text/event-stream", "x-request-id": "req_42"}
QUICK = HttpTimes(connect_s=1.0, first_s=0.15, between_s=0.15)
ASK = [{"role": "user", "content": "Where is ORD-100?"}]

# --- server-sent events ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", ["a"]),
        (b": ping\n\ndata:a\ndata: b\n\n", ["a\nb"]),
        (b"\xef\xbb\xbfdata: a\r\n\r\nid: 7\r\nevent: x\r\ndata:  b\r\n\r\n", ["a", " b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data\n\nretry: 5\n\n", [""]),
        (b"data: \xc3\xa9\xff\n\n", ["é\ufffd"]),
        (b"data: a", []),
    ],
)
def test_events_in_any_pieces(stream: bytes, events: list[str]) -> None:
    for size in range(1, len(stream) + 1):
        parser = SseParser()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [e for piece in pieces for e in parser.feed(piece)] == events, size


def test_an_event_at_the_end_needs_no_empty_line() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n\ndata: b") == ["a"]
    assert parser.end() == ["b"]


def test_an_event_without_end_is_refused() -> None:
    parser = SseParser()
    for _ in range(10):
        assert parser.feed(b"data: " + b"x" * 100_000 + b"\n") == []
    with pytest.raises(ValueError):
        parser.feed(b"x" * 100_000)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"data", b":", b" ", b"\n", b"\r", b"\r\n", b"x", b"\xc3", b"\xa9", b"id"])), st.data()
)
def test_cuts_change_nothing(tokens: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(tokens)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    whole, cut = SseParser(), SseParser()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [e for piece in pieces for e in cut.feed(piece)] + cut.end() == whole.feed(stream) + whole.end()


# --- deltas ---------------------------------------------------------------------------------------------------------------------


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """An event as OpenAI's reference shows it."""
    return {
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": 1694268190,
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
        "usage": None,
        **more,
    }


def piece(index: int | None, call_id: str = "", name: str = "", arguments: Any = "") -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {
        **({"index": index} if index is not None else {}),
        **({"id": call_id, "type": "function"} if call_id else {}),
        "function": function,
    }


USAGE = chunk(usage={"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 32}})
ANSWER = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "It "}),
    chunk({"content": "shipped."}),
    chunk({}, "stop"),
    USAGE,
]


def deltas(chunks: list[Any], is_done: bool = True) -> list[Delta]:
    answer = ChatDeltas("openai", "gpt-4o", "req_42")
    said = [d for c in chunks for d in answer.receive(json.dumps(c))]
    if is_done:
        assert answer.receive(" [DONE]") == []
    return said + answer.finish()


def test_text_and_figures() -> None:
    assert deltas(ANSWER) == [
        Text("It "),
        Text("shipped."),
        Finished("stop", 50, 32, 7, "openai", "gpt-4o-2024-08-06", "req_42"),
    ]


def test_parallel_tool_calls_are_gathered_by_index() -> None:
    said = deltas(
        [
            chunk({"role": "assistant", "content": None, "tool_calls": [piece(0, "call_a", "lookup_order", "")]}),
            chunk({"tool_calls": [piece(0, arguments='{"order')]}),
            chunk({"tool_calls": [piece(1, "call_b", "escalate", "{}")]}),
            chunk({"tool_calls": [piece(0, arguments='_id": "ORD-100"}')]}),
            chunk({}, "tool_calls"),
        ]
    )
    assert said == [
        ToolCall("call_a", "lookup_order", {"order_id": "ORD-100"}, '{"order_id": "ORD-100"}'),
        ToolCall("call_b", "escalate", {}, "{}"),
        Finished("tool_calls", provider="openai", model="gpt-4o-2024-08-06", request_id="req_42"),
    ]


@pytest.mark.parametrize("raw", ["", "{", "[1]", '"text"', '"[1]"', "null", "{'a': 1}", "[" * 100_000])
def test_arguments_that_are_no_object(raw: str) -> None:
    said = deltas([chunk({"tool_calls": [piece(0, "c", "end_call", raw)]}, "tool_calls")])
    assert said[0] == ToolCall("c", "end_call", {}, raw)


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(None, "a", "one", '{"x":'), piece(None, "", "", "1}"), piece(None, "b", "two", "{}")],
        [piece(0, "a", "one", '{"x":1}'), piece(0, "b", "two", "{}")],
        [piece(0, "a", "one", {"x": 1}), piece(1, "b", "two", {})],
    ],
)
def test_other_servers_tool_calls(pieces: list[dict[str, Any]]) -> None:
    said = deltas([chunk({"tool_calls": [p]}) for p in pieces] + [chunk({}, "tool_calls")])
    assert [(c.id, c.name, c.arguments) for c in said[:-1]] == [("a", "one", {"x": 1}), ("b", "two", {})]


def test_arguments_in_arguments_and_numbers_that_are_none() -> None:
    raws = (json.dumps(json.dumps({"a": 1})), '{"a": NaN}')
    said = [deltas([chunk({"tool_calls": [piece(0, "c", "end_call", raw)]}, "tool_calls")])[0] for raw in raws]
    assert [c.arguments for c in said] == [{"a": 1}, {"a": None}]


def test_a_call_without_id_gets_one() -> None:
    said = deltas([chunk({"tool_calls": [piece(0, name="end_call"), piece(1, name="extend_wait")]}, "tool_calls")])
    assert all(c.id.startswith("call_") for c in said[:-1])
    assert said[0].id != said[1].id
    again = deltas([chunk({"tool_calls": [piece(0, name="end_call")]}, "tool_calls")])
    assert again[0].id != said[0].id, "a late result of one turn must not be taken for one of the next"


def test_lists_of_content_refusals_and_foreign_figures() -> None:
    said = deltas(
        [
            chunk({"content": [{"type": "text", "text": "a"}, {"type": "thinking"}]}),
            chunk({"refusal": "I cannot."}),
            {"choices": None, "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}},
        ]
    )
    assert said[:2] == [Text("a"), Text("I cannot.")]
    assert (said[2].reason, said[2].input_tokens, said[2].output_tokens) == ("stop", 3, 4)


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    with pytest.raises(ProviderError) as problem:
        deltas(ANSWER[:3], is_done=False)
    assert problem.value.kind == "unavailable"
    assert deltas(ANSWER, is_done=False)[-1].output_tokens == 7  # some send no [DONE]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "overloaded k3y", "type": "server_error", "code": None}, "unavailable"),
        ({"message": "too long", "type": "invalid_request_error"}, "bad_request"),
        ({"message": "slow down", "code": 429}, "unavailable"),
        ("odd", "unavailable"),
    ],
)
def test_errors_in_the_stream(error: Any, kind: str) -> None:
    with pytest.raises(ProviderError) as problem:
        ChatDeltas("groq", "m", key="k3y").receive(json.dumps({"error": error}))
    assert problem.value.kind == kind
    assert "k3y" not in str(problem.value)


_odd = st.sampled_from([None, True, 0, -3, 1.5, "", "x", [], [1], [None], {}, {"a": 1}])
_call = _odd | st.fixed_dictionaries({}, optional={"index": _odd, "id": _odd, "function": _odd})
_delta = _odd | st.fixed_dictionaries({}, optional={"content": _odd, "tool_calls": _odd | st.lists(_call, max_size=2)})
_choice = _odd | st.fixed_dictionaries({}, optional={"delta": _delta, "finish_reason": _odd})
_chunk = _odd | st.fixed_dictionaries(
    {}, optional={"choices": _odd | st.lists(_choice, max_size=2), "usage": _odd, "id": _odd}
)


@settings(deadline=None)
@given(st.lists(_chunk.map(json.dumps) | st.text(max_size=5), max_size=6))
def test_garbage_raises_nothing_but_provider_errors(events: list[str]) -> None:
    answer = ChatDeltas("openai", "m")
    try:
        said = [d for e in events for d in answer.receive(e)] + answer.finish()
    except ProviderError:
        return
    assert isinstance(said[-1], Finished)


# --- requests ---------------------------------------------------------------------------------------------------------------------


def test_body_of_the_example() -> None:
    tool = Tool("end_call", "Ends it.", {"type": "object", "properties": {}})
    body = chat_body("openai", "gpt-4o", {"temperature": 0.0, "max_tokens": 99}, ASK, [tool])
    assert body == {
        "model": "gpt-4o",
        "messages": ASK,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 99,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "end_call",
                    "description": "Ends it.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    }


@pytest.mark.parametrize("model", ["o3-mini", "o1", "gpt-5-mini"])
def test_models_that_think_have_other_fields(model: str) -> None:
    body = chat_body("openai", model, {"temperature": 0.2, "max_tokens": 99}, ASK, ())
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (99, "low")
    assert not {"temperature", "max_tokens", "tools"} & set(body)


@pytest.mark.parametrize(
    ("provider", "spec", "base_url", "url"),
    [
        ("openai", {}, None, "https://api.openai.com/v1/chat/completions"),
        ("openai", {}, "http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1/chat/completions"),
        ("openai", {}, "http://127.0.0.1:9", "http://127.0.0.1:9/v1/chat/completions"),
        ("groq", {}, None, "https://api.groq.com/openai/v1/chat/completions"),
        ("groq", {}, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1/chat/completions"),
        ("perplexity", {}, None, "https://api.perplexity.ai/chat/completions"),
        (
            "azure",
            {
                "azure_endpoint": "https://acme.openai.azure.com/",
                "azure_deployment": "my 4o",
                "api_version": "2025-01-01",
            },
            None,
            "https://acme.openai.azure.com/openai/deployments/my%204o/chat/completions?api-version=2025-01-01",
        ),
        (
            "azure",
            {"model": "gpt-4o"},
            "http://127.0.0.1:9/v1",
            "http://127.0.0.1:9/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_urls(provider: str, spec: dict[str, Any], base_url: str | None, url: str) -> None:
    assert chat_url(provider, spec, base_url) == url


def test_azure_needs_its_end_point_and_has_a_header_of_its_own() -> None:
    with pytest.raises(ProviderError) as problem:
        chat_url("azure", {}, None)
    assert problem.value.kind == "bad_request"
    assert chat_headers("azure", "k") == {"api-key": "k"}
    assert chat_headers("mistral", "k") == {"Authorization": "Bearer k"}
    assert chat_headers("openai", "") == {}


def stream(chunks: list[Any], done: bool = True) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(c).encode() for c in chunks) + (b"data: [DONE]\n\n" if done else b"")


async def ask(url: str, http: Any, times: HttpTimes = QUICK, **spec: Any) -> list[Delta]:
    model = OpenAIChat({"provider": "OpenAI", **spec}, http, "k3y", url, times)
    return [delta async for delta in model.chat(ASK)]


def asked(answer: Any, **spec: Any) -> tuple[FakeHttp, list[Delta]]:
    fake = FakeHttp(answer)

    async def main() -> list[Delta]:
        async with fake.at() as url, HttpPool() as http:
            return await ask(url, http, **spec)

    return fake, run(main())


def test_one_answer_over_the_wire_and_the_connection_is_kept() -> None:
    fake = FakeHttp(lambda _: (200, SSE, [stream(ANSWER)[:50], stream(ANSWER)[50:]]))

    async def main() -> list[list[Delta]]:
        async with fake.at() as url, HttpPool() as http:
            return [await ask(url, http, model="gpt-4o") for _ in range(3)]

    for said in run(main()):
        assert "".join(d.text for d in said if isinstance(d, Text)) == "It shipped."
        assert said[-1] == Finished("stop", 50, 32, 7, "openai", "gpt-4o-2024-08-06", "req_42")
    assert fake.connections == 1
    request = fake.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer k3y"
    assert request.body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "rejected_key"),
        (403, "rejected_key"),
        (400, "bad_request"),
        (404, "bad_request"),
        (429, "unavailable"),
        (500, "unavailable"),
    ],
)
def test_refusals(status: int, kind: str) -> None:
    body = b'{"error": {"message": "no, not with k3y", "type": "x"}}'
    with pytest.raises(ProviderError) as problem:
        asked(lambda _: (status, {}, body))
    assert (problem.value.kind, problem.value.provider) == (kind, "openai")
    assert "k3y" not in str(problem.value)
    assert ("not with" in str(problem.value)) == (kind != "rejected_key")  # some repeat parts of a key there


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([5], "timeout"),
        ([b": still thinking\n\n", 0.1] * 4 + [stream(ANSWER)], "timeout"),  # comments are no sign of life
        ([stream(ANSWER[:2], done=False), 5], "timeout"),
        ([stream(ANSWER[:2], done=False), None], "unavailable"),
        ([stream(ANSWER[:2], done=False)], "unavailable"),
        ([b"data: <html>\n\n"], "unavailable"),
    ],
)
def test_streams_that_fail(pieces: list[Any], kind: str) -> None:
    with pytest.raises(ProviderError) as problem:
        asked(lambda _: (200, SSE, pieces))
    assert problem.value.kind == kind


def test_figures_are_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.agentstack.providers.openai_chat.FIGURES_S", 0.05)
    _, said = asked(lambda _: (200, SSE, [stream(ANSWER[:4], done=False), 5]))
    assert said[-1].reason == "stop"


def test_nobody_there() -> None:
    async def main() -> None:
        async with HttpPool() as http:
            await ask("http://127.0.0.1:9/v1", http)

    with pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == "unavailable"


def test_closing_the_iterator_cancels_the_request() -> None:
    fake = FakeHttp(lambda _: (200, SSE, [stream(ANSWER[:2], done=False), 5]))

    async def main() -> None:
        async with fake.at() as url, HttpPool() as http:
            answer = OpenAIChat({}, http, None, url).chat(ASK)
            assert await anext(answer) == Text("It ")
            await answer.aclose()
            await asyncio.wait_for(fake.is_left.wait(), 2)

    run(main())
    assert "authorization" not in fake.requests[0].headers
