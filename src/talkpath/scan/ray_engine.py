"""The engine for many machines: the same function as tasks of a Ray cluster (`pip install 'talkpath[ray]'`)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from talkpath.errors import ConfigError
from talkpath.scan.files import Found
from talkpath.scan.work import Done, Job, scan_files, skipped

TASK_FILES = 32
_WAITING = 4  # tasks for each CPU that are given out at a time: results never pile up


def _task(job: Job, files: list[Found]) -> list[Done]:
    return list(scan_files(job, files))


def scan_by_ray(job: Job, files: Sequence[Found], workers: int, address: str | None = None) -> Iterator[Done]:
    """All files, each once. A task whose process dies is done again file by file, and the file that kills it is skipped.

    Parameters
    ----------
    job, files
        What, and how. The paths must be good on every node: a shared file system, or an object store's.
    workers : int
        CPUs of the cluster that is started here when there is no address.
    address : str, optional
        Of a cluster that runs.

    Raises
    ------
    ConfigError
        Ray is not installed, or the cluster cannot be reached.
    """
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise ConfigError("--engine ray needs Ray: pip install 'talkpath[ray]'") from None
    ours = not ray.is_initialized()
    if ours:
        options: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
        except (ConnectionError, ValueError, RuntimeError) as problem:
            raise ConfigError(f"no Ray cluster at {address}: {problem}") from None
    try:
        remote = ray.remote(num_cpus=1, max_retries=1)(_task)
        waiting = deque(list(files[i : i + TASK_FILES]) for i in range(0, len(files), TASK_FILES))
        room = _WAITING * max(1, int(ray.cluster_resources().get("CPU", 1)))
        given: dict[Any, list[Found]] = {}
        while waiting or given:
            while waiting and len(given) < room:
                some = waiting.popleft()
                given[remote.remote(job, some)] = some
            (ready, *_), _ = ray.wait(list(given), num_returns=1)
            some = given.pop(ready)
            try:
                yield from ray.get(ready)
            except ray.exceptions.WorkerCrashedError as problem:
                if len(some) == 1:
                    yield skipped(some[0], f"the process that read it died ({type(problem).__name__})")
                else:
                    waiting.extendleft([file] for file in reversed(some))
    finally:
        if ours:
            ray.shutdown()
