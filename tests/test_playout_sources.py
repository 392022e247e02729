"""What goes into the queue: names and late chunks, types, files, level, and the memory for what waits."""

import array
import ctypes
import itertools
import shutil

import numpy as np
import pytest
from conftest import synthesise
from scenario import Line, voice
from test_playout_queue import wav_bytes

import talkpath as tp

L16 = {"stream": "audio/x-l16;rate=8000", "comfort_noise_enabled": False}


def sent(call, frames):
    return np.concatenate([call.decode(call.transmit().payload) for _ in range(frames)])


# --- late chunks -----------------------------------------------------------------------------------------------------------------


def test_nothing_that_is_late_is_heard_whatever_was_queued_since():
    x = Line(**L16)
    x.speak(1000, "a", final=False)
    x.run(200)
    x.call.interrupt()
    x.run(100)
    x.speak(300, "b")  # meanwhile
    x.call.checkpoint("m")
    assert x.speak(500, "a", final=False) == 4000  # accepted, as it were: nobody must try again
    x.run(100)
    assert x.speak(500, "a", final=True) == 4000
    x.run(600)
    assert [e.utterance for e in x.of("agent.speech_started")] == ["a", "b"]
    assert [e.utterance for e in x.of("agent.speech_discarded")] == ["a"]
    assert (x.call.metrics.discarded_chunks, x.call.metrics.discarded_samples) == (2, 8000)
    assert not x.wire(600, 1000).any()
    x.speak(300, "a")  # its final chunk has come: this is a new one
    x.run(400)
    assert [e.utterance for e in x.of("agent.speech_completed")] == ["b", "a"]
    assert len(x.of("agent.speech_discarded")) == 1


@pytest.mark.parametrize("cut", ["interrupt", "clear_audio", "caller"])
@pytest.mark.parametrize("others", [0, 1, 5, 63])
def test_of_any_utterance_that_was_cut(cut, others):
    """Several wait when all is cut; each streams on, in any order, and none is heard."""
    x = Line(semantic_vad="high", **L16)
    x.speak(3000, "first", final=False)
    names = ["first", *(f"u{k}" for k in range(others))]
    for name in names[1:]:
        x.call.speak(voice(40), 8000, name)
    if cut == "caller":
        x.run(1000)
        x.say(1200)
        x.run(2500)
    else:
        x.run(100)
        getattr(x.call, cut)()
        x.run(100)
    for name in names[::-1]:
        x.call.speak(voice(40), 8000, name)
        x.call.speak(voice(40), 8000, name)
    before = x.now
    x.run(400)
    assert not x.wire(before, before + 400).any()
    assert [e.utterance for e in x.of("agent.speech_discarded")] == names[::-1]
    assert x.call.metrics.discarded_chunks == 2 * len(names)


def test_the_last_64_names_are_kept():
    call = tp.CallPipeline(**L16)
    for k in range(80):
        call.speak(voice(40), 8000, f"u{k}")
        call.interrupt()
    sent(call, 2)
    assert call.speak(voice(40), 8000, "u16") == 320
    assert call.queued_ms == 0
    assert call.speak(voice(40), 8000, "u15") == 320
    assert call.queued_ms == 40


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_one_name_for_everything_is_not_silent_in_secret(rate):
    """An orchestrator that never says `final` and has one name: after an interruption it is told why nothing is heard."""
    call = tp.CallPipeline()
    call.speak(voice(200, rate), rate, "tts")
    call.transmit()
    call.interrupt()
    for _ in range(50):
        assert call.speak(voice(20, rate), rate, "tts") == rate // 50
    events = call.transmit().events
    assert sum(e.type == "agent.speech_discarded" for e in events) == 1
    assert call.metrics.discarded_chunks == 50
    assert call.metrics.discarded_samples == rate
    call.speak(b"", rate, "tts", final=True)  # which ends it
    call.speak(voice(20, rate), rate, "tts", final=True)
    assert [e.type for e in call.transmit().events].count("agent.speech_started") == 1


