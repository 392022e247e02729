"""One recording → its row and its events: what was put in is found, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from archives import RATE_HZ, at, call_with_echo, person, tone, voicemail, write_stereo
from scenario import voice

import talkpath as tp
from talkpath import wav
from talkpath.errors import FormatError
from talkpath.scan.columns import CALLS, EVENTS
from talkpath.scan.recording import Scanned, scan_recording

SILENT = np.zeros(8 * RATE_HZ, np.int16)


@pytest.fixture
def scan(tmp_path: Path):
    def scan(*channels: np.ndarray, how: str = "auto") -> Scanned:
        write_stereo(tmp_path / "call.wav", list(channels))
        return scan_recording(tmp_path / "call.wav", how)

    return scan


def found(scanned: Scanned, event: str) -> list[dict]:
    return [e for e in scanned.events if e["event"] == event]


def test_voicemail(scan) -> None:
    scanned = scan(voicemail())
    row = scanned.row
    assert (row["answered_by"], row["beeps"], row["sides"], row["encoding"]) == ("machine", 1, "one", "µ-law")
    assert row["beep_ms"] == pytest.approx(6000, abs=15)
    assert row["beep_hz"] == pytest.approx(1000, abs=2)
    assert row["answered_ms"] < 5500
    assert row["caller_talk_share"] == pytest.approx(0.5, abs=0.08)
    assert row["caller_noise_dbov"] == pytest.approx(-65, abs=3)
    (speech,) = found(scanned, "speech")
    assert speech["start_ms"] == pytest.approx(500, abs=100)
    assert speech["end_ms"] == pytest.approx(5000, abs=200)
    assert row["dead_air_s"] == pytest.approx(3.0, abs=0.3), "after the beep"


def test_person_and_keys(scan) -> None:
    row = scan(person()).row
    assert (row["answered_by"], row["answered_method"], row["beeps"]) == ("human", "audio", 0)
    assert (row["caller_keys"], row.get("agent_keys")) == ("42", None)
    assert row["caller_clipping_share"] == 0.0


def test_the_verdict_is_that_of_the_live_call(scan) -> None:
    """The same samples through a call of one's own, and the same event at the same time."""
    pcm = voicemail()
    call = tp.CallPipeline(stream="audio/x-l16;rate=8000", detection_method="audio")
    heard = np.asarray(tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm)))
    events = [e for i in range(0, len(pcm), 160) for e in call.receive(call.encode(heard[i : i + 160])).events]
    (live,) = [e for e in events if e.type == "voicemail.detected"]
    row = scan(pcm).row
    assert (row["answered_by"], row["answered_ms"]) == (live.result, live.timestamp_ms)


def test_a_short_greeting_is_corrected_by_its_beep(scan) -> None:
    row = scan(at(9.0, (0.5, voice(700, seed=5)), (4.0, tone(400, 1400.0, level=0.2)))).row
    assert (row["answered_by"], row["answered_method"]) == ("machine", "beep")
    assert row["answered_ms"] == pytest.approx(4500, abs=150)


def test_equal_channels_are_one_caller(scan) -> None:
    alone, twice = scan(voicemail()), scan(voicemail(), voicemail())
    assert twice.row["sides"] == "equal"
    assert {**twice.row, "sides": "one", "channels": 1} == alone.row
    assert twice.events == alone.events
    assert scan(voicemail(), SILENT, how="left").row["sides"] == "one"


def test_network_tone(scan) -> None:
    busy = np.concatenate([np.concatenate([tone(500, 480.0, 620.0), np.zeros(4000)]) for _ in range(8)])
    row = scan(at(8.0, (0.0, busy))).row
    assert row["tones"] == "busy"
    assert row["dead_air_s"] == 0.0


@pytest.mark.parametrize(("delay_ms", "loss_db"), [(180.0, 20.0), (60.0, 12.0)])
def test_echo(scan, delay_ms: float, loss_db: float) -> None:
    row = scan(*call_with_echo(delay_ms, loss_db)).row
    assert row["echo_delay_ms"] == pytest.approx(delay_ms, abs=15)
    assert row["echo_return_loss_db"] == pytest.approx(loss_db, abs=6)


