"""A line test: says back what it hears, half a second later; nothing interrupts it.

talkpath serve --app echo:answer            # in this folder; then point a provider's stream to ws://HOST:8080/
"""

import numpy as np

from talkpath.server import PhoneCall

RATE = 16000  # of call.audio(), for the default audio format
DELAY_MS = 500


async def answer(call: PhoneCall) -> None:
    """Everything that is heard goes back, silence too, as one utterance without an end."""
    # Off, or the caller would be taken for an echo of the agent, which says the same, and for somebody who interrupts it.
    await call.update(echo_control=False, allow_interruptions=False, normalize_level=False, idle_timeout=None)
    await call.speak(np.zeros(RATE * DELAY_MS // 1000, np.int16), RATE, "echo")
    async for pcm in call.audio():
        await call.speak(pcm, RATE, "echo")
