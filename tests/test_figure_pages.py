"""README's tables, docs/benchmarks and docs/quality.md are what `make bench` and `make quality` measured, word for word."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytest.importorskip("soundfile", reason="soundfile is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")
sys.path.insert(0, str(ROOT / "bench"))
import figure_pages


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return figure_pages.measured()


@pytest.mark.parametrize("page", figure_pages.MARKED)
def test_tables_are_the_measured_ones(page: str, found: dict[str, Any]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    asked = re.findall(r"<!-- figures:(\w+) -->", text)
    assert {"quality", "cost", "kernels"} <= set(asked)
    assert figure_pages.marked(text, found) == text, "run python bench/figure_pages.py"


@pytest.mark.parametrize("page", figure_pages.WHOLE)
def test_pages_are_the_measured_ones(page: str, found: dict[str, Any]) -> None:
    assert figure_pages.WHOLE[page](found) == (ROOT / page).read_text(encoding="utf-8"), (
        "run python bench/figure_pages.py"
    )


def test_a_changed_figure_changes_readme(found: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (
        ("speed", "call", "scenes", 0, "mean_us"),
        ("quality", "keys", "rows", 0, "false"),
        ("quality", "beeps", "found"),
    ):
        other = json.loads(json.dumps(found))
        inner = other
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] += 1234.5
        assert figure_pages.marked(text, other) != text, path


def test_every_peer_is_named(found: dict[str, Any]) -> None:
    """Measured or skipped, the page says of each."""
    import peers_here

    page = (ROOT / "docs/benchmarks/README.md").read_text(encoding="utf-8")
    assert list(found["speed"]["peers"]) == list(peers_here.PEERS)
    assert all(f"| {name} |" in page for name in peers_here.PEERS)


def test_readme_takes_kernels_that_were_measured(found: dict[str, Any]) -> None:
    import speed_tables

    assert all(group in found["speed"]["kernels"] for _, _, groups in speed_tables.KERNELS for group in groups)


def test_no_figure_falls_below_its_floor(found: dict[str, Any]) -> None:
    """The limits that the project has set itself, as measured last."""
    quality = found["quality"]
    ours = {part: next(row for row in quality[part]["rows"] if row["who"] == "talkpath") for part in ("answer", "keys")}
    assert ours["answer"]["balanced"] >= 0.97
    assert ours["answer"]["silence_s"] <= 0.95
    assert quality["beeps"]["found"] >= 0.97
    assert ours["keys"]["accept"] == ours["keys"]["accept_of"]
    assert ours["keys"]["reject"] == ours["keys"]["reject_of"]
    assert quality["beeps"]["false"]["speech"]["alarms"] == ours["keys"]["false"] == 0
    for row in quality["interruptions"]["rows"]:
        if row["who"] == "talkpath":
            # Floors, not goals: of 400 lines with an echo 93.8 % at 100 ms, where 94 are wanted. An engine that falls below has lost something.
            assert row["echo"]["right"] >= 0.93, row
            assert row["no_echo"]["right"] >= 0.975, row


# --- the measuring itself -------------------------------------------------------------------------------------------------------------


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_quality_is_measured(tmp_path: Path) -> None:
    """A little of the parts that need neither a judge nor long calls; the same figures a second time."""
    from quality import material

    if not material.agents():
        pytest.skip("no voice: neither Hibari nor flite nor Asterisk's prompts are installed")
    for folder in ("a", "b"):
        run(
            "bench/quality/run.py",
            "--quick",
            "--parts",
            "keys,beeps",
            "--jobs",
            "1",
            "--folder",
            str(tmp_path / folder),
        )
    a, b = (json.loads((tmp_path / folder / "quality.json").read_text(encoding="utf-8")) for folder in ("a", "b"))
    assert a["keys"] == b["keys"]
    assert a["beeps"] == b["beeps"]
    ours = next(row for row in a["keys"]["rows"] if row["who"] == "talkpath")
    assert ours["accept"] == ours["accept_of"]
    assert ours["failed"] == []
    assert a["beeps"]["found"] == 1.0


@pytest.mark.slow
def test_speed_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
    run("bench/speed.py", "--quick", "--folder", str(tmp_path))
    speed = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    page = figure_pages.WHOLE["docs/benchmarks/README.md"]({"speed": speed})
    assert "| a line with echo |" in page
    assert "(not measured yet" not in page
