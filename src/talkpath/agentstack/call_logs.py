"""Logs of calls for `talkpath report`: everything that the engine was given, a file a leg. They hold what was said."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from talkpath.call.recording import log_name
from talkpath.server import PhoneCall

log = logging.getLogger("talkpath.agentstack")

FOLDER = "logs"  # below the settings' `data`


class CallLogs:
    """All logs of the server. None is ever deleted: that is its owner's to do. A provider that uses an id again overwrites the older call's.

    Parameters
    ----------
    folder : Path
        Made where there is none, for this user only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def begin(self, call: PhoneCall, call_uuid: str) -> None:
        """Log a call from its first frame on. Where it cannot be, the server's log says why, and the call goes on."""
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            await call.log(self._folder / log_name(call_uuid))
        except Exception as problem:
            log.error("a call has no log", exc_info=problem)
