"""Logs: the axis, commands, exchanges in groups, interruptions and their evidence, logs that were cut short."""

import json
from dataclasses import replace

import numpy as np
import pytest
from planted import N, Planted, said, silent

import talkpath as tp
from talkpath.phone.voice import voice
from talkpath.report import read_call, report_of
from talkpath.report.material import places_ms


def look(log) -> dict:
    return report_of(read_call(log)).to_dict()


def of(report, kind) -> list[dict]:
    return [row for row in report["interruptions"] if row["kind"] == kind]


def talked_over(tmp_path, words, **fields) -> dict:
    """The agent speaks for 6 s; the caller says this from 2 s on."""
    x = Planted(tmp_path / "call.log", **fields)
    x.greet(6.0)
    return look(x.run(np.concatenate([silent(2.0), *words, silent(5.0)])))


def test_an_interruption(tmp_path):
    report = talked_over(tmp_path, [said(2.0)])
    (row,) = report["interruptions"]
    assert row["kind"] == "true"
    assert row["onset_s"] == pytest.approx(2.0, abs=0.1)
    assert row["evidence"] >= 1
    assert row["doubt"] == ""
    first = report["utterances"][0]
    assert (first["end"], first["generated_s"]) == ("cut", 6.0)
    assert row["heard_s"] == first["heard_s"] == pytest.approx(2.5, abs=0.15)
    assert report["spans"]["agent"][0]["end_s"] == pytest.approx(first["end_s"], abs=0.05)


def test_a_nod(tmp_path):
    report = talked_over(tmp_path, [said(0.3)])
    (row,) = report["interruptions"]
    assert row["kind"] == "back-channel"
    assert row["caller_ms"] == pytest.approx(300, abs=80)
    assert report["utterances"][0]["end"] == "completed"


def test_a_cough_is_refused(tmp_path):
    """80 ms of noise: some evidence, not enough, and the agent goes on."""
    cough = np.rint(np.random.default_rng(1).standard_normal(640) * 3277).astype(np.int16)
    report = talked_over(tmp_path, [cough])
    (row,) = report["interruptions"]
    assert row["kind"] == "noise"
    assert 0.3 < row["evidence"] < 1
    assert row["onset_s"] == pytest.approx(2.0, abs=0.1)
    assert "too short" in row["doubt"]
    assert report["utterances"][0]["end"] == "completed"
    assert {r["name"]: r["value"] for r in report["health"]}["doubtful_cuts"] == 0


@pytest.mark.parametrize("line", ["speakerphone", "clean,echo_db=-16,echo_delay_ms=180,noise_dbov=-62"])
def test_a_cough_on_a_line_with_echo_is_no_echo(tmp_path, line):
    cough = np.rint(np.random.default_rng(1).standard_normal(800) * 2000).astype(np.int16)
    (row,) = talked_over(tmp_path, [cough], line=line)["interruptions"]
    assert row["kind"] == "noise"
    assert "returns the agent's voice" in row["doubt"]


def test_an_echo_that_had_evidence(tmp_path):
    """The gate gives echo none; here it is made to have some, from 3 s on, while nobody but the agent speaks."""
    x = Planted(tmp_path / "call.log", line="clean,echo_db=-16,echo_delay_ms=180,noise_dbov=-62")
    x.greet(6.0)
    material = read_call(x.run(silent(8.0)))
    evidence = np.where((material.track.at_s >= 3.0) & (material.track.at_s < 3.2), 0.5, 0.0)
    report = report_of(replace(material, track=replace(material.track, evidence=evidence))).to_dict()
    (row,) = report["interruptions"]
    assert (row["kind"], row["onset_s"]) == ("echo", pytest.approx(3.0, abs=0.021))


def test_echo_alone_is_not_even_that(tmp_path):
    report = talked_over(tmp_path, [silent(1.0)], line="speakerphone")
    assert report["interruptions"] == []


