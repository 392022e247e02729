"""Instructions that 20 ms cost in every kernel alone, counted by valgrind, beside bench/call_instructions.py's scenes.

    python bench/kernel_instructions.py            # counts and compares with bench/kernel_instructions.json
    python bench/kernel_instructions.py --write    # makes that file
    python bench/kernel_instructions.py --only vad --csrc FOLDER    # one kernel, other sources

A kernel that takes 5 % more than was written down ends with 1; one that takes 5 % less is told.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
from call_cost import SCENES  # noqa: E402
from call_instructions import ROOT, build, compared, sides_file, skipped, write  # noqa: E402

STORED = HERE / "kernel_instructions.json"
ECHO = next(scene for scene in SCENES if scene.name == "a line with echo")


def measure(csrc: Path = ROOT / "csrc", only: str = "") -> dict[str, int]:
    """{kernel: instructions a frame}."""
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = build(folder, "kernel_instructions.c", csrc)
        files = [str(sides_file(folder, ECHO, rate_hz, 9)) for rate_hz in (8000, 16000)]
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'dump'}", str(program), *files]
        done = subprocess.run([*command, *([only] if only else [])], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-1000:])
        for path in sorted(folder.glob("dump.*"), key=lambda p: int(p.suffix[1:])):
            text = path.read_text()
            named = re.search(r"^desc: Trigger: Client Request: (.+)\|(\d+)$", text, re.M)
            total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
            if named and total:
                result[named[1]] = round(int(total[1]) / int(named[2]))
    for name, count in result.items():
        print(f"{name:36} {count:9,} instructions a frame", flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="", help="one kernel, as the table names it")
    parser.add_argument("--csrc", type=Path, default=ROOT / "csrc", help="folder of the C sources")
    args = parser.parse_args()
    if skipped():
        return 0
    found = measure(args.csrc.resolve(), args.only)
    if not found:
        parser.error(f"no kernel is called {args.only!r}")
    if args.write:
        write(found, STORED)
        return 0
    return compared(found, STORED)


if __name__ == "__main__":
    sys.exit(main())
