"""The call in Pipecat's serializer: what leaves it, when, and what of the agent was sent and heard."""

import asyncio

import numpy as np
import pytest
from echo_scene import to_int16, voice

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")

from pipecat.frames.frames import EndFrame, InterruptionFrame, OutputTransportMessageFrame
from pipecat_line import PipecatLine, Socket

from talkpath import CallConfig, ConfigError, g711
from talkpath._core import dtmf_generate
from talkpath.call.events import AgentSpeechInterrupted, AgentSpeechStarted, AgentSpeechUnderrun, UserDtmf
from talkpath.integrations.pipecat import AgentHeard, CallAudioFrame, TalkpathSerializer
from talkpath.server import MarkHeard
from talkpath.streams import ClearRequest, HangupRequest, Media

PLAIN = CallConfig(
    echo_control=False, comfort_noise_enabled=False, normalize_level=False, idle_timeout=None, allow_interruptions=False
)


def tone(seconds: float, rate_hz: int, hz: float = 700.0) -> np.ndarray:
    return (9000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@pytest.mark.parametrize("dialect", ["plivo", "twilio", "telnyx", "vonage"])
def test_a_message_of_20_ms_leaves_as_a_frame_of_20_ms(dialect: str, rate_hz: int) -> None:
    line = PipecatLine(dialect, rate_hz=rate_hz).run(3.0)
    media = [t for t, _ in line.frames]
    assert len(media) >= line.sent_frames - 2
    assert {len(frame.audio) for _, frame in line.frames} == {2 * rate_hz // 50}
    assert {(frame.sample_rate, frame.num_channels, type(frame)) for _, frame in line.frames} == {
        (rate_hz, 1, CallAudioFrame)
    }
    assert np.allclose(np.diff(media), 0.02)


def test_audio_leaves_with_the_message_that_brought_it() -> None:
    """The delay is the call's own: nothing waits for the next message."""
    click = np.zeros(160, np.int16)
    click[0] = 20000
    line = PipecatLine(config=PLAIN, caller=lambda i: g711.ulaw_encode(click if i == 50 else np.zeros(160, np.int16)))
    line.run(2.0)
    pcm = np.frombuffer(b"".join(frame.audio for _, frame in line.frames), np.int16)
    call = line.serializer.call
    assert call is not None
    delay_ms = int(np.abs(pcm).argmax()) / 16 - 50 * 20
    assert abs(delay_ms - call.delay_ms) < 1.0
    assert sum(frame.num_frames for t, frame in line.frames if t <= 0.05 + 50 * 0.02 + 1e-6) == 51 * 320


@pytest.mark.parametrize("jitter_s", [0.004, 0.015])
def test_jitter_loses_nothing(jitter_s: float) -> None:
    rng = np.random.default_rng(1)
    line = PipecatLine(rate_hz=16000)
    deliver = line.deliver

    async def late(data: str | bytes) -> None:
        line.at(line.now + rng.uniform(0, jitter_s), lambda: deliver(data))

    line.deliver = late  # type: ignore[method-assign]
    line.run(4.0)
    samples = sum(frame.num_frames for _, frame in line.frames)
    assert samples >= 320 * (line.sent_frames - 3)
    assert line.serializer.session.counters.starved == 0


@pytest.mark.parametrize("seconds", [0.4, 0.73, 2.0])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000, 44100, 48000])
def test_an_utterance_leaves_whole(rate_hz: int, seconds: float) -> None:
    line = PipecatLine(config=PLAIN)
    line.say(0.5, tone(seconds, rate_hz), rate_hz)
    line.run(4.0)
    heard = line.heard().astype(float)
    loud = np.flatnonzero(np.abs(heard) > 2000)
    assert abs((loud[-1] - loud[0]) / 8000 - seconds) < 0.0035
    assert np.diff(loud).max() < 12  # of a tone of 700 Hz: no gap
    assert not line.of(AgentSpeechUnderrun)


def test_two_utterances_have_two_names_and_marks_that_come_back() -> None:
    line = PipecatLine(config=PLAIN)
    line.say(0.5, tone(0.5, 24000), 24000)
    line.say(1.5, tone(0.5, 24000), 24000)
    line.run(3.0)
    assert [e.utterance for e in line.of(AgentSpeechStarted)] == ["pipecat-1", "pipecat-2"]
    assert [(e.name, e.by) for e in line.of(MarkHeard)] == [("begin-1", "mark"), ("begin-2", "mark")]


def test_speech_before_the_start_is_said() -> None:
    line = PipecatLine(config=PLAIN)
    open_, line.provider.open = line.provider.open, lambda start: []
    line.say(0.01, tone(0.08, 24000), 24000)

    async def begin() -> None:
        for message in open_(line.start):
            await line.deliver(message)

    line.at(0.045, begin)
    line.run(2.0)
    loud = np.flatnonzero(np.abs(line.heard()) > 2000)
    assert abs((loud[-1] - loud[0]) / 8000 - 0.08) < 0.0035