def test_what_has_no_name_is_never_late_and_a_finished_name_is_new():
    call = tp.CallPipeline(**L16)
    for name, final in (("", False), ("", True), ("x", True), ("x", True)):
        call.speak(voice(100), 8000, name, final)
        call.transmit()
        call.interrupt()
        assert call.speak(voice(20), 8000, name) == 160
        assert call.queued_ms > 15
        call.interrupt()
        call.speak(b"", 8000, name, final=True)
        sent(call, 3)
    assert call.metrics.discarded_chunks == 0


def test_a_chunk_that_did_not_fit_is_late_too():
    """`final` counts only with the whole chunk: the rest of it comes after the interruption."""
    call = tp.CallPipeline(max_queued_ms=200, **L16)
    taken = call.speak(voice(1000), 8000, "a", final=True)
    assert taken == 1600
    call.transmit()
    call.interrupt()
    assert call.speak(voice(1000)[taken:], 8000, "a", final=True) == 8000 - taken
    assert call.metrics.discarded_samples == 8000 - taken
    assert call.speak(voice(100), 8000, "a", final=True) == 800  # a new one


def test_in_a_queue_by_itself():
    queue = tp.PlayoutQueue()
    for name in ("a", "b"):
        queue.speak(voice(200), 8000, name)
    queue.read()
    queue.clear()
    queue.speak(voice(20), 8000, "c", final=True)
    for name in ("b", "a", "a"):
        assert queue.speak(voice(100), 8000, name) == 800
    assert [e.name for e in queue.events() if e.kind == "discarded"] == ["b", "a"]
    assert queue.queued_ms == 25
    queue.reset()
    queue.speak(voice(20), 8000, "a")
    assert queue.queued_ms == 20


@pytest.mark.parametrize("frame_ms", [10, 20, 60])
@pytest.mark.parametrize("behind", ["a file", "keys", "speech"])
def test_in_a_group_an_interruption_is_the_same_to_the_frame(frame_ms, behind):
    """Late chunks, marks, and what must not be interrupted behind a long utterance: by itself and in a group."""
    results = []
    for grouped in (False, True):
        call, group, events, out = (
            tp.CallPipeline(frame_ms=frame_ms, semantic_vad="high", seed=1),
            tp.CallGroup(),
            [],
            [],
        )
        for at in range(0, 40_000, 4000):
            call.speak(voice(5000)[at : at + 4000], 8000, "long")
            call.checkpoint(f"m{at}")
        if behind == "a file":
            call.play(wav_bytes(voice(900)), allow_interruption=False, name="legal")
        elif behind == "keys":
            call.send_dtmf("123")
        else:
            call.speak(voice(500), 8000, "next", final=True)
        n = call.config.frame_samples
        near = np.concatenate([np.zeros(8000, np.int16), voice(1200, seed=9, pitch=190.0), np.zeros(24_000, np.int16)])
        for at in range(0, len(near) - n, n):
            payload = call.encode(near[at : at + n])
            if grouped:
                ((heard, transmitted),) = group.exchange([(call, payload)])
            else:
                heard, transmitted = call.receive(payload), call.transmit()
            events += heard.events + transmitted.events
            out.append(transmitted.payload)
            if at == 24_000:  # after the interruption
                call.speak(voice(100), 8000, "long")
        results.append((out, events))
    assert results[0] == results[1]
    kinds = [e.type for e in results[0][1]]
    assert kinds.count("agent.speech_interrupted") == kinds.count("agent.speech_discarded") == 1
    assert ("play.completed" in kinds) == (behind == "a file")
    assert ("dtmf.sent" in kinds) == (behind == "keys")


# --- types -----------------------------------------------------------------------------------------------------------------------

