"""Who answers which number, for the simulated carrier: from TOML, or everybody says hello."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from talkpath import dtmf
from talkpath._types import Samples
from talkpath.errors import ConfigError, TalkpathError
from talkpath.phone import Line, Press, Say, Script, Wait, WaitFor, load_script, parse_line, read_script
from talkpath.phone.script import GO_ON, Step
from talkpath.wav import write_wav

ANSWERS = ("human", "machine", "busy", "rejects", "rings", "no_route")
HELLO_S, GREETING_S = 0.8, 5.0  # a person, a machine
PAUSE_S = 0.3  # before the first word, and between a machine's last one and its beep
KEYS_AFTER_S = 1.0
BEEP_HZ, BEEP_S, BEEP_DBOV, RATE_HZ = 1000.0, 0.4, -12.0, 8000
_FIELDS = {"answers", "after_s", "wav", "beep", "beep_hz", "keys", "script", "steps", "line", "duration_s"}
_LISTEN = WaitFor("silence", for_ms=1e9, timeout_s=1e9, on_timeout=GO_ON)


@dataclass(frozen=True, slots=True)
class Entry:
    """What happens when a number is dialled: `answers` is one of `ANSWERS`, after `after_s` of ringing."""

    answers: str = "human"
    after_s: float = 1.0
    script: Script = field(default_factory=lambda: Script((), ""))
    line: Line = field(default_factory=Line)
    duration_s: float = 3600.0

    @property
    def talks(self) -> bool:
        """Somebody, or something, takes the call."""
        return self.answers in ("human", "machine")


class PhoneBook:
    """Numbers and who they are.

    Attributes
    ----------
    default : Entry
        Of all other numbers.
    record : Path or None
        Where each phone leaves what it heard and what it sent.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, Entry] = {}
        self.default = Entry(script=_person(None, ""))
        self.record: Path | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # of beeps; goes with the book

    def entry(self, number: str) -> Entry:
        """Of this number."""
        return self.numbers.get(number, self.default)

    @property
    def entries(self) -> list[Entry]:
        """All of them."""
        return [self.default, *self.numbers.values()]

    def beep(self, hz: float) -> Path:
        """A file with a machine's beep."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="talkpath-")
        path = Path(self._folder.name) / f"beep-{hz:g}.wav"
        if not path.exists():
            write_wav(path, _tone(hz), RATE_HZ)
        return path


def default_book() -> PhoneBook:
    """Every number is a person who answers after 1 s and says hello."""
    return PhoneBook()


def load_book(path: Path) -> PhoneBook:
    """A phone book from TOML; see docs/agentstack/carriers.md.

    Raises
    ------
    ConfigError
        The file is not there, or says something that cannot be; the message names the field.
    """
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(f"simulated carrier: {path}: {problem}") from None
    return read_book(found, path.parent)


def read_book(found: Mapping[str, Any], folder: Path) -> PhoneBook:
    """A phone book from what TOML gives; `folder`: where its files lie."""
    book = PhoneBook()
    _only(found, {"default", "numbers", "record"}, "simulated carrier")
    if "record" in found:
        book.record = folder / str(found["record"])
    if "default" in found:
        book.default = _entry(book, found["default"], "default", folder)
    numbers = found.get("numbers", {})
    if not isinstance(numbers, Mapping):
        raise ConfigError("numbers: a table is expected")
    for number, entry in numbers.items():
        book.numbers[number] = _entry(book, entry, f'numbers."{number}"', folder)
    return book


def _entry(book: PhoneBook, found: object, where: str, folder: Path) -> Entry:
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where}: a table is expected")
    _only(found, _FIELDS, where)
    answers = found.get("answers", "human")
    if answers not in ANSWERS:
        raise ConfigError(f"{where}.answers: one of {', '.join(ANSWERS)} is expected (got {answers!r})")
    try:
        return Entry(
            answers=answers,
            after_s=_number(found, "after_s", where, 1.0),
            script=_script(book, found, answers, where, folder),
            line=parse_line(str(found.get("line", "clean"))),
            duration_s=_number(found, "duration_s", where, 3600.0),
        )
    except TalkpathError as problem:
        raise problem if str(problem).startswith(where) else ConfigError(f"{where}: {problem}") from None


def _script(book: PhoneBook, found: Mapping[str, Any], answers: str, where: str, folder: Path) -> Script:
    if sum(name in found for name in ("script", "steps", "wav")) > 1:
        raise ConfigError(f"{where}: one of script, steps and wav is expected")
    if "steps" in found:
        return read_script({"steps": found["steps"], "name": answers}, folder=folder)
    if "script" in found:
        name = str(found["script"])
        return load_script(folder / name if name.lower().endswith((".yaml", ".yml", ".wav")) else name)
    wav = folder / str(found["wav"]) if "wav" in found else None
    if wav is not None and not wav.is_file():
        raise ConfigError(f"{where}.wav: there is no file {str(wav)!r}")
    keys = str(found.get("keys", ""))
    if keys:
        dtmf.check(keys)
    if answers != "machine":
        return _person(wav, keys)
    beeps = found.get("beep", True)
    if not isinstance(beeps, bool):
        raise ConfigError(f"{where}.beep: true or false is expected (got {beeps!r})")
    return _machine(wav, book.beep(_number(found, "beep_hz", where, BEEP_HZ)) if beeps else None, keys)


def _person(wav: Path | None, keys: str) -> Script:
    return Script((Wait(PAUSE_S), _say(wav, HELLO_S), *_press(keys), _LISTEN), "human")


def _machine(wav: Path | None, beep: Path | None, keys: str) -> Script:
    tone: tuple[Step, ...] = () if beep is None else (Wait(PAUSE_S), Say((beep,)))
    return Script((Wait(PAUSE_S), _say(wav, GREETING_S), *tone, *_press(keys), _LISTEN), "machine")


def _say(wav: Path | None, seconds: float) -> Say:
    return Say(seconds=seconds, voice=1) if wav is None else Say((wav,))


def _press(keys: str) -> tuple[Step, ...]:
    return (Wait(KEYS_AFTER_S), Press(keys.upper())) if keys else ()


def _tone(hz: float) -> Samples:
    n = np.arange(round(BEEP_S * RATE_HZ))
    edge = np.minimum(1, np.minimum(n, n[::-1]) / (0.005 * RATE_HZ))
    peak = 32768 * 10 ** (BEEP_DBOV / 20) * np.sqrt(2)
    pcm: Samples = np.rint(peak * edge * np.sin(2 * np.pi * hz * n / RATE_HZ)).astype(np.int16)
    return pcm


def _only(found: Mapping[str, Any], known: set[str], where: str) -> None:
    other = [key for key in found if key not in known]
    if other:
        raise ConfigError(f"{where}: {', '.join(sorted(known))} are known (got {', '.join(other)})")


def _number(found: Mapping[str, Any], key: str, where: str, default: float) -> float:
    value = found.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ConfigError(f"{where}.{key}: a number from 0 on is expected (got {value!r})")
    return float(value)
