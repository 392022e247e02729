"""One real call through all of it: dialled in, answered by an agent, handed over to a person on a simulated phone, recorded, told."""

import asyncio
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_calls import AGENT, Kept

from talkpath import DtmfDetector
from talkpath.agentstack.agent import Agent, Callback
from talkpath.agentstack.calls import Calls
from talkpath.agentstack.carriers.phone_book import read_book
from talkpath.agentstack.carriers.simulated import SimulatedCarrier
from talkpath.agentstack.legs import Leg, Legs
from talkpath.agentstack.recordings import Recordings
from talkpath.agentstack.rest.control import DialMore, NewCall, Target
from talkpath.agentstack.session import Party
from talkpath.call.config import CallConfig
from talkpath.phone import voice
from talkpath.server import MediaServer, PhoneCall
from talkpath.streams import Start

pytestmark = [pytest.mark.realtime, pytest.mark.slow]
pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")


class Speaker:
    """An agent that says one thing."""

    id = "s-1"
    record_url: str | None = None

    def __init__(self, legs: Legs, call: PhoneCall) -> None:
        self.legs, self.call = legs, call
        self.left: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        await self.call.say(voice(1.0, 8000, 5), 8000)
        person = await self.left
        if isinstance(person, PhoneCall):
            await self.legs.bridge(self.call, person)

    def hand_over(self, leg: Leg, person: PhoneCall) -> None:
        self.left.set_result(person)

    def leave(self, reason: str) -> None:
        if not self.left.done():
            self.left.set_result(reason)


def test_a_call_to_one_person_who_is_given_to_another(tmp_path: Path) -> None:
    """Both are phones of the carrier; what each heard, and what was recorded of the first."""
    agent: Agent = replace(AGENT, callbacks={**AGENT.callbacks, "recording": Callback("http://app/r")})
    book = {
        "record": "phones",
        "default": {"after_s": 0.2},
        "numbers": {
            "+1": {"after_s": 0.2, "steps": [{"wait": 30}, "hang_up"]},
            "+2": {
                "after_s": 0.2,
                "steps": [
                    {"wait": 2.0},
                    {"say": {"seconds": 1.0, "voice": 3}},
                    {"press": "8"},
                    {"wait": 1.0},
                    "hang_up",
                ],
            },
        },
    }
    kept, speakers = Kept(), []

    async def main() -> None:
        carrier = SimulatedCarrier(read_book(book, tmp_path))
        legs: Legs

        async def answer(call: PhoneCall) -> None:
            assert legs.is_leg(call.start)
            if legs.claim(call):
                await call.wait_ended()

        def configure(start: Start) -> CallConfig:
            return legs.config(start)

        def session_of(call: PhoneCall, agent: Agent, party: Party) -> Speaker:
            speakers.append(Speaker(legs, call))
            return speakers[-1]

        async with MediaServer(answer, config=configure, port=0) as server:
            legs = Legs(carrier, stream_base=f"ws://127.0.0.1:{server.port}", status_base="http://nowhere")
            calls = Calls(legs, kept, kept, Recordings(tmp_path / "recordings", "http://me"), session_of)  # type: ignore[arg-type]
            call_uuid = await calls.initiate(NewCall(agent, ("+1",), "+9", "disabled"))
            while ("answered", call_uuid) not in kept.rows:
                await asyncio.sleep(0.05)
            await calls.dial(call_uuid, DialMore([Target("+2")]))
            async with asyncio.timeout(30):
                while not kept.of("recording"):
                    await asyncio.sleep(0.05)
            await calls.aclose()

    asyncio.run(main())
    hangup, recording = kept.of("hangup")[0], kept.of("recording")[0]
    assert (hangup["to"], hangup["hangup_cause"]) == ("+1", "normal_clearing")
    assert hangup["duration"] >= 4
    assert abs(recording["duration"] - hangup["duration"]) <= 1
    (file,) = (tmp_path / "recordings").iterdir()
    assert recording["recording_url"] == f"http://me/recordings/{file.name}"
    assert speakers[0].record_url == recording["recording_url"]
    with wave.open(str(file)) as found:
        assert found.getnchannels() == 2
        both = np.frombuffer(found.readframes(10**9), np.int16).reshape(-1, 2)
    assert [press.digit for press in DtmfDetector(8000).process(np.ascontiguousarray(both[:, 1]))] == ["8"]
    assert np.abs(both[:, 1].astype(int)).max() > 3000
    assert np.abs(both[:, 0].astype(int)).max() < 300  # the first person says nothing
    heard = {path.name.partition("-")[0]: path for path in (tmp_path / "phones").glob("*.heard.wav")}
    with wave.open(str(heard["1"])) as found:
        pcm = np.frombuffer(found.readframes(10**9), np.int16)
    assert [press.digit for press in DtmfDetector(8000).process(pcm)] == ["8"]
    assert len(kept.of("hangup")) == 1
