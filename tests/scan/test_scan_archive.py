"""Whole archives: two tables, whoever works; bad files; stopped, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from archives import RATE_HZ, person, voicemail, write_archive

from talkpath import wav
from talkpath.cli import main
from talkpath.errors import ConfigError

pq = pytest.importorskip("pyarrow.parquet", reason="the extra `scan` is not installed")
pytest.importorskip("rich", reason="the extra `cli` is not installed")
pytest.importorskip("soundfile", reason="the extra `scan` is not installed")

from talkpath.scan import archive, files, processes, work  # noqa: E402
from talkpath.scan.columns import CALLS, EVENTS, schema  # noqa: E402
from talkpath.scan.store import Store  # noqa: E402


def in_this_process(job, found, workers):
    """The engine without processes: quick, and it can be broken into."""
    yield from work.scan_files(job, found)


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "scan_by_processes", in_this_process)


def tables(out: Path):
    return pq.read_table(out), pq.read_table(out.with_suffix(".events.parquet"))


def run(folder: Path | str, out: Path | str, *more: str) -> int:
    return main(["scan", str(folder), "-o", str(out), *more])


@pytest.mark.realtime
def test_processes_make_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two processes and the command line; the table is in the order of the paths and says what the recordings say."""
    count = write_archive(tmp_path / "calls")
    assert run(tmp_path / "calls", tmp_path / "t.parquet", "--workers", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["scanned"], told["before"], told["skipped"]) == (count, count, 0, [])
    assert told["answered_by"]["machine"] == 4
    calls, events = tables(tmp_path / "t.parquet")
    assert calls.schema.equals(schema(CALLS))
    assert events.schema.equals(schema(EVENTS))
    paths = calls["path"].to_pylist()
    assert paths == sorted(paths) == sorted({*paths})
    assert paths[0] == "2024/machine-0.wav"
    assert "2024/may/call-3.WAV" in paths
    rows = {row["path"]: row for row in calls.to_pylist()}
    assert rows["person 1.wav"]["caller_keys"] == "42"
    assert rows["2024/may/call-0.WAV"]["sides"] == "two"
    beeps = [e["path"] for e in events.to_pylist() if e["event"] == "beep"]
    assert beeps == [f"2024/machine-{i}.wav" for i in range(4)]
    in_order = [(e["path"], e["start_ms"]) for e in events.to_pylist()]
    assert in_order == sorted(in_order)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calls", "t.events.parquet", "t.parquet"], "no part is left"


@pytest.mark.usefixtures("one_process")
def test_scanned_again_only_what_is_new_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    count = write_archive(folder)
    run(folder, out, "--json")
    first = out.read_bytes()
    run(folder, out, "--json")
    assert out.read_bytes() == first
    wav.write_wav(folder / "new.wav", voicemail(), RATE_HZ)
    wav.write_wav(folder / "person 0.wav", voicemail(), RATE_HZ)
    (folder / "person 1.wav").unlink()
    capsys.readouterr()
    assert run(folder, out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["scanned"], told["before"]) == (count, 2, count - 2)
    anew = tmp_path / "anew.parquet"
    run(folder, anew, "--json")
    assert [a.equals(b) for a, b in zip(tables(out), tables(anew), strict=True)] == [True, True]
    assert out.read_bytes() == anew.read_bytes(), "how it came about leaves no trace"


