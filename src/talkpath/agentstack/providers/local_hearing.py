"""The embedded recogniser: PocketSphinx, twice. Runs in a worker; no clock: time is the audio's.

One decoder has the large language model of the wheel, one a small model of what callers of service lines say (and of `keywords`). Both hear each segment; the one whose path
is the likelier has said it. So a request that is foreseen is understood nearly always, and others as well as the large model can.
"""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from talkpath import Resampler, VoiceActivityDetector
from talkpath.agentstack.providers import local_features as features
from talkpath.agentstack.providers.base import Transcript
from talkpath.agentstack.providers.local_phrases import sentences

Samples = npt.NDArray[np.int16]

STEP = 160  # samples: VAD looks at 20 ms
SPEECH, SILENCE = 0.5, 0.35  # probabilities of the VAD
ONSET_STEPS = 3  # of speech begin a segment
END_MS = 500  # of silence end it
LEAD_ROWS = 35  # 350 ms before the onset belong to it
LONGEST_MS = 15_000  # then a segment ends anyway
INTERIM_ROWS = 30
PITCHES = 3  # vowels that are wanted before the kind of voice is decided
UNDECIDED_ROWS = 80  # then it is taken to be
MIDDLE_HZ = 180.0
KEYWORD_WEIGHT = 4  # times that a keyword counts beside a line of ours
CMN = "42.5,-2.9,0.8,2.2,-2.8,-1.5,-4.2,-4.5,-2.3,-2.7,-1.4,-3.7,-2.3"  # where no call has been heard: the mean of telephone speech
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_LARGE = "large"


class Decoders:
    """All decoders of a worker; a segment borrows some."""

    def __init__(self) -> None:
        import pocketsphinx

        self._make = pocketsphinx.Decoder
        self._free: dict[Any, list[Any]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="talkpath-")
        self._models: dict[tuple[str, ...], Path] = {}
        self.give(_LARGE, self.take(_LARGE))
        self.give((), self.take(()))

    def take(self, kind: Any) -> Any:
        """One for "large", a tuple of keywords, or ("grammar", text)."""
        free = self._free.setdefault(kind, [])
        if free:
            return free.pop()
        if kind == _LARGE:
            return self._make(samprate=16000, loglevel="FATAL")
        if kind[:1] == ("grammar",):
            decoder = self._make(samprate=16000, loglevel="FATAL", lm=None)
            decoder.add_jsgf_string("grammar", kind[1])
            decoder.activate_search("grammar")
            return decoder
        return self._make(samprate=16000, loglevel="FATAL", lm=str(self._model(kind)))

    def give(self, kind: Any, decoder: Any) -> None:
        """It is done with."""
        self._free[kind].append(decoder)

    def _model(self, keywords: tuple[str, ...]) -> Path:
        if keywords not in self._models:
            from pocketsphinx.lm import ArpaBoLM

            large = self.take(_LARGE)
            said = [" ".join(_WORD.findall(text.lower().replace("-", " "))) for text in keywords]
            known = [text for text in said if text and all(large.lookup_word(word) for word in text.split())]
            self.give(_LARGE, large)
            text = "".join(f"<s> {line} </s>\n" for line in [*sentences(), *known * KEYWORD_WEIGHT])
            model = ArpaBoLM(text=text)
            model.compute()
            path = Path(self._folder.name) / f"{len(self._models)}.lm"
            model.write_file(str(path))
            self._models[keywords] = path
        return self._models[keywords]