NOT_INT16 = {
    "float32": np.zeros(160, np.float32),
    "float64": np.zeros(160),
    "int32": np.zeros(160, np.int32),
    "uint16": np.zeros(160, np.uint16),
    "int8": np.zeros(160, np.int8),
    "uint8 array": np.zeros(160, np.uint8),
    "bool": np.zeros(160, bool),
    "complex": np.zeros(160, complex),
    "big-endian": np.zeros(160, ">i2"),
    "objects": np.zeros(160, object),
    "2-D": np.zeros((160, 1), np.int16),
    "0-D": np.array(5, np.int16),
    "array('i')": array.array("i", range(160)),
    "array('f')": array.array("f", range(160)),
    "array('H')": array.array("H", range(160)),
    "array('b')": array.array("b", range(100)),
    "array('d')": array.array("d", range(160)),
    "2-D view": memoryview(np.zeros((4, 2), np.int16)),
    "bool view": memoryview(np.zeros(160, bool)),
    "float view": memoryview(np.zeros(160, np.float32)),
    "strided view": memoryview(np.zeros(160, np.int16))[::2],
    "ctypes": (ctypes.c_int32 * 8)(),
    "list": [0] * 160,
    "text": "speech",
    "None": None,
    "number": 5,
}


@pytest.mark.parametrize("pcm", NOT_INT16.values(), ids=NOT_INT16)
@pytest.mark.parametrize("rate", [8000, 24000])
def test_speech_that_is_not_int16_is_refused_before_anything_changes(pcm, rate, tmp_path):
    call = tp.CallPipeline(**L16)
    call.record(tmp_path / "a.log")
    call.speak(voice(40, rate), rate, "a")
    queue = tp.PlayoutQueue()
    for target in (call, queue):
        for name in ("a", "b"):
            with pytest.raises(tp.FormatError, match="int16|one piece"):
                target.speak(pcm, rate, name, final=True)
    assert queue.queued_ms == 0
    assert call.speak(voice(40, rate), rate, "a", final=True) == rate // 25  # it goes on, in one piece
    starts = [e for _ in range(8) for e in call.transmit().events if e.type == "agent.speech_started"]
    assert len(starts) == 1


INT16 = {
    "array": lambda x: x,
    "bytes": lambda x: x.tobytes(),
    "bytearray": lambda x: bytearray(x.tobytes()),
    "memoryview": lambda x: memoryview(x.tobytes()),
    "memoryview of chars": lambda x: memoryview(x.tobytes()).cast("c"),
    "array('h')": lambda x: array.array("h", x.tobytes()),
    "view of int16": memoryview,
    "strided": lambda x: np.repeat(x, 2)[::2],
    "read-only": lambda x: x,
    "ctypes": lambda x: (ctypes.c_int16 * len(x))(*x),
    "odd address": lambda x: np.frombuffer(b"x" + x.tobytes(), np.uint8)[1:].view(np.int16),
    "odd address, bytes": lambda x: memoryview(b"x" + x.tobytes())[1:],
    "a kind of array": lambda x: x.copy().view(np.ma.MaskedArray),
}


@pytest.mark.parametrize("form", INT16.values(), ids=INT16)
@pytest.mark.parametrize("rate", [8000, 16000])
def test_int16_of_any_kind_is_speech(form, rate):
    call = tp.CallPipeline(**L16)
    other = tp.CallPipeline(**L16)
    assert call.speak(form(voice(100, rate)), rate, "a", final=True) == rate // 10
    other.speak(voice(100, rate), rate, "a", final=True)
    np.testing.assert_array_equal(sent(call, 6), sent(other, 6))


@pytest.mark.parametrize("pcm", [b"123", bytearray(1), memoryview(b"12345")])
def test_half_a_sample_is_a_length_error(pcm):
    with pytest.raises(tp.LengthError, match="odd number of bytes"):
        tp.CallPipeline().speak(pcm, 8000)


