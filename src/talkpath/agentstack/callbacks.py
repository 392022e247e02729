"""`records.Callbacks` over HTTP: signed, three tries, and an outbox in the store, so that a crash loses none.

A callback goes out at least once: one that was answered in the moment of a crash is sent again at the next start.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from talkpath.agentstack.callback_signature import signature
from talkpath.agentstack.store.store import Store

TRIES = 3
TIMEOUT_S = 5.0
BACK_OFF_S = (1.0, 4.0)  # before the second and the third try
AT_ONCE_PER_HOST = 8  # a target that does not answer keeps no more connections than that
_log = logging.getLogger("talkpath.agentstack")


@dataclass(frozen=True, slots=True)
class _Letter:
    """One callback on its way."""

    id: str
    call_uuid: str
    kind: str
    url: str
    method: str
    body: str
    tries: int = 0


class HttpCallbacks:
    """Sends callbacks. Make it on the loop that it is to run on.

    Parameters
    ----------
    store : Store
        Its outbox.
    auth_token : str
        Signs.
    client : httpx.AsyncClient, optional
        Ours to close; for tests one with `httpx.MockTransport`.
    sleep : coroutine function
        Waits between tries.

    Attributes
    ----------
    delivered, given_up : int
        Callbacks that were answered with 2xx; that were not, three times.
    """

    def __init__(
        self,
        store: Store,
        auth_token: str,
        client: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._auth_token, self._sleep = store, auth_token, sleep
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gates: dict[str, asyncio.Semaphore] = {}
        self.delivered = self.given_up = 0

    async def start(self) -> int:
        """Send what a server before this one owed (after `Store.end_unfinished`); how many that is."""
        owed = await self._store.owed()
        for row in owed:
            self._begin(_Letter(**{name: row[name] for name in _Letter.__slots__}))
        return len(owed)

    def send(self, call_uuid: str, kind: str, body: Mapping[str, Any], callback: Mapping[str, str] | None) -> None:
        """Owe it, and send it by and by. Never waits, never raises.

        What is awaited of the store after this is on the disk after the outbox is: send a hangup before `call_ended`.

        Parameters
        ----------
        call_uuid : str
        kind : str
            "hangup", "recording", "ring", "stream_status".
        body : mapping
            Values are strings and integers; others are written as text, None as "".
        callback : mapping or None
            {url, method}; None: nobody asked.
        """
        if not callback:
            return
        try:
            plain = {name: _plain(value) for name, value in body.items()}
            method = callback.get("method", "POST")
            letter = _Letter(secrets.token_hex(16), call_uuid, kind, callback["url"], method, json.dumps(plain))
            self._store.owe({name: getattr(letter, name) for name in _Letter.__slots__ if name != "tries"})
            self._begin(letter)
        except Exception:  # nothing of a callback may end a call
            _log.exception("a callback cannot be sent")

    async def aclose(self, grace_s: float = TIMEOUT_S) -> None:
        """Let what is on its way arrive, for so long. The rest stays in the outbox, for the next start."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def idle(self) -> None:
        """Wait until nothing is on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self, letter: _Letter) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(letter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: _Letter) -> None:
        host, problem = "", ""
        try:
            host = urlsplit(letter.url).netloc
            problem = await self._tries(letter, self._gates.setdefault(host, asyncio.Semaphore(AT_ONCE_PER_HOST)))
        except (
            ValueError
        ) as error:  # an address, or half a character, that nothing can be made of: not at the next start either
            problem = type(error).__name__
        if problem:
            self.given_up += 1
            line = {"event": "callback_given_up", "call_uuid": letter.call_uuid, "kind": letter.kind, "host": host}
            _log.warning(json.dumps({**line, "problem": problem}))
        else:
            self.delivered += 1
        self._store.settled(letter.id)

    async def _tries(self, letter: _Letter, gate: asyncio.Semaphore) -> str:
        """Why it did not arrive at last; "": it did."""
        problem = "no try is left"
        for number in range(letter.tries, TRIES):
            if number > 0:
                await self._sleep(BACK_OFF_S[number - 1])
            async with gate:
                problem = await self._try(letter)
            if not problem:
                break
            self._store.tried(letter.id, number + 1)
        return problem

    async def _try(self, letter: _Letter) -> str:
        """Why it did not arrive; "": it did."""
        nonce = secrets.token_hex(16)
        parameters: dict[str, str | int] = json.loads(letter.body)
        headers = {
            "X-Plivo-Signature-V3": signature(self._auth_token, letter.method, letter.url, nonce, parameters),
            "X-Plivo-Signature-V3-Nonce": nonce,
            "User-Agent": "talkpath",
        }
        try:
            async with asyncio.timeout(TIMEOUT_S):  # of all of it: httpx's own counts each read anew
                if letter.method == "GET":
                    joint = "&" if urlsplit(letter.url).query else "?"
                    request = self._client.stream("GET", f"{letter.url}{joint}{urlencode(parameters)}", headers=headers)
                else:
                    headers["Content-Type"] = "application/json"
                    request = self._client.stream("POST", letter.url, content=letter.body, headers=headers)
                async with request as response:  # its body is not read: it may have no end
                    return "" if response.is_success else f"HTTP {response.status_code}"
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return type(error).__name__


def _plain(value: object) -> str | int:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | str):
        return value
    return "" if value is None else str(value)
