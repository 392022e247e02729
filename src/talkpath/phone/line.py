"""A telephone line: what it does to the caller's voice, and to the packets that carry it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from talkpath.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Line:
    """A caller's line, as the provider sees it.

    Attributes
    ----------
    name : str
    low_hz, high_hz : float
        Band of the caller's voice; 0: no limit.
    gain_db : float
        Of the caller's voice.
    noise_dbov : float or None
        Level of the caller's background; None: none.
    echo_db : float or None
        Level of the echo against what was played; None: no echo.
    echo_delay_ms, echo_spread_ms : float
        From what is played to its echo; each call has its own delay, within the spread to either side.
    echo_tail_ms : float
        Length of the decaying response of the room.
    nonlinearity : float
        Of the loudspeaker, 0 … 1: how hard loud parts are driven into saturation.
    delay_ms, jitter_ms : float
        Between the phone and the provider: fixed, and on top of it, up to that. Audio stays in order.
    loss_percent, burst_frames : float
        Lost audio, and the mean length of a loss. Where messages have numbers, they are missing; elsewhere they come late,
        together, as TCP brings them: after `retransmit_ms`.
    reorder_percent : float
        Messages that change places with the next, where messages have numbers.
    retransmit_ms : float
    playout_ms : float
        What the provider gathers before it begins to play.
    drift_ppm : float
        How much faster than nominal the provider's clock runs.
    """

    name: str = "clean"
    low_hz: float = 0.0
    high_hz: float = 0.0
    gain_db: float = 0.0
    noise_dbov: float | None = None
    echo_db: float | None = None
    echo_delay_ms: float = 120.0
    echo_spread_ms: float = 0.0
    echo_tail_ms: float = 12.0
    nonlinearity: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    burst_frames: float = 1.0
    reorder_percent: float = 0.0
    retransmit_ms: float = 200.0
    playout_ms: float = 40.0
    drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"line: {name} must be {low:g} to {high:g} (got {value!r})")
        if self.echo_spread_ms > self.echo_delay_ms:
            raise ConfigError("line: echo_spread_ms must not be above echo_delay_ms")
        if 0 < self.high_hz <= self.low_hz:
            raise ConfigError("line: high_hz must be above low_hz")

    @property
    def is_plain(self) -> bool:
        """True where every message goes out as soon as it is made."""
        return not (self.delay_ms or self.jitter_ms or self.loss_percent or self.reorder_percent)


_RANGES: dict[str, tuple[float, float]] = {
    "low_hz": (0, 3000),
    "high_hz": (0, 24000),
    "gain_db": (-60, 40),
    "noise_dbov": (-96, -10),
    "echo_db": (-80, 6),
    "echo_delay_ms": (0, 1000),
    "echo_spread_ms": (0, 1000),
    "echo_tail_ms": (1, 200),
    "nonlinearity": (0, 1),
    "delay_ms": (0, 5000),
    "jitter_ms": (0, 5000),
    "loss_percent": (0, 90),
    "burst_frames": (1, 100),
    "reorder_percent": (0, 50),
    "retransmit_ms": (0, 5000),
    "playout_ms": (0, 2000),
    "drift_ppm": (-1000, 1000),
}

LINES = {
    line.name: line
    for line in (
        Line(),
        Line("landline", low_hz=300, high_hz=3400, noise_dbov=-68, echo_db=-32, echo_delay_ms=24, echo_tail_ms=8),
        Line("mobile", low_hz=200, high_hz=3600, noise_dbov=-58, delay_ms=60, jitter_ms=15, loss_percent=0.5,
             burst_frames=2),
        Line("speakerphone", low_hz=200, high_hz=3600, noise_dbov=-60, echo_db=-14, echo_delay_ms=190,
             echo_spread_ms=110, echo_tail_ms=16, nonlinearity=0.3),
        Line("bad-wifi", low_hz=200, high_hz=3600, noise_dbov=-58, delay_ms=40, jitter_ms=60, loss_percent=5,
             burst_frames=4, reorder_percent=2, retransmit_ms=250, playout_ms=100),
    )
}  # fmt: skip


def parse_line(text: str) -> Line:
    """A line by its name, and what is to be different: `mobile,jitter_ms=40`.

    Raises
    ------
    ConfigError
        There is no such line or field, or a value is out of its range.
    """
    name, *changes = (part.strip() for part in text.split(","))
    if name not in LINES:
        raise ConfigError(f"line: one of {', '.join(LINES)} is expected (got {name!r})")
    values: dict[str, float | None] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or key not in _RANGES:
            known = ", ".join(field.name for field in fields(Line) if field.name != "name")
            raise ConfigError(f"line: NAME=VALUE is expected, with one of {known} (got {change!r})")
        try:
            values[key] = None if value == "none" and key in ("noise_dbov", "echo_db") else float(value)
        except ValueError:
            raise ConfigError(f"line: {key}: a number is expected (got {value!r})") from None
    return replace(LINES[name], **values)  # type: ignore[arg-type]
