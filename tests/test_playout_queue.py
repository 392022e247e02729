"""The playout queue: a model of its promises, driven by random operations; and each promise by itself."""

import io
import pickle

import numpy as np
import pytest
import soundfile

import talkpath as tp

RATE, FRAME = 8000, 160


def voice(n, seed=0):
    """Syllables of harmonics, soft at both ends."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE
    x = sum(np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) / k for k in range(1, 9))
    envelope = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 80) * (
        0.7 + 0.3 * np.sin(2 * np.pi * 3 * t)
    )
    return np.rint(2000 * x * envelope).astype(np.int16)


def wav_bytes(pcm, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def run(queue, frames):
    return np.concatenate([np.asarray(queue.read()) for _ in range(frames)])


def kinds(queue):
    return [(event.kind, event.name) for event in queue.events()]


def test_speech_leaves_at_once_and_unchanged():
    queue, pcm = tp.PlayoutQueue(), voice(1600)
    assert queue.speak(pcm, RATE, "a", final=True) == 1600
    np.testing.assert_array_equal(run(queue, 10), pcm)
    events = queue.events()
    assert [(e.kind, e.at_ms, e.played_samples) for e in events] == [("started", 0.0, 0), ("completed", 200.0, 1600)]
    assert events[1].position_s == 0.2
    assert not run(queue, 2).any()


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_first_sample_within_a_frame_and_the_resampler(rate):
    """A streamed chunk of 20 ms: its first sample is in the first frame, later by the conversion's delay only."""
    queue = tp.PlayoutQueue()
    run(queue, 3)
    pcm = np.full(rate // 50 * 4, 8000, np.int16)
    queue.speak(pcm[: rate // 50], rate, "a")
    frame = queue.read()
    first = int(np.flatnonzero(np.abs(frame) > 4000)[0])
    assert first <= (tp.Resampler(rate, RATE).delay_ms + 0.5) * RATE / 1000


def test_position_is_that_of_the_source():
    queue = tp.PlayoutQueue()
    queue.speak(voice(48000), 24000, "a", final=True)
    run(queue, 50)
    queue.clear()
    run(queue, 1)
    started, interrupted = queue.events()
    assert (started.kind, interrupted.kind) == ("started", "interrupted")
    assert interrupted.played_samples == 50 * FRAME + 40  # and the 5 ms of the fade
    assert interrupted.position_s == pytest.approx(1.005 - 0.0025)
    queue.speak(voice(2400), 24000, "b", final=True)
    run(queue, 8)
    assert [e.position_s for e in queue.events() if e.kind == "completed"] == [0.1]


def test_pause_and_resume_play_every_sample_once():
    pcm = voice(8000)
    queue = tp.PlayoutQueue()
    queue.speak(pcm, RATE, "a", final=True)
    before = run(queue, 5)
    assert queue.pause()
    fade, still = run(queue, 1), run(queue, 7)
    assert queue.paused
    assert not still.any()
    assert not fade[80:].any()
    queue.resume()
    after = run(queue, 48)
    np.testing.assert_array_equal(before, pcm[:800])
    ramp = 0.5 + 0.5 * np.cos(np.pi * np.arange(80) / 80)
    np.testing.assert_allclose(fade[:80], pcm[800:880] * ramp, atol=1)
    np.testing.assert_allclose(after[:80], pcm[880:960] * ramp[::-1], atol=200)
    np.testing.assert_array_equal(after[80:], np.concatenate([pcm[960:], np.zeros(48 * 160 - 7120, np.int16)]))
    assert [(e.kind, e.played_samples) for e in queue.events()] == [
        ("started", 0), ("paused", 880), ("resumed", 880), ("completed", 8000),
    ]  # fmt: skip


def test_what_must_not_be_interrupted_is_not():
    queue = tp.PlayoutQueue()
    queue.speak(voice(1600), RATE, "a", final=True)
    queue.checkpoint("a over")
    queue.play(wav_bytes(voice(1600, 1)), "legal", allow_interruption=False)
    queue.checkpoint("legal over")
    queue.speak(voice(1600, 2), RATE, "b", final=True)
    run(queue, 2)
    assert queue.pause()
    queue.clear(everything=False)
    # A checkpoint says that everything before it was played: those behind a dropped source go too.
    assert kinds(queue) == [
        ("started", "a"),
        ("interrupted", "a"),
        ("dropped", "a over"),
        ("dropped", "legal over"),
        ("dropped", "b"),
    ]
    assert queue.queued_ms == pytest.approx(205)  # the fade of 5 ms too
    run(queue, 3)
    assert not queue.pause()
    queue.clear(everything=False)
    run(queue, 10)
    assert kinds(queue) == [("started", "legal"), ("completed", "legal")]
    queue.play(wav_bytes(voice(1600)), "legal", allow_interruption=False)
    run(queue, 1)
    queue.clear()
    assert kinds(queue) == [("started", "legal"), ("interrupted", "legal")]


def test_a_pause_stops_at_what_must_not_be_interrupted():
    queue = tp.PlayoutQueue(frame_ms=10)
    queue.speak(voice(120), RATE, "u", final=True)
    queue.play(wav_bytes(voice(8000)), "hold", allow_interruption=False)
    queue.read()
    assert queue.pause()
    out = run(queue, 110)
    assert not queue.paused
    assert np.abs(out[800:8000]).max() > 1000
    assert ("completed", "hold") in kinds(queue)
    assert not queue.pause()  # nothing plays


def test_checkpoint_behind_kept_sources_stays():
    queue = tp.PlayoutQueue()
    queue.play(wav_bytes(voice(800)), "legal", allow_interruption=False)
    queue.checkpoint("over")
    queue.clear(everything=False)
    run(queue, 6)
    assert kinds(queue) == [("started", "legal"), ("completed", "legal"), ("checkpoint", "over")]


def test_underrun_is_concealed_and_faded_then_goes_on():
    pcm = voice(8000)
    queue = tp.PlayoutQueue()
    queue.speak(pcm[:1620], RATE, "a")
    run(queue, 10)  # the last 20 samples wait: more may come
    gap = run(queue, 15)
    level = np.sqrt((gap.reshape(-1, 80).astype(float) ** 2).mean(axis=1))
    assert level[0] > 500
    assert level[-10:].max() < 10
    queue.speak(pcm[1620:], RATE, "a", final=True)
    rest = run(queue, 42)
    np.testing.assert_array_equal(rest[200:6400], pcm[1800:8000])
    whole = np.concatenate([pcm[:1600], gap, rest]).astype(int)
    assert np.abs(np.diff(whole)).max() <= 1.2 * np.abs(np.diff(pcm.astype(int))).max()
    assert [k for k, _ in kinds(queue)] == ["started", "underrun", "completed"]
    assert queue.underruns == 1


def test_late_chunks_of_a_cleared_utterance_are_dropped():
    queue = tp.PlayoutQueue()
    queue.speak(voice(1600), RATE, "a")
    run(queue, 2)
    queue.clear()
    assert queue.speak(voice(1600), RATE, "a") == 1600
    assert queue.speak(voice(1600), RATE, "a", final=True) == 1600
    assert queue.queued_ms == 5
    assert queue.speak(voice(1600), RATE, "a", final=True) == 1600  # a new one of that name
    assert queue.queued_ms == 205


def test_back_pressure():
    queue = tp.PlayoutQueue(max_queued_ms=3000)
    pcm = voice(48000)
    accepted = queue.speak(pcm, 16000, "a", final=True)
    assert accepted == pytest.approx(48000, abs=48)
    accepted = queue.speak(pcm, 16000, "b", final=True)
    assert accepted < 100
    heard = run(queue, 50)
    more = queue.speak(pcm[accepted:], 16000, "b", final=True)
    assert more == pytest.approx(16000, abs=120)
    assert len(heard) == 8000


def test_dtmf_and_silence_in_order():
    queue = tp.PlayoutQueue()
    queue.speak(voice(800), RATE, "a", final=True)
    queue.silence(50)
    queue.send_dtmf("12#")
    queue.speak(voice(800, 1), RATE, "b", final=True)
    out = run(queue, 50)
    keys = tp.dtmf.generate("12#")
    np.testing.assert_array_equal(out, np.concatenate([voice(800), np.zeros(400, np.int16), keys, voice(800, 1),
                                                       np.zeros(len(out) - 2000 - len(keys), np.int16)]))  # fmt: skip
    detector = tp.DtmfDetector()
    assert "".join(d.digit for d in detector.process(out)) == "12#"
    assert kinds(queue) == [
        ("started", "a"), ("completed", "a"), ("started", ""), ("completed", ""),
        ("started", "12#"), ("completed", "12#"), ("started", "b"), ("completed", "b"),
    ]  # fmt: skip
    with pytest.raises(tp.FormatError, match="'x' at position 1"):
        queue.send_dtmf("1x")
    with pytest.raises(tp.LengthError):
        queue.send_dtmf("1" * 257)


def test_long_file_streams_in():
    queue = tp.PlayoutQueue()
    pcm = voice(20 * RATE)
    queue.play(wav_bytes(pcm), "music")
    np.testing.assert_array_equal(run(queue, 1000), pcm)
    assert kinds(queue) == [("started", "music"), ("completed", "music")]
    with pytest.raises(tp.FormatError):
        queue.play(b"RIFF", "no file")


def test_many_sources_wait_their_turn():
    queue = tp.PlayoutQueue()
    pcm = voice(160)
    for i in range(200):
        queue.speak(pcm, RATE, f"u{i}", final=True)
        queue.checkpoint(f"c{i}")
    out = run(queue, 200)
    np.testing.assert_array_equal(out.reshape(200, 160), np.tile(pcm, (200, 1)))
    queue.read()
    done = [name for kind, name in kinds(queue) if kind in ("completed", "checkpoint")]
    assert done == [name for i in range(200) for name in (f"u{i}", f"c{i}")]


def test_steps_between_sources_are_bent():
    loud = np.full(400, 12000, np.int16)
    queue = tp.PlayoutQueue()
    for k in range(4):
        queue.speak(loud if k % 2 else -loud, RATE, f"u{k}", final=True)
    out = run(queue, 12).astype(int)
    assert np.abs(np.diff(out)).max() < 1200  # a step of 24,000 over 5 ms
    assert out.min() == -12000
    assert out.max() == 12000


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
def test_frames_of_any_length_are_the_same_stream(frame_ms):
    outs = []
    for ms in (frame_ms, 10):
        queue = tp.PlayoutQueue(frame_ms=ms)
        queue.speak(voice(4000), RATE, "a", final=True)
        outs.append(run(queue, 600 // ms))
    np.testing.assert_array_equal(*outs)


def test_reset_repr_pickle_errors():
    queue = tp.PlayoutQueue(16000, 30, 5000)
    queue.speak(voice(4000), 16000, "a")
    run(queue, 2)
    queue.reset()
    assert (queue.queued_ms, queue.events(), queue.underruns) == (0, [], 0)
    assert not run(queue, 3).any()
    assert repr(queue) == repr(pickle.loads(pickle.dumps(queue)))
    for wrong in ({"sample_rate": 11025}, {"frame_ms": 15}, {"max_queued_ms": 10}):
        with pytest.raises(tp.ConfigError, match=next(iter(wrong))):
            tp.PlayoutQueue(**wrong)
    queue.speak(voice(400), 16000, "a")
    with pytest.raises(tp.ConfigError, match="sample_rate is 16000"):
        queue.speak(voice(400), 8000, "a")
    with pytest.raises(tp.FormatError):
        queue.speak(np.zeros(4, np.float32), 16000, "a")
    with pytest.raises(tp.ConfigError):
        queue.silence(-1)


class Model:
    """What was asked of a queue, and what must come of it."""

    def __init__(self, seed, frame_ms):
        self.rng = np.random.default_rng(seed)
        self.queue = tp.PlayoutQueue(RATE, frame_ms, 4000)
        self.given, self.heard, self.ended = {}, {}, {}
        self.open, self.names, self.largest_step = None, 0, 0
        self.marks, self.reached, self.dropped = [], [], []

    def saw(self, pcm):
        if len(pcm):
            self.largest_step = max(self.largest_step, int(np.abs(np.diff(pcm.astype(int), prepend=0, append=0)).max()))

    def name(self):
        self.names += 1
        return f"s{self.names}"

    def speak(self):
        if self.open is None or self.rng.random() < 0.3:
            self.open = self.name()
        n = int(self.rng.choice([0, 37, 160, 320, 1600, 6000]))
        final = bool(self.rng.random() < 0.4)
        accepted = self.queue.speak(voice(n, self.names), RATE, self.open, final, bool(self.rng.random() < 0.8))
        self.given[self.open] = self.given.get(self.open, 0) + accepted
        self.saw(voice(n, self.names)[:accepted])
        if final and accepted == n:
            self.open = None

    def operate(self):
        r, queue = self.rng.random(), self.queue
        if r < 0.18:
            self.speak()
        elif r < 0.20:
            self.given[name := self.name()] = n = int(self.rng.integers(0, 3000))
            self.saw(voice(n))
            queue.play(wav_bytes(voice(n)), name, bool(self.rng.random() < 0.5))
            self.open = None
        elif r < 0.22:
            queue.checkpoint(self.name())  # within speech that goes on, or behind everything
            self.marks.append(f"s{self.names}")
        elif r < 0.24:
            queue.silence(float(self.rng.integers(0, 100)))
            self.open = None
        elif r < 0.27:
            queue.pause()
        elif r < 0.31:
            queue.resume()
        elif r < 0.33:
            cleared = self.open
            queue.clear(everything=bool(self.rng.random() < 0.5))
            if cleared is not None and queue.queued_ms <= 5:
                self.open = None

    def step(self):
        self.operate()
        frame = self.queue.read()
        assert len(frame) == RATE * self.queue.frame_ms // 1000
        for event in self.queue.events():
            if event.source == "checkpoint":
                (self.reached if event.kind == "checkpoint" else self.dropped).append(event.name)
            if event.source not in ("speech", "play") or event.kind == "discarded":
                continue
            self.heard[event.name] = event.played_samples
            if event.kind in ("completed", "interrupted", "dropped"):
                assert event.name not in self.ended, "an end is told once"
                self.ended[event.name] = event.kind
                assert event.played_samples <= self.given[event.name]
                if event.kind == "completed":
                    assert event.played_samples == self.given.pop(event.name)
        return frame


@pytest.mark.parametrize(
    ("frames", "frame_ms"),
    [(4000, 20), (3000, 10), (2000, 30), pytest.param(100_000, 20, marks=pytest.mark.slow)],
)
def test_any_sequence_of_operations(frames, frame_ms):
    """One frame each, no step beyond the sources' own by a fifth, and what is told is what was given."""
    model, last = Model(11, frame_ms), 0
    for _ in range(frames):
        frame = model.step().astype(int)
        assert np.abs(np.diff(frame, prepend=last)).max() <= 1.2 * model.largest_step
        last = frame[-1]
    assert {"completed", "interrupted", "dropped"} <= set(model.ended.values())
    model.queue.clear()
    model.step()
    assert len(model.reached) > 10
    assert len(model.dropped) > 5
    assert sorted(model.reached + model.dropped, key=lambda name: int(name[1:])) == model.marks
    assert model.reached == sorted(model.reached, key=lambda name: int(name[1:]))


def test_heard_is_what_came_out():
    """Samples marked with their own index: those that came out are those that were told."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        queue = tp.PlayoutQueue()
        marked = (4000 + np.arange(4000) % 2000).astype(np.int16)
        queue.speak(marked, RATE, "a", final=True)
        out = []
        for _ in range(int(rng.integers(1, 20))):
            out.append(queue.read())
            if rng.random() < 0.3 and queue.pause():
                out += [queue.read() for _ in range(3)]
                queue.resume()
        queue.clear()
        out += [queue.read(), queue.read()]
        told = [e.played_samples for e in queue.events() if e.kind in ("interrupted", "completed")]
        sounding = np.concatenate(out) != 0
        # Fades reach zero in their last sample or two.
        assert told[0] == pytest.approx(np.count_nonzero(sounding), abs=60)


@pytest.mark.parametrize("n", [0, 1, 79, 81, 1000])
def test_read_into_any_buffer(n):
    queue = tp.PlayoutQueue()
    queue.speak(voice(4000), RATE, "a", final=True)
    out = np.zeros(n, np.int16)
    assert queue.read(out=out) == n
    np.testing.assert_array_equal(out, voice(4000)[:n])
