"""Calls that are made and end leave nothing behind; bench/calls_made.py makes 100,000."""

import gc
import sys
import tracemalloc

import pytest
from conftest import ROOT, SANITIZE

sys.path[:0] = [str(ROOT / "bench")]
from calls_made import Sessions, one_call  # noqa: E402


@pytest.mark.skipif(bool(SANITIZE), reason="a sanitizer keeps what is freed")
@pytest.mark.parametrize("what", ["calls", "sessions"])
def test_nothing_is_left_behind(what):
    make = one_call if what == "calls" else Sessions().one
    tracemalloc.start()
    try:
        for k in range(100):
            make(k)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for k in range(100, 300):
            make(k)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (after - before) / 200 < 100  # bytes each: caches fill, but not with calls
