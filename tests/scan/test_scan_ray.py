"""The same tables from a Ray cluster of two workers on this machine."""

from pathlib import Path

import pytest
from archives import RATE_HZ, person, write_archive

from talkpath import wav

pq = pytest.importorskip("pyarrow.parquet", reason="the extra `scan` is not installed")
pytest.importorskip("ray", reason="the extra `ray` is not installed")

from talkpath.scan import archive, ray_engine, work  # noqa: E402


@pytest.mark.slow
def test_ray_makes_the_same_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "calls"
    count = write_archive(folder)
    (folder / "bad.wav").write_bytes(b"")
    for i in range(20):
        wav.write_wav(folder / f"more-{i}.wav", person(6.0 + 0.1 * i), RATE_HZ)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray_engine, "TASK_FILES", 5)
    by_ray = archive.scan(work.Job(str(folder)), str(tmp_path / "ray.parquet"), engine="ray", workers=2)
    by_processes = archive.scan(work.Job(str(folder)), str(tmp_path / "here.parquet"), workers=2)
    assert by_ray.scanned == by_processes.scanned == count + 21
    assert by_ray.skipped == by_processes.skipped == [{"path": "bad.wav", "error": "empty file"}]
    for name in ("{}.parquet", "{}.events.parquet"):
        ours, theirs = (pq.read_table(tmp_path / name.format(which)) for which in ("ray", "here"))
        assert ours.equals(theirs)
        assert ours.num_rows > count
        assert (tmp_path / name.format("ray")).read_bytes() == (tmp_path / name.format("here")).read_bytes()
