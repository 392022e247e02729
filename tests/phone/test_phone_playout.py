"""The provider's queue: nothing is lost, nothing is played twice, marks come when their audio was played."""

import numpy as np
import pytest

from talkpath.phone.playout import Playout


def pull(playout: Playout, frames: int = 1) -> np.ndarray:
    out = np.full((frames, 160), 99, np.int16)
    for frame in out:
        playout.pull(frame)
    return out.reshape(-1)


def test_any_cutting_is_played_whole(rng: np.random.Generator) -> None:
    said = rng.integers(1, 3000, 16000).astype(np.int16)
    playout, at = Playout(8000, 40), 0
    while at < len(said):
        n = int(rng.integers(0, 900))
        playout.put(said[at : at + n])
        at += n
    heard = pull(playout, 110)
    start = int(np.flatnonzero(heard)[0])
    assert start <= 320
    assert (heard[start : start + 16000] == said).all()
    assert not heard[start + 16000 :].any()
    assert (playout.played, playout.queued, playout.holes) == (16000, 0, 0)


def test_it_gathers_before_it_plays() -> None:
    playout = Playout(8000, 40)
    playout.put(np.ones(160, np.int16))
    assert not pull(playout, 2).any()  # 40 ms
    assert pull(playout).all()
    playout = Playout(8000, 40)
    playout.put(np.ones(8000, np.int16))
    assert pull(playout).all()


def test_frames_in_step_never_run_dry() -> None:
    playout = Playout(8000, 40)
    for i in range(200):
        playout.put(np.full(160, i + 1, np.int16))
        pull(playout)
    assert playout.holes == 0
    assert playout.queued <= 320


def test_holes_are_counted_and_ends_are_not() -> None:
    playout = Playout(8000, 0)
    playout.put(np.ones(800, np.int16))
    pull(playout, 5 + 3)  # 60 ms of nothing
    playout.put(np.ones(160, np.int16))
    pull(playout, 1)
    assert (playout.holes, playout.missing) == (1, 480)
    pull(playout, 100)  # 2 s: a pause
    playout.put(np.ones(160, np.int16))
    pull(playout, 1)
    assert (playout.holes, playout.missing) == (1, 480)


def test_a_short_rest_is_played_with_silence_behind_it() -> None:
    playout = Playout(8000, 0)
    playout.put(np.ones(200, np.int16))
    heard = pull(playout, 2)
    assert heard.sum() == 200
    assert not heard[200:].any()


def test_marks_come_when_all_before_them_was_played() -> None:
    playout = Playout(8000, 0)
    playout.mark("at once")
    playout.put(np.ones(320, np.int16))
    playout.mark("after two")
    assert playout.marks_played() == ["at once"]
    pull(playout)
    assert playout.marks_played() == []
    pull(playout)
    assert playout.marks_played() == ["after two"]
    assert playout.marks_played() == []


def test_clear_throws_away_queue_and_marks() -> None:
    playout = Playout(8000, 0)
    playout.put(np.ones(1600, np.int16))
    playout.mark("never")
    pull(playout, 3)
    playout.clear()
    assert not pull(playout, 20).any()
    assert playout.marks_played() == []
    assert (playout.cleared, playout.played, playout.queued) == (1600 - 480, 480, 0)
    playout.put(np.ones(160, np.int16))
    playout.mark("again")
    pull(playout, 2)
    assert playout.marks_played() == ["again"]
    assert playout.holes == 0


@pytest.mark.parametrize("size", [8000, 8000 * 60])
def test_a_flood_is_dropped(size: int) -> None:
    playout = Playout(8000, 0)
    piece = np.ones(size, np.int16)
    for _ in range(8000 * 1000 // size):
        playout.put(piece)
    assert playout.queued == 8000 * 900
    assert playout.dropped == 8000 * 1000 // size * size - playout.queued
    for i in range(10000):
        playout.mark(str(i))
    assert len(playout._marks) == 4096
