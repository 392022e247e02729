"""When this machine stood still by itself: a process for each core that does nothing but sleep to a grid, beside the phone.

Threads would not do: they would wait for the interpreter's lock, and tell about the phone, not about the machine. Where it may, each takes
real-time priority: then only the machine itself (another guest of the host, an interrupt) can make it late, and nobody's work here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from talkpath.phone.result import Machine

MAX_CORES = 64
PERIOD_MS = 2
PAUSE_MS = 1.0  # a later wake-up is a pause of the core
_SLEEPER = """
import json, os, select, sys, time
core, period, pause = int(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3]) / 1000
try:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except (AttributeError, OSError):
    pass
late, pauses = [], []
due = time.monotonic() + period
while not select.select([sys.stdin], [], [], 0)[0]:
    time.sleep(max(0.0, due - time.monotonic()))
    now = time.monotonic()
    late.append(now - due)
    if now - due > pause:
        pauses.append((due, now))
    due += period * max(1, int((now - due) / period) + 1)
late.sort()
n = len(late)
ms = [1000 * x for x in (late[min(n - 1, int(0.999 * n))], late[-1])] if n else [0.0, 0.0]
print(json.dumps([n, *ms, sum(x > 0.005 for x in late), pauses]))
"""


class IdleProcesses:
    """Sleep beside the phone from `start` to `stop`; they end with the phone, whatever happens to that."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """From now on."""
        if sys.platform == "win32":  # select knows no pipes there
            return
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SLEEPER, str(core), str(PERIOD_MS), str(PAUSE_MS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is the phone's
            )
            for core in range(min(os.cpu_count() or 1, MAX_CORES))
        ]

    def stop(self) -> Machine:
        """What they saw: counts of all, the worst of the percentiles, all pauses."""
        processes, self._processes = self._processes, []
        found = Machine()
        for process in processes:
            try:
                out, _ = process.communicate("", timeout=5)
                wakes, p999_ms, max_ms, over_5, pauses = json.loads(out)
            except (subprocess.TimeoutExpired, ValueError):
                process.kill()
                continue
            found = Machine(
                found.wakes + int(wakes),
                max(found.p999_ms, round(p999_ms, 3)),
                max(found.max_ms, round(max_ms, 3)),
                found.over_5 + int(over_5),
                (*found.pauses, *((begin, end) for begin, end in pauses)),
            )
        return found
