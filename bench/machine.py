"""What machine measures."""

import os
import platform
import sys
from pathlib import Path

import numpy as np


def cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def described() -> str:
    """CPU, system and versions, in one line."""
    from talkpath._core import _simd_name

    return (
        f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, talkpath variant {_simd_name()}"
    )


def resident_kb() -> int:
    """Memory of this process that is in RAM; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 if sys.platform == "linux" else 0
