"""What one side says is what the other hears, by every way that Asterisk has to the server."""

import numpy as np
import pytest
from scenario import voice

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, read_wav
from asterisk.install import sound
from asterisk.system import System
from talkpath.server import PhoneCall

WAYS = [
    AUDIOSOCKET,
    Way("audiosocket-channel"),
    Way("audiosocket-channel", "slin16"),
    PLAIN,
    Way("websocket", "alaw", "json"),
    Way("websocket", "slin"),
    JSON,
]
SNR_DB = {"ulaw": 35.0, "alaw": 35.0, "slin": 100.0, "slin16": 100.0}  # companding; bit by bit
# What the line may lose or disturb of a call that nothing went wrong with: nothing.
FAULTS = ("malformed", "lost", "late", "reordered", "duplicate", "dropped")


async def faults(call: PhoneCall) -> dict[str, int]:
    return {name: n for name, n in (await call.counters()).items() if n and name in FAULTS}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_is_said_is_heard(system: System, way: Way) -> None:
    # AudioSocket says the rate only with the audio, so the server speaks 8 kHz on all of its calls.
    rate = 8000 if way.agent.startswith("audiosocket") else way.rate
    said = voice(2000, rate)
    story: list[object] = []

    async def answer(call: PhoneCall) -> None:
        story.extend([call.start.call_id, await call.say(said, rate), await faults(call)])

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "listen")
            end = await lines.over(call)
            heard, heard_rate = read_wav(next(call.folder.iterdir()))
        assert story[1:] == [2000.0, {}]
        assert end["Cause-txt"] == "Normal Clearing"
        assert heard_rate == way.rate
        found = align(heard[:: heard_rate // rate], said, rate)
        assert found.shift_ms == 0
        if heard_rate != rate:
            assert found.likeness > 0.93  # Asterisk's resampler takes off what is near 4 kHz
        else:
            assert found.likeness > 0.99
            assert found.snr_db > SNR_DB[way.codec]

    run(main())


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN, JSON], ids=str)
def test_the_caller_is_heard(system: System, way: Way) -> None:
    """A prompt of Debian's, whose last frame is a short one; what comes out of the engine, cleaned, is compared."""
    prompt = sound(system.programs, "agent-pass")
    pieces: list[np.ndarray] = []
    found: list[dict[str, int]] = []

    async def answer(call: PhoneCall) -> None:
        async for pcm in call.audio():
            pieces.append(pcm)
        found.append(await faults(call))

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "speak", SOUND=str(prompt.with_suffix("")))
            await lines.over(call)

    run(main())
    said, _ = read_wav(prompt)
    heard = np.concatenate(pieces)
    alignment = align(heard, said, 8000)
    assert found == [{}]
    assert alignment.shift_ms <= 20
    assert alignment.likeness > 0.9
