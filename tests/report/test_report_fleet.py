"""Many calls: the worst first, spreads, links, what could not be read; two side by side."""

import json
import re

import numpy as np
import pytest
from planted import TALK, Planted, said, silent

from talkpath.cli import main
from talkpath.report import Listed, read_call, render_fleet, report_of

pytest.importorskip("jinja2", reason="the extra `report` is not installed")
pytest.importorskip("soundfile", reason="the extra `report` is not installed")


def rows_of(page: str, caption: str) -> list[list[str]]:
    """The cells of a table, without tags."""
    table = re.search(rf'<caption id="{caption}">.*?<tbody>(.*?)</tbody>', page, re.S)[1]
    return [[" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.S)]
            for row in re.findall("<tr>(.*?)</tr>", table, re.S)]  # fmt: skip


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    short = TALK[: 8000 * 8]
    found = []
    for name, line in (
        ("a good one", "clean,noise_dbov=-66"),
        ("echo", "clean,echo_db=-12,echo_delay_ms=180,noise_dbov=-66"),
        ("low", "clean,gain_db=-20,noise_dbov=-72"),
        ("noisy", "clean,noise_dbov=-46"),
        ("another good one", "clean,noise_dbov=-66"),
    ):
        x = Planted(folder / f"{name}.log", line=line)
        x.greet()
        found.append(x.run(short))
    return found


def test_a_folder_of_pages(logs, tmp_path, capsys):
    (tmp_path / "broken.log").write_bytes(b"talkpath log 1\nnothing")
    out = tmp_path / "out"
    assert main(["report", *map(str, logs), str(tmp_path / "broken.log"), "-o", str(out), "--no-audio"]) == 1
    assert "broken log" in capsys.readouterr().err
    page = (out / "index.html").read_text(encoding="utf-8")
    rows = rows_of(page, "calls")
    assert {rows[0][0], rows[1][0]} == {"echo.log", "low.log"}
    assert [row[0] for row in rows[2:]] == ["noisy.log", "a good one.log", "another good one.log"]
    assert [row[1] for row in rows] == ["✕ bad", "✕ bad", "! look", "✓ good", "✓ good"]
    assert rows_of(page, "unread")[0][0] == "broken.log"
    for link in re.findall(r'<th scope="row"><a href="([^"]+)"', page):
        assert (out / link.replace("%20", " ")).exists()
    assert "Side by side" not in page
    assert page.count("<svg") >= 4
    assert not re.findall(r"https?://|<script", page)


def test_the_same_twice_in_any_order(logs):
    listed = [Listed(report_of(read_call(log))) for log in logs]
    assert render_fleet(listed) == render_fleet(listed[::-1])


def test_two_side_by_side(logs, tmp_path):
    assert main(["report", str(logs[0]), str(logs[1]), "-o", str(tmp_path), "--no-audio"]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    strips = re.findall(r'<figure class="strip">(.*?)</figure>', page, re.S)
    assert [re.findall('class="(caller|agent)"', strip) for strip in strips] == [
        ["caller", "caller", "agent", "agent"]
    ] * 2
    rows = {row[0]: row[1:] for row in rows_of(page, "beside")}
    assert rows["Echo return loss"][0] == "–"
    assert rows["Echo return loss"][1].startswith("✕ 1")
    assert rows["Turns"] == ["1", "1", "the same"]
    assert list(rows).index("Echo return loss") < list(rows).index("Turns")


def test_numbers_of_many(logs, capsys):
    assert main(["report", str(logs[0]), str(logs[1]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found] == ["a good one.log", "echo.log"]


def test_names_that_meet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = np.concatenate([silent(1), said(1), silent(1)])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Planted(tmp_path / folder / "index.log").run(words)
    assert main(["report", "a/index.log", "b/index.log", "--no-audio"]) == 0
    assert sorted(p.name for p in (tmp_path / "reports").iterdir()) == ["index-2.html", "index-3.html", "index.html"]
