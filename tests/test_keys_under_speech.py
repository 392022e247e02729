"""The caller presses keys while the agent speaks and its echo comes back: every key is heard, and none of them is an interruption."""

import numpy as np
import pytest
from scenario import Line

import talkpath as tp

KEYS = "1470258369*#"


def pressed(line: Line, level_dbov: float, gap_ms: int, after_ms: int = 0) -> np.ndarray:
    pieces = [np.zeros(line.rate, np.int16)]
    for key in KEYS:
        pieces += [tp.dtmf.generate(key, line.rate, 100, 0, level_dbov), np.zeros(gap_ms * line.rate // 1000, np.int16)]
    return np.concatenate([*pieces, np.zeros(after_ms * line.rate // 1000, np.int16)])


@pytest.mark.parametrize("level_dbov", [-10, -17, -22])
@pytest.mark.parametrize(
    ("echo_db", "echo_ms", "gap_ms"), [(-15, 40, 550), (-15, 200, 550), (-22, 320, 400), (-30, 120, 250)]
)
def test_keys_interrupt_nobody(echo_db: float, echo_ms: int, gap_ms: int, level_dbov: float) -> None:
    line = Line(echo_db=echo_db, echo_ms=echo_ms, semantic_vad="high")
    line.speak(12_000)
    line.caller = pressed(line, level_dbov, gap_ms)
    line.run(11_000)
    assert "".join(e.digit for e in line.of("user.dtmf")) == KEYS
    assert line.of("agent.speech_paused", "agent.speech_interrupted") == []


@pytest.mark.parametrize("level_dbov", [-10, -20])
def test_who_speaks_after_a_key_interrupts(level_dbov: float) -> None:
    line = Line(echo_db=-20, echo_ms=160, semantic_vad="high")
    line.speak(12_000)
    line.caller = pressed(line, level_dbov, 400)
    line.say(2000)
    line.run(12_000)
    spoke_at_ms = 1000 + len(KEYS) * 500
    paused = line.one("agent.speech_paused")
    assert spoke_at_ms + 280 < paused.timestamp_ms < spoke_at_ms + 700
