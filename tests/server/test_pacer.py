"""Sessions that share an exchange get what each gets by itself."""

import pytest
from world import QUICK, STARTS, silence

from talkpath import streams
from talkpath.server import Session
from talkpath.server.pacer import Pacer

DIALECTS = ["plivo", "twilio", "audiosocket", "asterisk", "vonage"]


def sessions() -> list[tuple[Session, streams.Stream]]:
    found = []
    for k in range(10):
        dialect = DIALECTS[k % 5]
        provider = streams.DIALECTS[dialect]("provider")
        session = Session(QUICK.replaced(seed=k), streams.DIALECTS[dialect](), now=0.0)
        for message in provider.open(STARTS[dialect]):
            session.receive(message, 0.0)
        if session.call is None:  # AudioSocket: the first audio says at which rate the call is
            session.receive(provider.media(silence(STARTS[dialect].wire)), 0.0)
        session.call.play(WAV, name="hello")
        found.append((session, provider))
    return found


def wav() -> bytes:
    import io
    import wave

    from scenario import voice

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(voice(1000).tobytes())
    return out.getvalue()


WAV = wav()


@pytest.mark.parametrize("threads", [1, 2])
def test_one_exchange_for_all(threads: int) -> None:
    together, alone = sessions(), sessions()
    pacer = Pacer(threads)
    for session, _ in together:
        pacer.add(session)
    assert len(pacer) == 10
    sent: list[list] = [[] for _ in range(20)]
    for k in range(200):
        now = 0.01 * k + 0.001
        for group in (together, alone):
            for i, (session, provider) in enumerate(group):
                if k % 2 == i % 2 and not 60 < k < 90 + 4 * i:  # some stand still
                    session.receive(provider.media(silence(session.start.wire)), now)
                    pacer.touch(session)
        pacer.tick(now)
        for session, _ in alone:
            session.tick(now)
        for i, (session, _) in enumerate(together + alone):
            sent[i] += session.data_to_send()
    for i in range(10):
        (a, _), (b, _) = together[i], alone[i]
        assert sent[i] == sent[i + 10]
        assert len(sent[i]) > 80
        assert a.counters == b.counters
        assert a.events() == b.events()
    assert pacer.next_deadline() == min(s.next_deadline() for s, _ in together)
    for session, _ in together:
        session.hangup(2.0)
    assert pacer.tick(3.0) == []
    assert pacer.next_deadline() is None
    for session, _ in together:
        pacer.remove(session)
    assert len(pacer) == 0


def test_a_call_that_is_in_use_harms_no_other() -> None:
    (first, p1), (second, p2), *_ = sessions()
    pacer = Pacer()
    pacer.add(first)
    pacer.add(second)
    for k in range(50):
        now = 0.02 * k
        first.receive(p1.media(silence(first.start.wire)), now)
        second.receive(p2.media(silence(second.start.wire)), now)
        pacer.touch(first)
        pacer.touch(second)
        if k == 25:
            first.call.hangup()
        pacer.tick(now + 0.011)
    assert first.ended == "hangup"
    assert second.ended is None
    assert second.counters.sent >= 49


@pytest.mark.parametrize("where", ["due", "exchanged"])
def test_a_session_that_fails_harms_no_other(where: str) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("mine")

    (first, p1), (second, p2), *_ = sessions()
    pacer = Pacer()
    pacer.add(first)
    pacer.add(second)
    for k in range(50):
        now = 0.02 * k
        first.receive(p1.media(silence(first.start.wire)), now)
        second.receive(p2.media(silence(second.start.wire)), now)
        pacer.touch(first)
        pacer.touch(second)
        if k == 25:
            setattr(first, where, fails)
        pacer.tick(now + 0.011)
    assert first.ended == "ZeroDivisionError: mine"
    assert second.counters.sent >= 49
