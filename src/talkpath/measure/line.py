"""What the two sides of a recorded call say together: echo, dead air, talk-over, one-way audio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from talkpath._core import DelayEstimator, EchoCanceller
from talkpath._types import Samples
from talkpath.measure.frames import Mask, Spans, spans
from talkpath.measure.side import Side
from talkpath.measure.thresholds import (
    ABOVE_NOISE_DB,
    DEAD_AIR_MS,
    ECHO_SURE,
    FRAME,
    FRAME_MS,
    KEY_MS,
    ONE_WAY_CALL_MS,
    ONE_WAY_SILENT_MS,
    ONE_WAY_TALK_MS,
    RATE_HZ,
    SOUND_BLOCK_MS,
    SOUND_DBOV,
    TALK_OVER_MS,
)

_SOUND_FRAMES = SOUND_BLOCK_MS // FRAME_MS


class Echo(NamedTuple):
    """The agent's voice on the caller's side: how much later, in ms, and how much quieter, in dB (None: not known)."""

    delay_ms: float | None
    return_loss_db: float | None


def echo_of(caller: Samples, agent: Samples) -> Echo | None:
    """The echo in both sides' beginnings, at 8 kHz; None: there is none."""
    estimator = DelayEstimator(RATE_HZ)
    found = False
    for at in range(0, len(caller), RATE_HZ):
        estimator.process(caller[at : at + RATE_HZ], agent[at : at + RATE_HZ])
        estimate = estimator.estimate
        found |= estimate.delay_ms is not None and estimate.confidence >= ECHO_SURE
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
        if state.delay_ms is not None and likelihood >= ECHO_SURE and not state.double_talk:
            delays.append(state.delay_ms)
            if state.erl_db:
                losses.append(state.erl_db)
    if likelihood < ECHO_SURE or not delays:
        return None
    return Echo(round(float(np.median(delays)), 1), round(float(np.median(losses)), 1) if losses else None)


def _sounds(side: Side) -> Mask:
    """Something sounds, speech or not: half of the frames of a block are well above the noise floor."""
    threshold = max(32768.0**2 * 10 ** (SOUND_DBOV / 10), side.noise_power * 10 ** (ABOVE_NOISE_DB / 10))
    loud = side.power > threshold
    blocks = -(-len(loud) // _SOUND_FRAMES)
    padded = np.zeros(blocks * _SOUND_FRAMES, bool)
    padded[: len(loud)] = loud
    mostly = padded.reshape(-1, _SOUND_FRAMES).mean(axis=1) >= 0.5
    return np.repeat(mostly, _SOUND_FRAMES)[: len(loud)]


def dead_air(caller: Side, agent: Side | None, keys_ms: Iterable[float] = ()) -> Spans:
    """Stretches over 2 s in which nobody speaks and nothing sounds; from a network tone on the network speaks until somebody does.

    `keys_ms`: when keys were pressed that cannot be heard.
    """
    alive = caller.speaks | _sounds(caller)
    if agent is not None:
        alive |= agent.speaks | _sounds(agent)
    heard = [key.start_ms for side in (caller, agent) if side is not None for key in side.keys]
    for at_ms in (*heard, *keys_ms):
        alive[max(0, int(at_ms / FRAME_MS)) : int((at_ms + KEY_MS) / FRAME_MS)] = True
    for tone in caller.tones:
        start = max(0, int(tone.start_ms / FRAME_MS))
        later = caller.speech[caller.speech[:, 0] >= start]
        alive[start : later[0, 0] if len(later) else len(alive)] = True
    found = spans(~alive)
    return found[(found[:, 1] - found[:, 0]) * FRAME_MS > DEAD_AIR_MS]


def talk_over(both: Mask) -> Spans:
    """Where both speak long enough to be heard."""
    found = spans(both)
    return found[(found[:, 1] - found[:, 0]) * FRAME_MS >= TALK_OVER_MS]


def silent_side(caller: Side, agent: Side) -> str | None:
    """The side that cannot be heard while the other speaks; None: both can, or neither speaks."""
    talk_ms = {name: int(side.speaks.sum()) * FRAME_MS for name, side in (("caller", caller), ("agent", agent))}
    if caller.frames * FRAME_MS < ONE_WAY_CALL_MS:
        return None
    for name, other in (("caller", "agent"), ("agent", "caller")):
        if talk_ms[name] < ONE_WAY_SILENT_MS and talk_ms[other] >= ONE_WAY_TALK_MS:
            return name
    return None
