"""One phone call: wire frames in, PCM and events out; speech in, wire frames out."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any, NamedTuple

import numpy as np

from talkpath import g711, l16
from talkpath._core import (
    AnsweringMachineDetector,
    BeepDetector,
    CallProgressDetector,
    DtmfDetector,
    PacketLossConcealer,
    Resampler,
)
from talkpath._types import Buffer, Samples
from talkpath.config import CallConfig
from talkpath.errors import ConfigError, LengthError
from talkpath.events import (
    AgentSpeechCompleted,
    AgentSpeechStarted,
    Event,
    LineTone,
    UserDtmf,
    VoicemailBeep,
    VoicemailDetected,
)

_ENCODE: dict[str, Callable[[Buffer], bytes]] = {"ulaw": g711.ulaw_encode, "alaw": g711.alaw_encode, "l16": l16.encode}
_DECODE: dict[str, Callable[[Buffer], Samples]] = {
    "ulaw": g711.ulaw_decode,
    "alaw": g711.alaw_decode,
    "l16": l16.decode,
}


class Received(NamedTuple):
    """What one wire frame gave: PCM at the audio format's rate, and events."""

    pcm: Samples
    events: list[Event]


class Transmitted(NamedTuple):
    """One wire frame to send, and events."""

    payload: bytes
    events: list[Event]


@dataclass
class _Utterance:
    """Speech that waits for the line: converted to the wire's rate as it comes in."""

    name: str
    resampler: Resampler
    chunks: deque[Samples]
    final: bool = False
    sent: int = 0


