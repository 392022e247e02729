"""Who answers what, and when: keys, early answers, what was said before the agent began, waits that were asked for."""

import io

import numpy as np
import pytest
import soundfile
from scenario import Line, voice

import talkpath as tp

FRAMES = [10, 20, 40]


def wav_bytes(pcm, rate=8000):
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def press(x, keys, gap_ms, tone_ms=120, lead_ms=0):
    """The caller presses keys, one every `gap_ms`."""
    for key in keys:
        tone = tp.dtmf.generate(key, x.rate, tone_ms=tone_ms, gap_ms=0)
        x.caller = np.concatenate([x.caller, np.zeros(lead_ms * x.rate // 1000, np.int16), tone])
        x.silent(gap_ms - tone_ms)


# --- keys are a response ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame_ms", FRAMES)
@pytest.mark.parametrize(
    ("keys", "gap_ms", "timeout_ms"), [("4929123456", 900, 1000), ("12#", 1800, 2000), ("*0*", 2900, 3000)]
)
def test_nobody_is_idle_who_presses_keys(frame_ms, keys, gap_ms, timeout_ms):
    x = Line(frame_ms=frame_ms, idle_timeout={"no_response_timeout_ms": timeout_ms, "max_retries": 2})
    x.speak(600)
    x.run(800)
    press(x, keys, gap_ms)
    x.run(len(keys) * gap_ms + timeout_ms - 100 - (gap_ms - 120))
    assert "".join(e.digit for e in x.of("user.dtmf")) == keys
    assert not x.of("user.idle")
    x.run(300)
    assert x.one("user.idle").retry_count == 1  # from the last key on, the clock runs
    idle_ms = x.one("user.idle").timestamp_ms
    assert idle_ms - x.of("user.dtmf")[-1].timestamp_ms == pytest.approx(timeout_ms, abs=240)


@pytest.mark.parametrize("key", ["1", "5", "9", "*", "0", "#", "A", "D"])
def test_a_key_forgives_what_was_missed(key):
    x = Line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 2})
    x.speak(500)
    x.run(4500)
    assert [e.reason for e in x.of("user.idle")] == ["no_response", "no_response", "max_retries_exhausted"]
    assert x.call.state.user == "away"
    press(x, key, 400)
    x.run(400)
    assert x.call.state.user == "listening"
    x.run(1200)
    assert [(e.retry_count, e.reason) for e in x.of("user.idle")[3:]] == [(1, "no_response")]


def test_a_long_key_is_held_not_idle():
    x = Line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 2})
    x.speak(500)
    x.run(600)
    press(x, "7", 3100, tone_ms=3000)
    x.run(3600)
    assert not x.of("user.idle")
    x.run(1000)
    assert len(x.of("user.idle")) == 1


@pytest.mark.parametrize("at_ms", [200, 700, 1700])
def test_a_key_ends_the_wait_for_the_first_word(at_ms):
    x = Line(speaks_first="user", wait_for_user_timeout_s=2.0)
    x.silent(at_ms)
    press(x, "1", 200)
    x.run(5000)
    assert not x.of("user.idle")


@pytest.mark.parametrize(("digits", "lead_ms"), [("1", 300), ("1234567890", 300), ("123#", 900), ("9" * 20, 600)])
def test_the_agents_keys_are_no_silence(digits, lead_ms):
    x = Line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 1})
    x.speak(500)
    x.run(500 + lead_ms)
    x.call.send_dtmf(digits)
    x.run(len(digits) * 200 + 900)
    assert not x.of("user.idle")
    x.run(300)
    assert x.one("user.idle").timestamp_ms == pytest.approx(500 + lead_ms + 200 * len(digits) + 1000, abs=60)


def test_the_agents_keys_hold_the_wait_for_the_first_word():
    x = Line(speaks_first="user", wait_for_user_timeout_s=1.0)
    x.run(500)
    x.call.send_dtmf("12345")
    x.run(1800)
    assert not x.of("user.idle")
    x.run(400)
    assert x.one("user.idle").reason == "wait_for_user"


