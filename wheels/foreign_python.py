"""Runs a wheel's smoke test with a Python that is not this machine's. Used by build_local.py.

aarch64    Debian's own arm64 packages of Python, unpacked into a folder (with a private apt state: nothing is installed on
           this machine) and started by qemu-user-static; NumPy and soxr are PyPI's aarch64 wheels.
musl       This machine's Python, with an empty library standing in for musl's libc: the module then finds the handful of
           functions that it calls (memcpy, sin, …; same ABI) in glibc. That runs the musl wheel's code, not musl itself.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


def run(*command: str | Path, **kwargs) -> None:
    subprocess.run([str(c) for c in command], check=True, **kwargs)


def pip_unpack(wheel: Path | str, folder: Path, platform: str, version: str = "311") -> None:
    run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
        "--platform", platform, "--python-version", version, "--target", folder, "--upgrade", wheel)  # fmt: skip


def smoke_musl(wheel: Path, python: Path, work: Path, digests: Path, compiler: list[str]) -> None:
    """The musl x86_64 wheel in this machine's glibc Python (whose venv `python` has numpy and soxr)."""
    packages, stand_in, name = work / "musl-packages", work / "musl-libc", "libc.musl-x86_64.so.1"
    pip_unpack(wheel, packages, "musllinux_1_2_x86_64")
    stand_in.mkdir(exist_ok=True)
    (stand_in / "empty.c").write_text("int tp_stand_in_for_musl;\n")
    run(*compiler, "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", stand_in / "empty.c", "-o", stand_in / name)
    environment = {**os.environ, "PYTHONPATH": str(packages), "LD_LIBRARY_PATH": str(stand_in)}
    run(python, ROOT / "wheels/smoke_test.py", "--digests", digests, env=environment, cwd=work)


def debian_arm64(folder: Path) -> Path:
    """Unpacks Debian's arm64 Python 3.11 and what it needs; returns the root."""
    root = folder / "arm64-root"
    state = folder / "arm64-apt"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    apt = ["apt-get", "-qq", "-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64", "-o", f"Dir::State={state / 'state'}",
           "-o", f"Dir::State::status={state / 'status'}", "-o", f"Dir::Cache={state / 'cache'}", "-o", "Debug::NoLocking=1",
           "-o", "APT::Sandbox::User=root"]  # fmt: skip
    run(*apt, "update", stderr=subprocess.DEVNULL)
    run(
        *apt,
        "install",
        "--download-only",
        "--yes",
        "--no-install-recommends",
        "python3.11",
        "libstdc++6",
        stdout=subprocess.DEVNULL,
    )
    for package in sorted((state / "cache/archives").glob("*.deb")):
        run("dpkg", "-x", package, root)
    return root


def smoke_aarch64(wheel: Path, work: Path, digests: Path) -> None:
    """The aarch64 wheel under qemu."""
    if QEMU is None or shutil.which("apt-get") is None:
        print(f"{wheel.name}: not run (needs qemu-user-static, and Debian's apt-get for an arm64 Python)")
        return
    root, packages = debian_arm64(work), work / "arm64-packages"
    for requirement in ("numpy", "soxr", wheel):
        pip_unpack(requirement, packages, "manylinux2014_aarch64")
    (work / "qemu-python").write_text(
        f'#!/bin/sh\nexec "{QEMU}" -L "{root}" -E PYTHONHOME="{root}/usr" -E PYTHONPATH="{packages}" "{root}/usr/bin/python3.11" "$@"\n'
    )
    (work / "qemu-python").chmod(0o755)
    environment = {**os.environ, "TALKPATH_SMOKE_PYTHON": str(work / "qemu-python")}
    run(work / "qemu-python", ROOT / "wheels/smoke_test.py", "--digests", digests, env=environment, cwd=work)
