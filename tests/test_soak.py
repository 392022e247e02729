"""Some minutes of bench/soak_call.py, which does a day."""

import sys

import pytest
from conftest import ROOT

sys.path[:0] = [str(ROOT / "bench")]
from soak_call import soak  # noqa: E402


@pytest.mark.parametrize("seed", [1, 2])
def test_a_while_of_everything(seed):
    found = soak(0.05, 0.05, seed=seed, tell=lambda line: None)
    assert found["replayed"]
    assert found["positions"] > 3
    assert found["worst_position_ms"] <= 1
    assert {"agent.speech_interrupted", "user.dtmf", "mark.played", "play.completed", "user.turn_completed"} <= set(
        found["kinds"]
    )
