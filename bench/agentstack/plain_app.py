"""What the agent stack is compared with: the same calls on the plain server, which greets, and answers every turn with a tone of the same length.

talkpath serve --app plain_app:answer --config '{"semantic_vad": "high"}'       # in bench/agentstack/
"""

import numpy as np

from talkpath.call.events import UserTurnCompleted
from talkpath.server import CallEnded, PhoneCall

SECONDS = 2.4  # of each answer


async def answer(call: PhoneCall) -> None:
    """To the end of the call."""
    t = np.arange(round(16000 * SECONDS)) / 16000
    tone = (3000 * np.sin(2 * np.pi * 500 * t)).astype(np.int16)
    try:
        await call.say(tone, 16000)
        async for event in call.events():
            if isinstance(event, UserTurnCompleted):
                await call.say(tone, 16000)
    except CallEnded:
        pass
