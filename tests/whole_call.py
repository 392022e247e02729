"""Calls that do everything a call can do, in C alone (tests/c/whole_call.c): counted, and looked at by valgrind.

    python tests/whole_call.py allocations    # how many allocations, the C library's own included, in 100,000 frames: 0
    python tests/whole_call.py memcheck       # one of them under valgrind: no error, no leak

Exits with 1 when it is not so. Linux with glibc, and gcc or clang.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]
from conftest import CSRC, SANITIZE, native_library  # noqa: E402

DRIVER = ROOT / "tests" / "c" / "whole_call.c"
IS_GLIBC = platform.libc_ver()[0] == "glibc"
ROUND_S = 20  # after so long everything has been done once
MEMCHECK = ("valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=all", "--error-exitcode=9")


def link(folder: Path, *flags: str) -> Path:
    """The driver, with the core as a shared library."""
    program = folder / "whole_call"
    sanitize = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all"] if SANITIZE else []
    command = [*os.environ.get("CC", "cc").split(), *sanitize, *flags, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{CSRC}",
               f"-I{CSRC / 'include'}", str(DRIVER), str(native_library()), "-lm", "-pthread", "-o", str(program)]  # fmt: skip
    subprocess.run(command, check=True)
    return program


def link_late(folder: Path) -> Path:
    """The driver whose clocks can begin late: what keeps one is compiled again, and is used in place of the library's."""
    objects = []
    for late in range(1, 8):
        objects.append(str(folder / f"late_{late}.o"))
        flags = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
        command = [*os.environ.get("CC", "cc").split(), *flags, f"-DLATE={late}", "-std=c11", "-O2", "-ffp-contract=off", f"-I{CSRC}",
                   f"-I{CSRC / 'include'}", "-c", str(DRIVER.with_name("late_start.c")), "-o", objects[-1]]  # fmt: skip
        subprocess.run(command, check=True)
    return link(folder, "-DLATE_START", *objects)


def run(
    program: Path, seconds: int, threads: int = 1, calls: int = 4, *arguments: str, under: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What the driver found: frames, allocations while they ran, checksum, events."""
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        [*under, str(program), str(seconds), str(threads), str(calls), *arguments],
        env=plain,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"whole_call ended with {done.returncode}:\n{done.stdout}{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    if what not in ("allocations", "memcheck"):
        print(__doc__)
        return 2
    if what == "memcheck" and not shutil.which("valgrind"):
        print("valgrind is not installed, skipped")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        if what == "memcheck":
            found = run(link(Path(scratch)), ROUND_S + 1, calls=1, under=MEMCHECK)
            print(f"memcheck: no error and no leak in {found['frames']:,} frames of a call")
            return 0
        program = link(Path(scratch), "-DCOUNT_ALLOCATIONS")
        planted = run(program, ROUND_S, 1, 4, "planted")
        found = {threads: run(program, 250, threads) for threads in (1, 2)}
    for threads, counts in found.items():
        print(f"allocations: {counts['allocations']} in {counts['frames']:,} frames of 4 calls on {threads} thread(s)")
    print(f"with one planted a second: {planted['allocations']} in {planted['frames']:,}")
    return int(any(counts["allocations"] for counts in found.values()) or planted["allocations"] == 0)


if __name__ == "__main__":
    sys.exit(main())
