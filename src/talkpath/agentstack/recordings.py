"""Recordings of calls: two channels, the caller and what the caller heard; a plain URL that nobody can guess."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import wave
from pathlib import Path
from typing import TYPE_CHECKING

from talkpath.server import PhoneCall

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

log = logging.getLogger("talkpath.agentstack")

TOKEN_BYTES = 24
_NAME = re.compile(r"[\w-]{20,64}\.wav")


class Recordings:
    """All recordings of the server. None is ever deleted: that is its owner's to do.

    Parameters
    ----------
    folder : Path
        Made where there is none.
    public_base_url : str
        REST as the world sees it.
    """

    def __init__(self, folder: Path, public_base_url: str) -> None:
        self._folder, self._base_url = folder, public_base_url.rstrip("/")

    async def begin(self, call: PhoneCall) -> Recording | None:
        """Record from now on. None: it cannot be, the log says why; the call goes on.

        The file has a name of its own until it is whole.
        """
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
            name = f"{secrets.token_urlsafe(TOKEN_BYTES)}.wav"
            recording = Recording(call, (self._folder / name).absolute(), f"{self._base_url}/recordings/{name}")
            await recording.begin()
        except Exception as problem:
            log.error("a call is not recorded", exc_info=problem)
            return None
        return recording

    def file(self, name: str) -> Path | None:
        """The file of a URL; None: there is none."""
        path = self._folder / name
        return path if _NAME.fullmatch(name) and path.is_file() else None


class Recording:
    """One of them.

    Attributes
    ----------
    url : str
    duration_s : int
        When it has been stopped.
    """

    def __init__(self, call: PhoneCall, path: Path, url: str) -> None:
        self._call, self._path, self.url = call, path, url
        self._part = path.with_name(path.name + ".part")
        self.duration_s = 0

    async def begin(self) -> None:
        """Have it written."""
        await self._call.record(self._part)

    async def stop(self) -> str | None:
        """When the call is over: the file whole, and under its name; its URL. None: it is lost, the log says why."""
        try:
            await self._call.recorded()
            self.duration_s = await asyncio.to_thread(self._publish)
        except Exception as problem:
            log.error("a recording is lost", exc_info=problem)
            return None
        return self.url

    def _publish(self) -> int:
        with wave.open(str(self._part), "rb") as found:
            duration_s = round(found.getnframes() / found.getframerate())
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)
        return duration_s


def recording_route(recordings: Recordings) -> Route:
    """`GET /recordings/{token}.wav`: plain, without credentials; the token is the secret."""
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Route

    async def get(request: Request) -> Response:
        path = await asyncio.to_thread(recordings.file, request.path_params["name"])
        if path is None:
            return JSONResponse({"error": "there is no such recording"}, 404)
        return FileResponse(path, media_type="audio/wav")

    return Route("/recordings/{name}", get, methods=["GET"])
