"""Logs of calls: what went in gives the same outputs and events again, bit for bit."""

import numpy as np
import pytest
from scenario import Line, voice

import talkpath as tp
import talkpath.wav
from talkpath.call.replay import replay

LINES = [("audio/x-mulaw;rate=8000", 20), ("audio/x-alaw;rate=8000", 30), ("audio/x-l16;rate=16000", 10)]


def write_wav(path, pcm, rate):
    tp.wav.write_wav(path, pcm, rate)
    return path


@pytest.mark.parametrize(("stream", "frame_ms"), LINES)
def test_every_kind_of_thing_that_can_happen(stream, frame_ms, tmp_path):
    x = Line(stream=stream, frame_ms=frame_ms, echo_db=-20.0, semantic_vad={"min_interruption_words": 1},
             background_audio={"sound": "typing-short"})  # fmt: skip
    log = tmp_path / "call.log"
    x.call.record(log)
    file = write_wav(tmp_path / "x.wav", voice(700, 16000), 16000)
    x.speak(1500, "a", final=False)
    x.run(600)
    x.say(900)
    x.run(900)
    x.call.transcript("stop", final=False)
    x.run(300)
    x.speak(1000, "b")
    x.call.checkpoint("c")
    x.call.play(file, allow_interruption=False)
    x.call.send_dtmf("1#")
    x.call.silence(100)
    x.call.mark("m")
    x.run(600)
    x.call.pause()
    x.frame(lost=True)
    x.call.resume()
    x.call.turn_probability(0.8)
    x.call.extend_wait()
    x.call.update(semantic_vad={"min_interruption_words": 0}, noise_cancellation=True)
    x.call.play_background(voice(500, x.rate), 0.4)
    x.run(900)
    x.call.stop_background()
    x.call.clear_audio()
    x.speak(500, "d")
    x.run(300)
    x.call.interrupt()
    with pytest.raises(tp.LengthError):
        x.call.receive(b"short")
    x.run(300)
    x.call.hangup()

    sent, heard, events, finished = [], [], [], None
    for call, result in replay(log):
        finished = call
        if isinstance(result, tp.Transmitted):
            sent.append(call.decode(result.payload))
        if isinstance(result, tp.Received):
            heard.append(result.pcm)
        events += result.events if result is not None else []
    file.unlink()  # the log holds what was played
    np.testing.assert_array_equal(np.concatenate(sent), np.concatenate(x.sent))
    np.testing.assert_array_equal(np.concatenate(heard), np.concatenate(x.heard))
    assert events == x.events
    assert len(events) > 20
    with pytest.raises(tp.StateError):
        finished.transmit()


def test_a_log_without_an_end_is_good_up_to_there(tmp_path):
    x = Line()
    x.call.record(tmp_path / "a.log")
    x.speak(1000)
    x.run(6000)
    data = (tmp_path / "a.log").read_bytes()
    (tmp_path / "b.log").write_bytes(data)
    assert sum(result is not None for _, result in replay(tmp_path / "b.log")) >= 400


def test_record_comes_first(tmp_path):
    x = Line()
    x.run(20)
    with pytest.raises(tp.StateError, match="before anything else"):
        x.call.record(tmp_path / "a.log")


