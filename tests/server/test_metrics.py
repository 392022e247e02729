"""What is measured, added over processes, and said in Prometheus' format."""

import json
import pickle
import re
import sys
from dataclasses import asdict, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkpath.server.admission import CAUSES
from talkpath.server.metrics import (
    CONTENT_TYPE,
    EDGES_S,
    REASONS,
    Metrics,
    Snapshot,
    merged,
    reason_class,
    render,
)
from talkpath.server.results import Counters
from talkpath.server.usage import process_usage
from talkpath.streams import DIALECTS

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="[a-z0-9_.+A-Z]*",?)*)\})? ([0-9.e+-]+|\+Inf)')


def page(*snapshots: Snapshot) -> dict[str, float]:
    """Name with labels: value; every line is checked against the grammar."""
    text = render(merged(snapshots))
    assert text.endswith("\n")
    found: dict[str, float] = {}
    family = kind = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in found
            assert line.split(" ", 3)[3].endswith(".")
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family
            kind = line.split(" ")[3]
            assert kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == family.endswith("_total")
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1].startswith(f"{family}_" if kind == "histogram" else family)
            key = line.rpartition(" ")[0]
            assert key not in found
            found[key] = float(match[3])
    return found


def test_an_empty_page() -> None:
    found = page(Metrics().snapshot())
    assert found["talkpath_calls"] == 0
    assert found["talkpath_processes"] == 1
    assert found['talkpath_tick_lateness_seconds_bucket{le="+Inf"}'] == 0
    assert not [key for key in found if "dialect=" in key]
    assert {f'talkpath_requests_refused_total{{cause="{c}"}}' for c in CAUSES} <= set(found)
    assert "version=0.0.4" in CONTENT_TYPE


def test_calls() -> None:
    metrics = Metrics()
    for dialect in ("plivo", "plivo", "twilio", "no such dialect\n"):
        metrics.observe_call_begin(dialect)
    metrics.observe_call_end(Counters(sent=50, received=49, lost=3), "plivo", "hangup")
    metrics.observe_call_end(Counters(sent=10), "plivo", "ValueError: what a user's code said")
    metrics.observe_call_end(Counters(malformed=7), "", "no start")
    metrics.observe_refusal("full")
    found = page(metrics.snapshot(calls=2, max_calls=500, unsent_s=0.04, cpu_s=1.25, memory_bytes=10_000_000))
    assert found['talkpath_calls_begun_total{dialect="plivo"}'] == 2
    assert found['talkpath_calls_begun_total{dialect="twilio"}'] == 1
    assert found['talkpath_calls_begun_total{dialect="unknown"}'] == 1
    assert found['talkpath_calls_ended_total{dialect="plivo",reason="hangup"}'] == 1
    assert found['talkpath_calls_ended_total{dialect="plivo",reason="failed"}'] == 1
    assert found['talkpath_calls_ended_total{dialect="unknown",reason="no_start"}'] == 1
    assert found['talkpath_requests_refused_total{cause="full"}'] == 1
    assert found["talkpath_frames_sent_total"] == 60
    assert found["talkpath_frames_received_total"] == 49
    assert found["talkpath_messages_lost_total"] == 3
    assert found["talkpath_messages_malformed_total"] == 7
    assert found["talkpath_calls"] == 2
    assert found["talkpath_calls_limit"] == 500
    assert found["talkpath_unsent_audio_seconds"] == 0.04
    assert found["talkpath_cpu_seconds_total"] == 1.25
    assert found["talkpath_resident_memory_bytes"] == 10_000_000


def test_each_counter_has_its_own_metric() -> None:
    names = [field.name for field in fields(Counters)]
    before = page(Metrics().snapshot())
    changed = set()
    for name in names:
        metrics = Metrics()
        metrics.observe_call_end(Counters(**{name: 5}), "exotel", "idle")
        after = page(metrics.snapshot())
        mine = {key for key in before if after[key] != before[key]}
        assert [after[key] for key in mine] == [5]
        changed |= mine
    assert len(changed) == len(names)


def test_a_call_counts_before_its_end_and_once() -> None:
    metrics = Metrics()
    counters = Counters(sent=100)
    assert page(metrics.snapshot(live=[counters]))["talkpath_frames_sent_total"] == 100
    assert page(metrics.snapshot(live=[counters]))["talkpath_frames_sent_total"] == 100
    counters.sent = 120
    metrics.observe_call_end(counters, "plivo", "hangup")
    assert page(metrics.snapshot())["talkpath_frames_sent_total"] == 120


