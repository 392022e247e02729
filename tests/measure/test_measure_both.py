"""`talkpath report` and `talkpath scan` measure with the same module: the same recording gives the same numbers in both."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from echo_scene import echo_of, noise, to_int16
from scenario import voice

from talkpath import wav
from talkpath.cli import main
from talkpath.measure import measure_samples, thresholds
from talkpath.measure.side import Side
from talkpath.scan.recording import scan_recording

RATE_HZ = 8000


def line(seconds: float, *parts: tuple[float, np.ndarray], noise_dbov: float = -65.0, seed: int = 1) -> np.ndarray:
    n = int(seconds * RATE_HZ)
    found = noise(n, noise_dbov, seed) * 32768
    for start_s, part in parts:
        i = int(start_s * RATE_HZ)
        found[i : i + len(part)] += part[: n - i]
    return np.clip(np.rint(found), -32768, 32767).astype(np.int16)


def ordinary() -> list[np.ndarray]:
    """The agent's greeting, an answer, dead air, an interruption."""
    caller = line(20.0, (3.0, voice(2000, seed=9, pitch=200.0)), (13.0, voice(1500, seed=4, pitch=200.0)))
    agent = line(20.0, (0.5, voice(2000, seed=7)), (6.0, voice(2000, seed=8)), (12.0, voice(2500, seed=6)), seed=2)
    return [caller, agent]


def with_echo() -> list[np.ndarray]:
    agent = line(12.0, (0.5, voice(4000, seed=7)), (7.5, voice(4000, seed=8)), noise_dbov=-90.0)
    caller = line(12.0, (5.0, voice(1800, seed=9, pitch=200.0))) / 32768 + echo_of(agent, 180.0, 14.0)
    return [to_int16(caller), agent]


def clipped() -> list[np.ndarray]:
    caller, agent = ordinary()
    return [np.clip(caller.astype(np.int32) * 12, -32768, 32767).astype(np.int16), agent]


def one_way() -> list[np.ndarray]:
    return [line(12.0), line(12.0, (0.5, voice(4000, seed=7)), seed=2)]