def test_group_calls_are_recorded(tmp_path):
    call = tp.CallPipeline()
    call.record(tmp_path / "a.log")
    call.speak(voice(400), 8000, "a", True)
    group, frames = tp.CallGroup(), []
    for k in range(30):
        payload = call.encode(voice(1000)[k * 160 : (k + 1) * 160]) if k % 7 else None
        (pair,) = group.exchange([(call, payload)])
        frames.append(pair)
    call.hangup()
    results = [result for _, result in replay(tmp_path / "a.log") if result is not None]
    for k, (received, transmitted) in enumerate(frames):
        np.testing.assert_array_equal(results[2 * k].pcm, received.pcm)
        assert results[2 * k].events == received.events
        assert results[2 * k + 1] == transmitted


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"talkpath log 1\n", b"talkpath log 1\nxxxx", b"talkpath log 1\n" + bytes(64)]
)
def test_broken_logs(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(tp.FormatError):
        list(replay(tmp_path / "x"))


def test_mutated_logs_fail_cleanly(tmp_path):
    x = Line()
    x.call.record(tmp_path / "a.log")
    x.speak(300)
    x.call.mark("m")
    x.run(500)
    x.call.hangup()
    data = bytearray((tmp_path / "a.log").read_bytes())
    rng = np.random.default_rng(4)
    for _ in range(60):
        bad = data.copy()
        bad[int(rng.integers(15, len(bad)))] = int(rng.integers(0, 256))
        (tmp_path / "b.log").write_bytes(bad)
        try:
            for _ in replay(tmp_path / "b.log"):
                pass
        except tp.TalkpathError:
            pass


def outputs(log):
    return [result for _, result in replay(log) if result is not None]


def test_what_was_refused_is_not_in_the_log(tmp_path):
    call = tp.CallPipeline()
    call.record(tmp_path / "a.log")
    frame = call.encode(np.zeros(160, np.int16))
    with pytest.raises(tp.LengthError):
        call.receive(frame, out=np.zeros(3, np.int16))
    for refused in (np.zeros(400, np.float32), b"odd"):
        with pytest.raises(tp.TalkpathError):
            call.speak(refused, 8000)
    call.turn_probability(np.float32(0.5))
    call.speak(voice(200)[::2], 8000, "strided", final=np.bool_(True))
    live = [call.receive(frame), call.transmit(), call.transmit()]
    call.reset()
    live += [call.transmit(), call.receive(frame)]
    call.hangup()
    again = outputs(tmp_path / "a.log")
    assert len(again) == len(live)
    for a, b in zip(again, live, strict=True):
        np.testing.assert_array_equal(
            a[0] if isinstance(a, tp.Received) else list(a[0]), b[0] if isinstance(b, tp.Received) else list(b[0])
        )
        assert a.events == b.events


def test_sounds_of_the_users_own_are_in_the_log(tmp_path):
    sound = write_wav(tmp_path / "x.wav", voice(900, 16000), 16000)
    call = tp.CallPipeline(background_audio={"sound": str(sound), "volume": 0.9})
    call.record(tmp_path / "a.log")
    live = [call.transmit().payload for _ in range(20)]
    call.play_background(sound, 0.5)
    live += [call.transmit().payload for _ in range(20)]
    call.hangup()
    sound.unlink()
    assert [t.payload for t in outputs(tmp_path / "a.log")] == live


def test_record_refuses_after_any_command(tmp_path):
    for command in (lambda c: c.play_background("office"), lambda c: c.checkpoint("x"), lambda c: c.pause()):
        call = tp.CallPipeline()
        command(call)
        with pytest.raises(tp.StateError):
            call.record(tmp_path / "a.log")


def test_a_full_disk_ends_the_log_not_the_call():
    import os

    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    call = tp.CallPipeline()
    call.record("/dev/full")
    for k in range(3000):
        call.speak(voice(1000)[k % 4000 : k % 4000 + 160], 8000, "a")
        assert len(call.transmit().payload) == 160
    call.hangup()


@pytest.mark.parametrize(
    "command",
    [["speak", []], [[1], []], ["update", []], ["transcript", [5, True]], ["__class__", []], ["play", ["/etc/hostname", True, ""]],
     ["speak", [{"buffer": 4}]], ["speak", [{"buffer": -4, "int16": True}, "x", 1, 2]], "x", {}],
)  # fmt: skip
def test_hostile_commands(command, tmp_path):
    import json
    import struct
    import zlib

    config = json.dumps(tp.CallConfig().to_dict()).encode()
    head = json.dumps(command).encode()
    content = struct.pack("<I", len(head)) + head
    records = b"".join(struct.pack("<BI", 3, len(c)) + c for c in (config, content))
    (tmp_path / "x.log").write_bytes(b"talkpath log 1\n" + zlib.compress(records))
    with pytest.raises(tp.TalkpathError):
        list(replay(tmp_path / "x.log"))


SOUNDS = {
    "built in": lambda folder: "typing-short",
    "path": lambda folder: str(write_wav(folder / "bg.wav", voice(700, 16000), 16000)),
    "path object": lambda folder: write_wav(folder / "bg.wav", voice(700, 11025), 11025),
    "bytes": lambda folder: write_wav(folder / "bg.wav", voice(700), 8000).read_bytes(),
    "array": lambda folder: voice(900),
    "strided array": lambda folder: voice(900)[::3],
}


@pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS)
@pytest.mark.parametrize(
    "given", ["at first", "update", "update, part by part", "play_background", "at first, and a reset"]
)
def test_a_background_of_any_kind_is_in_the_log(sound, given, tmp_path):
    sound = sound(tmp_path)
    first = {"sound": sound, "volume": 0.8} if given.startswith("at first") else None
    call = tp.CallPipeline(background_audio=first, seed=1)
    call.record(tmp_path / "a.log")
    live = [call.transmit() for _ in range(10)]
    if given == "update":
        call.update(background_audio={"sound": sound, "volume": np.float64(0.5)}, comfort_noise_enabled=False)
    elif given == "update, part by part":
        call.update(background_audio={"sound": sound})
        live += [call.transmit() for _ in range(10)]
        call.update(background_audio={"volume": 0.9})
        live += [call.transmit() for _ in range(10)]
        call.update(background_audio={"loop": False})
    elif given == "play_background":
        call.play_background(sound, 0.7)
    live += [call.transmit() for _ in range(30)]
    call.reset()
    live += [call.transmit() for _ in range(30)]
    if given.startswith("at first"):
        call.update(background_audio=None)
        live += [call.transmit() for _ in range(30)]
    call.hangup()
    for file in tmp_path.glob("*.wav"):
        file.unlink()  # the log holds what was heard
    assert [t.payload for t in outputs(tmp_path / "a.log")] == [t.payload for t in live]


