"""Measures all that `make bench` shows: every kernel, the call, many calls, memory, import; peers beside them in the same run.

    python bench/speed.py            # writes bench/speed.json, docs/benchmarks and README's tables; about eight minutes
    python bench/speed.py --quick    # the same in less than two minutes: only to see that it works

Nothing else should run on the machine. Peers that are not installed are named as skipped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import talkpath as tp

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE)]
import call_cost  # noqa: E402
import group_cost  # noqa: E402
from figure_pages import SPEED, write_pages  # noqa: E402
from machine import described  # noqa: E402
from peers_here import versions  # noqa: E402

QUICK_ROUNDS = ["--benchmark-max-time=0.02", "--benchmark-min-rounds=2", "--benchmark-calibration-precision=2"]


def kernels(quick: bool) -> dict[str, Any]:
    """The benchmarks of bench/bench_*.py, in a process of their own: {group: rows}."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "figures.json"
        command = [sys.executable, "-m", "pytest", str(HERE), "--benchmark-quiet", "--benchmark-disable-gc", "-W", "ignore::DeprecationWarning",
                   "-p", "no:cacheprovider", "-p", "no:xdist", "--figures", str(path), *(QUICK_ROUNDS if quick else [])]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def import_ms(rounds: int = 9) -> dict[str, float]:
    """Of a new process: `import talkpath` behind `import numpy`, and NumPy's own; medians."""
    code = (
        "import time; a = time.perf_counter_ns(); import numpy; b = time.perf_counter_ns(); import talkpath; "
        "print((b - a) / 1e6, (time.perf_counter_ns() - b) / 1e6)"
    )
    pairs = []
    for _ in range(rounds + 1):  # the first fills the caches
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        pairs.append([float(x) for x in done.stdout.split()])
    numpy_ms, ours_ms = (sorted(pair[i] for pair in pairs[1:])[rounds // 2] for i in range(2))
    return {"numpy_ms": round(numpy_ms, 1), "talkpath_ms": round(ours_ms, 2)}


def memory() -> list[dict[str, Any]]:
    """What a call's state takes, by what it is asked to do."""
    kinds: dict[str, dict[str, Any]] = {
        "8 kHz": {},
        "8 kHz, noise suppression": {"noise_cancellation": True},
        "8 kHz, calls out (machine, beep, line tones)": {"detection_method": "audio"},
        "16 kHz": {"stream": "audio/x-l16;rate=16000"},
        "16 kHz, noise suppression, calls out": {
            "stream": "audio/x-l16;rate=16000",
            "noise_cancellation": True,
            "detection_method": "audio",
        },
    }
    return [{"name": name, "kb": round(tp.CallPipeline(**fields).state_bytes / 1024)} for name, fields in kinds.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a try: writes nothing unless --folder is given")
    parser.add_argument("--folder", type=Path, help="write speed.json and the pages there, not into the repository")
    args = parser.parse_args()
    began = time.monotonic()

    def step(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)

    found: dict[str, Any] = {"machine": described(), "peers": versions()}
    for name, what in found["peers"].items():
        step(f"{name}: {what}")
    step("the call")
    found["call"] = call_cost.measured(18 if args.quick else 90)
    step("many calls")
    found["group"] = group_cost.measured(
        [1, 10] if args.quick else [1, 10, 100, 1000], 1, 300 if args.quick else 40_000
    )
    step("memory, import")
    found["memory"], found["import"] = memory(), import_ms(1 if args.quick else 9)
    step("kernels")
    found["kernels"] = kernels(args.quick)
    step("done")
    if args.folder or not args.quick:
        folder = args.folder or HERE
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPEED.name).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if args.folder is None:
            write_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
