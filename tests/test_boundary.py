"""What comes in from Python: what is no samples is refused, numbers of any kind are numbers, and private objects do not crash."""

import array
import copy
import json
import pickle
import random

import numpy as np
import pytest

import talkpath as tp
from talkpath import _core, wav
from talkpath.call.config import CallConfig
from talkpath.call.pipeline import _core_config

# --- samples ------------------------------------------------------------------------------------------------------------

N = 160
PCM = (2000 * np.sin(np.arange(N) / 4)).astype(np.int16)
NO_SAMPLES = {
    "float32": PCM.astype(np.float32) / 32768,
    "float64": PCM.astype(float),
    "float16": np.zeros(N, np.float16),
    "int32": PCM.astype(np.int32),
    "uint16": PCM.astype(np.uint16),
    "int8": np.zeros(2 * N, np.int8),
    "bool": np.zeros(2 * N, bool),
    "big-endian": PCM.astype(">i2"),
    "array of int": array.array("i", [0] * N),
    "array of float": array.array("f", [0.0] * N),
    "stereo": np.zeros((N, 2), np.int16),
    "one row": PCM.reshape(1, N),
    "a scalar array": np.array(5, np.int16),
    "strided": np.zeros(2 * N, np.int16)[::2],
    "memoryview of int32": memoryview(PCM.astype(np.int32)),
    "bytes in two dimensions": memoryview(PCM.tobytes()).cast("B", (2, N)),
    "structured": np.zeros(N, [("left", "<i2")]),
    "dates": np.zeros(N, "datetime64[s]"),
    "half a sample": PCM.tobytes()[:-1],
    "list": PCM.tolist(),
    "str": "x" * N,
    "None": None,
    "number": N,
}
GOOD = {
    "int16": PCM,
    "bytes": PCM.tobytes(),
    "bytearray": bytearray(PCM.tobytes()),
    "memoryview": memoryview(PCM),
    "array of short": array.array("h", PCM.tolist()),
    "memoryview of bytes": memoryview(PCM.tobytes()),
    "read-only": np.frombuffer(PCM.tobytes(), np.int16),
    "uint8 array": np.frombuffer(PCM.tobytes(), np.uint8),
    "int16 view": PCM.view(np.ndarray),
}


def using(kernel, use):
    return lambda pcm: use(kernel, pcm)


KERNELS = {
    "ulaw_encode": lambda: tp.g711.ulaw_encode,
    "alaw_encode": lambda: tp.g711.alaw_encode,
    "l16.encode": lambda: tp.l16.encode,
    "Resampler": lambda: tp.Resampler(8000, 16000).process,
    "ComfortNoise": lambda: tp.ComfortNoise().observe,
    "PacketLossConcealer": lambda: tp.PacketLossConcealer().receive,
    "JitterBuffer": lambda: using(tp.JitterBuffer(), lambda j, pcm: j.put(pcm, 0, 0)),
    "BeepDetector": lambda: tp.BeepDetector().process,
    "CallProgressDetector": lambda: tp.CallProgressDetector().process,
    "DtmfDetector": lambda: tp.DtmfDetector().process,
    "VoiceActivityDetector": lambda: tp.VoiceActivityDetector().process,
    "vad with a backend": lambda: tp.VoiceActivityDetector(backend=lambda frame: 0.5).process,
    "AnsweringMachineDetector": lambda: tp.AnsweringMachineDetector().process,
    "NoiseSuppressor": lambda: tp.NoiseSuppressor().process,
    "DelayEstimator near": lambda: using(tp.DelayEstimator(), lambda d, pcm: d.process(pcm, PCM)),
    "DelayEstimator far": lambda: using(tp.DelayEstimator(), lambda d, pcm: d.process(PCM, pcm)),
    "EchoCanceller near": lambda: using(tp.EchoCanceller(), lambda e, pcm: e.process(pcm, PCM)),
    "BargeInGate far": lambda: using(tp.BargeInGate(), lambda g, pcm: g.process(PCM, pcm)),
    "AmbienceMixer": lambda: tp.AmbienceMixer(8000).mix,
    "LevelNormalizer": lambda: tp.LevelNormalizer().process,
    "CallPipeline.encode": lambda: tp.CallPipeline().encode,
}  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_no_samples_is_refused_and_the_stream_goes_on(kernel):
    process, undisturbed = KERNELS[kernel](), KERNELS[kernel]()
    for name, wrong in NO_SAMPLES.items():
        if wrong is None and ("Echo" in kernel or "BargeIn" in kernel):
            continue  # lost, and so legal
        with pytest.raises(tp.FormatError) as error:
            process(wrong)
        assert str(error.value), name
    for good in GOOD.values():
        a, b = process(good), undisturbed(PCM)
        assert repr(a) == repr(b) or np.array_equal(a, b)


