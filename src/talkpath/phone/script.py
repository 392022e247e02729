"""What a caller does: steps, from Python or YAML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from talkpath import dtmf
from talkpath.errors import ConfigError, TalkpathError

MAX_SAY_S = 600.0  # it is made before the first call

FAIL, GO_ON, HANG_UP = "fail", "go_on", "hang_up"


@dataclass(frozen=True, slots=True)
class Say:
    """Speak: files, one after the other, or for `seconds` with a voice that needs none (`voice`: which, None: this call's own)."""

    files: tuple[Path, ...] = ()
    seconds: float = 1.6
    voice: int | None = None
    level_dbov: float = -20.0


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys. `by`: "message" of the provider, "sound" in band, or "both". A dialect without the message gets the sound."""

    keys: str
    by: str = "message"


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Listen until the agent speaks ("speech"), or has been silent for `for_ms` ("silence").

    `on_timeout`: "fail": a check has failed, and the script goes on; "go_on"; "hang_up": a check has failed, and the call ends.
    """

    what: str
    for_ms: float = 700.0
    timeout_s: float = 15.0
    on_timeout: str = FAIL


@dataclass(frozen=True, slots=True)
class InterruptAfter:
    """Listen until the agent has spoken for so long without a pause of 300 ms; what the next step says then interrupts it."""

    seconds: float
    timeout_s: float = 20.0
    on_timeout: str = FAIL


@dataclass(frozen=True, slots=True)
class Repeat:
    """Do `steps` so often; None: until the call ends."""

    steps: tuple[Step, ...]
    times: int | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Step: TypeAlias = Say | Press | Wait | WaitFor | InterruptAfter | Repeat | HangUp


@dataclass(frozen=True, slots=True)
class Script:
    """A caller.

    Attributes
    ----------
    steps : tuple of steps
        The call ends after the last one.
    name : str
    """

    steps: tuple[Step, ...]
    name: str = ""


_TURN = (Say(), WaitFor("speech", timeout_s=5, on_timeout=GO_ON), WaitFor("silence", timeout_s=10, on_timeout=GO_ON))
_GREETING = (WaitFor("speech", timeout_s=3, on_timeout=GO_ON), WaitFor("silence", timeout_s=15, on_timeout=GO_ON))

SCRIPTS = {
    script.name: script
    for script in (
        Script((*_GREETING, Repeat(_TURN, 2), HangUp()), "talker"),
        Script((WaitFor("silence", for_ms=1e9, timeout_s=1e9, on_timeout=GO_ON),), "silent"),
        Script((*_GREETING, Repeat(_TURN)), "chatter"),
        Script(
            (Repeat((InterruptAfter(2.0, timeout_s=8, on_timeout=GO_ON), Say(),
                     WaitFor("silence", timeout_s=8, on_timeout=GO_ON))),),
            "interrupter",
        ),
    )
}  # fmt: skip


def load_script(name: str | Path) -> Script:
    """A caller by its name (`talker`, `silent`, `chatter`, `interrupter`), a WAV file that is said, or a YAML file.

    Raises
    ------
    ConfigError
        There is no such caller, or the file says something that is no script; the message names the step.
    """
    text = str(name)
    if text in SCRIPTS:
        return SCRIPTS[text]
    path = Path(name)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _load_yaml(path)
    if path.suffix.lower() == ".wav":
        if not path.is_file():
            raise ConfigError(f"caller: there is no file {text!r}")
        said = (Say((path,)), WaitFor("speech", timeout_s=5, on_timeout=GO_ON))
        return Script((*_GREETING, *said, _TURN[2], HangUp()), path.stem)
    raise ConfigError(f"caller: {', '.join(SCRIPTS)}, a .yaml or a .wav file is expected (got {text!r})")


def _load_yaml(path: Path) -> Script:
    try:
        import yaml
    except ImportError as problem:
        raise ConfigError("a caller in YAML needs the extra 'phone': pip install 'talkpath[phone]'") from problem
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return read_script(found, name=path.stem, folder=path.parent)
    except OSError as problem:
        raise ConfigError(f"caller: {path}: {problem.strerror or problem}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f"caller: {path}: {problem}") from None
    except RecursionError:  # an alias of YAML inside what it stands for
        raise ConfigError(f"caller: {path}: steps are inside themselves, or too deep") from None


def read_script(found: object, *, name: str = "", folder: Path | None = None) -> Script:
    """A script from what YAML or JSON gives: a list of steps, or an object with `steps` (and `name`).

    Parameters
    ----------
    found : list or dict
    name : str
        Where it has none.
    folder : Path, optional
        Where its files lie.
    """
    if isinstance(found, Mapping):
        name = str(found.get("name", name))
        _only(found, {"name", "steps"}, "script")
        found = found.get("steps")
    return Script(_steps(found, "steps", folder or Path()), name)


def _steps(found: object, where: str, folder: Path) -> tuple[Step, ...]:
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        raise ConfigError(f"{where}: a list of steps is expected")
    return tuple(_step(step, f"{where}[{i}]", folder) for i, step in enumerate(found))


def _step(found: object, where: str, folder: Path) -> Step:
    if isinstance(found, str):
        found = {found: None}
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where}: a step is expected (got {found!r})")
    kinds = [key for key in found if key in _READERS]
    if len(kinds) != 1:
        raise ConfigError(
            f"{where}: exactly one of {', '.join(_READERS)} is expected (got {', '.join(map(str, found))})"
        )
    try:
        return _READERS[kinds[0]](found, f"{where}.{kinds[0]}", folder)  # type: ignore[no-any-return]
    except ConfigError:
        raise
    except (TypeError, ValueError, OverflowError, TalkpathError) as problem:
        raise ConfigError(f"{where}.{kinds[0]}: {problem}") from None


def _only(found: Mapping[Any, Any], known: set[str], where: str) -> None:
    other = [key for key in found if key not in known]
    if other:
        raise ConfigError(f"{where}: {', '.join(sorted(known))} are known (got {', '.join(map(str, other))})")


def _number(
    found: Mapping[Any, Any],
    key: str,
    where: str,
    default: float | None = None,
    least: float = 0.0,
    most: float = math.inf,
) -> float:
    value = found.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        range_ = f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
        raise ConfigError(f"{where}: {key}: a number {range_} is expected (got {value!r})")
    return float(value)


def _say(found: Mapping[Any, Any], where: str, folder: Path) -> Say:
    what = found["say"]
    _only(found, {"say", "level_dbov"}, where)
    level = _number(found, "level_dbov", where, -20.0, -80.0, 0.0)
    if what is None:
        return Say(level_dbov=level)
    if isinstance(what, Mapping):
        _only(what, {"seconds", "voice"}, where)
        voice = None if what.get("voice") is None else int(_number(what, "voice", where))
        return Say(seconds=_number(what, "seconds", where, 1.6, 0.02, MAX_SAY_S), voice=voice, level_dbov=level)
    names = [what] if isinstance(what, str) else what
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names) or not names:
        raise ConfigError(f"{where}: a file, a list of files, or seconds and voice are expected (got {what!r})")
    files = tuple(folder / name for name in names)
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{where}: there is no file {str(file)!r}")
    return Say(files, level_dbov=level)


