"""Benchmarks: `make bench`. The header names the machine; times are comparable within one run only."""

import os
import platform
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

RING_SAMPLES = 512 * 160  # different frames in turn: one fixed frame lets the branch predictor learn it


def cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("benchmarks need pytest-benchmark, which `make bench` installs")


def pytest_report_header(config: pytest.Config) -> str:
    from talkpath._core import _simd_name

    return (
        f"machine: {cpu_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, talkpath variant {_simd_name()}"
    )


@pytest.fixture
def speech_ring() -> Callable[[int], Iterator[np.ndarray]]:
    """f(n): an endless ring of different n-sample int16 frames with speech-like (Laplacian) amplitudes."""

    def ring(n: int) -> Iterator[np.ndarray]:
        noise = np.random.default_rng(1).laplace(0, 1500, (max(2, RING_SAMPLES // n), n))
        return cycle(list(np.clip(noise, -32768, 32767).astype(np.int16)))

    return ring


def trimmed_mean(times: np.ndarray) -> float:
    """Without the slowest half per cent, in which the machine did something else."""
    return float(np.sort(times)[: max(1, int(len(times) * 0.995))].mean())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Medians, means and 99th percentiles in µs, and each row's mean as a multiple of its group's first talkpath row.

    Means, because some peers do nothing in most calls and everything in a few.
    """
    terminalreporter.write_line(pytest_report_header(config))
    groups: dict[str, list[tuple[str, np.ndarray]]] = {}
    for result in config._benchmarksession.benchmarks:
        if result.stats.data:
            groups.setdefault(result.group or "", []).append((result.name, np.array(result.stats.data) * 1e6))
    for group, rows in groups.items():
        rows.sort(key=lambda row: trimmed_mean(row[1]))
        ours = next((trimmed_mean(times) for name, times in rows if "talkpath" in name), trimmed_mean(rows[0][1]))
        terminalreporter.write_line(f"\n{group or 'others':50} {'median µs':>10} {'mean':>10} {'p99':>10} {'ratio':>7}")
        for name, times in rows:
            mean, p99 = trimmed_mean(times), np.percentile(times, 99)
            terminalreporter.write_line(
                f"  {name:48} {np.median(times):10.2f} {mean:10.2f} {p99:10.2f} {mean / ours:7.2f}"
            )
