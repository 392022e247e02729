"""Measures all that `make quality` shows: through the call, peers beside it, on material from installed packages and generated lines.

    python bench/quality/run.py            # writes bench/quality.json, docs/quality.md and README's tables; about twenty minutes on two cores
    python bench/quality/run.py --quick    # some of each in a minute or two: only to see that it works
    python bench/quality/run.py --parts keys,beeps

What is not installed is named, and skipped.
"""

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # processes are what goes on at once

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
from figure_pages import QUALITY, write_pages  # noqa: E402
from machine import described  # noqa: E402
from peers_here import versions  # noqa: E402

from quality import material  # noqa: E402

PARTS = ("interruptions", "speech", "losses", "answer", "keys", "echo", "beeps")  # the longest first


def measure(part: str, quick: bool) -> tuple[dict[str, Any], float]:
    """In a process of its own: what was measured, and how long it took."""
    began = time.monotonic()
    found: dict[str, Any] = importlib.import_module(f"quality.{part}").measure(quick)
    return found, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a try: writes nothing unless --folder is given")
    parser.add_argument("--parts", default=",".join(PARTS), help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="write quality.json there, not into the repository")
    args = parser.parse_args()
    parts = args.parts.split(",")
    for part in parts:
        if part not in PARTS:
            parser.error(f"--parts: {part} is not known; there are {', '.join(PARTS)}")
    for package, how in material.available().items():
        if how:
            print(f"{package} is not installed, its sounds are left out: {how}", file=sys.stderr)
    if not material.agents():
        print("no voice is installed: the figures need Hibari, flite or Asterisk's prompts", file=sys.stderr)
        return 1
    known = json.loads(QUALITY.read_text(encoding="utf-8")) if QUALITY.exists() and set(parts) != set(PARTS) else {}
    found = {**known, "machine": described(), "peers": versions(), "material": {name: not how for name, how in material.available().items()}}  # fmt: skip
    began = time.monotonic()
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(measure, part, args.quick): part for part in parts}
        for done in as_completed(running):
            found[running[done]], took = done.result()
            print(f"[{time.monotonic() - began:4.0f} s] {running[done]} ({took:.0f} s)", file=sys.stderr, flush=True)
    if args.folder or not args.quick:
        folder = args.folder or QUALITY.parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / QUALITY.name).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if args.folder is None:
            write_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
