"""Asterisk for the tests that want it: installed once into a folder that is kept, started once."""

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk.install import Programs, Unavailable, install
from asterisk.system import System

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.asterisk)


@pytest.fixture(scope="session")
def programs() -> Programs:
    folder = Path(os.environ.get("TALKPATH_ASTERISK") or ROOT / "build" / "asterisk")
    try:
        return install(folder)
    except Unavailable as problem:
        pytest.skip(f"Asterisk cannot be installed here: {problem}")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No call may leave a warning, or an exception that nobody saw."""
    yield
    gc.collect()  # an exception that nobody took is told when its task goes
    loud = [
        r.getMessage() for when in ("setup", "call") for r in caplog.get_records(when) if r.levelno >= logging.WARNING
    ]
    assert not loud


@pytest.fixture(scope="session")
def system(programs: Programs) -> Iterator[System]:
    pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
    folder = Path(tempfile.mkdtemp(prefix="asterisk-"))  # short: it holds the name of a UNIX socket
    with System(programs, folder) as running:
        yield running
    shutil.rmtree(folder)
