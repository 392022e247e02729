"""An agent's body as it changes, and as it is shown: objects merge, lists replace, keys are masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MASK = "****"
KINDS = ("stt", "llm", "tts", "s2s")
_FALLBACKS = ("stt_fallback", "llm_fallback", "tts_fallback")
_ACCOUNT_KEYS = ("plivo_auth_token",)
# What belongs to one provider and must not go to another.
_OF_A_PROVIDER = (
    "api_key", "base_url", "model", "model_id", "voice", "voice_id", "region", "azure_deployment", "azure_endpoint", "api_version",
    "reasoning_effort",
)  # fmt: skip
# Two spellings of one thing: who gives one means it instead of the other.
_SPELLINGS = {
    "": (("allow_interruptions", "interruption_enabled"),),
    "idle_timeout": (
        ("no_response_timeout_ms", "no_response_timeout_s"),
        ("extended_wait_time_ms", "extended_wait_time_s"),
    ),
    "tts": (("voice", "voice_id"), ("model", "model_id")),
}


def _is_key(name: str) -> bool:
    return name.endswith(("_key", "_token", "_secret", "_password")) or name == "authorization"


def _mask(value: str) -> str:
    """Its last four characters tell long keys apart; "" stays, for it is none."""
    if not value:
        return ""
    return MASK + (value[-4:] if len(value) >= 16 else "")


def _masked_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _mask(value) if _is_key(name) and isinstance(value, str) else value for name, value in given.items()}


def masked(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body to be shown: no key in it."""
    found = dict(body)
    for name in KINDS:
        if isinstance(found.get(name), Mapping):
            found[name] = _masked_fields(found[name])
    for name in _FALLBACKS:
        if isinstance(found.get(name), Sequence):
            found[name] = [_masked_fields(one) if isinstance(one, Mapping) else one for one in found[name]]
    for name in _ACCOUNT_KEYS:
        if isinstance(found.get(name), str):
            found[name] = _mask(found[name])
    if isinstance(servers := found.get("mcp_servers"), Sequence) and not isinstance(servers, str):
        found["mcp_servers"] = [_masked_server(one) for one in servers]
    return found


def _masked_server(server: object) -> object:
    """What it is given besides its address is nobody's to see: names stay, values go."""
    if not isinstance(server, Mapping):
        return server
    found = dict(server)
    for name in ("headers", "env"):
        if isinstance(found.get(name), Mapping):
            found[name] = {key: _mask(value) if isinstance(value, str) else value for key, value in found[name].items()}
    return found


def _unmasked_server(server: object, old: object) -> object:
    """A value that comes back masked is that of the old entry of the same address."""
    if not isinstance(server, Mapping):
        return server
    where = ("url", "command")
    entries = old if isinstance(old, Sequence) else []
    same = next(
        (one for one in entries if isinstance(one, Mapping) and all(one.get(w) == server.get(w) for w in where)), {}
    )
    found = dict(server)
    for name in ("headers", "env"):
        if isinstance(found.get(name), Mapping):
            known = same.get(name)
            kept = known if isinstance(known, Mapping) else {}
            found[name] = {
                key: kept.get(key, "") if isinstance(v, str) and v.startswith(MASK) else v
                for key, v in found[name].items()
            }
    return found


def merged(body: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A body with a patch in it.

    Objects merge at every depth, lists and tools' schemas replace, null takes a field away. A key that comes back masked is left as it is.
    Another `provider` brings its own key, address, model and voice: none of the old one's goes to it. An empty `semantic_vad` is "auto".
    """
    found = dict(body)
    for name in patch:
        _drop_other_spelling(found, name, "")
    for name, value in patch.items():
        old = found.get(name)
        if value is None:
            found.pop(name, None)
        elif name == "semantic_vad":
            found[name] = _semantic_vad(old, value)
        elif name in _FALLBACKS and isinstance(value, list):
            found[name] = [_unmasked(one, i, old) for i, one in enumerate(value)]
        elif name == "mcp_servers" and isinstance(value, list):
            found[name] = [_unmasked_server(one, old) for one in value]
        elif isinstance(value, str) and value.startswith(MASK) and name in _ACCOUNT_KEYS:
            continue
        elif isinstance(value, Mapping):
            found[name] = _object(name, old if isinstance(old, Mapping) else {}, value)
        else:
            found[name] = value
    return found


def _object(name: str, old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(old)
    if name in KINDS and _provider(patch) is not None and _provider(patch) != _provider(old):
        kept = {field: value for field, value in kept.items() if field not in _OF_A_PROVIDER and not _is_key(field)}
    for field in patch:
        _drop_other_spelling(kept, field, name)
    for field, value in patch.items():
        if value is None:
            kept.pop(field, None)
        elif name in KINDS and _is_key(field) and isinstance(value, str) and value.startswith(MASK):
            continue
        elif isinstance(value, Mapping) and isinstance(kept.get(field), Mapping):
            kept[field] = _object("", kept[field], value)
        else:
            kept[field] = value
    return kept


def _provider(spec: Mapping[str, Any]) -> str | None:
    named = spec.get("provider")
    return named.strip().lower() if isinstance(named, str) else None


def _drop_other_spelling(found: dict[str, Any], field: str, where: str) -> None:
    for pair in _SPELLINGS.get(where, ()):
        if field in pair:
            for spelling in pair:
                if spelling != field:
                    found.pop(spelling, None)


def _semantic_vad(old: object, value: object) -> Any:
    """A preset or an eagerness begins anew; other fields change what there is."""
    if not isinstance(value, Mapping) or not value or "eagerness" in value:
        return value
    if isinstance(old, str):
        return {"eagerness": old, **value}
    if isinstance(old, Mapping):
        return {**(old or {"eagerness": "auto"}), **value}
    return value


def _unmasked(one: object, index: int, old: object) -> object:
    """A fallback whose key is masked gets that of the old entry which is shown like that."""
    if not isinstance(one, Mapping):
        return one
    found = dict(one)
    entries = [entry for entry in old if isinstance(entry, Mapping)] if isinstance(old, Sequence) else []
    entries = [*entries[index : index + 1], *entries]
    for name, value in one.items():
        if _is_key(name) and isinstance(value, str) and value.startswith(MASK):
            keys = [
                entry[name]
                for entry in entries
                if isinstance(entry.get(name), str)
                and _mask(entry[name]) == value
                and _provider(entry) == _provider(one)
            ]
            found[name] = keys[0] if keys else ""
    return found
