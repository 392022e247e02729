"""Runs a wheel's smoke test with a Python that is newer than this machine's: Debian forky's 3.14, where the stable ABI must hold.

    python wheels/newer_python.py WHEEL [--folder DIR]

Debian's packages are unpacked into a folder (build/python3.14) by a private apt: no root, nothing is installed on this machine. Its mirror is
the one that this machine's own apt uses, and apt checks its signatures. NumPy and soxr are PyPI's wheels for 3.14. Ends with 0 where the
test passes or no such Python can be had (it says so), and with 1 where it fails.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE, VERSION = "forky", "3.14"
PACKAGES = (f"python{VERSION}", "libstdc++6")
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT = Path("/etc/apt")


class Unavailable(Exception):
    """It cannot be had here, for this reason."""


def run(*command: object) -> None:
    parts = [str(part) for part in command]
    done = subprocess.run(parts, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{Path(parts[0]).name} failed: {said[-1] if said else done.returncode}")


def mirror() -> str:
    """Of Debian, as this machine's apt knows it."""
    for file in (*APT.glob("sources.list.d/*"), APT / "sources.list"):
        text = file.read_text(errors="replace") if file.is_file() else ""
        if found := re.search(r"^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+/debian/?)(?=\s|$)", text, re.M):
            return found[1]
    raise Unavailable("this machine's apt knows no mirror of Debian")


def unpacked(folder: Path) -> Path:
    """The root of an unpacked Python, with all that it needs; what is there already is taken."""
    root, ready = folder / "root", folder / "ready"
    if ready.exists():
        return root
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool} on this machine")
    if not KEYS.exists():
        raise Unavailable(f"{KEYS} is missing: Debian's signatures cannot be checked")
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {mirror()} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "/dev/null", "Dir::State": folder,
        "Dir::State::status": folder / "status", "Dir::Cache": folder, "Dir::Cache::archives": folder / "archives",
        "APT::Sandbox::User": "", "APT::Install-Recommends": "false", "Acquire::Languages": "none", "Debug::NoLocking": "true",
    }  # fmt: skip
    apt = ["apt-get", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]
    run(*apt, "update", "--error-on=any")
    run(*apt, "install", "--yes", "--download-only", *PACKAGES)
    for package in sorted((folder / "archives").glob("*.deb")):
        run("dpkg-deb", "--extract", package, root)
    shutil.rmtree(folder / "archives")
    ready.touch()
    return root


def python_in(root: Path, folder: Path, packages: Path) -> Path:
    """A program that starts it with its own C library, and finds `packages`."""
    loader = next(root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    script = folder / f"python{VERSION}"
    # -I would drop PYTHONPATH; -s keeps this machine's own packages out.
    script.write_text(
        f'#!/bin/sh\nexport PYTHONHOME="{root}/usr" PYTHONPATH="{packages}" PYTHONDONTWRITEBYTECODE=1\n'
        f'exec "{loader}" --library-path "{loader.parent}" "{root}/usr/bin/python{VERSION}" -s "$@"\n'
    )
    script.chmod(0o755)
    return script


def installed(wheel: Path, folder: Path) -> Path:
    """The wheel and what it needs, as pip would lay them out for that Python."""
    packages = folder / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    machine = platform.machine()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", packages]
    newer = ["--only-binary=:all:", "--python-version", VERSION, "--implementation", "cp", "--abi", f"cp{VERSION.replace('.', '')}", "--abi", "abi3"]  # fmt: skip
    platforms = [
        part for old in ("2_28", "2_27", "2_26", "2_17") for part in ("--platform", f"manylinux_{old}_{machine}")
    ]
    run(*pip, *newer, *platforms, "--platform", f"linux_{machine}", wheel)
    return packages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / f"python{VERSION}")
    args = parser.parse_args()
    wheel, folder = args.wheel.resolve(strict=True), args.folder.resolve()
    try:
        root = unpacked(folder)
        python = python_in(root, folder, installed(wheel, folder))
    except Unavailable as why:
        print(f"Python {VERSION}: not tested, for {why}")
        return 0
    environment = {**os.environ, "TALKPATH_SMOKE_PYTHON": str(python)}
    subprocess.run([python, "-c", "import sys; print(sys.version)"], env=environment, check=True)
    return subprocess.run([python, ROOT / "wheels/smoke_test.py"], env=environment, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