class _Answer:
    """What becomes of a call that the agent makes: who answers, the beep after a machine's greeting, the network's tones."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._greeting: AnsweringMachineDetector | None = AnsweringMachineDetector(sample_rate_hz)
        self._beep: BeepDetector | None = BeepDetector(sample_rate_hz)
        self._progress = CallProgressDetector(sample_rate_hz)

    def listen(self, pcm: Samples, now_ms: float) -> list[Event]:
        """Events of the next samples."""
        events: list[Event] = [LineTone(now_ms, t.tone, t.plan) for t in self._progress.process(pcm)]
        if self._greeting is not None and (decision := self._greeting.process(pcm)) is not None:
            events.append(VoicemailDetected(now_ms, decision.result, "audio"))
            self._greeting = None
            if decision.result == "human":  # whatever beeps from now on is not an answering machine
                self._beep = None
        for beep in self._beep.process(pcm) if self._beep is not None else ():
            if self._greeting is not None:  # a short greeting: the beep came before the decision, and makes it
                events.append(VoicemailDetected(now_ms, "machine", "beep"))
                self._greeting = None
            events.append(VoicemailBeep(now_ms, beep.frequency_hz, beep.duration_ms))
            self._beep = None
        return events


class CallPipeline:
    """Both paths of one phone call.

    Parameters
    ----------
    config : CallConfig, optional
        Default: 20 ms of µ-law at 8 kHz on the line, 16 kHz PCM for the orchestrator.
    **fields
        Or its fields directly: `CallPipeline(audio_format="pcm_8k")`.

    Notes
    -----
    Time is counted in samples, never by a clock: call `receive` (or `conceal`) once for every frame of the line and
    `transmit` once for every frame to send. The object belongs to one thread at a time.
    """

    def __init__(self, config: CallConfig | None = None, **fields: Any) -> None:
        if config is not None and fields:
            raise ConfigError("give a config or its fields, not both")
        if unknown := set(fields) - {f.name for f in dataclass_fields(CallConfig)}:
            raise ConfigError(f"no such field: {', '.join(sorted(unknown))}")
        self.config = config = config or CallConfig(**fields)
        wire_hz = config.wire.sample_rate_hz
        self._encode, self._decode = _ENCODE[config.wire.codec], _DECODE[config.wire.codec]
        self._plc = PacketLossConcealer(wire_hz, config.frame_ms) if config.plc_enabled else None
        self._dtmf = DtmfDetector(wire_hz)
        self._answer = _Answer(wire_hz) if config.detection_method == "audio" else None
        self._to_audio = Resampler(wire_hz, config.audio_rate_hz)
        self._queue: deque[_Utterance] = deque()
        self._received_samples = self._sent_samples = 0

    def encode(self, pcm: Buffer) -> bytes:
        """Samples at the wire's rate as the wire's bytes (for tests, tools and simulated lines)."""
        return self._encode(pcm)

    # --- receive path -------------------------------------------------------------------------------------------------

    def receive(self, payload: Buffer) -> Received:
        """Take one wire frame.

        Parameters
        ----------
        payload : bytes-like
            Exactly one frame of the wire format.

        Returns
        -------
        Received
            `frame_ms` of PCM at the audio format's rate, delayed by the resampler only, and events.

        Raises
        ------
        LengthError
            Not one frame. Nothing was processed: the call can go on.
        """
        pcm = self._decode(payload)
        if len(pcm) != self.config.frame_samples:
            width, frame = self.config.wire.sample_bytes, self.config.frame_samples
            raise LengthError(
                f"payload has {len(pcm) * width} bytes; a {self.config.frame_ms} ms frame has {frame * width}"
            )
        return self._received(self._plc.receive(pcm) if self._plc else pcm)

    def conceal(self) -> Received:
        """Say that one wire frame was lost; returns what to use in its place."""
        return self._received(self._plc.conceal() if self._plc else np.zeros(self.config.frame_samples, np.int16))

    def _received(self, pcm: Samples) -> Received:
        self._received_samples += len(pcm)
        now_ms = self._received_samples * 1000 / self.config.wire.sample_rate_hz
        events: list[Event] = [UserDtmf(now_ms, press.digit) for press in self._dtmf.process(pcm)]
        if self._answer is not None:
            events += self._answer.listen(pcm, now_ms)
        return Received(self._to_audio.process(pcm), events)

    # --- transmit path ------------------------------------------------------------------------------------------------

    def speak(self, pcm: Buffer, sample_rate: int, utterance: str = "", final: bool = False) -> None:
        """Queue speech for the caller.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any chunk of a stream; n may be 0.
        sample_rate : int
            Hz; the same for all chunks of an utterance.
        utterance : str
            Its name: chunks with the name of the last one queued continue it.
        final : bool
            The utterance is complete.
        """
        last = self._queue[-1] if self._queue else None
        if last is not None and not last.final and last.name == utterance:
            if last.resampler.rate_in != sample_rate:
                raise ConfigError(f"sample_rate is {last.resampler.rate_in} in this utterance (got {sample_rate!r})")
            last.chunks.append(last.resampler.process(pcm))
        else:
            resampler = Resampler(sample_rate, self.config.wire.sample_rate_hz)
            new = _Utterance(utterance, resampler, deque([resampler.process(pcm)]))
            if last is not None and not last.final:
                self._finish(last)
            self._queue.append(new)
            last = new
        if final:
            self._finish(last)

    @staticmethod
    def _finish(utterance: _Utterance) -> None:
        utterance.chunks.append(utterance.resampler.flush())
        utterance.final = True

    def transmit(self) -> Transmitted:
        """Produce the next wire frame: always exactly one, silence where there is nothing to say."""
        frame = np.zeros(self.config.frame_samples, np.int16)
        rate_hz = self.config.wire.sample_rate_hz
        events: list[Event] = []
        filled = 0
        while filled < len(frame) and self._queue:
            current = self._queue[0]
            if not current.chunks:
                if not current.final:
                    break
                now_ms = (self._sent_samples + filled) * 1000 / rate_hz
                events.append(AgentSpeechCompleted(now_ms, current.name, current.sent / rate_hz))
                self._queue.popleft()
                continue
            chunk = current.chunks.popleft()
            take = min(len(chunk), len(frame) - filled)
            if take and not current.sent:
                events.append(AgentSpeechStarted((self._sent_samples + filled) * 1000 / rate_hz, current.name))
            frame[filled : filled + take] = chunk[:take]
            if take < len(chunk):
                current.chunks.appendleft(chunk[take:])
            current.sent += take
            filled += take
        self._sent_samples += len(frame)
        return Transmitted(self._encode(frame), events)
