"""What the server is told, by environment or a TOML file: who may come in, who hears, answers and speaks, where things lie."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from talkpath.errors import ConfigError

#: Where each provider is, unless settings or an agent say otherwise. The form is the vendor's own: with `/v1` where it has one.
BASE_URLS: dict[str, str] = {
    "deepgram": "https://api.deepgram.com/v1",
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "elevenlabs": "https://api.elevenlabs.io/v1",
    "cartesia": "https://api.cartesia.ai",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "mistral": "https://api.mistral.ai/v1",
    "perplexity": "https://api.perplexity.ai",
}
CARRIERS = ("simulated", "asterisk", "plivo", "twilio", "telnyx", "http")  # what stands before the first colon
TRANSPORTS = ("websockets", "picows")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """Where a provider is, and with which key: "" where the settings have none."""

    base_url: str
    api_key: str = field(default="", repr=False)


_NOBODY = ProviderAccess("")


# --- what a value may be ------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip():
        raise ValueError("must be a text that is not empty, without blanks around it")
    return value


def _credential(value: object) -> str:
    text = _text(value)
    if not (text.isascii() and text.isprintable()) or re.search(r"[:/\s]", text):
        raise ValueError("must be of visible ASCII characters, without a colon, a slash or a blank")
    return text


def _url(*schemes: str, may_have_user: bool = False) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = _text(value)
        try:
            parts = urlsplit(text)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
            good = good and (may_have_user or parts.username is None)
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment or re.search(r"\s", text):
            raise ValueError(f"must be a URL, {' or '.join(f'{s}://' for s in schemes)}, without a user or a query")
        return text.rstrip("/")

    return parse


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number, {low} to {high}")
        return value

    return parse


def _seconds(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= 86_400:
        raise ValueError("must be a number of seconds, 0 to 86400")
    return number


def _flag(value: object) -> bool:
    found = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(str(value).lower())
    if found is None or not isinstance(value, str | bool):
        raise ValueError("must be true or false")
    return found


def _one_of(*allowed: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(filter(None, allowed))}")
        return str(value)

    return parse


def _carrier(value: object) -> str:
    text = _text(value)
    name, _, rest = text.partition(":")
    if name not in CARRIERS:
        raise ValueError(f"must begin with one of {', '.join(CARRIERS)}")
    if name in ("http", "asterisk"):
        try:
            _url("http", "https", may_have_user=True)(rest)
        except ValueError:
            raise ValueError(f"must be {name}:URL, with http:// or https://") from None
    return text


# --- all settings -------------------------------------------------------------------------------------------------------


def _set(default: Any, variable: str, parse: Callable[[object], Any], *, is_secret: bool = False) -> Any:
    """A field: its variable in the environment, its parser; its name in TOML is its own."""
    return field(default=default, repr=not is_secret, metadata={"variable": variable, "parse": parse})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the server is told. Read with `load`; its repr shows no secret.

    Attributes
    ----------
    auth_id, auth_token : str
        Who may use REST; the token signs callbacks too. `PLIVO_AUTH_ID`, `PLIVO_AUTH_TOKEN`.
    host, port : str, int
        Of REST. `TALKPATH_HOST`, `TALKPATH_PORT`.
    phone_host, phone_port : str, int
        Of the phone side. `TALKPATH_PHONE_HOST`, `TALKPATH_PHONE_PORT`.
    public_url : str
        REST as the world sees it, for links to recordings; "": of `host` and `port`. `TALKPATH_PUBLIC_URL`.
    phone_url : str
        The phone side as carriers see it (`ws://` or `wss://`), for their streams; "": of `phone_host` and `phone_port`.
        `TALKPATH_PHONE_URL`.
    phone_token : str
        Streams must bring it, where it is not "". `TALKPATH_TOKEN`.
    providers : {"", "local"}
        "local": every provider's name is served by the embedded default. `TALKPATH_PROVIDERS`.
    carrier : str
        Who places calls: `simulated[:FILE]`, `http:URL`, …; "": nobody. `TALKPATH_CARRIER`.
    data : Path
        Folder of the database, the recordings and the logs. `TALKPATH_DATA`.
    logs : bool
        Each leg of a call is written as a log, for `talkpath report`; it holds what was said. `TALKPATH_LOGS`.
    workers, max_calls, drain_s, transport : int, int, float, str
        As `talkpath.server.MediaServer` has them. `TALKPATH_WORKERS`, `TALKPATH_MAX_CALLS`, `TALKPATH_DRAIN_S`, `TALKPATH_TRANSPORT`.
    access : mapping
        Provider to `ProviderAccess`. `DEEPGRAM_BASE_URL`, `DEEPGRAM_API_KEY` and so on; in TOML a table `[deepgram]` with
        `base_url` and `api_key`.
    """

    auth_id: str = _set("", "PLIVO_AUTH_ID", _credential)
    auth_token: str = _set("", "PLIVO_AUTH_TOKEN", _credential, is_secret=True)
    host: str = _set(_LOOPBACK, "TALKPATH_HOST", _text)
    port: int = _set(8000, "TALKPATH_PORT", _whole(0, 65535))
    phone_host: str = _set(_LOOPBACK, "TALKPATH_PHONE_HOST", _text)
    phone_port: int = _set(8080, "TALKPATH_PHONE_PORT", _whole(0, 65535))
    public_url: str = _set("", "TALKPATH_PUBLIC_URL", _url("http", "https"))
    phone_url: str = _set("", "TALKPATH_PHONE_URL", _url("ws", "wss"))
    phone_token: str = _set("", "TALKPATH_TOKEN", _credential, is_secret=True)
    providers: str = _set("", "TALKPATH_PROVIDERS", _one_of("", "local"))
    carrier: str = _set("", "TALKPATH_CARRIER", _carrier, is_secret=True)  # a URL may hold a password
    data: Path = field(
        default=Path("talkpath-data"), metadata={"variable": "TALKPATH_DATA", "parse": lambda value: Path(_text(value))}
    )
    logs: bool = _set(False, "TALKPATH_LOGS", _flag)
    workers: int = _set(1, "TALKPATH_WORKERS", _whole(1, 256))
    max_calls: int = _set(500, "TALKPATH_MAX_CALLS", _whole(1, 1_000_000))
    drain_s: float = _set(30.0, "TALKPATH_DRAIN_S", _seconds)
    transport: str = _set("websockets", "TALKPATH_TRANSPORT", _one_of(*TRANSPORTS))
    access: Mapping[str, ProviderAccess] = field(
        default_factory=lambda: {name: ProviderAccess(url) for name, url in BASE_URLS.items()}
    )

    @classmethod
    def load(cls, config_path: Path | str | None, environ: Mapping[str, str]) -> Self:
        """Read the file (None: none) and the environment; what the environment says goes first.

        An empty variable counts as absent, but an empty `TALKPATH_TOKEN` is refused: it must not open the door.

        Raises
        ------
        ConfigError
            A value is wrong, missing or not known; the message names the variable, or the file and its field.
        """
        table = {} if config_path is None else _read(Path(config_path))
        file = "" if config_path is None else f"{config_path}: "
        if environ.get("TALKPATH_TOKEN") == "":
            raise ConfigError("TALKPATH_TOKEN is empty: unset it, or give the phone side a token")
        known = [f for f in fields(cls) if f.metadata]
        _only(table, file, [*(f.name for f in known), *BASE_URLS])
        found: dict[str, Any] = {}
        for one in known:
            variable, parse = one.metadata["variable"], one.metadata["parse"]
            if environ.get(variable):
                found[one.name] = _parsed(variable, parse, environ[variable], is_shown=one.repr)
            elif one.name in table:
                found[one.name] = _parsed(f"{file}{one.name}", parse, table[one.name], is_shown=one.repr)
        for name, variable in (("auth_id", "PLIVO_AUTH_ID"), ("auth_token", "PLIVO_AUTH_TOKEN")):
            if name not in found:
                raise ConfigError(f"{variable} is missing: set it, or {name} in the file (who may use REST)")
        found["access"] = {name: _access(name, table.get(name, {}), file, environ) for name in BASE_URLS}
        return cls(**found)

    def base_url(self, provider: str) -> str:
        """Where a provider is; "": the settings do not know it."""
        return self.access.get(provider, _NOBODY).base_url

    def api_key(self, provider: str) -> str:
        """The server's own key, for agents that bring none; "": it has none."""
        return self.access.get(provider, _NOBODY).api_key

    @property
    def public_base_url(self) -> str:
        """REST as the world sees it, without a slash at its end."""
        return self.public_url or f"http://{_reachable(self.host)}:{self.port}"

    @property
    def phone_base_url(self) -> str:
        """The phone side as carriers see it, without a slash at its end."""
        return self.phone_url or f"ws://{_reachable(self.phone_host)}:{self.phone_port}"


