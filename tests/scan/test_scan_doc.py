"""docs/scan.md: its tables of columns are the code's, and every question that it asks has an answer."""

import re
from pathlib import Path

import pytest
from archives import RATE_HZ, at, call_with_echo, voicemail, write_archive, write_stereo
from conftest import ROOT
from scenario import voice

import talkpath as tp
from talkpath import wav
from talkpath.scan.columns import CALLS, EVENTS

PAGE = (ROOT / "docs/scan.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) + re.findall(r'^duckdb -c "(.*)"$', PAGE, re.MULTILINE)


def test_columns_are_the_codes() -> None:
    for name, columns in (("CALLS", CALLS), ("EVENTS", EVENTS)):
        shown = PAGE.split(f"<!-- {name} -->\n\n")[1].split("\n\n")[0].splitlines()[2:]
        assert [line.rstrip() for line in shown if line] == [f"| `{c.name}` | {c.kind} | {c.says} |" for c in columns]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scanned archive in which everything that the page asks for happens."""
    pytest.importorskip("pyarrow", reason="the extra `scan` is not installed")
    from talkpath.scan import archive, work

    base = tmp_path_factory.mktemp("archive")
    calls = base / "recordings"
    write_archive(calls)
    write_stereo(calls / "echo.wav", call_with_echo())
    write_stereo(calls / "one-way.wav", [at(9.0, noise_dbov=-80.0), at(9.0, (0.5, voice(7000, seed=7)))])
    quiet = at(6.0, (1.0, voice(2000, seed=3, level=0.004)), noise_dbov=-75.0)
    wav.write_wav(calls / "quiet.wav", quiet, RATE_HZ)
    keys = [at(6.0, (2.0, tp.dtmf.generate("5"))), at(6.0, (0.5, voice(4000, seed=7)))]
    write_stereo(calls / "keys.wav", keys)
    (calls / "empty.wav").write_bytes(b"")
    wav.write_wav(calls / "no beep.wav", voicemail()[: 5 * RATE_HZ], RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:  # without processes: they have a test of their own
        patch.setattr(archive, "scan_by_processes", lambda job, found, workers: work.scan_files(job, found))
        archive.scan(work.Job(str(calls)), str(base / "calls.parquet"))
    return base


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_questions_have_answers(question: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    monkeypatch.chdir(folder)
    rows = duckdb.sql(question).fetchall()
    assert rows
    assert all(value is not None for value in rows[0]), rows[0]


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 9
