"""The call's behaviour, scenario by scenario: order and times of events, and what was on the wire."""

import contextlib
import io
import pickle

import numpy as np
import pytest
import soundfile
from conftest import hostile_signals
from scenario import Line, voice

import talkpath as tp
from talkpath.call.events import (
    AgentStateChanged,
    UserDtmf,
    UserStateChanged,
)
from talkpath.call.replay import replay

LINES = {
    "u-law 20 ms": {"stream": "audio/x-mulaw;rate=8000", "frame_ms": 20},
    "A-law 30 ms": {"stream": "audio/x-alaw;rate=8000", "frame_ms": 30},
    "L16 16 kHz 10 ms": {"stream": "audio/x-l16;rate=16000", "frame_ms": 10},
}
PRESETS = {
    "high": (150, 1400, 700, 300, 750),
    "medium": (250, 1800, 900, 500, 1000),
    "low": (500, 2500, 1000, 600, 1200),
}


def same(a, b):
    """Two results of a call, bit for bit."""
    assert type(a) is type(b)
    assert a.events == b.events
    if isinstance(a, tp.Transmitted):
        assert a.payload == b.payload
    else:
        np.testing.assert_array_equal(a.pcm, b.pcm)


@pytest.fixture(params=LINES, ids=lambda name: name)
def line(request, tmp_path):
    """line(**fields): a call on each kind of line. Every scenario is recorded, and must replay bit for bit."""
    stories = []

    def remembered(method, results):
        def call(*arguments, **options):
            results.append(method(*arguments, **options))
            return results[-1]

        return call

    def make(**fields):
        x, results = Line(**{**LINES[request.param], **fields}), []
        log = tmp_path / f"{len(stories)}.log"
        x.call.record(log)
        for name in ("receive", "conceal", "transmit"):
            setattr(x.call, name, remembered(getattr(x.call, name), results))
        stories.append((x.call, log, results))
        return x

    yield make
    for call, log, results in stories:
        with contextlib.suppress(tp.StateError):
            call.hangup()
        again = [result for _, result in replay(log) if result is not None]
        assert len(again) == len(results)
        for a, b in zip(again, results, strict=True):
            same(a, b)


def wav_bytes(pcm, rate):
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


# --- the caller's turn ----------------------------------------------------------------------------------------------------


def test_turn_ends_after_the_uncertain_delay(line):
    x = line()
    x.run(1000)
    x.say(1200)
    x.run(3500)
    assert x.types() == ["user.speech_started", "user.speech_stopped", "user.turn_completed"]
    started, stopped, turn = x.of("user.speech_started", "user.speech_stopped", "user.turn_completed")
    assert started.onset_ms == pytest.approx(1000, abs=60)
    assert 40 <= started.timestamp_ms - 1000 <= 200
    assert stopped.duration_ms == pytest.approx(1200, abs=200)
    assert turn.timestamp_ms == pytest.approx(2200 + 900, abs=160)
    assert (turn.trigger, turn.duration_ms) == ("silence", stopped.duration_ms)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("p", "which"), [(0.9, 0), (0.7, 0), (0.1, 1), (0.3, 1), (0.5, 2), (None, 2)])
def test_turn_delay_follows_preset_and_probability(preset, p, which):
    x = Line(semantic_vad=preset)
    x.run(500)
    x.say(1000)
    x.run(1100)  # 100 ms after the last sound
    if p is not None:
        x.call.turn_probability(p)
    x.run(4000)
    turn, stopped = x.one("user.turn_completed"), x.one("user.speech_stopped")
    last_voice_ms = x.one("user.speech_started").onset_ms + stopped.duration_ms
    assert turn.timestamp_ms - last_voice_ms == pytest.approx(PRESETS[preset][which], abs=20)


def test_probability_holds_until_the_next_speech(line):
    x = line()
    x.run(500)
    x.say(600)
    x.run(900)
    x.call.turn_probability(0.1)
    x.run(1000)  # incomplete: goes on waiting
    assert not x.of("user.turn_completed")
    x.say(600)
    x.run(2000)
    turn = x.one("user.turn_completed")  # 900 ms after the second part, the probability of the first forgotten
    assert turn.timestamp_ms == pytest.approx(2400 + 600 + 900, abs=180)
    assert turn.duration_ms == pytest.approx(2500, abs=220)


def test_pause_within_a_turn_does_not_end_it(line):
    x = line()
    x.say(700)
    x.silent(600)
    x.say(700)
    x.run(4000)
    assert x.types() == ["user.speech_started", "user.speech_stopped"] * 2 + ["user.turn_completed"]


def test_auto_waits_longer_for_a_caller_who_pauses():
    delays = []
    for pauses in (0, 4):
        x = Line(semantic_vad="auto")
        for _ in range(pauses):
            x.say(500)
            x.silent(700)
        x.say(800)
        x.run(1300 * pauses + 4000)
        turn = x.of("user.turn_completed")[-1]
        stopped, started = x.of("user.speech_stopped")[-1], x.of("user.speech_started")[-1]
        delays.append(turn.timestamp_ms - started.onset_ms - stopped.duration_ms)
    assert delays[0] == pytest.approx(900, abs=30)
    assert 950 < delays[1] <= 1020


