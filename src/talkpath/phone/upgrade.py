"""Header fields of the upgrade: tokens, passwords, and the signatures that providers send."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from talkpath.errors import ConfigError
from talkpath.streams import Start, signatures

SIGNED = ("plivo", "twilio", "signalwire", "genesys")


def parse_header(text: str) -> tuple[str, str]:
    """`Name: value`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise ConfigError(f"header: NAME: VALUE is expected (got {text!r})")
    return name.strip(), value.strip()


def upgrade_headers(
    provider: str,
    url: str,
    start: Start,
    *,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
    auth: str | None = None,
    sign_with: str | None = None,
    now: float = 0.0,
    nonce: str | None = None,
) -> dict[str, str]:
    """What a provider's upgrade carries.

    Parameters
    ----------
    provider, url, start
        Whose, where to, and the call.
    headers : mapping of str to str, optional
        The user's own; they win.
    token : str, optional
        Sent as bearer.
    auth : str, optional
        `user:password` of basic authentication.
    sign_with : str, optional
        Plivo's or Twilio's auth token; for Genesys `API_KEY:CLIENT_SECRET`, or an API key alone.
    now : float
        Unix time, for Genesys.
    nonce : str, optional
        None: a new one.

    Raises
    ------
    ConfigError
        There are no signatures for this provider, or both `token` and `auth` are given.
    """
    found: dict[str, str] = {}
    if token is not None and auth is not None:
        raise ConfigError("give either a token or user:password, not both")
    if token is not None:
        found["Authorization"] = f"Bearer {token}"
    if auth is not None:
        found["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
    nonce = nonce or str(uuid.uuid4())
    if provider == "genesys":
        found |= _genesys(url, start, sign_with, now, nonce)
    elif sign_with is not None:
        if provider == "plivo":
            found["X-Plivo-Signature-V3-Nonce"] = nonce
            found["X-Plivo-Signature-V3"] = signatures.plivo_sign(sign_with, url, nonce)
        elif provider in ("twilio", "signalwire"):
            found["X-Twilio-Signature"] = signatures.twilio_sign(sign_with, url)
        else:
            raise ConfigError(f"{provider} signs nothing; {', '.join(SIGNED)} do")
    return {**found, **(headers or {})}


def _genesys(url: str, start: Start, sign_with: str | None, now: float, nonce: str) -> dict[str, str]:
    parts = urlsplit(url)
    key, _, secret = (sign_with or "").partition(":")
    fields = {
        "Audiohook-Organization-Id": start.headers.get("organizationId", "organization"),
        "Audiohook-Session-Id": start.stream_id,
        "Audiohook-Correlation-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, start.call_id)),
    }
    if not key:
        return fields
    fields["X-API-KEY"] = key
    if not secret:
        return fields
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        signed = signatures.genesys_sign(
            fields, target=target, secret=secret, nonce=nonce, created=int(now), authority=parts.netloc
        )
    except ValueError:
        raise ConfigError("sign-with: API_KEY:CLIENT_SECRET is expected, with the secret in base64") from None
    return {**fields, "Signature-Input": signed["signature-input"], "Signature": signed["signature"]}
