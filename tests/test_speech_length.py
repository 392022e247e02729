"""How long somebody spoke: true to the audio, to the event's onset and duration, and to what interrupts."""

import shutil

import numpy as np
import pytest
from conftest import synthesise
from scenario import Line, voice

import talkpath as tp

WORD_MS = [160, 220, 280, 340, 400, 460]
LINES = [
    {"stream": "audio/x-mulaw;rate=8000"},
    {"stream": "audio/x-alaw;rate=8000", "frame_ms": 30},
    {"stream": "audio/x-l16;rate=16000", "frame_ms": 10},
]


def one_word(ms, seed, agent=True, at_ms=3000, echo_db=None, level=0.12, **fields):
    """A call with one word of the caller's."""
    x = Line(echo_db=echo_db, **fields)
    if agent:
        x.speak(7000)
    x.silent(at_ms)
    x.say(ms, seed=seed, level=level)
    x.run(at_ms + ms + 1500)
    return x


def speech(x):
    """(onset, duration) of the caller's one speech."""
    started, stopped = x.one("user.speech_started"), x.one("user.speech_stopped")
    assert started.onset_ms == stopped.onset_ms
    return started.onset_ms, stopped.duration_ms


@pytest.mark.parametrize("fields", LINES, ids=lambda f: f["stream"][6:])
@pytest.mark.parametrize("agent", [True, False])
def test_onset_and_end_are_true(fields, agent):
    found = np.array(
        [(*speech(one_word(ms, seed, agent, **fields)), ms) for ms, seed in zip(WORD_MS, range(9, 15), strict=True)]
    )
    onset, end = found[:, 0] - 3000, found[:, 0] + found[:, 1] - 3000 - found[:, 2]
    assert abs(onset.mean()) <= 20
    assert abs(onset).max() <= 60
    assert abs(end).max() <= 60


@pytest.mark.parametrize("echo_db", [-12.0, -18.0, -25.0])
def test_onset_and_end_are_true_under_echo(echo_db):
    found = np.array([(*speech(one_word(ms, 9, echo_db=echo_db)), ms) for ms in (300, 380, 460)])
    onset, end = found[:, 0] - 3000, found[:, 0] + found[:, 1] - 3000 - found[:, 2]
    assert abs(onset.mean()) <= 30
    assert abs(end.mean()) <= 60


