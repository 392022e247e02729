"""The echo's delay changes while the agent speaks, and the transmit path runs ahead of the receive path: nobody interrupts."""

import numpy as np
import pytest
from echo_scene import echo_of, noise, to_int16, ulaw, voice

import talkpath as tp

RATE, F = 8000, 160


def jumping(before_ms: float, after_ms: float, seed: int, loss_db: float, caller_s: float | None = None):
    """Far and near signal of 9 s; the delay changes at 5 s, a caller begins later."""
    far = ulaw(to_int16(voice(9, seed=seed, level_db=-20)))
    at = 5 * RATE
    near = echo_of(far, before_ms, loss_db, seed=seed)
    near[at:] = echo_of(far, after_ms, loss_db, seed=seed)[at:]
    near += noise(len(near), -64, seed)
    if caller_s is not None:
        start = at + int(caller_s * RATE)
        near[start : start + 2 * RATE] += voice(2, seed=seed + 50, level_db=-19)
    return far, ulaw(to_int16(near))


def decisions(far, near, min_speech_ms: int) -> list[float]:
    """When decisions to interrupt began, s."""
    gate, found, was = tp.BargeInGate(RATE, min_speech_ms=min_speech_ms), [], False
    for i in range(0, len(near) - F + 1, F):
        is_ = gate.process(near[i : i + F], far[i : i + F]).barge_in
        if is_ and not was:
            found.append((i + F) / RATE)
        was = is_
    return found


JUMPS = [
    (60, 380),
    (380, 60),
    (20, 520),
    (580, 90),
    (300, 280),
    (120, 160),
    (200, 450),
    (450, 250),
    (90, 590),
    (510, 30),
    (260, 340),
    (150, 50),
]


@pytest.mark.parametrize(("before_ms", "after_ms"), JUMPS)
@pytest.mark.parametrize("min_speech_ms", [300, 500])
def test_an_echo_that_moves_is_not_the_caller(before_ms, after_ms, min_speech_ms):
    wrong = 0
    for seed, loss_db in ((31, 8), (32, 14), (33, 22)):
        wrong += bool(decisions(*jumping(before_ms, after_ms, seed, loss_db), min_speech_ms))
    assert wrong == 0


@pytest.mark.parametrize(("before_ms", "after_ms"), JUMPS[::2])
@pytest.mark.parametrize("caller_s", [0.4, 1.5])
def test_the_caller_is_found_after_the_echo_has_moved(before_ms, after_ms, caller_s):
    late = []
    for seed, loss_db in ((31, 12), (34, 20)):
        found = decisions(*jumping(before_ms, after_ms, seed, loss_db, caller_s), 300)
        late += [found[0] - 5 - caller_s if found else 9.0]
    assert all(0 < x < 1 for x in late), late
    assert sum(x < 0.5 for x in late) >= len(late) - 1, late


class Sides:
    """A call whose two directions are driven apart. What is sent is played at the other end frame by frame, and comes back."""

    def __init__(self, delay_ms: float, echo_db: float = -14, seed: int = 1, **fields):
        self.call = tp.CallPipeline(
            tp.CallConfig(
                audio_format="pcm_8k", semantic_vad={"eagerness": "high", "min_interruption_duration_ms": 300}, **fields
            )
        )
        self.delay, self.gain, self.events = round(delay_ms * 8), 10 ** (echo_db / 20), []
        self.wire = noise(120 * RATE, -66, seed) * 32768
        self.tick = self.played = self.heard = 0
        self.pcm: list[np.ndarray] = []

    def send(self, frames: int = 1) -> None:
        for _ in range(frames):
            sent = self.call.transmit()
            self.events += sent.events
            self.played = max(self.played, self.tick)
            at = self.played * F + self.delay
            self.wire[at : at + F] += self.gain * self.call.decode(sent.payload)
            self.wire[at + 40 : at + 40 + F] -= 0.4 * self.gain * self.call.decode(sent.payload)
            self.played += 1

    def receive(self, frames: int = 1) -> None:
        for _ in range(frames):
            x = np.clip(np.rint(self.wire[self.heard * F : (self.heard + 1) * F]), -32768, 32767).astype(np.int16)
            got = self.call.receive(self.call.encode(x))
            self.events += got.events
            self.pcm.append(got.pcm)
            self.heard += 1

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.send()
            self.receive()
            self.tick += 1

    def speak(self, seed: int = 1, seconds: float = 12) -> None:
        self.call.speak(to_int16(voice(seconds, seed=seed, level_db=-20)), RATE, "a", True)

    @property
    def interruptions(self) -> int:
        return sum(e.type in ("agent.speech_paused", "agent.speech_interrupted") for e in self.events)


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 5, 8, 12, 16, 20])
@pytest.mark.parametrize(("delay_ms", "echo_db"), [(40, -10), (130, -16), (290, -22)])
def test_a_sender_who_begins_first(lead, delay_ms, echo_db):
    """What was on the wire before is never received: the first frame heard is of the present."""
    s = Sides(delay_ms, echo_db)
    s.speak(seed=delay_ms + lead)
    for _ in range(lead):
        s.send()
        s.tick += 1
    s.heard = lead
    s.run(350)
    assert s.interruptions == 0
    assert s.call.metrics.echo_delay_ms == pytest.approx(delay_ms, abs=8)


