"""Events of a call: their fields, their clocks, and one of a kind for each thing that happens."""

import dataclasses
import json

import numpy as np
import pytest
from scenario import Line, voice

import talkpath as tp
from talkpath.call import events as e

FIELDS = {
    "user.speech_started": {"onset_ms"},
    "user.speech_stopped": {"duration_ms", "onset_ms"},
    "user.turn_completed": {"trigger", "duration_ms", "turn_method", "turn_probability"},
    "user.state_changed": {"old_state", "new_state"},
    "user.backchannel": {"is_interruption", "probability", "detection_delay_ms", "total_duration_ms", "onset_ms"},
    "user.idle": {"retry_count", "reason"},
    "user.dtmf": {"digit"},
    "agent.state_changed": {"old_state", "new_state"},
    "agent.speech_started": {"utterance"},
    "agent.speech_completed": {"utterance", "playback_position_s"},
    "agent.speech_paused": set(),
    "agent.speech_interrupted": {"utterance", "playback_position_s", "dropped_marks"},
    "agent.speech_discarded": {"utterance"},
    "agent.speech_underrun": {"utterance"},
    "agent.false_interruption": {"resumed"},
    "dtmf.sent": {"digits"},
    "play.completed": {"name"},
    "mark.played": {"name"},
    "audio.cleared": set(),
    "voicemail.detected": {"result", "method"},
    "voicemail.beep": {"frequency_hz", "duration_ms"},
    "line.tone": {"tone", "plan"},
}
CLASSES = {cls.type: cls for cls in e.Event.__subclasses__()}


@pytest.mark.parametrize("kind", FIELDS)
def test_fields_of_an_event(kind):
    names = {f.name for f in dataclasses.fields(CLASSES[kind])}
    assert names == {"clock", "timestamp_ms"} | FIELDS[kind]


def test_events_are_values():
    event = e.UserDtmf("receive", 20.0, "5")
    assert event == e.UserDtmf("receive", 20.0, "5")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.digit = "6"
    assert event.to_dict() == {"type": "user.dtmf", "clock": "receive", "timestamp_ms": 20.0, "digit": "5"}


def test_clocks_say_whose_time_it_is():
    """Sent 15 frames ahead of what was received."""
    x = Line(semantic_vad="high")
    for _ in range(15):
        x.call.transmit()
    x.call.checkpoint("mark")
    x.speak(3000)
    x.run(1000)
    x.say(1500)
    x.run(3000)
    for event in x.events:
        if event.type.startswith("user."):
            assert event.clock == "receive"
        elif event.type in ("agent.speech_started", "agent.speech_interrupted", "mark.played", "turn.metrics"):
            assert event.clock == "transmit"
        assert 0 <= event.timestamp_ms <= (4000 if event.clock == "receive" else 4300)
    assert x.one("agent.speech_started").timestamp_ms == 300
    assert x.one("user.speech_started").onset_ms == pytest.approx(1000, abs=100)


def test_pause_by_the_orchestrator_is_on_the_clock_of_what_is_sent():
    x = Line()
    for _ in range(10):
        x.call.transmit()
    x.speak(3000)
    x.run(500)
    x.call.pause()
    x.run(100)
    paused = x.one("agent.speech_paused")
    assert (paused.clock, paused.timestamp_ms) == ("transmit", 700)


def test_nothing_said_between_two_frames_goes_back_in_time():
    """A clear ends with a fade, later than what is done next."""
    x = Line()
    x.speak(3000)
    x.run(500)
    x.call.clear_audio()
    x.speak(500, "b")
    x.call.pause()
    x.call.clear_audio()
    x.run(300)
    assert x.types() == [
        "agent.speech_started", "agent.speech_interrupted", "turn.metrics", "audio.cleared", "agent.speech_paused", "audio.cleared",
    ]  # fmt: skip
    times = [event.timestamp_ms for event in x.events if event.clock == "transmit"]
    assert times == sorted(times)


