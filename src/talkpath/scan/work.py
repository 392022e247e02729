"""What every worker does, in whatever engine: files in, rows out. No file stops it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from talkpath.errors import TalkpathError
from talkpath.scan.columns import CALLS, Row, empty
from talkpath.scan.files import Found, Opener
from talkpath.scan.recording import scan_recording


@dataclass(frozen=True)
class Job:
    """What is the same for all files of a scan."""

    where: str
    channels: str = "auto"
    max_hours: float = 12.0


class Done(NamedTuple):
    """One file's part of both tables."""

    row: Row
    events: list[Row]


def skipped(file: Found, error: str) -> Done:
    """A row that says why."""
    error = error.encode("utf-8", "backslashreplace").decode()  # it may name a file whose name is no UTF-8
    return Done({**empty(CALLS), **_identity(file), "error": error}, [])


def scan_files(job: Job, files: Sequence[Found]) -> Iterator[Done]:
    """One after the other, in their order."""
    opener = Opener(job.where)
    for file in files:
        yield _scan(job, opener, file)


def _identity(file: Found) -> Row:
    return {"path": file.name, "bytes": file.bytes, "modified_ns": file.modified_ns}


def _scan(job: Job, opener: Opener, file: Found) -> Done:
    if file.error is not None:
        return skipped(file, file.error)
    try:
        scanned = scan_recording(opener.open(file), job.channels, job.max_hours)
    except TalkpathError as problem:
        return skipped(file, str(problem))
    except OSError as problem:
        return skipped(file, problem.strerror or str(problem))
    except Exception as problem:  # a decoder's own troubles: that file is told of, the others go on
        return skipped(file, f"{type(problem).__name__}: {problem}")
    return Done({**scanned.row, **_identity(file)}, [{**event, "path": file.name} for event in scanned.events])
