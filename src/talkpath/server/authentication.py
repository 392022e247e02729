"""Who is calling: a token, a user and password, or a provider's signature. A request in, a verdict out.

What the signatures cover is in `talkpath.streams.signatures`. A provider signs the address that it was given, so that address must be
known here: `public_url`, where a proxy lies between.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from talkpath.errors import ConfigError
from talkpath.streams import signatures
from talkpath.streams.signatures import Nonces, Verdict

MAX_HEADER_CHARS = 4096  # of a header field that is checked; a longer one is no proof

SIGNED = ("plivo", "twilio", "genesys")  # dialects whose providers sign
GENERAL = ("token", "basic")
_DEFAULT_PORTS = {"https": ":443", "wss": ":443", "http": ":80", "ws": ":80"}


@dataclass(frozen=True, slots=True)
class Authentication:
    """What proves that a call may come in. Nothing set: everybody may.

    Attributes
    ----------
    token : str, optional
        As bearer, `?token=`, password of basic authentication, or `x-telnyx-streaming-auth-token`.
    basic : (str, str), optional
        User and password of basic authentication, as in `wss://USER:PASSWORD@host/`.
    plivo : str, optional
        The account's auth token: `X-Plivo-Signature-V3` is checked.
    twilio : str, optional
        The account's auth token: `X-Twilio-Signature` is checked.
    genesys : mapping of str to str
        API key: client secret in base64. The signature is checked, its age, and that it comes once.
    public_url : str, optional
        Scheme, host and, where a proxy takes it away, the path before ours, as the providers are told them:
        `wss://voice.example.com/calls`. None: what the header field Host says.
    trust_forwarded : bool
        Believe `X-Forwarded-Host` and `X-Forwarded-Proto`. Only behind a proxy that sets both: anybody can send them.

    Raises
    ------
    ConfigError
        A secret is empty or not what it must be, or `public_url` is no such address.

    Notes
    -----
    On `/plivo`, `/twilio` and `/genesys` the provider's own signature is required where its secret is set, and nothing else will do.
    On the other dialects' paths the token or the password is; where there is neither, nobody comes in. On `/` any one that is set
    will do, for the dialect is not known yet.
    """

    token: str | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    plivo: str | None = field(default=None, repr=False)
    twilio: str | None = field(default=None, repr=False)
    genesys: Mapping[str, str] = field(default_factory=dict, repr=False)
    public_url: str | None = None
    trust_forwarded: bool = False

    def __post_init__(self) -> None:
        for name in ("token", "plivo", "twilio"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value):
                raise ConfigError(f"authentication.{name} must be a text that is not empty")
        if self.basic is not None:
            user, password = self.basic
            if not (user and password) or ":" in user:
                raise ConfigError("authentication.basic must be user and password, neither empty, no colon in the user")
        object.__setattr__(self, "genesys", dict(self.genesys))
        for key, secret in self.genesys.items():
            if not (key and secret and _is_base64(secret)):
                raise ConfigError("authentication.genesys must be API keys and client secrets, the secrets in base64")
        if self.public_url is not None and not _is_address(self.public_url):
            raise ConfigError(
                f"authentication.public_url must be wss://HOST[:PORT][/PATH], without a query (got {self.public_url!r})"
            )

    def ways(self, dialect: str | None) -> tuple[str, ...]:
        """What will do on a dialect's path; None: on `/`. Of "token", "basic", "plivo", "twilio", "genesys"."""
        signed = tuple(name for name in SIGNED if getattr(self, name))
        general = tuple(name for name in GENERAL if getattr(self, name) is not None)
        if dialect is None:
            return (*general, *signed)
        return (dialect,) if dialect in signed else general

    @property
    def is_open(self) -> bool:
        """Nothing is set: everybody may come in."""
        return not self.ways(None)

    def check(
        self, dialect: str | None, target: str, headers: Mapping[str, str], unix_now: float, nonces: Nonces
    ) -> Verdict:
        """Whether a request may come in.

        Parameters
        ----------
        dialect : str or None
            That the path names.
        target : str
            Path and query, as they came.
        headers : mapping of str to str
        unix_now : float
            Unix time in s.
        nonces : Nonces
            That were used. A nonce is kept only once its signature is right, so that strangers cannot fill the memory.
        """
        if self.is_open:
            return Verdict(True)
        ways = self.ways(dialect)
        if not ways:
            return Verdict(False, "this dialect has no way to authenticate here")
        request = _Request(self, target, headers)
        verdicts = [request.check(way, unix_now, nonces) for way in ways]
        if any(verdicts):
            return Verdict(True)
        if len(ways) == 1:
            return Verdict(False, f"{ways[0]}: {verdicts[0].reason}")
        return Verdict(False, f"none of these is right: {', '.join(ways)}")


