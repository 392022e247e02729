"""Many calls at once: the same as each by itself, whatever the threads; one that fails harms no other."""

import collections
import os
import pickle
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from scenario import voice

import talkpath as tp

FRAMES = 120


def story(k):
    """Configuration and inputs of the k-th call: they differ."""
    fields = {
        "stream": ["audio/x-mulaw;rate=8000", "audio/x-l16;rate=16000", "audio/x-alaw;rate=8000"][k % 3],
        "noise_cancellation": k % 4 == 1,
        "background_audio": {"sound": "office"} if k % 5 == 2 else None,
        "semantic_vad": ["high", "medium", "low"][k % 3],
        "seed": k,
    }
    call = tp.CallPipeline(**fields)
    rate = call.config.wire.sample_rate_hz
    near = np.concatenate(
        [np.zeros(rate // 2, np.int16), voice(1000, rate, seed=k + 20, pitch=180.0), np.zeros(rate, np.int16)]
    )
    n = call.config.frame_samples
    payloads = [call.encode(near[i * n : (i + 1) * n]) for i in range(FRAMES)]
    payloads[k % 50] = None
    call.speak(voice(2000, rate), rate, "a", final=True)
    return call, payloads


def same(a, b):
    np.testing.assert_array_equal(a[0].pcm, b[0].pcm)
    assert a[0].events == b[0].events
    assert a[1].payload == b[1].payload
    assert a[1].events == b[1].events


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_group_is_each_by_itself(threads):
    alone, together = [story(k) for k in range(12)], [story(k) for k in range(12)]
    with tp.CallGroup(threads) as group:
        for i in range(FRAMES):
            results = group.exchange([(call, payloads[i]) for call, payloads in together])
            for (call, payloads), result in zip(alone, results, strict=True):
                received = call.conceal() if payloads[i] is None else call.receive(payloads[i])
                same((received, call.transmit()), result)
    assert any(call.metrics.interruptions for call, _ in together)


def test_one_bad_payload_harms_no_other():
    calls = [tp.CallPipeline() for _ in range(6)]
    group = tp.CallGroup(2)
    good = calls[0].encode(np.zeros(160, np.int16))
    results = group.exchange([(call, good[:-1] if k == 3 else good) for k, call in enumerate(calls)])
    for k, (received, transmitted) in enumerate(results):
        assert len(transmitted.payload) == 160
        if k == 3:
            assert isinstance(received, tp.LengthError)
            assert "payload has 159 bytes; a 20 ms frame has 160" in str(received)
        else:
            assert len(received.pcm) == 320
    assert [call.metrics.received_frames for call in calls] == [1, 1, 1, 0, 1, 1]
    (received, _), *_ = group.exchange([(calls[0], 7)])  # not even a buffer
    assert isinstance(received, tp.TalkpathError)


QUIET = tp.g711.ulaw_encode(bytes(320))


class Lazy(collections.abc.Sequence):
    """Makes its pairs, and their payloads, when they are asked for."""

    def __init__(self, calls):
        self._calls = calls

    def __len__(self):
        return len(self._calls)

    def __getitem__(self, i):
        if i >= len(self._calls):
            raise IndexError
        return self._calls[i], bytearray(QUIET)


ITERABLES = {
    "list": lambda calls: [(c, QUIET) for c in calls],
    "tuple of lists": lambda calls: tuple([c, QUIET] for c in calls),
    "zip": lambda calls: zip(calls, [QUIET] * len(calls), strict=True),
    "zip of arrays": lambda calls: zip(calls, np.full((len(calls), 160), 255, np.uint8), strict=True),
    "generator": lambda calls: ((c, bytes(bytearray(QUIET))) for c in calls),
    "generator of generators": lambda calls: (iter((c, QUIET)) for c in calls),
    "map": lambda calls: map(lambda c: (c, memoryview(QUIET)), calls),
    "dict items": lambda calls: dict.fromkeys(calls, QUIET).items(),
    "iterator": lambda calls: iter([(c, QUIET) for c in calls]),
    "deque": lambda calls: collections.deque((c, QUIET) for c in calls),
    "lazy sequence": Lazy,
    "object array": lambda calls: np.array([(c, QUIET) for c in calls], object),
    "calls that nobody else keeps": lambda calls: ((tp.CallPipeline(), QUIET) for _ in calls),
}


@pytest.mark.parametrize("name", ITERABLES)
def test_any_iterable_will_do(name):
    calls, group = [tp.CallPipeline() for _ in range(9)], tp.CallGroup(2)
    for _ in range(3):
        results = group.exchange(ITERABLES[name](calls))
        assert [len(received.pcm) for received, _ in results] == [320] * 9
        assert [len(transmitted.payload) for _, transmitted in results] == [160] * 9
    if name != "calls that nobody else keeps":
        assert [call.metrics.received_frames for call in calls] == [3] * 9


@pytest.mark.parametrize(
    "wrong",
    [None, 5, [1], ["ab"], [("a", "b")], [(1, QUIET)], [()], [(None, None)], "text", {"a": 1}, [b"ab"], object()],
    ids=lambda wrong: repr(wrong).partition(" at 0x")[0],
)
def test_what_is_no_frames_is_refused_before_anything_happens(wrong):
    call, group = tp.CallPipeline(), tp.CallGroup(2)
    for frames in (wrong, [(call, QUIET), *wrong] if isinstance(wrong, list) else wrong):
        with pytest.raises(TypeError):
            group.exchange(frames)
    with pytest.raises(TypeError, match="expected pairs"):
        group.exchange([(call, QUIET), (call, QUIET, None)])
    with pytest.raises(TypeError, match="expected pairs"):
        group.exchange([call])
    with pytest.raises(ZeroDivisionError):  # the caller's own errors are its own
        group.exchange((call, 1 // 0) for _ in range(2))
    assert call.metrics.received_frames == call.metrics.sent_frames == 0


@pytest.mark.parametrize(
    "payload",
    [b"", QUIET[:-1], QUIET * 2, 7, "text", [0] * 160, np.zeros(160, np.float32), np.zeros(80, np.int16), np.zeros((2, 80), np.uint8),
     memoryview(QUIET * 2)[::2], np.zeros(320, np.uint8)[::2], np.zeros(160, bool), object()],
    ids=lambda p: f"{type(p).__name__} {getattr(p, 'dtype', '')}",
)  # fmt: skip
def test_one_bad_payload_is_that_calls_alone(payload):
    for threads in (1, 2):
        calls = [tp.CallPipeline() for _ in range(6)]
        results = tp.CallGroup(threads).exchange((c, payload if k == 3 else QUIET) for k, c in enumerate(calls))
        for k, (received, transmitted) in enumerate(results):
            assert len(transmitted.payload) == 160
            assert isinstance(received, tp.FormatError) if k == 3 else len(received.pcm) == 320
        assert [call.metrics.received_frames for call in calls] == [1, 1, 1, 0, 1, 1]
        assert [call.metrics.sent_frames for call in calls] == [1] * 6
        with pytest.raises(tp.FormatError):
            calls[0].receive(payload)


def test_what_goes_wrong_with_one_call_is_its_own_result():
    over, busy, broken, fine = calls = [tp.CallPipeline() for _ in range(4)]
    over.hangup()
    broken._sources = types.SimpleNamespace(pending=[1], feed=lambda: open("/no/such/file"), queued=0)  # noqa: SIM115
    group, results, entered, leave = tp.CallGroup(2), [], threading.Event(), threading.Event()

    def hold():
        from talkpath._core import _exchange

        _exchange([busy._core], [None], lambda work: (entered.set(), leave.wait(10)))

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    try:
        results = group.exchange((c, QUIET) for c in calls)
    finally:
        leave.set()
        holder.join()
    for (received, transmitted), message in zip(results[:2], ("the call is over", "in use"), strict=True):
        assert isinstance(received, tp.StateError)
        assert message in str(received)
        assert transmitted == (b"", [])
    assert isinstance(results[2][0], FileNotFoundError)
    assert len(results[2][1].payload) == 160
    assert len(results[3][0].pcm) == 320
    assert busy.metrics.received_frames == busy.metrics.sent_frames == 0
    assert (fine.metrics.received_frames, broken.metrics.received_frames, broken.metrics.sent_frames) == (1, 0, 1)
    assert len(group.exchange([(busy, QUIET)])[0][0].pcm) == 320  # free again


def test_refused_before_anything_happens():
    call, group = tp.CallPipeline(), tp.CallGroup()
    with pytest.raises(tp.ConfigError, match="twice"):
        group.exchange(iter([(call, None), (tp.CallPipeline(), None), (call, None)]))
    assert call.metrics.lost_frames == 0
    assert group.exchange([]) == []
    for wrong in (0, 257, 1.5, True, "2", None):
        with pytest.raises(tp.ConfigError, match="threads"):
            tp.CallGroup(wrong)
    assert repr(tp.CallGroup(np.int64(3))) == "CallGroup(threads=3)"
    assert repr(pickle.loads(pickle.dumps(tp.CallGroup(3)))) == "CallGroup(threads=3)"
    group.close()
    with pytest.raises(tp.StateError, match="closed"):
        group.exchange([(call, None)])
    group.close()


def test_payloads_are_taken_when_they_are_given():
    """What becomes of a buffer afterwards, even while the threads are at work, does not matter."""
    calls = [tp.CallPipeline() for _ in range(40)]
    buffers = [bytearray(QUIET) for _ in calls]
    group, stop = tp.CallGroup(2), threading.Event()

    def spoil():
        while not stop.is_set():
            for buffer in buffers:
                buffer.clear()  # a BufferError, or a crash, if somebody still looked at it
                buffer.extend(QUIET)

    spoiling = threading.Thread(target=spoil)
    spoiling.start()
    try:
        for _ in range(20):
            for received, _ in group.exchange(zip(calls, buffers, strict=True)):
                assert isinstance(received, tp.LengthError) or len(received.pcm) == 320
    finally:
        stop.set()
        spoiling.join()


# gcc 12's AddressSanitizer does not free its allocator's locks in a child: about one fork in 1,000 beside other threads hangs, with no talkpath in it.
needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork") or bool(os.environ.get("TALKPATH_TEST_SANITIZE")),
    reason="no fork here, or none that a sanitizer's allocator survives",
)
FORKS = """
import os, sys, threading, numpy as np, talkpath as tp
quiet = tp.g711.ulaw_encode(bytes(320))
calls = [tp.CallPipeline() for _ in range(8)]
group = tp.CallGroup(3)
def use():
    return [len(r.pcm) for r, _ in group.exchange((c, quiet) for c in calls)] == [320] * 8
good = use()
for depth in range(3):   # a child, its child, and its child
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        good = good and use() and status == 0
        if {close}: group.close()
        sys.exit(not good)
    good = use() and use()
sys.exit(not good)
"""


@needs_fork
@pytest.mark.parametrize("close", [False, True])
def test_a_group_works_on_in_a_child(close):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS.format(close=close)], timeout=60, capture_output=True
    )
    assert done.returncode == 0, done.stderr


@needs_fork
def test_multiprocessing_by_fork():
    import multiprocessing

    calls, group = [tp.CallPipeline() for _ in range(8)], tp.CallGroup(2)
    group.exchange((c, QUIET) for c in calls)
    pool = multiprocessing.get_context("fork").Pool(2, initializer=lambda: group.exchange((c, None) for c in calls))
    with pool:
        assert pool.map(len, ["ab", "c"]) == [2, 1]
    assert {call.metrics.lost_frames for call in calls} == {0}


DROPPED = """
import os, threading, talkpath as tp
quiet = tp.g711.ulaw_encode(bytes(320))
calls = [tp.CallPipeline() for _ in range(20)]
for k in range(30):
    tp.CallGroup(3).exchange((c, quiet) for c in calls)   # nobody closes it
kept = tp.CallGroup(3)
kept.exchange((c, quiet) for c in calls)
def later():
    while True:
        kept.exchange((c, quiet) for c in calls)
threading.Thread(target=later, daemon=True).start()       # at work while the interpreter ends
import gc, time
gc.collect()
time.sleep(0.3)
print(len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0)
"""


def test_groups_that_nobody_closes_do_not_keep_the_process():
    done = subprocess.run([sys.executable, "-c", DROPPED], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 6


def test_closing_while_another_thread_exchanges():
    calls, found = [tp.CallPipeline() for _ in range(12)], []
    for _ in range(10):
        group = tp.CallGroup(3)
        group.exchange((c, QUIET) for c in calls)

        def use(group=group):
            try:
                while True:
                    found.extend(isinstance(r, Exception) for r, _ in group.exchange((c, QUIET) for c in calls))
            except tp.StateError:
                pass

        using = threading.Thread(target=use)
        using.start()
        group.close()
        using.join(10)
        assert not using.is_alive()
    assert not any(found)


def test_calls_come_and_go(rng):
    """States share pieces of memory: whichever calls end and begin, none lies on another's or keeps anything of it."""
    now = {}
    for k in range(60):
        now[k] = story(k % 6)
        if k % 3 == 2:
            for gone in rng.choice(sorted(now), 2, replace=False):
                del now[gone]
        for i, (call, payloads) in enumerate(now.values()):
            call.receive(payloads[(k + i) % 50 + 50])
            call.transmit()
    (call, payloads), (other, _) = story(4), story(4)
    for i in range(FRAMES):
        pairs = [(c.conceal() if payloads[i] is None else c.receive(payloads[i]), c.transmit()) for c in (call, other)]
        same(*pairs)
        for busy, its in now.values():
            busy.receive(its[(i + 1) % 50 + 50])
