"""Compiles and links the C core for Windows and macOS on this machine, with PyPI's `ziglang` as the compiler.

    python wheels/cross_core.py [--compiler "python -m ziglang cc"] [--only TARGET] [--out DIR]

There is no machine of either kind here. What this finds: headers and functions that are not there, types of another width, what only GNU's
compiler takes (`-Wpedantic`), symbols that nobody defines. What it cannot find: what Microsoft's own compiler makes of the sources, and
what happens when they run; `.github/workflows` has machines for that. Every library that comes out is looked at: its kind and its machine.
"""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wvla",
    "-Wno-unused-function",
    "-Wno-unknown-pragmas",
    "-Wno-unterminated-string-initialization",
    "-Wno-unknown-warning-option",
    "-Werror",
]  # fmt: skip  (a table of letters is no string)
# As in setup.py, but for -O3: nothing is measured here.
FLAGS = ["-std=c11", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-Icsrc", "-Icsrc/include"]
ENTRY = """
#include "talkpath/call.h"
#if defined(_WIN32)
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
size_t tp_cross_core(const tp_call_config *config);
size_t tp_cross_core(const tp_call_config *config) { return tp_call_size(config); }
"""


@dataclass(frozen=True)
class Target:
    """A kind of machine: its name for zig, what its library is called, how one begins."""

    zig: str
    library: str
    magic: bytes
    machine: int
    more: tuple[str, ...] = ()


TARGETS = {
    "windows-x86_64": Target("x86_64-windows-gnu", "talkpath.dll", b"MZ", 0x8664),
    "macos-arm64": Target("aarch64-macos.11.0", "libtalkpath.dylib", b"\xcf\xfa\xed\xfe", 0x0100000C, ("-fPIC",)),
    "macos-x86_64": Target("x86_64-macos.11.0", "libtalkpath.dylib", b"\xcf\xfa\xed\xfe", 0x01000007, ("-fPIC",)),
}


def sources() -> list[Path]:
    """The core's, as setup.py takes them."""
    return sorted(p.relative_to(ROOT) for p in (ROOT / "csrc").rglob("*.c") if "fuzz" not in p.parts)


def machine_of(library: Path) -> tuple[bytes, int]:
    """How a library begins, and its machine's number: PE's, or Mach-O's."""
    data = library.read_bytes()
    if data[:2] == b"MZ":
        header = struct.unpack_from("<I", data, 0x3C)[0]
        return data[:2], struct.unpack_from("<H", data, header + 4)[0]
    return data[:4], struct.unpack_from("<I", data, 4)[0]


def build(target: Target, compiler: list[str], folder: Path) -> Path:
    """Compiles every source, and links them into one library.

    Raises
    ------
    SystemExit
        What the compiler said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "entry.c").write_text(ENTRY)
    library = folder / target.library
    # One command for all: zig compiles them side by side.
    command = [*compiler, "-target", target.zig, *FLAGS, *target.more, *WARNINGS, "-shared"]
    done = subprocess.run(
        [*command, *map(str, sources()), str(folder / "entry.c"), "-o", str(library)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "ZIG_LOCAL_CACHE_DIR": str(folder / "cache")},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{target.zig}: {done.stdout}{done.stderr}")
    return library


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--compiler", default=f"{sys.executable} -m ziglang cc", help="zig's cc, or what takes its flags"
    )
    parser.add_argument("--only", choices=TARGETS, action="append", help="these targets only")
    parser.add_argument("--out", type=Path, help="keep the libraries here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkpath-cross-") as scratch:
        for name in args.only or TARGETS:
            started, target = time.perf_counter(), TARGETS[name]
            library = build(target, args.compiler.split(), Path(scratch) / name)
            if machine_of(library) != (target.magic, target.machine):
                raise SystemExit(f"{name}: {library.name} is for another machine: {machine_of(library)}")
            print(f"{name}: {library.name}, {library.stat().st_size / 1024:.0f} KB, {len(sources())} sources, "
                  f"{time.perf_counter() - started:.0f} s", flush=True)  # fmt: skip
            if args.out:
                (args.out / name).mkdir(parents=True, exist_ok=True)
                shutil.copy(library, args.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
