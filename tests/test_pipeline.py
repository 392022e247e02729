"""The call, end to end: frames in and out, speech out, events, and the command that runs recordings through it."""

import importlib.util
import json

import numpy as np
import pytest

import talkpath as tp
from talkpath import wav
from talkpath.call import config
from talkpath.call.events import AgentSpeechCompleted, AgentSpeechStarted, UserDtmf
from talkpath.cli import main
from talkpath.measure.frames import said_spans

STREAMS = sorted(config.WIRE_FORMATS)


@pytest.mark.parametrize("audio_format", ["pcm_8k", "pcm_16k", "pcm_24k"])
@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("stream", STREAMS)
def test_one_frame_in_one_frame_out(stream: str, frame_ms: int, audio_format: str) -> None:
    call = tp.CallPipeline(stream=stream, frame_ms=frame_ms, audio_format=audio_format)
    wire = call.config.wire
    frame_bytes = wire.sample_rate_hz * frame_ms // 1000 * wire.sample_bytes
    for _ in range(5):
        sent = call.transmit()
        assert isinstance(sent.payload, bytes)
        assert len(sent.payload) == frame_bytes
        received = call.receive(sent.payload)
        assert len(received.pcm) == call.config.audio_rate_hz * frame_ms // 1000
        assert len(call.conceal().pcm) == len(received.pcm)
    short = frame_bytes - wire.sample_bytes
    with pytest.raises(tp.LengthError, match=f"payload has {short} bytes; a {frame_ms} ms frame has {frame_bytes}"):
        call.receive(bytes(short))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_tone_survives_the_line_and_back(stream: str) -> None:
    """Speech in at 24 kHz, wire frames, PCM out at 16 kHz: the same tone, later by the two resamplers (and echo control's 10 ms).

    It would be the agent's own echo, hence without echo control.
    """
    call = tp.CallPipeline(stream=stream, echo_control=False)
    tone = np.rint(8000 * np.sin(2 * np.pi * 1000 * np.arange(24000) / 24000)).astype(np.int16)
    for piece in np.split(tone, [7, 1000, 12345]):
        call.speak(piece, 24000, utterance="u1")
    call.speak(b"", 24000, utterance="u1", final=True)
    heard = np.concatenate([call.receive(call.transmit().payload).pcm for _ in range(45)])[1600:].astype(float)
    spectrum = np.abs(np.fft.rfft(heard[:12800] * np.hanning(12800)))
    peak_hz = np.argmax(spectrum) * 16000 / 12800
    assert peak_hz == pytest.approx(1000, abs=2)
    assert np.sqrt(2) * heard[:12800].std() == pytest.approx(8000, rel=0.02)  # G.711 itself is off by 1 %


def test_speech_starts_at_once_and_ends_where_it_should() -> None:
    call = tp.CallPipeline()
    call.transmit()
    call.speak(np.full(4000, 500, np.int16), 8000, utterance="a", final=True)
    call.speak(np.full(100, 700, np.int16), 8000, utterance="b", final=True)
    events = [e for _ in range(40) for e in call.transmit().events]
    assert [e for e in events if e.type.startswith("agent.speech")] == [
        AgentSpeechStarted("transmit", 20.0, "a"),
        AgentSpeechCompleted("transmit", 520.0, "a", 0.5),
        AgentSpeechStarted("transmit", 520.0, "b"),
        AgentSpeechCompleted("transmit", 532.5, "b", 0.0125),
    ]