@pytest.mark.parametrize("name", NO_SAMPLES)
def test_where_else_samples_go_in(name):
    wrong = NO_SAMPLES[name]
    call, queue = tp.CallPipeline(), tp.PlayoutQueue()
    if name not in ("strided", "big-endian"):  # which speak() may put right
        with pytest.raises(tp.FormatError):
            call.speak(wrong, 8000)
        with pytest.raises(tp.FormatError):
            queue.speak(wrong, 8000)
    assert call.queued_ms == queue.queued_ms == 0
    if name not in ("strided", "str", "None"):  # None: no sound
        for use in (
            lambda: tp.AmbienceMixer(8000, wrong),
            lambda: call.play_background(wrong),
            lambda: tp.CallPipeline(background_audio={"sound": wrong}),
            lambda: call.update(background_audio={"sound": wrong}),
            lambda: wav.write_wav("/dev/null", wrong, 8000),
        ):
            with pytest.raises((tp.FormatError, tp.ConfigError)):
                use()
    assert len(call.receive(call.transmit().payload).pcm) == 320


@pytest.mark.parametrize("name", [n for n in NO_SAMPLES if n not in ("half a sample",)])
def test_payloads_are_bytes(name):
    call = tp.CallPipeline()
    with pytest.raises(tp.FormatError):
        call.receive(NO_SAMPLES[name])
    with pytest.raises(tp.FormatError):
        tp.g711.ulaw_decode(np.zeros(4, np.int16))
    assert call.metrics.received_frames == 0
    for good in (bytes(160), bytearray(160), memoryview(bytes(160)), np.zeros(160, np.uint8), np.zeros(160, np.int8)):
        assert len(call.receive(good).pcm) == 320


# --- numbers and configurations -----------------------------------------------------------------------------------------

NUMPY_FIELDS = {
    "frame_ms": np.int64(30),
    "stream": np.str_("audio/x-alaw;rate=8000"),
    "plc_enabled": np.bool_(False),
    "cng_divisor": np.int32(3000),
    "noise_cancellation_level": np.uint8(70),
    "greeting_interrupt_duration": np.float32(0.25),
    "wait_for_user_timeout_s": np.int64(4),
    "duck_db": np.float64(3.0),
    "max_queued_ms": np.int64(500),
    "seed": np.uint32(2**32 - 1),
    "semantic_vad": {"completed_turn_delay_ms": np.int16(300), "completed_turn_threshold": np.float32(0.5)},
    "idle_timeout": {"no_response_timeout_ms": np.int64(5000), "max_retries": np.int8(1)},
    "background_audio": {"sound": np.str_("office"), "volume": np.float32(0.5), "loop": np.bool_(True)},
}
PLAIN_FIELDS = {
    "frame_ms": 30, "stream": "audio/x-alaw;rate=8000", "plc_enabled": False, "cng_divisor": 3000, "noise_cancellation_level": 70,
    "greeting_interrupt_duration": 0.25, "wait_for_user_timeout_s": 4, "duck_db": 3.0, "max_queued_ms": 500, "seed": 2**32 - 1,
    "semantic_vad": {"completed_turn_delay_ms": 300, "completed_turn_threshold": 0.5},
    "idle_timeout": {"no_response_timeout_ms": 5000, "max_retries": 1}, "background_audio": {"sound": "office", "volume": 0.5, "loop": True},
}  # fmt: skip


