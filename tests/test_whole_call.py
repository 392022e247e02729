"""A call in C alone, with every feature in use: nothing is allocated while it runs, threads change nothing, nor do days."""

import shutil

import pytest
from conftest import SANITIZE
from whole_call import IS_GLIBC, MEMCHECK, ROUND_S, link, link_late, run

NAMES = ["speech_started", "speech_stopped", "turn_completed", "user_state", "agent_state", "speech_paused", "false_interruption",
         "backchannel", "idle", "key", "answered", "beep", "line_tone", "turn_metrics", "playout", "audio_cleared", "speech_discarded"]  # fmt: skip
PLAYOUT = ["started", "completed", "interrupted", "dropped", "mark", "underrun", "paused", "resumed", "cleared"]
UNUSED = {"line_tone", "dropped", "underrun"}  # tests/test_call.py has them


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    return link(tmp_path_factory.mktemp("whole_call"))


@pytest.fixture(scope="session")
def counting(tmp_path_factory):
    if SANITIZE:
        pytest.skip("a sanitizer has an allocator of its own")
    if not IS_GLIBC:
        pytest.skip("counts what glibc allocates")
    return link(tmp_path_factory.mktemp("whole_call"), "-DCOUNT_ALLOCATIONS")


@pytest.mark.parametrize("threads", [1, 2])
def test_no_frame_allocates(counting, threads):
    found = run(counting, ROUND_S + 2, threads)
    assert found["frames"] == (ROUND_S + 2) * 50 * 4
    assert found["allocations"] == 0
    assert found["outside"] > 0  # the calls themselves


def test_the_counter_counts(counting):
    found = run(counting, 2, 1, 4, "planted")
    assert found["allocations"] == 2 * 2 * 4  # malloc and free, twice in each of four calls


def test_everything_happens(program):
    found = run(program, ROUND_S)
    missing = {name for name, n in zip(NAMES, found["events"], strict=True) if not n}
    missing |= {name for name, n in zip(PLAYOUT, found["playout"], strict=False) if not n}
    assert missing <= UNUSED


def test_threads_change_nothing(program):
    alone, *together = [run(program, 6, threads)["checksum"] for threads in (1, 2, 4)]
    assert together == [alone, alone]


def test_after_2_to_the_32_samples_nothing_is_different(tmp_path):
    """149 hours at 8 kHz, 75 at 16: counters begin 3 s before, and what comes is the same to the bit, only later."""
    program = link_late(tmp_path)
    now, late = run(program, ROUND_S), run(program, ROUND_S, 1, 4, "late")
    assert (now.pop("past"), late.pop("past")) == (0, 1)
    assert late == now


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.skipif(bool(SANITIZE), reason="valgrind and a sanitizer exclude each other")
def test_memcheck(program):
    assert run(program, ROUND_S + 1, calls=1, under=MEMCHECK)["frames"] == (ROUND_S + 1) * 50
