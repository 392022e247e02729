"""A message after the beep: generated voicemails through the serializer, on one timeline. `bench/pipecat/voicemails.py` dials a bot."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")
pytest.importorskip("scipy", reason="needs scipy")
sys.path.append(str(Path(__file__).parents[3] / "bench"))

from pipecat_line import PipecatLine
from voicemails import voicemail

from talkpath import CallConfig, g711
from talkpath.integrations.pipecat import BeepFrame
from talkpath.integrations.pipecat.events import frames_of
from talkpath.streams import Media

BEGINS_S = 0.5
HUM = (6000 * np.sin(2 * np.pi * 300 * np.arange(24000) / 24000)).astype(np.int16)


@pytest.mark.parametrize("number", range(8))
def test_it_begins_within_300_ms_of_the_beeps_end_and_never_before(number: int) -> None:
    mail = voicemail(7, number)
    sent = np.concatenate([np.zeros(round(8000 * BEGINS_S), np.int16), mail.pcm, np.zeros(8000, np.int16)])
    config = CallConfig(detection_method="audio", speaks_first="user", idle_timeout=None, comfort_noise_enabled=False)
    line = PipecatLine(
        config=config, caller=lambda i: g711.ulaw_encode(np.resize(sent[i * 160 :][:160], 160)), lag_s=0.04
    )
    deliver, beeps = line.deliver, []

    async def then_speak(data: str | bytes) -> None:
        await deliver(data)
        events = line.frames[-1][1].events if line.frames and line.frames[-1][0] == line.now else []
        if any(isinstance(frame, BeepFrame) for event in events for frame in frames_of(event)) and not beeps:
            beeps.append(line.now)
            line.say(line.now, HUM, 24000)

    line.deliver = then_speak  # type: ignore[method-assign]
    line.run(len(sent) / 8000 - 0.5)
    loud = [t for t, m in line.out if isinstance(m, Media) and np.abs(g711.ulaw_decode(m.payload)).max() > 1000]
    assert len(beeps) == 1, mail.described
    ends_s = 0.05 + BEGINS_S + mail.ends / 8000  # the phone's clock, on which it sends and plays
    assert 0.0 < loud[0] + line.lag_s - ends_s <= 0.3, mail.described
