"""How late this machine is by itself: a process that does nothing but sleep to a grid, beside the phone.

A thread would not do: it would wait for the interpreter's lock, and tell about the phone, not about the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys

from talkpath.phone.result import Machine

PERIOD_MS = 5
_SLEEPER = """
import json, select, sys, time
period, late = float(sys.argv[1]) / 1000, []
due = time.monotonic() + period
while not select.select([sys.stdin], [], [], 0)[0]:
    time.sleep(max(0.0, due - time.monotonic()))
    now = time.monotonic()
    late.append(now - due)
    due += period * max(1, int((now - due) / period) + 1)
late.sort()
n = len(late)
ms = [1000 * x for x in (late[min(n - 1, int(0.999 * n))], late[-1])] if n else [0.0, 0.0]
print(json.dumps([n, *ms, sum(x > 0.005 for x in late)]))
"""


class IdleProcess:
    """Sleeps beside the phone from `start` to `stop`; it ends with the phone, whatever happens to that."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """From now on."""
        if sys.platform == "win32":  # select knows no pipes there
            return
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _SLEEPER, str(PERIOD_MS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is the phone's
        )

    def stop(self) -> Machine:
        """What it saw."""
        process, self._process = self._process, None
        if process is None:
            return Machine()
        try:
            out, _ = process.communicate("", timeout=5)
            wakes, p999_ms, max_ms, over_5 = json.loads(out)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            return Machine()
        return Machine(int(wakes), round(p999_ms, 3), round(max_ms, 3), int(over_5))