@pytest.mark.usefixtures("one_process")
def test_bad_files_are_skipped_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "calls"
    (folder / "locked").mkdir(parents=True)
    wav.write_wav(folder / "good.wav", person(), RATE_HZ)
    whole = (folder / "good.wav").read_bytes()
    (folder / "cut in its head.wav").write_bytes(whole[:30])
    (folder / "cut later.wav").write_bytes(whole[:20001])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.mp3").write_text("no sound at all, but a text " * 100)
    (folder / "random.flac").write_bytes(b"fLaC" + np.random.default_rng(1).bytes(5000))
    with (folder / "sparse.wav").open("wb") as file:
        file.truncate(2 << 30)
    with (folder / "sparse with a head.wav").open("wb") as file:
        file.write(whole[:4] + (0x7FFFFFFF).to_bytes(4, "little") + whole[8:40] + (0x7FFFFFD0).to_bytes(4, "little"))
        file.truncate(2 << 30)
    (folder / "notes.txt").write_text("nobody's business")
    links = hasattr(os, "mkfifo")
    if links:
        os.mkfifo(folder / "pipe.wav")
        (folder / "around.wav").symlink_to("about.wav")
        (folder / "about.wav").symlink_to("around.wav")
        (folder / "gone.wav").symlink_to("nowhere.wav")
        (folder / "same.wav").symlink_to("good.wav")
        (folder / "loop").symlink_to(folder, target_is_directory=True)
        (folder / "loop.wav").symlink_to(folder, target_is_directory=True)
    scandir = os.scandir

    def guarded(path):  # tests may run as root, to whom nothing is locked
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(files.os, "scandir", guarded)
    assert run(folder, tmp_path / "t.parquet", "--json") == 0
    skipped = {s["path"]: s["error"] for s in json.loads(capsys.readouterr().out)["skipped"]}
    calls, events = tables(tmp_path / "t.parquet")
    good = [row["path"] for row in calls.to_pylist() if row["error"] is None]
    assert good == ["cut later.wav", "good.wav"] + ["same.wav"] * links
    assert {e["path"] for e in events.to_pylist()} <= {*good}
    says = {
        "cut in its head.wav": "chunk", "empty.wav": "empty file", "text.mp3": "not a sound file", "random.flac": "",
        "sparse.wav": "zeros", "sparse with a head.wav": "longer than 12 h", "locked/": "folder cannot be read: Permission denied",
    }  # fmt: skip
    if links:
        says |= {
            "pipe.wav": "not a regular file",
            "gone.wav": "No such file",
            "around.wav": "symbolic links",
            "about.wav": "symbolic links",
        }
    assert skipped.keys() == says.keys()
    assert [path for path, words in says.items() if words not in skipped[path]] == []
    assert run(folder, tmp_path / "t.parquet", "--json", "--strict") == 1
    assert run(folder, tmp_path / "t.parquet") == 0
    assert "skipped" in capsys.readouterr().out.splitlines()[-1 - len(says) - 1]


@pytest.mark.skipif(sys.platform == "win32", reason="bytes are no names there")
@pytest.mark.usefixtures("one_process")
def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    wav.write_wav(tmp_path / "good.wav", person(), RATE_HZ)
    os.rename(tmp_path / "good.wav", os.fsencode(tmp_path / "calls") + b"/caf\xe9.wav")
    assert run(tmp_path / "calls", tmp_path / "t.parquet", "--json") == 0
    (row,) = tables(tmp_path / "t.parquet")[0].to_pylist()
    assert (row["path"], row["error"]) == ("caf\\xe9.wav", None)