@pytest.mark.parametrize("rate", [np.int16(16000), np.int64(16000), np.uint16(16000), 16000.0, np.float32(16000)])
def test_any_whole_number_is_a_rate(rate, tmp_path):
    call = tp.CallPipeline(**L16)
    call.record(tmp_path / "a.log")
    assert call.speak(voice(100, 16000), rate, "a") == 1600
    assert call.speak(voice(100, 16000), 16000, "a", final=True) == 1600
    call.hangup()


@pytest.mark.parametrize(
    "rate", [True, None, "8000", 8000.5, float("nan"), float("inf"), 0, -8000, 11000, 2**40, [8000]]
)
def test_others_are_none(rate):
    call = tp.CallPipeline(**L16)
    call.speak(voice(40), 8000, "a")
    for name in ("a", "b"):
        with pytest.raises(tp.ConfigError):
            call.speak(voice(40), rate, name)
    assert call.queued_ms == 40


# --- files -----------------------------------------------------------------------------------------------------------------------


def test_files_in_any_company_play_sample_by_sample(tmp_path):
    """Long and short ones, among speech, keys and silence, interrupted by pauses: each sample once, in its order."""
    rng, queue, want = np.random.default_rng(8), tp.PlayoutQueue(), []
    for k in range(30):
        pcm = voice(int(rng.choice([1, 20, 199, 200, 201, 777, 2500])), seed=k)
        kind = int(rng.integers(4))
        if kind < 2:
            queue.play(wav_bytes(pcm), f"f{k}")
        elif kind == 2:
            queue.speak(pcm, 8000, f"u{k}", final=True)
        else:
            queue.silence(len(pcm) / 8)
            pcm = np.zeros(len(pcm), np.int16)
        want.append(pcm)
    want = np.concatenate(want)
    assert queue.queued_ms == len(want) / 8  # all of the files, too
    out = np.empty(len(want), np.int16)
    for at in range(0, len(out), 160):
        queue.read(out=out[at : at + 160])
    np.testing.assert_array_equal(out, want)
    assert sum(e.kind == "completed" for e in queue.events()) == 30


