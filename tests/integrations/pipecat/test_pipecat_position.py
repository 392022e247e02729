"""Where the agent was interrupted, against what the dialled phone recorded."""

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")

from pipecat_phone import PipecatPhone

from talkpath import CallConfig
from talkpath.phone import CallPlan, parse_line
from talkpath.phone.script import InterruptAfter, Say, Script, Wait

CALLER = Script((InterruptAfter(2.0), Say(seconds=1.6), Wait(1.0)))
CONFIG = CallConfig(comfort_noise_enabled=False, idle_timeout=None, normalize_level=False)
HUM = (6000 * np.sin(2 * np.pi * 300 * np.arange(8 * 24000) / 24000)).astype(np.int16)


@pytest.mark.parametrize("line", ["clean", "landline", "speakerphone"])
@pytest.mark.parametrize("provider", ["plivo", "twilio", "telnyx"])
@pytest.mark.parametrize("phase", [0.0, 0.45, 0.9])
def test_it_is_within_a_frame_of_what_the_phone_recorded(provider: str, line: str, phase: float) -> None:
    plan = CallPlan(provider=provider, caller=CALLER, line=parse_line(line), record=True)
    call = PipecatPhone(plan, HUM, CONFIG, phase=phase).run()
    loud = np.flatnonzero(np.abs(call.phone.heard.astype(np.int32)) > 300)
    recorded_s = (loud[-1] - loud[0] + 1) / 8000
    assert recorded_s > 2.0
    assert [abs(told.heard_s - recorded_s) <= 0.02 for told in call.heard] == [True], (call.heard, recorded_s)
