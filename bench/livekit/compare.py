"""The parts of LiveKit on the phone, before and after: the detector, and what was heard of a speech that was cut.

    python bench/livekit/compare.py [vad] [position] [--calls 16]     # pip install 'talkpath[livekit,fast,phone]'

before: LiveKit's own detector; the time since the first sample left. after: `VAD`, and `playback_position` of `PhoneAudioOutput`. The
phone is `talkpath dial`, a process of its own. Whole calls: dialled.py; voicemails: messages.py. Run it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from agents import DATA, RATE, Story, agent, config, dial
from livekit import rtc
from livekit.agents import inference, vad

from talkpath.integrations.livekit import VAD
from talkpath.wav import read_wav, read_wav_channels

INTERRUPTS = "- {interrupt_after: 3.0, timeout_s: 15}\n- {say: {seconds: 1.6}}\n- {wait: 2}\n- hang_up\n"
ROUNDS = 7


def hum(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Without a quiet moment: where it was cut can be seen."""
    t = np.arange(round(seconds * RATE)) / RATE
    return (5000 * np.sin(2 * np.pi * 300 * t) + 2000 * np.sin(2 * np.pi * 710 * t)).astype(np.int16)


async def listen(detector: vad.VAD | None, frames: list[rtc.AudioFrame]) -> tuple[float, int]:
    """CPU, µs a frame, its executor included, and how often speech began; None: of the loop alone. One frame a turn, as in a call."""
    if detector is None:
        began = time.process_time()
        for _ in frames:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return 1e6 * (time.process_time() - began) / len(frames), 0
    stream = detector.stream()

    async def count() -> int:
        return sum([event.type == vad.VADEventType.START_OF_SPEECH async for event in stream])

    counts = asyncio.ensure_future(count())
    await asyncio.sleep(0)
    began = time.process_time()
    for frame in frames:
        stream.push_frame(frame)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    stream.end_input()
    starts = await counts
    took_s = time.process_time() - began
    await stream.aclose()
    return 1e6 * took_s / len(frames), starts


async def measure_vad(calls: int, out: Path) -> None:
    """`push_frame` to the events, in turns, each round on other audio; the median of the rounds, and the least of them."""
    for rate in (8000, 16000):
        pcm = np.concatenate(read_wav_channels((DATA / "example_inbound.wav").read_bytes(), rate))
        took: dict[str, list[float]] = {"loop": [], "before, LiveKit's Silero": [], "after, talkpath's": []}
        starts = dict.fromkeys(took, 0)
        for turn in range(ROUNDS):
            own = (np.roll(pcm, turn * rate) * (1 - 0.05 * turn)).astype(np.int16)
            n = rate // 50
            frames = [
                rtc.AudioFrame(p.tobytes(), rate, 1, n) for p in np.split(own, range(n, len(own), n)) if len(p) == n
            ]
            for name, detector in zip(took, (None, inference.VAD(model="silero"), VAD()), strict=True):
                us, count = await listen(detector, frames)
                took[name].append(us)
                starts[name] += count
        loop = min(took.pop("loop"))
        for name, all_us in took.items():
            print(
                f"vad {rate} Hz {name:26} {np.median(all_us) - loop:6.1f} µs of CPU every 20 ms (median of {ROUNDS}), {min(all_us) - loop:.1f} (least),"
                f" without the loop's own {loop:.1f}; speech began {starts[name]} times"
            )
        before, after = (np.array(all_us) - loop for all_us in took.values())
        print(
            f"vad {rate} Hz {np.median(before) / np.median(after):.1f} times cheaper (medians), {before.min() / after.min():.1f} (least)"
        )


async def measure_position(calls: int, out: Path) -> None:
    """What the session was told, against what the phone recorded."""
    for dialect in ("twilio", "plivo"):
        stories: dict[str, Story] = {}
        folder = out / dialect
        found = await dial(
            agent(True, hum(20), stories), config(True), INTERRUPTS, folder,
            "--line", "clean", "--calls", str(calls), "--ramp", "2", dialect=dialect,
        )  # fmt: skip
        exact, clock, holes = [], [], []
        for result in found.results:
            heard = np.abs(read_wav(folder / f"call-{result['number']:04d}.heard.wav", RATE).astype(np.int32))
            loud = heard[: len(heard) // 40 * 40].reshape(-1, 40).max(axis=1) > 400
            recorded_s = np.count_nonzero(loud) / 200  # holes, where the server was late, are no part of it
            story = stories[result["call_id"]]
            exact.append(1000 * (story.position_s - recorded_s))
            clock.append(1000 * (story.clock_s - recorded_s))
            holes.append(result["holes"])
        for name, errors in (("before, by the clock", clock), ("after", exact)):
            within = sum(abs(error) <= 20 for error in errors)
            print(
                f"position {dialect:6} {name:21} error, ms: median {np.median(errors):+.0f}, least {min(errors):+.0f}, most {max(errors):+.0f};"
                f" within 20 ms in {within} of {len(errors)} calls, of which {sum(map(bool, holes))} had holes"
            )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = {"vad": measure_vad, "position": measure_position}
    parser.add_argument("what", nargs="*", default=list(every), help=", ".join(every))
    parser.add_argument("--calls", type=int, default=16)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for what in options.what:
            await every[what](options.calls, (options.keep or Path(folder)) / what)


if __name__ == "__main__":
    asyncio.run(main())