@pytest.mark.parametrize(("rate", "line_rate"), [*itertools.product([8000, 11025, 16000, 44100, 48000], [8000, 16000])])
def test_a_file_of_any_rate_is_what_read_wav_reads(rate, line_rate):
    data = wav_bytes(voice(1500, rate), rate)
    queue = tp.PlayoutQueue(line_rate, 20)
    queue.play(data, "f")
    out = np.concatenate([queue.read() for _ in range(80)])
    want = tp.read_wav(data, line_rate)
    (end,) = (e for e in queue.events() if e.kind == "completed")
    assert abs(end.played_samples - len(want)) <= 2
    # In pieces, or whole: the same to the last bits.
    difference = out[: len(want)].astype(int) - want[: end.played_samples]
    assert np.abs(difference[: line_rate * 14 // 10]).max() <= 2


def test_what_cannot_be_played_raises_in_play(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    call = tp.CallPipeline(**L16)
    call.speak(voice(40), 8000, "a")
    for wrong, error in (
        (tmp_path / "none.wav", FileNotFoundError), (tmp_path, OSError), (tmp_path / "text.wav", tp.FormatError), (b"", tp.FormatError),
        (b"RIFF", tp.FormatError), (wav_bytes(voice(100))[:30], tp.FormatError), (voice(100), tp.FormatError),
    ):  # fmt: skip
        with pytest.raises(error):
            call.play(wrong)
    assert call.speak(voice(40), 8000, "a", final=True) == 320  # which did not end
    assert [e.type for _ in range(5) for e in call.transmit().events].count("agent.speech_started") == 1


def test_files_are_bounded():
    queue, data = tp.PlayoutQueue(), wav_bytes(voice(300))
    for _ in range(256):
        queue.play(data)
    with pytest.raises(tp.StateError, match="256"):
        queue.play(data)
    queue.clear()
    queue.play(data, "again")
    for _ in range(17):
        queue.read()
    assert [e.name for e in queue.events() if e.kind == "completed"] == ["again"]


def test_no_disk_is_touched_after_play(tmp_path, monkeypatch):
    file = tmp_path / "x.wav"
    file.write_bytes(wav_bytes(voice(2000)))
    call = tp.CallPipeline(**L16)
    call.play(file)
    file.unlink()
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("opened"))
    np.testing.assert_array_equal(sent(call, 100), voice(2000))


def test_a_conversion_that_fails_ends_its_file_and_no_more():
    """Whoever feeds is told once; the call goes on behind the file."""
    call = tp.CallPipeline(**L16)
    call.play(wav_bytes(voice(2000)), name="f")
    call.speak(voice(100), 8000, "a", final=True)

    def broken():
        raise MemoryError
        yield

    next(iter(call._sources.pending.values()))._chunks = broken()
    with pytest.raises(MemoryError):
        sent(call, 20)
    events = [e for _ in range(30) for e in call.transmit().events]
    assert [e.type for e in events if e.type in ("play.completed", "agent.speech_completed")] == [
        "play.completed", "agent.speech_completed",
    ]  # fmt: skip


# --- level -----------------------------------------------------------------------------------------------------------------------

BETWEEN = {
    "keys": lambda call: call.send_dtmf("147*0#"),
    "loud file": lambda call: call.play(
        wav_bytes(np.clip(voice(1500).astype(int) * 6, -32768, 32767).astype(np.int16))
    ),
    "soft file": lambda call: call.play(wav_bytes(voice(1500) // 16)),
    "silence": lambda call: call.silence(700),
    "mark": lambda call: call.checkpoint("m"),
    "all": lambda call: [call.send_dtmf("5"), call.play(wav_bytes(voice(250))), call.silence(30), call.send_dtmf("D")],
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("level", [0.01, 0.04, 0.3])
@pytest.mark.parametrize("stream", ["audio/x-l16;rate=8000", "audio/x-l16;rate=16000"])
def test_only_speech_is_levelled_and_learned_from(between, level, stream):
    """What stands between two utterances leaves as it is; and the second leaves as if nothing had stood there."""

    def play(normalize, with_it):
        call = tp.CallPipeline(normalize_level=normalize, **{**L16, "stream": stream})
        rate = call.config.wire.sample_rate_hz
        before, after = voice(1600, rate, level=level), voice(800, rate, seed=2, level=level)
        call.speak(before, rate, "a", final=True)
        if with_it:
            between(call)
        length = round(call.queued_ms) * rate // 1000 - len(before)
        call.speak(after, rate, "b", final=True)
        out = sent(call, round(call.queued_ms) // 20 + 1)
        return out[: len(before)], out[len(before) :][:length], out[len(before) + length :][: len(after)]

    levelled, plain, alone = play(True, True), play(False, True), play(True, False)
    edge = len(levelled[0]) // 160  # 10 ms in which a step is bent
    np.testing.assert_array_equal(levelled[1][edge:-edge], plain[1][edge:-edge])
    np.testing.assert_array_equal(levelled[0], alone[0])
    np.testing.assert_array_equal(levelled[2][edge:], alone[2][edge:])
    assert (levelled[2][edge:] != plain[2][edge:]).any()


def test_a_pause_and_a_clear_of_levelled_speech_do_not_click():
    call = tp.CallPipeline(normalize_level=True, **L16)
    call.speak(voice(3000, level=0.02), 8000, "a", final=True)
    out = [sent(call, 60)]
    call.pause()
    out.append(sent(call, 5))
    call.resume()
    out.append(sent(call, 20))
    call.interrupt()
    out.append(sent(call, 5))
    out = np.concatenate(out).astype(int)
    whole = tp.CallPipeline(normalize_level=True, **L16)
    whole.speak(voice(3000, level=0.02), 8000, "a", final=True)
    steps = np.abs(np.diff(sent(whole, 85).astype(int))).max()
    assert np.abs(np.diff(out)).max() <= 1.2 * steps


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
@pytest.mark.parametrize("voice_name", ["en-us", "de", "fr", "en-gb"])
def test_keys_leave_at_their_level_between_synthesised_sentences(voice_name, tmp_path):
    text = "Thank you for calling. Your order has been shipped."
    synthesise(["espeak-ng", "-v", voice_name, "-w", tmp_path / "a.wav", text])
    speech = tp.read_wav(tmp_path / "a.wav", 8000)
    call = tp.CallPipeline(normalize_level=True, **L16)
    call.speak(speech // 4, 8000, "a", final=True)
    call.send_dtmf("1470258369*#")
    call.speak(speech // 4, 8000, "b", final=True)
    keys = tp.DtmfDetector().process(sent(call, len(speech) * 2 // 160 + 130))
    assert "".join(k.digit for k in keys) == "1470258369*#"
    assert all(abs(k.level_dbov + 10) < 0.3 for k in keys)


# --- memory ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000])
def test_memory_comes_with_what_waits_and_goes_with_it(rate):
    queue = tp.PlayoutQueue(rate, max_queued_ms=600_000)
    core = queue._core
    assert core.capacity == rate
    pcm = voice(10_000, rate)
    for k in range(12):
        queue.speak(pcm, rate, "u", final=k == 11)
        assert core.capacity - core.room == (k + 1) * len(pcm)
        assert core.capacity < max(rate, 2 * (k + 1) * len(pcm)) + 1
    out = np.concatenate([queue.read() for _ in range(6000)])
    np.testing.assert_array_equal(out.reshape(12, -1), np.tile(pcm, (12, 1)))
    assert core.capacity > rate
    assert [e.kind for e in queue.events()] == ["started", "completed"]
    assert core.capacity == rate


def test_memory_goes_with_a_clear_and_a_reset():
    for end in (lambda c: c.interrupt(), lambda c: c.reset(), lambda c: c.hangup()):
        call = tp.CallPipeline(max_queued_ms=600_000)
        for k in range(300):
            call.speak(voice(1000), 8000, f"u{k}", final=True)
        core = call._core.queue()
        assert core.capacity > 300 * 8000
        end(call)
        assert core.capacity == 8000


@pytest.mark.parametrize("frame_ms", [10, 20, 60])
def test_what_is_heard_does_not_depend_on_where_it_waits(frame_ms):
    """The same operations with a little in advance, and with all of it: stores grow and go at other times."""
    rng = np.random.default_rng(4)
    chunks = [voice(int(n), seed=int(n)) for n in rng.integers(1, 700, 60)]
    outs = []
    for ahead in (1, 7, 60):
        queue, out, k = tp.PlayoutQueue(8000, frame_ms), [], 0
        for _ in range(30_000 // frame_ms):
            while k < len(chunks) and (queue.queued_ms < 100 or k % 60 < ahead):
                queue.speak(chunks[k], 8000, "u", final=k == len(chunks) - 1)
                queue.checkpoint(str(k))
                k += 1
            out.append(queue.read())
        outs.append(np.concatenate(out))
        assert sum(e.kind == "checkpoint" for e in queue.events()) == 60
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])


def test_private_objects_do_not_crash():
    call = tp.CallPipeline()
    core = call._core.queue()
    file = np.zeros(100, np.int16)
    number = core.file(True, file, 100)
    with pytest.raises(ValueError, match="resize|references"):
        file.resize(10_000)
    with pytest.raises(tp.LengthError):
        core.ready(number, 101, False)
    with pytest.raises(LookupError):
        core.ready(number + 1, 1, False)
    del file
    core.ready(number, 100, True)
    other = call._core.queue()
    other.events()
    sent(call, 3)
    other.reset()
    core.begin(True)
    core.write(voice(3000))
    del call, other
    out = np.zeros(160, np.int16)
    assert core.read(out) == 160
