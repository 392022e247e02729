"""Every example runs, and its story is the one it tells."""

import subprocess
import sys

import pytest
from conftest import ROOT

STORIES = {
    "barge_in_with_resume": ["agent.speech_paused", "agent.false_interruption", "agent.speech_interrupted"],
    "hold_music": ["user.speech_started", "play.completed", "I am back"],
    "outbound_voicemail_drop": [
        "voicemail.detected",
        "voicemail.beep",
        "agent.speech_completed",
        "mark.played",
        "hang up",
    ],
    "ivr_navigation": ["user.turn_completed", "dtmf.sent", "the menu hears: 14711#", "user.dtmf"],
    "commands_from_other_threads": [
        "24000 samples were taken; then a FormatError",
        "agent.speech_completed",
        "asyncio",
        "agent.speech_completed",
    ],
    "typing_while_a_tool_runs": ["let me check", "tool_called", "typing: -", "it arrives tomorrow"],
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"], capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    at = 0
    for step in STORIES[name]:
        found = done.stdout.find(step, at)
        assert found >= 0, f"{step!r} is missing after offset {at} of:\n{done.stdout}"
        at = found