def _press(found: Mapping[Any, Any], where: str, _: Path) -> Press:
    _only(found, {"press", "by"}, where)
    if isinstance(found["press"], int) and found["press"] > 9:  # 012 is ten in YAML
        raise ConfigError(f"{where}: put keys into quotes (got {found['press']!r})")
    keys, by = str(found["press"]), str(found.get("by", "message"))
    dtmf.check(keys)
    if by not in ("message", "sound", "both"):
        raise ConfigError(f"{where}: by: message, sound or both is expected (got {by!r})")
    return Press(keys.upper(), by)


def _on_timeout(found: Mapping[Any, Any], where: str) -> str:
    value = str(found.get("on_timeout", FAIL))
    if value not in (FAIL, GO_ON, HANG_UP):
        raise ConfigError(f"{where}: on_timeout: {FAIL}, {GO_ON} or {HANG_UP} is expected (got {value!r})")
    return value


def _wait_for(found: Mapping[Any, Any], where: str, _: Path) -> WaitFor:
    _only(found, {"wait_for", "for_ms", "timeout_s", "on_timeout"}, where)
    what = str(found["wait_for"])
    if what not in ("speech", "silence"):
        raise ConfigError(f"{where}: speech or silence is expected (got {what!r})")
    for_ms = _number(found, "for_ms", where, 700.0 if what == "silence" else 0.0)
    return WaitFor(what, for_ms, _number(found, "timeout_s", where, 15.0), _on_timeout(found, where))


def _interrupt(found: Mapping[Any, Any], where: str, _: Path) -> InterruptAfter:
    _only(found, {"interrupt_after", "timeout_s", "on_timeout"}, where)
    seconds = _number(found, "interrupt_after", where)
    return InterruptAfter(seconds, _number(found, "timeout_s", where, 20.0), _on_timeout(found, where))


def _repeat(found: Mapping[Any, Any], where: str, folder: Path) -> Repeat:
    _only(found, {"repeat", "steps"}, where)
    times = None if found["repeat"] in (None, "forever") else int(_number(found, "repeat", where, least=1))
    return Repeat(_steps(found.get("steps"), f"{where}.steps", folder), times)


def _wait(found: Mapping[Any, Any], where: str, _: Path) -> Wait:
    _only(found, {"wait"}, where)
    return Wait(_number(found, "wait", where))


def _hang_up(found: Mapping[Any, Any], where: str, _: Path) -> HangUp:
    _only(found, {"hang_up"}, where)
    return HangUp()


_READERS: dict[str, Any] = {
    "say": _say,
    "press": _press,
    "wait": _wait,
    "wait_for": _wait_for,
    "interrupt_after": _interrupt,
    "repeat": _repeat,
    "hang_up": _hang_up,
}
