"""The progress bar of `talkpath scan`."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from talkpath.scan.archive import Progress as Told
from talkpath.scan.columns import Row


class ScanProgress(Told):
    """On stderr, where it is a terminal."""

    def __init__(self, quiet: bool) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("scanning"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn(),
            console=console, transient=True, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=None, speed="")
        self._began, self._sound_s, self._skipped = time.monotonic(), 0.0, 0

    def __enter__(self) -> ScanProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, files: int, before: int) -> None:
        """Files that were done before count as done."""
        self._began = time.monotonic()
        self._bar.update(self._task, total=files, completed=before)

    def done(self, row: Row) -> None:
        """One more, and how fast it goes."""
        self._sound_s += row["duration_s"] or 0.0
        self._skipped += row["error"] is not None
        speed = self._sound_s / max(1e-9, time.monotonic() - self._began)
        note = f", {self._skipped} skipped" if self._skipped else ""
        self._bar.update(self._task, advance=1, speed=f"{speed:.0f} × real time{note}")
