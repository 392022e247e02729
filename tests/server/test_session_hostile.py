"""Whatever comes, a session does not raise; and it goes on where the stream is still one."""

import random

import pytest
from world import QUICK, STARTS, World, silence

from talkpath import streams
from talkpath.server import Session


def mutate(data: str | bytes, rng: random.Random) -> str | bytes:
    raw = bytearray(data.encode() if isinstance(data, str) else data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(4):
            case 0 if at < len(raw):
                raw[at] = rng.randrange(256)
            case 1:
                del raw[at : at + rng.randrange(1, 20)]
            case 2:
                raw[at:at] = bytes(rng.choices(b'{}[]",:0123456789eE-\\u\x00\xff', k=rng.randrange(1, 6)))
            case 3:
                raw[at:at] = raw[: rng.randrange(40)]
    if isinstance(data, str) or rng.random() < 0.1:
        return raw.decode("utf-8", "replace")
    return bytes(raw)


@pytest.mark.parametrize("dialect", sorted(STARTS))
@pytest.mark.parametrize("seed", range(3))
def test_mutated_messages(dialect: str, seed: int) -> None:
    rng = random.Random(seed)
    world = World(dialect).run(0.3)
    provider, session = world.provider, world.session
    makes = [
        lambda: provider.media(silence(world.wire)),
        lambda: provider.dtmf("5"),
        lambda: provider.mark("m"),
        lambda: '{"event":"stop"}',
        lambda: b"\xff\0\0",
    ]
    for k in range(300):
        data = makes[0 if k % 2 else rng.randrange(len(makes))]()
        if data is None or session.ended is not None:
            continue
        if not (dialect == "audiosocket" and isinstance(data, str)):
            session.receive(mutate(data, rng), 0.3 + 0.02 * k)
        session.tick(0.3 + 0.02 * k + 0.01)
        session.data_to_send()
        session.events()
    sent = session.counters.sent
    assert sent >= 20 if session.ended is None else session.ended


@pytest.mark.parametrize("seed", range(5))
def test_anything_first(seed: int) -> None:
    rng = random.Random(seed)
    for name, start in STARTS.items():
        session = Session(QUICK, now=0.0)
        for data in streams.DIALECTS[name]("provider").open(start):
            session.receive(mutate(data, rng), 0.0)
        for k in range(20):
            session.receive(rng.randbytes(50) if k % 2 else "{}", 0.1 * k)
            session.tick(0.1 * k)


def test_a_flood_is_bounded() -> None:
    """100 s of audio in one second: what waits is bounded, and so is the work of a tick."""
    world = World("twilio").run(0.5)
    before = world.session.counters.received
    for k in range(50):
        for _ in range(100):
            world.session.receive(world.provider.media(silence(world.wire)), world.now)
        world.run(0.02)
        assert world.session.counters.received - before <= 3 * (k + 2)
    assert world.session.counters.dropped > 4000
    world.run(3)
    sent = len(world.times())
    world.run(1)
    assert len(world.times()) in (sent + 50, sent + 49, sent + 51)


@pytest.mark.parametrize("dialect", sorted(STARTS))
def test_a_second_start_and_audio_after_the_stop(dialect: str) -> None:
    """The call is the first one's, and what comes after its end is nobody's."""
    world = World(dialect).run(0.5)
    session, call = world.session, world.session.call
    for message in streams.DIALECTS[dialect]("provider").open(world.start):
        session.receive(message, world.now)
    world.run(0.1)
    assert session.call is call
    stop = world.provider.stop()
    if stop is None:
        session.closed(world.now)
    else:
        session.receive(stop, world.now)
    world.settle()
    events, received = len(world.events), session.counters.received
    for _ in range(5):
        session.receive(world.provider.media(silence(world.wire)), world.now)
    session.tick(world.now + 1)
    world.settle()
    assert session.ended
    assert (len(world.events), session.counters.received) == (events, received)
