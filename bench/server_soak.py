"""Does a server's memory stay flat? Waves of calls that begin, talk, are interrupted, press keys and end, for as long as is asked.

    python bench/server_soak.py --minutes 60 --calls 60 [--transport picows]

Linux. The server runs on one core, the calls come from another. Printed after every wave: calls so far, resident memory of the handlers' process and of
the one of audio, late frames. The first waves fill caches and rings; what counts is the slope after them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from talkpath.phone import CallPlan, Dialer, InterruptAfter, Press, Repeat, Say, Script, Wait, WaitFor, parse_line
from talkpath.phone.script import GO_ON

HERE = Path(__file__).resolve().parent
TURN = (
    InterruptAfter(1.5, timeout_s=6, on_timeout=GO_ON),
    Say(seconds=1.0),
    Press("1"),
    WaitFor("silence", timeout_s=4, on_timeout=GO_ON),
    Wait(0.5),
)
SCRIPT = Script((Repeat(TURN),), "everything")


def resident_mb(pid: int) -> float:
    """Memory of a process that is its own or shared."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--wave-s", type=float, default=30)
    parser.add_argument("--transport", default="websockets")
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "talkpath", "serve", "--app", "talker_app:answer", "--port", str(port), "--max-calls", "1000"]
    server = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, *command, "--transport", options.transport],
        cwd=HERE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.sched_setaffinity(0, {1})
    time.sleep(4)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
    plan = CallPlan(
        provider="twilio", caller=SCRIPT, line=parse_line("speakerphone"), duration_s=options.wave_s * 2 / 3
    )
    rows: list[tuple[float, float, float]] = []
    begun, calls, wave = time.monotonic(), 0, 0
    print(
        "| min | calls | handlers MB | audio MB | frames | late > 5 ms | late > 20 ms |\n|---|---|---|---|---|---|---|"
    )
    try:
        while time.monotonic() - begun < 60 * options.minutes:
            wave += 1
            dialer = Dialer(
                f"ws://127.0.0.1:{port}/twilio",
                plan,
                calls=options.calls,
                ramp=3 * options.calls / options.wave_s,
                seed=wave,
            )
            results = asyncio.run(dialer.run())
            if any(not r.answered or r.speech_heard_s < 1 for r in results):
                raise SystemExit("a call was not answered, or its agent was silent")
            calls += len(results)
            late = np.concatenate([r.lateness for r in results])
            minutes = (time.monotonic() - begun) / 60
            rows.append((minutes, resident_mb(server.pid), resident_mb(int(children[0]))))
            print(
                f"| {minutes:.1f} | {calls} | {rows[-1][1]:.1f} | {rows[-1][2]:.1f} | {len(late)} | {(late > 5).sum()} "
                f"| {(late > 20).sum()} |", flush=True,
            )  # fmt: skip
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    settled = np.array(rows[len(rows) // 3 :])
    if len(settled) > 2:
        for name, column in (("handlers", 1), ("audio", 2)):
            slope = np.polyfit(settled[:, 0], settled[:, column], 1)[0] * 60
            print(f"{name}: {slope:+.2f} MB an hour in the last two thirds")


if __name__ == "__main__":
    main()
