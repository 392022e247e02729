"""Asterisk 22 or newer and a SIP phone, unpacked from Debian's packages into a folder: no root, nothing installed on the machine.

The packages come from the mirror that this machine's own apt uses, their signatures are checked by apt, and their programs run
with the C library they came with.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SUITE = "forky"  # the oldest Debian with Asterisk 22
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav", "baresip-core")
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT = Path("/etc/apt")
_TIMEOUT_S = 120


class Unavailable(Exception):
    """It cannot be installed here, for this reason."""


@dataclass(frozen=True)
class Programs:
    """What was unpacked."""

    root: Path

    @property
    def libraries(self) -> Path:
        return next(self.root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*")).parent

    @property
    def modules(self) -> Path:
        return self.libraries / "asterisk" / "modules"

    @property
    def data(self) -> Path:
        return self.root / "usr/share/asterisk"

    @property
    def phone_modules(self) -> Path:
        return self.root / "usr/lib/baresip/modules"

    def command(self, program: str, *arguments: object) -> list[str]:
        """A command line that runs one of its programs with its own loader and libraries."""
        loader = next(self.libraries.glob("ld-linux*.so.*"))
        return [str(part) for part in (loader, "--library-path", self.libraries, self.root / program, *arguments)]


def sound(programs: Programs, name: str) -> Path:
    """One of Debian's telephone prompts, 8 kHz, 16 bit, mono."""
    return next((programs.data / "sounds").glob(f"en*/{name}.wav"))


def install(folder: Path) -> Programs:
    """Unpack into `folder`, or take what is there.

    Raises
    ------
    Unavailable
        No apt, no Debian mirror, no network, or no such packages.
    """
    folder = folder.resolve()
    programs, ready = Programs(folder / "root"), folder / "ready"
    if ready.exists():
        return programs
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool} on this machine")
    if not KEYS.exists():
        raise Unavailable(f"{KEYS} is missing: Debian's signatures cannot be checked")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(programs.root, ignore_errors=True)
    for package in _download(folder, _mirror()):
        _run("dpkg-deb", "--extract", package, programs.root)
    for name in ("archives", "lists"):
        shutil.rmtree(folder / name)
    if not (programs.root / "usr/sbin/asterisk").exists():
        raise Unavailable("the packages hold no Asterisk")
    ready.touch()
    return programs


def _mirror() -> str:
    """Of Debian, as this machine's apt knows it."""
    files = [*APT.glob("sources.list.d/*.sources"), APT / "sources.list", *APT.glob("sources.list.d/*.list")]
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        found = re.search(r"^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+/debian/?)(?=\s|$)", text, re.M)
        if found:
            return found[1]
    raise Unavailable("this machine's apt knows no mirror of Debian")


def _download(folder: Path, mirror: str) -> list[Path]:
    """The packages and all they depend on, as if nothing were installed."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {mirror} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Cache::archives": folder / "archives",
        "APT::Sandbox::User": "",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Debug::NoLocking": "true",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    _run("apt-get", *options, "update", "--error-on=any")
    _run("apt-get", *options, "install", "--yes", "--download-only", *PACKAGES)
    return sorted((folder / "archives").glob("*.deb"))


def _run(*command: object) -> None:
    parts = [str(part) for part in command]
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's
    try:
        done = subprocess.run(parts, capture_output=True, text=True, env=plain, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{parts[0]} took more than {_TIMEOUT_S} s") from None
    if done.returncode:
        problem = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{parts[0]} failed: {problem[0] if problem else done.returncode}")
