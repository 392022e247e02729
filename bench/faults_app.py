"""The server's side of `server_faults.py`: says 8 s again and again, counts keys; some calls are asked to misbehave by their caller.

FAULTS_LOG=FILE talkpath serve --app faults_app:answer
"""

import asyncio
import json
import os
import time
from importlib import resources

from talkpath.call.events import UserDtmf
from talkpath.server import CallEnded, PhoneCall
from talkpath.wav import read_wav_channels

SPEECH = read_wav_channels((resources.files("talkpath") / "data" / "example_inbound.wav").read_bytes(), 8000)[1][:64000]


async def answer(call: PhoneCall) -> None:
    """To the end of the call."""
    fault = call.start.headers.get("fault", "")
    keys = 0

    async def speak() -> None:
        try:
            while True:
                await call.say(SPEECH, 8000)
        except CallEnded:
            pass

    voice = asyncio.create_task(speak())
    async for event in call.events():
        if isinstance(event, UserDtmf):
            keys += 1
            if event.digit == "9" and fault == "raises":
                voice.cancel()
                raise RuntimeError("as it was asked to")
            if event.digit == "9" and fault == "blocks":
                until = time.monotonic() + 2
                while time.monotonic() < until:  # computes: the interpreter's lock is not given up
                    sum(range(1000))
    await voice
    with open(os.environ["FAULTS_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps({"call_id": call.start.call_id, "keys": keys, "ended": call.ended}) + "\n")
