"""One phone call: wire frames in, PCM and events out; speech in, wire frames out."""

import os
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from talkpath import g711, l16
from talkpath._core import _Call, owned
from talkpath._types import Buffer, Samples
from talkpath.ambience import load
from talkpath.call.config import FIXED, CallConfig
from talkpath.call.events import Event
from talkpath.call.recording import Recorder, Sink, kept_sound
from talkpath.call.results import CallMetrics, CallState, Received, Transmitted
from talkpath.call.translation import Clears, played, translate
from talkpath.call.words import count_words, ends_sentence
from talkpath.errors import ConfigError, FormatError, StateError, TalkpathError
from talkpath.playout_sources import Sources, check_name, int16_samples
from talkpath.wav import Source as WavSource

if TYPE_CHECKING:
    from talkpath._core import RawEvent

_EVENTS_THAT_WAIT = 96  # in the core, before they are taken out; it keeps 256
_ENCODE: dict[str, Callable[[Buffer], bytes]] = {"ulaw": g711.ulaw_encode, "alaw": g711.alaw_encode, "l16": l16.encode}
_DECODE: dict[str, Callable[[Buffer], Samples]] = {
    "ulaw": g711.ulaw_decode,
    "alaw": g711.alaw_decode,
    "l16": l16.decode,
}


def _core_config(config: CallConfig, seed: int) -> dict[str, Any]:
    """The fields of the C structs; of what has no name here, the core's own defaults."""
    vad, idle = config.turns, config.idle
    waits_ms = round(config.wait_for_user_timeout_s * 1000) if config.speaks_first == "user" else 0
    return {
        "codec": config.wire.codec,
        "sample_rate_hz": config.wire.sample_rate_hz,
        "frame_ms": config.frame_ms,
        "audio_rate_hz": config.audio_rate_hz,
        "conceal": config.plc_enabled,
        "echo_control": config.echo_control,
        "warm_up_ms": round(config.greeting_interrupt_duration * 1000),
        "noise_cancellation": config.noise_cancellation,
        "noise_cancellation_level": config.noise_cancellation_level,
        "comfort_noise": config.comfort_noise_enabled,
        "comfort_noise_dbov": config.comfort_noise_dbov,
        "detect_answer": config.detection_method == "audio",
        "detect_beep": config.detection_method != "disabled",
        "normalize_level": config.normalize_level,
        "duck_db": config.duck_db,
        "seed": seed,
        "turn": {
            "allow_interruptions": config.allow_interruptions,
            "no_response_timeout_ms": idle.get("no_response_timeout_ms", 0),
            "extended_wait_time_ms": idle.get("extended_wait_time_ms", 0),
            "max_retries": idle.get("max_retries", 0),
            "wait_for_user_timeout_ms": waits_ms,
            **asdict(vad),
        },
    }


