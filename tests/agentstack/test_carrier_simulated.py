"""The simulated carrier: who answers, when, and that its phones are real calls of another process."""

import asyncio
from pathlib import Path

import pytest
from leg_world import now, run, settle

from talkpath.agentstack.carriers.base import CarrierError, LegRequest, LegStatus
from talkpath.agentstack.carriers.phone_book import PhoneBook, default_book, load_book, read_book
from talkpath.agentstack.carriers.simulated import SimulatedCarrier
from talkpath.agentstack.legs import LegFailed, Legs
from talkpath.call.config import CallConfig
from talkpath.errors import ConfigError
from talkpath.phone import Press, Say, Wait, WaitFor
from talkpath.streams import Start

BOOK = """
[default]
answers = "rings"
[numbers."+1"]
answers = "human"
after_s = 2
keys = "1#"
line = "mobile"
[numbers."+2"]
answers = "machine"
[numbers."+3"]
answers = "busy"
after_s = 0.5
[numbers."+4"]
answers = "rejects"
[numbers."+5"]
answers = "no_route"
[numbers."+6"]
steps = [{wait = 1.5}, {say = {seconds = 1.0, voice = 2}}, "hang_up"]
[numbers."+7"]
script = "talker"
"""


class FakePhones:
    def __init__(self) -> None:
        self.ended = lambda phone_id, reason, was_connected: None
        self.did: list[tuple] = []
        self.is_closed = False

    async def start(self, plans: list) -> None:
        self.did.append(("start", len(plans)))

    def dial(self, phone_id: str, url: str, plan: object, name: str) -> None:
        self.did.append(("dial", now(), url, plan, name))
        self.last = phone_id

    def hang_up(self, phone_id: str) -> None:
        self.did.append(("hang_up",))
        self.ended(phone_id, "hung up", True)

    async def aclose(self) -> None:
        self.is_closed = True


def book(tmp_path: Path, text: str = BOOK) -> PhoneBook:
    path = tmp_path / "phones.toml"
    path.write_text(text, encoding="utf-8")
    return load_book(path)


def world(found: PhoneBook) -> tuple[SimulatedCarrier, FakePhones, list]:
    phones, said = FakePhones(), []
    carrier = SimulatedCarrier(found, phones)
    carrier.on_status = lambda status: said.append((now() - 1000, status.status, status.cause))
    return carrier, phones, said


def request(to: str, ring_timeout_s: float = 30.0) -> LegRequest:
    return LegRequest("u-1", to, "+9", ring_timeout_s, "ws://phone:1/plivo/leg/u-1?leg=s", "plivo", "http://status")


def test_what_a_phone_book_means(tmp_path: Path) -> None:
    found = book(tmp_path)
    assert found.entry("+77").answers == "rings"
    person = found.entry("+1")
    assert (person.answers, person.after_s, person.line.name) == ("human", 2.0, "mobile")
    assert [type(step) for step in person.script.steps] == [Wait, Say, Wait, Press, WaitFor]
    beep = found.entry("+2").script.steps[3]
    assert isinstance(beep, Say)
    assert beep.files[0].is_file()
    assert found.entry("+6").script.steps[0] == Wait(1.5)
    assert found.entry("+7").script.name == "talker"
    hello = default_book().entry("+1")
    assert (hello.answers, hello.after_s) == ("human", 1.0)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[[numbers]]", "numbers"),
        ("other = 1", "other"),
        ('[numbers."+1"]\nanswers = "maybe"', 'numbers."+1".answers'),
        ('[numbers."+1"]\nafter_s = -1', "after_s"),
        ('[numbers."+1"]\nwav = "no.wav"', "no.wav"),
        ('[numbers."+1"]\nkeys = "x"', "x"),
        ('[numbers."+1"]\nscript = "nobody"', "nobody"),
        ('[numbers."+1"]\nline = "wet string"', 'numbers."+1"'),
        ('[numbers."+1"]\nscript = "talker"\nsteps = ["hang_up"]', "one of"),
        ('[numbers."+1"]\nanswers = "machine"\nbeep = 1', "beep"),
        ("[default]\nsize = 1", "size"),
        ("=", "phones.toml"),
    ],
)
def test_what_cannot_be_in_a_phone_book(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(ConfigError) as problem:
        book(tmp_path, text)
    assert names in str(problem.value)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("+1", [(0, "ringing", None), (2, "answered", None)]),
        ("+3", [(0, "ringing", None), (0.5, "busy", None)]),
        ("+4", [(0, "ringing", None), (1, "failed", "rejected")]),
        ("+8", [(0, "ringing", None), (20, "no_answer", None)]),
    ],
)
def test_what_the_carrier_says(tmp_path: Path, to: str, said: list) -> None:
    async def main() -> None:
        carrier, phones, heard = world(book(tmp_path))
        await carrier.place(request(to, 20.0))
        await asyncio.sleep(40)
        assert heard == [(pytest.approx(at), status, cause) for at, status, cause in said]
        dialled = [did for did in phones.did if did[0] == "dial"]
        assert len(dialled) == (to == "+1")
        if dialled:
            _, at, url, plan, name = dialled[0]
            assert (at, url, name) == (1002, "ws://phone:1/plivo/leg/u-1?leg=s", "1-u-1")
            assert (plan.provider, plan.from_number, plan.to_number) == ("plivo", "+9", "+1")

    run(main())


