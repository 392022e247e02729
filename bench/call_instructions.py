"""Instructions a frame of a call takes, scene by scene, counted by valgrind: the same on a busy machine and on a quiet one.

    python bench/call_instructions.py            # counts and compares with bench/call_instructions.json
    python bench/call_instructions.py --write    # makes that file

More than 5 % away from what was written down ends with 1: then measure the times again (`bench/claims.py --cost`), and write. Counts belong to a
compiler; with another one nothing is compared, and that is said.
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


def build(folder: Path) -> Path:
    program = folder / "call_instructions"
    sources = [str(p) for p in sorted((ROOT / "csrc").rglob("*.c")) if "fuzz" not in p.parts]
    subprocess.run(["gcc", *FLAGS, f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc/include'}", str(HERE / "call_instructions.c"), *sources, "-lm", "-o", str(program)], check=True)  # fmt: skip
    return program


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
            agent, near = sides(rate_hz, SECONDS, scene)
            n = rate_hz // 50
            file = folder / "sides"
            np.stack([agent.reshape(-1, n), near.reshape(-1, n)], 1).tofile(file)
            first, last = (counted(program, file, scene, rate_hz, s * 50) for s in (FIRST_S, SECONDS))
            result[scene.name] = round((last - first) / ((SECONDS - FIRST_S) * 50))
            print(f"{scene.name:36} {result[scene.name]:9,} instructions a frame", flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if not shutil.which("valgrind") or not shutil.which("gcc"):
        print("valgrind or gcc is not installed, skipped")
        return 0
    found = measure()
    if args.write:
        STORED.write_text(
            json.dumps({"compiler": compiler(), "instructions": found}, indent=1, ensure_ascii=False) + "\n"
        )
        return 0
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    if stored["compiler"] != compiler():
        print(f"counted with gcc {compiler()}, written down with {stored['compiler']}: not compared")
        return 0
    moved = [name for name, n in found.items() if abs(n / stored["instructions"][name] - 1) > TOLERANCE]
    for name in moved:
        print(
            f"{name}: {found[name]:,} instructions a frame, {stored['instructions'][name]:,} were written down; measure the claims again"
        )
    return int(bool(moved))


if __name__ == "__main__":
    sys.exit(main())
