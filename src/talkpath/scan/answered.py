"""Who answered a recorded call: the verdict that the engine would have given on the live one."""

from __future__ import annotations

from functools import cache

import numpy as np

from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import VoicemailDetected
from talkpath.call.pipeline import CallPipeline
from talkpath.measure.frames import Spans, spans
from talkpath.measure.side import Side
from talkpath.measure.thresholds import FRAME, FRAME_MS, RATE_HZ

ANSWER_S = 60  # who answered is said by then
_PERSON_BEEP_MS = 30_000  # so long after a person's greeting a beep may say that it was none
_ANSWER = CallConfig(
    stream="audio/x-l16;rate=8000", audio_format="pcm_8k", detection_method="audio", comfort_noise_enabled=False,
    normalize_level=False, allow_interruptions=False, idle_timeout=None, seed=1,
)  # fmt: skip


def may_be_known(caller: Side) -> bool:
    """False: too short, whoever answered. A machine is known by a long greeting or a beep, a person by the silence after a short one, and
    nobody after ten seconds; half a second less is asked for here."""
    judged = caller.probabilities[: ANSWER_S * 1000 // FRAME_MS]
    heard = np.flatnonzero(judged >= 0.3)
    if caller.beeps or len(judged) * FRAME_MS >= 9500:
        return True
    if not len(heard):
        return False
    later = judged[heard[0] :]
    pauses = spans(later < 0.7)
    longest = int((pauses[:, 1] - pauses[:, 0]).max(initial=0))
    return len(later) * FRAME_MS >= 2900 or longest * FRAME_MS >= 400


@cache
def _line() -> CallPipeline:
    """One for all recordings of a process: a reset is cheaper than a new one, and the same."""
    return CallPipeline(_ANSWER)


def who_answered(heard: Side, caller: Samples, agent: Samples | None, agent_speech: Spans) -> VoicemailDetected | None:
    """The verdict that the engine would have given on the live call, and when; None: the recording ended first.

    Parameters
    ----------
    heard : Side
        The caller, wholly: without a beep nothing is waited for after a person's greeting.
    caller, agent : ndarray[int16]
        The beginning of both sides.
    agent_speech : ndarray, shape (n, 2)
        When the agent speaks, in frames.
    """
    if not may_be_known(heard):
        return None
    call = _line()
    call.reset()
    verdict: VoicemailDetected | None = None
    until = min(len(caller), ANSWER_S * RATE_HZ) // FRAME
    payload = memoryview(call.encode(caller[: (ANSWER_S * 1000 + _PERSON_BEEP_MS) * RATE_HZ // 1000]))
    size = FRAME * call.config.wire.sample_bytes
    said = {int(start): int(stop) for start, stop in agent_speech} if agent is not None else {}
    i = 0
    while i < until:
        if agent is not None:
            if i in said:
                call.speak(agent[i * FRAME : said[i] * FRAME], RATE_HZ, "agent", True)
            call.transmit()
        received = call.receive(payload[i * size : (i + 1) * size])
        i += 1
        for event in received.events:
            if isinstance(event, VoicemailDetected):
                verdict = event
        if verdict is None or verdict.result == "unknown":
            continue
        first, last = verdict.timestamp_ms - 1000, verdict.timestamp_ms + _PERSON_BEEP_MS
        if verdict.result == "machine" or not any(first <= beep.end_ms <= last for beep in heard.beeps):
            break
        until = min(len(caller) // FRAME, int(last / FRAME_MS))
    return verdict
