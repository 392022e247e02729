"""`talkpath run` and `talkpath replay`: a recorded call through the pipeline, and its story on the terminal."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from talkpath import wav
from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import Event
from talkpath.call.pipeline import CallPipeline
from talkpath.call.replay import replay
from talkpath.call.results import Received, Transmitted
from talkpath.errors import FormatError
from talkpath.measure.frames import said_spans
from talkpath.recordings import read_recording, sides, to_mono

WRITTEN = ("caller.wav", "wire.wav", "events.jsonl")


@dataclass(frozen=True)
class Taken:
    """A call that was taken through the pipeline."""

    name: str
    config: CallConfig
    duration_s: float
    lost_frames: int
    events: list[Event]
    out: Path

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "call": self.name,
            "stream": self.config.stream,
            "audio_format": self.config.audio_format,
            "duration_s": round(self.duration_s, 3),
            "lost_frames": self.lost_frames,
            "wrote": [str(self.out / name) for name in WRITTEN],
            "events": [event.to_dict() for event in self.events],
        }


def _describe(event: Event) -> str:
    fields = {
        k: v
        for k, v in event.to_dict().items()
        if k not in ("type", "clock", "timestamp_ms") and v is not None and v != {}
    }
    return "  ".join(f"{k}={v:.1f}" if isinstance(v, float) else f"{k}={v}" for k, v in fields.items())


def timeline(title: str, events: list[Event]) -> Table:
    """The events of a call, a line each."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("time", justify="right", style="cyan")
    table.add_column("event")
    table.add_column("", overflow="fold", style="dim")
    for event in events:
        caller = event.type.startswith(("user.", "voicemail.", "line."))
        name = f"[green]{event.type}[/]" if caller else f"[magenta]{event.type}[/]"
        table.add_row(f"{event.timestamp_ms / 1000:.2f} s", name, _describe(event))
    return table


def _write_wire(path: Path, payload: bytes, config: CallConfig) -> None:
    if config.wire.codec == "l16":
        wav.write_wav(path, np.frombuffer(payload, "<i2").astype(np.int16), config.wire.sample_rate_hz)
    else:
        tag = wav.ULAW if config.wire.codec == "ulaw" else wav.ALAW
        wav.write_wav_coded(path, payload, tag, config.wire.sample_rate_hz)


def run_call(
    caller: Path,
    out: Path,
    agent: Path | None = None,
    stream: str = "audio/x-mulaw;rate=8000",
    audio_format: str = "pcm_16k",
    loss_percent: float = 0.0,
    detection_method: str = "disabled",
    channels: str = "auto",
    quiet: bool = False,
) -> Taken:
    """Take a recorded call through the pipeline.

    Parameters
    ----------
    caller : Path
        WAV, or what soundfile reads (FLAC, Ogg, MP3, …).
    out : Path
        Folder for caller.wav, wire.wav and events.jsonl; made if missing.
    agent : Path, optional
        The same: what the agent said (mixed to mono).
    stream, audio_format, detection_method : str
        As in `CallConfig`.
    loss_percent : float
        This share of the caller's frames is lost, at random but always the same.
    channels : str
        Who is on which channel of `caller`, as for `talkpath.recordings.sides`.
    quiet : bool
        Neither a progress bar nor the timeline on the terminal.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C; what was done is written.
    """
    config = CallConfig(stream=stream, audio_format=audio_format, detection_method=detection_method)
    rate_hz = config.wire.sample_rate_hz
    console = Console(quiet=quiet)
    recorded = _read(caller, rate_hz)
    try:
        spoken = sides(recorded, channels)
    except FormatError as problem:
        raise FormatError(f"{caller}: {problem}") from None
    if channels == "auto" and agent is None and len(recorded) == 2 and len(spoken) == 1:
        console.print(
            f"[dim]{caller.name}: both channels are equal, so they are one caller (--channels says otherwise)[/]"
        )
    if agent is not None:
        spoken = [spoken[0], to_mono(_read(agent, rate_hz))]
    return take_through(caller.name, spoken, config, out, loss_percent=loss_percent, console=console)


def _read(path: Path, rate_hz: int) -> list[Samples]:
    try:
        return read_recording(path, rate_hz)
    except FormatError as problem:
        raise FormatError(f"{path}: {problem}") from None


