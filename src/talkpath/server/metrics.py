"""What a server measures, for Prometheus: plain whole numbers in a fixed order, so that processes are added number by number.

Why not the package `prometheus_client`: with several processes it shares files through a folder that an environment variable names
before the import, and takes a lock at every observation. Here each process counts in lists of its own, without locks, and says so a
few times a minute; one page is the sum. The format itself is a dozen lines.

Labels come from fixed sets. What a provider or a user says never becomes one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, fields

from talkpath.server.admission import CAUSES
from talkpath.server.results import Counters
from talkpath.streams import DIALECTS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EDGES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.06)

UNKNOWN = "unknown"
_DIALECTS = (*DIALECTS, UNKNOWN)

# What a call's reason is called here. The provider's own words, where they are none of these, and starts that could not be answered: "other".
_REASONS = {
    "hangup": "hangup",
    "stop": "stop",
    "stopped": "stop",
    "callended": "stop",
    "completed": "stop",
    "end": "stop",
    "connection closed": "closed",
    "idle": "idle",
    "no start": "no_start",
    "a message is too long": "too_long",
    "the client does not read": "unread",
    "the server stops": "server_stops",
}
REASONS = (*dict.fromkeys(_REASONS.values()), "failed", "other")

_HELP = {
    "messages": ("messages_received", "Messages that came."),
    "malformed": ("messages_malformed", "Messages that came and were refused."),
    "received": ("frames_received", "Frames of callers that came."),
    "sent": ("frames_sent", "Frames that went out."),
    "lost": ("messages_lost", "Messages that are missing by their sequence numbers, and were concealed."),
    "late": ("late", "Messages that came when they had been given up, frames that came when their time had been concealed."),
    "reordered": ("messages_reordered", "Messages that came before their turn."),
    "duplicate": ("messages_duplicate", "Messages that came twice."),
    "starved": ("frames_starved", "Frames that were concealed because nothing came."),
    "dropped": ("frames_dropped", "Frames of callers that were thrown away because too many waited."),
    "skipped": ("frames_skipped", "Frames that were not sent in their time, or left out later."),
    "held": ("frames_held", "Frames that were not sent because the provider's queue was full."),
    "keys_paired": ("keys_paired", "Keys that came as a sound and as a message."),
}  # fmt: skip
_COUNTERS = tuple(field.name for field in fields(Counters))


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric: so many whole numbers. `scale`: of these are one unit. `is_sparse`: series that are 0 are left out."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ("",)
    scale: int = 1
    is_sparse: bool = False

    @property
    def size(self) -> int:
        return len(EDGES_S) + 2 if self.kind == "histogram" else len(self.labels)


_FAMILIES = (
    _Family("processes", "gauge", "Processes that carry calls."),
    _Family("processes_draining", "gauge", "Of these, that take no new calls."),
    _Family("calls", "gauge", "Calls now."),
    _Family("calls_limit", "gauge", "Calls that may be."),
    _Family("calls_begun_total", "counter", "Calls that have begun.",
            tuple(f'dialect="{d}"' for d in _DIALECTS), is_sparse=True),
    _Family("calls_ended_total", "counter", "Calls that have ended, and why.",
            tuple(f'dialect="{d}",reason="{r}"' for d in _DIALECTS for r in REASONS), is_sparse=True),
    _Family("requests_refused_total", "counter", "Calls that were refused before they began, and why.",
            tuple(f'cause="{c}"' for c in CAUSES)),
    *(_Family(f"{_HELP[name][0]}_total", "counter", _HELP[name][1]) for name in _COUNTERS),
    _Family("tick_lateness_seconds", "histogram", "How late frames were worked on, by their own time.", scale=1_000_000),
    _Family("exchange_seconds", "histogram", "How long the engine took for all calls of a tick.", scale=1_000_000),
    _Family("unsent_audio_seconds", "gauge", "Audio that clients have not read yet.", scale=1_000_000),
    _Family("cpu_seconds_total", "counter", "Processor time of the processes.", scale=1_000_000),
    _Family("resident_memory_bytes", "gauge", "Memory of the processes; pages that they share are counted in each."),
)  # fmt: skip
_AT: dict[str, int] = {}
_SIZE = 0
for _family in _FAMILIES:
    _AT[_family.name] = _SIZE
    _SIZE += _family.size
_BEGUN = {d: _AT["calls_begun_total"] + i for i, d in enumerate(_DIALECTS)}
_ENDED = {(d, r): _AT["calls_ended_total"] + i for i, (d, r) in enumerate((d, r) for d in _DIALECTS for r in REASONS)}
_REFUSED = {c: _AT["requests_refused_total"] + i for i, c in enumerate(CAUSES)}
_COUNTED = tuple((name, _AT[f"{_HELP[name][0]}_total"]) for name in _COUNTERS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one process has measured, or several: whole numbers in a fixed order. Pickle it, or send `values` as JSON."""

    values: tuple[int, ...] = (0,) * _SIZE

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if len(self.values) != _SIZE:
            raise ValueError(f"a snapshot has {_SIZE} numbers (got {len(self.values)})")

    def __add__(self, other: Snapshot) -> Snapshot:
        total = [a + b for a, b in zip(self.values, other.values, strict=True)]
        limit = _AT["calls_limit"]
        total[limit] = max(self.values[limit], other.values[limit])  # one for all processes, which each of them tells
        return Snapshot(tuple(total))

    def ended(self) -> Snapshot:
        """What is left of a process that is gone: its counts go on to count, what it has now is nothing."""
        values = list(self.values)
        for family in _FAMILIES:
            if family.kind == "gauge":
                values[_AT[family.name]] = 0
        return Snapshot(tuple(values))


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The sum: one page for all processes."""
    return sum(snapshots, Snapshot())


def reason_class(reason: str) -> str:
    """One of `REASONS`, for any reason that a call may have."""
    known = _REASONS.get(reason)
    if known is not None:
        return known
    kind = reason.partition(":")[0]
    return "failed" if kind.isidentifier() and kind.endswith(("Error", "Exception")) else "other"


class Metrics:
    """Counts, in one thread. What is so now (calls, memory) is given when a snapshot is taken."""

    __slots__ = ("_exchange_s", "_exchanges", "_tick_s", "_ticks", "_values")

    def __init__(self) -> None:
        self._values = [0] * _SIZE
        self._ticks = [0] * (len(EDGES_S) + 1)
        self._tick_s = 0.0
        self._exchanges = [0] * (len(EDGES_S) + 1)
        self._exchange_s = 0.0

    def observe_call_begin(self, dialect: str) -> None:
        """A call has begun."""
        self._values[_BEGUN.get(dialect, _BEGUN[UNKNOWN])] += 1

    def observe_call_end(self, counters: Counters, dialect: str, reason: str) -> None:
        """A call is over: what it counted, and why it ended. It may have ended before it began (dialect "")."""
        dialect = dialect if dialect in _BEGUN else UNKNOWN
        self._values[_ENDED[dialect, reason_class(reason)]] += 1
        _count(self._values, counters)

    def observe_refusal(self, cause: str) -> None:
        """A request was refused: `Refusal.cause`."""
        self._values[_REFUSED[cause]] += 1

    def observe_tick(self, lateness_s: float, calls: int = 1) -> None:
        """Frames of so many calls were worked on, so long after their time."""
        self._ticks[bisect_left(EDGES_S, lateness_s)] += calls
        if lateness_s > 0:  # a clock's grain before its time is no negative lateness
            self._tick_s += lateness_s * calls

    def observe_exchange(self, seconds: float) -> None:
        """One exchange took so long."""
        self._exchanges[bisect_left(EDGES_S, seconds)] += 1
        self._exchange_s += seconds

    def snapshot(
        self,
        *,
        calls: int = 0,
        max_calls: int = 0,
        draining: bool = False,
        live: Iterable[Counters] = (),
        unsent_s: float = 0.0,
        cpu_s: float = 0.0,
        memory_bytes: int = 0,
    ) -> Snapshot:
        """What was measured so far, and what is so now.

        Parameters
        ----------
        calls, max_calls : int
        draining : bool
        live : iterable of Counters
            Of the calls that go on, so that a long one counts before its end.
        unsent_s : float
            Audio that waits for clients to read it, of all calls.
        cpu_s, memory_bytes : float, int
            Of this process.
        """
        values = self._values.copy()
        for counters in live:
            _count(values, counters)
        now = {
            "processes": 1, "processes_draining": int(draining), "calls": calls, "calls_limit": max_calls,
            "unsent_audio_seconds": round(unsent_s * 1e6), "cpu_seconds_total": round(cpu_s * 1e6),
            "resident_memory_bytes": memory_bytes,
        }  # fmt: skip
        for name, value in now.items():
            values[_AT[name]] = value
        for name, counts, sum_s in (
            ("tick_lateness_seconds", self._ticks, self._tick_s),
            ("exchange_seconds", self._exchanges, self._exchange_s),
        ):
            at = _AT[name]
            values[at : at + len(counts) + 1] = [*counts, round(sum_s * 1e6)]
        return Snapshot(tuple(values))


def _count(values: list[int], counters: Counters) -> None:
    for name, at in _COUNTED:
        values[at] += getattr(counters, name)


def render(snapshot: Snapshot) -> str:
    """The page, in Prometheus' text format 0.0.4 (`CONTENT_TYPE`)."""
    lines = []
    for family in _FAMILIES:
        name = f"talkpath_{family.name}"
        at = _AT[family.name]
        values = snapshot.values[at : at + family.size]
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        if family.kind == "histogram":
            below = 0
            for edge, count in zip((*map(str, EDGES_S), "+Inf"), values, strict=False):
                below += count
                lines.append(f'{name}_bucket{{le="{edge}"}} {below}')
            lines += [f"{name}_sum {_number(values[-1], family.scale)}", f"{name}_count {below}"]
            continue
        for labels, value in zip(family.labels, values, strict=True):
            if value or not family.is_sparse:
                lines.append(f"{name}{{{labels}}} {value}" if labels else f"{name} {_number(value, family.scale)}")
    return "\n".join(lines) + "\n"


def _number(value: int, scale: int) -> str:
    return str(value) if scale == 1 else repr(value / scale)
