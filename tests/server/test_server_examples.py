"""The examples for `talkpath serve`, each answering a scripted phone over a loopback socket."""

import asyncio
import importlib
from collections.abc import Mapping

import numpy as np
import pytest
from conftest import ROOT
from scenario import voice
from scipy import signal
from scripted_phone import Phone

from talkpath.streams import ClearRequest

pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
from talkpath.server import MediaServer

pytestmark = pytest.mark.realtime


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


def dial(
    module: object,
    seconds: float,
    says: np.ndarray | None = None,
    keys: Mapping[float, str] | None = None,
    dialect: str = "plivo",
) -> Phone:
    """One call to an example, with its `config` where it has one."""
    phone = Phone(dialect)

    async def main() -> None:
        async with MediaServer(module.answer, config=getattr(module, "config", None), port=0) as server:
            await phone.call(f"ws://127.0.0.1:{server.port}/{dialect}", seconds, says, keys)

    asyncio.run(main())
    return phone


def holds(heard: np.ndarray, phrase: np.ndarray) -> float:
    """How much like it the most similar piece of what was heard is: 1: the same, at any level."""
    if len(heard) < len(phrase):
        return 0.0
    x, p = heard.astype(float), phrase.astype(float)
    dot = signal.fftconvolve(x, p[::-1], "valid")
    power = signal.fftconvolve(x**2, np.ones(len(p)), "valid")
    return float((dot / np.sqrt(np.maximum(power, 1e3) * (p @ p))).max())


def place(heard: np.ndarray, piece: np.ndarray) -> int:
    """Where in what was heard a piece sounds."""
    return int(signal.fftconvolve(heard.astype(float), piece[::-1].astype(float), "valid").argmax())


def test_echo(example) -> None:
    said = np.concatenate([voice(1200, seed=3), np.zeros(1600, np.int16), voice(800, seed=4, pitch=180.0)])
    heard = dial(example("echo"), 3.6, said).heard
    assert holds(heard, said) > 0.97  # all of it
    assert holds(heard, said[::-1]) < 0.5
    delays = [place(heard, said[at : at + 1600]) - at for at in (0, 2400, 4800, 7600, 11200, 14000)]
    assert max(delays) - min(delays) <= 2  # in one piece, at its own pace


def test_the_keypad_menu(example) -> None:
    menu = example("keypad_menu")
    phone = dial(menu, 20, keys={1.0: "5", 2.6: "9", 3.2: "1", 5.4: "4", 5.6: "7", 5.8: "#"})
    heard = phone.heard
    assert holds(heard, menu.MENU[:8000]) > 0.9
    assert holds(heard, menu.MENU) < 0.8  # a key cut it short, three times
    assert holds(heard, menu.WRONG) > 0.8
    assert holds(heard, menu.NUMBER) > 0.9
    assert holds(heard, menu.SHIPPED) > 0.9  # and then it hung up
    assert len(heard) < 12 * 8000
    assert phone.messages.count(ClearRequest()) >= 3


@pytest.mark.slow
def test_nobody_presses_a_key(example, monkeypatch: pytest.MonkeyPatch) -> None:
    menu = example("keypad_menu")
    monkeypatch.setattr(menu, "WAIT_S", 0.5)
    phone = dial(menu, 40)
    assert holds(phone.heard, menu.MENU) > 0.9
    assert 3 * len(menu.MENU) < len(phone.heard) < 5 * len(menu.MENU)


@pytest.mark.slow
def test_the_hours_are_struck(example) -> None:
    menu = example("keypad_menu")
    phone = dial(menu, 9, keys={0.5: "2"})
    assert holds(phone.heard, menu.HOURS) > 0.9


BEEP = (6000 * np.sin(2 * np.pi * 1000 * np.arange(3360) / 8000)).astype(np.int16)


@pytest.mark.slow
def test_a_machine_gets_the_message_after_its_beep(example) -> None:
    drop = example("voicemail_drop")
    quiet = np.zeros(4000, np.int16)
    greeting = np.concatenate([quiet, voice(3500, seed=7), quiet, BEEP])
    phone = dial(drop, 25, greeting)
    heard = phone.heard
    assert holds(heard, drop.MESSAGE) > 0.9
    assert not np.abs(heard[: len(greeting) - 4000]).max() > 500  # nothing before the beep
    assert len(heard) < 15 * 8000  # and then it hung up


@pytest.mark.slow
def test_a_person_is_greeted(example) -> None:
    drop = example("voicemail_drop")
    phone = dial(drop, 6, np.concatenate([np.zeros(4000, np.int16), voice(600, seed=8)]))
    assert holds(phone.heard, drop.HELLO) > 0.9
    assert holds(phone.heard, drop.MESSAGE) < 0.8