def test_no_echo_and_talk_over(scan) -> None:
    caller = at(12.0, (3.0, voice(3000, seed=9, pitch=200.0)))
    agent = at(12.0, (0.5, voice(4000, seed=7)), (7.5, voice(2000, seed=8)))
    scanned = scan(caller, agent)
    row = scanned.row
    assert row.get("echo_delay_ms") is None
    assert row["talk_over_share"] * 12 == pytest.approx(1.5, abs=0.3)
    (over,) = found(scanned, "talk_over")
    assert over["start_ms"] == pytest.approx(3000, abs=150)
    assert row["one_way_audio"] is False
    assert {e["side"] for e in found(scanned, "speech")} == {"caller", "agent"}


def test_one_way_audio(scan) -> None:
    agent = at(8.0, (0.5, voice(6000, seed=7)))
    assert scan(SILENT, agent).row["silent_side"] == "caller"
    assert scan(agent, SILENT).row["one_way_audio"] is True
    assert scan(SILENT, agent, how="agent-caller").row["silent_side"] == "agent"


def test_dead_air(scan) -> None:
    scanned = scan(
        at(10.0, (0.3, voice(1000, seed=2)), (6.0, voice(1000, seed=3))), at(10.0, (7.2, voice(2500, seed=4)))
    )
    (dead,) = found(scanned, "dead_air")
    assert (dead["start_ms"], dead["end_ms"]) == (pytest.approx(1400, abs=300), pytest.approx(6000, abs=200))
    assert scanned.row["longest_dead_air_s"] == scanned.row["dead_air_s"] > 4


def test_clipping_is_counted_in_the_file(tmp_path: Path) -> None:
    loud = np.clip(voicemail().astype(float) * 30, -32768, 32767).astype(np.int16)
    wav.write_wav(tmp_path / "loud.wav", loud, RATE_HZ)
    row = scan_recording(tmp_path / "loud.wav").row
    assert row["caller_clipping_share"] == pytest.approx(np.mean(np.abs(loud.astype(int)) >= 32000), abs=1e-5)
    assert row["caller_clipping_share"] > 0.02
    assert row["caller_peak_dbov"] == pytest.approx(0.0, abs=0.05)


def test_rate_and_length_do_not_matter(tmp_path: Path) -> None:
    """Wide-band, and longer than what is kept of the beginning: found as in the short one, and the end is heard too."""
    pcm = np.concatenate([voicemail(), np.zeros(125 * RATE_HZ, np.int16), tp.dtmf.generate("7")])
    wav.write_wav(tmp_path / "narrow.wav", pcm, RATE_HZ)
    wide = tp.Resampler(RATE_HZ, 48000, "hifi").process(pcm)
    wav.write_wav(tmp_path / "wide.wav", wide, 48000)
    for name in ("narrow.wav", "wide.wav"):
        scanned = scan_recording(tmp_path / name)
        row = scanned.row
        assert (row["answered_by"], row["beeps"], row["caller_keys"]) == ("machine", 1, "7")
        assert row["duration_s"] == pytest.approx(len(pcm) / RATE_HZ, abs=0.1)
        assert row["longest_dead_air_s"] == pytest.approx(128, abs=0.5)


def test_refused(tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "call.wav", voicemail(), RATE_HZ)
    with pytest.raises(FormatError, match="longer than"):
        scan_recording(tmp_path / "call.wav", max_hours=0.002)
    wav.write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), RATE_HZ)
    with pytest.raises(FormatError, match="no samples"):
        scan_recording(tmp_path / "empty.wav")


def test_rows_have_the_tables_columns(scan) -> None:
    scanned = scan(*call_with_echo())
    assert list(scanned.row) == [c.name for c in CALLS]
    assert all(list(e) == [c.name for c in EVENTS] for e in scanned.events)


def test_hostile_samples(scan, hostile: np.ndarray) -> None:
    row = scan(hostile, hostile[::-1].copy()).row
    assert row["duration_s"] == 2.0
