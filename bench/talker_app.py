"""An agent that talks, falls silent when interrupted, and goes on when it has been answered: for `talkpath dial --caller interrupter`.

talkpath serve --app talker_app:answer --config '{"semantic_vad": "high"}'      # in bench/
"""

import asyncio
from importlib import resources

from talkpath.call.events import AgentSpeechInterrupted, UserTurnCompleted
from talkpath.server import CallEnded, PhoneCall
from talkpath.wav import read_wav_channels

SPEECH = read_wav_channels((resources.files("talkpath") / "data" / "example_inbound.wav").read_bytes(), 8000)[1][:64000]
PATIENCE_S = 4.0  # a caller who has interrupted, and says no more


async def answer(call: PhoneCall) -> None:
    """To the end of the call."""
    may_speak = asyncio.Event()
    may_speak.set()

    async def talk() -> None:
        try:
            while True:
                try:
                    await asyncio.wait_for(may_speak.wait(), PATIENCE_S)
                except TimeoutError:
                    may_speak.set()
                await call.say(SPEECH, 8000)
        except CallEnded:
            pass

    voice = asyncio.create_task(talk())
    async for event in call.events():
        if isinstance(event, AgentSpeechInterrupted):
            may_speak.clear()
        elif isinstance(event, UserTurnCompleted):
            may_speak.set()
    await voice