@pytest.mark.parametrize("frames", [1, 3, 8, 20])
def test_a_receiver_who_begins_first(frames):
    s = Sides(140)
    s.speak(seed=frames)
    for _ in range(frames):
        s.receive()
        s.tick += 1
    for _ in range(350):
        s.receive()
        s.send()
        s.tick += 1
    assert s.interruptions == 0


@pytest.mark.parametrize("size", [2, 4, 7, 10])
@pytest.mark.parametrize("first", ["sends", "receives"])
def test_a_server_that_works_in_bursts(size, first):
    s = Sides(90)
    s.speak(seed=size)
    for _ in range(400 // size):
        s.tick += size
        for side in (s.send, s.receive) if first == "sends" else (s.receive, s.send):
            side(size)
    assert s.interruptions == 0


@pytest.mark.parametrize("ahead", [3, 6, 10, 15, 20])
def test_a_sender_who_fills_the_buffer_at_the_other_end(ahead):
    """At once, while the agent speaks; later it waits as long. What comes late is matched with what was sent then."""
    s = Sides(80)
    s.speak(seed=20 + ahead)
    s.run(150)
    delay_ms = s.call.metrics.echo_delay_ms
    s.send(ahead)
    s.run(150)
    assert s.interruptions == 0
    assert delay_ms == pytest.approx(80, abs=8)
    s.tick += ahead
    s.receive(ahead)
    s.run(100)
    assert s.interruptions == 0


@pytest.mark.parametrize("late", [4, 8, 14, 19])
def test_what_is_received_late_has_the_reference_it_had(late):
    """The network holds frames back for up to 400 ms: neither the delay nor what is taken off changes."""
    s = Sides(80, -8)
    s.speak(seed=40 + late)
    s.run(200)
    before = float(np.mean(np.square(np.concatenate(s.pcm[-60:]), dtype=float)))
    for _ in range(late):
        s.send()
        s.tick += 1
    s.pcm.clear()
    s.run(150)
    after = float(np.mean(np.square(np.concatenate(s.pcm), dtype=float)))
    assert s.interruptions == 0
    assert s.call.metrics.echo_delay_ms == pytest.approx(80, abs=8)
    assert after < 4 * before + 400


@pytest.mark.parametrize("lost", [1, 2, 4, 8, 15])
@pytest.mark.parametrize("seed", [70, 71])
def test_frames_that_are_never_received(lost, seed):
    s = Sides(70)
    s.speak(seed=seed)
    s.run(200)
    for _ in range(lost):
        s.send()
        s.tick += 1
        s.heard += 1
    s.run(150)
    assert s.interruptions == 0
    assert s.call.metrics.echo_delay_ms == pytest.approx(70, abs=8)


@pytest.mark.parametrize("every", [15, 30])
def test_a_sender_whose_clock_is_fast(every):
    s = Sides(120)
    s.speak(seed=every)
    for i in range(300):
        s.run(1)
        if i % every == every - 1:
            s.send()
    assert s.interruptions == 0


def test_comfort_noise_is_not_what_the_agent_says():
    """Its echo is left alone: what is received while the agent is silent does not depend on it."""
    heard = []
    for on in (True, False):
        s = Sides(100, comfort_noise_enabled=on)
        near = s.wire.copy()
        for _ in range(150):
            s.call.transmit()
            s.receive()
        assert not s.call.metrics.double_talk
        heard.append(np.concatenate(s.pcm))
        np.testing.assert_array_equal(s.wire, near)
    np.testing.assert_array_equal(*heard)
