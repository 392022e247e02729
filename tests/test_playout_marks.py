"""Marks within speech: they touch nothing, come at their place, and fall with what they stand in."""

import numpy as np
import pytest
from scenario import Line, voice

import talkpath as tp

RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]


def streamed(rate: int, chunk: int, marks: bool, line_rate: int = 8000, final_empty: bool = False, frame_ms: int = 20):
    """Everything that is read of one utterance in chunks, a mark behind each if wanted; and the events."""
    queue = tp.PlayoutQueue(line_rate, frame_ms)
    pcm = voice(900, rate)
    for at in range(0, len(pcm), chunk):
        queue.speak(pcm[at : at + chunk], rate, "u", final=not final_empty and at + chunk >= len(pcm))
        if marks:
            queue.checkpoint(f"m{min(at + chunk, len(pcm))}")
    if final_empty:
        queue.speak(b"", rate, "u", final=True)
    return np.concatenate([queue.read() for _ in range(1000 // frame_ms)]), queue.events()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("chunk_ms", [7, 20, 100, 333])
def test_the_sound_is_the_same_bit_for_bit(rate, chunk_ms):
    chunk = rate * chunk_ms // 1000
    with_marks, events = streamed(rate, chunk, True)
    without, plain = streamed(rate, chunk, False)
    np.testing.assert_array_equal(with_marks, without)
    marks = [e for e in events if e.kind == "checkpoint"]
    assert [e for e in events if e.kind != "checkpoint"] == plain
    assert [e.kind for e in plain] == ["started", "completed"]
    names = [int(e.name[1:]) for e in marks]
    assert names == sorted(names)
    assert names[-1] == len(voice(900, rate))
    # A mark is reached when all before it was heard: later than in the source by the conversion's delay.
    delay_ms = tp.Resampler(rate, 8000).delay_ms if rate != 8000 else 0.0
    for name, mark in zip(names[:-1], marks[:-1], strict=True):
        assert mark.at_ms == pytest.approx(min(name * 1000 / rate + delay_ms, plain[-1].at_ms), abs=0.26)


@pytest.mark.parametrize(
    ("line_rate", "rate"), [(8000, 24000), (16000, 24000), (16000, 16000), (24000, 8000), (48000, 44100)]
)
@pytest.mark.parametrize("frame_ms", [10, 20, 60])
def test_on_lines_and_frames_of_any_kind(line_rate, rate, frame_ms):
    for final_empty in (False, True):
        with_marks, events = streamed(rate, rate // 25, True, line_rate, final_empty, frame_ms)
        np.testing.assert_array_equal(
            with_marks, streamed(rate, rate // 25, False, line_rate, final_empty, frame_ms)[0]
        )
        assert [e.kind for e in events if e.kind != "checkpoint"] == ["started", "completed"]
        assert sum(e.kind == "checkpoint" for e in events) == 23


@pytest.mark.parametrize("pause_ms", [20, 60, 140])
def test_speech_that_hesitates_sounds_the_same(pause_ms):
    """Dry runs between chunks: concealed as they are without marks."""
    heard = []
    for marks in (False, True):
        queue, out = tp.PlayoutQueue(), []
        pcm = voice(600)
        for at in range(0, len(pcm), 800):
            queue.speak(pcm[at : at + 800], 8000, "u", final=at + 800 >= len(pcm))
            if marks:
                queue.checkpoint(f"m{at}")
            out += [queue.read() for _ in range((100 + pause_ms) // 20)]
        heard.append(np.concatenate(out))
        names = [e.name for e in queue.events() if e.kind == "checkpoint"]
        assert names == ([f"m{at}" for at in range(0, len(pcm), 800)] if marks else [])
    np.testing.assert_array_equal(*heard)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100])
@pytest.mark.parametrize("chunk_ms", [4, 50, 215])
def test_a_mark_where_speech_stops_coming_is_reached(rate, chunk_ms):
    """Whoever waits for the mark before it goes on, waits 160 ms longer, not for ever; and the speech goes on as it would."""
    queue, pcm = tp.PlayoutQueue(frame_ms=10), voice(600, rate)
    n = rate * chunk_ms // 1000
    queue.speak(pcm[:n], rate, "u")
    queue.checkpoint("m")
    for _ in range((chunk_ms + 140) // 10):
        queue.read()
    at_once = rate == 8000 and chunk_ms % 10 == 0  # nothing is held back by a conversion, or for want of 10 ms
    assert [e.name for e in queue.events() if e.kind == "checkpoint"] == ["m"] * at_once
    for _ in range(5):
        queue.read()
    assert [e.name for e in queue.events() if e.kind == "checkpoint"] == ["m"] * (not at_once)
    queue.checkpoint("another")  # nothing has come since
    queue.read()
    assert [e.name for e in queue.events()] == ["another"]
    queue.speak(pcm[n:], rate, "u", final=True)
    for _ in range(70):
        queue.read()
    assert [e.kind for e in queue.events()][-1] == "completed"


def test_at_the_beginning_and_between_sources():
    queue = tp.PlayoutQueue()
    queue.checkpoint("first")
    queue.speak(b"", 8000, "u")
    queue.checkpoint("at once")
    queue.speak(voice(100), 8000, "u", final=True)
    queue.checkpoint("behind u")
    queue.send_dtmf("1")
    queue.checkpoint("behind 1")
    queue.silence(20)
    queue.checkpoint("behind silence")
    for _ in range(20):
        queue.read()
    events = [(e.name or e.source, e.at_ms) for e in queue.events() if e.kind in ("checkpoint", "completed")]
    assert events == [
        ("first", 0), ("at once", 0), ("u", 100), ("behind u", 100), ("1", 300), ("behind 1", 300), ("silence", 320),
        ("behind silence", 320),
    ]  # fmt: skip


def test_a_pause_keeps_marks_where_they_are():
    queue, pcm = tp.PlayoutQueue(frame_ms=10), voice(500)
    for at in range(0, 4000, 400):
        queue.speak(pcm[at : at + 400], 8000, "u", final=at == 3600)
        queue.checkpoint(f"m{at + 400}")
    for _ in range(13):
        queue.read()
    assert queue.pause()
    for _ in range(30):
        queue.read()
    assert [e.name for e in queue.events() if e.kind == "checkpoint"] == ["m400", "m800"]
    queue.resume()
    for _ in range(40):
        queue.read()
    rest = [(e.name, e.at_ms) for e in queue.events() if e.kind == "checkpoint"]
    assert rest == [(f"m{at}", at / 8 + 290) for at in range(1200, 4400, 400)]


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("protected", [False, True])
def test_a_clear_drops_those_behind_what_it_drops(everything, protected):
    queue, pcm = tp.PlayoutQueue(), voice(500)
    for at in range(0, 1600, 400):
        queue.speak(pcm[at : at + 400], 8000, "u", final=False, allow_interruption=not protected)
        queue.checkpoint(f"m{at + 400}")
    queue.read(out=np.empty(700, np.int16))
    queue.clear(everything)
    kept = protected and not everything
    queue.speak(pcm[:800], 8000, "u", final=True)  # late, if it was cut
    queue.checkpoint("end")
    for _ in range(30):
        queue.read()
    events = [e for e in queue.events() if e.source == "checkpoint"]
    reached, dropped = ([e.name for e in events if e.kind == kind] for kind in ("checkpoint", "dropped"))
    assert dropped == ([] if kept else ["m800", "m1200", "m1600"])
    assert reached == (["m400", "m800", "m1200", "m1600", "end"] if kept else ["m400", "end"])


def test_one_within_the_fade_was_heard():
    for at in (700, 719, 720, 721, 760):
        queue = tp.PlayoutQueue()
        queue.speak(voice(500)[:at], 8000, "u")
        queue.checkpoint("m")
        queue.speak(voice(500)[at:], 8000, "u")
        queue.read(out=np.empty(720, np.int16))  # 720: blocks of 10 ms, and the fade of 5 ms goes up to 760
        queue.clear()
        (mark,) = (e for e in queue.events() if e.source == "checkpoint")
        assert (mark.kind, mark.at_ms) == ("checkpoint", at / 8)


# --- in a call -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [8000, 24000])
def test_an_interruption_cuts_all_that_was_said(seed, rate):
    """The caller interrupts an agent that marks every chunk: silence within half a second, and every mark is accounted for once."""
    x = Line(semantic_vad="high")
    pcm = voice(6000, rate, seed=seed)
    step, names = rate // 5, []
    for at in range(0, len(pcm), step):
        x.call.speak(pcm[at : at + step], rate, "u", final=at + step >= len(pcm))
        names.append(f"m{at}")
        x.call.checkpoint(names[-1])
    x.run(1000 + 130 * seed)
    began = x.now
    x.say(1200, seed=seed + 9)
    x.run(2000)
    cut = x.one("agent.speech_interrupted")
    assert cut.timestamp_ms < began + 700
    assert x.silent_wire(cut.timestamp_ms + 20, began + 2000)
    played = [e.name for e in x.of("mark.played")]
    assert played + list(cut.dropped_marks) == names
    assert len(played) == int(cut.playback_position_s / 0.2)
    assert len(x.of("agent.speech_started")) == 1
    assert not x.of("agent.speech_completed")


@pytest.mark.parametrize("how", ["interrupt", "clear_audio", "hangup"])
@pytest.mark.parametrize("heard_ms", [0, 20, 340, 900])
def test_a_clear_names_them(how, heard_ms):
    x = Line()
    for k in range(8):
        x.call.speak(voice(800)[800 * k : 800 * k + 800], 8000, "u", final=k == 7)
        x.call.checkpoint(f"m{k}")
    x.call.speak(voice(300), 8000, "next", final=True)
    x.call.checkpoint("after next")
    x.run(heard_ms)
    if how == "hangup":
        x.events += x.call.hangup()
    else:
        getattr(x.call, how)()
        x.run(40)
    played = [e.name for e in x.of("mark.played")]
    if heard_ms == 900:  # in the second utterance
        assert (x.one("agent.speech_interrupted").utterance, played) == ("next", [f"m{k}" for k in range(8)])
        assert x.one("agent.speech_interrupted").dropped_marks == ("after next",)
        return
    cut = x.one("agent.speech_interrupted")
    assert cut.utterance == "u"
    assert played == [f"m{k}" for k in range(heard_ms // 100)]
    assert list(cut.dropped_marks) == [f"m{k}" for k in range(heard_ms // 100, 8)] + ["after next"]
    assert cut.playback_position_s == pytest.approx(heard_ms / 1000 + (0.005 if heard_ms else 0))


def test_every_mark_of_two_clears_in_one_frame():
    call = tp.CallPipeline()
    for name in ("a", "b"):
        call.speak(voice(200), 8000, name, final=True)
        call.checkpoint(f"after {name}")
        if name == "a":
            call.transmit()
        call.interrupt()
    cuts = [e for e in call.transmit().events if e.type == "agent.speech_interrupted"]
    assert [(e.utterance, e.dropped_marks) for e in cuts] == [("a", ("after a",)), ("b", ("after b",))]
    call.interrupt()
    assert not [e for e in call.transmit().events if e.type == "agent.speech_interrupted"]  # there was nothing to cut


@pytest.mark.parametrize("group", [False, True])
def test_thousands_of_marks_are_all_named(group):
    call = tp.CallPipeline(max_queued_ms=600_000)
    for k in range(5000):
        call.speak(voice(300)[:160], 8000, "u")
        call.checkpoint(str(k))
    events = []
    for _ in range(30):
        if group:
            ((heard, sent),) = tp.CallGroup().exchange([(call, None)])
            events += heard.events + sent.events
        else:
            events += call.transmit().events
    call.interrupt()
    events += call.transmit().events
    (cut,) = (e for e in events if e.type == "agent.speech_interrupted")
    assert [e.name for e in events if e.type == "mark.played"] + list(cut.dropped_marks) == [
        str(k) for k in range(5000)
    ]


def test_they_are_bounded():
    """Sources and checkpoints together; who asks for one more is told, and nothing has changed."""
    call = tp.CallPipeline()
    call.speak(voice(100), 8000, "u")
    for k in range(32767):
        call.checkpoint(str(k))
    for one_more in (lambda: call.checkpoint("x"), lambda: call.silence(10), lambda: call.send_dtmf("1"),
                     lambda: call.speak(b"", 8000, "v"), lambda: call.play(b"")):  # fmt: skip
        with pytest.raises(tp.StateError, match="32768"):
            one_more()
    call.speak(voice(100), 8000, "u", final=True)  # it goes on
    events = [e for _ in range(20) for e in call.transmit().events]
    assert sum(e.type == "mark.played" for e in events) == 32767
    assert events[-2].type == "turn.metrics" or "agent.speech_completed" in [e.type for e in events]
    call.checkpoint("x")
    assert [e.name for e in call.transmit().events if e.type == "mark.played"] == ["x"]
