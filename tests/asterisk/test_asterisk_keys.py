"""Keys, both ways: each arrives exactly once."""

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.system import System
from talkpath.call.events import UserDtmf
from talkpath.server import PhoneCall
from talkpath.streams import Start

CHANNEL = Way("audiosocket-channel")
KEYS = "155*0#"


def test_the_caller_presses(system: System) -> None:
    """As messages; as sound; and as sound that Asterisk knows for keys and turns into messages, of which some is left. All at once."""
    pressed: list[tuple[Start, str]] = []

    async def answer(call: PhoneCall) -> None:
        keys = [event.digit async for event in call.events() if isinstance(event, UserDtmf)]
        pressed.append((call.start, "".join(keys)))

    async def main() -> None:
        async with telephone(system, answer) as lines:
            calls = [await lines.dial(way, "press", KEYS=KEYS) for way in (AUDIOSOCKET, CHANNEL, PLAIN, JSON)]
            for line in ("sound", "listened-sound"):
                calls += [await lines.dial(way, "press", line, KEYS=KEYS) for way in (AUDIOSOCKET, PLAIN)]
            for call in calls:
                await lines.over(call)
        assert {(call.way, call.line): call.its(pressed) for call in calls} == {
            (call.way, call.line): KEYS for call in calls
        }

    run(main())


def test_the_agent_presses(system: System) -> None:
    """As sound, which the caller's telephone knows for keys."""

    async def answer(call: PhoneCall) -> None:
        await call.send_dtmf("2580")
        await call.wait_ended()

    async def main() -> None:
        async with telephone(system, answer) as lines:
            calls = [await lines.dial(way, "read", "sound") for way in (AUDIOSOCKET, CHANNEL, PLAIN, JSON)]
            for call in calls:
                assert (await lines.told("Pressed", call))["Keys"] == "2580", call.way
                await lines.over(call)

    run(main())
