"""Brings mermaid, which draws the diagrams, into build/docs: from npm's registry by its own client, checked by its sum.

The site carries this copy; no reader's browser asks anybody else for it. Without npm the diagrams stay text, and the build says so.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "11.17.2"
SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"
FOLDER = Path(__file__).resolve().parents[2] / "build" / "docs"
SCRIPT = FOLDER / f"mermaid-{VERSION}.min.js"


def is_right(content: bytes) -> bool:
    """The file that was looked at when the version was chosen."""
    return hashlib.sha256(content).hexdigest() == SHA256


def present() -> Path | None:
    """The script, where it has been brought."""
    return SCRIPT if SCRIPT.is_file() and is_right(SCRIPT.read_bytes()) else None


def bring() -> str:
    """Bring it, unless it is there; returns what there is to say."""
    if present() is not None:
        return f"docs: mermaid {VERSION} is there"
    npm = shutil.which("npm")
    if npm is None:
        return "docs: npm is not installed, so the diagrams stay text"
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", "--pack-destination", str(FOLDER), f"mermaid@{VERSION}"]
    packed = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    archive = FOLDER / f"mermaid-{VERSION}.tgz"
    if packed.returncode or not archive.is_file():
        return f"docs: npm pack failed, so the diagrams stay text: {packed.stderr.strip()[-200:]}"
    with tarfile.open(archive) as files:
        member = files.extractfile("package/dist/mermaid.min.js")
        content = member.read() if member is not None else b""
    archive.unlink()
    if not is_right(content):
        sys.exit(f"docs: mermaid {VERSION} is not the file that was expected")
    SCRIPT.write_bytes(content)
    return f"docs: brought mermaid {VERSION}"


if __name__ == "__main__":
    print(bring())
