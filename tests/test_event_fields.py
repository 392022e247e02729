"""What events say is possible: no length is negative, nothing ends before it began, and a turn is cut once."""

import math

import numpy as np
import pytest
from scenario import Line, voice

import talkpath as tp


def impossible(event):
    """The fields of an event that cannot be."""
    return {
        name: value
        for name, value in event.to_dict().items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not (math.isfinite(value) and value >= 0)
    }


def odd_line(seed):
    """A call in which both parties do what they like, on a line that does, too: its events."""
    rng = np.random.default_rng(seed)
    call = tp.CallPipeline(
        seed=seed,
        semantic_vad=["high", "medium", "low", "auto"][seed % 4],
        noise_cancellation=bool(rng.integers(2)),
        detection_method="audio" if seed % 3 == 0 else "disabled",
    )
    events, near, utterance = [], np.zeros(0), 0
    for _ in range(350):
        if len(near) < 160:
            kind, ms = rng.integers(4), int(rng.integers(20, 1800))
            level = 10 ** rng.uniform(-2.5, -0.3)
            said = voice(ms, 8000, int(rng.integers(8)), 130.0, 0.12) * level * 4 if kind < 2 else np.zeros(ms * 8)
            near = np.concatenate([near, said + rng.normal(0, 10 ** rng.uniform(0, 2.5), len(said))])
        what = rng.integers(60)
        if what == 0:
            utterance += 1
            call.speak(voice(int(rng.integers(1, 4)) * 500, 8000, 9), 8000, str(utterance), final=bool(rng.integers(2)))
        elif what == 1:
            call.interrupt()
        elif what == 2:
            call.transcript("so it is", final=bool(rng.integers(2)))
        elif what == 3:
            call.turn_probability(float(rng.random()))
        elif what == 4:
            call.pause()
        elif what == 5:
            call.resume()
        sent = call.transmit()
        frame = call.encode(np.clip(near[:160], -32768, 32767).astype(np.int16))
        near = near[160:]
        received = call.conceal() if rng.random() < 0.05 else call.receive(frame)
        events += [*sent.events, *received.events]
    return events


@pytest.mark.parametrize("seed", range(24))
def test_no_field_is_negative_or_no_number(seed):
    events = odd_line(seed)
    assert len(events) > 5
    for event in events:
        assert not impossible(event), event.to_dict()


@pytest.mark.parametrize(("agent_seed", "caller_seed"), [(2, 9), (8, 10), (9, 11)])
def test_speech_without_sound_is_none(agent_seed, caller_seed):
    """What the network takes for a voice while there is nothing: it began at 0.9 s and ended at 0, and the agent thought it was a turn."""
    x = Line(noise_dbov=-120)
    x.call.speak(voice(2000, 8000, agent_seed), 8000, "a", final=True)
    x.silent(600)
    x.say(1500, seed=caller_seed, pitch=130.0)
    x.run(3200)
    stops = x.of("user.speech_stopped")
    assert stops
    assert all(stop.duration_ms > 0 for stop in stops)


def test_a_turn_is_cut_once():
    """Who never stops, while the agent answers and is interrupted again and again: each turn is as long as it may be."""
    x = Line(semantic_vad={"max_turn_duration_ms": 2000})
    x.say(9000)
    answered = 0
    for _ in range(440):
        x.frame()
        if len(x.of("user.turn_completed")) > answered:
            answered += 1
            x.speak(3000, f"answer {answered}")
    assert len(x.of("agent.speech_interrupted")) >= 3
    turns = x.of("user.turn_completed")
    assert [turn.trigger for turn in turns] == ["max_duration"] * 4
    assert [turn.duration_ms for turn in turns] == pytest.approx([2000] * 4, abs=40)
    assert np.diff([turn.timestamp_ms for turn in turns]) == pytest.approx([2000] * 3, abs=20)
