"""The caller: takes a script step by step, a frame at a time, by what the ear hears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from talkpath import dtmf
from talkpath._types import Samples
from talkpath.errors import ConfigError, FormatError
from talkpath.phone.ear import AUDIBLE_DBOV, Ear, amplitude_of, first_loud, last_loud
from talkpath.phone.line import Line
from talkpath.phone.near_end import through_line
from talkpath.phone.script import FAIL, GO_ON, HangUp, InterruptAfter, Press, Repeat, Say, Script, Step, Wait, WaitFor
from talkpath.phone.voice import voice
from talkpath.wav import read_wav

KEY_MS, KEY_GAP_MS = 100, 100
NOW_FRAMES = 2  # who was heard so lately speaks
VOICES = 8  # of callers who have none of their own


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something to say, in frames: `first` and `last` are its first and last audible samples."""

    frames: tuple[Samples, ...]
    first: int
    last: int


def cut(pcm: Samples, n: int) -> tuple[Samples, ...]:
    """Frames of n samples; the last is filled up with silence."""
    whole = np.zeros(-(-len(pcm) // n) * n, np.int16)
    whole[: len(pcm)] = pcm
    return tuple(whole.reshape(-1, n))


@lru_cache(maxsize=512)
def spoken(step: Say, voice_seed: int, line: Line, rate: int, n: int, amplitude: float) -> Spoken:
    """What this step says, as the line gives it; made once for all calls that say the same."""
    if step.files:
        pieces = [np.asarray(_read(path, rate)) for path in step.files]
        pcm: Samples = np.concatenate(pieces)
    else:
        pcm = voice(step.seconds, rate, voice_seed, step.level_dbov)
    pcm = through_line(pcm, line, rate)
    first, last = first_loud(pcm, amplitude), last_loud(pcm, amplitude)
    if first is None or last is None:
        first, last = 0, max(0, len(pcm) - 1)
    return Spoken(cut(pcm, n), first, last)


def prepare(script: Script, line: Line, rate: int, n: int) -> None:
    """Make everything that this script says, for all voices: while calls go on there is no time for that."""
    waiting = list(script.steps)
    while waiting:
        step = waiting.pop()
        if isinstance(step, Repeat):
            waiting += step.steps
        elif isinstance(step, Say):
            for own in range(VOICES if step.voice is None and not step.files else 1):
                spoken(step, _voice(step, own), line, rate, n, amplitude_of(AUDIBLE_DBOV))


def _voice(step: Say, own: int) -> int:
    if step.files:
        return 0
    return own % VOICES + 1 if step.voice is None else step.voice


def _read(path: Path, rate: int) -> Samples:
    try:
        return read_wav(path, rate)
    except OSError as problem:
        raise ConfigError(f"caller: {path}: {problem.strerror or problem}") from None
    except FormatError as problem:
        raise ConfigError(f"caller: {path}: {problem}") from None


class Caller:
    """Runs a script.

    Parameters
    ----------
    script : Script
    line : Line
    ear : Ear
    sample_rate, frame_samples : int
    seed : int
        Chooses the voices.
    has_key_messages : bool
        The dialect has a message for keys.

    Attributes
    ----------
    keys : list of str
        Key messages to send now; whoever takes them empties it.
    failed : list of str
        Checks that failed.
    onset, offset : int or None
        In the present frame: the sample at which speech begins, or ends. None: not here.
    speaks, presses : bool
        The present frame is speech; a key is pressed, as a sound or not.
    is_done : bool
        The script is at its end.
    """

    def __init__(
        self,
        script: Script,
        line: Line,
        ear: Ear,
        sample_rate: int,
        frame_samples: int,
        seed: int,
        has_key_messages: bool = True,
    ) -> None:
        self._line, self._ear = line, ear
        self._rate, self._n = sample_rate, frame_samples
        self._seed = seed
        self._has_key_messages = has_key_messages
        self.keys: list[str] = []
        self.failed: list[str] = []
        self.onset: int | None = None
        self.offset: int | None = None
        self.speaks = self.presses = self.is_done = False
        self.step = ""
        self._frames = self._run(script.steps)

    def next(self) -> Samples | None:
        """What is said in the next frame; None: nothing."""
        self.onset = self.offset = None
        if self.is_done:
            return None
        try:
            return next(self._frames)
        except StopIteration:
            self.is_done, self.speaks = True, False
            return None

    # --- steps ------------------------------------------------------------------------------------------------------------------

    def _count(self, seconds: float) -> int:
        return round(seconds * self._rate / self._n)

    def _run(self, steps: tuple[Step, ...]) -> Iterator[Samples | None]:
        for step in steps:
            match step:
                case Repeat(steps=inner, times=times):
                    done = 0
                    while times is None or done < times:
                        before = self._ear.frames
                        yield from self._run(inner)
                        done += 1
                        if self._ear.frames == before:  # nothing in it takes time
                            yield None
                case Say():
                    yield from self._say(step)
                case Press():
                    yield from self._press(step)
                case Wait(seconds=seconds):
                    for _ in range(self._count(seconds)):
                        yield None
                case WaitFor() | InterruptAfter():
                    yield from self._wait_for(step)
                case HangUp():
                    self.is_done = True
                    yield None

    def _say(self, step: Say) -> Iterator[Samples | None]:
        said = spoken(step, _voice(step, self._seed), self._line, self._rate, self._n, self._ear.amplitude)
        n, self.speaks = self._n, True
        first_frame, last_frame = said.first // n, said.last // n
        for i, frame in enumerate(said.frames):
            self.onset = said.first % n if i == first_frame else None
            self.offset = said.last % n if i == last_frame else None
            yield frame
        self.speaks = False

    def _press(self, step: Press) -> Iterator[Samples | None]:
        by_message = self._has_key_messages and step.by != "sound"
        by_sound = step.by != "message" or not by_message
        for key in step.keys:
            tone = dtmf.generate(key, sample_rate=self._rate, tone_ms=KEY_MS, gap_ms=0) if by_sound else None
            frames: tuple[Samples | None, ...] = (
                cut(tone, self._n) if tone is not None else (None,) * self._count(KEY_MS / 1000)
            )
            self.presses = True
            yield from frames
            self.presses = False
            if by_message:
                self.keys.append(key)
            for _ in range(self._count(KEY_GAP_MS / 1000)):
                yield None

    def _wait_for(self, step: WaitFor | InterruptAfter) -> Iterator[Samples | None]:
        ear = self._ear
        wanted = self._count(step.seconds if isinstance(step, InterruptAfter) else step.for_ms / 1000)
        is_speech = isinstance(step, InterruptAfter) or step.what == "speech"
        began = ear.frames
        for _ in range(max(1, self._count(min(step.timeout_s, 1e6)))):
            if is_speech:
                if ear.speaks and ear.speech_frames >= wanted and ear.silent_frames <= NOW_FRAMES:
                    return
            elif min(ear.silent_frames, ear.frames - began) >= wanted:
                return
            yield None
        if step.on_timeout != GO_ON:
            what = f"{step.seconds:g} s of speech" if isinstance(step, InterruptAfter) else step.what
            self.failed.append(f"no {what} within {step.timeout_s:g} s")
        if step.on_timeout not in (GO_ON, FAIL):
            self.is_done = True
            yield None