def test_a_false_interruption(tmp_path):
    """The agent waits for words, and none come."""
    report = talked_over(tmp_path, [said(0.8)], semantic_vad={"min_interruption_words": 2})
    (row,) = report["interruptions"]
    assert row["kind"] == "false"
    assert row["paused_s"] == pytest.approx(2.5, abs=0.15)
    (still,) = report["spans"]["paused"]
    assert still["start_s"] == pytest.approx(row["paused_s"], abs=0.05)
    assert still["end_s"] - still["start_s"] > 0.5
    assert report["utterances"][0]["end"] == "completed"


def test_the_application_cuts(tmp_path):
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    call.speak(said(2.0), 8000, "a", True)
    call.speak(said(1.0), 8000, "b", True)
    call.checkpoint("end of b")
    for i in range(150):
        if i == 50:
            call.interrupt()
        call.transmit()
        call.receive(call.encode(silent(0.02)))
    call.hangup()
    report = look(tmp_path / "call.log")
    assert [row["kind"] for row in report["interruptions"]] == ["orchestrator"]
    assert [(u["name"], u["end"]) for u in report["utterances"]] == [("a", "cut"), ("b", "never heard")]
    assert [u["generated_s"] for u in report["utterances"]] == pytest.approx([2.0, 1.0])
    assert report["marks"] == [{"at_s": pytest.approx(1.0, abs=0.05), "name": "end of b", "is_played": False}]


def test_speech_in_pieces_files_and_keys(tmp_path):
    tp.wav.write_wav(tmp_path / "hold.wav", said(1.5), 8000)
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    for piece in np.array_split(said(2.0), 9):
        call.speak(piece, 8000, "a")
    call.speak(b"", 8000, "a", True)
    call.play(tmp_path / "hold.wav", name="hold")
    call.send_dtmf("12")
    for _ in range(300):
        call.transmit()
        call.receive(call.encode(silent(0.02)))
    call.hangup()
    report = look(tmp_path / "call.log")
    assert [(u["name"], u["end"]) for u in report["utterances"]] == [("a", "completed"), ("hold", "completed")]
    assert [u["generated_s"] for u in report["utterances"]] == pytest.approx([2.0, 1.5], abs=0.03)
    assert [(k["digits"], k["direction"]) for k in report["keys"]] == [("12", "out")]


