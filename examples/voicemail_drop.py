"""The answered end of an outbound call: a machine gets a message after its beep, a person hears something else.

talkpath serve --app voicemail_drop:answer      # in this folder; then let a provider dial, and stream to ws://HOST:8080/
"""

import asyncio
from importlib import resources

from talkpath import CallConfig
from talkpath.call.events import UserIdle, VoicemailBeep, VoicemailDetected
from talkpath.server import MediaServer, PhoneCall
from talkpath.wav import read_wav_channels

config = CallConfig(detection_method="audio", speaks_first="user")

RATE = 8000
LONGEST_S = 90.0  # a machine that never beeps, a line that only rings
VOICE = read_wav_channels((resources.files("talkpath") / "data" / "example_voicemail.wav").read_bytes(), RATE)[1]
MESSAGE = VOICE[round(5.75 * RATE) : round(8.95 * RATE)]  # "Hello, this is Acme. Your order has arrived."
HELLO = VOICE[round(5.75 * RATE) : round(7.4 * RATE)]  # "Hello, this is Acme."


async def answer(call: PhoneCall) -> None:
    """Wait for who answers; the return hangs up."""
    try:
        async with asyncio.timeout(LONGEST_S):
            await leave_message(call)
    except TimeoutError:
        pass


async def leave_message(call: PhoneCall) -> None:
    """To a machine, after its beep. A person is greeted, and has the line until he falls silent."""
    async for event in call.events():
        match event:
            case VoicemailDetected(result="human"):
                await call.speak(HELLO, RATE, "hello", final=True)
            case VoicemailBeep():
                await call.clear_audio()  # a short greeting may have been taken for a person's: nobody heard that hello
                await call.say(MESSAGE, RATE, "message")
                return
            case UserIdle(reason="no_response"):
                return


if __name__ == "__main__":
    MediaServer(answer, config=config, port=8080).run()
