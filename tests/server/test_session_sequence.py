"""Loss, order and duplicates, by sequence numbers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from talkpath.server.sequence import Sequencer


def order(numbers: list[int], hold_s: float = 0.06, step_s: float = 0.02) -> tuple[list, Sequencer]:
    """What comes out: the numbers, and -n for n that are lost."""
    sequencer: Sequencer = Sequencer(hold_s)
    found = []
    for k, number in enumerate(numbers):
        for item in sequencer.due(k * step_s) + sequencer.put(number, f"{number}", k * step_s):
            found.append(-item if isinstance(item, int) else int(item))
    return found + [-i if isinstance(i, int) else int(i) for i in sequencer.flush()], sequencer


@pytest.mark.parametrize(
    ("numbers", "found", "counts"),  # lost, reordered, late, duplicate
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], (0, 0, 0, 0)),
        ([1, 3, 2, 4], [1, 2, 3, 4], (0, 1, 0, 0)),
        ([1, 4, 3, 2, 5], [1, 2, 3, 4, 5], (0, 2, 0, 0)),
        ([1, 2, 2, 3, 1], [1, 2, 3], (0, 0, 0, 2)),
        ([1, 2, 4, 5, 6, 7, 8], [1, 2, -1, 4, 5, 6, 7, 8], (1, 0, 0, 0)),
        ([1, 2, 5, 6, 7, 8, 9], [1, 2, -2, 5, 6, 7, 8, 9], (2, 0, 0, 0)),
        ([1, 2, 4, 5, 6, 7, 3, 8], [1, 2, -1, 4, 5, 6, 7, 8], (1, 0, 1, 0)),
        ([1, 3, 3, 2, 4], [1, 2, 3, 4], (0, 1, 0, 1)),
        ([7, 8, 9], [7, 8, 9], (0, 0, 0, 0)),
        ([2, 1, 3], [2, 3], (0, 0, 1, 0)),
        ([1, 2, 5000, 5001], [1, 2, 5000, 5001], (0, 0, 0, 0)),
        ([500, 501, 1, 2, 3], [500, 501, 1, 2, 3], (0, 0, 0, 0)),
        ([1, 3, 5, 7, 9, 11], [1, -1, 3, -1, 5, -1, 7, -1, 9, -1, 11], (5, 0, 0, 0)),
    ],
)
def test_order(numbers: list[int], found: list[int], counts: tuple[int, ...]) -> None:
    got, sequencer = order(numbers)
    assert got == found
    assert (sequencer.lost, sequencer.reordered, sequencer.late, sequencer.duplicate) == counts


@given(st.randoms(use_true_random=False), st.integers(20, 100))
def test_what_comes_in_time_is_in_order_and_whole(rng: random.Random, n: int) -> None:
    numbers = sorted(range(n), key=lambda k: k + rng.uniform(0, 2.9))
    first = numbers[0]
    got, _ = order(numbers)
    assert got == [k for k in range(n) if k >= first]


@pytest.mark.parametrize("numbers", [[0] * 60, [5] * 60, [1, 2] * 30])
def test_numbers_that_order_nothing_are_not_believed(numbers: list[int]) -> None:
    got, _ = order(numbers)
    assert len(got) >= 25


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "telnyx"])
@pytest.mark.parametrize("lost", [{100}, {50, 51, 52}, {30, 32, 34}, set(range(40, 60)), set(range(40, 120))])
def test_what_is_missing_is_concealed(dialect: str, lost: set[int]) -> None:
    world = World(dialect)
    world.drop = lambda i: i in lost
    world.run(5)
    counters, metrics = world.session.counters, world.session.call.metrics
    assert counters.lost == len(lost)
    assert metrics.lost_frames == len(lost)  # once, though nothing came for longer than is waited
    assert abs(metrics.received_frames + metrics.lost_frames - world.sent) <= 1


def test_telnyx_does_not_keep_the_order() -> None:
    rng = random.Random(2)
    world = World("telnyx", delay=lambda t: rng.uniform(0, 0.055)).run(10)
    counters = world.session.counters
    assert counters.reordered > 20
    assert (counters.lost, counters.duplicate, counters.starved) == (0, 0, 0)
    assert abs(counters.received - world.sent) <= 5


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "telnyx"])
def test_what_comes_twice_is_heard_once(dialect: str) -> None:
    world = World(dialect).run(1)
    receive = world.session.receive
    world.session.receive = lambda data, now: (receive(data, now), receive(data, now))
    world.run(1)
    world.session.receive = receive
    assert 45 <= world.session.counters.duplicate <= 52
    assert abs(world.session.counters.received - world.sent) <= 1
