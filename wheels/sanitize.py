"""Runs the test suite on a copy of the package built with AddressSanitizer and UndefinedBehaviorSanitizer.

    python wheels/sanitize.py [pytest arguments]

The instrumented module needs the sanitizers' runtimes in the process before anything else, hence LD_PRELOAD. Leak
checking is off: CPython itself keeps memory until exit.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "sanitize"


def runtime(name: str) -> str:
    compiler = os.environ.get("CC", "cc").split()
    return subprocess.run(
        [*compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    target = BUILD / "lib"
    environment = {**os.environ, "TALKPATH_SANITIZE": "address,undefined"}
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build", f"--build-base={BUILD}", f"--build-lib={target}"],
        cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    environment |= {
        "LD_PRELOAD": f"{runtime('libasan.so')}:{runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONPATH": str(target),
        "PYTHONMALLOC": "malloc",  # so that ASan sees every buffer by itself
        "TALKPATH_TEST_SANITIZE": "address,undefined",  # tests/conftest.py builds its ctypes library the same way
    }
    check = "import talkpath._core as c; print('sanitizing', c.__file__)"
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)
    arguments = sys.argv[1:] or ["-m", "not slow"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
