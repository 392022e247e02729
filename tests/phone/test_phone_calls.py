"""Simulated calls against a session, for every dialect: what is said is heard, what is pressed arrives, who hangs up is known."""

from dataclasses import replace

import numpy as np
import pytest
from phone_rig import Rig

from talkpath import CallConfig
from talkpath.call.events import UserDtmf, UserSpeechStarted
from talkpath.phone import CallPlan, Press, Say, Script, Wait, WaitFor, align, load_script, parse_line, voice
from talkpath.server import Began, MarkHeard
from talkpath.streams import DIALECTS, FlowControl, Start

STAY = load_script("silent")
CLEARS = ("plivo", "twilio", "signalwire", "telnyx", "exotel", "vonage", "genesys", "azure", "asterisk", "jambonz")
HANGS_UP = ("asterisk", "audiosocket", "genesys", "jambonz")


def plan_for(dialect: str, **changes: object) -> CallPlan:
    return replace(CallPlan(provider=dialect, caller=STAY, duration_s=8, record=True), **changes)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_said_is_heard(dialect: str) -> None:
    plan = plan_for(dialect, duration_s=6)
    rate = plan.wires[1].sample_rate_hz
    said = voice(3.0, rate, 7)
    rig = Rig(plan, said).run(8)
    result = rig.call.result()
    assert result.ok
    assert result.ended == "time was up"
    found = align(said, rig.call.heard, rate)
    assert found.is_whole
    assert found.error_db < -30
    assert found.offset_samples < 0.5 * rate
    assert result.holes == 0
    assert result.late.over_5 == 0
    assert result.malformed == 0
    assert 1.5 < result.speech_heard_s < 3.1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_caller_says_arrives(dialect: str) -> None:
    script = Script((Wait(0.5), Say(seconds=1.5), Wait(2)))
    rig = Rig(plan_for(dialect, caller=script, line=parse_line("landline"))).run(6)
    assert len(rig.of(UserSpeechStarted)) == 1
    assert rig.call.ended == "the caller hung up"
    assert rig.session.counters.malformed == 0
    assert rig.session.counters.lost == 0
    (spoke,) = rig.told("caller_speaks")
    (silent,) = rig.told("caller_silent")
    assert 0.4 < spoke["at_s"] < 0.65
    assert 1.3 < silent["at_s"] - spoke["at_s"] < 1.6


@pytest.mark.parametrize("dialect", DIALECTS)
def test_start_carries_numbers_and_ids(dialect: str) -> None:
    plan = plan_for(dialect, from_number="+4930123", to_number="+4930456", path="/x?a=1")
    rig = Rig(plan).run(0.5)
    (began,) = rig.of(Began)
    start: Start = began.start
    mine = plan.start(1, 1)
    if dialect != "azure":  # a header field of the upgrade
        assert start.call_id == mine.call_id
    if dialect not in ("azure", "asterisk", "audiosocket"):
        assert (start.from_number, start.to_number) == ("+4930123", "+4930456")
    if dialect == "asterisk":
        assert start.from_number == "+4930123"
    assert (start.wire.codec, start.wire.sample_rate_hz) == (mine.wire.codec, mine.wire.sample_rate_hz)


