"""Many calls at once: the same as each by itself, whatever the threads; one that fails harms no other."""

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


def test_refused_before_anything_happens():
    call, over = tp.CallPipeline(), tp.CallPipeline()
    over.hangup()
    group = tp.CallGroup()
    with pytest.raises(tp.ConfigError, match="twice"):
        group.exchange([(call, None), (call, None)])
    with pytest.raises(tp.StateError):
        group.exchange([(call, None), (over, None)])
    assert call.metrics.lost_frames == 0
    assert group.exchange([]) == []
    for wrong in (0, 257, 1.5, True):
        with pytest.raises(tp.ConfigError, match="threads"):
            tp.CallGroup(wrong)
    assert repr(group) == "CallGroup(threads=1)"


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
