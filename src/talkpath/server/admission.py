"""Who may begin a call: path, token, room. A request in, a status out."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from talkpath.streams import DIALECTS, Stream


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: an HTTP status and a line of text."""

    status: int
    text: str


def stream_for(path: str, headers: Mapping[str, str]) -> Stream | Refusal | None:
    """The stream that `/{dialect}` names; None: it is to be found out (`/`)."""
    name = urlsplit(path).path.strip("/").partition("/")[0]
    if not name:
        return None
    cls = DIALECTS.get(name)
    if cls is None or cls.transport != "websocket":
        return Refusal(
            404,
            f"no such dialect; / or one of {', '.join(n for n, c in DIALECTS.items() if c.transport == 'websocket')}",
        )
    return cls(path=path, headers=headers)


def may_enter(token: str | None, path: str, authorization: str) -> bool:
    """True where the token is there: as bearer, as `?token=`, or as the password of basic authentication."""
    if token is None:
        return True
    given = parse_qs(urlsplit(path).query).get("token", [])
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            given.append(base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2])
    wanted = token.encode()
    return any([hmac.compare_digest(g.encode("utf-8", "replace"), wanted) for g in given])
