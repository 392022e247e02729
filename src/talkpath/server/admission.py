"""Who may begin a call: path, proof, room. A request in, a status out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from talkpath.errors import ConfigError
from talkpath.server.authentication import Authentication
from talkpath.server.stream_options import stream_options
from talkpath.streams import DIALECTS, Stream
from talkpath.streams.signatures import Nonces

RETRY_S = 5  # after this a client that found no room may ask again
MAX_TARGET_CHARS = 2048  # of path and query, and
MAX_PARAMETERS = 32  # in the query: signatures are computed over them, several times, for everybody who knocks
CAUSES = ("path", "authentication", "full", "draining")
_WEBSOCKET = tuple(name for name, cls in DIALECTS.items() if cls.transport == "websocket")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: an HTTP status, a line of text without secrets, and one of `CAUSES`."""

    status: int
    text: str
    cause: str = "path"

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides."""
        if self.status == 401:
            return {"WWW-Authenticate": 'Basic realm="talkpath"'}
        return {"Retry-After": str(RETRY_S)} if self.status == 503 else {}


class Admission:
    """Decides on upgrades.

    Parameters
    ----------
    authentication : Authentication, optional
        None: everybody may come in.

    Notes
    -----
    It remembers the nonces of signatures that were right, 100,000 at most, for 30 s. Each process has its own: a Genesys
    signature, which is good for 10 s, comes in once in each.
    """

    def __init__(self, authentication: Authentication | None = None) -> None:
        self._authentication = authentication or Authentication()
        self._nonces = Nonces()

    def admit(
        self,
        path: str,
        headers: Mapping[str, str],
        unix_now: float,
        *,
        calls: int,
        max_calls: int,
        draining: bool = False,
        prefix: str = "",
    ) -> Refusal | None:
        """None where a call may begin. Never raises for what is in a request.

        Parameters
        ----------
        path : str
            With its query, as it came.
        headers : mapping of str to str
        unix_now : float
            Unix time in s: signatures have an age.
        calls, max_calls : int
            That there are, and may be.
        draining : bool
            No new ones.
        prefix : str
            The path before `path`, where this server is a part of another (ASGI).

        Notes
        -----
        In this order: the path (404, 414; 400 for an option that is none), the proof (401), the room (503, with Retry-After). So a stranger does not learn how full it is.
        """
        found = dialect_of(path)
        if isinstance(found, Refusal):
            return found
        stream = stream_for(path, {})
        if isinstance(stream, Refusal):
            return stream
        verdict = self._authentication.check(found or None, prefix + path, headers, unix_now, self._nonces)
        if not verdict:
            return Refusal(401, verdict.reason, "authentication")
        return room(calls, max_calls, draining)


def room(calls: int, max_calls: int, draining: bool = False) -> Refusal | None:
    """None where there is a line for one more call."""
    if draining:
        return Refusal(503, "the server stops", "draining")
    if calls >= max_calls:
        return Refusal(503, "all lines are taken", "full")
    return None


def dialect_of(path: str) -> str | Refusal:
    """The dialect that `/{dialect}` names; "": it is to be found out (`/`)."""
    plain, _, query = path.partition("?")
    if len(path) > MAX_TARGET_CHARS or query.count("&") >= MAX_PARAMETERS:
        return Refusal(414, "the address is too long")
    name = plain.strip("/").partition("/")[0]
    if name and name not in _WEBSOCKET:
        return Refusal(404, f"no such dialect; / or one of {', '.join(_WEBSOCKET)}")
    return name


def stream_for(path: str, headers: Mapping[str, str]) -> Stream | Refusal | None:
    """The stream that `/{dialect}` names, with the options of its query; None: it is to be found out (`/`)."""
    name = dialect_of(path)
    if isinstance(name, Refusal):
        return name
    if not name:
        return None
    cls = DIALECTS[name]
    try:
        return cls(path=path, headers=headers, **stream_options(cls, path.partition("?")[2]))
    except ConfigError as problem:
        return Refusal(400, str(problem))
