"""A menu by keys: 1 asks for an order number, 2 strikes the hours of opening, 9 says it again. A wrong key buzzes.

talkpath serve --app keypad_menu:answer            # in this folder; then point a provider's stream to ws://HOST:8080/
"""

import asyncio
from importlib import resources

import numpy as np

from talkpath.call.events import UserDtmf
from talkpath.server import PhoneCall
from talkpath.wav import read_wav_channels

RATE = 8000
WAIT_S, TRIES = 5.0, 3
VOICE = read_wav_channels((resources.files("talkpath") / "data" / "example_inbound.wav").read_bytes(), RATE)[1]
MENU = VOICE[round(0.4 * RATE) : round(4.6 * RATE)]  # "Hi, this is Acme. You can ask me about orders or opening hours."
NUMBER = VOICE[round(6.8 * RATE) : round(8.6 * RATE)]  # "Please key in your order number."
SHIPPED = VOICE[round(12.35 * RATE) : round(14.1 * RATE)]  # "It was shipped this morning."


def bell(hz: float, strikes: int) -> np.ndarray:
    """A stroke fades in 0.4 s."""
    t = np.arange(RATE * 2 // 5) / RATE
    return np.tile(8000 * np.sin(2 * np.pi * hz * t) * np.exp(-8 * t), strikes).astype(np.int16)


WRONG, HOURS = bell(250, 1), np.concatenate([bell(880, 9), np.zeros(RATE // 2, np.int16), bell(880, 5)])


async def ask(call: PhoneCall, prompt: np.ndarray) -> str:
    """Say it; the key that is pressed, which also cuts it short, or "" after a while."""

    async def next_key() -> str:
        return await anext((event.digit async for event in call.events() if isinstance(event, UserDtmf)), "")

    await call.speak(prompt, RATE, final=True)
    try:
        return await asyncio.wait_for(next_key(), len(prompt) / RATE + WAIT_S)
    except TimeoutError:
        return ""
    finally:
        await call.clear_audio()


async def answer(call: PhoneCall) -> None:
    """Until nothing was pressed three times, or the order is told."""
    silent = 0
    while silent < TRIES:
        key = await ask(call, MENU)
        silent = 0 if key else silent + 1
        if key == "1":
            key = await ask(call, NUMBER)
            while key not in ("", "#"):
                key = await ask(call, NUMBER[:0])
            await call.say(SHIPPED, RATE)
            return
        if key not in ("", "9"):
            await call.say(HOURS if key == "2" else WRONG, RATE)