class Anything:
    """Frames and commands of any kind, in any order; either path may run ahead."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.call = tp.CallPipeline(
            frame_ms=int(rng.choice([10, 20, 40])),
            semantic_vad={"eagerness": "high", "min_interruption_words": int(rng.integers(0, 2))},
            idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 2},
            speaks_first=str(rng.choice(["agent", "user"])),
            wait_for_user_timeout_s=1.0,
            detection_method=str(rng.choice(["audio", "disabled"])),
        )
        self.n, self.events, self.names = self.call.config.frame_samples, [], 0
        keys = np.concatenate([tp.dtmf.generate("42"), voice(1500, seed=seed % 5 + 2, pitch=190.0)])
        self.caller = np.concatenate([np.zeros(4000, np.int16), keys, np.zeros(12000, np.int16), voice(300, seed=3)])

    def command(self):
        self.names += 1
        name = f"u{self.names}"
        do = {
            0: lambda: self.call.speak(voice(600), 8000, name, bool(self.names % 3)),
            1: lambda: self.call.send_dtmf("1"),
            2: lambda: self.call.checkpoint(name),
            3: self.call.clear_audio,
            4: self.call.interrupt,
            5: self.call.pause,
            6: self.call.resume,
            7: lambda: self.call.transcript("well then.", final=bool(self.names % 2)),
            8: lambda: self.call.turn_probability(0.9),
            9: self.call.extend_wait,
            10: lambda: self.call.silence(50),
        }
        do[int(self.rng.choice(11, p=[0.35, 0.05, 0.1, 0.05, 0.05, 0.1, 0.1, 0.1, 0.05, 0.025, 0.025]))]()

    def run(self, steps):
        at = 0
        for _ in range(steps):
            if self.rng.random() < 0.08:
                self.command()
            if self.rng.random() < 0.5:
                self.events += self.call.transmit().events
            else:
                near = self.caller[at : at + self.n]
                at = (at + self.n) % len(self.caller)
                near = np.pad(near, (0, self.n - len(near)))
                self.events += self.call.receive(self.call.encode(near)).events
        self.events += self.call.hangup()


@pytest.mark.parametrize("seed", range(12))
def test_time_never_goes_back_on_one_clock(seed):
    x = Anything(seed)
    x.run(1200)
    newest = {"receive": 0.0, "transmit": 0.0}
    assert len({event.type for event in x.events}) > 6
    for event in x.events:
        assert event.timestamp_ms >= newest[event.clock], event
        newest[event.clock] = event.timestamp_ms
        d = json.loads(json.dumps(event.to_dict()))
        assert (d["type"], d["clock"], d["timestamp_ms"]) == (event.type, event.clock, event.timestamp_ms)


# --- each overlap once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["high", "medium", "low"])
@pytest.mark.parametrize("ms", [200, 1400])
def test_an_overlap_is_classified_once(preset, ms):
    x = Line(semantic_vad=preset)
    x.speak(8000)
    x.run(2400)
    x.say(ms)
    x.run(3000)
    overlap = x.one("user.backchannel")
    assert overlap.is_interruption == (ms == 1400)
    assert len(x.of("agent.speech_interrupted")) == overlap.is_interruption
    assert overlap.onset_ms == x.one("user.speech_started").onset_ms == x.one("user.speech_stopped").onset_ms
    assert overlap.detection_delay_ms == pytest.approx(overlap.timestamp_ms - overlap.onset_ms)
    assert 0 < overlap.probability <= 1
    if not overlap.is_interruption:
        assert overlap.total_duration_ms == x.one("user.speech_stopped").duration_ms
        assert overlap.probability < 1


def test_a_false_interruption_is_no_backchannel_too():
    x = Line(semantic_vad={"eagerness": "high", "min_interruption_words": 2})
    x.speak(6000)
    x.run(2400)
    x.say(700)
    x.run(4000)
    assert x.one("agent.false_interruption").resumed is True
    assert not x.of("user.backchannel")


def test_the_orchestrators_pause_outlasts_a_false_interruption():
    x = Line(semantic_vad={"eagerness": "high", "min_interruption_words": 2})
    x.speak(6000)
    x.run(2400)
    x.say(700)
    x.run(600)
    x.one("agent.speech_paused")
    x.call.pause()
    x.run(3000)
    assert x.one("agent.false_interruption").resumed is False
    assert x.silent_wire(4500, 6000)
    x.call.resume()
    x.run(5000)
    assert x.one("agent.speech_completed").playback_position_s == 6.0


# --- turns ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "text", "expected"),
    [
        (0.9, None, ("silence", "model")),
        (0.1, None, ("silence", "model")),
        (None, None, ("silence", "silence")),
        (None, "That is all.", ("text", "text")),
        (None, "that is because", ("silence", "silence")),
        (0.9, "That is all.", ("silence", "model")),
    ],
)
def test_a_turn_says_what_decided_it(p, text, expected):
    x = Line()
    x.say(900)
    x.run(1000)
    if p is not None:
        x.call.turn_probability(p)
    if text is not None:
        x.call.transcript(text, final=True)
    x.run(3000)
    turn = x.one("user.turn_completed")
    assert (turn.trigger, turn.turn_method) == expected
    assert turn.turn_probability == (None if p is None else pytest.approx(p))


def test_an_endless_turn_says_so():
    x = Line(semantic_vad={"max_turn_duration_ms": 2000})
    x.say(3500)
    x.run(3000)
    turn = x.one("user.turn_completed")
    assert (turn.trigger, turn.turn_method, turn.turn_probability) == ("max_duration", "silence", None)


def test_an_agent_is_idle_before_the_first_word():
    x = Line()
    assert x.call.state == ("listening", "idle")
    x.run(500)
    assert x.call.state.agent == "idle"
    x.speak(300)
    x.run(1000)
    steps = [(event.old_state, event.new_state) for event in x.of("agent.state_changed")]
    assert steps == [("idle", "speaking"), ("speaking", "listening")]
