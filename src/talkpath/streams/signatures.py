"""Signatures on the upgrade of a media stream: Plivo V3, Twilio, Genesys. Pure functions; time is given.

Sources: plivo-python `plivo/utils/signature_v3.py` and plivo-stream-sdk-python (vendor); "Validating requests" and "Media Streams
Configuration" (twilio.com); purecloudlabs/audiohook-reference-implementation `authenticator.ts`, RFC 9421 and its drafts (Genesys).

Not verified on a line: which scheme Plivo and Twilio sign for a WebSocket (all of http, https, ws and wss are tried); whether Plivo's
SDK, one version of which appends "/websocket" to the address, is right to do so (give the address as it must be).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

_SCHEMES = ("https", "http", "wss", "ws")
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}
GENESYS_COMPONENTS = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is signed by whom it says; `reason` where it is not."""

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


def _same(given: str, expected: Iterable[str]) -> bool:
    """Compares with all of `expected`, in constant time."""
    data = given.encode("utf-8", "replace")
    return any([hmac.compare_digest(data, e.encode()) for e in expected])


def _hmac(key: bytes, text: str, algorithm: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode("utf-8", "replace"), algorithm).digest()).decode()


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.netloc else None


# --- Plivo --------------------------------------------------------------------------------------------------------------


