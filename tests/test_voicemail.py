"""Who answered, through the whole call: greetings, what rings before them, beeps after them, and what the agent itself sends meanwhile."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import synthesise

import talkpath as tp
from talkpath.call.events import Event

STREAMS = ("audio/x-mulaw;rate=8000", "audio/x-alaw;rate=8000", "audio/x-l16;rate=16000")
MACHINE = "Hi, you have reached the voicemail of Dave. I cannot come to the phone right now. Please leave a message."
AGENT = "Hello, this is the dental practice of doctor Miller. I am calling about your appointment on Thursday at ten."
PEOPLE = (
    "Hello?",
    "Yes, Miller speaking.",
    "Good morning, Acme, Mary speaking.",
    "Hello? Who is this please?",
    "Hello, Smith and Jones, how can I help?",
)
VOICES = ("en-us", "en-gb", "en-gb-scotland", "flite:slt", "flite:rms", "flite:awb")
RINGS = {  # frequencies, then ms on and off; AM in Hz where the tone is modulated
    "north america": ((440, 480), (2000, 4000), 0),
    "korea": ((440, 480), (1000, 2000), 0),
    "europe": ((425,), (1000, 4000), 0),
    "hungary": ((425,), (1250, 3750), 0),
    "china": ((450,), (1000, 4000), 0),
    "france": ((440,), (1500, 3500), 0),
    "uk": ((400, 450), (400, 200, 400, 2000), 0),
    "australia": ((400, 425, 450), (400, 200, 400, 2000), 0),
    "india": ((400,), (400, 200, 400, 2000), 25),
    "south africa": ((400,), (400, 200, 400, 2000), 33),
    "japan": ((400,), (1000, 2000), 16),
}


def level(x: np.ndarray, dbov: float) -> np.ndarray:
    """By the blocks of 10 ms that are within 25 dB of the loudest."""
    power = (x[: len(x) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1)
    return x * 32768 * 10 ** (dbov / 20) / np.sqrt(power[power > power.max() * 10**-2.5].mean())


@pytest.fixture(scope="session")
def say(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., np.ndarray]:
    """Synthesised speech by a Debian voice; float, in int16 units."""
    if not (shutil.which("espeak-ng") and shutil.which("flite")):
        pytest.skip("espeak-ng and flite are not installed")
    folder: Path = tmp_path_factory.mktemp("voices")
    made: dict[tuple[str, str, int], np.ndarray] = {}

    def say(text: str, voice: str = "en-us", rate: int = 8000, dbov: float = -22.0) -> np.ndarray:
        key = (text, voice, rate)
        if key not in made:
            path = folder / f"{len(made)}.wav"
            flite = ["flite", "-voice", voice[6:], "-t", text, "-o", str(path)]
            espeak = ["espeak-ng", "-v", voice, "-s", "165", "-w", str(path), text]
            synthesise(flite if voice.startswith("flite:") else espeak)
            x = tp.read_wav(path, rate).astype(float)
            loud = np.flatnonzero(np.abs(x) > 150)
            made[key] = x[loud[0] : loud[-1]]
        return level(made[key], dbov)

    return say


def tone(hz: tuple[float, ...], ms: int, dbov: float = -19.0, rate: int = 8000, modulation_hz: int = 0) -> np.ndarray:
    t = np.arange(rate * ms // 1000) / rate
    x = sum(np.sin(2 * np.pi * f * t) for f in hz) * (1 + (0.9 * np.sin(2 * np.pi * modulation_hz * t)))
    edge = np.minimum(1, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / (0.005 * rate))
    return edge * x / np.sqrt((x**2).mean()) * 32768 * 10 ** (dbov / 20)


def gap(ms: float, rate: int = 8000) -> np.ndarray:
    return np.zeros(int(rate * ms / 1000))


def ringing(plan: str, times: int, rate: int = 8000) -> np.ndarray:
    hz, cadence, modulation = RINGS[plan]
    pieces = [
        tone(hz, ms, rate=rate, modulation_hz=modulation) if i % 2 == 0 else gap(ms, rate)
        for _ in range(times)
        for i, ms in enumerate(cadence)
    ]
    return np.concatenate(pieces)


class LinePath:
    """What the line returns of what was sent: delayed, softer, with a short room if wanted."""

    def __init__(self, delay_ms: int, loss_db: float, rate: int, room: int = 0):
        self.delay = delay_ms * rate // 1000
        rng = np.random.default_rng(room)
        h = rng.normal(0, 1, 400) * np.exp(-np.arange(400) / 60) if room else np.ones(1)
        h[0] = 2.0 if room else 1.0
        self.response = h / np.sqrt((h**2).sum()) * 10 ** (-loss_db / 20)

    def __call__(self, sent: np.ndarray, at: int, n: int) -> np.ndarray:
        first, last = at - self.delay - len(self.response) + 1, at - self.delay + n
        known = np.zeros(n + len(self.response) - 1)
        low, high = max(0, first), min(len(sent), last)
        if high > low:
            known[low - first : high - first] = sent[low:high]
        return np.convolve(known, self.response, "valid")


def drive(
    call: tp.CallPipeline,
    near: np.ndarray,
    echo: LinePath | None = None,
    do: dict[int, Callable[[tp.CallPipeline], object]] | None = None,
    ahead: int = 0,
    noise_dbov: float = -62.0,
) -> list[Event]:
    """The call hears `near` and the echo of what it sends; `do`: ms → what the agent does then; `ahead`: frames that are sent first."""
    n, ms = call.config.frame_samples, call.config.frame_ms
    near = near + np.random.default_rng(1).normal(0, 32768 * 10 ** (noise_dbov / 20), len(near))
    frames = len(near) // n
    sent, events = np.zeros((frames + ahead) * n), []
    for k in range(frames + ahead):
        if do and k * ms in do:
            do[k * ms](call)
        transmitted = call.transmit()
        events += transmitted.events
        sent[k * n : (k + 1) * n] = call.decode(transmitted.payload)
        if k < ahead:
            continue
        at = (k - ahead) * n
        x = near[at : at + n] + (echo(sent[: (k + 1) * n] if not ahead else sent[: at + n], at, n) if echo else 0)
        events += call.receive(call.encode(np.clip(np.rint(x), -32768, 32767).astype(np.int16))).events
    return events


def speaks(x: np.ndarray, rate: int, utterance: str = "a") -> Callable[[tp.CallPipeline], object]:
    pcm = np.clip(np.rint(x), -32768, 32767).astype(np.int16)
    return lambda call: call.speak(pcm, rate, utterance, final=True)


def verdicts(events: list[Event]) -> list[tuple[str, str]]:
    return [(e.result, e.method) for e in events if e.type == "voicemail.detected"]


def of(events: list[Event], *kinds: str) -> list[Event]:
    return [e for e in events if e.type in kinds]


def audio_call(stream: str = STREAMS[0], **fields: object) -> tp.CallPipeline:
    return tp.CallPipeline(stream=stream, detection_method="audio", **fields)


# --- greetings: the call has the kernel's numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", VOICES)
def test_people_who_answer(say, voice: str) -> None:
    for text in PEOPLE:
        events = drive(audio_call(), np.concatenate([gap(700), say(text, voice), gap(2500)]))
        assert verdicts(events) == [("human", "audio")], text


@pytest.mark.parametrize("voice", VOICES)
def test_a_machine_with_pauses(say, voice: str) -> None:
    first, second = say("Hi, you have reached the voicemail of Dave.", voice), say(MACHINE[44:], voice)
    for pause_ms in (400, 900):
        near = np.concatenate([gap(800), first, gap(pause_ms), second, gap(600)])
        assert verdicts(drive(audio_call(), near)) == [("machine", "audio")], pause_ms


# --- before the greeting --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", RINGS)
def test_the_clock_starts_after_the_ringing(say, plan: str) -> None:
    voice, rings = VOICES[len(plan) % len(VOICES)], 1 + len(plan) % 3
    noise = -45.0 if len(plan) % 2 else -62.0  # a voice detector takes tones in noise for voices
    for who, text in (("human", "Hello?"), ("machine", MACHINE)):
        near = np.concatenate([gap(300), ringing(plan, rings), say(text, voice), gap(1500)])
        assert verdicts(drive(audio_call(), near, noise_dbov=noise)) == [(who, "audio")]


@pytest.mark.parametrize("silence_ms", [2500, 4000, 6000, 8500])
def test_silence_before_the_greeting(say, silence_ms: int) -> None:
    for who, text in (("human", "Yes, hello?"), ("machine", MACHINE)):
        near = np.concatenate([gap(silence_ms), say(text, "flite:slt"), gap(1500)])
        assert verdicts(drive(audio_call(), near)) == [(who, "audio")]


@pytest.mark.parametrize("seed", range(4))
def test_music_before_the_greeting(say, seed: int) -> None:
    """What goes on as loud as before is no silence after a greeting."""
    rng = np.random.default_rng(seed)
    notes = []
    for _ in range(24):
        t = np.arange(8 * int(rng.choice([180, 240, 300]))) / 8000
        f = float(rng.choice([262, 294, 330, 392, 440, 523]))
        chord = sum(np.sin(2 * np.pi * f * k * t) / k for k in (1, 1.26, 1.5, 2, 3))
        notes.append(
            chord * np.exp(-2.5 * t) * np.minimum(1, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / 40)
        )
    music = level(np.concatenate(notes), -20.0)
    for who, text in (("human", "Hello?"), ("machine", MACHINE)):
        near = np.concatenate([gap(300), music, gap(400), say(text, VOICES[seed]), gap(1500)])
        assert verdicts(drive(audio_call(), near)) == [(who, "audio")]


def test_nobody_speaks_is_unknown_until_somebody_does(say) -> None:
    events = drive(audio_call(), np.concatenate([gap(11_000), say("Hello?"), gap(1500)]))
    assert verdicts(events) == [("unknown", "audio"), ("human", "audio")]
    assert of(events, "voicemail.detected")[0].timestamp_ms == pytest.approx(10_000, abs=20)
    assert verdicts(drive(audio_call(), np.concatenate([ringing("north america", 2), gap(5000)]))) == []


# --- the beep -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", range(10))
def test_a_beep_corrects_what_a_short_greeting_seemed_to_be(say, case: int) -> None:
    rng = np.random.default_rng(case)
    text = ("Hello.", "Hi, this is Dave.", "Miller.", "Leave a message.", "You know what to do.")[case % 5]
    hz = float(rng.uniform(450, 2300))
    greeting = np.concatenate([gap(600), say(text, VOICES[case % 6]), gap(int(rng.uniform(1500, 5000)))])
    near = np.concatenate([greeting, tone((hz,), int(rng.uniform(150, 700)), -15), gap(800)])
    # Every other time the agent has begun to speak to what it takes for a person.
    do = {len(greeting) // 160 * 20 - 400: speaks(say(AGENT, "en-gb"), 8000)} if case % 2 else None
    events = drive(audio_call(), near, LinePath(150, 22, 8000), do)
    assert verdicts(events) == [("human", "audio"), ("machine", "beep")]
    beep = of(events, "voicemail.detected", "voicemail.beep")[-1]
    assert beep.type == "voicemail.beep"
    assert beep.frequency_hz == pytest.approx(hz, rel=0.01)


@pytest.mark.parametrize("case", range(10))
def test_a_person_who_has_replied_has_no_beep(say, case: int) -> None:
    rng = np.random.default_rng(case)
    hello = np.concatenate([gap(600), say(PEOPLE[case % 5], VOICES[case % 6])])
    hello = np.concatenate([hello, gap(1600)])
    question = say("Would Thursday at ten suit you?", "flite:slt")
    reply = say("Yes, that would be fine, thank you.", VOICES[case % 6])
    wait = gap(len(question) / 8 + float(rng.uniform(400, 1500)))
    near = np.concatenate(
        [
            hello,
            wait,
            reply,
            gap(float(rng.uniform(300, 3000))),
            tone((float(rng.uniform(450, 2300)),), 300, -14),
            gap(600),
        ]
    )
    events = drive(audio_call(), near, LinePath(150, 22, 8000), {len(hello) // 160 * 20: speaks(question, 8000)})
    assert verdicts(events) == [("human", "audio")]
    assert not of(events, "voicemail.beep")


def test_a_beep_long_after_a_person_is_none(say) -> None:
    near = np.concatenate([gap(600), say("Hello?"), gap(32_000), tone((1000,), 300, -14), gap(600)])
    assert verdicts(drive(audio_call(), near)) == [("human", "audio")]


def test_the_beep_alone_for_an_orchestrator_that_judges_itself(say) -> None:
    near = np.concatenate([gap(400), say("Hi, this is Dave."), gap(900), tone((850,), 350, -14), gap(600)])
    call = tp.CallPipeline(detection_method="llm")
    events = drive(call, near)
    assert verdicts(events) == []
    assert len(of(events, "voicemail.beep")) == 1
    assert not of(drive(call, near), "voicemail.beep")  # once …
    call.listen_for_beep()
    assert len(of(drive(call, near), "voicemail.beep")) == 1  # … each time it is asked for
    call.listen_for_beep()
    call.listen_for_beep(False)
    assert not of(drive(call, near), "voicemail.beep")
    with pytest.raises(tp.StateError, match="detection_method"):
        tp.CallPipeline().listen_for_beep()


# --- the agent's own sounds come back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", range(18))
def test_own_keys_are_nobodys(case: int) -> None:
    rng = np.random.default_rng(case)
    stream = STREAMS[case % 3]
    rate = 16000 if stream.endswith("16000") else 8000
    keys = "".join(rng.choice(list("0123456789*#ABCD"), 4))
    echo = LinePath(int(rng.integers(0, 601)), float(rng.uniform(6, 40)), rate, room=case % 4)
    ahead = (0, 0, 5, 20)[case % 4]
    played = tp.dtmf.generate(keys, rate).astype(float)  # the same in a file or in speech
    do = {400: (lambda c: c.send_dtmf(keys)) if case % 2 else speaks(played, rate)}
    assert not of(drive(tp.CallPipeline(stream=stream), gap(2600, rate), echo, do, ahead), "user.dtmf")


@pytest.mark.parametrize("case", range(12))
def test_the_callers_key_while_own_keys_come_back(case: int) -> None:
    rng = np.random.default_rng(100 + case)
    stream = STREAMS[case % 3]
    rate = 16000 if stream.endswith("16000") else 8000
    own = "".join(rng.choice(list("0123456789*#"), 3, replace=False))
    key = str(rng.choice([k for k in "0123456789*#" if k not in own]))
    delay_ms = int(rng.integers(0, 601))
    near = gap(2600, rate)
    at = (400 + delay_ms + int(rng.integers(0, 500))) * rate // 1000
    press = tp.dtmf.generate(key, rate, tone_ms=150, level_dbov=float(rng.uniform(-16, -8)))
    near[at : at + len(press)] += press
    echo = LinePath(delay_ms, float(rng.uniform(12, 40)), rate, room=case % 4)
    events = drive(tp.CallPipeline(stream=stream), near, echo, {400: lambda c: c.send_dtmf(own)})
    assert [e.digit for e in of(events, "user.dtmf")] == [key]


@pytest.mark.parametrize("case", range(12))
def test_the_callers_same_key_louder_or_at_another_time_or_longer(case: int) -> None:
    rng = np.random.default_rng(200 + case)
    key, delay_ms = str(rng.choice(list("0123456789*#"))), int(rng.integers(0, 601))
    kind = ("louder", "once more", "too late", "longer")[case % 4]
    at_ms, dbov, length_ms = {
        "louder": (400 + delay_ms + int(rng.integers(-50, 250)), -7.0, 120),
        "once more": (400 + delay_ms + int(rng.integers(250, 900)), -14.0, 120),
        "too late": (1250 + int(rng.integers(0, 500)), -14.0, 120),
        "longer": (430 + delay_ms, -13.0, 400),
    }[kind]
    near = gap(2600)
    press = tp.dtmf.generate(key, 8000, tone_ms=length_ms, level_dbov=dbov)
    near[at_ms * 8 : at_ms * 8 + len(press)] += press
    loss_db = 60.0 if kind == "too late" else float(rng.uniform(12, 22))
    events = drive(tp.CallPipeline(), near, LinePath(delay_ms, loss_db, 8000), {400: lambda c: c.send_dtmf(key)})
    assert [e.digit for e in of(events, "user.dtmf")] == [key], kind


@pytest.mark.parametrize("case", range(14))
def test_own_beeps_are_nobodys_and_the_callers_still_is(case: int) -> None:
    rng = np.random.default_rng(300 + case)
    stream = STREAMS[case % 3]
    rate = 16000 if stream.endswith("16000") else 8000
    hz, other_hz = float(rng.uniform(450, 1300)), float(rng.uniform(1400, 2300))
    beep = tone((hz,) if case % 3 else (hz, 1.31 * hz), int(rng.uniform(100, 900)), float(rng.uniform(-18, -6)), rate)
    delay_ms = int(rng.integers(0, 601))
    echo = LinePath(delay_ms, float(rng.uniform(6, 30)), rate, room=case % 4)
    near = gap(3600, rate)
    at = (2400 + delay_ms) * rate // 1000
    theirs = tone((other_hz,), 300, -14, rate)
    near[at : at + len(theirs)] += theirs
    events = drive(audio_call(stream), near, echo, {400: speaks(beep, rate)}, (0, 0, 5)[case % 3])
    assert [e.frequency_hz for e in of(events, "voicemail.beep")] == [pytest.approx(other_hz, rel=0.01)]
    assert verdicts(events) == [("machine", "beep")]


@pytest.mark.parametrize("plan", ["north america", "europe", "uk", "france"])
def test_own_ringback_is_nobodys(plan: str) -> None:
    ring = np.concatenate([ringing(plan, 2), tone(RINGS[plan][0], 100)])
    echo = LinePath(120 + 40 * len(plan), 8.0 + len(plan), 8000, room=len(plan) % 4)
    silence = gap(len(ring) / 8 + 1500)
    events = drive(audio_call(), silence, echo, {400: speaks(ring, 8000)})
    assert not of(events, "line.tone", "voicemail.beep")
    assert not [v for v in verdicts(events) if v[0] != "unknown"]
    theirs = drive(audio_call(), np.concatenate([gap(400), ring, gap(500)]))
    assert [e.tone for e in of(theirs, "line.tone")] == ["ringback"]


@pytest.mark.parametrize("case", range(12))
def test_own_words_are_no_greeting(say, case: int) -> None:
    rng = np.random.default_rng(400 + case)
    stream = STREAMS[case % 3]
    rate = 16000 if stream.endswith("16000") else 8000
    text = (AGENT, "Hi, good morning, this is Anna from Acme.")[case % 2]
    echo = LinePath(int(rng.integers(20, 600)), float(rng.uniform(8, 40)), rate, room=case % 4)
    do = {200: speaks(say(text, VOICES[case % 6], rate), rate)}
    assert verdicts(drive(audio_call(stream), gap(7000, rate), echo, do)) == []


@pytest.mark.parametrize("case", range(6))
def test_own_words_are_no_greeting_without_echo_control(say, case: int) -> None:
    """Nothing takes the echo out: only the course of what was sent tells that nobody has answered."""
    rng = np.random.default_rng(450 + case)
    echo = LinePath(int(rng.integers(20, 600)), float(rng.uniform(8, 24)), 8000, room=case % 4)
    do = {200: speaks(say((AGENT, "Hi, good morning, this is Anna from Acme.")[case % 2], VOICES[case % 6]), 8000)}
    assert verdicts(drive(audio_call(echo_control=False), gap(7000), echo, do)) == []


@pytest.mark.parametrize("case", range(10))
def test_an_answer_over_the_agents_echo(say, case: int) -> None:
    rng = np.random.default_rng(500 + case)
    who, text = (("human", "Hello? Who is this?"), ("machine", MACHINE))[case % 2]
    echo = LinePath(int(rng.integers(20, 600)), float(rng.uniform(14, 40)), 8000, room=case % 4)
    near = np.concatenate([gap(float(rng.uniform(900, 2500))), say(text, VOICES[case % 6]), gap(1500)])
    do = {200: speaks(say(AGENT, VOICES[(case + 2) % 6]), 8000)}
    assert verdicts(drive(audio_call(allow_interruptions=bool(case % 3)), near, echo, do)) == [(who, "audio")]