@pytest.mark.parametrize("ms", [1500, 3000])
def test_a_file_is_no_silence(ms):
    x = Line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 1})
    x.call.play(wav_bytes(voice(ms)), name="file")
    x.run(ms + 900)
    assert not x.of("user.idle")
    x.run(300)
    assert x.one("user.idle").timestamp_ms == pytest.approx(ms + 1000, abs=40)


# --- extend_wait is for the next wait ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mutters", [0, 1, 3])
@pytest.mark.parametrize("ms", [250, 700])
def test_a_mutter_does_not_shorten_the_wait(mutters, ms):
    x = Line(idle_timeout={"no_response_timeout_ms": 1500, "extended_wait_time_ms": 5000})
    x.speak(500)
    x.run(1000)
    x.call.extend_wait()
    for k in range(mutters):
        x.silent(500)
        x.say(ms, level=0.05, seed=9 + k)
        x.silent(400)
    x.run(12_000)
    last_ms = x.of("user.turn_completed")[-1].timestamp_ms if mutters else 500
    idle = [e.timestamp_ms for e in x.of("user.idle")]
    assert idle[0] == pytest.approx(last_ms + 5000, abs=60)
    assert idle[1] == pytest.approx(last_ms + 6500, abs=60)  # it was for one wait


def test_a_key_does_not_shorten_the_wait():
    x = Line(idle_timeout={"no_response_timeout_ms": 1500, "extended_wait_time_ms": 4000})
    x.speak(500)
    x.run(800)
    x.call.extend_wait()
    press(x, "1", 400)
    x.run(4000)
    assert not x.of("user.idle")


# --- what was said before the agent began -----------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["high", "medium"])
@pytest.mark.parametrize("gap_ms", [0, 40, 100, 200])
@pytest.mark.parametrize(("ms", "seed"), [(400, 9), (1000, 12), (2500, 15)])
def test_speech_that_is_over_interrupts_nobody(preset, gap_ms, ms, seed):
    x = Line(semantic_vad=preset, frame_ms=10 if gap_ms % 20 else 20)
    x.run(1000)
    x.say(ms, seed=seed)
    x.run(ms + gap_ms)
    x.speak(3000)
    x.run(3500)
    assert not x.of("agent.speech_paused", "agent.speech_interrupted", "user.backchannel")
    assert x.one("agent.speech_completed").playback_position_s == 3.0


@pytest.mark.parametrize(("preset", "min_ms"), [("high", 300), ("medium", 500), ("low", 600)])
@pytest.mark.parametrize("tail_ms", [-120, 0, 120])
def test_the_end_of_a_sentence_is_measured_from_the_agents_first_word(preset, min_ms, tail_ms):
    """2 s before the agent, and so much over it: no interruption below the minimum, one above it."""
    x = Line(semantic_vad=preset)
    x.run(1000)
    over_ms = min_ms + tail_ms
    x.say(2000 + over_ms, seed=12)
    x.run(2000)
    x.speak(4000)
    x.run(3000)
    if tail_ms:
        assert bool(x.of("agent.speech_interrupted")) == (tail_ms > 0)
    for paused in x.of("agent.speech_paused"):
        assert paused.timestamp_ms >= 3000 + min_ms


@pytest.mark.parametrize("before_ms", [150, 600, 2500])
def test_who_goes_on_over_the_agent_interrupts(before_ms):
    x = Line(semantic_vad="high")
    x.run(1000)
    x.say(before_ms + 1500)
    x.run(before_ms)
    x.speak(4000)
    x.run(2500)
    paused = x.one("agent.speech_paused")
    assert 300 <= paused.timestamp_ms - 1000 - before_ms <= 480
    assert x.one("user.backchannel").is_interruption