def test_final_text_ends_the_turn_early(line):
    x = line()
    x.say(800)
    x.run(1000)
    x.call.transcript("That is all.", final=True)
    x.run(600)
    turn = x.one("user.turn_completed")
    assert turn.trigger == "text"
    assert turn.timestamp_ms < 1500


def test_text_without_an_end_of_sentence_does_not(line):
    x = line()
    x.say(800)
    x.run(1000)
    x.call.transcript("that is because", final=True)
    x.run(2000)
    assert x.one("user.turn_completed").trigger == "silence"


def test_words_that_only_the_stt_heard_are_a_turn(line):
    x = line()
    x.run(4000)
    x.call.transcript("hello", final=True)
    x.run(100)
    assert x.one("user.turn_completed").trigger == "text"


def test_a_late_transcript_is_no_second_turn(line):
    x = line()
    x.say(800)
    x.run(2600)
    assert len(x.of("user.turn_completed")) == 1
    x.call.transcript("Good morning.", final=True)
    x.run(500)
    assert len(x.of("user.turn_completed")) == 1


def test_an_endless_turn_is_cut(line):
    x = line(semantic_vad={"max_turn_duration_ms": 3000})
    x.run(500)
    x.say(5000)
    x.run(4500)
    turn = x.one("user.turn_completed")
    assert turn.trigger == "max_duration"
    assert turn.timestamp_ms - x.one("user.speech_started").onset_ms == pytest.approx(3000, abs=x.frame_ms)


def test_user_states(line):
    x = line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 1})
    x.say(600)
    x.run(2500)
    x.speak(500)
    x.run(2000)
    x.say(600)
    x.run(1500)
    states = [(e.old_state, e.new_state) for e in x.events if isinstance(e, UserStateChanged)]
    assert states == [
        ("listening", "speaking"), ("speaking", "listening"), ("listening", "away"), ("away", "speaking"),
        ("speaking", "listening"),
    ]  # fmt: skip


def test_agent_states(line):
    x = line()
    x.say(600)
    x.run(2500)
    assert x.call.state == ("listening", "thinking")
    x.speak(500)
    x.run(20 if x.frame_ms == 20 else 30)
    assert x.call.state.agent == "speaking"
    x.run(1000)
    states = [(e.old_state, e.new_state) for e in x.events if isinstance(e, AgentStateChanged)]
    assert states == [("idle", "thinking"), ("thinking", "speaking"), ("speaking", "listening")]


# --- interruptions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_barge_in_stops_the_agent(line, preset):
    x = line(semantic_vad=preset)
    x.speak(8000)
    x.run(2400)
    x.say(2500)
    x.run(6000)
    assert x.types() == [
        "agent.speech_started", "user.speech_started", "agent.speech_paused", "user.backchannel", "agent.speech_interrupted",
        "turn.metrics", "user.speech_stopped", "user.turn_completed",
    ]  # fmt: skip
    paused, cut = x.one("agent.speech_paused"), x.one("agent.speech_interrupted")
    onset_ms = x.one("user.speech_started").onset_ms
    assert onset_ms == pytest.approx(2400, abs=60)
    assert PRESETS[preset][3] - 20 <= paused.timestamp_ms - onset_ms <= PRESETS[preset][3] + 150
    # Sound stops within a frame, and the position is what was heard.
    stop_ms = cut.playback_position_s * 1000
    assert stop_ms == pytest.approx(paused.timestamp_ms, abs=x.frame_ms + 10)
    assert x.loud(0, stop_ms - 60)
    assert x.silent_wire(stop_ms + 1, stop_ms + 1000)
    assert x.one("turn.metrics").num_interruptions == 1


def test_a_nod_is_a_backchannel(line):
    x = line()
    x.speak(6000)
    x.run(3000)
    x.say(250)
    x.run(3500)
    assert x.types() == [
        "agent.speech_started", "user.speech_started", "user.speech_stopped", "user.backchannel",
        "agent.speech_completed", "turn.metrics",
    ]  # fmt: skip
    nod = x.one("user.backchannel")
    assert not nod.is_interruption
    assert 0 < nod.probability < 1
    assert 200 < nod.detection_delay_ms < 800
    assert x.loud(0, 5900)
    assert x.one("turn.metrics").num_backchannels == 1


def test_words_decide_when_they_are_asked_for(line):
    x = line(semantic_vad={"min_interruption_words": 3})
    x.speak(9000)
    x.run(2400)
    x.say(3000)
    x.run(900)
    paused = x.one("agent.speech_paused")
    assert not x.of("agent.speech_interrupted")
    x.call.transcript("wait a")
    x.run(200)
    assert not x.of("agent.speech_interrupted")
    x.call.transcript("wait a moment")
    x.run(60)
    cut = x.one("agent.speech_interrupted")
    assert cut.playback_position_s * 1000 == pytest.approx(paused.timestamp_ms + 10, abs=x.frame_ms + 10)
    assert x.silent_wire(paused.timestamp_ms + 30 + x.frame_ms, x.now)


