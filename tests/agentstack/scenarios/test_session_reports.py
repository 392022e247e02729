"""`talkpath report SESSION`: a dialled call, its log and its recording, and the session's events, on one axis."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from client import AppSession
from standins import Reply, Rule, Tool

from scenarios.dialled import dialled
from scenarios.scene import GREETING, HANG_UP, LISTEN, Scene, tool
from scenarios.test_talk import LONG, spoken_s
from talkpath.cli import main
from talkpath.errors import FormatError
from talkpath.phone import InterruptAfter, Press, Say
from talkpath.report import read_session, report_of, without_words

STOP = "Stop that, please."


def in_words(said: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["who"], one["text"]) for one in said]


async def reports(scene: Scene, session: AppSession) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the call's log, and, as if there were none, of its recording."""
    data = scene.stack.server.data
    session_id = session.of("session.started")[0]["agent_session_id"]
    await scene.stack.callbacks.wait_for(scene.key, "recording")

    def read() -> tuple[dict[str, Any], dict[str, Any]]:
        found = report_of(read_session(data, session_id))
        assert read_session(data, session.call_uuid).name == session_id
        other = scene.stack.server.data.parent / f"{scene.key}-alone"
        (other / "recordings").mkdir(parents=True)
        with sqlite3.connect(data / "talkpath.db") as db, sqlite3.connect(other / "talkpath.db") as copy:
            db.backup(copy)
        with pytest.raises(FormatError, match="TALKPATH_LOGS=1"):
            read_session(other, session_id)
        name = db.execute("SELECT record_url FROM sessions WHERE agent_session_id = ?", (session_id,)).fetchone()[0]
        name = Path(name).name
        (other / "recordings" / name).write_bytes((data / "recordings" / name).read_bytes())
        alone = report_of(read_session(other, session_id))
        return found.to_dict(), alone.to_dict()

    return await asyncio.to_thread(read)