def test_numpys_numbers_are_numbers_in_a_configuration():
    a, b = CallConfig(**NUMPY_FIELDS), CallConfig(**PLAIN_FIELDS)
    assert a == b
    assert hash(a) == hash(b)
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())
    assert json.loads(json.dumps(a.to_dict())) == a.to_dict()
    call = tp.CallPipeline(a)
    call.update(cng_divisor=np.int64(5000), semantic_vad={"min_interruption_duration_ms": np.int64(700)})
    assert call.config.turns.min_interruption_duration_ms == 700


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("frame_ms", np.int64(25)), ("frame_ms", np.float64(20.5)), ("frame_ms", True), ("cng_divisor", np.bool_(True)), ("cng_divisor", 2800.5),
     ("cng_divisor", np.int64(0)), ("plc_enabled", 1), ("plc_enabled", np.int64(1)), ("duck_db", np.nan), ("duck_db", np.float32(np.inf)),
     ("seed", np.int64(-1)), ("seed", 2**32), ("duck_db", "6"), ("stream", b"audio/x-mulaw;rate=8000"), ("seed", np.array([1])),
     ("semantic_vad", {"completed_turn_delay_ms": np.float64(1.5)}), ("background_audio", {"sound": "office", "loop": 1})],
)  # fmt: skip
def test_and_what_is_wrong_is_still_wrong(field, wrong):
    with pytest.raises(tp.ConfigError, match=field):
        CallConfig(**{field: wrong})


def test_equal_configurations_have_equal_hashes_and_pickle():
    sound = (1000 * np.sin(np.arange(800))).astype(np.int16)
    several = [
        CallConfig(),
        CallConfig(semantic_vad={"eagerness": "low", "min_interruption_words": 2}),
        CallConfig(idle_timeout={"max_retries": 2, "reminder_message": ["still", {"there": "?"}]}),
        CallConfig(idle_timeout=None),
        CallConfig(background_audio={"sound": "office"}),
        CallConfig(background_audio={"sound": sound}),
        CallConfig(background_audio={"sound": sound[::-1].copy()}),
        CallConfig(background_audio={"sound": b"RIFF"}),
    ]
    for config in several:
        for same in (
            pickle.loads(pickle.dumps(config)),
            copy.copy(config),
            copy.deepcopy(config),
            CallConfig(**config.to_dict()),
            config.replaced(),
        ):
            assert same == config
            assert hash(same) == hash(config)
            assert repr(same) == repr(config)
    assert len(set(several)) == len(several)
    assert {config: k for k, config in enumerate(several)}[CallConfig(background_audio={"sound": sound.copy()})] == 5
    one, other = CallConfig(semantic_vad={"eagerness": "low", "min_interruption_words": 1}), several[1]
    assert one != other


def test_a_configuration_does_not_change_under_its_user():
    given = {"eagerness": "low"}
    sound = np.ones(800, np.int16)
    config = CallConfig(semantic_vad=given, background_audio={"sound": sound})
    known = hash(config)
    given["eagerness"] = "high"
    sound[:] = 7
    assert config.semantic_vad == {"eagerness": "low"}
    assert config.background_audio["sound"].max() == 1
    assert hash(config) == known
    for change in (
        lambda: config.semantic_vad.update(eagerness="high"),
        lambda: config.semantic_vad.__setitem__("eagerness", "high"),
        lambda: config.semantic_vad.pop("eagerness"),
        config.semantic_vad.clear,
    ):
        with pytest.raises(TypeError, match="replaced"):
            change()
    assert config.to_dict()["semantic_vad"] | {"x": 1}


# --- private objects ----------------------------------------------------------------------------------------------------

VALUES = [
    None, True, 0, 1, -1, 3, 160, 2**31 - 1, -2**31, 2**32 - 1, 2**63 - 1, 2**64, -2**63, 0.5, float("nan"), float("inf"), "", "office", b"", b"12",
    bytes(160), bytes(161), bytearray(160), PCM, PCM.astype(np.float32), np.zeros(0, np.int16), [], [None], {}, (), object(), int, np.int64(5),
]  # fmt: skip


