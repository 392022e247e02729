"""Scripts: what YAML may say, what it may not, and what each step does in time."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT

from talkpath import wav
from talkpath.errors import ConfigError
from talkpath.phone import (
    HangUp,
    InterruptAfter,
    Line,
    Press,
    Repeat,
    Say,
    Script,
    Wait,
    WaitFor,
    load_script,
    read_script,
)
from talkpath.phone.caller import Caller, prepare, spoken
from talkpath.phone.ear import Ear

SILENCE, SPEECH = np.zeros(160, np.int16), np.full(160, 2000, np.int16)


def run(script: Script, agent: str, keys: bool = True) -> tuple[str, Caller]:
    """What the caller does in each frame while the agent speaks ("a") or not ("."): s says, k key message, . nothing."""
    ear = Ear(8000, 160)
    caller = Caller(script, Line(), ear, 8000, 160, 1, has_key_messages=keys)
    done = []
    for heard in agent:
        pcm = SPEECH if heard == "a" else SILENCE
        ear.hear(pcm.astype(np.float32), pcm)
        frame = caller.next()
        done.append("k" if caller.keys else "s" if frame is not None else ".")
        caller.keys.clear()
        if caller.is_done:
            break
    return "".join(done), caller


def test_wait_say_hang_up() -> None:
    did, caller = run(Script((Wait(0.2), Say(seconds=0.1), Wait(0.06), HangUp(), Say())), "." * 100)
    assert did == "." * 10 + "s" * 5 + "." * 3 + "."
    assert caller.is_done
    assert not caller.failed


def test_the_call_ends_after_the_last_step() -> None:
    did, caller = run(Script((Say(seconds=0.04),)), "." * 10)
    assert did == "ss."
    assert caller.is_done


def test_wait_for_speech_and_silence() -> None:
    script = Script((WaitFor("speech", 0), Say(seconds=0.02), WaitFor("silence", 200), Say(seconds=0.02), Wait(1)))
    did, _ = run(script, "." * 10 + "a" * 20 + "." * 30)
    # the second frame of speech is certain; 200 ms of silence are ten frames
    assert did.index("s") == 11
    assert did.rindex("s") == 39


def test_silence_is_counted_from_the_step_on() -> None:
    did, _ = run(Script((Wait(0.4), WaitFor("silence", 100), Say(seconds=0.02))), "." * 60)
    assert did.index("s") == 25


def test_a_click_is_no_speech() -> None:
    _, caller = run(Script((WaitFor("speech", 0, timeout_s=0.4),)), "....a........a........")
    assert caller.failed == ["no speech within 0.4 s"]


def test_interrupt_after() -> None:
    did, _ = run(Script((InterruptAfter(0.5), Say(seconds=0.1), Wait(1))), "a" * 10 + "." * 30 + "a" * 60)
    # the first word lasts 0.2 s and does not count
    assert did.index("s") == 40 + 25 - 1


def test_a_short_pause_is_part_of_speech() -> None:
    did, _ = run(Script((InterruptAfter(1.0), Say(seconds=0.1), Wait(1))), "a" * 20 + "." * 10 + "a" * 60)
    assert did.index("s") == 49


@pytest.mark.parametrize(("then", "failed", "goes_on"), [("fail", 1, True), ("go_on", 0, True), ("hang_up", 1, False)])
def test_time_outs(then: str, failed: int, goes_on: bool) -> None:
    did, caller = run(Script((WaitFor("speech", timeout_s=0.2, on_timeout=then), Say(seconds=0.1), Wait(1))), "." * 50)
    assert len(caller.failed) == failed
    assert ("s" in did) is goes_on
    assert caller.is_done is not goes_on


def test_repeat() -> None:
    did, _ = run(Script((Repeat((Say(seconds=0.02), Wait(0.04)), 3), HangUp())), "." * 50)
    assert did == "s..s..s..."
    did, _ = run(Script((Repeat((Say(seconds=0.02), Wait(0.08))),)), "." * 50)
    assert did == "s...." * 10


def test_a_repeat_without_time_does_not_hang() -> None:
    did, caller = run(Script((Repeat((WaitFor("silence", 0), Wait(0))),)), "." * 20)
    assert did == "." * 20
    assert not caller.is_done


def test_keys_as_message_and_as_sound() -> None:
    assert run(Script((Press("12"), Wait(1))), "." * 30)[0].replace(".", "") == "kk"
    assert run(Script((Press("12", "sound"), Wait(1))), "." * 30)[0] == "s" * 5 + "." * 5 + "s" * 5 + "." * 15
    both = run(Script((Press("1", "both"), Wait(1))), "." * 30)[0]
    assert both.startswith("sssssk")
    # a dialect that has no message
    assert run(Script((Press("1"), Wait(1))), "." * 30, keys=False)[0].startswith("sssss.")


def test_where_speech_begins_and_ends(tmp_path: Path) -> None:
    pcm = np.zeros(1000, np.int16)
    pcm[333:701] = 5000
    wav.write_wav(tmp_path / "a.wav", pcm, 8000)
    said = spoken(Say((tmp_path / "a.wav",)), 0, Line(), 8000, 160, 100.0)
    assert (said.first, said.last, len(said.frames)) == (333, 700, 7)
    two = spoken(Say((tmp_path / "a.wav", tmp_path / "a.wav")), 0, Line(), 8000, 160, 100.0)
    assert (np.concatenate(two.frames)[:2000] == np.concatenate([pcm, pcm])).all()


def test_prepare_makes_all_that_is_said() -> None:
    spoken.cache_clear()
    script, line = Script((Say(), Repeat((Say(seconds=0.5, voice=3),), 2))), Line("x")
    prepare(script, line, 8000, 160)
    made = spoken.cache_info().misses
    assert made == 9  # a voice for each caller, one that is given
    for seed in range(20):
        ear = Ear(8000, 160)
        caller = Caller(script, line, ear, 8000, 160, seed)
        for _ in range(200):
            caller.next()
    assert spoken.cache_info().misses == made


# --- YAML ---------------------------------------------------------------------------------------------------------------------


def test_yaml(tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "hello.wav", SPEECH, 8000)
    (tmp_path / "caller.yaml").write_text(
        """
