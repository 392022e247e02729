"""What one side says is what the other hears, by every way that Asterisk has to the server."""

import numpy as np
from scenario import voice

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, read_wav
from asterisk.install import sound
from asterisk.system import System
from talkpath.server import PhoneCall
from talkpath.streams import Start

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
FAULTS = ("malformed", "lost", "late", "reordered", "duplicate", "dropped")


async def faults(call: PhoneCall) -> dict[str, int]:
    """What nothing on these lines should have caused."""
    return {name: n for name, n in (await call.counters()).items() if n and name in FAULTS}


def test_what_is_said_is_heard(system: System) -> None:
    """To the sample: Asterisk's Record() keeps what comes, as it comes. All ways at once."""
    said = {rate: voice(2000, rate) for rate in (8000, 16000)}
    story: list[tuple[Start, tuple[int, float, dict[str, int]]]] = []

    async def answer(call: PhoneCall) -> None:
        rate = call.start.wire_out.sample_rate_hz
        heard_ms = await call.say(said[rate], rate)
        story.append((call.start, (rate, heard_ms, await faults(call))))

    async def main() -> None:
        async with telephone(system, answer) as lines:
            calls = [await lines.dial(way, "listen") for way in WAYS]
            for call in calls:
                assert (await lines.over(call))["Cause-txt"] == "Normal Clearing"
        for call in calls:
            rate, heard_ms, wrong = call.its(story)
            assert (heard_ms, wrong) == (2000.0, {}), call.way
            heard, heard_rate = read_wav(next(call.folder.iterdir()))
            assert heard_rate == rate == call.way.rate
            found = align(heard, said[rate], rate)
            assert found.shift_ms == 0, (call.way, found)
            assert found.likeness > 0.99, (call.way, found)
            assert found.snr_db > SNR_DB[call.way.codec], (call.way, found)

    run(main())


def test_the_caller_is_heard(system: System) -> None:
    """A prompt of Debian's, whose last frame is a short one; what comes out of the engine, cleaned, is compared."""
    prompt = sound(system.programs, "agent-pass")
    heard: list[tuple[Start, tuple[np.ndarray, dict[str, int]]]] = []

    async def answer(call: PhoneCall) -> None:
        pieces = [pcm async for pcm in call.audio()]
        heard.append((call.start, (np.concatenate(pieces), await faults(call))))

    async def main() -> None:
        async with telephone(system, answer) as lines:
            calls = [await lines.dial(way, "speak", SOUND=str(prompt.with_suffix(""))) for way in WAYS]
            for call in calls:
                await lines.over(call)
        said, _ = read_wav(prompt)
        for call in calls:
            pcm, wrong = call.its(heard)
            assert wrong == {}, call.way
            found = align(pcm, said, 8000)
            assert found.shift_ms <= 20, (call.way, found)
            assert found.likeness > 0.9, (call.way, found)

    run(main())