def test_false_interruption_resumes_where_it_stopped(line):
    x = line(semantic_vad={"eagerness": "high", "min_interruption_words": 2})
    x.speak(6000)
    x.run(2400)
    x.say(700)
    x.run(7000)
    kinds = x.types()
    assert kinds == [
        "agent.speech_started", "user.speech_started", "agent.speech_paused", "user.speech_stopped",
        "agent.false_interruption", "agent.speech_completed", "turn.metrics",
    ]  # fmt: skip
    resumed, stopped = x.one("agent.false_interruption"), x.one("user.speech_stopped")
    last_voice_ms = x.one("user.speech_started").onset_ms + stopped.duration_ms
    assert resumed.timestamp_ms - last_voice_ms == pytest.approx(750, abs=x.frame_ms)
    # Every sample of the utterance went out, once: without the pause, the wire is the utterance.
    paused = x.one("agent.speech_paused").timestamp_ms
    n = x.rate // 1000
    sent, whole = np.concatenate(x.sent), voice(6000, x.rate)
    stop, go = int((paused + 10 + x.frame_ms) * n), int((resumed.timestamp_ms + x.frame_ms + 10) * n)
    tail = sent[go : go + 500 * n].astype(float)
    lags = range(stop - 40 * n, stop + 60 * n)
    match = max(lags, key=lambda k: float(np.dot(tail, whole[k : k + len(tail)])))
    assert abs(match - stop) <= 20 * n + x.frame_ms * n
    assert x.one("agent.speech_completed").playback_position_s == 6.0
    metrics = x.one("turn.metrics")
    assert metrics.num_false_interruptions == 1
    assert metrics.pause_duration_ms == pytest.approx(resumed.timestamp_ms - paused, abs=1)


def test_interruptions_can_be_forbidden(line):
    x = line(allow_interruptions=False)
    x.speak(5000)
    x.run(1500)
    x.say(1500)
    x.run(4500)
    assert x.types() == [
        "agent.speech_started", "user.speech_started", "user.speech_stopped", "agent.speech_completed", "turn.metrics",
        "user.turn_completed",
    ]  # fmt: skip
    assert x.loud(0, 4900)


def test_greeting_can_be_protected(line):
    x = line(greeting_interruptible=False)
    x.speak(4000, "greeting")
    x.run(1500)
    x.say(1500)
    x.run(4000)
    assert not x.of("agent.speech_paused")
    assert x.one("agent.speech_completed").utterance == "greeting"
    x.speak(5000, "next")
    x.run(1500)
    x.say(1500)
    x.run(2000)
    assert x.one("agent.speech_interrupted").utterance == "next"


def test_hold_music_is_not_interrupted(line):
    x = line()
    x.call.play(wav_bytes(voice(4000, 8000), 8000), allow_interruption=False, name="hold")
    x.run(1500)
    x.say(1500)
    x.run(3500)
    assert not x.of("agent.speech_paused", "agent.speech_interrupted")
    assert x.of("user.speech_started", "user.speech_stopped")
    assert x.one("play.completed").name == "hold"
    assert x.loud(0, 3900)


def test_music_behind_speech_survives_an_interruption(line):
    x = line()
    x.speak(4000)
    x.call.play(wav_bytes(voice(1000, 8000), 8000), allow_interruption=False, name="terms")
    x.run(1500)
    x.say(1500)
    x.run(4000)
    assert x.one("agent.speech_interrupted").utterance == "a"
    assert x.one("play.completed").name == "terms"


def test_speech_over_the_end_of_the_agent_is_a_turn(line):
    x = line(semantic_vad="low")
    x.speak(2000)
    x.run(1700)
    x.say(1200)
    x.run(4000)
    kinds = x.types()
    assert kinds.index("agent.speech_completed") < kinds.index("user.turn_completed")
    assert not x.of("user.backchannel", "agent.speech_interrupted")


def test_own_echo_never_interrupts(line):
    x = line(echo_db=-12.0)
    x.speak(8000)
    x.run(9000)
    assert x.types() == ["agent.speech_started", "agent.speech_completed", "turn.metrics"]


def test_the_caller_is_heard_over_the_echo(line):
    x = line(echo_db=-18.0)
    x.speak(8000)
    x.run(3500)
    x.say(1800)
    x.run(3000)
    cut = x.one("agent.speech_interrupted")
    assert 3400 < cut.timestamp_ms < 4700
    assert x.types()[:5] == [
        "agent.speech_started", "user.speech_started", "agent.speech_paused", "user.backchannel", "agent.speech_interrupted",
    ]  # fmt: skip


