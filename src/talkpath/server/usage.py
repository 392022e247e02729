"""What this process uses: processor time and memory, where the system says so."""

from __future__ import annotations

import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def process_usage() -> tuple[float, int]:
    """Processor time in s, and resident memory in bytes (where /proc does not say: the most it ever was). Windows: zeros."""
    if sys.platform == "win32":
        return 0.0, 0
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    try:
        memory_bytes = int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        memory_bytes = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return used.ru_utime + used.ru_stime, memory_bytes
