"""Runs tests on a copy of the package built with sanitizers.

    python wheels/sanitize.py [pytest arguments]             AddressSanitizer and UndefinedBehaviorSanitizer
    python wheels/sanitize.py --thread [pytest arguments]    ThreadSanitizer; without arguments, what has to do with threads

The instrumented module needs the sanitizers' runtimes in the process before anything else, hence LD_PRELOAD. Leak
checking is off: CPython itself keeps memory until exit.

CPython is not instrumented. ThreadSanitizer still sees its locks, for they are pthreads', and so the order that the GIL brings; what
runs without the GIL is ours. Its runtime wants memory where it expects it: setarch switches the randomisation of addresses off.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = [
    "tests/test_ownership.py",
    "tests/test_group.py",
    "tests/test_whole_call.py",  # in C: nothing but threads and the core
    "tests/server/test_pacer.py",  # the server's: sessions through a group
    "-m",
    "not slow and not realtime",
    "-k",
    "not keyboard and not child and not fork and not nobody_closes",
]


# Python alone: there is no C that others do not reach.
_PYTHON = ("agentstack", "docs", "report", "scan", "cli", "phone", "streams")
C_TESTS = ["-m", "not slow and not realtime", *(f"--ignore=tests/{name}" for name in _PYTHON)]


def runtime(name: str) -> str:
    compiler = os.environ.get("CC", "cc").split()
    return subprocess.run(
        [*compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> int:
    thread = sys.argv[1:2] == ["--thread"]
    arguments = sys.argv[2:] if thread else sys.argv[1:]
    sanitizers = "thread" if thread else "address,undefined"
    build = ROOT / "build" / ("sanitize-thread" if thread else "sanitize")
    shutil.rmtree(build, ignore_errors=True)
    target = build / "lib"
    environment = {**os.environ, "TALKPATH_SANITIZE": sanitizers}
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build", f"--build-base={build}", f"--build-lib={target}"],
        cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    if thread:
        environment |= {"LD_PRELOAD": runtime("libtsan.so"), "TSAN_OPTIONS": "halt_on_error=1:exitcode=66"}
    else:
        environment |= {
            "LD_PRELOAD": f"{runtime('libasan.so')}:{runtime('libubsan.so')}",
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
    environment |= {
        "PYTHONPATH": str(target),
        "PYTHONHASHSEED": "0",  # several processes collect the same tests in the same order
        "PYTHONMALLOC": "malloc",  # so that a sanitizer sees every buffer by itself
        "TALKPATH_TEST_SANITIZE": sanitizers,  # tests/conftest.py builds its ctypes library the same way
    }
    python = [*(["setarch", "-R"] if thread and shutil.which("setarch") else []), sys.executable]
    check = "import talkpath._core as c; print('sanitizing', c.__file__)"
    subprocess.run([*python, "-c", check], env=environment, check=True)
    if not arguments:
        arguments = (
            THREADS if thread else [*C_TESTS, *(["-n", "2", "--dist", "loadfile"] if find_spec("xdist") else [])]
        )
    return subprocess.run(
        [*python, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
