"""A whole scan: what is there, what was done before, what is left; and the summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from talkpath.errors import ConfigError
from talkpath.scan.columns import Row
from talkpath.scan.files import Found, find
from talkpath.scan.processes import scan_by_processes
from talkpath.scan.store import Store
from talkpath.scan.work import Done, Job

ENGINES = ("processes", "ray")
PART_S, PART_ROWS = 2.0, 2000  # a part is written so often: that much is lost at most when the scan is killed


class Progress:
    """What is told while a scan runs; this one tells nothing."""

    def begin(self, files: int, before: int) -> None:
        """So many files are there, so many were done before."""

    def done(self, row: Row) -> None:
        """One more."""


@dataclass(frozen=True)
class Summary:
    """What a scan did.

    Attributes
    ----------
    files, scanned, before : int
        Found; scanned now; kept from before.
    skipped : list of dict
        `path` and `error` of each.
    sound_s, wall_s, times_real_time : float
        Sound that was scanned now, the time it took, and their ratio.
    answered_by : dict
        How many recordings a "human", a "machine" answered, or nobody ("unknown"); of the whole table.
    calls, events : str
        Both tables.
    """

    files: int
    scanned: int
    before: int
    skipped: list[dict[str, str]]
    sound_s: float
    wall_s: float
    times_real_time: float
    answered_by: dict[str, int]
    calls: str
    events: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Interrupted(Exception):
    """Ctrl-C; so many of the files are done, and kept."""

    def __init__(self, done: int, files: int) -> None:
        super().__init__(
            f"stopped: {done} of {files} recordings are done and kept; the same command goes on from there"
        )


def scan(
    job: Job, out: str, *, workers: int | None = None, engine: str = "processes", ray_address: str | None = None,
    fresh: bool = False, progress: Progress | None = None, clock: Callable[[], float] = time.monotonic,
) -> Summary:  # fmt: skip
    """Scan an archive into two tables.

    Parameters
    ----------
    job : Job
        What, and how.
    out : str
        The table of calls, *.parquet: a path or a URI that pyarrow knows. The events come beside it.
    workers : int, optional
        Processes, or CPUs of a local Ray cluster; as many as there are cores.
    engine : {"processes", "ray"}
        Who does the work. The tables are the same.
    ray_address : str, optional
        Of a cluster that runs; None: one is started here.
    fresh : bool
        What was done before does not count.
    progress : Progress, optional
        Is told how it goes.
    clock : callable
        Seconds.

    Raises
    ------
    ConfigError
        No such folder, or a table that is not this scan's.
    Interrupted
        After Ctrl-C; what was done is kept.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine must be one of {', '.join(ENGINES)} (got {engine!r})")
    progress = progress or Progress()
    began = clock()
    files = find(job.where)
    store = Store(out, job)
    try:
        scanned, sound_s = _work(
            store, job, files, store.load(files, fresh), workers, engine, ray_address, progress, clock
        )
        store.finish(files)
        return _summary(store, files, scanned, sound_s, clock() - began)
    finally:
        store.close()


def _work(
    store: Store, job: Job, files: Sequence[Found], left: Sequence[Found], workers: int | None, engine: str, ray_address: str | None,
    progress: Progress, clock: Callable[[], float],
) -> tuple[int, float]:  # fmt: skip
    """Do what is left; how many files that were, and how much sound."""
    progress.begin(len(files), len(files) - len(left))
    workers = workers or os.cpu_count() or 1
    sound_s, scanned, written = 0.0, 0, clock()
    rows: list[Row] = []
    events: list[Row] = []
    results: Iterator[Done] = iter(())
    if left:
        results = _by_ray(job, left, workers, ray_address) if engine == "ray" else scan_by_processes(job, left, workers)
    try:
        for done in results:
            rows.append(done.row)
            events += done.events
            sound_s += done.row["duration_s"] or 0.0
            scanned += 1
            progress.done(done.row)
            if clock() - written >= PART_S or len(rows) >= PART_ROWS:
                store.add(rows, events)
                rows, events, written = [], [], clock()
    except KeyboardInterrupt:
        raise Interrupted(len(files) - len(left) + scanned, len(files)) from None
    finally:
        if rows:
            store.add(rows, events)
        close = getattr(results, "close", None)
        if close is not None:
            close()
    return scanned, sound_s


def _by_ray(job: Job, files: Sequence[Found], workers: int, address: str | None) -> Iterator[Done]:
    from talkpath.scan.ray_engine import scan_by_ray

    return scan_by_ray(job, files, workers, address)


def _summary(store: Store, files: Sequence[Found], scanned: int, sound_s: float, wall_s: float) -> Summary:
    table = store.read(["path", "error", "answered_by"]).to_pydict()
    skipped = [{"path": p, "error": e} for p, e in zip(table["path"], table["error"], strict=True) if e is not None]
    answered = {who: table["answered_by"].count(who) for who in ("human", "machine", "unknown")}
    return Summary(
        files=len(files), scanned=scanned, before=len(files) - scanned, skipped=skipped, sound_s=round(sound_s, 1),
        wall_s=round(wall_s, 2), times_real_time=round(sound_s / wall_s, 1) if wall_s > 0 else 0.0, answered_by=answered,
        calls=store.calls, events=store.events,
    )  # fmt: skip