@pytest.mark.parametrize("by", ["message", "sound", "both"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_keys(dialect: str, by: str) -> None:
    script = Script((Wait(0.5), Press("12#", by), Wait(1)))
    rig = Rig(plan_for(dialect, caller=script)).run(4)
    assert [event.digit for event in rig.of(UserDtmf)] == list("12#")
    assert rig.call.result().unprompted_clears == 0
    assert rig.session.counters.keys_paired == (3 if by == "both" and dialect != "freeswitch" else 0)


@pytest.mark.parametrize("dialect", ["twilio", "plivo", "vonage", "asterisk", "jambonz", "telnyx", "exotel"])
def test_marks_are_answered_when_played(dialect: str) -> None:
    plan = plan_for(dialect, duration_s=5)
    rate = plan.wires[1].sample_rate_hz
    rig = Rig(plan)
    rig.run(0.5)
    rig.session.call.speak(voice(1.0, rate, 7), rate, "u", True)
    rig.session.call.checkpoint("said")
    rig.run(4)
    assert [event.name for event in rig.of(MarkHeard)] == ["said"]
    (asked,) = rig.told("mark")
    (played,) = rig.told("mark_played")
    silent = rig.told("agent_silent")[0]["at_s"]
    assert asked["at_s"] < played["at_s"]
    assert -0.03 <= played["at_s"] - silent <= (0.13 if dialect == "exotel" else 0.06)  # Exotel gathers 100 ms


def test_audio_sent_ahead_is_queued_and_played_in_its_time() -> None:
    plan = plan_for("twilio", duration_s=6)
    call = Rig(plan).call
    server = DIALECTS["twilio"]()
    for data in plan.stream().open(call.start):
        server.receive(data)
    from talkpath import g711

    said = voice(3.0, 8000, 3)
    call.receive(server.media(g711.ulaw_encode(said)), 0.01)
    call.receive(server.mark("end"), 0.01)
    for t in (0.5, 1.0, 1.5, 2.0):
        call.tick(t)
    assert not [e for e in call.events if e["event"] == "mark_played"]
    for t in (2.5, 3.0, 3.5):
        call.tick(t)
    assert [e["name"] for e in call.events if e["event"] == "mark_played"] == ["end"]
    assert len(call.heard) > 8000 * 3
    found = align(said, call.heard, 8000)
    assert found.is_whole
    assert found.offset_samples <= 320


@pytest.mark.parametrize("dialect", CLEARS)
def test_clear_empties_the_queue(dialect: str) -> None:
    plan = plan_for(dialect, caller=Script((WaitFor("speech"), Wait(1.0), Say(seconds=2.0), Wait(3))))
    rate = plan.wires[1].sample_rate_hz
    rig = Rig(plan, voice(6.0, rate, 7), config=CallConfig(comfort_noise_enabled=False, idle_timeout=None)).run(9)
    (barge,) = rig.call.result().barge_ins
    assert barge.clear_ms is not None
    assert barge.silence_ms is not None
    assert 300 < barge.clear_ms < 700
    assert (
        -1 < barge.silence_ms - barge.clear_ms < 45
    )  # where messages are gathered, the frame that fades out is left out
    assert rig.call.result().unprompted_clears == 0


@pytest.mark.parametrize("dialect", HANGS_UP)
def test_server_hangs_up(dialect: str) -> None:
    rig = Rig(plan_for(dialect))
    rig.at[1.0] = lambda: rig.session.hangup(rig.now)
    rig.run(3)
    assert rig.call.ended is not None
    assert rig.call.ended.startswith("the server hung up")
    assert 0.99 <= rig.call.result().duration_s < 1.1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_caller_hangs_up(dialect: str) -> None:
    rig = Rig(plan_for(dialect, duration_s=1)).run(3)
    rig.session.closed(rig.now)
    assert rig.session.ended is not None
    says_so = dialect not in ("vonage", "infobip", "azure", "asterisk", "jambonz", "freeswitch")
    assert (rig.session.ended != "connection closed") is says_so


def test_answer_and_first_speech_are_measured() -> None:
    plan = plan_for("twilio", caller=Script((Wait(2), Say(seconds=1.0, voice=3), Wait(4))), duration_s=9)
    rig = Rig(plan, voice(1.0, 8000, 7), voice(1.0, 8000, 8)).run(9)
    result = rig.call.result()
    assert result.first_speech_ms is not None
    assert 0 < result.first_speech_ms < 150
    (answer,) = result.answers_ms
    silent, speaks = rig.told("caller_silent")[0]["at_s"], rig.told("agent_speaks")[1]["at_s"]
    assert answer == pytest.approx(1000 * (speaks - silent), abs=0.2)
    assert 500 < answer < 1200
    assert result.unanswered == 0


def test_unanswered_words_are_counted() -> None:
    rig = Rig(plan_for("plivo", caller=Script((Wait(0.3), Say(seconds=0.8), Wait(2), Say(seconds=0.8), Wait(2))))).run(
        8
    )
    assert rig.call.result().unanswered == 2
    assert rig.call.result().answers_ms == []


def test_drift_of_the_provider_clock() -> None:
    def frames(ppm: float) -> tuple[int, Rig]:
        rig = Rig(plan_for("twilio", duration_s=100, line=parse_line(f"clean,drift_ppm={ppm}"), record=False)).run(101)
        return rig.call.result().own_late.spread.count, rig

    nominal, _ = frames(0)
    fast, rig = frames(400)
    assert fast - nominal == pytest.approx(2, abs=1)
    assert rig.call.result().holes == 0  # the session follows
    assert rig.call.result().late.over_5 == 0


def test_the_same_seed_is_the_same_call() -> None:
    def wire(seed: int) -> list[str | bytes]:
        plan = plan_for("telnyx", caller=load_script("talker"), line=parse_line("bad-wifi,echo_db=-15"), duration_s=6)
        return Rig(plan, voice(1.0, 8000, 7), seed=seed).run(7).wire

    assert wire(1) == wire(1)
    assert wire(1) != wire(2)


def test_late_frames_are_seen() -> None:
    def delay_s(t: float) -> float:
        return 0.028 if 2.0 <= t < 2.02 else 0.095 if 3.0 <= t < 3.02 else 0.0

    rig = Rig(plan_for("twilio", duration_s=5), voice(4.0, 8000, 7), delay_s=delay_s).run(6)
    late = rig.call.result().late
    # in order behind the late one: 28 8; 95 75 55 35 15
    assert (late.over_5, late.over_20, late.over_60) == (7, 5, 2)
    assert late.spread.max == pytest.approx(95, abs=0.1)
    assert rig.call.result().gaps.max == pytest.approx(115, abs=0.1)
    assert rig.call.result().holes == 1


@pytest.mark.parametrize("wires", [("alaw", None), ("l16@16000", None), ("mulaw", "l16@16000"), ("l16@16000", "mulaw")])
def test_other_wires(wires: tuple[str, str | None]) -> None:
    from talkpath.phone import parse_wire
    from talkpath.streams import Telnyx

    wire, out = parse_wire(wires[0], "telnyx"), parse_wire(wires[1], "telnyx") if wires[1] else None
    plan = plan_for("telnyx", wire=wire, wire_out=out or wire, duration_s=3)
    call = Rig(plan).call
    server = Telnyx(wire_out=plan.wires[1])
    for data in plan.stream().open(call.start):
        server.receive(data)
    from talkpath.phone.codec import encoder

    encode, n = encoder(plan.wires[1]), plan.wires[1].sample_rate_hz // 50
    said = voice(1.5, plan.wires[1].sample_rate_hz, 3)
    now = 0.0
    for i in range(75):
        now = 0.02 * i
        call.receive(server.media(encode(np.ascontiguousarray(said[i * n : (i + 1) * n]))), now)
        call.tick(now)
    call.tick(2.5)
    assert call.sample_rate_hz == wire.sample_rate_hz
    assert call.result().audio_s == pytest.approx(1.5, abs=0.01)
    same = voice(1.5, wire.sample_rate_hz, 3)
    if out is None:
        assert align(same, call.heard, wire.sample_rate_hz).is_whole
    else:
        heard = call.heard.astype(float)
        assert np.sqrt((heard**2).sum() / wire.sample_rate_hz) == pytest.approx(
            np.sqrt((said.astype(float) ** 2).sum() / plan.wires[1].sample_rate_hz), rel=0.2
        )


def test_asterisk_says_that_its_queue_is_full() -> None:
    plan = plan_for("asterisk", duration_s=30)
    call = Rig(plan).call
    server = DIALECTS["asterisk"]()
    for data in plan.stream().open(call.start):
        server.receive(data)

    def flow() -> list[bool]:
        texts = [data for data in call.data_to_send() if isinstance(data, str)]
        return [m.paused for data in texts for m in server.receive(data) if isinstance(m, FlowControl)]

    for _ in range(899):
        call.receive(server.media(b"\x55" * 160), 0.1)
    assert flow() == []
    for _ in range(300):
        call.receive(server.media(b"\x55" * 160), 0.1)
    assert flow() == [True]
    assert call.result().dropped_ms == 199 * 20
    for t in range(1, 30):
        call.tick(t * 0.9)
    assert flow() == [False]


def test_a_phone_that_stood_still_goes_on() -> None:
    rig = Rig(plan_for("twilio", duration_s=900)).run(1.0)
    rig.call.data_to_send()
    rig.call.tick(600.0)
    assert len(rig.call.data_to_send()) == 1
    assert [e["event"] for e in rig.call.events] == ["phone_stood_still"]
    assert rig.call.result().own_late.spread.max == pytest.approx(599_000, rel=0.01)
    rig.call.tick(600.5)
    assert 24 <= len(rig.call.data_to_send()) <= 26


def test_l16_may_be_cut_anywhere(rng: np.random.Generator) -> None:
    plan = plan_for("audiosocket", duration_s=9)
    call = Rig(plan).call
    server = DIALECTS["audiosocket"]()
    for data in plan.stream().open(call.start):
        server.receive(data)
    said = voice(2.0, 8000, 3)
    data, at = said.tobytes(), 0
    while at < len(data):
        n = int(rng.integers(1, 999))
        call.receive(server.media(data[at : at + n]), 0.1)
        at += n
    for t in range(1, 6):
        call.tick(t * 0.8)
    assert align(said, call.heard, 8000).error_db == float("-inf")
    assert call.result().malformed == 0