def test_pipecats_interruption_clears_queue_and_provider() -> None:
    line = PipecatLine(config=PLAIN, lag_s=0.1)
    line.say(0.5, tone(0.62, 24000), 24000)
    line.at(1.003, lambda: line.give(InterruptionFrame()))
    line.run(2.0)
    assert [t for t, m in line.out if isinstance(m, ClearRequest)] == [pytest.approx(1.01, abs=0.011)]
    assert len(line.of(AgentSpeechInterrupted)) == 1
    loud = np.flatnonzero(np.abs(line.heard()) > 2000)
    heard = line.of(AgentHeard)[0].heard_s
    assert abs(heard - (loud[-1] - loud[0]) / 8000) < 0.02  # a frame, though the provider is 100 ms late


def test_what_was_heard_counts_from_the_beginning_though_pipecat_stood_still() -> None:
    line = PipecatLine(config=PLAIN)
    line.say(0.5, tone(0.4, 24000), 24000)
    line.say(1.0, tone(0.8, 24000), 24000)  # the same speech: its chunks were 100 ms late
    line.at(1.503, lambda: line.give(InterruptionFrame()))
    line.run(2.0)
    loud = np.flatnonzero(np.abs(line.heard()) > 2000)
    hole_s = np.diff(loud).max() / 8000
    assert hole_s > 0.05
    assert abs(line.of(AgentHeard)[0].heard_s - ((loud[-1] - loud[0]) / 8000 - hole_s)) < 0.03


@pytest.mark.parametrize("stall_s", [0.0, 0.2])
def test_the_caller_interrupts_and_late_chunks_are_dropped(stall_s: float) -> None:
    """Also where Pipecat stands still just then, and goes on with what was cut; what it says after its own interruption is said."""
    said = to_int16(voice(4.0, seed=5))
    config = CallConfig(comfort_noise_enabled=False, idle_timeout=None, greeting_interrupt_duration=0.0)
    line = PipecatLine(
        config=config,
        caller=lambda i: g711.ulaw_encode(
            said[max(0, i - 100) * 160 :][:160] if 100 <= i < 200 else np.zeros(160, np.int16)
        ),
    )
    give = line.give

    async def late(frame: object) -> None:
        is_cut = any(isinstance(m, ClearRequest) for _, m in line.out)
        line.at(line.now + (stall_s if is_cut else 0.0), lambda: give(frame))

    line.give = late  # type: ignore[method-assign]
    line.say(0.5, to_int16(voice(4.0, seed=9)), 8000)
    line.at(4.75, lambda: give(InterruptionFrame()))
    line.say(5.0, tone(0.3, 8000), 8000)
    line.run(6.5)
    cut = next(t for t, m in line.out if isinstance(m, ClearRequest))
    assert 2.2 < cut < 3.5
    levels = [(t, np.abs(g711.ulaw_decode(m.payload)).max()) for t, m in line.out if isinstance(m, Media)]
    assert [t for t, level in levels if cut + 0.021 < t < 5.0 and level >= 50] == []
    assert len([t for t, level in levels if t >= 5.0 and level > 2000]) in (15, 16)
    assert len(line.of(AgentHeard)) == 1


@pytest.mark.parametrize("by", ["message", "sound"])
def test_keys(by: str) -> None:
    key = dtmf_generate("7")
    line = PipecatLine(
        caller=lambda i: g711.ulaw_encode(
            key[(i - 20) * 160 :][:160] if by == "sound" and 20 <= i < 25 else np.zeros(160, np.int16)
        )
    )
    if by == "message":
        line.at(0.4, lambda: line.deliver(line.provider.dtmf("7")))
    line.run(1.5)
    assert [e.digit for e in line.of(UserDtmf)] == ["7"]


def test_the_end_frame_hangs_up_where_the_dialect_can() -> None:
    line = PipecatLine("vonage")
    line.at(1.0, lambda: line.give(EndFrame()))
    line.run(2.0)
    assert line.serializer.session.ended == "hangup"
    assert line.serializer.call is None
    line = PipecatLine("asterisk")
    line.at(1.0, lambda: line.give(EndFrame()))
    line.run(2.0)
    assert line.got_of(HangupRequest)


def test_the_task_closes_the_socket_when_the_provider_stops() -> None:
    async def scene() -> Socket:
        line = PipecatLine("twilio")
        for message in line.provider.open(line.start):
            await line.deliver(message)
        await line.deliver(line.provider.hangup() or line.provider.stop())
        for _ in range(20):
            await asyncio.sleep(0)
        return line.socket

    assert asyncio.run(scene()).is_closed


def test_a_client_that_has_gone_ends_the_call() -> None:
    line = PipecatLine()

    async def gone(data: object) -> None:
        raise RuntimeError("websocket is closed")

    line.socket.send_text = gone  # type: ignore[method-assign]
    line.run(1.0)
    assert line.serializer.session.ended == "connection closed"


def test_messages_of_the_application_go_as_they_are() -> None:
    frame = OutputTransportMessageFrame(message={"a": 1})
    assert asyncio.run(PipecatLine().serializer.serialize(frame)) == '{"a": 1}'


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="provider must be 'auto', 'plivo'"):
        TalkpathSerializer(Socket(), "plivvo")
    with pytest.raises(ConfigError, match="audio_in_sample_rate must be 8000, 16000 or 24000"):
        PipecatLine(rate_hz=48000).run(0.1)
