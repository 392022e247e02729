"""An Asterisk that runs: in a folder of its own, on free ports of the loopback, as a process that ends with the tests."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from asterisk.install import Programs

TEMPLATES = Path(__file__).parent / "etc"
_START_S = 30


def free_ports(n: int, kind: int = socket.SOCK_STREAM) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class System:
    """A telephone system."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        (self.manager_port,) = free_ports(1)
        (self.sip_port,) = free_ports(1, socket.SOCK_DGRAM)
        self.version = ""

    def configure(self, server_port: int = 9, audiosocket_port: int = 9, password: str | None = None) -> None:
        """Write the configuration: it names the ports of the server under test, and its password."""
        values = {
            "folder": self.folder, "modules": self.programs.modules, "data": self.programs.data, "server_port": server_port,
            "audiosocket_port": audiosocket_port, "password": password or "none", "manager_port": self.manager_port, "sip_port": self.sip_port,
        }  # fmt: skip
        (self.folder / "etc").mkdir(exist_ok=True)
        for template in TEMPLATES.glob("*.conf"):
            text = template.read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", str(value))
            (self.folder / "etc" / template.name).write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        self.configure()
        asterisk = "usr/sbin/asterisk"
        self._output = (self.folder / "output.txt").open("w")
        command = self.programs.command(asterisk, "-f", "-C", self.folder / "etc/asterisk.conf")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
        )
        version = subprocess.run(
            self.programs.command(asterisk, "-V"), capture_output=True, text=True, timeout=_START_S
        )
        self.version = version.stdout.strip()
        try:
            self._wait_started()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def log(self) -> str:
        """What it has to say about itself."""
        files = [self.folder / "messages", self.folder / "output.txt"]
        return "\n".join(f.read_text(errors="replace") for f in files if f.exists())

    def _wait_started(self) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"Asterisk ended with {self._process.returncode}:\n{self.log()[-2000:]}")
            try:
                with socket.create_connection(("127.0.0.1", self.manager_port), 1) as s, s.makefile("rw") as lines:
                    lines.readline()
                    lines.write("Action: Login\r\nUsername: tests\r\nSecret: tests\r\n\r\n")
                    lines.flush()
                    if any("FullyBooted" in line for line in lines):
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"Asterisk did not start within {_START_S} s:\n{self.log()[-2000:]}")
