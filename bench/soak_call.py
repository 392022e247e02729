"""One call for a day, in compressed time: everything that lines and orchestrators do, at random, and nothing grows, drifts or differs.

    python bench/soak_call.py --hours 24 --replay-hours 2     # about 500 times as fast as it would be on the telephone
    python bench/soak_call.py --hours 24 --minutes 30         # as far as it comes in half an hour

The line: losses alone and in bursts, frames that come late and at once, level jumps, an offset, clipping, digital silence, echo whose path changes,
clocks that drift apart, keys. The orchestrator: speech in chunks, files, keys, checkpoints, pauses, interruptions, background, transcripts, updates.
Looked at: what it costs in memory (after the first tenth), the clocks against the frames that went in and out, times that never go back, positions
against what was spoken, every number finite. The first hours run a second time beside it (`--replay-hours`): the same to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
from scenario import voice  # noqa: E402

import talkpath as tp  # noqa: E402

RATE_HZ, N, FRAMES_H = 8000, 160, 180_000
CONFIG: dict[str, Any] = {"background_audio": None, "detection_method": "audio", "seed": 7, "idle_timeout": {}}
ECHO_SAMPLES = 8000


def resident_kb() -> int:
    """Memory of this process that is its own or shared."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def sounds() -> dict[str, np.ndarray]:
    """What the caller's side is made of: a loop each."""
    rng = np.random.default_rng(3)
    talk = np.concatenate([np.concatenate([voice(ms, RATE_HZ, seed, pitch), np.zeros(gap * 8, np.int16)])
                           for seed, (ms, gap, pitch) in enumerate([(1500, 700, 190.0), (400, 1500, 190.0), (2600, 400, 110.0), (900, 2200, 150.0)])])  # fmt: skip
    return {
        "talk": talk[: len(talk) // N * N].astype(float),
        "noise": rng.normal(0, 300, 160 * 500),
        "babble": (np.roll(talk, 9000).astype(float) + np.roll(talk, 30000))[: len(talk) // N * N] * 0.2,
        "silence": np.zeros(N),
    }


@dataclass
class Weather:
    """How the line is for a while."""

    frames: int
    sound: str
    gain: float
    offset: float
    noise: float
    loss: float
    burst: int
    late: int  # so many frames come at once
    drift: int  # one frame more (or less, below 0) in so many
    echo_gain: float
    echo_delay: int
    digital_silence: bool

    @classmethod
    def of(cls, dice: random.Random) -> Weather:
        """Another one."""
        return cls(
            frames=dice.randrange(100, 2500), sound=dice.choice(("talk", "talk", "noise", "babble", "silence")),
            gain=dice.choice((0.02, 0.3, 1.0, 1.0, 4.0, 30.0)), offset=dice.choice((0, 0, 0, 900, -8000)), noise=10 ** dice.uniform(-1, 2),
            loss=dice.choice((0.0, 0.0, 0.02, 0.2)), burst=dice.choice((1, 1, 3, 40)), late=dice.choice((1, 1, 1, 2, 5, 12)),
            drift=dice.choice((0, 0, 2000, -2000, 150, -150)), echo_gain=dice.choice((0.0, 0.0, 0.02, 0.1, -0.3)),
            echo_delay=dice.randrange(1, 40), digital_silence=dice.random() < 0.1,
        )  # fmt: skip


@dataclass
class Soak:
    """A call, its line and who commands it; all that is random comes from one seed."""

    seed: int
    frames_in: int = 0
    frames_out: int = 0
    commands: int = 0
    events: int = 0
    lost: int = 0
    positions: int = 0
    worst_position_ms: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.call = tp.CallPipeline(**CONFIG)
        self.sounds = sounds()
        self.speech = [voice(ms, RATE_HZ, 30 + ms) for ms in (300, 1100, 2400, 5000)]
        self.wav = wav_bytes(self.speech[1])
        self.background = np.random.default_rng(4).normal(0, 2000, 16000).astype(np.int16)
        self.noise = np.random.default_rng(5).normal(0, 1, 160 * 997)
        self.echo = np.zeros((50, N))
        self.digest = hashlib.blake2b(digest_size=16)
        self.weather = Weather.of(self.dice)
        self.left = self.weather.frames
        self.bursting = self.at = self.names = 0
        self.pending: list[np.ndarray] = []  # of an utterance, chunk by chunk
        self.name = ""
        self.spoken: dict[str, int] = {}
        self.newest = {"receive": 0.0, "transmit": 0.0}
        self.pressed: np.ndarray | None = None

    # --- what is done --------------------------------------------------------------------------------------------------------------

    def _command(self) -> None:
        call, dice = self.call, self.dice
        self.commands += 1
        what = dice.randrange(20)
        if self.pending and what in (
            6,
            7,
            18,
        ):  # they end the speech that is open: what comes of it then is counted by itself
            self.spoken.pop(self.name, None)
        if what < 5 and not self.pending:
            self.names += 1
            self.name = f"u{self.names % 1000}"
            said = dice.choice(self.speech)
            size = dice.choice((160, 400, 1237, len(said)))
            self.pending = [said[k : k + size] for k in range(0, len(said), size)][::-1]
            self.spoken[self.name] = 0
        elif what == 5:
            call.checkpoint(f"c{self.commands % 1000}")
        elif what == 6:
            call.play(self.wav, name="file")
        elif what == 7:
            call.send_dtmf(dice.choice(("1", "42#", "0*9")))
        elif what == 8:
            call.pause()
        elif what == 9:
            call.resume()
        elif what == 10:
            call.interrupt()
            self.pending = []
        elif what == 11:
            call.clear_audio()
            self.pending = []
        elif what == 12:
            call.play_background(self.background, dice.choice((0.05, 0.3)), True)
        elif what == 13:
            call.stop_background()
        elif what == 14:
            call.transcript(dice.choice(("yes", "no not that.", "I would like to")), final=dice.random() < 0.5)
        elif what == 15:
            call.turn_probability(dice.random())
        elif what == 16:
            call.extend_wait()
        elif what == 17:
            call.update(
                noise_cancellation=dice.random() < 0.4, normalize_level=dice.random() < 0.3, comfort_noise_enabled=dice.random() < 0.8,
                semantic_vad=dice.choice(("high", "medium", "low", "auto")), allow_interruptions=dice.random() < 0.8,
            )  # fmt: skip
        elif what == 18:
            call.silence(dice.randrange(20, 500))
        else:
            t = 2 * np.pi * np.arange(800) / RATE_HZ
            self.pressed = 5000 * (np.sin(dice.choice((697, 770, 941)) * t) + np.sin(dice.choice((1209, 1336)) * t))

    def _speak(self) -> None:
        piece = self.pending.pop()
        taken = self.call.speak(piece, RATE_HZ, self.name, final=not self.pending)
        if self.name in self.spoken:
            self.spoken[self.name] += taken
        if taken < len(piece):
            self.pending.append(piece[taken:])

    # --- the line ------------------------------------------------------------------------------------------------------------------

    def _near(self) -> np.ndarray:
        w, k = self.weather, self.at
        if w.digital_silence:
            return np.zeros(N, np.int16)
        loop = self.sounds[w.sound]
        at = k * N % len(loop)
        x = loop[at : at + N] * w.gain + w.offset
        at = k * N % len(self.noise)
        x += w.noise * self.noise[at : at + N]
        if w.echo_gain:
            x += w.echo_gain * self.echo[(k - w.echo_delay) % 50]
        if self.pressed is not None:
            part, self.pressed = self.pressed[:N], self.pressed[N:]
            x[: len(part)] += part
            self.pressed = self.pressed if len(self.pressed) else None
        return np.clip(x, -32768, 32767).astype(np.int16)

    def _send(self) -> None:
        sent = self.call.transmit()
        self.frames_out += 1
        self.echo[self.at % 50] = self.call.decode(sent.payload)
        self.digest.update(sent.payload)
        self._look(sent.events)

    def _hear(self) -> None:
        self.at += 1
        self.frames_in += 1
        wire = self.call.encode(self._near())
        w = self.weather
        if self.bursting == 0 and w.loss and self.dice.random() < w.loss / w.burst:
            self.bursting = w.burst
        if self.bursting:
            self.bursting -= 1
            self.lost += 1
            heard = self.call.conceal()
        else:
            heard = self.call.receive(wire)
        self.digest.update(heard.pcm.data)
        self._look(heard.events)

    def step(self) -> int:
        """Some frames both ways; how many."""
        w = self.weather
        for _ in range(w.late):
            if self.dice.random() < 0.008:
                self._command()
            if self.pending:
                self._speak()
            self._send()
        for _ in range(w.late):
            self._hear()
        if w.drift and self.frames_out % abs(w.drift) < w.late:
            (self._send if w.drift > 0 else self._hear)()
        self.left -= w.late
        if self.left <= 0:
            self.weather = Weather.of(self.dice)
            self.left = self.weather.frames
        return w.late

    # --- what is looked at ---------------------------------------------------------------------------------------------------------

    def _look(self, events: list[Any]) -> None:
        for event in events:
            self.events += 1
            self.kinds[event.type] = self.kinds.get(event.type, 0) + 1
            said = event.to_dict()
            self.digest.update(repr(said).encode())
            for name, value in said.items():
                if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
                    raise SystemExit(f"{name} is {value}: {said}")
            if event.timestamp_ms < self.newest[event.clock]:
                raise SystemExit(f"time went back to {event.timestamp_ms}: {said}")
            self.newest[event.clock] = event.timestamp_ms
            if (
                event.timestamp_ms > 20 * (self.frames_in if event.clock == "receive" else self.frames_out) + 40
            ):  # a fade may be under way
                raise SystemExit(f"{event.timestamp_ms} ms is still to come: {said}")
            if event.type == "agent.speech_interrupted":
                self.spoken.pop(event.utterance, None)
            if event.type == "agent.speech_completed" and event.utterance in self.spoken:
                off_ms = abs(1000 * event.playback_position_s - self.spoken.pop(event.utterance) / 8)
                self.positions += 1
                self.worst_position_ms = max(self.worst_position_ms, off_ms)

    def check(self) -> None:
        """The clocks, and every number of the metrics."""
        m = self.call.metrics
        counted = (m.received_frames + m.lost_frames, m.lost_frames, m.sent_frames)
        if counted != (self.frames_in, self.lost, self.frames_out):
            raise SystemExit(f"{counted} frames counted, {(self.frames_in, self.lost, self.frames_out)} were there")
        for name in m.__slots__ if hasattr(m, "__slots__") else vars(m):
            value = getattr(m, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise SystemExit(f"metrics.{name} is {value}")


def wav_bytes(pcm: np.ndarray) -> bytes:
    """A WAV file in memory."""
    import io
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm.tobytes())
    return out.getvalue()


def soak(
    hours: float, replay_hours: float, minutes: float = math.inf, seed: int = 1, tell: Any = print
) -> dict[str, Any]:
    """Run it; what was found."""
    one, again = Soak(seed), Soak(seed) if replay_hours > 0 else None
    begun, cpu, rows, told = time.monotonic(), time.process_time(), [], 0
    frames = int(hours * FRAMES_H)
    done = 0
    while done < frames and time.monotonic() - begun < 60 * minutes:
        done += one.step()
        if again is not None:
            again.step()
            if done >= min(frames, replay_hours * FRAMES_H):
                if again.digest.digest() != one.digest.digest():
                    raise SystemExit(f"replayed, it is another call after {done} frames")
                tell(f"replayed: the same to the bit after {done / FRAMES_H:.2f} h")
                again = None
        if done // 9000 > told:
            told = done // 9000
            one.check()
            rows.append((done / FRAMES_H, resident_kb()))
            if told % 20 == 0:
                spent = time.process_time() - cpu
                tell(
                    f"{done / FRAMES_H:6.2f} h, {rows[-1][1] / 1024:.2f} MB, {one.events} events, {0.02 * done / spent:.0f} times real time"
                )
    one.check()
    settled = np.array(
        [row for row in rows if again is None and row[0] > max(replay_hours + 0.1, 0.1 * hours)] or rows[-1:]
    )
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) if len(settled) > 3 else 0.0
    return {
        "hours": done / FRAMES_H, "events": one.events, "commands": one.commands, "lost": one.lost, "positions": one.positions,
        "worst_position_ms": one.worst_position_ms, "kb_an_hour": slope, "kinds": one.kinds, "replayed": again is None and replay_hours > 0,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--replay-hours", type=float, default=2)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = soak(
        options.hours, options.replay_hours, options.minutes, options.seed, lambda line: print(line, flush=True)
    )
    kinds = ", ".join(f"{name} {n}" for name, n in sorted(found.pop("kinds").items()))
    print(
        ", ".join(
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in found.items()
        )
    )
    print(kinds)
    if found["kb_an_hour"] > 64 or found["worst_position_ms"] > 25:
        raise SystemExit("it grows, or positions drift")


if __name__ == "__main__":
    main()