@pytest.mark.parametrize(
    ("lateness_s", "le"),
    [(-1e-6, "0.001"), (0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.002"), (0.06, "0.06"), (0.0601, "+Inf"), (9.0, "+Inf")],
)  # fmt: skip
def test_buckets(lateness_s: float, le: str) -> None:
    metrics = Metrics()
    metrics.observe_tick(lateness_s, 3)
    metrics.observe_exchange(lateness_s)
    found = page(metrics.snapshot())
    edges = [*map(str, EDGES_S), "+Inf"]
    for name, count in (("tick_lateness", 3), ("exchange", 1)):
        buckets = [found[f'talkpath_{name}_seconds_bucket{{le="{edge}"}}'] for edge in edges]
        assert buckets == [count * (i >= edges.index(le)) for i in range(len(edges))]
        assert found[f"talkpath_{name}_seconds_count"] == count
    assert found["talkpath_tick_lateness_seconds_sum"] == pytest.approx(3 * max(0, lateness_s))


def test_the_buckets_that_are_promised() -> None:
    assert [round(1000 * edge) for edge in EDGES_S] == [1, 2, 5, 10, 20, 60]


# --- several processes ------------------------------------------------------------------------------------------------------

OBSERVATIONS = st.lists(
    st.tuples(st.just("tick"), st.floats(0, 1), st.integers(1, 200))
    | st.tuples(st.just("begin"), st.sampled_from([*DIALECTS, "x"]))
    | st.tuples(st.just("end"), st.sampled_from([*DIALECTS, "x"]), st.text(max_size=5), st.integers(0, 9))
    | st.tuples(st.just("refusal"), st.sampled_from(CAUSES)),
    max_size=30,
)


def observe(metrics: Metrics, observations: list) -> None:
    for kind, *values in observations:
        match kind:
            case "tick":
                metrics.observe_tick(*values)
            case "begin":
                metrics.observe_call_begin(*values)
            case "end":
                metrics.observe_call_end(Counters(sent=values[2], late=1), values[0], values[1])
            case _:
                metrics.observe_refusal(*values)


@settings(max_examples=50, deadline=None)
@given(st.lists(OBSERVATIONS, min_size=1, max_size=4))
def test_processes_add_up(parts: list[list]) -> None:
    """The page of several processes is that of one which saw everything."""
    one = Metrics()
    snapshots = []
    for part in parts:
        metrics = Metrics()
        observe(metrics, part)
        observe(one, part)
        carried = pickle.loads(pickle.dumps(metrics.snapshot(calls=2, max_calls=9)))
        snapshots.append(Snapshot(json.loads(json.dumps(carried.values))))
    total, whole = page(*snapshots), page(one.snapshot(calls=2 * len(parts), max_calls=9))
    assert total.pop("talkpath_processes") == len(parts)
    assert whole.pop("talkpath_processes") == 1
    assert total == pytest.approx(whole, abs=1e-5)


def test_what_is_left_of_a_process_that_is_gone() -> None:
    metrics = Metrics()
    observe(metrics, [("begin", "plivo"), ("tick", 0.003, 5), ("end", "plivo", "idle", 9)])
    snapshot = metrics.snapshot(calls=4, max_calls=9, cpu_s=2.0, memory_bytes=77, draining=True, unsent_s=1.0)
    before, after = page(snapshot), page(snapshot.ended())
    zero = {"processes", "processes_draining", "calls", "calls_limit", "resident_memory_bytes", "unsent_audio_seconds"}
    for key in before:
        assert after[key] == (0 if key.removeprefix("talkpath_") in zero else before[key])
    assert page(snapshot.ended(), Metrics().snapshot())["talkpath_cpu_seconds_total"] == 2.0


def test_a_snapshot_of_another_version() -> None:
    with pytest.raises(ValueError, match="numbers"):
        Snapshot((1, 2, 3))


def test_a_snapshot_does_not_change() -> None:
    metrics = Metrics()
    before = metrics.snapshot()
    observe(metrics, [("tick", 0.1, 1), ("refusal", "path")])
    assert before == Metrics().snapshot() != metrics.snapshot()


# --- labels -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("hangup", "hangup"),
        ("connection closed", "closed"),
        ("idle", "idle"),
        ("no start", "no_start"),
        ("a message is too long", "too_long"),
        ("the client does not read", "unread"),
        ("the server stops", "server_stops"),
        ("stop", "stop"),
        ("callended", "stop"),
        ("ZeroDivisionError: division by zero", "failed"),
        ("ConfigError", "failed"),
        ("codec opus is not known", "other"),
        ("this is no Error: really", "other"),
        ("", "other"),
        ('"} 1\n', "other"),
    ],
)
def test_reasons(reason: str, expected: str) -> None:
    assert reason_class(reason) == expected
    assert expected in REASONS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
def test_labels_are_of_a_fixed_set(ends: list[tuple[str, str]]) -> None:
    metrics = Metrics()
    for dialect, reason in ends:
        metrics.observe_call_begin(dialect)
        metrics.observe_call_end(Counters(), dialect, reason)
    snapshot = metrics.snapshot()
    assert len(snapshot.values) == len(Snapshot().values)
    ended = [v for k, v in page(snapshot).items() if k.startswith("talkpath_calls_ended_total")]
    assert sum(ended) == len(ends)


def test_prometheus_reads_it() -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="PyPI's prometheus_client is not installed")
    metrics = Metrics()
    observe(metrics, [("begin", "plivo"), ("tick", 0.003, 5), ("end", "plivo", "idle", 9), ("refusal", "full")])
    snapshot = metrics.snapshot(calls=1, cpu_s=1e-6)
    theirs = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(render(snapshot))
        for sample in family.samples
    }
    ours = {}
    for key, value in page(snapshot).items():
        name, _, labels = key.rstrip("}").partition("{")
        pairs = [tuple(pair.replace('"', "").split("=")) for pair in labels.split(",") if pair]
        ours[(name, *sorted(pairs))] = value
    assert theirs == ours


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is said there")
def test_what_this_process_uses() -> None:
    cpu_s, memory_bytes = process_usage()
    sum(range(3_000_000))
    later_s, _ = process_usage()
    assert later_s > cpu_s > 0
    assert 1_000_000 < memory_bytes < 1 << 40


def test_every_counter_is_explained() -> None:
    """`Counters` may get new fields: each needs a line of help."""
    from talkpath.server.metrics import _HELP

    assert set(_HELP) == set(asdict(Counters()))
