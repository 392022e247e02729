"""`talkpath demo`: two example calls, one of them over a speakerphone that returns the agent's own voice."""

from importlib import resources
from pathlib import Path

import numpy as np
from rich.console import Console

from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.cli.run import Taken, take_through
from talkpath.errors import ConfigError
from talkpath.report import read_call, render, report_of
from talkpath.wav import read_wav_channels

RATE_HZ = 8000


class Speakerphone:
    """What comes back of what was sent: an overdriven small loudspeaker, a room, the network's delay, line noise."""

    def __init__(self, delay_ms: int = 180, loss_db: float = 14.0, noise_dbov: float = -66.0) -> None:
        self._rng = np.random.default_rng(1)
        decay = np.exp(-np.arange(RATE_HZ * 12 // 100) / (0.025 * RATE_HZ))
        room = self._rng.standard_normal(len(decay)) * decay
        room[0] = 2.0
        # A small loudspeaker and microphone carry no low frequencies.
        room = np.diff(room, prepend=0.0)
        self._room = room / np.sqrt((room**2).sum()) * 10 ** (-loss_db / 20)
        self._past = np.zeros(len(room) - 1)
        self._delayed = np.zeros(RATE_HZ * delay_ms // 1000)
        self._noise = 32768 * 10 ** (noise_dbov / 20)

    def __call__(self, sent: Samples) -> Samples:
        """One frame: what the line brings while `sent` goes out."""
        loud = 12000 * np.tanh(sent / 12000)
        self._past = np.concatenate([self._past, loud])
        echo = np.convolve(self._past, self._room, "valid")
        self._past = self._past[-(len(self._room) - 1) :]
        self._delayed = np.concatenate([self._delayed, echo])
        now, self._delayed = self._delayed[: len(sent)], self._delayed[len(sent) :]
        heard: Samples = np.rint(now + self._noise * self._rng.standard_normal(len(sent))).astype(np.int16)
        return heard


def demo(out: Path, quiet: bool = False) -> tuple[list[Taken], Path | None]:
    """Run the example calls that the package ships, and explain the first in a report; what was done, and the page (None: no jinja2)."""
    console = Console(quiet=quiet)
    taken = []
    for name, detection_method, far_end in (
        ("inbound", "disabled", Speakerphone()),
        ("voicemail", "audio", Speakerphone(loss_db=60.0)),
    ):
        file = resources.files("talkpath") / "data" / f"example_{name}.wav"
        channels = read_wav_channels(file.read_bytes(), RATE_HZ)
        config = CallConfig(detection_method=detection_method)
        log = out / name / "call.log"
        done = take_through(
            f"example_{name}.wav", channels, config, out / name, console=console, far_end=far_end, log=log
        )
        taken.append(done)
    return taken, _explain(out / "inbound" / "call.log", out / "report.html", console)


def _explain(log: Path, page: Path, console: Console) -> Path | None:
    material = read_call(log)
    try:
        text = render(report_of(material), material, title="talkpath demo: an inbound call over a speakerphone")
    except ConfigError as problem:
        console.print(f"[dim]no report: {problem}[/]")
        return None
    page.write_text(text, encoding="utf-8")
    console.print(f"The first call, explained: open [bold]{page}[/] in a browser (it needs no network)")
    return page
