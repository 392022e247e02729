"""Ten faults planted in calls: each is named by a row of the line's health or by a table, and a call without one is green."""

import numpy as np
import pytest
from planted import TALK, Planted, said, silent

import talkpath as tp
from talkpath.report import read_call, report_of


def look(log) -> dict:
    return report_of(read_call(log)).to_dict()


def rows(report: dict) -> dict[str, dict]:
    return {row["name"]: row for row in report["health"]}


def flagged(report: dict) -> set[str]:
    """What somebody sees on the first screen."""
    return {row["name"] for row in report["health"] if row["verdict"] in ("amber", "red")}


def ordinary(tmp_path, **how) -> Planted:
    x = Planted(tmp_path / "call.log", **how)
    x.greet()
    return x


def test_a_good_call_is_green(tmp_path):
    report = look(ordinary(tmp_path).run(TALK))
    assert flagged(report) == set()
    assert report["verdict"] == "green"
    assert len(report["turns"]) == 3
    assert [u["end"] for u in report["utterances"]] == ["completed"] * 4
    assert [m["name"] for m in report["marks"]] == ["mark-1", "mark-2", "mark-3"]
    stages = report["stages_ms"]
    assert stages["decided"]["p50"] < stages["queued"]["p50"] <= stages["wire"]["p50"]
    assert stages["wire"] == pytest.approx(report["response_ms"], abs=1.5)
    for turn in report["turns"]:
        assert turn["caller_end_s"] < turn["decided_s"] < turn["queued_s"] <= turn["wire_s"]
        assert turn["response_ms"] == pytest.approx((turn["wire_s"] - turn["caller_end_s"]) * 1000, abs=1.5)
    # where the script put them, within the detector's and the voice's own edges
    starts = [s["start_s"] for s in report["spans"]["caller"]]
    assert starts == pytest.approx([2.6, 7.8, 12.8], abs=0.12)


def test_echo(tmp_path):
    report = look(ordinary(tmp_path, line="clean,echo_db=-12,echo_delay_ms=180,noise_dbov=-66").run(TALK))
    assert rows(report)["echo"]["verdict"] == "red"
    assert rows(report)["echo"]["value"] == pytest.approx(12, abs=3)
    assert "18" in rows(report)["echo"]["detail"]
    assert rows(report)["echo_delay"]["value"] == pytest.approx(180, abs=25)
    assert report["spans"]["echo"]


def test_loss_of_8_percent(tmp_path):
    gone = np.random.default_rng(2).random(2000) < 0.08
    report = look(ordinary(tmp_path).run(TALK, lost=lambda i: bool(gone[i])))
    assert rows(report)["loss"]["verdict"] == "red"
    assert rows(report)["loss"]["value"] == pytest.approx(8, abs=2)
    assert rows(report)["concealed"]["value"] == pytest.approx(20 * report["counts"]["lost_frames"])
    assert sum(s["end_s"] - s["start_s"] for s in report["spans"]["lost"]) == pytest.approx(
        0.02 * report["counts"]["lost_frames"]
    )


def test_one_way_audio(tmp_path):
    report = look(ordinary(tmp_path).run(silent(12)))
    assert rows(report)["one_way_audio"]["verdict"] == "red"
    assert "caller" in rows(report)["one_way_audio"]["detail"]


def test_clipped_caller(tmp_path):
    report = look(ordinary(tmp_path).run(TALK, clip_at=3000))
    assert rows(report)["caller_clipping"]["verdict"] == "red"


def test_late_frames(tmp_path):
    report = look(
        ordinary(tmp_path).run(TALK, late=lambda i: 2 if i % 25 == 0 else 0)
    )  # 48 ms: two ticks of 20 ms miss it
    assert rows(report)["late_frames"]["verdict"] == "red"
    assert rows(report)["loss"]["verdict"] == "green"
    assert report["spans"]["late"]
    assert rows(report)["late_frames"]["value"] == pytest.approx(4, abs=0.5)


def test_jitter(tmp_path):
    report = look(ordinary(tmp_path).run(TALK, late=lambda i: 2 if i % 10 < 2 else 0))
    assert (rows(report)["jitter"]["verdict"], rows(report)["jitter"]["value"]) == ("amber", 40)


def test_early_cut(tmp_path):
    words = np.concatenate([silent(2.6), said(1.2), silent(0.9), said(1.5, seed=4), silent(4), said(1.0), silent(0.9), said(1.4), silent(4)])  # fmt: skip
    report = look(ordinary(tmp_path, semantic_vad="high", thinks_s=0.1).run(words))
    assert rows(report)["early_turns"]["verdict"] == "red"
    assert [t["is_early"] for t in report["turns"]].count(True) == 2


def test_voicemail_taken_for_a_person(tmp_path):
    beep = np.rint(6000 * np.sin(2 * np.pi * 1000 * np.arange(round(0.6 * 8000)) / 8000)).astype(np.int16)
    heard = np.concatenate([silent(1.0), said(0.9), silent(8.0), said(2.0, seed=4), silent(6.0), beep, silent(4)])
    report = look(Planted(tmp_path / "call.log", detection_method="audio").run(heard))
    assert report["answers"][0]["result"] == "human"
    assert flagged(report) >= {"who_answered"}, report["answers"]
    assert [t["tone"] for t in report["tones"]] == ["beep"]


def test_key_twice(tmp_path):
    key = tp.dtmf.generate("5", sample_rate=8000, tone_ms=90, gap_ms=60)
    report = look(ordinary(tmp_path).run(np.concatenate([TALK, key, key, silent(1.5)])))
    assert flagged(report) == {"keys_twice"}
    assert [(k["digits"], k["is_twice"]) for k in report["keys"]] == [("5", False), ("5", True)]


def test_dead_air(tmp_path):
    report = look(ordinary(tmp_path, thinks_s=4.5).run(np.concatenate([TALK[: 8000 * 5], silent(12)])))
    assert {"dead_air", "response"} <= flagged(report)
    assert rows(report)["dead_air"]["verdict"] == "red"
    assert rows(report)["dead_air"]["value"] == pytest.approx(5.2, abs=0.5)


def test_level_20_db_low(tmp_path):
    report = look(ordinary(tmp_path, line="clean,gain_db=-20,noise_dbov=-72").run(TALK))
    assert rows(report)["caller_level"]["verdict"] == "red"
    assert rows(report)["caller_level"]["value"] == pytest.approx(-40, abs=3)
