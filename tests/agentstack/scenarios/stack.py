"""`talkpath agents` as a process, and everything around it: stand-ins, a telephone system, the customer's callback server."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from client import Rest
from standins import Standins
from standins.callbacks import CallbackServer
from standins.carrier import TelephoneSystem
from standins.phones import Phones

AUTH_ID, AUTH_TOKEN = "MATALKPATHTEST", "token-of-the-tests"
START_S = 20.0


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """A process of `talkpath agents`; it can be killed and started again on the same data."""

    def __init__(self, data: Path, environment: dict[str, str], arguments: tuple[str, ...] = ()) -> None:
        self.data, self.port, self.phone_port = data, free_port(), free_port()
        self._environment = {
            **os.environ, "PLIVO_AUTH_ID": AUTH_ID, "PLIVO_AUTH_TOKEN": AUTH_TOKEN, "TALKPATH_DATA": str(data),
            **environment,
        }  # fmt: skip
        self._arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data.parent / f"{data.name}.log"

    @property
    def url(self) -> str:
        """Of REST."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def phone_url(self) -> str:
        """Of streams."""
        return f"ws://127.0.0.1:{self.phone_port}"

    async def start(self) -> None:
        """Until REST answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "talkpath", "agents", "--port", str(self.port), "--phone-port",
                 str(self.phone_port), *self._arguments],
                env=self._environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + START_S
        async with httpx.AsyncClient(auth=(AUTH_ID, AUTH_TOKEN)) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{self.url}/v1/Account/{AUTH_ID}/Agent")).status_code == 200:
                        return
                if self.process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"talkpath agents did not start:\n{self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """At once, as a power cut does."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> int:
        """As an operator does; gives the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9


class Stack:
    """All of it.

    Attributes
    ----------
    standins, phones, carrier, callbacks, server, rest
    """

    def __init__(self, folder: Path, environment: dict[str, str] | None = None, carrier: str | None = None) -> None:
        self._folder, self._environment, self._carrier = folder, environment or {}, carrier
        self.standins = Standins()
        self.phones = Phones()
        self.carrier = TelephoneSystem(self.phones)
        self.callbacks = CallbackServer(AUTH_TOKEN)
        self.scenes = 0

    async def start(self) -> "Stack":
        """Everything listens."""
        self.phones.start()
        self.standins.__enter__()
        await self.carrier.start()
        await self.callbacks.start()
        environment: dict[str, Any] = {
            **self.standins.environment,
            "TALKPATH_CARRIER": self._carrier or f"http:{self.carrier.url}",
            **self._environment,
        }
        self.server = Server(self._folder / "data", environment)
        await self.server.start()
        self.rest = Rest(self.server.url, AUTH_ID, AUTH_TOKEN)
        return self

    async def aclose(self) -> int:
        """Everything ends; gives the server's exit status."""
        await self.rest.aclose()
        status = await asyncio.to_thread(self.server.stop)
        await self.carrier.aclose()
        await self.callbacks.aclose()
        await asyncio.to_thread(self.standins.__exit__)
        self.phones.close()
        return status
