"""One frame a tick goes out, whatever comes in: beginning, stalls, drift, jitter."""

import numpy as np
import pytest
from world import QUICK, STARTS, World, silence

from talkpath.server import Limits

DIALECTS = ["plivo", "twilio", "audiosocket", "asterisk", "vonage", "telnyx"]
dialects = pytest.mark.parametrize("dialect", DIALECTS)


@dialects
def test_a_frame_every_20_ms(dialect: str) -> None:
    world = World(dialect).run(5)
    gaps = np.diff(world.times())
    assert len(gaps) > 235
    assert abs(gaps - 0.02).max() < 1e-4
    assert world.session.counters.sent == len(world.times())
    counters = world.session.counters
    assert (counters.lost, counters.late, counters.starved, counters.skipped) == (0, 0, 0, 0)
    assert world.session.call.metrics.received_frames >= 245


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "vonage"])
def test_begins_with_the_callers_audio(dialect: str) -> None:
    world = World(dialect, begins=0.13).run(1)
    assert world.times()[0] == pytest.approx(0.14)


@dialects
def test_begins_though_no_audio_comes(dialect: str) -> None:
    world = World(dialect, begins=1e9).run(1)
    assert world.times()[0] == pytest.approx(0.2)
    assert len(world.times()) in (40, 41)


@dialects
@pytest.mark.parametrize("stall_s", [0.03, 0.1, 0.3, 0.9])
def test_the_provider_stands_still(dialect: str, stall_s: float) -> None:
    """What is late is taken at once; nothing is concealed, nothing thrown away, no delay is left."""
    world = World(dialect, delay=lambda t: max(0.0, 2 + stall_s - t) if t >= 2 else 0.0).run(2 + stall_s + 0.1)
    frames = world.session.call.metrics.received_frames
    assert abs(frames - world.sent) <= 1
    world.run(3)
    counters = world.session.counters
    assert (counters.starved, counters.late, counters.dropped, counters.lost) == (0, 0, 0, 0)
    assert abs(np.diff(world.times()) - 0.02).max() < 1e-4


@dialects
@pytest.mark.parametrize("stall_s", [1.3, 1.8])
def test_the_provider_stands_still_for_long(dialect: str, stall_s: float) -> None:
    """Beyond what may be late silence is concealed, so that time goes on; back within 2 s."""
    world = World(dialect, delay=lambda t: max(0.0, 2 + stall_s - t) if t >= 2 else 0.0).run(2 + stall_s + 2)
    counters = world.session.counters
    assert counters.starved == pytest.approx((stall_s - 1) / 0.02, abs=2)
    assert counters.late == counters.starved
    assert counters.dropped == 0
    assert abs(counters.received - world.sent) <= 1


@dialects
def test_a_provider_that_sends_nothing_in_silence(dialect: str) -> None:
    """The first time nobody knows; then time goes on for the call after 60 ms."""
    wire = STARTS[dialect].wire
    spy: list[int] = []
    world = World(dialect, caller=lambda i: silence(wire) if i % 200 < 100 else None)
    for _ in range(4):
        world.run(4)
        spy.append(world.session.counters.starved)
    assert spy[0] == pytest.approx(50, abs=4)
    assert np.diff(spy) == pytest.approx([97, 97, 97], abs=4)
    assert world.session.counters.late == 0


@dialects
@pytest.mark.parametrize("stall_s", [0.03, 0.1, 0.3, 1.0])
def test_this_side_stands_still(dialect: str, stall_s: float) -> None:
    world = World(dialect)
    world.stalls = [(2.0, 2.0 + stall_s)]
    world.run(2 + stall_s + 0.1)
    assert world.depth_s <= 0.02 + 0.06 + 0.02  # no more than is made up for at once
    assert abs(world.session.counters.received - world.sent) <= 1
    world.run(2)
    assert world.depth_s <= 0.041  # and that is gone
    grid = (np.array(world.times()) - world.times()[0]) / 0.02
    late = abs(grid - np.rint(grid)) > 1e-3
    assert late.sum() <= 4  # the deadlines are where they were
    elapsed = round((world.times()[-1] - world.times()[0]) / 0.02) + 1
    assert elapsed - len(world.times()) == world.session.counters.skipped
    assert world.session.counters.starved == 0


def test_many_stalls_do_not_pile_up() -> None:
    world = World("twilio")
    world.stalls = [(1.0 + k / 2, 1.0 + k / 2 + 0.05 + 0.01 * (k % 25)) for k in range(40)]
    world.run(22)
    assert world.depth_s <= 0.101
    world.run(2)
    assert world.depth_s <= 0.041
    assert abs(world.session.counters.received - world.sent) <= 1


@dialects
def test_jitter(dialect: str) -> None:
    """Of up to 80 ms, in order as TCP keeps it: all is heard, the frames out keep their time."""
    rng = np.random.default_rng(3)
    last = [0.0]

    def delay(t: float) -> float:
        last[0] = max(last[0], t + rng.uniform(0, 0.08))
        return last[0] - t

    world = World(dialect, delay=delay).run(10)
    counters = world.session.counters
    assert (counters.lost, counters.late, counters.starved, counters.dropped) == (0, 0, 0, 0)
    assert abs(counters.received - world.sent) <= 5
    assert abs(np.diff(world.times()) - 0.02).max() < 1e-4


def drifts(ppm: float, seconds: float, dialect: str) -> World:
    rng = np.random.default_rng(4)
    world = World(dialect, ppm=ppm, delay=lambda t: rng.uniform(0, 0.004))
    world.run(10)
    sent = len(world.times())
    world.run(seconds)
    # The provider plays by its own clock: its buffer grows by what comes beyond that.
    grown = (len(world.times()) - sent) * 0.02 - seconds / (1 + ppm * 1e-6)
    assert abs(grown) < 0.025
    counters = world.session.counters
    assert abs(counters.received - world.sent) <= 2
    assert (counters.starved, counters.dropped, counters.skipped) == (0, 0, 0)
    assert abs(np.diff(world.times()) - 0.02).max() < 1e-4
    return world


@pytest.mark.parametrize("ppm", [400, -400])
@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket"])
def test_drift(ppm: float, dialect: str) -> None:
    drifts(ppm, 200, dialect)  # 80 ms


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [200, -200])
def test_drift_for_an_hour(ppm: float) -> None:
    world = drifts(ppm, 3600, "twilio")
    assert world.session._grid.shift_s == pytest.approx(3600 * ppm * 1e-6, abs=0.02)


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket"])
def test_any_frame(dialect: str, frame_ms: int) -> None:
    world = World(dialect, QUICK.replaced(frame_ms=frame_ms)).run(3)
    sent_ms = sum(STARTS[dialect].wire_out.duration_ms(len(m.payload)) for _, m in world.out)
    assert sent_ms == pytest.approx(3000, abs=120)
    assert world.session.counters.starved == 0


def test_the_providers_queue_is_full() -> None:
    """Asterisk says when what is sent would be lost: nothing is sent, and nothing of it is lost."""
    world = World("asterisk").run(1)
    world.deliver(world.provider.flow(True))
    world.run(0.5)
    sent = len(world.times())
    heard = world.session.counters.received
    world.run(1)
    assert len(world.times()) == sent
    assert world.session.counters.received >= heard + 49
    world.deliver(world.provider.flow(False))
    world.run(1)
    assert len(world.times()) >= sent + 49
    assert world.session.counters.held >= 70


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="idle_timeout_s"):
        Limits(idle_timeout_s=0)
    with pytest.raises(ValueError, match="wait_s"):
        Limits(wait_s=-1)
