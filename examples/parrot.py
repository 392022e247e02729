"""A parrot on the phone: says back what the caller said in each turn, and falls silent when interrupted.

talkpath serve --app parrot:answer            # in this folder; then point a provider's stream to ws://HOST:8080/
"""

import asyncio

import numpy as np

from talkpath.call.events import UserSpeechStarted, UserTurnCompleted
from talkpath.server import PhoneCall

RATE = 16000  # of call.audio(), for the default audio format
BEFORE_FRAMES, MOST_FRAMES = 25, 1000  # half a second before speech is noticed; 20 s a turn


async def answer(call: PhoneCall) -> None:
    """Keep what the caller says; say it when the turn is over."""
    turn: list[np.ndarray] = []
    speaks = False

    async def listen() -> None:
        async for pcm in call.audio():
            turn.append(pcm)
            del turn[: -(MOST_FRAMES if speaks else BEFORE_FRAMES)]

    ears = asyncio.create_task(listen())
    async for event in call.events():
        if isinstance(event, UserSpeechStarted):
            speaks = True
        elif isinstance(event, UserTurnCompleted) and turn:
            await call.speak(np.concatenate(turn), RATE, final=True)
            turn.clear()
            speaks = False
    await ears
