"""Benchmarks of kernels: `make bench` runs them with the call's. The header names the machine; times are comparable within one run only.

    python -m pytest bench/bench_vad.py                 # one of them
    python -m pytest bench --figures FILE               # and what was measured, as JSON

A row is talkpath's unless `benchmark.extra_info["peer"]` says whose.
"""

import json
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machine import described
from peers import Missing
from timing import figures

RING_SAMPLES = 512 * 160  # different frames in turn: one fixed frame lets the branch predictor learn it


def peer(make: Callable[..., Any], *arguments: Any) -> Any:
    """What `make` makes; the benchmark is skipped where that is not installed."""
    try:
        return make(*arguments)
    except Missing as why:
        pytest.skip(f"not installed: {why}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="write what was measured there, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("benchmarks need pytest-benchmark, which `make bench` installs")


def pytest_report_header(config: pytest.Config) -> str:
    return f"machine: {described()}"


@pytest.fixture
def speech_ring() -> Callable[[int], Iterator[np.ndarray]]:
    """f(n): an endless ring of different n-sample int16 frames with speech-like (Laplacian) amplitudes."""

    def ring(n: int) -> Iterator[np.ndarray]:
        noise = np.random.default_rng(1).laplace(0, 1500, (max(2, RING_SAMPLES // n), n))
        return cycle(list(np.clip(noise, -32768, 32767).astype(np.int16)))

    return ring


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Medians, means and 99th percentiles in µs, and each row's mean as a multiple of its group's first talkpath row."""
    terminalreporter.write_line(pytest_report_header(config))
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in config._benchmarksession.benchmarks:
        if result.stats.data:
            row = {"peer": result.extra_info.get("peer", "talkpath"), **figures(np.array(result.stats.data) * 1e6)}
            groups.setdefault(result.group or "others", []).append(row)
    for group, rows in groups.items():
        rows.sort(key=lambda row: (row["peer"] != "talkpath", not row["peer"].startswith("talkpath"), row["mean_us"]))
        terminalreporter.write_line(f"\n{group:50} {'median µs':>10} {'mean':>10} {'p99':>10} {'ratio':>7}")
        for row in rows:
            row["ratio"] = round(row["mean_us"] / rows[0]["mean_us"], 2) if rows[0]["mean_us"] else 0.0
            terminalreporter.write_line(
                f"  {row['peer']:48} {row['median_us']:10.2f} {row['mean_us']:10.2f} {row['p99_us']:10.2f} {row['ratio']:7.2f}"
            )
    path = config.getoption("--figures")
    if path:
        path.write_text(json.dumps(groups, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
