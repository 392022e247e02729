"""An object store, in and out: moto's, in this process."""

from pathlib import Path

import pytest
from archives import write_archive

fs = pytest.importorskip("pyarrow.fs", reason="the extra `scan` is not installed")
moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
pytest.importorskip("soundfile", reason="the extra `scan` is not installed")

import pyarrow.parquet as pq  # noqa: E402

from talkpath.scan import archive, work  # noqa: E402


def in_this_process(job, found, workers):
    yield from work.scan_files(job, found)


@pytest.mark.realtime
def test_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scanned, stopped, gone on with and scanned again; the secret of the URI is nowhere in the table."""
    folder = tmp_path / "calls"
    count = write_archive(folder)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
        store = fs.S3FileSystem(access_key="key", secret_key="secret", endpoint_override=f"{host}:{port}", scheme="http",
                                region="us-east-1", allow_bucket_creation=True)  # fmt: skip
        store.create_dir("archive")
        fs.copy_files(
            str(folder), "archive/calls", source_filesystem=fs.LocalFileSystem(), destination_filesystem=store
        )
        job = work.Job(f"s3://key:secret@archive/calls?{options}")
        out = f"s3://key:secret@archive/tables/calls.parquet?{options}"

        def stopped(job, found, workers):
            yield from work.scan_files(job, found[:5])
            raise KeyboardInterrupt

        monkeypatch.setattr(archive, "scan_by_processes", stopped)
        with pytest.raises(archive.Interrupted):
            archive.scan(job, out)
        monkeypatch.setattr(archive, "scan_by_processes", in_this_process)
        assert archive.scan(job, out).scanned == count - 5
        assert archive.scan(job, out).scanned == 0
        found = store.get_file_info(fs.FileSelector("archive/tables", recursive=True))
        assert sorted(info.base_name for info in found) == ["calls.events.parquet", "calls.parquet"]
        archive.scan(work.Job(str(folder)), str(tmp_path / "calls.parquet"))
        for name in ("calls.parquet", "calls.events.parquet"):
            with store.open_input_file(f"archive/tables/{name}") as file:
                there = pq.read_table(file)
            here = pq.read_table(tmp_path / name)
            names = [column for column in here.column_names if column != "modified_ns"]
            assert there.select(names).equals(here.select(names))
            assert b"secret" not in there.schema.metadata[b"talkpath.scan"]
    finally:
        server.stop()
