"""The stand-ins themselves: what they say is what the providers would."""

import asyncio
import json
import time

import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="needs the extra: talkpath[agentstack]")
pytest.importorskip("websockets", reason="needs the extra: talkpath[agentstack]")
pytest.importorskip("h11", reason="needs the extra: talkpath[agentstack]")

from standins import Chat, Hearing, Reply, Rule, Standins, Tool, Voice, heard_s, tone  # noqa: E402
from standins.chat import ChatRequest, Failure, check, stream  # noqa: E402
from standins.hearing import RESET, HearingStream  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402
from websockets.exceptions import ConnectionClosedError, InvalidStatus  # noqa: E402

from talkpath.phone.voice import voice  # noqa: E402

RATE = 16000
SPEECH = voice(1.2, RATE, seed=3)
SILENCE = np.zeros(RATE, np.int16)
QUERY = {"sample_rate": "16000", "encoding": "linear16"}


def hear(script: Hearing, *sounds: np.ndarray) -> list[dict]:
    """Results of audio in messages of 20 ms."""
    heard = HearingStream(script, QUERY, 0.0)
    pcm, found = np.concatenate(sounds).astype("<i2").tobytes(), []
    for i, at in enumerate(range(0, len(pcm), 640)):
        found += [json.loads(what) for _, what in heard.receive_audio(pcm[at : at + 640], i * 0.02)]
    return found


def test_pieces_of_speech_give_texts_in_order() -> None:
    found = hear(Hearing(["How are you?", "Fine."]), SPEECH, SILENCE, SPEECH, SILENCE, SPEECH, SILENCE)
    finals = [r["channel"]["alternatives"][0]["transcript"] for r in found if r["is_final"]]
    assert finals == ["How are you?", "Fine.", ""]
    interims = [r["channel"]["alternatives"][0]["transcript"] for r in found if not r["is_final"]]
    assert interims == ["How", "How are", "How are you?", "Fine."]
    assert all(r["speech_final"] for r in found if r["is_final"])
    first = next(r for r in found if r["is_final"])
    assert 1.2 < first["duration"] < 2.0
    assert [w["punctuated_word"] for w in first["channel"]["alternatives"][0]["words"]] == ["How", "are", "you?"]


def test_text_follows_from_length() -> None:
    script = Hearing(lambda seconds: "mhm" if seconds < 0.6 else "a question")
    found = hear(script, SPEECH, SILENCE, voice(0.4, RATE, seed=5), SILENCE)
    assert [r["channel"]["alternatives"][0]["transcript"] for r in found if r["is_final"]] == ["a question", "mhm"]


def test_finalize_ends_a_piece() -> None:
    heard = HearingStream(Hearing(["One.", "Two."]), QUERY, 0.0)
    heard.receive_audio(SPEECH.astype("<i2").tobytes(), 1.0)
    [(_, text)] = heard.receive_text('{"type": "Finalize"}', 1.2)
    result = json.loads(text)
    assert result["channel"]["alternatives"][0]["transcript"] == "One."
    assert (result["is_final"], result["from_finalize"], result["speech_final"]) == (True, True, False)
    [(_, text)] = heard.receive_text('{"type": "Finalize"}', 1.3)
    assert json.loads(text)["channel"]["alternatives"][0]["transcript"] == ""
    assert [what is None for _, what in heard.receive_text('{"type": "CloseStream"}', 1.4)] == [False, True]


def test_faults_of_hearing() -> None:
    assert hear(Hearing(["Never."], hang=True), SPEECH, SILENCE) == []
    script = Hearing(["One."], reset_after=1)
    heard = HearingStream(script, QUERY, 0.0)
    out = heard.receive_audio(np.concatenate([SPEECH, SILENCE]).astype("<i2").tobytes(), 1.0)
    assert out[-1] == (0.0, RESET)
    assert hear(script, SPEECH, SILENCE)[-1]["is_final"], "the second connection works"
    assert HearingStream(Hearing(), QUERY, 0.0).is_idle(10.1)


BODY = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"stream": False},
        {"tools": []},
        {"tools": [{"name": "flat", "parameters": {}}]},
        {"messages": [{"role": "assistant", "content": None}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "user", "content": "?"}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "{}"}]},
        {"messages": [{"role": "bot", "content": "Hi"}]},
    ],
)
def test_what_openai_refuses(change: dict) -> None:
    check(BODY)
    with pytest.raises(Failure):
        check({**BODY, **change})