def take_through(
    name: str,
    channels: list[Samples],
    config: CallConfig,
    out: Path,
    loss_percent: float = 0.0,
    console: Console | None = None,
    far_end: Callable[[Samples], Samples] | None = None,
    log: Path | None = None,
) -> Taken:
    """`run_call` with samples at the wire's rate; `far_end` gives, for each frame that was sent, what comes back of it; `log` takes the call's."""
    console = console or Console()
    rate_hz, frame = config.wire.sample_rate_hz, config.frame_samples
    waiting = said_spans(channels[1], rate_hz).tolist() if len(channels) == 2 else []
    said = 0
    call = CallPipeline(config)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        call.record(log)
    frames = -(-max(map(len, channels)) // frame)
    heard = np.zeros(frames * frame, np.int16)
    heard[: len(channels[0])] = channels[0]
    lost = np.random.default_rng(1).random(frames) < loss_percent / 100
    cleaned, wire, events = [], [], []
    progress = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
                        TimeRemainingColumn(), console=console, transient=True)  # fmt: skip
    stopped = False
    with progress:
        try:
            for i in progress.track(range(frames), description=name):
                while waiting and waiting[0][0] <= i * frame:
                    start, stop = waiting.pop(0)
                    said += 1
                    call.speak(channels[1][start:stop], rate_hz, utterance=f"u{said}", final=True)
                transmitted = call.transmit()
                near = heard[i * frame : (i + 1) * frame]
                if far_end is not None:
                    near = far_end(call.decode(transmitted.payload)) + near
                received = call.conceal() if lost[i] else call.receive(call.encode(near))
                cleaned.append(received.pcm)
                wire.append(transmitted.payload)
                events += [*transmitted.events, *received.events]
        except KeyboardInterrupt:
            stopped = True
    if log is not None:
        call.hangup()  # the log is whole

    done = len(wire)
    gone, seconds = int(lost[:done].sum()), done * config.frame_ms / 1000
    lost_note = f", {gone} of {done} frames lost and concealed" if gone else ""
    title = f"{name}: {seconds:.1f} s, {config.stream} ↔ {config.audio_format}{lost_note}"
    _tell(console, title, out, config, cleaned, wire, events)
    if stopped:
        raise KeyboardInterrupt(_stopped(seconds, name, out))
    return Taken(name, config, seconds, gone, events, out)


def _stopped(seconds: float, name: str, out: Path) -> str:
    return f"stopped after {seconds:.1f} s of {name}; what was done till then is in {out}"


def _tell(
    console: Console,
    title: str,
    out: Path,
    config: CallConfig,
    heard: list[Samples],
    wire: list[bytes],
    events: list[Event],
) -> None:
    """Writes caller.wav, wire.wav and events.jsonl, and the timeline to the terminal."""
    out.mkdir(parents=True, exist_ok=True)
    wav.write_wav(out / "caller.wav", np.concatenate([np.zeros(0, np.int16), *heard]), config.audio_rate_hz)
    _write_wire(out / "wire.wav", b"".join(wire), config)
    with (out / "events.jsonl").open("w") as lines:
        lines.writelines(json.dumps(e.to_dict(), ensure_ascii=False) + "\n" for e in events)
    console.print(timeline(title, [e for e in events if not e.type.endswith("state_changed")]))
    console.print(f"[dim]{len(events)} events; wrote caller.wav, wire.wav and events.jsonl to[/] {out}\n")


def replay_call(log: Path, out: Path, quiet: bool = False) -> Taken:
    """Run the log of a call again; parameters and result as for `run_call`."""
    heard: list[Samples] = []
    wire: list[bytes] = []
    events: list[Event] = []
    config = CallConfig()
    stopped = False
    try:
        for call, result in replay(log):
            config = call.config
            if isinstance(result, Received):
                heard.append(result.pcm)
            elif isinstance(result, Transmitted):
                wire.append(result.payload)
            events += result.events if result is not None else []
    except KeyboardInterrupt:
        stopped = True
    seconds = len(heard) * config.frame_ms / 1000
    title = f"{log.name}: {seconds:.1f} s, {config.stream} ↔ {config.audio_format}"
    _tell(Console(quiet=quiet), title, out, config, heard, wire, events)
    if stopped:
        raise KeyboardInterrupt(_stopped(seconds, log.name, out))
    return Taken(log.name, config, seconds, 0, events, out)
