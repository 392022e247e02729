"""One call: Asterisk rings up a `MediaServer` of the tests, with a caller that does what its dialplan says."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from asterisk.manager import Manager
from asterisk.system import System

from talkpath import CallConfig
from talkpath.call.events import Event
from talkpath.server import PhoneCall

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)
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


@dataclass
class Outcome:
    """What came of it."""

    recording: Path
    hangup: dict[str, str]
    asterisk: list[dict[str, str]] = field(default_factory=list)


class Lines:
    """Calls from Asterisk to a server. Use it with `async with`, around a running server."""

    def __init__(self, system: System, port: int, audiosocket_port: int) -> None:
        self.system, self.port, self.audiosocket_port = system, port, audiosocket_port
        self.manager = Manager(system.manager_port)

    async def __aenter__(self) -> "Lines":
        self.system.configure(self.port, self.audiosocket_port)
        await self.manager.__aenter__()
        for module in ("res_websocket_client.so", "pbx_config.so"):
            await self.manager.action("Reload", Module=module)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.manager.__aexit__()

    async def dial(self, way: Way, caller: str, line: str = "local", **variables: str) -> tuple[str, Path]:
        """Start a call: the channel of the caller, and where its recording will be."""
        recording = Path(tempfile.mkdtemp(dir=self.system.folder)) / "call"
        name = f"call-{recording.parent.name}"
        target = f"Local/{way.agent}@agent/n" if line == "local" else f"PJSIP/{way.agent}.{way.codec}.{way.control}@{line}"
        values = {"CODEC": way.codec, "CONTROL": way.control, "RECORD": str(recording), **variables}
        ending = ".wav16" if way.rate == 16000 else ".wav"
        values.setdefault("FORMAT", ending[1:])
        await self.manager.action(
            "Originate", *(f"{k}={v}" for k, v in values.items()), Channel=target, Context="caller", Exten=caller, Priority=1,
            Async="true", ChannelId=name, OtherChannelId=f"{name}-agent", Codecs="slin16" if way.rate == 16000 else "slin",
        )  # fmt: skip
        return name, recording

    async def over(self, name: str, timeout: float = 30) -> dict[str, str]:
        """Wait until Asterisk has hung the caller's channel up."""
        return await self.manager.wait("Hangup", lambda e: e.get("Uniqueid") == name, timeout)

    async def pressed(self) -> str:
        """What the caller's telephone heard of keys."""
        event = await self.manager.wait("UserEvent", lambda e: e.get("UserEvent") == "Pressed")
        return event["Keys"]


async def hear(call: PhoneCall, events: list[Event]) -> None:
    """Keep all that happens on a call."""
    async for event in call.events():
        events.append(event)  # noqa: PERF401 - as they come


def run(main: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(main, 60)

    asyncio.run(limited())