# --- an early answer is an answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame_ms", FRAMES)
@pytest.mark.parametrize("before_ms", [900, 600, 300])
@pytest.mark.parametrize("text", [None, "Yes.", "yes"])
def test_an_answer_over_the_last_second_is_a_turn(frame_ms, before_ms, text):
    x = Line(frame_ms=frame_ms, idle_timeout={"no_response_timeout_ms": 8000})
    x.speak(4000)
    x.run(4000 - before_ms)
    x.say(350)
    x.run(before_ms + 200)
    if text:
        x.call.transcript(text, final=True)
    x.run(3000)
    assert not x.of("agent.speech_interrupted")
    turn, completed = x.one("user.turn_completed"), x.one("agent.speech_completed")
    assert turn.timestamp_ms >= completed.timestamp_ms + (250 if text == "Yes." else 900) - frame_ms
    assert turn.timestamp_ms <= max(4000, 4350 - before_ms) + 900 + 3 * frame_ms
    assert turn.turn_method == ("text" if text == "Yes." else "silence")
    assert turn.duration_ms == pytest.approx(350, abs=40)


def test_its_transcript_may_come_while_the_agent_still_speaks():
    x = Line()
    x.speak(4000)
    x.run(3200)
    x.say(350)
    x.run(700)
    x.call.transcript("Yes.", final=True)
    x.run(1500)
    turn = x.one("user.turn_completed")
    assert (turn.trigger, turn.turn_method) == ("text", "text")
    assert 4200 <= turn.timestamp_ms <= 4400


@pytest.mark.parametrize("ms", [200, 350])
@pytest.mark.parametrize("at_ms", [1200, 2000, 3500])
def test_a_nod_in_the_middle_is_no_turn(ms, at_ms):
    x = Line()
    x.speak(6000)
    x.run(at_ms)
    x.say(ms)
    x.run(800)
    x.call.transcript("mhm", final=True)
    x.run(5200 - at_ms + 2500)
    assert not x.one("user.backchannel").is_interruption
    assert not x.of("user.turn_completed")


def greeting(x):
    x.speak(4000, "greeting")


def file(x):
    x.call.play(wav_bytes(voice(4000, x.rate), x.rate), allow_interruption=False, name="terms")


PROTECTED = {
    "greeting": ({"greeting_interruptible": False}, greeting),
    "file": ({}, file),
    "no interruptions": ({"allow_interruptions": False}, greeting),
}


@pytest.mark.parametrize("how", PROTECTED)
@pytest.mark.parametrize(("at_ms", "ms"), [(800, 1500), (1500, 400), (3300, 400), (2500, 2200)])
def test_an_answer_to_what_cannot_be_interrupted_is_a_turn(how, at_ms, ms):
    fields, play = PROTECTED[how]
    x = Line(**fields)
    play(x)
    x.run(at_ms)
    x.say(ms)
    x.run(4000 - at_ms + 400)
    if ms == 400:
        x.call.transcript("Yes, please.", final=True)
    x.run(3000)
    assert not x.of("agent.speech_interrupted", "agent.speech_paused")
    turn = x.one("user.turn_completed")
    end_ms = max(4000, at_ms + ms)
    assert turn.timestamp_ms == pytest.approx(end_ms + (450 if ms == 400 else 900), abs=100)
    assert turn.duration_ms == pytest.approx(ms, abs=60)


def test_it_waits_for_all_that_the_agent_says():
    """Protected terms, then a question at once: the early answer is a turn after both."""
    x = Line(greeting_interruptible=False)
    x.speak(3000, "greeting")
    x.run(1500)
    x.say(800)
    x.run(1700)
    x.speak(2000, "question")
    x.run(1900)
    assert not x.of("user.turn_completed")
    x.run(1500)
    assert x.one("user.turn_completed").timestamp_ms == pytest.approx(5200 + 900, abs=60)
