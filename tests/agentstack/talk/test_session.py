"""An agent's whole session, with an app, a recogniser and a store that are slow."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip("websockets")

from fakes import FakeCall, FakeModel, FakeStream, FakeStt, FakeVoice, agent
from virtual_time import run

from talkpath.agentstack import session as session_module
from talkpath.agentstack.session import AgentSession, Party, Services


class SlowLink:
    """An app that takes its time to read the last message."""

    def __init__(self, url, headers, on_message, greet):
        self.told = []
        self.last = asyncio.Event()

    def send(self, message):
        self.told.append(message["type"])

    def send_last(self, message):
        self.send(message)
        self.last.set()

    async def run(self):
        await self.last.wait()
        await asyncio.sleep(9.0)


class SlowStream(FakeStream):
    async def aclose(self):
        await asyncio.sleep(2.0)


class Ears(FakeStt):
    def open(self, sample_rate_hz):
        return SlowStream()


class Store:
    def __init__(self):
        self.ended = []

    async def session_began(self, record):
        pass

    def session_events(self, session_id, events):
        pass

    async def session_ended(self, session_id, ended_at, summary, usage):
        self.ended.append(summary["reason"])


class World:
    """What a session is given; `legs` and `providers` are it, too."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(session_module, "AppLink", SlowLink)
        self.loop = asyncio.get_running_loop()
        self.store, self.bridged = Store(), []
        self.call = FakeCall()
        services = Services(self.store, self, self, self.loop.time, lambda url: {})
        self.session = AgentSession(self.call, agent(welcome_greeting="Hello."), Party("c1", "+1", "+2"), services)

    def stt(self, spec, fallback=()):
        return Ears()

    def llm(self, spec, fallback=(), on_availability=None):
        return FakeModel()

    def tts(self, spec, fallback=()):
        return FakeVoice()

    async def bridge(self, first, second):
        self.bridged.append((round(self.loop.time(), 1), second))
        await first.wait_ended()


def test_who_is_handed_over_talks_at_once(monkeypatch):
    async def scene():
        world = World(monkeypatch)
        work = asyncio.create_task(world.session.run())
        await asyncio.sleep(3.0)
        person = SimpleNamespace()
        world.session.hand_over(SimpleNamespace(to="+3"), person)
        await asyncio.sleep(0.1)
        assert world.bridged == [(3.0, person)]  # neither the app nor the recogniser was waited for
        await asyncio.sleep(20)
        assert world.session._link.told[-1] == "session.ended"
        assert world.store.ended == ["transferred"]
        assert not work.done()  # the two still talk
        await world.call.hangup()
        await asyncio.wait_for(work, 5)

    run(scene())


@pytest.mark.parametrize("ends", ["caller", "agent"])
def test_without_a_transfer_nobody_is_bridged(monkeypatch, ends):
    async def scene():
        world = World(monkeypatch)
        work = asyncio.create_task(world.session.run())
        await asyncio.sleep(3.0)
        if ends == "caller":
            await world.call.hangup()
        else:
            world.session.leave("time_limit")
        await asyncio.wait_for(work, 30)
        assert world.bridged == []
        assert world.store.ended == ["user_hangup" if ends == "caller" else "time_limit"]
        assert world.call.ended is not None
        assert world.session._link.told.count("session.ended") == 1

    run(scene())


def test_a_session_that_is_cancelled_in_a_transfer_leaves_nothing_behind(monkeypatch):
    async def scene():
        world = World(monkeypatch)
        work = asyncio.create_task(world.session.run())
        await asyncio.sleep(3.0)
        work.cancel()
        await asyncio.wait({work}, timeout=30)
        assert work.cancelled()
        assert world.session._link.told[-1] == "session.ended"

    run(scene())
