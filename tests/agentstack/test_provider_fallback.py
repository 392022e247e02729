"""Chains: who comes next, what is said twice (nothing), and when a dead one is tried again. The time is injected."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from provider_fakes import RATE, run

from talkpath.agentstack.providers.base import Finished, ProviderError, Text, Transcript
from talkpath.agentstack.providers.fallback_health import Health
from talkpath.agentstack.providers.fallback_llm import FallbackModel
from talkpath.agentstack.providers.fallback_stt import FallbackRecogniser
from talkpath.agentstack.providers.fallback_tts import FallbackVoice


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def down(kind: str = "unavailable") -> ProviderError:
    return ProviderError("down", kind, "x")


class Model:
    """Says what is on its list; an error is raised."""

    def __init__(self, model: str, *said: Any) -> None:
        self.provider, self.model, self.said, self.asked = "openai", model, said, 0
        self.closed = 0

    async def chat(self, messages: Any, tools: Any = ()) -> AsyncIterator[Any]:
        self.asked += 1
        try:
            for each in self.said:
                if isinstance(each, ProviderError):
                    raise each
                yield each
        finally:
            self.closed += 1


async def said_by(chain: FallbackModel) -> list[Any]:
    return [d async for d in chain.chat([])]


def ends_with(awaitable: Any) -> str:
    with pytest.raises(ProviderError) as problem:
        run(awaitable)
    return problem.value.kind


GOOD = (Text("Hello."), Finished(provider="openai", model="b"))

# --- models -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unavailable", "timeout", "rejected_key"])
def test_the_next_model_answers_before_the_first_piece(kind: str) -> None:
    told: list[tuple[str, bool]] = []
    a, b = Model("a", down(kind)), Model("b", *GOOD)
    chain = FallbackModel([a, b], on_availability=lambda *each: told.append(each))
    assert (chain.provider, chain.model) == ("openai", "a")
    assert run(said_by(chain)) == list(GOOD)
    assert told == [("openai/a", False)]


def test_a_model_that_has_begun_is_not_replaced() -> None:
    told: list[tuple[str, bool]] = []
    a, b = Model("a", Text("Hel"), down()), Model("b", *GOOD)
    chain = FallbackModel([a, b], on_availability=lambda *each: told.append(each))
    said = []

    async def main() -> None:
        async for delta in chain.chat([]):
            said.append(delta)

    assert ends_with(main()) == "unavailable"
    assert said == [Text("Hel")]
    assert b.asked == 0
    assert told == [("openai/a", False)]


def test_what_one_does_not_take_the_next_one_may() -> None:
    a, b = Model("a", down("bad_request")), Model("b", *GOOD)
    told: list[tuple[str, bool]] = []
    run(said_by(FallbackModel([a, b], on_availability=lambda *each: told.append(each))))
    assert b.asked == 1
    assert told == []  # the provider is well


def test_a_dead_model_is_left_alone_for_a_while() -> None:
    clock, told = Clock(), []
    a, b = Model("a", down()), Model("b", *GOOD)
    chain = FallbackModel([a, b], health=Health(30.0, clock), on_availability=lambda *each: told.append(each))
    run(said_by(chain))
    run(said_by(chain))
    assert (a.asked, b.asked) == (1, 2)
    clock.now_s += 30
    a.said = GOOD
    run(said_by(chain))
    assert (a.asked, b.asked) == (2, 2)
    assert told == [("openai/a", False), ("openai/a", True)]


def test_another_call_knows_it_too() -> None:
    clock, told = Clock(), []
    health = Health(30.0, clock)
    a, b = Model("a", down()), Model("b", *GOOD)
    run(said_by(FallbackModel([a, b], health=health)))
    run(said_by(FallbackModel([a, b], health=health, on_availability=lambda *each: told.append(each))))
    assert a.asked == 1
    assert told == [("openai/a", False)]


def test_when_all_are_dead_all_are_tried_and_the_last_fault_is_raised() -> None:
    a, b = Model("a", down()), Model("b", down("timeout"))
    chain = FallbackModel([a, b])
    assert ends_with(said_by(chain)) == "timeout"
    assert ends_with(said_by(chain)) == "timeout"
    assert (a.asked, b.asked) == (2, 2)


def test_closing_the_chain_closes_the_model_and_blames_nobody() -> None:
    told: list[Any] = []
    a = Model("a", Text("Hello "), Text("there."), Finished())
    chain = FallbackModel([a, Model("b", *GOOD)], on_availability=lambda *each: told.append(each))

    async def main() -> None:
        answer = chain.chat([])
        await anext(answer)
        await answer.aclose()
        assert a.closed == 1

    run(main())
    assert told == []


# --- voices -----------------------------------------------------------------------------------------------------------------------


class Voice:
    def __init__(self, provider: str, rate_hz: int, *said: Any) -> None:
        self.provider, self.model, self.sample_rate_hz, self.said = provider, "m", rate_hz, said

    async def speech(self, text: str) -> AsyncIterator[bytes]:
        for each in self.said:
            if isinstance(each, ProviderError):
                raise each
            yield each


def tone(rate_hz: int) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)).astype(np.int16)


async def heard_of(chain: FallbackVoice, into: list[bytes] | None = None) -> bytes:
    pieces = into if into is not None else []
    async for pcm in chain.speech("Hello."):
        pieces.append(pcm)
    return b"".join(pieces)


def test_the_next_voice_speaks_at_the_first_ones_rate() -> None:
    pcm = tone(24000).tobytes()
    chain = FallbackVoice([Voice("a", 16000, down()), Voice("b", 24000, pcm[:1000], pcm[1000:])])
    assert (chain.provider, chain.sample_rate_hz) == ("a", 16000)
    heard = np.frombuffer(run(heard_of(chain)), np.int16)
    assert (chain.provider, chain.sample_rate_hz) == ("b", 16000)
    assert abs(len(heard) - 16000) < 200
    spectrum = np.abs(np.fft.rfft(heard[1000:15000].astype(float)))
    assert round(float(np.argmax(spectrum)) * 16000 / 14000) == 440


def test_a_sentence_that_was_half_heard_is_not_said_again() -> None:
    heard: list[bytes] = []
    chain = FallbackVoice([Voice("a", 8000, b"\1\0", down()), Voice("b", 8000, b"\2\0")])
    assert ends_with(heard_of(chain, heard)) == "unavailable"
    assert heard == [b"\1\0"]
    assert run(heard_of(chain)) == b"\2\0"  # the next sentence is the next voice's
    assert chain.provider == "b"


def test_bad_texts_are_bad_for_all_voices() -> None:
    chain = FallbackVoice([Voice("a", 8000, down("bad_request")), Voice("b", 8000, b"\2\0")])
    assert run(heard_of(chain)) == b"\2\0"


# --- recognisers ------------------------------------------------------------------------------------------------------------------


class Hearing:
    """A recogniser whose transcripts the test gives."""

    def __init__(self, provider: str) -> None:
        self.provider, self.model = provider, "m"
        self.streams: list[HearingStream] = []

    def open(self, sample_rate_hz: int) -> Any:
        self.streams.append(HearingStream(self.provider))
        return self.streams[-1]


class HearingStream:
    model, audio_s, heard_s = "m", 0.0, None

    def __init__(self, provider: str) -> None:
        self.provider, self.did, self.is_closed = provider, [], False
        self.said: asyncio.Queue[Any] = asyncio.Queue()

    def send(self, pcm: bytes) -> None:
        self.did.append(len(pcm) / 2 / RATE)

    def finalize(self) -> None:
        self.did.append("finalize")

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while (said := await self.said.get()) is not None:
            if isinstance(said, ProviderError):
                raise said
            yield said

    async def aclose(self) -> None:
        self.is_closed = True
        self.said.put_nowait(None)


SECOND = bytes(2 * RATE)


def test_the_next_recogniser_hears_what_was_not_heard() -> None:
    async def main() -> None:
        a, b = Hearing("a"), Hearing("b")
        stream = FallbackRecogniser([a, b]).open(RATE)
        said = stream.__aiter__()
        stream.send(SECOND)
        a.streams[0].said.put_nowait(Transcript("one", is_final=True))
        assert (await anext(said)).text == "one"
        stream.send(SECOND)
        stream.finalize()
        stream.send(SECOND * 2)
        a.streams[0].said.put_nowait(Transcript("tw", is_final=False))
        assert (await anext(said)).text == "tw"
        a.streams[0].said.put_nowait(down())
        then = asyncio.ensure_future(anext(said))
        while not b.streams:
            await asyncio.sleep(0)
        assert b.streams[0].did == [1.0, "finalize", 2.0]
        b.streams[0].said.put_nowait(Transcript("two", is_final=True, from_finalize=True))
        assert (await then).text == "two"
        assert (stream.provider, stream.audio_s) == ("b", 4.0)
        assert a.streams[0].is_closed
        stream.send(SECOND)
        assert b.streams[0].did[-1] == 1.0
        await stream.aclose()
        assert [t async for t in said] == []

    run(main())


def test_who_says_how_far_it_heard_is_believed() -> None:
    async def main() -> None:
        a, b = Hearing("a"), Hearing("b")
        stream = FallbackRecogniser([a, b]).open(RATE)
        said = stream.__aiter__()
        stream.send(SECOND * 2)
        a.streams[0].heard_s = 0.5
        a.streams[0].said.put_nowait(Transcript("one", is_final=True))
        await anext(said)
        a.streams[0].said.put_nowait(down("timeout"))
        then = asyncio.ensure_future(anext(said))
        while not b.streams:
            await asyncio.sleep(0)
        assert b.streams[0].did == [1.5]
        await stream.aclose()
        then.cancel()

    run(main())


def test_when_no_recogniser_is_left_its_fault_is_raised() -> None:
    async def main() -> None:
        a, b = Hearing("a"), Hearing("b")
        health = Health(30.0, Clock())
        stream = FallbackRecogniser([a, b], health=health).open(RATE)
        a.streams[0].said.put_nowait(down())
        then = asyncio.ensure_future(anext(stream.__aiter__()))
        while not b.streams:
            await asyncio.sleep(0)
        b.streams[0].said.put_nowait(down("timeout"))
        with pytest.raises(ProviderError, match="down") as problem:
            await then
        assert problem.value.kind == "timeout"
        later = FallbackRecogniser([a, b, Hearing("c")], health=health).open(RATE)
        assert later.provider == "c"  # a call that begins now asks nobody who is down

    run(main())


def test_bad_requests_are_passed_on() -> None:
    async def main() -> None:
        a, b = Hearing("a"), Hearing("b")
        stream = FallbackRecogniser([a, b]).open(RATE)
        a.streams[0].said.put_nowait(down("bad_request"))
        reading = asyncio.ensure_future(anext(stream.__aiter__()))
        while not b.streams:
            await asyncio.sleep(0)
        reading.cancel()

    run(main())