class CallPipeline:
    """Both paths of one phone call.

    Parameters
    ----------
    config : CallConfig, optional
        Default: 20 ms of µ-law at 8 kHz on the line, 16 kHz PCM for the orchestrator.
    **fields
        Or its fields directly: `CallPipeline(audio_format="pcm_8k")`.

    Attributes
    ----------
    config : CallConfig
        As it is now.
    delay_ms : float
        Of the PCM behind the wire.
    seed : int
        Of this call's comfort noise.
    state_bytes : int
        Memory of the call in C; what waits beyond a second of speech has memory of its own, while it does.

    Notes
    -----
    Time is counted in samples, never by a clock: call `receive` (or `conceal`) once for every frame of the line and
    `transmit` once for every frame to send. Events come with the next of these.

    One owner at a time: whoever enters a call while another thread is inside (in any of its methods, or with it in an exchange), or
    from within one of its own methods (a signal's handler), gets a StateError, and the call goes on as if nothing had been asked.
    Post commands to the thread that runs the call: docs/calls.md, examples/commands_from_other_threads.py.

    Examples
    --------
    >>> call = talkpath.CallPipeline(semantic_vad="high")
    >>> call.speak(speech, 24000, utterance="welcome", final=True)
    >>> sent = call.transmit()              # one wire frame, every 20 ms
    >>> heard = call.receive(sent.payload)  # one wire frame, as the line delivers them
    >>> heard.pcm, heard.events
    """

    def __init__(self, config: CallConfig | None = None, **fields: Any) -> None:
        if config is not None and fields:
            raise ConfigError("give a config or its fields, not both")
        if unknown := set(fields) - set(CallConfig.__dataclass_fields__):
            raise ConfigError(f"no such field: {', '.join(sorted(unknown))}")
        self.config = config = config or CallConfig(**fields)
        self.seed = secrets.randbits(32) if config.seed is None else config.seed
        self._core = _Call(_core_config(config, self.seed))
        self._sources = Sources(self._core.queue(), config.wire.sample_rate_hz, config.max_queued_ms)
        self._waiting: list[Event] = []  # events that are out of the core and wait for the next frame
        self._marks: dict[str, float] = {}
        self._discarded: deque[str] = deque()  # utterances whose late chunks are dropped, and the event for that waits
        self._greeted = self._over = False
        self._greeting: str | None = None  # the first utterance
        self._timestamp_ms: float | None = None
        self._timestamp_gaps = 0
        self._recorder: Recorder | None = None
        self._touched = False  # something was asked of it
        self._start_background(self._background(config))

    @classmethod
    def from_agent(cls, agent: Mapping[str, Any]) -> Self:
        """A call for a whole agent dict of Plivo's agent stack; see `CallConfig.from_agent`."""
        return cls(CallConfig.from_agent(agent))

    @staticmethod
    def _background(config: CallConfig) -> tuple[Samples, float, bool] | None:
        """Samples, volume and loop of `background_audio`."""
        background = config.background
        if background is None:
            return None
        try:
            samples = load(background["sound"], config.wire.sample_rate_hz)
        except (TalkpathError, OSError, TypeError) as error:
            raise ConfigError(f"background_audio.sound: {error}") from error
        return samples, background["volume"], background["loop"]

    def _start_background(self, background: tuple[Samples, float, bool] | None) -> None:
        if background is not None:
            self._core.background(*background)
        else:
            self._core.background(None, 0.0, True)

    def _check_alive(self) -> None:
        if self._over:
            raise StateError("the call is over")

    # --- the line -----------------------------------------------------------------------------------------------------------

    @owned
    def receive(self, payload: Buffer, timestamp_ms: float | None = None, *, out: Buffer | None = None) -> Received:
        """Take one wire frame.

        Parameters
        ----------
        payload : bytes-like
            Exactly one frame of the wire format.
        timestamp_ms : float, optional
            The provider's, if it gives one: `metrics.timestamp_gaps` counts its jumps.
        out : writable int16 buffer, optional
            Takes the PCM.

        Returns
        -------
        Received
            `frame_ms` of PCM at the audio format's rate, `delay_ms` behind the wire, and events.

        Raises
        ------
        FormatError
            No bytes; a LengthError: not one frame. Nothing was processed: the call can go on.
        StateError
            After `hangup`; or another thread is inside.
        """
        if self._over:
            self._check_alive()
        core = self._core
        if timestamp_ms is not None:
            timestamp_ms = self._timestamp(timestamp_ms)
        pcm = core.receive(payload, out)
        if self._recorder is not None:
            self._recorder.frame(payload, timestamp_ms)
        if timestamp_ms is not None:
            self._note_timestamp(timestamp_ms)
        return Received(pcm, self._events() if core.event_count or self._waiting else [])

    @owned
    def conceal(self, *, out: Buffer | None = None) -> Received:
        """Say that one wire frame was lost; returns what to use in its place."""
        if self._over:
            self._check_alive()
        core = self._core
        pcm = core.conceal(out)
        if self._recorder is not None:
            self._recorder.frame(None)
        return Received(pcm, self._events() if core.event_count or self._waiting else [])

    @owned
    def transmit(self) -> Transmitted:
        """Produce the next wire frame: always exactly one, whatever there is to say."""
        if self._over:
            self._check_alive()
        sources, core = self._sources, self._core
        if sources.pending:
            sources.feed()
        payload = core.transmit()
        if self._recorder is not None:
            self._recorder.command("transmit")
        return Transmitted(payload, self._events() if core.event_count or self._waiting else [])

    def encode(self, pcm: Buffer) -> bytes:
        """Samples at the wire's rate as the wire's bytes (for tests, tools and simulated lines)."""
        return _ENCODE[self.config.wire.codec](pcm)

    def decode(self, payload: Buffer) -> Samples:
        """The wire's bytes as samples at its rate."""
        return _DECODE[self.config.wire.codec](payload)

    @staticmethod
    def _timestamp(timestamp_ms: float) -> float:
        try:
            return float(timestamp_ms)
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(f"timestamp_ms must be a number (got {timestamp_ms!r})") from None

    def _note_timestamp(self, timestamp_ms: float) -> None:
        last = self._timestamp_ms
        self._timestamp_ms = timestamp_ms
        if last is not None and abs(timestamp_ms - last - self.config.frame_ms) > self.config.frame_ms / 2:
            self._timestamp_gaps += 1

    # --- what the agent says --------------------------------------------------------------------------------------------------

    def _did(self, name: str, *arguments: Any) -> None:
        """Into the log, now that it is done; and events out of the core before too many wait there."""
        self._touched = True
        if self._recorder is not None:
            self._recorder.command(name, *arguments)
        if self._core.event_count > _EVENTS_THAT_WAIT:
            self._waiting += self._translated(self._core.events())

    @owned
    def speak(self, pcm: Buffer, sample_rate: int, utterance: str = "", final: bool = False) -> int:
        """Queue speech as it comes from a synthesiser.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any chunk of a stream; n may be 0.
        sample_rate : int
            Hz, any rate of `Resampler`; the same for all chunks of an utterance.
        utterance : str
            Its name, which is for one utterance: chunks with the name of the newest one continue it. Late chunks of an utterance
            that was interrupted are dropped, whatever else has been queued since, until its final one has come:
            `agent.speech_discarded` says so once, and `metrics.discarded_chunks` counts them. The last 64 such names are kept. A name
            whose final chunk has come may be used again, for a new utterance.
        final : bool
            The utterance is complete.

        Returns
        -------
        int
            How many samples were accepted: fewer than n when more than `max_queued_ms` would wait. Give the rest later; `final`
            counts only with the whole chunk. Of late chunks that are dropped: n, so that nobody tries again.

        Raises
        ------
        FormatError
            Not mono int16 in the machine's byte order (LengthError: half a sample). Nothing was queued.
        ConfigError
            A rate that `Resampler` does not know, or another one within an utterance.
        StateError
            32768 sources and checkpoints wait already, or the call is over.
        """
        self._check_alive()
        greets = not self._greeted and self._greeting in (None, utterance)
        interruptible = self.config.greeting_interruptible or not greets
        samples = int16_samples(pcm)
        taken = self._sources.speak(samples, sample_rate, utterance, bool(final), interruptible)
        if self._sources.late is not None:
            samples_late, first = self._sources.late
            self._core.discarded(samples_late, first)
            if first:
                self._discarded.append(utterance)
        elif self._greeting is None:  # not before it was accepted
            self._greeting = utterance
        self._did("speak", samples, sample_rate, utterance, bool(final))
        return taken

    @owned
    def play(self, source: WavSource, allow_interruption: bool = True, name: str | None = None) -> None:
        """Queue a WAV file, a path or its bytes; `name` (its path by default) comes back in `play.completed`.

        It is read now, so that no disk is waited for while it plays, and an unreadable one raises here: OSError, or FormatError for
        what is no WAV; StateError when 256 files wait already. `allow_interruption=False`: the caller's speech does not cut it short.
        """
        if isinstance(source, str | os.PathLike):
            name = os.fspath(source) if name is None else name
        self._check_alive()
        if self._recorder is not None:
            source = self._recorder.keep(source)
        name = "" if name is None else name
        self._sources.play(source, name, allow_interruption)
        self._did("play", source, bool(allow_interruption), name)

    @owned
    def send_dtmf(self, digits: str) -> None:
        """Queue key presses; `dtmf.sent` comes when they have left."""
        self._check_alive()
        self._sources.send_dtmf(digits, interruptible=False)
        self._did("send_dtmf", digits)

    @owned
    def silence(self, ms: float) -> None:
        """Queue silence."""
        self._check_alive()
        self._sources.silence(ms, interruptible=True)
        self._did("silence", ms)

    @owned
    def checkpoint(self, name: str) -> None:
        """Queue a mark: `mark.played` comes when everything before it was heard.

        Within speech that goes on it stands where the speech has got to, and does not touch it. An interruption drops it, and names it
        in `agent.speech_interrupted`. Where speech runs dry at a mark, `mark.played` comes once the concealment has faded.
        """
        self._check_alive()
        self._sources.checkpoint(name)
        self._did("checkpoint", name)

    @owned
    def play_background(self, sound: WavSource | Samples, volume: float = 0.3, loop: bool = True) -> None:
        """Fade to a background, under everything else; see `AmbienceMixer`."""
        samples = load(sound, self.config.wire.sample_rate_hz)
        self._check_alive()
        self._core.background(samples, volume, loop)
        self._did("play_background", kept_sound(sound, lambda: samples), volume, bool(loop))

    @owned
    def stop_background(self) -> None:
        """Fade the background out."""
        self._check_alive()
        self._core.background(None, 0.0, True)
        self._did("stop_background")

    @owned
    def pause(self) -> bool:
        """Fade out and stand still; False when what is said must not be interrupted."""
        self._check_alive()
        paused = self._core.pause()
        self._did("pause")
        return paused

    @owned
    def resume(self) -> None:
        """Go on where the agent stood still."""
        self._check_alive()
        self._core.resume()
        self._did("resume")

    @owned
    def interrupt(self) -> None:
        """Cut what the agent says, all of it: `agent.speech_interrupted` tells how much was heard, and which checkpoints were cut."""
        self._check_alive()
        self._core.clear(True)
        self._waiting += self._translated(self._core.events())
        self._did("interrupt")

    @owned
    def clear_audio(self) -> None:
        """As `interrupt`, and `audio.cleared` comes."""
        self._check_alive()
        self._core.clear_audio()
        self._waiting += self._translated(self._core.events())
        self._did("clear_audio")

    # --- what the orchestrator knows --------------------------------------------------------------------------------------------

    @owned
    def transcript(self, text: str, final: bool = False) -> None:
        """Words that the STT heard: of the present segment so far, or (`final`) all of it.

        They count towards `min_interruption_words`, in every script (Chinese, Japanese and Thai by character); a final text that ends
        a sentence ends the turn as surely as a model.
        """
        self._check_alive()
        if not isinstance(text, str):
            raise FormatError(f"text must be a str (got {type(text).__name__})")
        self._core.transcript(count_words(text), bool(final), ends_sentence(text))
        self._did("transcript", text, bool(final))

    @owned
    def turn_probability(self, p: float) -> None:
        """How likely the caller has finished, 0 to 1, by a semantic model; holds until the caller speaks again."""
        self._check_alive()
        if not isinstance(p, Real) or not 0.0 <= p <= 1.0:
            raise ConfigError(f"p must be 0 to 1 (got {p!r})")
        self._core.turn_probability(p)
        self._did("turn_probability", float(p))

    @owned
    def extend_wait(self) -> None:
        """The caller asked for time: the next `user.idle` waits `extended_wait_time_ms`."""
        self._check_alive()
        self._core.extend_wait()
        self._did("extend_wait")

    @owned
    def listen_for_beep(self, listen: bool = True) -> None:
        """Wait for a machine's beep from now on (`voicemail.beep`, once), or no longer.

        With `detection_method` "audio" or "llm" the call waits for it from its beginning; with "llm" say False when a person has
        answered. True waits for the next one, without end.

        Raises
        ------
        StateError
            `detection_method` is "disabled".
        """
        self._check_alive()
        if self.config.detection_method == "disabled":
            raise StateError('listen_for_beep needs detection_method "audio" or "llm"')
        self._core.listen_for_beep(bool(listen))
        self._did("listen_for_beep", bool(listen))

    @owned
    def mark(self, name: str) -> None:
        """Note the stream time under a name, for the next `turn.metrics`."""
        self._check_alive()
        check_name(name)
        self._marks[name] = self._core.received_ms
        self._did("mark", name)

    @owned
    def update(self, **changes: Any) -> None:
        """Change the configuration from the next frame on; dicts change what they name.

        Raises
        ------
        ConfigError
            With the field's path; nothing has changed then. The line's format, `audio_format`, `detection_method`,
            `greeting_interrupt_duration`, `duck_db` and `seed` stay as they are.
        """
        config = self.config.replaced(**changes)
        for name in (*FIXED, "duck_db", "max_queued_ms"):
            if getattr(config, name) != getattr(self.config, name):
                raise ConfigError(f"{name} cannot change during a call")
        self._check_alive()
        background = self._background(config) if "background_audio" in changes else None
        self._core.update(_core_config(config, self.seed))
        self.config = config
        if "background_audio" in changes:
            self._start_background(background)
        if background is not None and isinstance(given := changes["background_audio"], Mapping) and "sound" in given:
            samples = background[0]
            changes["background_audio"] = {**given, "sound": kept_sound(given["sound"], lambda: samples)}
        self._did("update", changes)

    @owned
    def hangup(self) -> list[Event]:
        """End the call: what was being said is cut, and the last events come back. Nothing is processed after it."""
        self._check_alive()
        self._core.clear(True)
        events = self._events()
        self._did("hangup")
        self._over = True
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        return events

    # --- what there is ---------------------------------------------------------------------------------------------------------

    @property
    @owned
    def state(self) -> CallState:
        """Who does what."""
        return CallState(self._core.user_state, self._core.agent_state)

    @property
    @owned
    def metrics(self) -> CallMetrics:
        """A snapshot."""
        raw = self._core.metrics()
        delay_ms = raw[11] if raw[11] >= 0 else None
        return CallMetrics(*raw[:11], delay_ms, *raw[12:-2], self._queued_ms(), self._timestamp_gaps, *raw[-2:])  # type: ignore[call-arg]

    @property
    @owned
    def queued_ms(self) -> float:
        """What is still to be said."""
        return self._queued_ms()

    def _queued_ms(self) -> float:
        return self._sources.queued * 1000 / self.config.wire.sample_rate_hz

    @property
    @owned
    def delay_ms(self) -> float:
        """Of the PCM behind the wire."""
        return self._core.delay_ms

    @property
    def state_bytes(self) -> int:
        """Memory of the call in C, without what waits beyond a second of speech."""
        return self._core.state_bytes

    @owned
    def reset(self) -> None:
        """Forget the call: as new, with the present configuration."""
        self._core.reset()
        self._core.update(_core_config(self.config, self.seed))
        self._sources.clear_all()
        self._waiting.clear()
        self._marks.clear()
        self._discarded.clear()
        self._greeted = self._over = False
        self._greeting = None
        self._timestamp_ms, self._timestamp_gaps = None, 0
        self._start_background(self._background(self.config))
        self._did("reset")

    @owned
    def record(self, path: str | os.PathLike[str] | Sink) -> None:
        """Write everything that goes in from now on into a log that `talkpath replay` reproduces bit for bit.

        Parameters
        ----------
        path : path, or what has `write` and `close`
            The latter gets each record as it is, and brings it to a `talkpath.call.recording.LogFile` in its own time.

        Raises
        ------
        StateError
            The call has begun, or is recorded already.
        """
        if self._recorder is not None or self._touched or self._core.received_ms or self._core.sent_ms:
            raise StateError("record() must come before anything else happens on the call")
        self._recorder = Recorder(path, self.config.replaced(seed=self.seed))

    def __reduce__(self) -> tuple[type["CallPipeline"], tuple[CallConfig]]:
        return type(self), (self.config,)

    def __copy__(self) -> Self:
        raise StateError("a call cannot be copied; make a new one with its config")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        raise StateError("a call cannot be copied; make a new one with its config")

    def __repr__(self) -> str:
        try:
            state = self.state
        except StateError:
            return f"CallPipeline(stream={self.config.stream!r}, in use)"
        return f"CallPipeline(stream={self.config.stream!r}, user {state.user}, agent {state.agent})"

    # --- events --------------------------------------------------------------------------------------------------------------------

    def _events(self) -> list[Event]:
        events = self._translated(self._core.events())
        if self._waiting:
            events, self._waiting = self._waiting + events, []
        return events

    def _translated(self, raws: "list[RawEvent]") -> list[Event]:
        clears = Clears()
        return [event for raw in raws if (event := self._event(raw, clears)) is not None]

    def _event(self, raw: "RawEvent", clears: Clears) -> Event | None:
        """With names, and what the call itself has to do about it."""
        kind, clock, at_ms, fields = raw
        if kind == "playout":
            playout = self._sources.describe(fields["kind"], fields["id"], at_ms, fields["position"])
            if playout.source == "speech":  # the greeting has ended, or another utterance begins
                ended = playout.kind in ("completed", "interrupted")
                self._greeted |= ended or (playout.kind == "started" and playout.name != self._greeting)
            return clears.gather(playout, clock) or played(playout, clock)
        if kind == "agent.speech_discarded":
            return translate(raw, utterance=self._discarded.popleft())
        if kind == "turn.metrics":
            marks, self._marks = self._marks, {}
            return translate(raw, marks=marks)
        return translate(raw)
