"""Figures from made-up times, with answers that can be worked out by hand."""

import numpy as np
import pytest

from talkpath.phone import Machine
from talkpath.phone.measures import gaps_ms, late, lateness_ms, spread


def grid(n: int, period: float = 0.02, start: float = 5.0) -> np.ndarray:
    return start + period * np.arange(n)


def test_spread() -> None:
    found = spread(range(1, 1001))
    assert (found.count, found.p50, found.p99, found.p999, found.max) == (1000, 500, 990, 999, 1000)
    assert spread([7.0]).p999 == 7.0
    assert spread([]).to_dict() == {"count": 0, "p50": 0, "p99": 0, "p999": 0, "max": 0}


def test_gaps_without_pauses() -> None:
    gaps, pauses = gaps_ms([0.0, 0.02, 0.05, 3.0, 3.02])
    assert gaps == pytest.approx([20, 30, 20])
    assert pauses == 1


def test_a_steady_server_is_never_late() -> None:
    assert lateness_ms(grid(500), grid(500, start=0)).max() < 1e-6


def test_one_late_message() -> None:
    times = grid(500)
    times[100] += 0.015
    late_ms = lateness_ms(times, grid(500, start=0))
    assert late_ms[100] == pytest.approx(15, abs=0.02)
    assert np.delete(late_ms, 100).max() < 0.02


def test_a_first_message_that_is_late_moves_the_grid() -> None:
    """Nobody knows it to be late, until earlier ones come."""
    times = grid(500)
    times[0] += 0.012
    late_ms = lateness_ms(times, grid(500, start=0))
    assert late_ms[0] == 0
    assert late_ms[1:].max() < 1e-6


def test_jitter_is_counted_from_the_least_delay() -> None:
    rng = np.random.default_rng(1)
    jitter = rng.uniform(0, 0.01, 5000)
    late_ms = lateness_ms(grid(5000) + jitter, grid(5000, start=0))
    # the grid is what the earliest tenth keep to, and creeps up by 300 ppm
    error = np.abs(late_ms[100:] - 1000 * jitter[100:])
    assert error.max() < 1.6
    assert error.mean() < 1.1


@pytest.mark.parametrize("ppm", [-250, 250])
def test_a_clock_that_drifts_is_not_late(ppm: float) -> None:
    times = grid(30000, 0.02 * (1 + ppm * 1e-6))
    assert lateness_ms(times, grid(30000, start=0)).max() < 0.1


def test_a_stall_that_is_made_up_for() -> None:
    """300 ms of nothing, then all of it at once: each message of the lump is late by its own part."""
    times = grid(500)
    times[100:115] = times[115]
    late_ms = lateness_ms(times, grid(500, start=0))
    assert late_ms[100:115] == pytest.approx(np.arange(15, 0, -1) * 20, abs=0.1)
    assert np.delete(late_ms, range(100, 115)).max() < 0.1


def test_a_stall_after_which_audio_is_left_out() -> None:
    """The message after it is late, and from there on there is a new grid."""
    times = grid(500)
    times[100:] += 0.3
    late_ms = lateness_ms(times, grid(500, start=0))
    assert late_ms[100] == pytest.approx(300, abs=0.1)
    assert np.delete(late_ms, 100).max() < 0.1


def test_audio_sent_ahead_is_not_late() -> None:
    times = grid(500)
    times[:200] = 5.0 + 0.001 * np.arange(200)  # twenty times as fast as it is played
    assert lateness_ms(times, grid(500, start=0)).max() < 1e-6


@pytest.mark.parametrize("together", [2, 3, 5])
def test_messages_that_come_together_are_not_late(together: int) -> None:
    """Two every 40 ms: the second is 20 ms ahead, and the next first one is in time."""
    times = 5.0 + 0.02 * together * (np.arange(600) // together) + 0.0002 * (np.arange(600) % together)
    times[300:] += 0.03 * (np.arange(300) < together)
    late_ms = lateness_ms(times, grid(600, start=0))
    assert late_ms[300] == pytest.approx(30, abs=0.5)
    assert np.delete(late_ms, range(300, 300 + together)).max() < 0.5


def test_a_lead_that_is_kept_is_the_grid() -> None:
    """Three messages at once, then one at a time: the fourth is 15 ms late against what the others keep to."""
    times = grid(500) - 0.06
    times[:4] = 5.0
    times[300] += 0.015
    late_ms = lateness_ms(times, grid(500, start=0))
    assert late_ms[300] == pytest.approx(15, abs=0.1)
    assert np.delete(late_ms, 300)[4:].max() < 0.1


def test_one_early_message_is_no_grid() -> None:
    times = grid(500)
    times[100] -= 0.018
    assert lateness_ms(times, grid(500, start=0)).max() < 0.1


@pytest.mark.parametrize("speed", [1.25, 2.0, 10.0])
def test_a_lead_that_is_used_up_again_is_not_late(speed: float) -> None:
    """Twice as fast until 400 ms wait there, then nothing until they are played, and so on."""
    times, at, lead = [], 5.0, 0.0
    for _ in range(2000):
        times.append(at)
        lead += 0.02 - 0.02 / speed
        at += 0.02 / speed
        if lead > 0.4:
            at, lead = at + lead, 0.0
    assert lateness_ms(times, grid(2000, start=0)).max() < 21


def test_a_pause_begins_anew() -> None:
    times = np.concatenate([grid(100), grid(100, start=12.345)])
    assert lateness_ms(times, grid(200, start=0)).max() < 1e-6


def test_a_clear_begins_anew() -> None:
    """3 s were sent at once, and most of them thrown away: what comes then must not pass for sent ahead."""
    times, positions = np.concatenate([np.full(150, 5.0), grid(100, start=5.9)]), grid(250, start=0)
    times[200] += 0.03
    late_ms = lateness_ms(times, positions, [150])
    assert late_ms[200] == pytest.approx(30, abs=0.1)
    assert late_ms[150:].sum() == pytest.approx(30, abs=0.3)
    assert lateness_ms(times, positions)[200] == 0


def test_messages_of_any_length() -> None:
    """100 ms of audio every 100 ms is as good as 20 every 20."""
    times = grid(100, 0.1)
    times[50] += 0.03
    late_ms = lateness_ms(times, grid(100, 0.1, start=0))
    assert late_ms[50] == pytest.approx(30, abs=0.1)
    assert np.delete(late_ms, 50).max() < 0.1


def test_counts() -> None:
    found = late([0, 4.9, 5.1, 19, 20.5, 61, 300])
    assert (found.over_5, found.over_20, found.over_60) == (5, 3, 2)


def test_nothing_is_nothing() -> None:
    assert len(lateness_ms([], [])) == 0
    gaps, pauses = gaps_ms([])
    assert (len(gaps), pauses) == (0, 0)


def test_a_pause_of_the_machine_excuses_what_was_on_its_way() -> None:
    machine = Machine(pauses=((10.0, 10.03), (20.0, 20.01)))
    arrivals = np.array([9.99, 10.031, 10.06, 10.2, 15.0, 20.02, 20.05])
    late = np.array(
        [8, 25, 30, 120, 40, 15, 6], np.float32
    )  # due at 9.982, 10.006, 10.03, 10.08, 14.96, 20.005, 20.044
    assert machine.excuses(arrivals, late).tolist() == [False, True, True, True, False, True, False]
    assert Machine().excuses(arrivals, late).tolist() == [False] * 7
    assert machine.excuses(np.zeros(0), np.zeros(0, np.float32)).tolist() == []