CALLS = {"ordinary": ordinary, "with_echo": with_echo, "clipped": clipped, "one_way": one_way, "alone": lambda: ordinary()[:1]}  # fmt: skip


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("name", CALLS)
def test_both_say_the_same(tmp_path: Path, name: str, rate_hz: int, capsys: pytest.CaptureFixture[str]) -> None:
    channels = [np.repeat(pcm, rate_hz // RATE_HZ) for pcm in CALLS[name]()]
    both = np.ascontiguousarray(np.stack(channels, axis=1)).astype("<i2")
    path = tmp_path / "call.wav"
    with wav.wave.open(str(path), "wb") as out:
        out.setparams((len(channels), 2, rate_hz, 0, "NONE", ""))
        out.writeframes(both.tobytes())
    row, events = scan_recording(path)
    assert main(["report", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    health = {h["name"]: h["value"] for h in report["health"]}
    talk = report["talk"]
    sides = ("caller", "agent")[: len(channels)]
    for side in sides:
        assert health[f"{side}_clipping"] == pytest.approx(100 * row[f"{side}_clipping_share"], abs=6e-4)
        assert health[f"{side}_level"] == row[f"{side}_level_dbov"]
        assert talk[f"{side}_share"] == pytest.approx(row[f"{side}_talk_share"], abs=6e-4)
        told = [(s["start_s"] * 1000, s["end_s"] * 1000) for s in report["spans"][side]]
        assert told == spans(events, "speech", side)
    assert health["noise_floor"] == row["caller_noise_dbov"]
    assert health["dead_air"] == row["longest_dead_air_s"]
    assert [(s["start_s"] * 1000, s["end_s"] * 1000) for s in talk["dead_air"]] == spans(events, "dead_air", None)
    assert health["echo"] == row["echo_return_loss_db"]
    if len(channels) == 2:
        assert talk["overlap_s"] / (len(channels[0]) / rate_hz) == pytest.approx(row["talk_over_share"], abs=6e-4)
        assert [(s["start_s"] * 1000, s["end_s"] * 1000) for s in talk["overlaps"]] == spans(events, "talk_over", None)
        verdict = next(h["verdict"] for h in report["health"] if h["name"] == "one_way_audio")
        assert (verdict == "red") == row["one_way_audio"] == (name == "one_way")
    found = {
        "ordinary": row["talk_over_share"] and row["dead_air_s"] > 2,
        "with_echo": row["echo_delay_ms"] == pytest.approx(180, abs=5) and row["echo_return_loss_db"],
        "clipped": row["caller_clipping_share"] > 0.005,
        "one_way": row["silent_side"] == "caller",
        "alone": row["agent_talk_share"] is None,
    }
    assert found[name], row


def spans(events: list[dict], event: str, side: str | None) -> list[tuple[float, float]]:
    return [(e["start_ms"], e["end_ms"]) for e in events if e["event"] == event and e["side"] == side]


def test_an_echo_is_nobodys_speech(tmp_path: Path) -> None:
    """The agent comes back 14 dB down: the caller's speech is his own, alone, and as loud as he is."""
    caller, agent = with_echo()
    codes = np.ascontiguousarray(np.stack([caller, agent], axis=1))
    with wav.wave.open(str(tmp_path / "call.wav"), "wb") as out:
        out.setparams((2, 2, RATE_HZ, 0, "NONE", ""))
        out.writeframes(codes.astype("<i2").tobytes())
    row, events = scan_recording(tmp_path / "call.wav")
    assert spans(events, "speech", "caller") == [(pytest.approx(5000, abs=60), pytest.approx(6800, abs=160))]
    assert row["talk_over_share"] == 0.0
    clean = scan_recording(_mono(tmp_path, line(12.0, (5.0, voice(1800, seed=9, pitch=200.0))))).row
    assert row["caller_level_dbov"] == pytest.approx(clean["caller_level_dbov"], abs=0.5)


def _mono(tmp_path: Path, pcm: np.ndarray) -> Path:
    wav.write_wav(tmp_path / "mono.wav", pcm, RATE_HZ)
    return tmp_path / "mono.wav"


@pytest.mark.parametrize("noise_dbov", [-90.0, -65.0, -55.0])
def test_speech_begins_and_ends_where_it_does(noise_dbov: float) -> None:
    """The detector hears a tenth of a second longer; the measure does not."""
    for seed in range(4):
        side = Side(hears_line=False)
        side.process(line(4.0, (1.0, voice(1500, seed=seed)), noise_dbov=noise_dbov, seed=seed))
        side.finish()
        assert side.speech[0, 0] * 20 == pytest.approx(1000, abs=45)
        assert side.speech[-1, 1] * 20 == pytest.approx(2500, abs=65)


def test_digital_silence_between_words() -> None:
    """There is no noise by which an edge could be found: the speech's own level does."""
    pcm = np.zeros(4 * RATE_HZ, np.int16)
    pcm[RATE_HZ : RATE_HZ * 5 // 2] = np.rint(voice(1500, seed=3)).astype(np.int16)
    side = Side(hears_line=False)
    side.process(pcm)
    side.finish()
    assert (side.speech[0, 0] * 20, side.speech[-1, 1] * 20) == (pytest.approx(1000, abs=45), pytest.approx(2500, abs=45))  # fmt: skip


def test_a_log_brings_its_own_speech() -> None:
    """Who spoke when is the call's knowledge; what is measured in it is the same."""
    caller, agent = ordinary()
    speech = np.array([[150, 250]]), np.array([[30, 120]])
    found = measure_samples(caller, agent, RATE_HZ, speech, keys_ms=[9500.0])
    assert (found.caller.speech_s, found.agent.speech_s, found.talk_over_share) == (2.0, 1.8, 0.0)
    assert found.caller_dbov == pytest.approx(-20, abs=3)
    key = 9500 // 20
    assert all(stop <= key or start >= key for start, stop in found.dead_air.tolist())
    wide = measure_samples(np.repeat(caller, 2), np.repeat(agent, 2), 2 * RATE_HZ, speech)
    assert wide.caller_dbov == pytest.approx(found.caller_dbov, abs=0.6)  # repeated samples droop at 4 kHz
    assert wide.caller.frames == found.caller.frames


def test_the_page_says_the_thresholds() -> None:
    """docs/scan.md, "How it is measured": each row names the constants that it tells, and their values."""
    page = (ROOT / "docs/scan.md").read_text(encoding="utf-8").split("## How it is measured")[1].split("\n## ")[0]
    rows = re.findall(r"^\| .* \| (.*) \|$", page, re.MULTILINE)
    told = dict(pair.split(" = ") for row in rows for pair in re.findall(r"`([A-Z_0-9]+ = [-\d.]+)`", row))
    known = {n: v for n, v in vars(thresholds).items() if n.isupper() and n not in ("RATE_HZ", "FRAME_MS", "FRAME", "CLIPPED")}  # fmt: skip
    assert {name: float(value) for name, value in told.items()} == known
