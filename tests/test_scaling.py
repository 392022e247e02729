"""The simulation behind docs/scaling.md: a queue that can be reckoned by hand, and the page's tables as it made them."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaling", ROOT / "bench" / "scaling.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["scaling"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_queue_reckoned_by_hand(scaling: ModuleType) -> None:
    """The third comes while the second waits for the first; the fourth finds nobody."""
    late = scaling.lateness_us(np.array([0.0, 1.0, 2.0, 20.0]), np.array([5.0, 4.0, 3.0, 2.0]))
    assert late.tolist() == [5.0, 8.0, 10.0, 2.0]


def test_the_cost_that_is_drawn_is_the_one_that_was_measured(scaling: ModuleType) -> None:
    cost = scaling.Cost(50.0, 55.0, 130.0)
    drawn = cost.draw((3000, 200), np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(55, rel=0.02)
    assert np.percentile(drawn, 99) / np.median(drawn) == pytest.approx(2.6, rel=0.05)


def test_below_the_knee_hardly_a_frame_is_late_and_above_it_all_are(scaling: ModuleType) -> None:
    cost = scaling.Cost(50.0, 55.0, 130.0)
    knee = scaling.knee(cost, rest_us=45.0)
    assert 180 <= knee <= 203, "100 µs a frame fill 20 ms with 200 calls"
    assert scaling.simulate(cost, knee - 20, seconds=20, rest_us=45.0)["late_share"] < 0.001
    assert scaling.simulate(cost, 230, seconds=20, rest_us=45.0)["late_share"] > 0.5
    assert scaling.knee(cost.scaled(110.0), rest_us=45.0) < knee


def test_stalls_are_felt_longer_where_the_load_is_higher(scaling: ModuleType) -> None:
    cost = scaling.Cost(50.0, 55.0, 130.0)
    stalls = {"seconds": 60, "rest_us": 45.0, "stall_ms": 8.0, "stalls_per_s": 1.0}
    at = [scaling.simulate(cost, calls, **stalls)["late_share"] for calls in (50, 100, 180)]
    assert 0 < at[0] < at[2]
    assert at[1] < at[2]


def test_sizes_hold_the_calls_that_they_are_for(scaling: ModuleType) -> None:
    for row in scaling.sizes(120.0):
        assert row["audio_cores"] * scaling.per_core(120.0) >= row["calls"]
        assert row["servers"] * scaling.per_core(scaling.HANDLERS_US) >= row["calls"]
        assert row["cores"] > row["audio_cores"]


def test_the_page_has_the_tables_of_the_last_run(scaling: ModuleType) -> None:
    page = scaling.PAGE.read_text(encoding="utf-8")
    result = json.loads(scaling.RESULT.read_text(encoding="utf-8"))
    assert scaling.written(page, result) == page
    assert page.count("<!-- scaling:") == len(scaling.tables(result))


def test_what_the_page_says_of_a_pod_is_what_the_manifest_has(scaling: ModuleType) -> None:
    text = (ROOT / "deploy/kubernetes/deployment.yaml").read_text(encoding="utf-8")
    assert f'"--workers", "{scaling.AUDIO_CORES}"' in text
    assert '"--max-calls", "600"' in text
    assert scaling.per_core(scaling.HANDLERS_US) >= 600
