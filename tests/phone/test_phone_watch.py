"""What is told of a conversation, with a server whose every sample is known."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from talkpath import g711
from talkpath.cli.dial_table import print_table
from talkpath.errors import ConfigError
from talkpath.phone import CallPlan, CallResult, Line, Say, Script, SimulatedCall, Wait, overall, voice
from talkpath.phone.ear import Ear
from talkpath.phone.voice import noise, to_int16
from talkpath.streams import Twilio

TONE = np.full(160, 3000, np.int16)
TONE[::2] *= -1
NOTHING = np.zeros(160, np.int16)
LINE = Line(playout_ms=0)


def converse(script: Script, agent: str, clear_at: int | None = None, line: Line = LINE) -> CallResult:
    """The server sends a frame every 20 ms from 10 ms on: a tone where `agent` has "a", silence for "."; perhaps a clear."""
    plan = CallPlan(caller=script, line=line, duration_s=len(agent) * 0.02, record=True)
    call, server = SimulatedCall(plan, now=0.0), Twilio()
    for i, letter in enumerate(agent):
        call.tick(i * 0.02)
        for data in call.data_to_send():
            server.receive(data)
        if i == clear_at:
            call.receive(server.clear(), i * 0.02 + 0.005)
        call.receive(server.media(g711.ulaw_encode(TONE if letter == "a" else NOTHING)), i * 0.02 + 0.01)
    call.tick(len(agent) * 0.02)
    return call.result()


def test_interrupted() -> None:
    """The agent is played from 20 ms on; the caller speaks at 1 s; the last of 75 frames is played until 1.52 s."""
    result = converse(Script((Wait(1.0), Say(seconds=1.0, voice=3), Wait(9))), "a" * 75 + "." * 100, clear_at=74)
    (barge,) = result.barge_ins
    assert barge.at_s == pytest.approx(1.0, abs=0.01)
    assert barge.clear_ms == pytest.approx(1000 * (74 * 0.02 + 0.005 - barge.at_s), abs=0.2)
    assert barge.silence_ms == pytest.approx(1000 * (1.52 - barge.at_s), abs=0.2)
    assert result.unprompted_clears == 0
    assert result.cleared_ms == 0  # nothing waited


def test_an_agent_that_speaks_on() -> None:
    result = converse(Script((Wait(1.0), Say(seconds=1.0), Wait(99))), "a" * 600)
    (barge,) = result.barge_ins
    assert barge.silence_ms is None
    assert overall([result])["not_interrupted"] == 1


def test_an_agent_that_had_just_ended_was_not_interrupted() -> None:
    result = converse(Script((Wait(1.0), Say(seconds=1.0), Wait(9))), "a" * 45 + "." * 100)
    assert result.barge_ins == []


def test_a_call_that_ends_meanwhile_tells_nothing() -> None:
    assert converse(Script((Wait(1.0), Say(seconds=1.0), Wait(9))), "a" * 80).barge_ins == []


def test_answer() -> None:
    """The agent's frame 150 is played from 3.02 s on."""
    result = converse(Script((Wait(0.5), Say(seconds=1.0, voice=3), Wait(9))), "." * 150 + "a" * 30)
    silent = next(e["at_s"] for e in result.events if e["event"] == "caller_silent")
    assert result.answers_ms == [pytest.approx(1000 * (3.02 - silent), abs=0.2)]
    assert result.first_speech_ms == pytest.approx(3020, abs=0.2)
    assert result.unanswered == 0
    assert result.speech_heard_s == pytest.approx(0.6)
    assert result.speech_heard_bytes == 30 * 160


def test_a_word_over_the_agent_is_answered_by_its_next_word() -> None:
    """The agent does not stop for it, falls silent by itself, and then answers."""
    result = converse(Script((Wait(1.0), Say(seconds=0.6, voice=3), Wait(9))), "a" * 100 + "." * 50 + "a" * 50)
    (answer,) = result.answers_ms
    silent = next(e["at_s"] for e in result.events if e["event"] == "caller_silent")
    assert answer == pytest.approx(1000 * (3.02 - silent), abs=0.2)


