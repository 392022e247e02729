"""What the two sides of a recorded call say together: who answered, echo, dead air, talk-over, one-way audio."""

from __future__ import annotations

import numpy as np

from talkpath._core import DelayEstimator, EchoCanceller
from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import VoicemailDetected
from talkpath.call.pipeline import CallPipeline
from talkpath.scan.side import FRAME, FRAME_MS, RATE_HZ, Mask, Side, Spans, spans

ANSWER_S = 60  # who answered is said by then
DEAD_AIR_MS, TALK_OVER_MS = 2000, 300
SOUND_DBOV, SOUND_ABOVE_NOISE_DB, SOUND_FRAMES = -45.0, 10.0, 10
ONE_WAY_TALK_MS, ONE_WAY_SILENT_MS = 5000, 300
KEY_MS = 500  # a key and the way to the next one
_PERSON_BEEP_MS = 30_000  # so long after a person's greeting a beep may say that it was none
_SURE = 0.5
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
    call = CallPipeline(_ANSWER)
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


def echo(caller: Samples, agent: Samples) -> tuple[float, float | None] | None:
    """Delay in ms and return loss in dB of the agent's voice on the caller's side; None: there is no echo."""
    estimator = DelayEstimator(RATE_HZ)
    found = False
    for at in range(0, len(caller), RATE_HZ):
        estimator.process(caller[at : at + RATE_HZ], agent[at : at + RATE_HZ])
        estimate = estimator.estimate
        found |= estimate.delay_ms is not None and estimate.confidence >= _SURE
    if not found:
        return None
    # A delay may be invented on a line without echo: the canceller knows better, and knows the loss.
    canceller = EchoCanceller(RATE_HZ, suppress=False)
    delays: list[float] = []
    losses: list[float] = []
    likelihood = 0.0
    for at in range(0, len(caller) - FRAME + 1, 5 * FRAME):
        near, far = caller[at : at + 5 * FRAME], agent[at : at + 5 * FRAME]
        canceller.process(near, far)
        state = canceller.diagnostics
        if not state.far_active:
            continue
        likelihood = state.echo_likelihood
        if state.delay_ms is not None and likelihood >= _SURE and not state.double_talk:
            delays.append(state.delay_ms)
            if state.erl_db:
                losses.append(state.erl_db)
    if likelihood < _SURE or not delays:
        return None
    return round(float(np.median(delays)), 1), round(float(np.median(losses)), 1) if losses else None


def _sounds(side: Side) -> Mask:
    """Something sounds, speech or not: half of the frames of a fifth of a second are well above the noise floor."""
    threshold = max(32768.0**2 * 10 ** (SOUND_DBOV / 10), side.noise_power * 10 ** (SOUND_ABOVE_NOISE_DB / 10))
    loud = side.power > threshold
    blocks = -(-len(loud) // SOUND_FRAMES)
    padded = np.zeros(blocks * SOUND_FRAMES, bool)
    padded[: len(loud)] = loud
    mostly = padded.reshape(-1, SOUND_FRAMES).mean(axis=1) >= 0.5
    return np.repeat(mostly, SOUND_FRAMES)[: len(loud)]


def dead_air(caller: Side, agent: Side | None) -> Spans:
    """Stretches over 2 s in which nobody speaks and nothing sounds; from a network tone on the network speaks until somebody does."""
    alive = caller.speaks | _sounds(caller)
    if agent is not None:
        alive |= agent.speaks | _sounds(agent)
    for side in (caller, agent):
        for key in side.keys if side is not None else ():
            alive[max(0, int(key.start_ms / FRAME_MS)) : int((key.start_ms + KEY_MS) / FRAME_MS)] = True
    for tone in caller.tones:
        start = max(0, int(tone.start_ms / FRAME_MS))
        later = caller.speech[caller.speech[:, 0] >= start]
        alive[start : later[0, 0] if len(later) else len(alive)] = True
    found = spans(~alive)
    return found[(found[:, 1] - found[:, 0]) * FRAME_MS > DEAD_AIR_MS]


def talk_over(caller: Side, agent: Side) -> Spans:
    """Both speak."""
    found = spans(caller.speaks & agent.speaks)
    return found[(found[:, 1] - found[:, 0]) * FRAME_MS >= TALK_OVER_MS]


def silent_side(caller: Side, agent: Side) -> str | None:
    """The side that cannot be heard while the other speaks; None: both can, or neither speaks."""
    talk_ms = {name: int(side.speaks.sum()) * FRAME_MS for name, side in (("caller", caller), ("agent", agent))}
    for name, other in (("caller", "agent"), ("agent", "caller")):
        if talk_ms[name] < ONE_WAY_SILENT_MS and talk_ms[other] >= ONE_WAY_TALK_MS:
            return name
    return None