def test_orchestrator_interrupts(line):
    x = line()
    x.speak(4000, "a")
    x.speak(4000, "b")
    x.run(1200)
    x.call.interrupt()
    x.run(600)
    cut = x.one("agent.speech_interrupted")
    assert (cut.utterance, round(cut.playback_position_s, 3)) == ("a", 1.205)
    assert x.silent_wire(1206, x.now)
    assert x.call.state.agent == "listening"


def test_clear_audio_drops_checkpoints(line):
    x = line()
    x.speak(2000)
    x.call.checkpoint("end")
    x.run(600)
    x.call.clear_audio()
    x.run(300)
    assert x.types() == ["agent.speech_started", "agent.speech_interrupted", "turn.metrics", "audio.cleared"]


def test_pause_and_resume_by_the_orchestrator(line):
    x = line()
    x.speak(3000)
    x.run(900)
    assert x.call.pause()
    x.run(1200)
    assert x.silent_wire(915 + x.frame_ms, 2080)
    x.call.resume()
    x.run(3000)
    assert x.types() == ["agent.speech_started", "agent.speech_paused", "agent.speech_completed", "turn.metrics"]
    assert x.one("agent.speech_completed").playback_position_s == 3.0


# --- silence ----------------------------------------------------------------------------------------------------------------


def test_idle_reminders_up_to_the_last(line):
    x = line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 2})
    x.speak(500)
    x.run(5500)
    idle = x.of("user.idle")
    assert [(e.retry_count, e.reason) for e in idle] == [
        (1, "no_response"), (2, "no_response"), (2, "max_retries_exhausted"),
    ]  # fmt: skip
    times = [e.timestamp_ms for e in idle]
    assert times == pytest.approx([1500, 2500, 3500], abs=2 * x.frame_ms)


def test_a_reminder_delays_the_next_one_and_an_answer_ends_it(line):
    x = line(idle_timeout={"no_response_timeout_ms": 1000, "max_retries": 3})
    x.speak(500)
    x.run(1600)
    x.speak(1000, "still there?")
    x.run(1800)
    assert [e.retry_count for e in x.of("user.idle")] == [1]
    x.run(300)
    assert [e.retry_count for e in x.of("user.idle")] == [1, 2]
    x.say(600)
    x.run(2300)
    x.speak(500, "good")
    x.run(1700)
    assert [e.retry_count for e in x.of("user.idle")] == [1, 2, 1]


def test_extend_wait_counts_once(line):
    x = line(idle_timeout={"no_response_timeout_ms": 1000, "extended_wait_time_ms": 3000})
    x.speak(500)
    x.run(800)
    x.call.extend_wait()
    x.run(3900)
    times = [e.timestamp_ms for e in x.of("user.idle")]
    assert times == pytest.approx([3500, 4500], abs=2 * x.frame_ms)


def test_an_answer_that_never_comes_is_silence_too(line):
    x = line(idle_timeout={"no_response_timeout_ms": 2000, "max_retries": 1})
    x.speak(500)
    x.run(700)
    x.say(600)
    x.run(2500)
    assert not x.of("user.idle")
    assert x.call.state.agent == "thinking"
    x.run(2000)
    assert x.one("user.idle").reason == "no_response"
    assert x.call.state == ("away", "listening")


def test_no_idle_events_when_off(line):
    x = line(idle_timeout=None)
    x.speak(500)
    x.run(17_000)
    assert not x.of("user.idle")


def test_waiting_for_a_caller_who_should_speak_first(line):
    x = line(speaks_first="user", wait_for_user_timeout_s=2.0)
    x.run(4000)
    idle = x.one("user.idle")
    assert (idle.retry_count, idle.reason) == (0, "wait_for_user")
    assert idle.timestamp_ms == pytest.approx(2000, abs=x.frame_ms)
    for fields, says in (({"wait_for_user_timeout_s": 0.0}, 0), ({"wait_for_user_timeout_s": 2.0}, 600)):
        x = line(speaks_first="user", **fields)
        if says:
            x.say(says)
        x.run(4000)
        assert not x.of("user.idle")


# --- found in review --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ms", range(1700, 1900, 10))
def test_a_pause_at_the_very_end_of_an_utterance_is_no_trap(ms):
    x = Line(semantic_vad={"eagerness": "high", "min_interruption_words": 2})
    x.run(1500)
    x.speak(ms, "a")
    x.run(1500)
    x.say(700)
    x.run(3000)
    x.speak(1000, "b")
    x.run(3000)
    assert x.of("agent.speech_completed")[-1].utterance == "b"


def test_a_head_start_of_the_transmit_path_is_taken_back():
    """Frames sent before any came: without care, the echo would come before its reference."""
    x = Line(echo_db=-12.0)
    for _ in range(12):
        sent = x.call.transmit()
        x.echo = np.concatenate([x.echo, x.call.decode(sent.payload)])[160:]
    x.run(1500)
    for k in range(2):
        x.speak(5000, f"u{k}")
        x.run(6000)
    assert not x.of("agent.speech_interrupted")


