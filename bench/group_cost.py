"""What a call costs among many: `CallGroup.exchange` against `receive` and `transmit` of the same calls, one by one, on the same frames.

    python bench/group_cost.py [--calls 1,10,100,1000] [--threads 1]

Every call is in its second and third second, its agent speaks half of the time and cannot be interrupted (one that is would be silent from then
on); then others take their place, until enough frames are measured. µs a call and frame. And what the calls hold in RAM.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import talkpath as tp

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
from call_cost import SCENES, sides  # noqa: E402
from machine import described, resident_kb  # noqa: E402
from timing import trimmed_mean  # noqa: E402

WARM_UP, TIMED = 75, 75
FRAME = 160


def frames_of_a_line() -> list[tuple[bytes, np.ndarray | None]]:
    """[(payload from the line, the agent's frame or None)], in turn: the line with echo of bench/call_cost.py."""
    agent, near = sides(8000, 63, next(scene for scene in SCENES if scene.name == "a line with echo"))
    wire = tp.g711.ulaw_encode(near)
    said = [agent[at : at + FRAME] for at in range(0, len(agent), FRAME)]
    return [(wire[i * FRAME : (i + 1) * FRAME], x if x.any() else None) for i, x in enumerate(said)]


class Server:
    """Some calls, all of them as old, each at its own place of the line."""

    def __init__(
        self, line: list[tuple[bytes, np.ndarray | None]], calls: int, first: int, group: tp.CallGroup | None
    ) -> None:
        self.line, self.group, self.first, self.frame = line, group, first, 0
        self.calls = [tp.CallPipeline(semantic_vad="high", allow_interruptions=False, seed=1) for _ in range(calls)]

    def tick(self) -> float:
        """One frame of time; µs of the exchange."""
        now = [self.line[(self.frame + 37 * (self.first + j)) % len(self.line)] for j in range(len(self.calls))]
        for call, (_, said) in zip(self.calls, now, strict=True):
            if said is not None:
                call.speak(said, 8000, "a")
        exchanged = [(call, payload) for call, (payload, _) in zip(self.calls, now, strict=True)]
        began = time.perf_counter_ns()
        if self.group is not None:
            self.group.exchange(exchanged)
        else:
            for call, payload in exchanged:
                call.transmit()
                call.receive(payload)
        self.frame += 1
        return (time.perf_counter_ns() - began) / 1000

    def check(self) -> None:
        """The bench is what it says."""
        for call in self.calls:
            metrics = call.metrics
            assert metrics.interruptions == metrics.discarded_chunks == 0, "an agent was interrupted"


def measure(calls: int, threads: int | None, most_frames: int) -> dict[str, float]:
    """Mean and median µs a call and frame; `threads` None: one by one, without a group."""
    line, times, first = frames_of_a_line(), [], 0
    group = None if threads is None else tp.CallGroup(threads)
    before_kb, held_kb = resident_kb(), 0
    while len(times) < max(TIMED, most_frames // calls):
        server = Server(line, calls, first, group)
        for _ in range(WARM_UP):
            server.tick()
        times += [server.tick() for _ in range(TIMED)]
        server.check()
        held_kb = held_kb or resident_kb() - before_kb
        first += calls
        del server
    us = np.array(times) / calls
    return {
        "mean_us": round(trimmed_mean(us), 2),
        "median_us": round(float(np.median(us)), 2),
        "resident_kb": round(held_kb / calls),
    }


def measured(sizes: list[int], threads: int = 1, most_frames: int = 30_000) -> list[dict[str, Any]]:
    """A row a size, in turn: one by one, then in a group."""
    rows = []
    for calls in sizes:
        single, group = (measure(calls, how, most_frames) for how in (None, threads))
        rows.append({"calls": calls, "threads": threads, "single": single, "group": group})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", default="1,10,100,1000")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    print(f"{described()}; µs a call and frame of 20 ms, {args.threads} thread(s)")
    print(f"{'calls':>6} {'one by one':>11} {'in a group':>11} {'of it':>6} {'KB a call':>10}")
    for row in measured([int(n) for n in args.calls.split(",")], args.threads):
        single, group = row["single"]["mean_us"], row["group"]["mean_us"]
        print(f"{row['calls']:6} {single:11.1f} {group:11.1f} {group / single:6.2f} {row['group']['resident_kb']:10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