def test_private_objects_do_not_crash():
    """Whatever they are given, in whatever order: an exception at most. `python wheels/sanitize.py tests/test_boundary.py` looks closer."""
    choose, raising = random.Random(8), set()
    config = _core_config(CallConfig(), 1)
    call = _core._Call(config)
    things = [call, call.queue(), _core._PlayoutQueue(8000), _core._Sounds(), _core._Exchange([call], [None])]
    makers = [
        _core._PlayoutQueue,
        _core._Sounds,
        _core._Call,
        _core._Exchange,
        _core._State,
        _core._exchange,
        _core.whole,
        _core._noise_dbov,
    ]
    values = [*VALUES, call, config, [call], [call, call]]
    for step in range(6000):
        thing = choose.choice([*things, *makers])
        if thing in makers:
            made = attempt(thing, choose, values, raising)
            if isinstance(made, (_core._Exchange, _core._PlayoutQueue)):
                things = [*things[:5], *things[-3:], made]
        else:
            name = choose.choice(
                [n for n in dir(thing) if not n.startswith("__") or n in ("__init__", "__reduce__", "__copy__")]
            )
            member = getattr_or_none(thing, name)
            if callable(member):
                attempt(member, choose, values, raising)
        if step % 500 == 0:
            things[4] = _core._Exchange([_core._Call(config)], [bytes(160)])
    assert raising <= {
        TypeError, ValueError, OverflowError, KeyError, AttributeError, tp.ConfigError, tp.FormatError, tp.LengthError, tp.StateError,
        tp.errors.NoBufferError, tp.TalkpathError, MemoryError,
    }, raising  # fmt: skip
    call.reset()
    assert len(call.receive(bytes(160))) == 320


def getattr_or_none(thing, name):
    try:
        return getattr(thing, name)
    except tp.StateError:
        return None


def attempt(function, choose, values, raising):
    arguments = [choose.choice(values) for _ in range(choose.choice((0, 0, 1, 1, 2, 2, 3, 4)))]
    try:
        return function(*arguments)
    except Exception as error:
        raising.add(type(error))
        return None


def test_an_exchange_out_of_order():
    config = _core_config(CallConfig(), 1)
    call = _core._Call(config)
    exchange = _core._Exchange([call], [bytes(160)])
    exchange.run(0, 1)  # before it begins: nothing
    assert exchange.finish() == [(None, 0, 0, None)]
    exchange = None
    exchange = _core._Exchange([call], [bytes(160)])
    exchange.begin()
    with pytest.raises(tp.StateError):
        exchange.begin()
    with pytest.raises(tp.StateError):
        call.transmit()  # it is the exchange's
    for start, stop in ((-5, 0), (1, 2), (0, 10**6), (-(10**9), 10**9), (5, -5), (0, 1)):
        exchange.run(start, stop)  # once, whatever the ranges
    ((pcm, _, _, sent),) = exchange.finish()
    assert (len(pcm), len(sent)) == (320, 160)
    exchange.run(0, 1)
    assert call.received_ms == call.sent_ms == 20.0
    assert len(call.transmit()) == 160
    for wrong in (
        ([call], []),
        ([], [None]),
        ([call, 5], [None, None]),
        ([None], [None]),
        (None, None),
        ([call], None),
    ):
        with pytest.raises((TypeError, tp.ConfigError)):
            _core._Exchange(*wrong)
    twice = _core._Exchange([_core._Call(config)] * 2, [None, None])
    assert [type(e) for e in twice.errors] == [type(None), tp.StateError]
    with pytest.raises(tp.StateError):
        twice.refuse(2, ValueError(), True)
    twice.errors.clear()
    twice.begin()
    del twice


def test_no_uninitialised_state():
    for cls in (_core._PlayoutQueue, _core._Sounds, _core._State):
        made = cls.__new__(cls)
        for name in dir(made):
            if not name.startswith("__"):
                getattr(made, name)
    for cls in (_core._Call, _core._Exchange):
        with pytest.raises(TypeError):
            cls.__new__(cls)
        with pytest.raises(TypeError):
            type("Sub", (cls,), {})
    with pytest.raises(tp.ConfigError):
        _core._PlayoutQueue(None)


@pytest.mark.parametrize("name", [None, 3, b"a", ["a"]])
def test_names_are_text(name: object) -> None:
    """They come back in events and go into logs. Nothing is queued, and the call goes on."""
    call = tp.CallPipeline()
    for wrong in (lambda: call.checkpoint(name), lambda: call.speak(bytes(320), 8000, name), lambda: call.mark(name)):
        with pytest.raises(tp.ConfigError, match="must be a str"):
            wrong()
    with pytest.raises(tp.FormatError, match="text must be a str"):
        call.transcript(name)
    assert call.queued_ms == 0
    assert [e for _ in range(5) for e in call.transmit().events] == []