def test_orchestrator_overrules_and_holds(line):
    x = line(semantic_vad={"eagerness": "high", "min_interruption_words": 3})
    x.speak(8000)
    x.run(2000)
    x.say(2500)
    x.run(1000)
    x.one("agent.speech_paused")
    x.call.resume()
    x.run(1400)
    assert len(x.of("agent.speech_paused")) == 1  # still the same speech of the caller
    x.run(1000)
    x.call.pause()
    x.say(1200)
    x.run(4000)
    assert not x.of("agent.false_interruption")
    assert x.silent_wire(x.now - 1000, x.now)  # until resume()
    x.call.resume()
    x.run(5000)
    assert x.one("agent.speech_completed").playback_position_s == 8.0
    assert not x.call.pause()  # nothing plays


def test_checkpoint_behind_a_long_interrupted_utterance(line):
    x = line(semantic_vad="high")
    x.speak(10_000)
    x.call.checkpoint("all heard")
    x.run(1500)
    x.say(1500)
    x.run(3000)
    x.one("agent.speech_interrupted")
    assert not x.of("mark.played")


@pytest.mark.parametrize("change", ["truncate", "unlink", "other content"])
def test_a_file_is_what_it_was_when_it_was_queued(change, tmp_path):
    file, pcm = tmp_path / "x.wav", voice(3000)
    file.write_bytes(wav_bytes(pcm, 8000))
    x = Line(stream="audio/x-l16;rate=8000")
    x.call.play(file)
    x.run(500)
    if change == "unlink":
        file.unlink()
    else:
        file.write_bytes(b"RIFF" if change == "truncate" else wav_bytes(pcm[::-1], 8000))
    x.run(3000)
    assert x.one("play.completed")
    np.testing.assert_array_equal(np.concatenate(x.sent)[: len(pcm)], pcm)


def test_events_that_nobody_takes_are_kept():
    call = tp.CallPipeline()
    for k in range(400):
        call.speak(voice(400), 8000, f"u{k}", True)
        call.transmit() if k % 50 == 0 else None
        call.interrupt()
    call.speak(voice(400), 8000, "last", True)
    assert [e.utterance for e in call.transmit().events if e.type == "agent.speech_started"] == ["last"]


def test_update_is_all_or_nothing():
    call = tp.CallPipeline()
    before = call.config
    for sound in ("nope", 5, "missing.wav"):
        with pytest.raises(tp.ConfigError, match=r"^background_audio\.sound"):
            call.update(background_audio={"sound": sound}, semantic_vad="high")
    assert call.config is before
    call.update(background_audio={"sound": voice(500)})
    call.update(background_audio={"sound": voice(600)})


def test_from_agent_uses_what_is_ours_and_says_where_it_is_wrong():
    agent = {
        "agent_name": "x", "stt": {"provider": "deepgram"}, "semantic_vad": {"eagerness": "high", "min_interruption_duration_ms": 200},
        "welcome_greeting": "Hi", "idle_timeout": {"no_response_timeout_ms": 15000, "hangup_message": "Bye"},
        "greeting_interrupt_duration": 0.5, "detection_method": "llm", "audio_format": None,
        "stream": {"extra_headers": {}, "content_type": "audio/x-alaw;rate=8000", "noise_cancellation": True,
                   "noise_cancellation_level": 90},
    }  # fmt: skip
    config = tp.CallPipeline.from_agent(agent).config
    assert (config.stream, config.noise_cancellation_level, config.speaks_first) == (
        "audio/x-alaw;rate=8000",
        90,
        "agent",
    )
    assert config.turns.min_interruption_duration_ms == 200
    assert tp.CallConfig(**config.to_dict()) == config
    for key, value, path in (
        ("stream", {"noise_cancellation": "yes"}, r"stream\.noise_cancellation"),
        ("stream", {"content_type": "audio/opus"}, r"stream\.content_type"),
        ("semantic_vad", {"min_interruption_duration_ms": 5}, r"semantic_vad\.min_interruption_duration_ms"),
        ("semantic_vad", "eager", "semantic_vad"),
        ("idle_timeout", {"max_retries": 11}, r"idle_timeout\.max_retries"),
        ("background_audio", {"sound": "office", "volume": 2}, r"background_audio\.volume"),
        ("cng_divisor", 0, "cng_divisor"),
    ):
        with pytest.raises(tp.ConfigError, match=f"^{path}"):
            tp.CallPipeline.from_agent({**agent, key: value})


# --- what is sent -----------------------------------------------------------------------------------------------------------


def test_utterances_follow_each_other(line):
    x = line()
    for name in "abc":
        x.speak(300, name)
    x.run(1200)
    assert [(e.type, e.utterance) for e in x.of("agent.speech_started", "agent.speech_completed")] == [
        (f"agent.speech_{what}", name) for name in "abc" for what in ("started", "completed")
    ]
    assert [e.timestamp_ms for e in x.of("agent.speech_completed")] == [300, 600, 900]
    assert x.loud(0, 900)


