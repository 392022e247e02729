"""Calls from Asterisk to a `MediaServer` of the tests, with a caller that does what its dialplan says."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from asterisk.compare import read_wav
from asterisk.manager import Event, Manager
from asterisk.system import System
from talkpath import CallConfig
from talkpath.server import MediaServer, PhoneCall
from talkpath.streams import Start

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False, audio_format="pcm_8k")
T = TypeVar("T")
T = TypeVar("T")
Answer = Callable[[PhoneCall], Awaitable[None]]


@dataclass(frozen=True)
class Way:
    """How a call gets to the server: an extension of [agent] and its settings."""

    agent: str
    codec: str = "slin"
    control: str = "plain-text"

    @property
    def rate(self) -> int:
        return 16000 if self.codec == "slin16" else 8000

    def __str__(self) -> str:
        control = f"-{self.control}" if self.agent == "websocket" else ""
        return f"{self.agent}-{self.codec}{control}"


AUDIOSOCKET = Way("audiosocket")
PLAIN = Way("websocket", "ulaw")
JSON = Way("websocket", "slin16", "json")


@dataclass(frozen=True)
class Dialled:
    """A call that was started: how, the caller's channel, what the server is told, and the folder of its recordings."""

    way: Way
    line: str
    name: str
    uuid: str
    folder: Path

    def its(self, found: list[tuple[Start, T]]) -> T:
        """What was found on this call, once."""
        (mine,) = [value for start, value in found if self.uuid == _uuid(start)]
        return mine


def _uuid(start: Start) -> str:
    return start.call_id if start.dialect == "audiosocket" else start.path.partition("call=")[2]


class Lines:
    """Calls from Asterisk to a running server."""

    def __init__(self, system: System, server: MediaServer, manager: Manager) -> None:
        self.system, self.server, self.manager = system, server, manager
        self._channels: dict[str, Dialled] = {}

    async def dial(self, way: Way, caller: str, line: str = "local", **variables: str) -> Dialled:
        """Start a call.

        Parameters
        ----------
        way : Way
        caller : str
            An extension of [caller].
        line : {"local", "sound", "listened-sound"}
            Inside of Asterisk, keys as messages; or over SIP and RTP on the loopback, with keys that are sound, which Asterisk leaves
            alone or turns into messages.
        **variables
            Of the caller's dialplan.

        """
        folder = Path(tempfile.mkdtemp(prefix="call-", dir=self.system.folder))
        call = str(uuid.uuid4())
        call = str(uuid.uuid4())
        target = f"Local/{way.agent}@agent/n"
        if line != "local":
            target = f"PJSIP/{line}/sip:{way.agent}.{way.codec}.{way.control}.{call}@127.0.0.1:{self.system.sip_port}"
        kind = {8000: ("slin", "wav"), 16000: ("slin16", "wav16")}[way.rate]
        values = {
            "CODEC": way.codec,
            "CONTROL": way.control,
            "RECORD": str(folder / "call"),
            "FORMAT": kind[1],
            "LISTEN_S": "0.5",
        }
        values |= {"UUID": call, **variables}
        await self.manager.action(
            "Originate", *(f"{k}={v}" for k, v in values.items()), Channel=target, Context="caller", Exten=caller, Priority=1,
            CallerID="Caller <+15550100>", Async="true", ChannelId=folder.name, OtherChannelId=f"{folder.name}-agent",
            Codecs=kind[0] if line == "local" else "ulaw",
        )  # fmt: skip
        dialled = Dialled(way, line, folder.name, call, folder)
        self._channels |= {folder.name: dialled, f"{folder.name}-agent": dialled}
        return dialled

    async def over(self, call: Dialled, timeout: float = 30) -> Event:
        """Wait until Asterisk has hung the caller's channel up."""
        return await self.manager.wait("Hangup", lambda e: e.get("Uniqueid") == call.name, timeout)

    async def heard(self, call: Dialled, timeout: float = 5) -> tuple[np.ndarray, int]:
        """What MixMonitor kept of what the caller heard, and its rate: it goes on writing after the hang-up."""

        async def written() -> None:
            while not (call.folder / "call.done").exists():
                await asyncio.sleep(0.02)

        await asyncio.wait_for(written(), timeout)
        return read_wav(next(call.folder.glob("*-heard.*")))

    async def told(self, name: str, call: Dialled | None = None, timeout: float = 30) -> Event:
        """What the dialplan tells by UserEvent, of one call or of any."""

        def is_it(event: Event) -> bool:
            return event.get("UserEvent") == name and call in (None, self._channels.get(event.get("Uniqueid", "")))

        return await self.manager.wait("UserEvent", is_it, timeout)


@asynccontextmanager
async def telephone(
    system: System, answer: Answer, password: str | None = None, **options: Any
) -> AsyncIterator[Lines]:
    """A server, and Asterisk that knows where it is. `password`: if not the server's token."""
    options = {"config": CONFIG, "drain_s": 5, **options}
    password = options.get("token") if password is None else password
    async with MediaServer(answer, port=0, audiosocket_port=0, **options) as server:
        assert server.audiosocket_port is not None
        system.configure(server.port, server.audiosocket_port, password)
        async with Manager(system.manager_port) as manager:
            for module in ("res_websocket_client.so", "pbx_config.so"):
                await manager.action("Reload", Module=module)
            yield Lines(system, server, manager)


def run(main: Awaitable[None]) -> None:
    """Run a test's coroutine; one that hangs fails."""

    async def limited() -> None:
        await asyncio.wait_for(main, 60)

    asyncio.run(limited())