name: everything
steps:
  - wait_for: speech
    timeout_s: 5
    on_timeout: go_on
  - wait_for: silence
    for_ms: 500
  - say: hello.wav
  - say: [hello.wav, hello.wav]
    level_dbov: -30
  - say: {seconds: 2.5, voice: 4}
  - say
  - press: "12#"
    by: both
  - press: 5
  - wait: 1.5
  - interrupt_after: 2
  - repeat: 3
    steps: [{wait: 1}, say]
  - hang_up
"""
    )
    hello = tmp_path / "hello.wav"
    assert load_script(tmp_path / "caller.yaml") == Script(
        (
            WaitFor("speech", 0.0, 5.0, "go_on"),
            WaitFor("silence", 500.0),
            Say((hello,)),
            Say((hello, hello), level_dbov=-30.0),
            Say(seconds=2.5, voice=4),
            Say(),
            Press("12#", "both"),
            Press("5"),
            Wait(1.5),
            InterruptAfter(2.0),
            Repeat((Wait(1.0), Say()), 3),
            HangUp(),
        ),
        "everything",
    )


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (None, r"steps: a list"),
        ([], r"steps: a list"),
        ("say", r"steps: a list"),
        ([{"shout": 1}], r"steps\[0\]: exactly one of"),
        ([{"say": "x.wav", "press": "1"}], r"steps\[0\]: exactly one of"),
        ([7], r"steps\[0\]: a step"),
        (["say", {"say": "nowhere.wav"}], r"steps\[1\]\.say: there is no file"),
        ([{"say": {"seconds": -1}}], r"seconds: a number"),
        ([{"say": {"loud": 1}}], r"seconds, voice are known"),
        ([{"say": 3}], r"a file, a list of files"),
        ([{"press": "12x"}], r"press"),
        ([{"press": "1", "by": "magic"}], r"message, sound or both"),
        ([{"wait": "long"}], r"wait: a number"),
        ([{"wait": True}], r"wait: a number"),
        ([{"wait": float("nan")}], r"wait: a number"),
        ([{"wait_for": "godot"}], r"speech or silence"),
        ([{"wait_for": "speech", "on_timeout": "cry"}], r"on_timeout"),
        ([{"interrupt_after": 1, "for_ms": 3}], r"are known"),
        ([{"repeat": 0, "steps": ["say"]}], r"repeat: a number"),
        ([{"repeat": 2, "steps": [{"wait": -1}]}], r"steps\[0\]\.repeat\.steps\[0\]\.wait"),
        ([{"repeat": 2}], r"a list of steps"),
        ([{"repeat": float("inf"), "steps": ["say"]}], r"steps\[0\]\.repeat"),
        ([{"wait": 10**400}], r"steps\[0\]\.wait"),
        ([{"say": {"seconds": float("inf")}}], r"seconds: a number from 0\.02 to 600"),
        ([{"say": {"voice": float("inf")}}], r"steps\[0\]\.say"),
        ([{"say": None, "level_dbov": 20}], r"level_dbov: a number from -80 to 0"),
        ([{"press": 10}], r"quotes"),
    ],
)
def test_wrong_scripts_are_refused(steps: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_script({"steps": steps})


def test_what_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("steps: [")
    (tmp_path / "itself.yaml").write_text("- &a {repeat: 2, steps: [*a]}")
    for name, says in ((tmp_path / "bad.yaml", "bad.yaml"), (tmp_path / "itself.yaml", "inside themselves"), (tmp_path / "none.yaml", "none.yaml"),
                       (tmp_path / "none.wav", "no file"), ("nobody", "talker")):  # fmt: skip
        with pytest.raises(ConfigError, match=says):
            load_script(name)


def test_a_wav_is_a_caller(tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "hello.wav", SPEECH, 8000)
    script = load_script(tmp_path / "hello.wav")
    assert Say((tmp_path / "hello.wav",)) in script.steps
    assert script.name == "hello"


@pytest.mark.parametrize("path", sorted((ROOT / "examples/callers").glob("*.yaml")), ids=lambda p: p.stem)
def test_examples(path: Path) -> None:
    script = load_script(path)
    assert script.steps
    assert path.read_text().startswith("#")
    assert yaml.safe_load(path.read_text())


def test_there_are_examples() -> None:
    assert len(list((ROOT / "examples/callers").glob("*.yaml"))) >= 3
