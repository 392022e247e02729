"""The guard against slow-downs: what is told of a table, and that a kernel which is made slower is caught."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import call_instructions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.json"
    path.write_text(
        json.dumps(
            {
                "compiler": call_instructions.compiler(),
                "wide": call_instructions.wide(),
                "instructions": {"a": 1000, "b": 1000},
            }
        )
    )
    return path


needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")


@needs_gcc
@pytest.mark.parametrize(
    ("found", "status", "told"),
    [
        ({"a": 1049, "b": 951}, 0, ""),
        ({"a": 1051, "b": 1000}, 1, "a: 1,051 instructions a frame, 1,000 were written down (+5.1 %)"),
        ({"a": 1000, "b": 949}, 0, "can be tightened"),
        ({"a": 1000, "c": 1}, 1, "c: not in table.json"),
    ],
)
def test_growth_fails_and_shrinkage_is_told(table: Path, capsys, found: dict[str, int], status: int, told: str) -> None:
    assert call_instructions.compared(found, table) == status
    assert told in capsys.readouterr().out


@needs_gcc
def test_another_compiler_is_not_compared(table: Path, capsys) -> None:
    table.write_text(json.dumps({**json.loads(table.read_text()), "compiler": "1.2.3"}))
    assert call_instructions.compared({"a": 9999}, table) == 0
    assert "not compared" in capsys.readouterr().out


def test_every_kernel_is_counted() -> None:
    """Each public header that is not the call's own is in the driver."""
    driver = (ROOT / "bench/kernel_instructions.c").read_text(encoding="utf-8")
    headers = {p.stem for p in (ROOT / "csrc/include/talkpath").glob("*.h")} - {"call", "talkpath"}
    table = json.loads((ROOT / "bench/kernel_instructions.json").read_text(encoding="utf-8"))["instructions"]
    named = re.findall(r'^    \{ "([^"]+)", ', driver, re.M)
    assert list(table) == named
    assert {name.split(",")[0].split()[0] for name in named} == headers


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("valgrind") or not shutil.which("gcc"), reason="valgrind or gcc is not installed")
def test_a_planted_slow_down_is_caught(tmp_path: Path) -> None:
    """A loop of nothing in the VAD: the guard ends with 1 and names it."""
    csrc = tmp_path / "csrc"
    shutil.copytree(ROOT / "csrc", csrc)
    source = csrc / "detect/vad.c"
    text, planted = re.subn(
        r"(?m)^(size_t tp_vad_process\([^)]*\)\n\{\n)",
        r"\1    for (volatile int waste = 0; waste < 1500; waste++)\n        continue;\n",
        source.read_text(encoding="utf-8"),
    )
    assert planted == 1
    source.write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / "bench/kernel_instructions.py"), "--only", "vad", "--csrc", str(csrc)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "not compared" in done.stdout:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^vad: .* were written down \(\+", done.stdout, re.M)
