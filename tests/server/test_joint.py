"""Two callers of one process who talk to each other: whole, soon, and whatever their clocks do."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
from scenario import voice

from talkpath import CallConfig, CallPipeline, DtmfDetector, dtmf
from talkpath.errors import StateError
from talkpath.server.joint import Joint, has_key, is_quiet
from talkpath.server.phone_call import PhoneCall
from talkpath.server.results import Began
from talkpath.streams import Start

CONFIG = CallConfig(
    idle_timeout=None,
    comfort_noise_enabled=False,
    echo_control=False,
    audio_format="pcm_8k",
    stream="audio/x-l16;rate=8000",
)


class Pair:
    """One direction; time passes when it is told to."""

    def __init__(self) -> None:
        self.target = SimpleNamespace(call=CallPipeline(CONFIG), ended=None)
        self.joint = Joint(SimpleNamespace(call=None, ended=None), self.target, 8000)  # type: ignore[arg-type]
        self.sent: list[bytes] = []

    def tick(self) -> None:
        self.target.call.receive(bytes(320))
        self.sent.append(self.target.call.transmit().payload)

    @property
    def pcm(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.sent), np.int16)


def frames(pcm: np.ndarray) -> list[np.ndarray]:
    return list(pcm[: len(pcm) // 160 * 160].reshape(-1, 160))


def test_what_is_said_is_heard_unchanged_and_soon() -> None:
    pair, said = Pair(), voice(2000)
    for frame in frames(said):
        pair.joint.heard(frame)
        pair.tick()
    heard = pair.pcm[160:]  # the cushion is one frame
    assert np.array_equal(heard, said[: len(heard)])


@pytest.mark.parametrize("every", [25, -25])
def test_clocks_that_differ(every: int) -> None:
    """Ten minutes; the speaker's clock is 4 % fast, or slow: what waits stays short, and speech is what is kept."""
    pair, said = Pair(), frames(np.concatenate([voice(1000), np.zeros(8000, np.int16)]))
    most = 0.0
    for i in range(30000):
        frame = said[i % len(said)]
        if every > 0 or i % -every:
            pair.joint.heard(frame)
        if every > 0 and i % every == 0:
            pair.joint.heard(said[(i + 50) % len(said)])
        most = max(most, pair.target.call.queued_ms)
        pair.target.call.transmit()
    assert most <= 105


def test_what_comes_at_once_is_not_kept() -> None:
    pair = Pair()
    for frame in frames(voice(3000)):
        pair.joint.heard(frame)
    assert pair.target.call.queued_ms <= 105
    pair = Pair()
    for _ in range(100):
        pair.joint.heard(np.zeros(160, np.int16))
    assert pair.target.call.queued_ms <= 60


def test_keys() -> None:
    """Pressed once; what is said meanwhile does not make the rest late."""
    pair, said = Pair(), frames(voice(4000))
    for i, frame in enumerate(said):
        if i == 50:
            pair.joint.key("7")
        pair.joint.heard(frame)
        pair.tick()
    assert [press.digit for press in DtmfDetector(8000).process(pair.pcm)] == ["7"]
    assert pair.target.call.queued_ms <= 105


def test_a_key_that_was_heard_is_not_pressed_again() -> None:
    pair = Pair()
    for frame in frames(np.concatenate([dtmf.generate("7", sample_rate=8000), np.zeros(1600, np.int16)])):
        pair.joint.heard(frame)
        pair.tick()
    pair.joint.key("7")
    pair.joint.key("8")  # this one was not
    for _ in range(30):
        pair.tick()
    assert [press.digit for press in DtmfDetector(8000).process(pair.pcm)] == ["7", "8"]


def test_the_other_is_gone() -> None:
    pair = Pair()
    pair.target.call.hangup()
    pair.joint.heard(voice(20))
    pair.joint.key("1")
    pair.target.ended = "hangup"
    pair.joint.heard(voice(20))
    pair.joint.key("1")


def test_what_is_quiet_and_what_is_a_key() -> None:
    assert is_quiet(np.zeros(160, np.int16))
    assert not is_quiet(voice(1000)[1600:1760])
    tone = frames(dtmf.generate("5", sample_rate=8000))
    assert has_key(tone[:4], "5", 8000)  # it still sounds
    assert not has_key(tone, "6", 8000)
    assert not has_key([], "5", 8000)


def test_calls_of_different_processes() -> None:
    async def main() -> None:
        async def ask(*args: object) -> None:
            raise AssertionError("nothing is to be asked")

        began, owners = Began(Start()), (object(), object())
        first, second, third = (PhoneCall(began, ask, (owner, 1)) for owner in (*owners, None))
        for other in (second, third):
            with pytest.raises(StateError, match="different processes"):
                await first.join(other)
        with pytest.raises(StateError, match="different processes"):
            await third.join(third)

    asyncio.run(main())