@pytest.mark.parametrize("frame_ms", [10, 20, 60])
def test_marks_late_chunks_and_files_are_in_the_log(frame_ms, tmp_path):
    x = Line(frame_ms=frame_ms, semantic_vad="high")
    x.call.record(tmp_path / "a.log")
    pcm, file = voice(4000, 24000), write_wav(tmp_path / "f.wav", voice(700, 16000), 16000)
    for at in range(0, len(pcm), 4800):
        x.call.speak(pcm[at : at + 4800].tobytes(), np.int64(24000), "u", final=False)
        x.call.checkpoint(f"m{at}")
    x.run(900)
    x.say(900)
    x.run(1200)
    for at in range(0, len(pcm), 9600):
        x.call.speak(pcm[at : at + 9600], 24000, "u", final=False)  # late
    with pytest.raises(tp.FormatError):
        x.call.speak(np.zeros(100, np.float32), 24000, "u")
    x.call.play(file)
    x.call.checkpoint("after the file")
    x.run(1200)
    x.call.hangup()
    file.unlink()
    results = outputs(tmp_path / "a.log")
    assert [e for r in results for e in r.events] == [e for e in x.events if e.timestamp_ms <= x.now]
    assert x.one("agent.speech_interrupted").dropped_marks
    assert x.one("agent.speech_discarded")
    np.testing.assert_array_equal(
        np.concatenate([x.call.decode(r.payload) for r in results if isinstance(r, tp.Transmitted)]),
        np.concatenate(x.sent),
    )


# --- whatever was done, in whatever order -------------------------------------------------------------------------------


def quietly(function, *arguments, **named):
    """What was refused is not in the log."""
    try:
        return function(*arguments, **named)
    except (tp.TalkpathError, OSError):
        return None