def test_every_sample_of_every_utterance_is_sent() -> None:
    """Nothing is lost at the end of an utterance, at any rate: what peers drop (37–125 ms) is the resampler's tail."""
    for rate_hz in (8000, 16000, 22050, 24000, 44100, 48000):
        call = tp.CallPipeline(stream="audio/x-l16;rate=8000", comfort_noise_enabled=False)
        call.speak(np.full(rate_hz // 2, 9000, np.int16), rate_hz, utterance="u", final=True)
        sent = np.concatenate([tp.l16.decode(call.transmit().payload) for _ in range(40)])
        assert np.abs(sent).sum() / 9000 == pytest.approx(4000, rel=0.01), rate_hz
        delay_ms = tp.Resampler(rate_hz, 8000).delay_ms
        # The sudden end is bent to zero over 5 ms.
        assert np.flatnonzero(np.abs(sent) > 4000)[-1] / 8 == pytest.approx(500 + delay_ms + 2.5, abs=1.5)


def test_an_utterance_keeps_its_rate() -> None:
    call = tp.CallPipeline()
    call.speak(b"", 24000, utterance="a")
    with pytest.raises(tp.ConfigError, match="sample_rate is 24000 in this utterance .got 16000"):
        call.speak(b"", 16000, utterance="a")
    call.speak(b"", 16000, utterance="b")  # another utterance may have another


def test_a_refused_chunk_changes_nothing() -> None:
    call = tp.CallPipeline()
    call.speak(np.full(160, 500, np.int16), 8000, utterance="a")
    for wrong, rate_hz in ((b"odd", 8000), (b"", 8001)):
        with pytest.raises(tp.TalkpathError):
            call.speak(wrong, rate_hz, utterance="b")
    call.speak(np.full(160, 500, np.int16), 8000, utterance="a", final=True)  # still the same utterance
    events = [e for _ in range(5) for e in call.transmit().events]
    told = [e for e in events if e.type.startswith("agent.speech")]
    assert told == [AgentSpeechStarted("transmit", 0.0, "a"), AgentSpeechCompleted("transmit", 40.0, "a", 0.04)]


def test_keys_are_events_on_both_laws() -> None:
    for stream in STREAMS:
        call = tp.CallPipeline(stream=stream)
        wire_hz = call.config.wire.sample_rate_hz
        keys = np.concatenate([tp.dtmf.generate("19*D", wire_hz), np.zeros(wire_hz // 5, np.int16)])
        n = call.config.frame_samples
        events = [e for i in range(0, len(keys) - n + 1, n) for e in call.receive(call.encode(keys[i : i + n])).events]
        assert [e.digit for e in events if isinstance(e, UserDtmf)] == list("19*D"), stream
        assert events[0].to_dict() == {
            "type": "user.dtmf",
            "clock": "receive",
            "timestamp_ms": events[0].timestamp_ms,
            "digit": "1",
        }


def test_busy_tone_is_an_event_when_the_agent_calls() -> None:
    t = np.arange(8000 * 4) / 8000
    busy = np.rint(4000 * np.sin(2 * np.pi * 425 * t) * ((t % 1.0) < 0.5)).astype(np.int16)
    for method, expected in (("audio", ["busy"]), ("disabled", [])):
        call = tp.CallPipeline(detection_method=method)
        events = [e for i in range(0, len(busy), 160) for e in call.receive(call.encode(busy[i : i + 160])).events]
        assert [e.tone for e in events if e.type == "line.tone"] == expected
        assert not [e for e in events if e.type == "voicemail.beep"]


def test_a_beep_before_the_greeting_decides_is_a_machine() -> None:
    t = np.arange(3200) / 8000
    pcm = np.zeros(24000, np.int16)
    pcm[8000:11200] = np.rint(5000 * np.sin(2 * np.pi * 1000 * t))
    call = tp.CallPipeline(detection_method="audio")
    events = [e for i in range(0, len(pcm), 160) for e in call.receive(call.encode(pcm[i : i + 160])).events]
    assert [(e.type, getattr(e, "result", None), getattr(e, "method", None)) for e in events] == [
        ("voicemail.detected", "machine", "beep"),
        ("voicemail.beep", None, None),
    ]


def test_configuration() -> None:
    with pytest.raises(tp.ConfigError, match=r"frame_ms must be one of 10, 20, 30, 40, 60 \(got 25\)"):
        tp.CallConfig(frame_ms=25)
    for stream in ("audio/x-opus", [], None):
        with pytest.raises(tp.ConfigError, match="stream must be one of"):
            tp.CallPipeline(stream=stream)
    with pytest.raises(tp.ConfigError, match="frame_ms must be one of"):
        tp.CallConfig(frame_ms=20.0)
    with pytest.raises(tp.ConfigError, match="no such field: frame_length"):
        tp.CallPipeline(frame_length=20)
    c = tp.CallConfig(audio_format="pcm_24k")
    assert tp.CallConfig(**c.to_dict()) == c
    assert c.replaced(frame_ms=10).frame_samples == 80


def test_utterances_are_cut_at_pauses() -> None:
    voice, pause, gap = np.full(1600, 3000, np.int16), np.zeros(8000, np.int16), np.zeros(1600, np.int16)
    track = np.concatenate([pause, voice, gap, voice, pause, voice])
    assert said_spans(track, 8000).tolist() == [[8000, 12800], [20800, 22400]]
    assert said_spans(np.zeros(800, np.int16), 8000).tolist() == []


# --- the command line -------------------------------------------------------------------------------------------------


def test_demo_tells_the_story(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for word in (
        "user.dtmf",
        "digit=4",
        "voicemail.detected",
        "result=machine",
        "voicemail.beep",
        "agent.speech_started",
        "agent.speech_completed",
    ):
        assert word in shown
    if importlib.util.find_spec("jinja2") and importlib.util.find_spec("soundfile"):
        assert "report.html" in shown
        assert "talkpath demo" in (tmp_path / "report.html").read_text(encoding="utf-8")
    for name in ("inbound", "voicemail"):
        events = [
            json.loads(line) for line in (tmp_path / name / "events.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        times = [e["timestamp_ms"] for e in events]
        assert times == sorted(times) or max(np.diff(times).min() * -1, 0) <= 20  # in order, to the frame
        caller, wire = tp.read_wav(tmp_path / name / "caller.wav"), tp.read_wav(tmp_path / name / "wire.wav", 8000)
        assert len(caller) == 2 * len(wire) > 0
        if name == "inbound":
            assert [e["digit"] for e in events if e["type"] == "user.dtmf"] == list("4711#")
        else:
            (answer,) = [e for e in events if e["type"] == "voicemail.detected"]
            assert (answer["result"], answer["method"]) == ("machine", "audio")
            (beep,) = [e for e in events if e["type"] == "voicemail.beep"]
            assert beep["timestamp_ms"] > answer["timestamp_ms"]
            assert beep["frequency_hz"] == pytest.approx(1015, abs=2)
            assert beep["duration_ms"] == pytest.approx(420, abs=30)


def test_run_takes_separate_tracks_and_other_formats(tmp_path) -> None:
    keys = tp.dtmf.generate("77", 8000)
    wav.write_wav(
        tmp_path / "caller.wav", np.concatenate([np.zeros(8000, np.int16), keys, np.zeros(4000, np.int16)]), 8000
    )
    wav.write_wav(tmp_path / "agent.wav", np.full(24000, 900, np.int16), 24000)
    out = tmp_path / "out"
    arguments = ["run", str(tmp_path / "caller.wav"), "--agent", str(tmp_path / "agent.wav"), "--out", str(out), "--stream",
                 "audio/x-alaw;rate=8000", "--audio-format", "pcm_24k", "--loss", "5"]  # fmt: skip
    assert main(arguments) == 0
    types = [json.loads(line)["type"] for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert types.count("user.dtmf") == 2
    assert types.count("agent.speech_completed") == 1
    assert wav.read_wav_channels(out / "wire.wav", 8000)[0].max() > 800


def test_errors_are_one_line(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "missing.wav")]) == 1
    (tmp_path / "text.wav").write_text("hello, world: this is text")
    assert main(["run", str(tmp_path / "text.wav"), "--out", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert "missing.wav" in shown
    assert "text.wav: not a sound file" in shown
