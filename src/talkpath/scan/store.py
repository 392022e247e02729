"""Both tables on disk or in an object store: parts while the scan goes on, then two files. What was written stays, however the scan ends.

A part is two files, events first: the file of calls says that both are whole. When all files are done, the tables are put together slice by
slice in the order of the paths, so that they do not depend on who did what when, and memory does not grow with them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from talkpath import __version__
from talkpath.errors import ConfigError
from talkpath.scan.columns import CALLS, EVENTS, Column, Row, schema
from talkpath.scan.files import Found, is_remote, root_of
from talkpath.scan.work import Job

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SLICE_PATHS = 20_000
_KEY = b"talkpath.scan"
_FORMAT = 1


class Store:
    """Both tables of one scan.

    Parameters
    ----------
    out : str
        Path or URI of the table of calls, ending with .parquet; the events come beside it.
    job : Job
        What is scanned and how: kept in the tables, and rows of another job are not taken for ours.

    Raises
    ------
    ConfigError
        Another ending, or what is there already is not of this job.
    """

    def __init__(self, out: str, job: Job) -> None:
        self._fs: Any = fs.LocalFileSystem()
        self.calls: str = os.path.abspath(out)
        try:
            if is_remote(out):
                self._fs, self.calls = fs.FileSystem.from_uri(out)
        except (OSError, ValueError) as problem:
            raise ConfigError(f"{root_of(out)}: {problem}") from None
        if not self.calls.endswith(".parquet"):
            raise ConfigError(f"{root_of(out)}: the table's name must end with .parquet")
        self.events = self.calls.removesuffix(".parquet") + ".events.parquet"
        self._folder = self.calls + ".parts"
        self._about = {"format": _FORMAT, "talkpath": __version__, "folder": root_of(job.where),
                       "channels": job.channels, "max_hours": job.max_hours}  # fmt: skip
        self._units: list[tuple[str, str]] = []
        self._from: dict[str, int] = {}  # which unit has a path's rows
        self._next = 0
        self._lock: int | None = None
        self._in_table: set[str] | None = None  # the paths of the finished table, while nothing is newer

    def close(self) -> None:
        """Somebody else may write these tables; a folder of parts without any goes."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
            os.close(self._lock)
            self._lock = None

    def _claim(self) -> None:
        """Nobody else writes these tables meanwhile: as far as the operating system can tell, and until this process ends, however it does."""
        if fcntl is None or not isinstance(self._fs, fs.LocalFileSystem):
            return
        os.makedirs(self._folder, exist_ok=True)
        lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConfigError(f"{self.calls} is being written by another scan") from None
        except OSError:  # a file system without locks
            os.close(lock)
            return
        self._lock = lock

    def load(self, files: Sequence[Found], fresh: bool = False) -> list[Found]:
        """Find out what was done before; returns the files that are still to do: new ones, changed ones, and those that were skipped."""
        if fresh and self._is_there(self.calls):
            self._about_of(self.calls, strict=False)
        self._claim()
        if fresh:
            if self._is_there(self._folder):
                self._fs.delete_dir_contents(self._folder)
        elif self._is_there(self.calls):
            self._take(self.calls, self.events, files)
            self._in_table = set(self._paths(self.calls))
        if self._is_there(self._folder):
            listed = sorted(info.path for info in self._fs.get_file_info(fs.FileSelector(self._folder)))
            for path in listed:
                if path.endswith(".calls.parquet"):
                    self._take(path, path.removesuffix(".calls.parquet") + ".events.parquet", files)
                    self._in_table = None
                    self._next = max(self._next, int(os.path.basename(path).split(".")[0].split("-")[1]) + 1)
        return [file for file in files if file.name not in self._from]

    def add(self, rows: Sequence[Row], events: Sequence[Row]) -> None:
        """A part."""
        self._fs.create_dir(self._folder, recursive=True)
        stem = f"{self._folder}/part-{self._next:07}"
        self._next += 1
        self._write(f"{stem}.events.parquet", EVENTS, [pa.Table.from_pylist(list(events), self._schema(EVENTS))])
        self._write(f"{stem}.calls.parquet", CALLS, [pa.Table.from_pylist(list(rows), self._schema(CALLS))])
        for row in rows:
            self._from[row["path"]] = len(self._units)
        self._units.append((f"{stem}.calls.parquet", f"{stem}.events.parquet"))
        self._in_table = None

    def finish(self, files: Sequence[Found]) -> None:
        """Put the tables together, for these files; the parts go."""
        names = [file.name for file in files]
        if self._in_table is None or self._in_table != set(names):
            self._write(self.events, EVENTS, self._slices(names, 1, EVENTS))
            self._write(self.calls, CALLS, self._slices(names, 0, CALLS))
        if self._is_there(self._folder):
            self._fs.delete_dir(self._folder)

    def read(self, columns: Iterable[str]) -> pa.Table:
        """Some columns of the finished table of calls."""
        with self._fs.open_input_file(self.calls) as file:
            return pq.read_table(file, columns=list(columns))

    def _slices(self, names: list[str], which: int, columns: list[Column]) -> Iterator[pa.Table]:
        for start in range(0, len(names), SLICE_PATHS):
            by_unit: dict[int, list[str]] = {}
            for name in names[start : start + SLICE_PATHS]:
                by_unit.setdefault(self._from[name], []).append(name)
            tables = []
            for unit, wanted in by_unit.items():
                path = pc.field("path")  # its range beside it: by that whole row groups are left unread
                kept = (path >= wanted[0]) & (path <= wanted[-1]) & path.isin(wanted)
                tables.append(
                    pq.read_table(self._units[unit][which], filesystem=self._fs, filters=kept, partitioning=None)
                )
            whole = pa.concat_tables([self._schema(columns).empty_table(), *tables])
            yield whole.take(
                pc.sort_indices(whole, sort_keys=[("path", "ascending")])
            )  # stable: events stay in their order

    def _schema(self, columns: list[Column]) -> pa.Schema:
        return schema(columns).with_metadata({_KEY: json.dumps(self._about)})

    def _write(self, path: str, columns: list[Column], tables: Iterable[pa.Table]) -> None:
        """Whole or not at all."""
        scratch = path + ".tmp"
        kept = self._schema(columns)
        with self._fs.open_output_stream(scratch) as out, pq.ParquetWriter(out, kept, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table.cast(kept))
        self._fs.move(scratch, path)

    def _is_there(self, path: str) -> bool:
        return bool(self._fs.get_file_info(path).type != fs.FileType.NotFound)

    def _paths(self, path: str) -> list[str]:
        with self._fs.open_input_file(path) as file:
            names: list[str] = pq.read_table(file, columns=["path"])["path"].to_pylist()
        return names

    def _take(self, calls: str, events: str, files: Sequence[Found]) -> None:
        """A unit's rows, where they are of files that are still as they were."""
        about = self._about_of(calls)
        if about != self._about:
            differs = ", ".join(f"{k} {about.get(k)!r}, not {v!r}" for k, v in self._about.items() if about.get(k) != v)
            raise ConfigError(f"{calls} is of another scan ({differs}); --fresh makes it anew")
        with self._fs.open_input_file(calls) as file:
            table = pq.read_table(file, columns=["path", "bytes", "modified_ns", "error"])
        now = {file.name: (file.bytes, file.modified_ns) for file in files if file.error is None}
        unit = len(self._units)
        self._units.append((calls, events))
        columns = (table[name].to_pylist() for name in ("path", "bytes", "modified_ns", "error"))
        for name, size, modified_ns, error in zip(*columns, strict=True):
            if error is None and now.get(name) == (size, modified_ns):
                self._from[name] = unit

    def _about_of(self, path: str, strict: bool = True) -> Mapping[str, Any]:
        """What a table is of; nobody else's file is ever written over, but a broken one is when `strict` is off."""
        try:
            with self._fs.open_input_file(path) as file:
                kept = (pq.read_schema(file).metadata or {}).get(_KEY)
        except (OSError, ValueError) as problem:
            if not strict:
                return {}
            raise ConfigError(f"{path}: {problem}; --fresh makes it anew") from None
        if kept is None:
            raise ConfigError(f"{path} was not written by talkpath scan; choose another name with -o")
        about: Mapping[str, Any] = json.loads(kept)
        return about
