"""Sessions of the agent stack: one axis for what the engine and what the stack have told; what is left out; what is not there."""

import json
import shutil
import sqlite3

import pytest
from kept import ASKED, CALL, SESSION, WORDS, Folder, planted_session

from talkpath.cli import main
from talkpath.cli.report import _page_name
from talkpath.errors import FormatError
from talkpath.report import newest_sessions, read_session, render, report_of, without_words
from talkpath.report.page import unheard

pytest.importorskip("jinja2", reason="the extra `report` is not installed")
pytest.importorskip("soundfile", reason="the extra `report` is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return planted_session(tmp_path_factory.mktemp("stack") / "data").path


def test_words_lie_where_they_were_said(folder):
    """The stack's times are a wall clock's, and a stream's that is counted from the session: both come to lie on the call's axis."""
    report = report_of(read_session(folder, SESSION)).to_dict()
    said = report["session"]["said"]
    assert [s["text"] for s in said] == [
        "Hello there.",
        ASKED[0],
        WORDS["answer-1"],
        ASKED[1],
        WORDS["answer-2"],
        ASKED[2],
        WORDS["answer-3"],
    ]
    caller = [s["start_s"] for s in report["spans"]["caller"]]
    assert [s["at_s"] for s in said if s["who"] == "caller"] == pytest.approx(caller, abs=0.001)
    agent = [u["start_s"] for u in report["utterances"]]
    assert [s["at_s"] for s in said if s["who"] == "agent"] == pytest.approx(agent, abs=0.001)
    decided = [t["decided_s"] - 0.4 for t in report["turns"]]
    assert [t["at_s"] for t in report["session"]["turns"]] == pytest.approx(decided, abs=0.04)
    (tool,) = report["session"]["tools"]
    assert tool["at_s"] == pytest.approx(5.0, abs=0.02)
    assert [u["heard_text"] for u in report["utterances"]] == ["Hello there.", *WORDS.values()]
    assert report["keys"] == [
        {"at_s": 8.0, "digits": "4", "direction": "in", "is_twice": False}
    ]  # it came as a message


def test_who_was_slow(folder):
    report = report_of(read_session(folder, SESSION)).to_dict()
    rows = {row["name"]: row for row in report["health"]}
    assert (rows["llm"]["verdict"], rows["llm"]["value"]) == ("red", pytest.approx(2610))
    assert "openai gpt-4o" in rows["llm"]["detail"]
    assert rows["llm"]["at_s"] == pytest.approx(report["turns"][2]["decided_s"] - 0.4, abs=0.04)
    assert (rows["stt"]["verdict"], rows["tts"]["verdict"]) == ("green", "green")
    assert (rows["session_errors"]["verdict"], rows["tools_failed"]["verdict"]) == ("amber", "amber")
    assert rows["session_errors"]["at_s"] == pytest.approx(6.0, abs=0.02)
    assert report["verdict"] == "red"


def test_the_page(folder):
    material = read_session(folder, CALL)
    page = render(report_of(material), material)
    assert page == render(report_of(read_session(folder, SESSION)), read_session(folder, SESSION))
    for text in (*WORDS.values(), *ASKED, "Orders", "+15550100", "llm_error: the model said 4111", "Rumpelstiltskin"):
        assert text in page


@pytest.mark.parametrize("audio", [True, False])
def test_without_words(folder, audio):
    material = read_session(folder, SESSION)
    report = report_of(material)
    page = render(report, material, audio=audio, text=False)
    numbers = json.dumps(without_words(report).to_dict(), ensure_ascii=False)
    for text in (*WORDS.values(), *ASKED, "4111", "Rumpelstiltskin", "+15550100", '"digits": "4"'):
        assert text not in page
        assert text not in numbers
    assert "5550100" not in page
    assert "left out" in page
    assert without_words(report).session.turns[0].llm_ms == 900  # figures stay
    assert without_words(report).response_ms == report.response_ms


def test_the_sound_takes_the_words_with_it(folder, tmp_path, capsys):
    where = ["--data", str(folder)]
    assert main(["report", SESSION, *where, "--json"]) == 0
    assert "Your order" in capsys.readouterr().out
    for how in (["--no-audio"], ["--no-text"]):
        assert main(["report", SESSION, *where, *how, "--json", "-o", str(tmp_path / "a.html")]) == 0
        assert "Your order" not in capsys.readouterr().out
        assert "Your order" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert main(["report", SESSION, *where, "--no-audio", "--text", "-o", str(tmp_path / "b.html")]) == 0
    assert "Your order" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_where_the_folder_is(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKPATH_DATA", raising=False)
    assert main(["report", SESSION, "--json"]) == 1
    assert "--data names its folder" in capsys.readouterr().err
    monkeypatch.setenv("TALKPATH_DATA", str(folder))
    assert main(["report", SESSION, "--json"]) == 0
    monkeypatch.setenv("TALKPATH_DATA", "")
    (tmp_path / "stack.toml").write_text(f"data = '{folder}'\nport = 1\n", encoding="utf-8")
    assert main(["report", SESSION, "--config", "stack.toml", "--json"]) == 0
    assert main(["report", CALL, SESSION, "--data", str(folder), "-o", "out", "--no-audio"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{SESSION}.html",
        "call-7.html",
        "index.html",
    ]
    assert main(["report", "none.wav"]) == 1  # a file's name is no session's
    assert "none.wav" in capsys.readouterr().err
    assert _page_name("a", {"a.html"}) == "a-2.html"


def test_the_newest(folder, tmp_path, capsys):
    """A folder of pages, though there is but one; a call that has no sound is named, and why."""
    with sqlite3.connect(tmp_path / "talkpath.db") as db, sqlite3.connect(folder / "talkpath.db") as old:
        old.backup(db)
        row = list(db.execute("SELECT * FROM sessions").fetchone())
        row[0], row[3] = "newer", "nothing-of-it"
        row[9] = "2026-03-02T00:00:00.000Z"
        db.execute(f"INSERT INTO sessions VALUES ({', '.join('?' * len(row))})", row)
    shutil.copytree(folder / "logs", tmp_path / "logs")
    assert newest_sessions(tmp_path, 5) == ["newer", SESSION]
    assert newest_sessions(tmp_path, 1) == ["newer"]
    out = tmp_path / "out"
    assert main(["report", "--last", "2", "--data", str(tmp_path), "-o", str(out), "--no-audio"]) == 1
    assert sorted(path.name for path in out.iterdir()) == [f"{SESSION}.html", "index.html"]
    index = (out / "index.html").read_text(encoding="utf-8")
    assert "newer" in index
    assert "neither a log nor a recording" in index
    assert main(["report", "--data", str(tmp_path)]) == 2
    assert "--last" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", "--last", "0"])


def test_what_is_not_there(folder, tmp_path):
    with pytest.raises(FormatError, match=f"no session or call of that id .* the newest sessions are {SESSION}"):
        read_session(folder, "other")
    with pytest.raises(FormatError, match="no agent stack's database"):
        read_session(tmp_path, SESSION)
    (tmp_path / "talkpath.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(FormatError, match="not a database"):
        read_session(tmp_path, SESSION)
    empty = Folder(tmp_path / "empty")
    with pytest.raises(FormatError, match="TALKPATH_LOGS=1"):
        read_session(empty.path, SESSION)
    with sqlite3.connect(tmp_path / "empty" / "talkpath.db") as db:
        db.execute("UPDATE sessions SET record_url = 'http://me/recordings/gone.wav'")
    with pytest.raises(FormatError, match="neither a log nor a recording"):
        read_session(empty.path, SESSION)


def test_nothing_is_written(folder):
    before = (folder / "talkpath.db").read_bytes()
    read_session(folder / "talkpath.db", SESSION)
    assert (folder / "talkpath.db").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "heard", "rest"),
    [
        ("One two three.", "One two", "three."),
        ("One.", "One.", ""),
        ("One.", "", "One."),
        ("One.", None, ""),
        (None, None, ""),
    ],
)
def test_unheard(text, heard, rest):
    assert unheard(text, heard) == rest
