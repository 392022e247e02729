"""Instructions a frame of a call takes, scene by scene, counted by valgrind: the same on a busy machine and on a quiet one.

    python bench/call_instructions.py            # counts and compares with bench/call_instructions.json
    python bench/call_instructions.py --write    # makes that file

A scene that takes 5 % more than was written down ends with 1: a change that costs so much comes with a new table (`--write`, in the same commit). One
that takes 5 % less is told: tighten the table. Counts belong to a compiler and to what the CPU has; with others nothing is compared, and that is said.
`bench/kernel_instructions.py` does the same for every kernel alone.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE)]
from call_cost import SCENES, Scene, sides  # noqa: E402

STORED = HERE / "call_instructions.json"
FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
SECONDS, FIRST_S = 18, 9  # counted: from the second turn on
TOLERANCE = 0.05


def compiler() -> str:
    return subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


def wide() -> bool:
    """The CPU has what the wide variants need; valgrind knows nothing newer."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and " avx2 " in cpuinfo.read_text()


def build(folder: Path, driver: str = "call_instructions.c", csrc: Path = ROOT / "csrc") -> Path:
    program = folder / driver.removesuffix(".c")
    sources = [str(p) for p in sorted(csrc.rglob("*.c")) if "fuzz" not in p.parts]
    subprocess.run(["gcc", *FLAGS, f"-I{csrc}", f"-I{csrc / 'include'}", str(HERE / driver), *sources, "-lm", "-o", str(program)], check=True)  # fmt: skip
    return program


def sides_file(folder: Path, scene: Scene, rate_hz: int, seconds: int = SECONDS) -> Path:
    """What the drivers read: a frame of the agent, a frame of the line, in turn."""
    agent, near = sides(rate_hz, seconds, scene)
    n = rate_hz // 50
    file = folder / f"sides_{rate_hz}"
    np.stack([agent.reshape(-1, n), near.reshape(-1, n)], 1).tofile(file)
    return file


def counted(program: Path, file: Path, scene: Scene, rate_hz: int, frames: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), str(file), str(rate_hz),
               str(int(scene.fields.get("noise_cancellation", False))), str(int("background_audio" in scene.fields)), str(frames)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(done.stderr[-1000:])
    return int(found[1])


def measure() -> dict[str, int]:
    """{scene: instructions a frame}."""
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = build(folder)
        for scene in SCENES:
            rate_hz = 16000 if "16000" in scene.stream else 8000
            file = sides_file(folder, scene, rate_hz)
            first, last = (counted(program, file, scene, rate_hz, s * 50) for s in (FIRST_S, SECONDS))
            result[scene.name] = round((last - first) / ((SECONDS - FIRST_S) * 50))
            print(f"{scene.name:36} {result[scene.name]:9,} instructions a frame", flush=True)
    return result


def skipped() -> bool:
    """The tools are missing; says so."""
    missing = [tool for tool in ("valgrind", "gcc") if not shutil.which(tool)]
    if missing:
        print(f"{' and '.join(missing)} not installed, skipped")
    return bool(missing)


def compared(found: dict[str, int], path: Path) -> int:
    """The exit status: 1 when something takes 5 % more than `path` has."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    here = {"compiler": compiler(), "wide": wide()}
    there = {"compiler": stored["compiler"], "wide": stored.get("wide", True)}
    if here != there:
        print(f"counted with {here}, written down with {there}: not compared")
        return 0
    known = stored["instructions"]
    unknown = [name for name in found if name not in known]
    more = [name for name in found if name in known and found[name] > known[name] * (1 + TOLERANCE)]
    less = [name for name in found if name in known and found[name] < known[name] * (1 - TOLERANCE)]
    for name in more + less:
        change = f"{100 * (found[name] / known[name] - 1):+.1f} %"
        print(f"{name}: {found[name]:,} instructions a frame, {known[name]:,} were written down ({change})")
    for name in unknown:
        print(f"{name}: not in {path.name}")
    if more or unknown:
        print(f"FAILED: write {path.name} anew in the commit that costs it (--write)")
    elif less:
        print(f"{path.name} can be tightened: --write")
    return int(bool(more or unknown))


def write(found: dict[str, int], path: Path) -> None:
    table = {"compiler": compiler(), "wide": wide(), "instructions": found}
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if skipped():
        return 0
    found = measure()
    if args.write:
        write(found, STORED)
        return 0
    return compared(found, STORED)


if __name__ == "__main__":
    sys.exit(main())
