"""Ours: says the same 8 s again and again, and reads what the caller says.

talkpath serve --app talkpath_app:answer       # SPEECH names raw int16 at 8 kHz
"""

import asyncio
import os
from pathlib import Path

import numpy as np

from talkpath.server import PhoneCall

SPEECH = np.frombuffer(Path(os.environ["SPEECH"]).read_bytes(), np.int16)


async def answer(call: PhoneCall) -> None:
    """To the end of the call."""

    async def listen() -> None:
        async for _ in call.audio():
            pass

    ears = asyncio.create_task(listen())
    try:
        while True:
            await call.say(SPEECH, 8000)  # raises when the line is gone
    finally:
        ears.cancel()