@pytest.mark.parametrize("level", [0.3, 0.12, 0.05, 0.02])
@pytest.mark.parametrize("dc", [0, 1500])
def test_neither_level_nor_a_constant_matters(level, dc):
    x = Line()
    x.caller = np.full(5 * x.rate, dc, np.int16)
    x.caller[3 * x.rate : 3 * x.rate + 4 * x.rate // 10] += voice(400, x.rate, seed=9, pitch=190.0, level=level)
    x.run(5000)
    onset_ms, duration_ms = speech(x)
    assert onset_ms == pytest.approx(3000, abs=50)
    assert onset_ms + duration_ms == pytest.approx(3400, abs=60)


@pytest.mark.parametrize(("preset", "min_ms"), [("high", 300), ("medium", 500), ("low", 600)])
@pytest.mark.parametrize("seed", [9, 12, 15])
def test_only_what_lasts_interrupts(preset, min_ms, seed):
    """40 ms below and above the minimum: hysteresis is no speech."""
    short = one_word(min_ms - 40, seed, semantic_vad=preset)
    assert not short.one("user.backchannel").is_interruption
    assert not short.of("agent.speech_paused")
    long = one_word(min_ms + 60, seed, semantic_vad=preset)
    assert long.one("user.backchannel").is_interruption
    assert 0 <= long.one("agent.speech_paused").timestamp_ms - 3000 - min_ms <= 80


@pytest.mark.parametrize("ms", [40, 70, 100])
@pytest.mark.parametrize("agent", [True, False])
def test_a_knock_is_as_long_as_it_is(ms, agent):
    x = Line(semantic_vad="high")
    if agent:
        x.speak(5000)
    rng, n = np.random.default_rng(ms), ms * x.rate // 1000
    x.silent(2500)
    x.caller = np.concatenate(
        [x.caller, np.rint(4000 * rng.standard_normal(n) * np.exp(-np.arange(n) / n)).astype(np.int16)]
    )
    x.run(4500)
    assert not x.of("agent.speech_paused")
    assert all(e.duration_ms <= ms + 60 for e in x.of("user.speech_stopped"))


@pytest.mark.parametrize("gap_ms", [120, 200, 300])
def test_short_words_in_quick_succession_add_up(gap_ms):
    """ "Wait, stop, …": each of them is shorter than the minimum."""
    x = Line(semantic_vad="high")
    x.speak(6000)
    x.silent(2400)
    for seed in (9, 10, 11):
        x.say(200, seed=seed)
        x.silent(gap_ms)
    x.run(4500)
    paused = x.one("agent.speech_paused")
    assert paused.timestamp_ms - 2400 <= 300 + gap_ms + 100
    assert len(x.of("agent.speech_interrupted")) == 1


def test_nods_far_apart_do_not():
    x = Line(semantic_vad="high")
    x.speak(8000)
    x.silent(2400)
    for seed in (9, 10, 11):
        x.say(200, seed=seed)
        x.silent(900)
    x.run(6000)
    assert not x.of("agent.speech_paused")
    assert [e.is_interruption for e in x.of("user.backchannel")] == [False] * 3


def test_gate_counts_what_sounds():
    """The gate alone: 200 ms do not last 300, and the reading knows where it began."""
    for ms, expected in ((200, False), (270, False), (340, True), (500, True)):
        gate, fired, onset = tp.BargeInGate(min_speech_ms=300), False, None
        near = np.concatenate([np.zeros(16000), voice(ms, seed=9, pitch=190.0), np.zeros(8000)])
        near = np.rint(near + 10 * np.random.default_rng(1).standard_normal(len(near))).astype(np.int16)
        for i in range(0, len(near) - 159, 160):
            fired |= gate.process(near[i : i + 160], None).barge_in
            onset = gate.diagnostics.onset_ms or onset
        assert fired == expected, ms
        assert onset == pytest.approx(2000, abs=30)


# --- real words -------------------------------------------------------------------------------------------------------


def spoken(text, how, folder, dbov=-24.0):
    """A synthesiser's word at 8 kHz, from its first sound to its last."""
    path = folder / "x.wav"
    if how.startswith("flite:"):
        command = ["flite", "-voice", how[6:], "-t", text, "-o", str(path)]
    else:
        command = ["espeak-ng", "-v", how, "-w", str(path), text]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    synthesise(command)
    x = tp.read_wav(path, 8000).astype(float)
    loud = np.flatnonzero(np.abs(x) > 150)
    x = x[loud[0] : loud[-1]]
    blocks = (x[: len(x) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1)
    return x * 32768 * 10 ** (dbov / 20) / np.sqrt(blocks[blocks > blocks.max() * 10**-2.5].mean())


@pytest.mark.parametrize("how", ["en-us", "en-gb-scotland", "de", "flite:slt", "flite:rms"])
@pytest.mark.parametrize("text", ["Uh huh.", "Right.", "Sure.", "Got it.", "Stop."])
def test_real_words(how, text, tmp_path):
    word = spoken(text, how, tmp_path)
    ms = len(word) / 8
    x = Line()
    x.speak(6000)
    x.caller = np.concatenate([np.zeros(24000, np.int16), np.rint(word).astype(np.int16)])
    x.run(4800)
    onset_ms, duration_ms = speech(x)
    assert onset_ms == pytest.approx(3000, abs=60)
    assert duration_ms == pytest.approx(ms, abs=80)
    if not 470 < ms < 540:
        assert bool(x.of("agent.speech_interrupted")) == (ms > 500)