def test_stopped_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C after five recordings: they are kept, the next scan does the others, and the table is as if nothing had been."""
    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    count = write_archive(folder)

    def stopped(job, found, workers):
        for number, done in enumerate(work.scan_files(job, found)):
            if number == 5:
                raise KeyboardInterrupt
            yield done

    monkeypatch.setattr(archive, "scan_by_processes", stopped)
    assert run(folder, out, "--json") == 130
    assert f"5 of {count} recordings are done" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setattr(archive, "scan_by_processes", in_this_process)
    assert run(folder, out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["scanned"] == count - 5
    run(folder, tmp_path / "anew.parquet", "--json")
    assert out.read_bytes() == (tmp_path / "anew.parquet").read_bytes()


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_killed_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the middle: its processes end too; what was written is not done again, and nothing is twice."""
    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    count = write_archive(folder)
    for i in range(150):
        wav.write_wav(folder / f"more-{i:03}.wav", voicemail(12.0), RATE_HZ)
    count += 150
    script = (
        "import sys; from talkpath.scan import archive; archive.PART_ROWS = 8; archive.PART_S = 1e9; from talkpath.cli import main\n"
        "if __name__ == '__main__': main(sys.argv[1:])"
    )
    (tmp_path / "scan.py").write_text(script)
    command = [
        sys.executable,
        str(tmp_path / "scan.py"),
        "scan",
        str(folder),
        "-o",
        str(out),
        "--workers",
        "2",
        "--json",
    ]
    scanning = subprocess.Popen(command)
    parts = tmp_path / "t.parquet.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*.calls.parquet"))) < 2 and scanning.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    children = _children(scanning.pid)
    scanning.kill()
    assert scanning.wait() == -signal.SIGKILL, "it was done before it could be killed"
    while any(_is_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(_is_alive(child) for child in children), "its processes live on"
    kept = sum(pq.read_table(part, columns=["path"]).num_rows for part in parts.glob("*.calls.parquet"))
    assert 16 <= kept < count
    monkeypatch.setattr(archive, "scan_by_processes", in_this_process)
    assert run(folder, out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["scanned"] == count - kept
    calls, events = tables(out)
    assert calls["path"].to_pylist() == sorted(file.name for file in files.find(str(folder)))
    beeps = [e["path"] for e in events.to_pylist() if e["event"] == "beep"]
    assert len(beeps) == len({*beeps}) == 154


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def _is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _dies_on_it(pipe, job) -> None:
    """A worker that a file called killer.wav kills."""
    scan_files = work.scan_files

    def deadly(job, found):
        for file in found:
            if file.name == "killer.wav":
                os.kill(os.getpid(), signal.SIGKILL)
            yield from scan_files(job, [file])

    processes.scan_files = deadly
    _SERVE(pipe, job)


_SERVE = processes._serve


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_a_file_that_kills_its_process_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are done, also those that the dead process had been given."""
    folder = tmp_path / "calls"
    write_archive(folder)
    wav.write_wav(folder / "killer.wav", person(), RATE_HZ)
    monkeypatch.setattr(processes, "_serve", _dies_on_it)
    summary = archive.scan(work.Job(str(folder)), str(tmp_path / "t.parquet"), workers=1)
    assert summary.skipped == [{"path": "killer.wav", "error": "the process that read it died (SIGKILL)"}]
    assert (summary.files, summary.scanned) == (13, 13)


@pytest.mark.realtime
def test_processes_that_do_not_start(tmp_path: Path) -> None:
    """It is said once, and no file is blamed for it."""
    write_archive(tmp_path / "calls")
    out = tmp_path / "t.parquet"
    script = (
        "import sys; from talkpath.cli import main\n"
        "if __name__ != '__main__': sys.exit(3)  # as which a process imports it\n"
        f"sys.exit(main(['scan', {str(tmp_path / 'calls')!r}, '-o', {str(out)!r}]))\n"
    )
    (tmp_path / "scan.py").write_text(script)
    done = subprocess.run([sys.executable, str(tmp_path / "scan.py")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "talkpath scan: the scanning processes do not start (exit status 3)\n")
    assert not out.exists()
    assert not out.with_name("t.parquet.parts").exists()


def test_troubles_with_names_that_are_no_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_):
        raise RuntimeError("cannot read caf\udce9.mp3")

    monkeypatch.setattr(work, "scan_recording", broken)
    (done,) = work.scan_files(work.Job("."), [files.Found("caf\\xe9.mp3", "caf\udce9.mp3", 1, 1)])
    assert done.row["error"] == "RuntimeError: cannot read caf\\udce9.mp3"


@pytest.mark.usefixtures("one_process")
def test_other_peoples_tables_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa

    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    write_archive(folder)
    pq.write_table(pa.table({"a": [1]}), out)
    assert run(folder, out) == run(folder, out, "--fresh") == 2
    assert "was not written by talkpath scan" in capsys.readouterr().err
    out.unlink()
    assert run(folder, out) == 0
    assert run(folder, out, "--channels", "mixed") == 2
    assert "channels 'auto', not 'mixed'" in capsys.readouterr().err
    assert run(folder, out, "--channels", "mixed", "--fresh") == 0
    assert {row["sides"] for row in tables(out)[0].to_pylist()} == {"one"}


@pytest.mark.usefixtures("one_process")
def test_pyarrows_file_systems(tmp_path: Path) -> None:
    """URIs, in and out: the same table."""
    import soundfile

    folder = tmp_path / "calls"
    write_archive(folder)
    soundfile.write(folder / "machine.flac", voicemail(), RATE_HZ)
    soundfile.write(folder / "gsm.wav", voicemail(), RATE_HZ, subtype="GSM610")
    (folder / "bad.wav").write_bytes(b"")
    assert run(folder, tmp_path / "t.parquet", "--json") == 0
    assert [row["path"] for row in tables(tmp_path / "t.parquet")[0].to_pylist() if row["error"]] == ["bad.wav"]
    assert run(folder.as_uri(), (tmp_path / "u.parquet").as_uri(), "--json") == 0
    assert [
        a.equals(b) for a, b in zip(tables(tmp_path / "t.parquet"), tables(tmp_path / "u.parquet"), strict=True)
    ] == [True, True]


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("table", ["t.events.parquet", "t.parquet"])
def test_a_full_disk_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the two tables, or before them, of a second scan: the next one puts both together, and does nothing again."""
    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    count = write_archive(folder)
    run(folder, out, "--json")
    wav.write_wav(folder / "person 0.wav", voicemail(), RATE_HZ)  # other events than before
    (folder / "person 1.wav").unlink()
    write = Store._write

    def full(self, path, columns, given):
        if path == str(tmp_path / table):
            raise OSError(28, "No space left on device")
        write(self, path, columns, given)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_write", full)
        assert run(folder, out, "--json") == 1
        assert "No space left on device" in capsys.readouterr().err
    assert run(folder, out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["scanned"], told["before"]) == (0, count - 1)
    run(folder, tmp_path / "anew.parquet", "--json")
    assert [a.equals(b) for a, b in zip(tables(out), tables(tmp_path / "anew.parquet"), strict=True)] == [True, True]


@pytest.mark.usefixtures("one_process")
def test_two_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is refused while the first writes, and not any more when that has ended."""
    pytest.importorskip("fcntl", reason="no locks of this kind here")
    folder, out = tmp_path / "calls", tmp_path / "t.parquet"
    write_archive(folder)
    first = Store(str(out), work.Job(str(folder)))
    first.load(files.find(str(folder)))
    for more in ([], ["--fresh"]):
        assert run(folder, out, *more) == 2
        assert "is being written by another scan" in capsys.readouterr().err
    first.close()
    assert run(folder, out) == 0
    assert not (tmp_path / "t.parquet.parts").exists()


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "missing", tmp_path / "t.parquet") == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert run(tmp_path, tmp_path / "t.csv") == 2
    assert "must end with .parquet" in capsys.readouterr().err
    assert run("nonsense://bucket/calls", tmp_path / "t.parquet") == 2
    with pytest.raises(ConfigError, match="engine must be one of"):
        archive.scan(work.Job(str(tmp_path)), str(tmp_path / "t.parquet"), engine="threads")
    with pytest.raises(SystemExit) as left:
        run(tmp_path, tmp_path / "t.parquet", "--workers", "none")
    assert left.value.code == 2


@pytest.mark.usefixtures("one_process")
def test_an_empty_folder_and_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "calls").mkdir()
    assert run(tmp_path / "calls", tmp_path / "t.parquet") == 0
    assert [t.num_rows for t in tables(tmp_path / "t.parquet")] == [0, 0]
    wav.write_wav(tmp_path / "one.sound", person(), RATE_HZ)
    assert run(tmp_path / "one.sound", tmp_path / "one.parquet") == 0
    assert tables(tmp_path / "one.parquet")[0]["path"].to_pylist() == ["one.sound"]
    capsys.readouterr()