def test_underrun_is_concealed_and_told(line):
    x = line()
    x.speak(600, "a", final=False)
    x.run(1500)
    x.speak(600, "a")
    x.run(1200)
    assert x.types() == ["agent.speech_started", "agent.speech_underrun", "agent.speech_completed", "turn.metrics"]
    own = np.abs(np.diff(voice(600, x.rate).astype(int))).max()
    assert np.abs(np.diff(np.concatenate(x.sent).astype(int))).max() < 1.2 * own + 1000  # G.711's steps are that coarse
    assert x.call.metrics.underruns == 1


def test_keys_files_and_checkpoints(line):
    x = line()
    x.call.checkpoint("start")
    x.call.send_dtmf("42#")
    x.call.play(wav_bytes(voice(400, 16000), 16000), name="jingle")
    x.call.checkpoint("end")
    x.run(1500)
    assert x.types() == ["mark.played", "dtmf.sent", "play.completed", "mark.played", "turn.metrics"]
    assert x.one("dtmf.sent").digits == "42#"
    heard = tp.DtmfDetector(x.rate).process(np.concatenate(x.sent))
    assert "".join(d.digit for d in heard) == "42#"


@pytest.mark.parametrize("enabled", [True, False])
def test_comfort_noise_where_nothing_sounds(line, enabled):
    x = line(comfort_noise_enabled=enabled, cng_divisor=400)
    x.run(2000)
    level = 20 * np.log10(np.sqrt((x.wire(0, 2000).astype(float) ** 2).mean()) / 32768 + 1e-9)
    if enabled:
        assert level == pytest.approx(-56.9, abs=1.0)
    else:
        assert level < -70


def test_background_plays_under_speech_and_stops(line):
    x = line(background_audio={"sound": "call-center", "volume": 1.0})
    x.run(2000)
    assert x.loud(400, 2000)
    x.speak(1000)
    x.run(1000)
    x.call.stop_background()
    x.run(1000)
    assert x.silent_wire(x.now - 500, x.now)
    x.call.play_background(voice(3000, x.rate), volume=0.5)
    x.run(1000)
    assert np.abs(x.wire(x.now - 500, x.now).astype(float)).mean() > 300


def test_background_is_no_echo_of_the_caller(line):
    """Hold music comes back as echo: it must not make a caller of nobody."""
    x = line(echo_db=-15.0, background_audio={"sound": "office", "volume": 0.8})
    x.run(8000)
    assert not x.of("user.turn_completed")