def test_clears_without_a_word() -> None:
    assert converse(Script((Wait(99),)), "a" * 50 + "." * 50, clear_at=40).unprompted_clears == 1
    late = converse(Script((Wait(0.1), Say(seconds=0.5), Wait(99))), "a" * 300, clear_at=250)
    assert late.unprompted_clears == 1
    soon = converse(Script((Wait(0.1), Say(seconds=0.5), Wait(99))), "." * 40 + "a" * 100, clear_at=60)
    assert soon.unprompted_clears == 0


def test_delay_of_the_line_counts_from_the_wire() -> None:
    """The caller is heard 200 ms later, so the server's time begins 200 ms later."""
    script = Script((Wait(1.0), Say(seconds=1.0, voice=3), Wait(9)))
    near = converse(script, "a" * 75 + "." * 100).barge_ins[0].silence_ms
    far = converse(script, "a" * 75 + "." * 100, line=replace(LINE, delay_ms=200)).barge_ins[0].silence_ms
    assert near is not None
    assert far == pytest.approx(near - 200, abs=0.2)


# --- the ear ----------------------------------------------------------------------------------------------------------------------


def listen(ear: Ear, pcm: np.ndarray, n: int) -> list[bool]:
    said = []
    for at in range(0, len(pcm) - n + 1, n):
        frame = np.ascontiguousarray(pcm[at : at + n])
        ear.hear(frame.astype(np.float32), frame)
        said.append(ear.speaks)
    return said


@pytest.mark.parametrize("rate", [8000, 16000])
def test_vad_hears_a_voice_and_no_background(rate: int) -> None:
    n = rate // 50
    hiss = np.tile(noise(4.0, rate, -38.0, 0.0, 0.0), 3)
    speech = np.zeros(len(hiss))
    speech[4 * rate : 8 * rate] = voice(4.0, rate, 5, -16.0)
    pcm = to_int16(hiss + speech)
    level = listen(Ear(rate, n), pcm, n)
    assert all(level[10:])  # the background alone is loud enough
    said = listen(Ear(rate, n, "vad"), pcm, n)
    assert np.mean(said[50:190]) < 0.05
    assert np.mean(said[220:395]) > 0.9
    assert not any(said[450:])


def test_where_speech_begins_is_known_to_the_sample() -> None:
    pcm = np.zeros(16000, np.int16)
    pcm[1234:8000] = np.tile([3000, -3000], 3383)
    ear = Ear(8000, 160)
    listen(ear, pcm, 160)
    assert ear.began * 160 + ear.began_sample == 1234


def test_wrong_ears_are_refused() -> None:
    with pytest.raises(ConfigError, match="level"):
        Ear(8000, 160, "sharp")
    with pytest.raises(ConfigError, match="8000 or 16000"):
        Ear(24000, 480, "vad")


def test_the_table_leaves_nothing_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Pauses, refused messages and dropped audio are told where there are any."""
    plan = CallPlan(caller=Script((Wait(99),)), duration_s=4)
    call, server = SimulatedCall(plan, now=0.0), Twilio()
    for data in call.data_to_send():
        server.receive(data)
    for t in (0.1, 2.5):
        call.receive(server.media(bytes(160)), t)
    call.receive("{", 2.6)
    for _ in range(10):
        call.receive(server.media(bytes(800_000)), 2.7)
    call.tick(4.0)
    total = {**overall([call.result()]), "phone_cpu": {"cores": 0.1, "us_a_frame": 40.0}}
    console = Console(width=200)
    print_table("ws://x/", plan, "picows", [call.result()], total, console)
    told = capsys.readouterr().out
    for text in ("1 pauses of a second", "1 messages that were refused", "200000 ms of audio too much", "40 µs a call"):
        assert text in told


def test_results_without_a_call() -> None:
    total = overall([])
    assert total["calls"] == 0
    assert total["late_ms"]["count"] == 0