def live_through(call, other, steps, choose, sounds):
    """Random commands, right and wrong; every result."""
    group, results = tp.CallGroup(), []
    near, rate = voice(4000, call.config.wire.sample_rate_hz, seed=3), call.config.wire.sample_rate_hz
    n = call.config.frame_samples

    def payload():
        at = int(choose.integers(0, len(near) - n))
        return call.encode(near[at : at + n] if choose.random() < 0.7 else np.zeros(n, np.int16))

    def exchange():
        came = [payload(), None, b"short", 5, bytearray(payload()), np.frombuffer(payload(), np.uint8)][
            choose.integers(6)
        ]
        pairs = [(other, None), (call, came)][:: choose.choice([-1, 1])]
        return group.exchange(iter(pairs))[[c for c, _ in pairs].index(call)]

    def update():
        return call.update(
            **[
                {"cng_divisor": np.int64(choose.integers(1, 5000))},
                {"semantic_vad": {"min_interruption_duration_ms": np.int32(300), "completed_turn_threshold": np.float32(0.6)}},
                {"semantic_vad": str(choose.choice(["high", "low", "auto"]))},
                {"noise_cancellation": np.bool_(True), "noise_cancellation_level": np.uint8(70)},
                {"background_audio": {"sound": sounds["path"], "volume": np.float32(0.5)}},
                {"background_audio": {"sound": sounds[rate], "loop": False}},
                {"background_audio": {"volume": 0.2}},
                {"background_audio": None},
                {"background_audio": {"sound": "office"}},
                {"idle_timeout": {"no_response_timeout_ms": np.int64(1000), "max_retries": 2}},
                {"idle_timeout": None},
                {"allow_interruptions": False},
                {"stream": "audio/x-mulaw;rate=16000"},
                {"cng_divisor": 0},
                {"semantic_vad": {"colour": 1}},
            ][choose.integers(15)]
        )  # fmt: skip

    speech = voice(700, 24000, seed=5)
    actions = [
        (12, lambda: call.receive(payload())),
        (3, lambda: call.receive(payload(), float(choose.integers(0, 500)))),
        (2, lambda: call.receive(payload(), np.float32(20), out=np.zeros(call.config.audio_rate_hz, np.int16))),
        (2, call.conceal),
        (16, call.transmit),
        (12, exchange),
        (1, lambda: call.receive(b"nonsense")),
        (1, lambda: call.receive(payload(), "never")),
        (
            4,
            lambda: call.speak(
                speech[: choose.integers(0, 9000)], 24000, f"u{choose.integers(3)}", bool(choose.random() < 0.3)
            ),
        ),
        (1, lambda: call.speak(speech, np.int64(16000), "v", np.bool_(True))),
        (1, lambda: call.speak(speech.astype(np.float32), 8000)),
        (1, lambda: call.play(sounds["path"], bool(choose.random() < 0.5), "file")),
        (1, lambda: call.play(b"no wav")),
        (1, lambda: call.send_dtmf(str(choose.choice(["12#", "x", ""])))),
        (1, lambda: call.silence(float(choose.integers(-5, 60)))),
        (1, lambda: call.checkpoint(f"c{choose.integers(9)}")),
        (1, lambda: call.play_background(sounds[rate] if choose.random() < 0.5 else "typing", np.float64(0.3))),
        (1, call.stop_background),
        (1, call.pause),
        (2, call.resume),
        (1, call.interrupt),
        (1, call.clear_audio),
        (1, lambda: call.transcript("yes please.", bool(choose.random() < 0.5))),
        (1, lambda: call.turn_probability(np.float32(choose.random() * 1.2))),
        (1, call.extend_wait),
        (1, lambda: call.mark(f"m{choose.integers(3)}")),
        (4, update),
        (0.3, call.reset),
        (0.5, lambda: [call.state, call.metrics, repr(call)]),
    ]
    weights = np.array([w for w, _ in actions]) / sum(w for w, _ in actions)
    for k in choose.choice(len(actions), steps, p=weights):
        found = quietly(actions[k][1])
        for result in found if isinstance(found, tuple) and not hasattr(found, "_fields") else (found,):
            if isinstance(result, tp.Received):
                results.append(("received", result.pcm[: call._core.pcm_samples].tobytes(), result.events))
            elif isinstance(result, tp.Transmitted):
                results.append(("transmitted", result.payload, result.events))
    return results


def check_random_life(seed, steps, tmp_path):
    choose = np.random.default_rng(seed)
    sounds = {"path": write_wav(tmp_path / "sound.wav", voice(600, 8000, seed=9), 8000)}
    sounds |= {rate: voice(500, rate, seed=8) for rate in (8000, 16000)}
    stream, frame_ms = LINES[seed % 3]
    background = [
        None,
        {"sound": str(sounds["path"])},
        {"sound": "office"},
        {"sound": voice(400, 16000 if seed % 3 == 2 else 8000)},
    ]
    call = tp.CallPipeline(stream=stream, frame_ms=frame_ms, background_audio=background[seed % 4], max_queued_ms=3000,
                           detection_method="audio" if seed % 2 else "disabled", semantic_vad="high")  # fmt: skip
    call.record(tmp_path / "a.log")
    results = live_through(call, tp.CallPipeline(), steps, choose, sounds)
    metrics, config = call.metrics, call.config
    call.hangup()
    sounds["path"].unlink()  # the log needs nothing else
    again, finished = [], None
    for replayed, result in replay(tmp_path / "a.log"):
        if not replayed._over:
            finished = replayed.metrics
        if isinstance(result, tp.Received):
            again.append(("received", result.pcm.tobytes(), result.events))
        elif isinstance(result, tp.Transmitted):
            again.append(("transmitted", result.payload, result.events))
    assert len(again) == len(results)
    for k, (a, b) in enumerate(zip(again, results, strict=True)):
        assert a == b, f"result {k} of seed {seed}"
    assert repr(finished) == repr(metrics)
    assert config.turns is not None


@pytest.mark.parametrize("seed", range(8))
def test_any_life_of_a_call_replays(seed, tmp_path):
    check_random_life(seed, 400, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 48))
def test_many_lives_of_a_call_replay(seed, tmp_path):
    check_random_life(seed, 3000, tmp_path)
