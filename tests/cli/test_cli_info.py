"""`talkpath info` and `talkpath bench`: complete, true, and the same as JSON."""

import json

import pytest
from conftest import CSRC

import talkpath
from talkpath._core import _simd_name
from talkpath.cli import bench_scenes, info, main

pytest.importorskip("rich", reason="the extra `cli` is not installed")
HEADERS = {p.stem for p in (CSRC / "include/talkpath").glob("*.h")} - {"talkpath"}


def test_info_has_every_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["talkpath"], told["variant"]) == (talkpath.__version__, _simd_name())
    assert {kernel["kernel"] for kernel in told["kernels"]} == HEADERS
    for kernel in told["kernels"]:
        assert (CSRC / kernel["family"] / f"{kernel['kernel']}.c").exists(), kernel
        assert len(kernel["what"]) > 20, kernel
        assert "(" not in kernel["what"].split(" ")[0], f"that is its signature: {kernel}"
    delays = {kernel["kernel"]: kernel["delay_ms"] for kernel in told["kernels"]}
    assert (delays["echo_canceller"], delays["call"], delays["g711"]) == (10.0, talkpath.CallPipeline().delay_ms, None)


def test_info_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert [kernel for kernel in HEADERS if kernel not in shown] == []
    assert _simd_name() in shown


def test_bench_measures_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Scenes with echo have one, others have none, and nobody is interrupted; how long that takes is the machine's business."""
    assert main(["bench", "--seconds", "0.1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["variant"] == _simd_name()
    assert [row["scene"] for row in told["scenes"]] == [scene.name for scene in bench_scenes.SCENES]
    for row, scene in zip(told["scenes"], bench_scenes.SCENES, strict=True):
        assert row["interruptions"] == 0, row
        assert row["median_us"] > 0
        assert row["calls_a_core"] > 0
        if scene.echo:
            assert row["echo_delay_ms"] == pytest.approx(bench_scenes.ECHO_MS, abs=40), row
        else:
            assert row["echo_delay_ms"] is None, row


def test_bench_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_scenes, "SCENES", bench_scenes.SCENES[:2])
    assert main(["bench", "--seconds", "0.1"]) == 0
    assert "a line without echo" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["bench", "--seconds", "0"])


def test_extras_are_those_of_the_package() -> None:
    import tomllib

    from conftest import ROOT

    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for package, extra in info.EXTRAS.items():
        assert any(requirement.split("[")[0].split(">")[0] == package for requirement in named[extra]), (package, extra)


def test_the_command_line_brings_in_what_a_command_needs() -> None:
    """`talkpath --version` answers before the phone, pyarrow or rich are there."""
    import subprocess
    import sys

    script = (
        "import sys, talkpath.cli; heavy = ('talkpath.phone', 'talkpath.scan', 'pyarrow', 'soundfile', 'ray', 'rich')\n"
        "sys.exit(', '.join(m for m in heavy if m in sys.modules) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stderr == ""
