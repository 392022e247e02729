"""Chains over real sockets: made by names, as an agent writes them."""

import json
from typing import Any

import pytest
from provider_fakes import RATE, FakeDeepgram, FakeHttp, results, run

pytest.importorskip("httpx", reason="extra agentstack is not installed")
pytest.importorskip("aiohttp", reason="extra agentstack is not installed")
pytest.importorskip("websockets", reason="extra agentstack is not installed")

from talkpath.agentstack.providers.base import Text
from talkpath.agentstack.providers.registry import Providers

NOBODY = "http://127.0.0.1:9/v1"
SPEECH = bytes(range(250)) * 64


class Settings:
    providers = ""

    def __init__(self, **urls: str) -> None:
        self.urls = urls

    def base_url(self, provider: str) -> str:
        return self.urls.get(provider, "")

    def api_key(self, provider: str) -> str:
        return f"{provider}-key"


def test_the_first_words_reach_the_second_recogniser() -> None:
    async def script(fake: FakeDeepgram, socket: Any, _: int) -> None:
        await fake.listen(socket, "Finalize")
        await socket.send(json.dumps(results("hello", 0, len(SPEECH) / 2 / RATE, from_finalize=True)))
        await fake.listen(socket, "CloseStream")

    fake = FakeDeepgram(script)

    async def main() -> None:
        async with fake.at() as url:
            providers = Providers(Settings(deepgram=url))
            stream = providers.stt({"provider": "deepgram", "base_url": NOBODY}, [{"model": "nova-2"}]).open(RATE)
            assert stream.model == "nova-3"
            stream.send(SPEECH)
            stream.finalize()
            said = await anext(stream.__aiter__())
            assert (said.text, said.from_finalize) == ("hello", True)
            assert (stream.provider, stream.model) == ("deepgram", "nova-2")
            await stream.aclose()
            await providers.aclose()

    run(main())
    assert bytes(fake.audio[0]) == SPEECH
    assert fake.headers[0]["Authorization"] == "Token deepgram-key"


def test_answers_and_sentences_go_round_the_dead() -> None:
    chat = b'data: {"choices": [{"delta": {"content": "Hi."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    answers = {"/v1/chat/completions": chat, "/v1/text-to-speech/v/stream?output_format=pcm_8000": SPEECH}
    fake = FakeHttp(lambda request: (200, {}, answers[request.path]))
    told: list[tuple[str, bool]] = []

    async def main() -> None:
        async with fake.at() as url:
            providers = Providers(Settings(openai=NOBODY, groq=url, elevenlabs=url))
            llm = providers.llm(
                {"provider": "openai", "model": "gpt-4o"},
                [{"provider": "groq", "model": "m"}],
                lambda *each: told.append(each),
            )
            said = [delta async for delta in llm.chat([{"role": "user", "content": "Hello"}])]
            assert said[0] == Text("Hi.")
            assert (said[-1].provider, said[-1].model) == ("groq", "m")
            tts = providers.tts(
                {"provider": "elevenlabs", "voice": "v", "sample_rate": 8000, "base_url": NOBODY},
                [{"provider": "elevenlabs", "voice": "v", "output_format": "pcm_8000"}],
            )
            assert b"".join([pcm async for pcm in tts.speech("Hi.")]) == SPEECH
            await providers.aclose()

    run(main())
    assert told == [("openai/gpt-4o", False)]
    assert fake.requests[0].headers["authorization"] == "Bearer groq-key"
    assert fake.requests[1].headers["xi-api-key"] == "elevenlabs-key"
