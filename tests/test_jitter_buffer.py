"""The jitter buffer on traces with the shapes of real lines; time is simulated, every packet accounted for."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from conftest import hostile_signals
from scipy.ndimage import maximum_filter1d

import talkpath as tp

RATE_HZ, FRAME = 8000, 160


def voice(seconds: float, seed: int = 1) -> np.ndarray:
    """Speech-like: syllables of a gliding harmonic tone with pauses between."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = 120 + 25 * np.sin(2 * np.pi * 0.4 * t)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    tone = sum(np.cos(k * phase) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * t) * 2 + 0.5, 0, 1) * (np.sin(2 * np.pi * 0.2 * t) > -0.7)
    noise = np.random.default_rng(seed).standard_normal(len(t)) * 8
    return np.rint(3000 * tone * syllables + noise).astype(np.int16)


class Line:
    """Sends a voice frame by frame, delivers packets by a delay function, plays one frame every 20 ms of the receiver."""

    def __init__(
        self, seconds: float, first_sequence: int = 0, first_timestamp: int = 0, drift_ppm: float = 0.0
    ) -> None:
        self.pcm = voice(seconds)
        self.frames = len(self.pcm) // FRAME
        self.first_sequence, self.first_timestamp = first_sequence, first_timestamp
        self.frame_ms = 20 * (1 + drift_ppm * 1e-6)  # of the sender's clock, in the receiver's time

    def run(self, delay_ms: Callable[[int], float | None], max_ms: int = 200, copies: int = 1) -> "Played":
        """delay_ms(i): None loses packet i."""
        jb = tp.JitterBuffer(RATE_HZ, 20, max_ms)
        arrivals = []
        for i in range(self.frames):
            delay = delay_ms(i)
            if delay is not None:
                arrivals += [(i * self.frame_ms + delay + 7.3, i)] * copies
        arrivals.sort()
        out, history, at = [], [], 0
        for tick in range(1, self.frames + 30):
            while at < len(arrivals) and arrivals[at][0] <= tick * 20:
                i = arrivals[at][1]
                jb.put(self.pcm[i * FRAME : (i + 1) * FRAME], self.first_sequence + i, self.first_timestamp + i * FRAME)
                at += 1
            out.append(jb.get())
            history.append(jb.stats)
            s = history[-1]
            assert s.received == s.played + s.late + s.duplicates + s.discarded + s.buffered
        return Played(np.concatenate(out), history, len(arrivals), self)


