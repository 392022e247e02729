"""The examples answer calls from a telephone system."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np

from asterisk.calls import AUDIOSOCKET, PLAIN, Way, run, telephone
from asterisk.compare import align, read_wav
from asterisk.install import sound
from asterisk.system import System
from talkpath import CallConfig

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def heard_from(system: System, example: dict[str, Any], way: Way, caller: str, **variables: str) -> np.ndarray:
    """What the caller of an example hears."""
    found: list[np.ndarray] = []

    async def main() -> None:
        async with telephone(system, example["answer"], config=example.get("config", CallConfig())) as lines:
            call = await lines.dial(way, caller, **variables)
            await lines.over(call)
            found.append((await lines.heard(call))[0])

    run(main())
    return found[0]


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def told(path: Path) -> str:
    """In a dialplan: without its ending."""
    return str(path.with_suffix(""))


def test_echo(system: System) -> None:
    prompt = sound(system.programs, "agent-pass")
    heard = heard_from(system, load("echo"), AUDIOSOCKET, "speak", SOUND=told(prompt), LISTEN_S="2")
    found = align(heard, read_wav(prompt)[0], 8000)
    assert found.start_ms > 900
    assert found.shift_ms <= 20
    assert found.usual_likeness > 0.95


def test_parrot(system: System) -> None:
    prompt = sound(system.programs, "agent-pass")
    heard = heard_from(system, load("parrot"), PLAIN, "speak", SOUND=told(prompt), LISTEN_S="6.5")
    found = align(heard, read_wav(prompt)[0], 8000)
    assert found.shift_ms <= 20
    assert found.usual_likeness > 0.95


def test_keypad_menu(system: System) -> None:
    """Orders, a number, and the agent hangs up."""
    menu = load("keypad_menu")
    heard = heard_from(system, menu, AUDIOSOCKET, "press", KEYS="1wwww12#", LISTEN_S="10")
    found = align(heard, menu["SHIPPED"], 8000)
    assert found.shift_ms <= 20
    assert found.usual_likeness > 0.95
    assert found.start_ms + 1000 * len(menu["SHIPPED"]) / 8000 <= 1000 * len(heard) / 8000


def test_voicemail_drop(system: System) -> None:
    """A machine: a greeting, a beep, and silence."""
    drop = load("voicemail_drop")
    greeting = [told(sound(system.programs, name)) for name in ("vm-isunavail", "vm-intro", "beep")]
    heard = heard_from(system, drop, PLAIN, "speak", SOUND="&".join(greeting), LISTEN_S="10")
    found = align(heard, drop["MESSAGE"], 8000)
    assert found.shift_ms <= 20
    assert found.usual_likeness > 0.95
