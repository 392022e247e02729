"""Brings the two scripts that the site needs beside the theme's own into build/docs, from npm's registry by its own client, each checked by its sum.

mermaid draws the diagrams, iframe-worker lets the search work from a disk. The site carries these copies: no reader's browser asks anybody
else for them. Without npm the diagrams stay text, and the build says so.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "docs"


@dataclass(frozen=True)
class Script:
    """One file of one version of a package; `sha256` is that of the file which was looked at when the version was chosen."""

    package: str
    version: str
    file: str
    sha256: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.package}-{self.version}.js"

    def is_right(self, content: bytes) -> bool:
        return hashlib.sha256(content).hexdigest() == self.sha256

    def present(self) -> Path | None:
        """The script, where it has been brought."""
        return self.path if self.path.is_file() and self.is_right(self.path.read_bytes()) else None


MERMAID = Script(
    "mermaid",
    "11.17.2",
    "dist/mermaid.min.js",
    "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8",
)
IFRAME_WORKER = Script(
    "iframe-worker", "1.0.4", "shim/index.js", "e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609"
)


def bring(script: Script, npm: str) -> str:
    """Bring it, unless it is there; returns what there is to say."""
    if script.present() is not None:
        return f"{script.package} {script.version} is there"
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", "--pack-destination", str(FOLDER), f"{script.package}@{script.version}"]
    packed = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    archive = FOLDER / f"{script.package}-{script.version}.tgz"
    if packed.returncode or not archive.is_file():
        return f"{script.package} could not be brought: {packed.stderr.strip()[-200:]}"
    with tarfile.open(archive) as files:
        member = files.extractfile(f"package/{script.file}")
        content = member.read() if member is not None else b""
    archive.unlink()
    if not script.is_right(content):
        sys.exit(f"docs: {script.package} {script.version} is not the file that was expected")
    script.path.write_bytes(content)
    return f"brought {script.package} {script.version}"


def main() -> None:
    """Both, and a line for each."""
    npm = shutil.which("npm")
    if npm is None:
        print("docs: npm is not installed, so the diagrams stay text, and the search needs a web server")
        return
    for script in (MERMAID, IFRAME_WORKER):
        print("docs:", bring(script, npm))


if __name__ == "__main__":
    main()