def test_stream_of_text_and_tools() -> None:
    reply = Reply("One moment.", [Tool("look_up", {"order_id": "ORD-100"}), Tool("odd", raw="{nonsense")])
    asked = ChatRequest({**BODY, "stream_options": {"include_usage": True}}, "", 0.0, reply)
    sent = [what for _, what in stream(asked, 7)]
    assert sent[-1] == "[DONE]"
    assert sent[-2]["choices"] == []
    assert sent[-2]["usage"]["completion_tokens"] == asked.tokens_sent
    deltas = [c["choices"][0]["delta"] for c in sent[:-2]]
    assert "".join(d.get("content") or "" for d in deltas) == "One moment."
    written = ["", ""]
    for delta in deltas:
        for call in delta.get("tool_calls", ()):
            written[call["index"]] += call["function"]["arguments"]
    assert written == ['{"order_id": "ORD-100"}', "{nonsense"]
    assert sent[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_rules() -> None:
    chat = Chat([Rule("order", Reply("A"), times=1), Rule("order", Reply("B")), Rule("sent", Reply("C"), on="tool")])

    def ask(*messages: dict) -> str:
        return chat.answer(ChatRequest({**BODY, "messages": list(messages)}, "", 0.0)).text

    user = {"role": "user", "content": "My ORDER"}
    assert [ask(user), ask(user, {"role": "system", "content": "context"}), ask({"role": "user", "content": "?"})] == [
        "A",
        "B",
        "I see.",
    ]
    assert ask({"role": "tool", "tool_call_id": "c1", "content": '{"status": "sent"}'}) == "C"


def test_a_sentence_is_known_by_its_sound() -> None:
    one, two = "This is the first sentence.", "And this is another one."
    heard = np.concatenate([tone(one, 8000, Voice()), np.zeros(4000, np.int16), tone(two, 8000, Voice())[:4000]])
    assert heard_s(heard, 8000, one) == pytest.approx(0.06 * len(one), abs=0.04)
    assert heard_s(heard, 8000, two) == pytest.approx(0.5, abs=0.04)
    assert heard_s(heard, 8000, "Something that was never said") == 0


@pytest.mark.realtime
def test_over_sockets() -> None:
    with Standins() as standins:
        standins.hearing["dg"] = Hearing(["Hello."])
        standins.hearing["reset"] = Hearing(reset_after=0)
        standins.chat["ai"] = Chat(otherwise=Reply("Good day to you.", ttft_s=0.05))
        standins.chat["reset"] = Chat(otherwise=Reply("One two three.", reset_after=2))
        standins.chat["busy"] = Chat(otherwise=Reply(status=429))
        standins.voices["el"] = Voice(ttfb_s=0.05)
        standins.voices["reset"] = Voice(reset_after=1)
        standins.refused_keys.add("bad")
        asyncio.run(_over_sockets(standins))


async def _over_sockets(standins: Standins) -> None:
    url = standins.deepgram_url.replace("http", "ws") + "/listen?sample_rate=16000&encoding=linear16"
    async with connect(url, additional_headers={"Authorization": "Token dg"}) as socket:
        await socket.send(np.concatenate([SPEECH, SILENCE]).astype("<i2").tobytes())
        texts = []
        while True:
            result = json.loads(await socket.recv())
            texts.append(result["channel"]["alternatives"][0]["transcript"])
            if result["is_final"]:
                break
        assert texts[-1] == "Hello."
        await socket.send('{"type": "CloseStream"}')
        assert json.loads(await socket.recv())["type"] == "Metadata"
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers={"Authorization": "Token bad"})
    async with connect(url, additional_headers={"Authorization": "Token reset"}) as socket:
        await socket.send(b"\0" * 640)
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
    async with httpx.AsyncClient() as client:
        post = {"url": standins.openai_url + "/chat/completions", "json": BODY}
        begun = time.monotonic()
        answer = await client.post(**post, headers={"Authorization": "Bearer ai"})
        assert time.monotonic() - begun >= 0.05
        assert answer.text.endswith("data: [DONE]\n\n")
        assert standins.chat["ai"].requests[0].cancelled is False
        for key, status in (("busy", 429), ("bad", 401)):
            assert (await client.post(**post, headers={"Authorization": f"Bearer {key}"})).status_code == status
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(**post, headers={"Authorization": "Bearer reset"})
        post = {"url": standins.elevenlabs_url + "/text-to-speech/sarah/stream?output_format=pcm_16000",
                "json": {"text": "Good day.", "model_id": "eleven_flash_v2_5"}}  # fmt: skip
        answer = await client.post(**post, headers={"xi-api-key": "el"})
        assert len(answer.content) == 2 * 16 * 60 * len("Good day.")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(**post, headers={"xi-api-key": "reset"})
        async with client.stream("POST", **post, headers={"xi-api-key": "el"}):
            pass
        await asyncio.sleep(0.1)
        assert standins.voices["el"].texts == ["Good day."] * 2