def data_folder(config_path: Path | str | None, environ: Mapping[str, str]) -> Path:
    """The folder alone, for who reads what a server has left: no credentials are needed for it. ConfigError as of `Settings.load`."""
    given = environ.get("TALKPATH_DATA") or ({} if config_path is None else _read(Path(config_path))).get("data")
    return Path("talkpath-data" if given is None else _parsed("data", _text, given))


def _reachable(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return _LOOPBACK
    return f"[{host}]" if ":" in host else host


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"{path} is no TOML: {problem}") from None


def _only(table: Mapping[str, Any], where: str, allowed: list[str]) -> None:
    for name in table:
        if name not in allowed:
            raise ConfigError(f"{where}{name} is not known; there are {', '.join(allowed)}")


def _parsed(where: str, parse: Callable[[object], Any], value: object, *, is_shown: bool = True) -> Any:
    try:
        return parse(value)
    except ValueError as problem:
        got = f" (got {value!r})" if is_shown and "@" not in str(value) else ""  # what precedes it may be a password
        raise ConfigError(f"{where} {problem}{got}") from None


def _access(name: str, table: object, file: str, environ: Mapping[str, str]) -> ProviderAccess:
    if not isinstance(table, dict):
        raise ConfigError(f"{file}{name} must be a table with base_url and api_key")
    _only(table, f"{file}{name}.", ["base_url", "api_key"])
    found = {"base_url": BASE_URLS[name], "api_key": ""}
    for part, parse in (("base_url", _url("http", "https")), ("api_key", _text)):
        variable = f"{name}_{part}".upper()
        if environ.get(variable):
            found[part] = _parsed(variable, parse, environ[variable], is_shown=part != "api_key")
        elif table.get(part, "") != "":
            found[part] = _parsed(f"{file}{name}.{part}", parse, table[part], is_shown=part != "api_key")
    return ProviderAccess(**found)
