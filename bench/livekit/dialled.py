"""A LiveKit agent on a speakerphone, before and after: who interrupts himself, who cannot be interrupted, what a call costs.

    python bench/livekit/dialled.py [echo] [load] [--calls 50] [--at-once 10] [--keep DIR]    # pip install 'talkpath[livekit,fast,phone]'

before: LiveKit's vad mode with its Silero detector (its defaults, the blackout of three seconds included); the call carries audio and
nothing else. after: `TalkpathIO` as docs/livekit.md has it. Echo of -10 to -20 dB, another level and other delays each wave. Every call
that went wrong is told, and what the session and the call were told in it is in DIR. Cores that others use make everybody late: run it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from agents import Story, agent, config, dial, speech

LISTENS = "- {wait_for: speech, timeout_s: 5}\n- {wait: 12.5}\n- hang_up\n"
INTERRUPTS = "- {interrupt_after: AFTER, timeout_s: 12}\n- {say: {seconds: 1.6}}\n- {wait: 2}\n- hang_up\n"
TALKS = "- {wait_for: speech, timeout_s: 5}\n- {wait: 10}\n- hang_up\n"
CAUGHT_MS = 1600.0  # the agent is silent before the caller has done speaking


async def wave(
    after: bool, who: str, n: int, calls: int, echo_db: float, out: Path
) -> list[tuple[dict[str, Any], Story]]:
    """Calls at once, and what became of each."""
    stories: dict[str, Story] = {}
    script = LISTENS if who == "listens" else INTERRUPTS.replace("AFTER", f"{3.2 + n % 5:.1f}")
    said = speech(11.0 if who == "listens" else 25.0, n)
    found = await dial(
        agent(after, said, stories), config(after), script, out,
        "--line", f"speakerphone,echo_db={echo_db:.1f}", "--calls", str(calls), "--ramp", "2", "--seed", str(100 * n + 1),
    )  # fmt: skip
    told = [(result, stories.get(result["call_id"], Story())) for result in found.results]
    for result, story in told:
        rows = [f"{at:.3f} {what}" for at, what in story.told]
        (out / f"call-{result['number']:04d}.story.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return told


def judged(who: str, result: dict[str, Any], story: Story) -> str:
    """What went wrong; "": nothing."""
    if who == "listens":
        if story.cuts or result["unprompted_clears"]:
            return "interrupts itself"
        return "takes its echo for a turn" if story.turns else ""
    if not result["barge_ins"]:
        return "had stopped by itself"
    first = result["barge_ins"][0]["silence_ms"]
    return "" if first is not None and first <= CAUGHT_MS and story.cuts else "speaks on"


async def measure_echo(calls: int, at_once: int, sides: list[bool], out: Path) -> None:
    """A speakerphone, with a caller who listens, and with one who interrupts."""
    waves = -(-calls // at_once)
    levels = np.linspace(-10, -20, waves)
    for who in ("listens", "interrupts"):
        for after in sides:
            wrong: dict[str, list[str]] = {}
            silent: list[float] = []
            late: list[float] = []
            for n, echo_db in enumerate(levels):
                folder = out / ("after" if after else "before") / who / f"{n}"
                for result, story in await wave(after, who, n, min(at_once, calls - n * at_once), echo_db, folder):
                    late.append(result["own_late_ms"]["p99"])
                    fault = judged(who, result, story)
                    if fault:
                        wrong.setdefault(fault, []).append(f"{n}/{result['number']} ({echo_db:.0f} dB)")
                    elif who == "interrupts":
                        silent.append(result["barge_ins"][0]["silence_ms"])
            name = "after" if after else "before"
            print(
                f"echo {who:10} {name:6} {calls} calls; the phone's own lateness, p99: {np.median(late):.0f} ms (median), {max(late):.0f} (most)"
            )
            if silent:
                print(
                    f"     the agent falls silent in {len(silent)}, after {np.median(silent):.0f} ms (median), {max(silent):.0f} (most)"
                )
            for fault, which in wrong.items():
                print(f"     {fault}: {len(which)} ({', '.join(which[:12])})", flush=True)


async def measure_load(numbers: list[int], sides: list[bool], out: Path) -> None:
    """CPU of the agent, and the gaps of its audio."""
    for calls in numbers:
        for after in sides:
            folder = out / f"{'after' if after else 'before'}-{calls}"
            found = await dial(
                agent(after, speech(10.0), {}), config(after), TALKS, folder,
                "--line", "speakerphone", "--calls", str(calls), "--ramp", "1",
            )  # fmt: skip
            seconds = sum(result["duration_s"] for result in found.results)
            gaps = [result["gaps_ms"] for result in found.results]
            p50, p99 = np.median([gap["p50"] for gap in gaps]), max(gap["p99"] for gap in gaps)
            print(
                f"load {calls:3d} calls {'after' if after else 'before':6} {1000 * found.cpu_s / seconds:6.1f} ms of CPU a second of a call;"
                f" gaps p50 {p50:.1f}, p99 of the worst call {p99:.1f} ms; holes {sum(r['holes'] for r in found.results)};"
                f" phone late p99 {max(r['own_late_ms']['p99'] for r in found.results):.1f} ms",
                flush=True,
            )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["echo", "load"], help="echo, load")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--load", type=int, nargs="+", default=[1, 10, 20])
    parser.add_argument("--only", choices=["before", "after"])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    sides = [False, True] if options.only is None else [options.only == "after"]
    logging.getLogger("livekit").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        out = options.keep or Path(folder)
        if "echo" in options.what:
            await measure_echo(options.calls, options.at_once, sides, out / "echo")
        if "load" in options.what:
            await measure_load(options.load, sides, out / "load")


if __name__ == "__main__":
    asyncio.run(main())