@dialled(quick=True)
async def test_a_session_is_explained(scene: Scene) -> None:
    """Question, tool, an answer that is cut, another; a key. Both sources agree on what was said, when, and what each turn took."""
    scene.hearing.texts = ["Where is my order?", STOP]
    scene.hearing.final_s = 0.12
    scene.chat.rules = [
        Rule("order", Reply(tools=[Tool("lookup_order", {"order_id": "ORD-100"})])),
        Rule("", Reply(LONG, ttft_s=0.25), on="tool"),
        Rule("stop", Reply("As you wish.", ttft_s=0.25)),
    ]
    scene.app.on["tool.called"] = lambda session, event: session.tool_result(event["id"], {"status": "shipped"})
    await scene.agent(
        llm={"tools": [tool("lookup_order", order_id="string")]}, events={"metrics_events": True}, prefill_cache=False,
        callbacks={"recording": scene.callback("recording")},
    )  # fmt: skip
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), InterruptAfter(2.0), Say(seconds=1.4), *LISTEN, Press("5"), *LISTEN[1:], HANG_UP
    )
    log, recording = await reports(scene, session)
    for report in (log, recording):
        told = report["session"]
        assert told["call_uuid"] == session.call_uuid
        assert (told["from_number"], told["to_number"]) == ("+15550100", "+15550199")
        assert told["reason"] == "user_hangup"
        assert in_words(told["said"]) == [
            ("agent", GREETING), ("caller", "Where is my order?"), ("agent", LONG), ("caller", STOP), ("agent", "As you wish."),
        ]  # fmt: skip
        words = [one["heard_text"] for one in told["said"] if one["who"] == "agent"]
        heard = session.of("agent.speech_interrupted")[0]["interrupted_text"]
        assert words == [GREETING, heard, "As you wish."]
        assert LONG.startswith(heard)
        # words lie where the sound is
        caller = [span["start_s"] for span in report["spans"]["caller"]]
        assert [one["at_s"] for one in told["said"] if one["who"] == "caller"] == pytest.approx(caller[:2], abs=0.01)
        agent = [span["start_s"] for span in report["spans"]["agent"]]
        for one in told["said"]:
            assert one["who"] != "agent" or min(abs(start_s - one["at_s"]) for start_s in agent) < 0.15
        # what each turn took
        metrics = session.of("turn.metrics")
        assert [turn["number"] for turn in told["turns"]] == [found["turn_number"] for found in metrics]
        for turn, found in zip(told["turns"], metrics, strict=True):
            assert (turn["stt_ms"], turn["llm_ms"], turn["tts_ms"], turn["perceived_ms"]) == (
                found["stt_delay_ms"], found["llm_ttft_ms"], found["tts_ttfb_ms"], found["user_perceived_ms"],
            )  # fmt: skip
        assert [turn["interrupted"] for turn in told["turns"]] == [False, True, False]
        assert told["turns"][1]["llm"] == "openai gpt-4o"
        ends = [span["end_s"] for span in report["spans"]["caller"]]
        assert told["turns"][1]["at_s"] == pytest.approx(ends[0], abs=0.2)
        (run,) = told["tools"]
        assert (run["name"], json.loads(run["output"]), run["is_error"]) == (
            "lookup_order",
            {"status": "shipped"},
            False,
        )
        assert ends[0] < run["at_s"] < next(one["at_s"] for one in told["said"] if one["text"] == LONG)
        # the engine's part
        (cut,) = [row for row in report["interruptions"] if row["kind"] == "true"]
        assert cut["onset_s"] == pytest.approx(caller[1], abs=0.15)
        by_words = {row["text"]: row for row in report["utterances"]}
        assert [by_words[text]["end"] for text in (GREETING, LONG, "As you wish.")] == ["completed", "cut", "completed"]
        assert by_words[LONG]["heard_text"] == heard
        assert by_words[LONG]["heard_s"] == pytest.approx(call.heard_s(LONG), abs=0.3)
        assert [key["digits"] for key in report["keys"]] == ["5"]
        assert len(report["turns"]) == 2
        rows = {row["name"]: row for row in report["health"]}
        assert rows["llm"]["value"] == pytest.approx(
            max(t["llm_ttft_ms"] for t in metrics if t["llm_ttft_ms"]), rel=0.2
        )
        assert rows["session_errors"]["verdict"] == "green"
    assert (log["source"], recording["source"]) == ("log", "session")
    assert log["utterances"][0]["generated_s"] == pytest.approx(spoken_s(GREETING), abs=0.2)
    # both on their own axis: the same distances
    first, second = ([one["at_s"] for one in report["session"]["said"]] for report in (log, recording))
    apart = [b - a for a, b in zip(first, second, strict=True)]
    assert max(apart) - min(apart) < 0.3


@dialled(quick=True)
async def test_what_is_left_out_of_a_report(scene: Scene) -> None:
    """No word, no key, no number: neither in the page nor in JSON; and the command finds the session in the data folder."""
    pytest.importorskip("jinja2", reason="the extra `report` is not installed")
    scene.hearing.texts = ["My name is Rumpelstiltskin."]
    scene.chat.otherwise = Reply("Good day to you.")
    await scene.agent()
    _, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Press("7"), *LISTEN[1:], HANG_UP)
    data = scene.stack.server.data
    page = data.parent / f"{scene.key}.html"

    def look() -> None:
        assert main(["report", session.call_uuid, "--data", str(data), "--no-audio", "-o", str(page)]) == 0
        text = page.read_text(encoding="utf-8")
        for word in ("Rumpelstiltskin", "Good day", GREETING, "+15550100", "5550199", '"digits": "7"'):
            assert word not in text
        assert main(["report", session.call_uuid, "--data", str(data), "--no-audio", "--text", "-o", str(page)]) == 0
        text = page.read_text(encoding="utf-8")
        for word in ("Rumpelstiltskin", "Good day", GREETING, "+15550100"):
            assert word in text
        report = report_of(read_session(data, session.call_uuid))
        assert [key.digits for key in without_words(report).keys] == ["•"]
        assert "Rumpelstiltskin" not in json.dumps(without_words(report).to_dict())
        assert main(["report", "no-such-session", "--data", str(data)]) == 1
        assert main(["report", "no-such-session", "--data", str(data.parent / "nowhere")]) == 1

    await asyncio.to_thread(look)