class _Request:
    """An upgrade, and how its proofs are checked."""

    def __init__(self, authentication: Authentication, target: str, headers: Mapping[str, str]) -> None:
        self._authentication = authentication
        self._headers = {name.lower(): value for name, value in headers.items() if len(value) <= MAX_HEADER_CHARS}
        scheme, authority, prefix = self._seen()
        self._target = prefix + target
        self._authority = authority.removesuffix(_DEFAULT_PORTS[scheme])
        url = f"{scheme}://{authority}{self._target}"
        # A client sends the path "/" for an address without a path, and signs either.
        self._urls = [url, url[:-1]] if self._target == "/" else [url]

    def _seen(self) -> tuple[str, str, str]:
        """Scheme, host with port, and path before ours, as the provider knows them."""
        if self._authentication.public_url is not None:
            parts = urlsplit(self._authentication.public_url)
            return parts.scheme, parts.netloc, parts.path.rstrip("/")
        scheme, authority = "wss", self._headers.get("host", "").strip()
        if self._authentication.trust_forwarded:  # the last value is what the nearest proxy has added
            authority = self._headers.get("x-forwarded-host", authority).rpartition(",")[2].strip()
            forwarded = self._headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
            scheme = forwarded if forwarded in _DEFAULT_PORTS else scheme
        return scheme, authority, ""

    def check(self, way: str, unix_now: float, nonces: Nonces) -> Verdict:
        """One of `Authentication.ways`."""
        match way:
            case "token":
                return self._token()
            case "basic":
                return self._basic()
            case "plivo":
                return self._plivo()
            case "twilio":
                return self._twilio()
            case _:
                return self._genesys(unix_now, nonces)

    def _token(self) -> Verdict:
        given = token_values(self._target, self._headers)
        good = _same(given, self._authentication.token or "")
        return Verdict(good, "" if good else "a token is needed" if not given else "the token is not right")

    def _basic(self) -> Verdict:
        given = _basic(self._headers.get("authorization", ""))
        if given is None:
            return Verdict(False, "a user and a password are needed")
        assert self._authentication.basic is not None
        user, password = self._authentication.basic
        good = all([_same([given[0]], user), _same([given[1]], password)])
        return Verdict(good, "" if good else "user or password are not right")

    def _plivo(self) -> Verdict:
        signature = self._headers.get("x-plivo-signature-v3", "")
        nonce = self._headers.get("x-plivo-signature-v3-nonce", "")
        if not (signature and nonce):
            return Verdict(False, "no signature, or no nonce")
        secret = self._authentication.plivo or ""
        return _first([signatures.plivo(secret, url, nonce, signature) for url in self._urls])

    def _twilio(self) -> Verdict:
        signature = self._headers.get("x-twilio-signature", "")
        if not signature:
            return Verdict(False, "no signature")
        secret = self._authentication.twilio or ""
        return _first([signatures.twilio(secret, url, signature) for url in self._urls])

    def _genesys(self, unix_now: float, nonces: Nonces) -> Verdict:
        return signatures.genesys(
            self._headers, target=self._target, secrets=self._authentication.genesys, now=unix_now, nonces=nonces,
            authority=self._authority,
        )  # fmt: skip


def token_values(target: str, headers: Mapping[str, str]) -> list[str]:
    """All that may be a token in a request; `headers` with names in lower case."""
    given = parse_qs(target.partition("?")[2]).get("token", [])[:4]
    authorization = headers.get("authorization", "")
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip())
    basic = _basic(authorization)
    if basic is not None:
        given.append(basic[1])
    if "x-telnyx-streaming-auth-token" in headers:
        given.append(headers["x-telnyx-streaming-auth-token"].strip())
    return given


def _basic(authorization: str) -> tuple[str, str] | None:
    """User and password."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    user, _, password = text.partition(":")
    return user, password


def _same(given: list[str], wanted: str) -> bool:
    """One of them is what is wanted, which is not empty; in constant time."""
    expected = wanted.encode("utf-8", "replace")
    return any([hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in given]) and bool(expected)


def _first(verdicts: list[Verdict]) -> Verdict:
    return next((verdict for verdict in verdicts if verdict), verdicts[0])


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and "@" not in parts.netloc and not (
        parts.query or parts.fragment
    )  # fmt: skip
