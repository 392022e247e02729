"""Asterisk's manager interface: what the tests ask of it, and what it reports."""

import asyncio
from collections.abc import Callable
from typing import Self

Event = dict[str, str]


class Manager:
    """A connection to the manager. Events are kept from the beginning: a wait never misses one that came before it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.events: list[Event] = []
        self._responses: dict[str, asyncio.Future[Event]] = {}
        self._news = asyncio.Condition()
        self._count = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self._reader.readline()  # its name and version
        self._task = asyncio.create_task(self._read())
        await self.action("Login", Username="tests", Secret="tests")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def action(self, name: str, *variables: str, **fields: object) -> Event:
        """Ask for something; `variables` are `NAME=value`."""
        self._count += 1
        number = str(self._count)
        lines = [f"Action: {name}", f"ActionID: {number}"]
        lines += [f"{key}: {value}" for key, value in fields.items()] + [f"Variable: {v}" for v in variables]
        waits = self._responses[number] = asyncio.get_running_loop().create_future()
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        response = await asyncio.wait_for(waits, 10)
        assert response["Response"] != "Error", f"{name}: {response}"
        return response

    async def wait(self, name: str, where: Callable[[Event], bool] = lambda _: True, timeout: float = 20) -> Event:
        """The first event of this name for which `where` is true, be it past or to come."""
        found: list[Event] = []

        def is_there() -> bool:
            found.extend(e for e in self.events if e.get("Event") == name and where(e))
            return bool(found)

        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(is_there), timeout)
            except TimeoutError:
                seen = sorted({e.get("Event", "") for e in self.events})
                raise AssertionError(f"no {name} from Asterisk within {timeout} s; it reported {seen}") from None
        return found[0]

    async def _read(self) -> None:
        while True:
            message: Event = {}
            while line := (await self._reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
                key, _, value = line.partition(": ")
                message.setdefault(key, value)
            if self._reader.at_eof():
                return
            if not message:  # an empty line more than the protocol has
                continue
            waits = self._responses.pop(message.get("ActionID", ""), None) if "Response" in message else None
            if waits is not None and not waits.done():
                waits.set_result(message)
            async with self._news:
                self.events.append(message)
                self._news.notify_all()