def test_level_is_normalized(line):
    x = line(normalize_level=True)
    soft = (voice(5000, x.rate) // 4).astype(np.int16)
    phrase, pause = x.rate * 8 // 10, x.rate * 12 // 100  # what has no pause at all may be a machine's hum
    for at in range(phrase, len(soft), phrase + pause):
        soft[at : at + pause] = 0
    x.call.speak(soft, x.rate, "soft", True)
    x.run(5000)
    level = 20 * np.log10(np.sqrt((x.wire(2000, 5000).astype(float) ** 2).mean()) / 32768)
    assert -21 < level < -18


# --- the line ----------------------------------------------------------------------------------------------------------------


def test_lost_frames_are_concealed(line):
    x = line()
    x.say(3000)
    for k in range(round(3000 / x.frame_ms)):
        x.frame(lost=k % 10 == 7)
    assert x.call.metrics.lost_frames > 5
    levels = [np.sqrt((pcm.astype(float) ** 2).mean()) for pcm in x.heard[round(300 / x.frame_ms) :]]
    assert min(levels) > 200


def test_keys_of_the_caller(line):
    x = line()
    x.caller = np.concatenate([np.zeros(x.rate // 2, np.int16), tp.dtmf.generate("5*", x.rate)])
    x.run(1500)
    assert [e.digit for e in x.events if isinstance(e, UserDtmf)] == ["5", "*"]
    assert not x.of("user.speech_started")  # keys are no speech


def test_voicemail_is_found_then_its_beep(line):
    x = line(detection_method="audio")
    t = np.arange(x.rate * 400 // 1000) / x.rate
    x.silent(500)
    x.say(6000)
    x.silent(300)
    x.caller = np.concatenate([x.caller, np.rint(6000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)])
    x.run(9000)
    answered, beep = x.one("voicemail.detected"), x.one("voicemail.beep")
    assert (answered.result, answered.method) == ("machine", "audio")
    assert answered.timestamp_ms < 5000
    assert beep.frequency_hz == pytest.approx(1000, abs=5)
    assert beep.timestamp_ms == pytest.approx(7200, abs=120)
    assert max(e.timestamp_ms for e in x.of("user.speech_started")) < 6800  # the beep is no speech


def test_a_person_who_answers(line):
    x = line(detection_method="audio")
    x.silent(400)
    x.say(500)
    x.run(4000)
    assert x.one("voicemail.detected").result == "human"


def test_noise_suppression_switches_without_a_gap(line):
    x = line(noise_dbov=-38.0)
    x.run(2000)
    before_ms = x.call.delay_ms
    x.call.update(noise_cancellation=True, noise_cancellation_level=95)
    x.run(3000)
    assert x.call.delay_ms > before_ms
    level = [np.sqrt((pcm.astype(float) ** 2).mean()) for pcm in x.heard]
    n = round(1000 / x.frame_ms)
    assert np.mean(level[-n:]) < 0.6 * np.mean(level[n : 2 * n])
    x.call.update(noise_cancellation=False)
    x.run(1000)
    assert np.mean([np.sqrt((p.astype(float) ** 2).mean()) for p in x.heard[-n // 2 :]]) > 0.8 * np.mean(
        level[n : 2 * n]
    )


# --- the orchestrator's view ------------------------------------------------------------------------------------------------


def test_turn_metrics(line):
    x = line()
    x.say(900)
    x.run(2000)
    x.call.mark("llm_first_token")
    turn = x.one("user.turn_completed")
    x.speak(500)
    x.run(1000)
    metrics = x.one("turn.metrics")
    last_voice_ms = x.one("user.speech_started").onset_ms + x.one("user.speech_stopped").duration_ms
    assert metrics.turn_number == 1
    assert metrics.turn_decision_ms == pytest.approx(turn.timestamp_ms - last_voice_ms)
    assert metrics.user_perceived_ms == pytest.approx(x.one("agent.speech_started").timestamp_ms - last_voice_ms)
    assert metrics.marks == {"llm_first_token": pytest.approx(2000, abs=x.frame_ms)}
    assert metrics.to_dict()["marks"] == dict(metrics.marks)


def test_update_takes_effect_and_refuses_what_cannot_change(line):
    x = line(semantic_vad="low")
    x.call.update(semantic_vad={"uncertain_turn_delay_ms": 400, "min_interruption_duration_ms": 250})
    assert x.call.config.turns.completed_turn_delay_ms == 500  # low's
    x.say(800)
    x.run(2500)
    stopped, started = x.one("user.speech_stopped"), x.one("user.speech_started")
    assert x.one("user.turn_completed").timestamp_ms - started.onset_ms - stopped.duration_ms == pytest.approx(
        400, abs=30
    )
    before = x.call.config
    for wrong, path in (({"frame_ms": 60}, "frame_ms cannot change"), ({"stream": "x"}, "stream must be one of"),
                        ({"semantic_vad": {"x": 1}}, "semantic_vad.x"), ({"speed": 1}, "speed is not known")):  # fmt: skip
        with pytest.raises(tp.ConfigError, match=path):
            x.call.update(**wrong)
    assert x.call.config is before


def test_hangup_tells_how_far_the_agent_came(line):
    x = line()
    x.speak(3000)
    x.run(900)
    last = x.call.hangup()
    assert [e.type for e in last if "state" not in e.type] == ["agent.speech_interrupted", "turn.metrics"]
    for late in (x.call.transmit, x.call.hangup, x.call.interrupt, lambda: x.call.receive(b"")):
        with pytest.raises(tp.StateError, match="the call is over"):
            late()


def test_metrics_and_repr(line):
    x = line()
    x.speak(500)
    x.run(900)
    m = x.call.metrics
    assert m.received_frames == m.sent_frames == round(900 / x.frame_ms)
    assert m.echo_delay_ms is None
    assert -100 < m.sent_dbov < -10
    assert x.call.state_bytes < 400 * 1024
    assert "agent listening" in repr(x.call)
    assert pickle.loads(pickle.dumps(x.call)).config == x.call.config
    x.call.receive(x.call.encode(np.zeros(x.n, np.int16)), 1000.0)
    x.call.receive(x.call.encode(np.zeros(x.n, np.int16)), 1000.0 + x.frame_ms)
    x.call.receive(x.call.encode(np.zeros(x.n, np.int16)), 1000.0 + 5 * x.frame_ms)
    assert x.call.metrics.timestamp_gaps == 1


def test_reset_is_new(line):
    def story(x):
        x.speak(1500)
        x.run(800)
        x.say(900)
        x.run(3000)
        return x.events, np.concatenate(x.sent), np.concatenate(x.heard)

    x = line(background_audio={"sound": "typing"})
    first = story(x)
    again = line(background_audio={"sound": "typing"})
    again.say(500)
    again.run(1000)
    again.call.reset()
    x.call.reset()
    again.events, again.sent, again.heard, again.rng = [], [], [], np.random.default_rng(5)
    second = story(again)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])


@pytest.mark.parametrize("name", sorted(hostile_signals(1)))
def test_hostile_audio(name):
    x = Line(noise_cancellation=True, detection_method="audio", background_audio={"sound": "office"})
    pcm = hostile_signals(48000)[name]
    x.call.speak(pcm, 8000, "a", True)
    x.caller = pcm[::-1].copy()
    x.run(7000)
    assert len(x.events) < 400


def test_platform_json_of_every_event(line):
    import json

    x = line(semantic_vad="high")
    x.speak(4000)
    x.run(1500)
    x.say(1500)
    x.run(3000)
    for event in x.events:
        d = json.loads(json.dumps(event.to_dict()))
        assert d["type"] == event.type
        assert isinstance(d["timestamp_ms"], float)


# --- anything, in any order --------------------------------------------------------------------------------------------------

USER_STEPS = {("listening", "speaking"), ("speaking", "listening"), ("listening", "away"), ("away", "speaking")}
AGENT_STEPS = {
    ("idle", "thinking"), ("idle", "speaking"), ("listening", "thinking"), ("listening", "speaking"), ("thinking", "speaking"), ("thinking", "listening"), ("speaking", "listening"),
}  # fmt: skip


class Anything:
    """Random commands and frames; what the state diagrams of docs/turns.md promise is checked after every step."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        fields = {
            "frame_ms": int(self.rng.choice([10, 20, 30])),
            "semantic_vad": {"eagerness": "high", "min_interruption_words": int(self.rng.integers(0, 3))},
            "idle_timeout": {"no_response_timeout_ms": 1000, "max_retries": 2},
            "detection_method": str(self.rng.choice(["audio", "disabled"])),
            "max_queued_ms": 8000,
        }
        self.call = tp.CallPipeline(**fields)
        self.n = self.call.config.frame_samples
        self.user, self.agent, self.speaking = "listening", "idle", False
        self.times = {"receive": 0.0, "transmit": 0.0}
        self.names, self.open, self.ended = 0, None, set()
        self.caller = np.zeros(0, np.int16)

    def command(self):
        call, rng = self.call, self.rng
        what = int(rng.integers(0, 60))
        if what < 5:
            if self.open is None or rng.random() < 0.5:
                self.names += 1
                self.open = f"u{self.names}"
            final = bool(rng.random() < 0.6)
            call.speak(voice(400)[: int(rng.integers(0, 3200))], int(rng.choice([8000, 16000])) if self.open is None else 8000,
                       self.open, final)  # fmt: skip
            self.open = None if final else self.open
        elif what < 7:
            self.caller = np.concatenate([self.caller[:16000], voice(int(rng.choice([200, 900])), seed=9, pitch=190.0)])
        elif what < 9:
            call.transcript("one two"[: int(rng.integers(0, 8))] + ".", final=bool(rng.random() < 0.5))
        elif what < 14:
            getattr(call, ["pause", "resume", "interrupt", "clear_audio", "extend_wait"][what - 9])()
            self.open = None
        elif what == 14:
            call.checkpoint("c")
            self.open = None
        elif what == 15:
            call.turn_probability(float(rng.random()))
        elif what == 16:
            call.update(semantic_vad={"min_interruption_words": int(rng.integers(0, 3))},
                        noise_cancellation=bool(rng.random() < 0.3))  # fmt: skip
        elif what == 17:
            call.play_background("typing-short", volume=float(rng.random()))
        elif what == 18:
            call.send_dtmf("1")
            self.open = None

    def step(self):
        self.command()
        events = self.call.transmit()
        assert len(events.payload) == self.n
        self.check(events.events)
        near = self.caller[: self.n]
        self.caller = self.caller[self.n :]
        near = np.pad(near, (0, self.n - len(near)))
        received = self.call.conceal() if self.rng.random() < 0.02 else self.call.receive(self.call.encode(near))
        assert len(received.pcm) == 2 * self.n
        self.check(received.events)

    def check(self, events):
        for e in events:
            assert e.timestamp_ms >= self.times[e.clock]
            self.times[e.clock] = e.timestamp_ms
            if e.type == "user.state_changed":
                assert (e.old_state, e.new_state) in USER_STEPS
                assert e.old_state == self.user
                self.user = e.new_state
            elif e.type == "agent.state_changed":
                assert (e.old_state, e.new_state) in AGENT_STEPS
                assert e.old_state == self.agent
                self.agent = e.new_state
            elif e.type in ("user.speech_started", "user.speech_stopped"):
                assert self.speaking == (e.type == "user.speech_stopped")
                self.speaking = not self.speaking
            elif e.type in ("agent.speech_completed", "agent.speech_interrupted"):
                assert not e.utterance or e.utterance not in self.ended  # "": marks were cleared, and nothing else
                self.ended.add(e.utterance)
            elif e.type in ("user.backchannel", "agent.false_interruption"):
                assert self.agent == "speaking"
        assert (self.user, self.agent) == tuple(self.call.state)


@pytest.mark.parametrize(("calls", "frames"), [(6, 2000), pytest.param(100, 10_000, marks=pytest.mark.slow)])
def test_anything_in_any_order(calls, frames):
    for seed in range(calls):
        story = Anything(seed)
        memory = story.call.state_bytes
        for _ in range(frames):
            story.step()
        assert story.call.state_bytes == memory