def plivo_sign(auth_token: str, url: str, nonce: str) -> str:
    """The V3 signature of a GET: address without its query, the parameters sorted by name, a dot, the nonce."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    sorted_query = "&".join(f"{key}={value}" for key in sorted(query) for value in sorted(query[key]))
    plain = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return _hmac(auth_token.encode(), f"{plain}{'?' if sorted_query else ''}{sorted_query}.{nonce}", "sha256")


def plivo(auth_token: str, url: str, nonce: str, signature: str) -> Verdict:
    """Check `X-Plivo-Signature-V3` (perhaps several, with commas) against the address and `X-Plivo-Signature-V3-Nonce`."""
    parts = _split(url)
    if not (auth_token and nonce and signature and parts):
        return Verdict(False, "no signature, nonce, token or address")
    expected = [plivo_sign(auth_token, urlunsplit(parts._replace(scheme=s)), nonce) for s in _SCHEMES]
    found = any([_same(one.strip(), expected) for one in signature.split(",")[:8]])
    return Verdict(found, "" if found else "the signature does not match")


# --- Twilio -------------------------------------------------------------------------------------------------------------


def twilio_sign(
    auth_token: str, url: str, parameters: Mapping[str, str] | None = None, *, algorithm: str = "sha1"
) -> str:
    """The signature of a request: the address, then names and values of the POST parameters, sorted by name."""
    body = "".join(f"{k}{v}" for k, v in sorted((parameters or {}).items()))
    return _hmac(auth_token.encode(), url + body, algorithm)


def _twilio_urls(parts: SplitResult) -> list[str]:
    """The address with every scheme, with its port and without a default one."""
    host = parts.netloc
    bare = host.rpartition(":")[0] if parts.port is not None else host
    urls = []
    for scheme in _SCHEMES:
        hosts = {host, f"{bare}:{_PORTS[scheme]}"} if parts.port is None else {host}
        if parts.port == _PORTS[scheme]:
            hosts.add(bare)
        urls += [urlunsplit(parts._replace(scheme=scheme, netloc=h)) for h in sorted(hosts)]
    return urls


def twilio(
    auth_token: str,
    url: str,
    signature: str,
    parameters: Mapping[str, str] | None = None,
    *,
    algorithm: str = "sha1",
) -> Verdict:
    """Check `X-Twilio-Signature`; an upgrade has no parameters. `algorithm`: "sha256" for webhook rules that say so."""
    parts = _split(url)
    if not (auth_token and signature and parts):
        return Verdict(False, "no signature, token or address")
    expected = [twilio_sign(auth_token, u, parameters, algorithm=algorithm) for u in [url, *_twilio_urls(parts)]]
    found = _same(signature.strip(), expected)
    return Verdict(found, "" if found else "the signature does not match")


# --- Genesys ------------------------------------------------------------------------------------------------------------

_INPUT = re.compile(
    r'\s*([a-z*][a-z0-9_\-.*]*)=(\(([^()]*)\)((?:;[a-z*][a-z0-9_\-.*]*(?:=(?:"[^"\\]*"|-?[0-9]{1,15}))?)*))\s*'
)
_SIGNATURE = re.compile(r"\s*([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/]*={0,2}):\s*")
_COMPONENT = re.compile(r'"([^"\\]+)"')
_PARAMETER = re.compile(r';([a-z*][a-z0-9_\-.*]*)=(?:"([^"\\]*)"|(-?[0-9]{1,15}))')


class Nonces:
    """Nonces that were used, for as long as a signature is valid. `limit` of them are kept: a flood makes the oldest give way."""

    def __init__(self, keep_s: float = 30.0, limit: int = 100_000) -> None:
        self._keep_s = keep_s
        self._limit = limit
        self._used: dict[str, float] = {}

    def first_use(self, nonce: str, now: float) -> bool:
        """True, once for each nonce."""
        for old, at in list(self._used.items()):
            if now - at <= self._keep_s and len(self._used) < self._limit:
                break
            del self._used[old]
        if nonce in self._used:
            return False
        self._used[nonce] = now
        return True


def _base(names: list[str], parameters: str, headers: Mapping[str, str], target: str, authority: str) -> str | None:
    derived = {"@request-target": target, "@authority": authority.lower()}
    lines = []
    for name in names:
        value = derived.get(name, headers.get(name))
        if value is None:
            return None
        lines.append(f'"{name}": {value.strip()}')
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def genesys_sign(
    headers: Mapping[str, str], *, target: str, secret: str, nonce: str, created: int, authority: str | None = None
) -> dict[str, str]:
    """The header fields `signature-input` and `signature` for a request. `secret`: base64, as Genesys gives it."""
    found = {k.lower(): v for k, v in headers.items()}
    names = " ".join(f'"{n}"' for n in GENESYS_COMPONENTS)
    key = found["x-api-key"]
    parameters = f'({names});keyid="{key}";nonce="{nonce}";alg="hmac-sha256";created={created};expires={created + 10}'
    text = _base(list(GENESYS_COMPONENTS), parameters, found, target, authority or found["host"])
    if text is None:
        raise KeyError("a header field that is signed is missing")
    signature = _hmac(base64.b64decode(secret), text, "sha256")
    return {"signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}


def genesys(
    headers: Mapping[str, str],
    *,
    target: str,
    secrets: Mapping[str, str],
    now: float,
    nonces: Nonces | None = None,
    max_age_s: float = 10.0,
    skew_s: float = 5.0,
    authority: str | None = None,
) -> Verdict:
    """Check an AudioHook upgrade.

    Parameters
    ----------
    headers : mapping of str to str
        Of the request.
    target : str
        Its path and query, as sent.
    secrets : mapping of str to str
        API key: client secret in base64. An empty secret: that key's requests may come unsigned.
    now : float
        Unix time in s.
    nonces : Nonces, optional
        Refuses a signature that was used before.
    max_age_s, skew_s : float
        How old a signature may be; by how much the other's clock may be ahead.
    authority : str, optional
        Host and port that the client sees, where a proxy changes the header field Host.

    Notes
    -----
    Answer failures after a constant time of 500 ms or more, as Genesys' reference does.
    """
    found = {k.lower(): v for k, v in headers.items()}
    key = found.get("x-api-key", "")
    secret = secrets.get(key)
    if not key:
        return Verdict(False, "no x-api-key")
    if "signature" not in found and "signature-input" not in found:
        allowed = secret == ""
        return Verdict(allowed, "" if allowed else "no signature")
    described = _INPUT.fullmatch(found.get("signature-input", ""))
    signed = _SIGNATURE.fullmatch(found.get("signature", ""))
    if described is None or signed is None or described[1] != signed[1]:
        return Verdict(False, "signature or signature-input is malformed")
    names = _COMPONENT.findall(described[3])
    if not set(GENESYS_COMPONENTS) <= set(names) or len(set(names)) != len(names):
        return Verdict(False, "not all components are signed")
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(described[4])}
    if parameters.get("keyid") != key:
        return Verdict(False, "keyid is not the API key")
    nonce = parameters.get("nonce", "")
    if len(nonce) < 22:
        return Verdict(False, "the nonce is too short")
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        return Verdict(False, "another algorithm than hmac-sha256")
    text = _base(names, described[2], found, target, authority or found.get("host", ""))
    if text is None:
        return Verdict(False, "a signed header field is missing")
    try:
        raw = base64.b64decode(secret or "", validate=True)
    except binascii.Error:
        return Verdict(False, "the secret is not base64")
    good = _same(signed[2], [_hmac(raw, text, "sha256")])
    if not good or not secret:
        return Verdict(False, "the signature does not match")
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created or not -skew_s <= now - int(created) <= max_age_s or (expires and now > int(expires) + skew_s):
        return Verdict(False, "the signature is too old, or not valid yet")
    if nonces is not None and not nonces.first_use(nonce, now):
        return Verdict(False, "the nonce was used before")
    return Verdict(True)