class Played:
    def __init__(self, pcm: np.ndarray, history: list[tp.JitterStats], sent: int, line: Line) -> None:
        self.pcm, self.history, self.sent, self.line = pcm, history, sent, line

    @property
    def stats(self) -> tp.JitterStats:
        return self.history[-1]

    def assert_books_balance(self) -> None:
        s = self.stats
        assert s.received == self.sent
        assert s.buffered == 0
        assert s.received == s.played + s.late + s.duplicates + s.discarded

    def assert_no_clicks(self) -> None:
        """No jump between samples beyond 3 times the largest of its neighbourhood (40 ms, in what was sent or played)."""
        jumps = np.abs(np.diff(self.pcm.astype(float)))
        n = 320
        before = maximum_filter1d(jumps, n - 1, origin=n // 2 - 1)  # the n - 1 jumps up to and with itself
        after = maximum_filter1d(jumps, n - 1, origin=-(n // 2 - 1))
        local = np.full(len(jumps), 200.0)  # 0.6 % of full scale is no click
        local[2:] = np.maximum(local[2:], before[:-2])
        local[:-2] = np.maximum(local[:-2], after[2:])
        assert (jumps <= 3 * local).all(), np.flatnonzero(jumps > 3 * local)[:5]


def gilbert_elliott(n: int, loss: float, burst: float, seed: int) -> np.ndarray:
    """Lost packets in bursts of mean length `burst`."""
    rng = np.random.default_rng(seed)
    leave, enter = 1 / burst, loss / (1 - loss) / burst
    lost, bad = np.zeros(n, bool), False
    for i in range(5, n):
        bad = rng.random() >= leave if bad else rng.random() < enter
        lost[i] = bad
    return lost


def test_clean_line_is_transparent_after_two_frames() -> None:
    played = Line(10).run(lambda i: 0.0)
    played.assert_books_balance()
    s = played.stats
    assert (s.lost, s.late, s.underruns) == (0, 0, 1)  # dry once: at the end
    start = np.flatnonzero(played.pcm)[0]
    assert start <= 3 * FRAME
    sent = played.line.pcm
    np.testing.assert_array_equal(played.pcm[start : start + len(sent) - 500], sent[: len(sent) - 500])
    assert played.history[400].target_ms == 40
    assert played.history[400].inserted_ms == played.history[400].removed_ms == 0


@pytest.mark.parametrize(("loss", "burst"), [(0.02, 1.0), (0.1, 2.0), (0.2, 4.0)])
def test_loss(loss: float, burst: float) -> None:
    line = Line(30)
    lost = gilbert_elliott(line.frames, loss, burst, seed=3)
    played = line.run(lambda i: None if lost[i] else 0.0)
    played.assert_books_balance()
    assert played.stats.played == line.frames - lost.sum()
    last = np.flatnonzero(~lost)[-1]
    assert played.stats.lost == lost[:last].sum()
    assert played.stats.late == played.stats.discarded == 0
    played.assert_no_clicks()


@pytest.mark.parametrize("jitter_ms", [15, 40, 80])
def test_jitter_and_reordering(jitter_ms: float) -> None:
    """Independent delays: packets overtake each other; after convergence hardly any is late."""
    rng = np.random.default_rng(5)
    line = Line(40)
    delays = rng.uniform(0, jitter_ms, line.frames)
    played = line.run(lambda i: delays[i])
    played.assert_books_balance()
    played.assert_no_clicks()
    early, late = played.history[250], played.history[-40]
    assert (late.late - early.late) / (late.received - early.received) < 0.02
    assert late.target_ms <= jitter_ms + 60
    assert late.played + late.late >= late.received - 10


def test_delay_spikes_raise_the_target_and_calm_lowers_it() -> None:
    """8 % of packets 60 ms late for 20 s, then a clean line: the delay follows both ways."""
    rng = np.random.default_rng(6)
    line = Line(60)
    delays = np.where((rng.random(line.frames) < 0.08) & (np.arange(line.frames) < 1000), 60.0, 0.0)
    played = line.run(lambda i: delays[i])
    played.assert_books_balance()
    played.assert_no_clicks()
    assert played.history[950].target_ms >= 80
    assert played.history[950].late - played.history[500].late <= 3
    assert played.history[2900].target_ms == 40
    assert played.history[2900].depth_ms <= 60
    assert played.stats.removed_ms >= 20


@pytest.mark.parametrize("drift_ppm", [100, -100, 200, -200])
def test_drift(drift_ppm: float) -> None:
    """5 minutes at 200 ppm are 60 ms: without inserting or removing, the buffer would run dry or over."""
    line = Line(300, drift_ppm=drift_ppm)
    played = line.run(lambda i: 0.0)
    played.assert_books_balance()
    played.assert_no_clicks()
    settled, end = played.history[500], played.history[line.frames - 20]
    assert end.underruns == settled.underruns == 0
    assert end.lost == end.late == 0
    assert abs(end.depth_ms - settled.depth_ms) <= 25
    moved_ms = end.inserted_ms - end.removed_ms
    assert moved_ms == pytest.approx(300_000 * drift_ppm * 1e-6, abs=25)


def test_stall_of_300_ms() -> None:
    """Nothing comes for 300 ms, then everything at once: back at the target delay within 2 s, without a click."""
    line = Line(20)
    stalled = lambda i: max(0.0, 300.0 - (i - 400) * 20.0) if i >= 400 else 0.0  # noqa: E731
    played = line.run(stalled)
    played.assert_books_balance()
    played.assert_no_clicks()
    assert played.history[390].depth_ms <= 60
    assert played.history[419].depth_ms >= 100
    back = played.history[419 + 100]
    assert back.depth_ms <= back.target_ms + 20
    assert played.stats.underruns <= 2
    assert played.history[-60].late == 0


def test_numbers_wrap() -> None:
    line = Line(20, first_sequence=65000, first_timestamp=2**32 - 300 * FRAME)
    rng = np.random.default_rng(8)
    delays = rng.uniform(0, 30, line.frames)
    wrapped = line.run(lambda i: delays[i])
    plain = Line(20).run(lambda i: delays[i])
    wrapped.assert_books_balance()
    np.testing.assert_array_equal(wrapped.pcm, plain.pcm)
    assert wrapped.stats == plain.stats


def test_duplicates() -> None:
    played = Line(5).run(lambda i: 0.0, copies=2)
    played.assert_books_balance()
    assert played.stats.played == played.line.frames
    assert played.stats.duplicates + played.stats.late == played.line.frames


def test_more_than_max_ms_is_discarded_and_the_rest_plays() -> None:
    jb = tp.JitterBuffer(max_ms=100)
    pcm = voice(1)
    for i in range(20):
        jb.put(pcm[i * FRAME : (i + 1) * FRAME], i, i * FRAME)
    assert jb.stats.buffered == 5
    assert jb.stats.discarded == 15
    assert jb.delay_ms == 100
    out = np.concatenate([jb.get() for _ in range(8)])
    assert np.abs(out).max() > 0


@pytest.mark.parametrize(("sequence", "timestamp"), [(30000, 5_000_000), (0, 0)])
def test_a_new_stream_is_taken_up(sequence: int, timestamp: int) -> None:
    """The sender restarts with other numbers: at most a few frames are lost."""
    jb = tp.JitterBuffer()
    pcm = voice(4)
    out = []
    for i in range(200):
        number, time = (i + 12000, i * FRAME + 77) if i < 100 else (i + sequence, i * FRAME + timestamp)
        jb.put(pcm[i * FRAME : (i + 1) * FRAME], number, time)
        out.append(jb.get())
    s = jb.stats
    assert s.received == 200 == s.played + s.late + s.duplicates + s.discarded + s.buffered
    assert s.played >= 190
    assert out[-1].tobytes() in pcm[180 * FRAME :].tobytes()  # the newest audio, untouched


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
def test_every_configuration(rate: int, frame_ms: int, rng: np.random.Generator) -> None:
    jb = tp.JitterBuffer(rate, frame_ms, max_ms=6 * frame_ms)
    frame = rate * frame_ms // 1000
    pcm = hostile_signals(frame * 40)["square"]
    for i in range(40):
        if rng.random() < 0.8:
            for k in {i, max(0, i - int(rng.integers(0, 3)))}:
                jb.put(pcm[k * frame : (k + 1) * frame], k, k * frame)
        assert len(jb.get()) == frame
    assert (
        repr(pickle.loads(pickle.dumps(jb)))
        == repr(jb)
        == f"JitterBuffer(sample_rate={rate}, frame_ms={frame_ms}, max_ms={6 * frame_ms})"
    )


def hum(frames: int, frame: int, frequency_hz: float) -> np.ndarray:
    """A low, perfectly periodic voice: every place looks fit for a change."""
    return np.rint(8000 * np.sin(2 * np.pi * frequency_hz * np.arange(frames * frame) / RATE_HZ)).astype(np.int16)


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
@pytest.mark.parametrize("frequency_hz", [67, 75, 90])
@pytest.mark.parametrize("step_ms", [-24, -13, 11, 17, 24])
def test_a_step_in_time_is_made_up_for_once(frame_ms: int, frequency_hz: float, step_ms: int) -> None:
    """Long periods must not be put in and taken out again, for ever."""
    jb, frame = tp.JitterBuffer(RATE_HZ, frame_ms), frame_ms * 8
    pcm = hum(2000, frame, frequency_hz)
    for i in range(12000 // frame_ms):
        jb.put(pcm[i * frame : (i + 1) * frame], i, i * frame + (8 * step_ms if i * frame_ms > 2000 else 0))
        jb.get()
    assert jb.stats.inserted_ms + jb.stats.removed_ms <= 75


def test_restart_after_late_packets_with_short_frames() -> None:
    """Six late packets, then the sender restarts with other numbers: play-out goes on, and stays within the buffer."""
    jb, sequence, timestamp = tp.JitterBuffer(RATE_HZ, 10, 1000), 100, 10**9
    pcm = hum(3000, 80, 66.7)
    for k in range(3000):
        packet = pcm[k * 80 : (k + 1) * 80]
        if k == 70:
            for late in range(6):
                jb.put(packet, sequence - 60 - 2 * late, timestamp - (60 - 2 * late) * 80)
        if k == 76:
            sequence, timestamp = sequence + 5000, timestamp - 500_000_000
        jb.put(packet, sequence, timestamp)
        sequence, timestamp = sequence + 1, timestamp + 80
        jb.get()
        assert jb.stats.depth_ms <= 1000 + 65
    assert jb.stats.played > 2900
    assert jb.stats.depth_ms < 200


def test_a_jump_of_the_timestamps_alone_starts_anew() -> None:
    jb, pcm = tp.JitterBuffer(), voice(8)
    for i in range(400):
        jb.put(pcm[i * FRAME : (i + 1) * FRAME], i, i * FRAME - (10**6 if i > 100 else 0))
        jb.get()
    assert jb.stats.target_ms <= 60
    assert jb.stats.depth_ms <= 60


def test_reset_is_new() -> None:
    pcm = voice(2)

    def play(jb: tp.JitterBuffer) -> list[bytes]:
        out = []
        for i in range(80):
            if i % 7:
                jb.put(pcm[i * FRAME : (i + 1) * FRAME], i, i * FRAME)
            out.append(jb.get().tobytes())
        return out

    jb = tp.JitterBuffer()
    first = play(jb)
    jb.reset()
    assert jb.stats.received == 0
    assert play(jb) == first


def test_errors_change_nothing() -> None:
    jb = tp.JitterBuffer()
    with pytest.raises(tp.LengthError, match="pcm has 159 samples; a packet of 20 ms has 160"):
        jb.put(np.zeros(159, np.int16), 0, 0)
    assert jb.stats.received == 0
    room = np.zeros(160, np.int16)
    assert jb.get(out=room) == 160
    for arguments, message in [({"sample_rate": 11025}, "sample_rate must be"), ({"frame_ms": 25}, "frame_ms must be"),
                               ({"max_ms": 30}, "max_ms must be two frames to 1000")]:  # fmt: skip
        with pytest.raises(tp.ConfigError, match=message):
            tp.JitterBuffer(**arguments)
