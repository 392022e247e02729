"""What `talkpath info` and `talkpath bench` say of the machine."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from talkpath import __version__
from talkpath._core import _simd_name


def cpu_name() -> str:
    """As the maker calls it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The engine and what it runs on; `variant` is what the core's loops were compiled for and chose at import."""
    gil = getattr(sys, "_is_gil_enabled", None)
    return {
        "talkpath": __version__,
        "variant": _simd_name(),
        "cpu": cpu_name(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version() + ("" if gil is None or gil() else ", without the GIL"),
        "numpy": np.__version__,
    }