def test_exchanges_of_a_group_are_the_same(tmp_path):
    reports = []
    for way in ("alone", "group"):
        call = tp.CallPipeline(seed=1)
        call.record(tmp_path / way)
        call.speak(said(1.0), 8000, "a", True)
        group, words = tp.CallGroup(), np.concatenate([silent(2), said(1), silent(2)])
        for i in range(len(words) // N):
            payload = None if i % 20 == 9 else call.encode(words[i * N : (i + 1) * N])
            if way == "group":
                group.exchange([(call, payload)])
            else:
                call.conceal() if payload is None else call.receive(payload)
                call.transmit()
        call.hangup()
        report = look(tmp_path / way)
        assert report["counts"]["lost_frames"] == 13
        reports.append({k: v for k, v in report.items() if k != "name"})
    assert reports[0] == reports[1]


def test_a_log_that_was_cut_short(tmp_path):
    log = Planted(tmp_path / "call.log").run(np.concatenate([silent(1), said(2), silent(4)]))
    whole = log.read_bytes()
    (tmp_path / "cut.log").write_bytes(whole[: len(whole) * 2 // 3])
    assert 2 < look(tmp_path / "cut.log")["duration_s"] < look(log)["duration_s"]


def test_only_received(tmp_path):
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    words = np.concatenate([silent(1), said(1.5), silent(1)])
    for i in range(len(words) // N):
        call.receive(call.encode(words[i * N : (i + 1) * N]))
    call.hangup()
    report = look(tmp_path / "call.log")
    assert report["duration_s"] == pytest.approx(3.5)
    assert report["spans"]["caller"][0]["start_s"] == pytest.approx(1.0, abs=0.1)


def test_what_came_before_anything_was_sent(tmp_path):
    """Three frames wait when the server begins: the axis begins with them, and what is sent begins later on it."""
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    words = np.concatenate([silent(1), said(1.5), silent(1.5)])
    frames = [words[i * N : (i + 1) * N] for i in range(len(words) // N)]
    for frame in frames[:3]:
        call.receive(call.encode(frame))
    call.speak(said(0.5), 8000, "a", True)
    for frame in frames[3:]:
        call.transmit()
        call.receive(call.encode(frame))
    call.hangup()
    material = read_call(tmp_path / "call.log")
    report = report_of(material).to_dict()
    assert np.flatnonzero(np.abs(material.caller) > 200)[0] / 8000 == pytest.approx(1.0, abs=0.02)
    assert report["utterances"][0]["start_s"] == pytest.approx(0.04, abs=0.001)
    assert report["spans"]["agent"][0]["start_s"] == pytest.approx(0.04, abs=0.021)
    assert report["duration_s"] == pytest.approx(4.0, abs=0.05)


def test_places_on_the_axis():
    even = np.arange(100) * 20.0
    assert places_ms(even, 20.0) == pytest.approx(even)
    assert places_ms(even + 60, 20.0) == pytest.approx(even + 60)  # the server sent before anything came
    late = even.copy()
    late[40:43] = 42 * 20.0  # two ticks without a frame, then three at once
    assert places_ms(late, 20.0) == pytest.approx(even)
    stopped = even.copy()
    stopped[50:] += 3000  # the line was silent for 3 s, and nothing was concealed
    assert places_ms(stopped, 20.0)[[49, 99]] == pytest.approx([980, 4980])
    assert (np.diff(places_ms(np.sort(np.random.default_rng(1).integers(0, 3000, 200) * 1.0), 20.0)) >= 20 - 1e-6).all()
    assert len(places_ms(np.zeros(0), 20.0)) == 0


def test_a_call_that_is_reset(tmp_path):
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    words = np.concatenate([silent(1), said(1.5), silent(1.5)])
    for part in range(2):
        if part:
            call.reset()
        for i in range(len(words) // N):
            call.transmit()
            call.receive(call.encode(words[i * N : (i + 1) * N]))
    call.hangup()
    report = look(tmp_path / "call.log")
    assert [s["start_s"] for s in report["spans"]["caller"]] == pytest.approx([1.0, 5.0], abs=0.1)


def test_one_frame(tmp_path):
    call = tp.CallPipeline(seed=1)
    call.record(tmp_path / "call.log")
    call.transmit()
    call.hangup()
    report = look(tmp_path / "call.log")
    assert report["duration_s"] == 0.02
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize("stream", ["audio/x-alaw;rate=8000", "audio/x-l16;rate=16000"])
def test_other_wires(tmp_path, stream):
    call = tp.CallPipeline(seed=1, stream=stream, frame_ms=10, detection_method="audio")
    call.record(tmp_path / "call.log")
    rate_hz = call.config.wire.sample_rate_hz
    words = np.concatenate([np.zeros(rate_hz, np.int16), voice(1.5, rate_hz, 9), np.zeros(rate_hz, np.int16)])
    for i in range(len(words) // call.config.frame_samples):
        call.transmit()
        call.receive(call.encode(words[i * call.config.frame_samples :][: call.config.frame_samples]))
    call.hangup()
    material = read_call(tmp_path / "call.log")
    assert (material.caller[call.config.frame_samples :] - words).std() < 300  # taken when one frame had been sent
    report = report_of(material).to_dict()
    assert report["spans"]["caller"][0]["start_s"] == pytest.approx(1.0, abs=0.1)
    assert {r["name"]: r["verdict"] for r in report["health"]}["caller_clipping"] == "green"