def test_a_number_that_rings_too_long(tmp_path: Path) -> None:
    async def main() -> None:
        carrier, phones, heard = world(book(tmp_path))
        await carrier.place(request("+1", 1.0))
        await asyncio.sleep(5)
        assert [status for _, status, _ in heard] == ["ringing", "no_answer"]
        assert not [did for did in phones.did if did[0] == "dial"]
        with pytest.raises(CarrierError):
            await carrier.place(request("+5"))

    run(main())


def test_it_is_hung_up(tmp_path: Path) -> None:
    async def main() -> None:
        carrier, phones, heard = world(book(tmp_path))
        ringing = await carrier.place(request("+1"))
        await settle()
        await carrier.end(ringing)
        await carrier.end(ringing)
        assert heard[-1][1:] == ("completed", "cancelled")
        talking = await carrier.place(request("+1"))
        await asyncio.sleep(3)
        await carrier.end(talking)
        assert [status for _, status, _ in heard[2:]] == ["ringing", "answered", "completed"]
        await carrier.place(request("+1"))
        await asyncio.sleep(3)
        phones.ended(phones.last, "refused", False)
        assert heard[-1][1] == "failed"
        await carrier.end("no such call")
        await carrier.place(request("+1"))
        await carrier.aclose()
        count = len(heard)
        await asyncio.sleep(60)
        assert phones.is_closed
        assert len(heard) <= count + 1  # its ringing; no answer

    run(main())


@pytest.mark.realtime
def test_a_real_phone_answers(tmp_path: Path) -> None:
    """Dialled through legs into a media server: it says hello, hears us, hears keys, and is hung up."""
    pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
    from talkpath.phone import voice
    from talkpath.server import MediaServer, PhoneCall

    story: list = []

    async def main() -> None:
        found = read_book({"record": "phones", "default": {"after_s": 0.1, "keys": "5"}}, tmp_path)
        carrier = SimulatedCarrier(found)
        legs: Legs

        async def answer(call: PhoneCall) -> None:
            if legs.claim(call):
                await call.wait_ended()

        def configure(start: Start) -> CallConfig:
            return legs.config(start)

        async with MediaServer(answer, config=configure, port=0, token="t0") as server:
            base = f"ws://127.0.0.1:{server.port}?token=t0"
            legs = Legs(carrier, stream_base=base, status_base="http://nowhere")
            said: list[LegStatus] = []
            take = carrier.on_status
            carrier.on_status = lambda status: (said.append(status), take(status))  # type: ignore[func-returns-value]
            with pytest.raises(LegFailed, match="no_answer"):
                await (await legs.place("u-0", "+1", "+9", 0.05)).answered()
            leg = await legs.place("u-1", "+1555", "+9", 20.0, "7")
            call = await asyncio.wait_for(leg.answered(), 20)
            async for event in call.events():
                story.append(getattr(event, "type", ""))
                if story[-1] == "user.dtmf":
                    break
            await call.say(voice(1.0, 8000), 8000)
            await leg.end()
            for _ in range(200):
                if said[-1].status == "completed":
                    break
                await asyncio.sleep(0.02)
            assert [status.status for status in said[-3:]] == ["ringing", "answered", "completed"]
            await legs.aclose()

    asyncio.run(main())
    assert "user.speech_started" in story
    assert "user.dtmf" in story
    from talkpath import DtmfDetector
    from talkpath.wav import read_wav

    heard = read_wav(tmp_path / "phones/1555-u-1.heard.wav", 8000)
    assert [press.digit for press in DtmfDetector(8000).process(heard)] == ["7"]
    assert abs(heard.astype(int)).max() > 3000
    assert (tmp_path / "phones/1555-u-1.json").is_file()