class Hearing:
    """One call's audio in, transcripts out.

    Parameters
    ----------
    decoders : Decoders
    sample_rate_hz : int
    options : dict
        keywords, grammar, interim.
    """

    def __init__(self, decoders: Decoders, sample_rate_hz: int, options: dict[str, Any]) -> None:
        self._decoders, self._interim = decoders, bool(options["interim"])
        grammar = options["grammar"]
        self._kinds: list[Any] = [("grammar", grammar)] if grammar else [_LARGE, options["keywords"]]
        for kind in self._kinds:
            decoders.give(kind, decoders.take(kind))  # a grammar that is none is told at once
        self._to_8k = (
            Resampler(sample_rate_hz, features.SAMPLE_RATE_HZ) if sample_rate_hz != features.SAMPLE_RATE_HZ else None
        )
        self._vad = VoiceActivityDetector(features.SAMPLE_RATE_HZ)
        self._unseen: Samples = np.zeros(0, np.int16)  # by the VAD
        self._unframed: Samples = np.zeros(0, np.int16)
        self._lead: deque[features.Floats] = deque(maxlen=LEAD_ROWS)
        self._pitches: deque[float] = deque(maxlen=60)
        self._speech_steps = 0
        self._cmn = CMN
        self._segment: Segment | None = None

    def process(self, pcm: bytes) -> list[Transcript]:
        """The next audio."""
        audio: Samples = np.frombuffer(pcm, np.int16)
        if self._to_8k is not None:
            audio = np.asarray(self._to_8k.process(audio))
        self._unseen = np.concatenate([self._unseen, audio])
        found: list[Transcript] = []
        while len(self._unseen) >= STEP:
            step, self._unseen = self._unseen[:STEP], self._unseen[STEP:]
            found += self._step(step)
        if (
            (segment := self._segment) is not None
            and segment.decode(self._pitch())
            and self._interim
            and (text := segment.news())
        ):
            found.append(Transcript(text, False))
        return found

    def finalize(self) -> list[Transcript]:
        """All that was heard, now."""
        return [Transcript(self._end() if self._segment is not None else "", True, from_finalize=True)]

    def close(self) -> None:
        """The call is over."""
        if self._segment is not None:
            self._end()

    def _step(self, step: Samples) -> list[Transcript]:
        probability = self._vad.process(step)
        self._unframed = np.concatenate([self._unframed, step])
        rows = features.power(self._unframed) if len(self._unframed) >= features.WINDOW else np.zeros((0, 129))
        self._unframed = self._unframed[len(rows) * features.HOP :]
        if (
            probability >= SPEECH
            and len(self._unframed)
            and (pitch := features.pitch_hz(np.concatenate([self._unframed, step])[-2 * STEP :]))
        ):
            self._pitches.append(pitch)
        self._speech_steps = self._speech_steps + 1 if probability >= SPEECH else 0
        segment = self._segment
        if segment is None:
            self._lead.extend(rows)
            if self._speech_steps >= ONSET_STEPS:
                self._segment = Segment(self._decoders, self._kinds, self._cmn, list(self._lead))
            return []
        segment.rows.extend(rows)
        segment.length_ms += 20
        segment.silence_ms = segment.silence_ms + 20 if probability < SILENCE else 0
        if segment.silence_ms < END_MS and segment.length_ms < LONGEST_MS:
            return []
        text = self._end()
        return [Transcript(text, True, is_speech_end=True)] if text else []

    def _pitch(self) -> float | None:
        return float(np.median(self._pitches)) if len(self._pitches) >= PITCHES else None

    def _end(self) -> str:
        assert self._segment is not None
        text, self._cmn = self._segment.end(self._pitch())
        self._segment = None
        self._lead.clear()  # nothing is heard twice
        self._speech_steps = 0
        return text


class Segment:
    """From a beginning of speech to its end."""

    def __init__(self, decoders: Decoders, kinds: Sequence[Any], cmn: str, rows: list[features.Floats]) -> None:
        self.rows = rows  # not decoded yet, and the context of the next
        self.length_ms = self.silence_ms = 0
        self._all, self._kinds = decoders, kinds
        self._decoders = [decoders.take(kind) for kind in kinds]
        self._extension: features.Extension | None = None
        self._decoded = self._told_at = 0
        self._told = ""
        for decoder in self._decoders:
            decoder.set_cmn(cmn)
            decoder.start_utt()

    def decode(self, pitch_hz: float | None) -> bool:
        """What there is, once the kind of voice is known. True: something new."""
        if self._extension is None:
            if pitch_hz is None and len(self.rows) < UNDECIDED_ROWS:
                return False
            self._extension = features.extension_of(pitch_hz or MIDDLE_HZ)
            self.rows[:0] = [self.rows[0]] * features.CONTEXT
        if len(self.rows) <= 2 * features.CONTEXT:
            return False
        found = features.cepstra(np.array(self.rows), self._extension)
        del self.rows[: len(found)]
        for decoder in self._decoders:
            decoder.process_cep(found.tobytes())  # a copy for each: it is normalised in place
        self._decoded += len(found)
        return True

    def news(self) -> str:
        """The words so far, if they are others than before."""
        if self._decoded - self._told_at < INTERIM_ROWS:
            return ""
        self._told_at = self._decoded
        text = self._best()
        if text == self._told:
            return ""
        self._told = text
        return text

    def end(self, pitch_hz: float | None) -> tuple[str, str]:
        """The words, and the mean of the call's features for the next segment."""
        self.rows += [self.rows[-1]] * features.CONTEXT if self.rows else []
        self.decode(pitch_hz or MIDDLE_HZ)
        for decoder in self._decoders:
            decoder.end_utt()
        text, cmn = self._best(), self._decoders[0].get_cmn(False)
        for kind, decoder in zip(self._kinds, self._decoders, strict=True):
            self._all.give(kind, decoder)
        return text, cmn

    def _best(self) -> str:
        found = [hypothesis for decoder in self._decoders if (hypothesis := decoder.hyp()) is not None]
        best = max(found, key=lambda hypothesis: hypothesis.score, default=None)
        text = "" if best is None else best.hypstr.lower()
        return " ".join(_WORD.findall(re.sub(r"\(\d\)", "", text)))
