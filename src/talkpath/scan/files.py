"""The recordings below a folder, of this machine or of an object store, in an order that is always the same; and what cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from talkpath.errors import ConfigError
from talkpath.recordings import EXTENSIONS


class Found(NamedTuple):
    """A file below the folder, or what stands in the way of some.

    Attributes
    ----------
    name : str
        Below the folder, with /. A folder that cannot be read ends with one.
    place : str
        Where it is opened: a path of this machine, or of the object store.
    bytes, modified_ns : int or None
        What says whether it is still the same file.
    error : str or None
        Why it cannot be scanned.
    """

    name: str
    place: str
    bytes: int | None = None
    modified_ns: int | None = None
    error: str | None = None


def is_remote(where: str) -> bool:
    """s3://…, gs://…, file://…: opened by pyarrow."""
    return "://" in where


def find(where: str) -> list[Found]:
    """All recordings below a folder by their names' ends (`EXTENSIONS`), sorted by name; one file alone is taken whatever its name.

    Links to files are followed, links to folders are not: nothing is found twice, and loops harm nobody.

    Raises
    ------
    ConfigError
        There is no such folder, or it cannot be read.
    """
    found = _find_remote(where) if is_remote(where) else _find_local(where)
    return sorted(found, key=lambda file: file.name)


def root_of(where: str) -> str:
    """The folder's full name; of a URI without what is secret, and without its options."""
    if not is_remote(where):
        return os.path.abspath(where)
    parts = urlsplit(where)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


class Opener:
    """Opens what was found, on the machine where it is called.

    Parameters
    ----------
    where : str
        As for `find`.
    """

    def __init__(self, where: str) -> None:
        self._files: Any = None
        if is_remote(where):
            from pyarrow import fs

            self._files, _ = fs.FileSystem.from_uri(where)

    def open(self, file: Found) -> str | IO[bytes]:
        """What `scan_recording` takes."""
        if self._files is None:
            return file.place
        opened: IO[bytes] = self._files.open_input_file(file.place)
        return opened


def _is_sound(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith("._")


def _shown(name: str) -> str:
    """The name as the table can hold it: what is no UTF-8 is escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _why(problem: OSError) -> str:
    return problem.strerror or str(problem)


def _find_local(where: str) -> Iterator[Found]:
    try:
        info = os.stat(where)
    except OSError as problem:
        raise ConfigError(f"{where}: {_why(problem)}") from None
    if not stat.S_ISDIR(info.st_mode):
        yield _local(os.path.basename(where), where)
        return
    folders = [("", where)]
    while folders:
        below, folder = folders.pop()
        try:
            with os.scandir(folder) as listed:
                entries = list(listed)
        except OSError as problem:
            if not below:
                raise ConfigError(f"{where}: {_why(problem)}") from None
            yield Found(_shown(below), folder, error=f"folder cannot be read: {_why(problem)}")
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append((f"{below}{entry.name}/", entry.path))
            elif _is_sound(entry.name) and not (entry.is_symlink() and _leads_to_folder(entry)):
                yield _local(below + entry.name, entry.path)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _local(name: str, place: str) -> Found:
    name = _shown(name)
    try:
        info = os.stat(place)
    except OSError as problem:
        return Found(name, place, error=_why(problem))
    if not stat.S_ISREG(info.st_mode):
        return Found(name, place, error="not a regular file")  # a pipe would be waited for, for ever
    return Found(name, place, info.st_size, info.st_mtime_ns)


def _find_remote(where: str) -> Iterator[Found]:
    try:
        from pyarrow import fs
    except ImportError:
        raise ConfigError(f"{root_of(where)} needs pyarrow: pip install 'talkpath[scan]'") from None
    try:
        files, base = fs.FileSystem.from_uri(where)
        top = files.get_file_info(base)
        if top.type == fs.FileType.File:
            yield Found(top.base_name, top.path, top.size, top.mtime_ns)
            return
        listed = files.get_file_info(fs.FileSelector(base, recursive=True))
    except (OSError, ValueError) as problem:  # ArrowInvalid is a ValueError
        raise ConfigError(f"{root_of(where)}: {problem}") from None
    for info in listed:
        if info.type == fs.FileType.File and _is_sound(info.base_name):
            name = Path(info.path).relative_to(base).as_posix()
            yield Found(name, info.path, info.size, info.mtime_ns)
