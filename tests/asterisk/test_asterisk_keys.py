"""Keys, both ways: each arrives exactly once."""

import pytest

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.system import System
from talkpath.call.events import UserDtmf
from talkpath.server import PhoneCall


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (AUDIOSOCKET, "local"),
        (Way("audiosocket-channel"), "local"),
        (PLAIN, "local"),
        (JSON, "local"),
        (PLAIN, "sound"),
        (PLAIN, "listened-sound"),
        (AUDIOSOCKET, "listened-sound"),
    ],
    ids=str,
)
def test_the_caller_presses(system: System, way: Way, line: str) -> None:
    """As messages; and, from a telephone that sends its keys as sound, as sound and as messages."""
    keys: list[str] = []

    async def answer(call: PhoneCall) -> None:
        async for event in call.events():
            if isinstance(event, UserDtmf):
                keys.append(event.digit)

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "press", line, KEYS="155*0#")
            await lines.over(call)

    run(main())
    assert "".join(keys) == "155*0#"


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN, JSON], ids=str)
def test_the_agent_presses(system: System, way: Way) -> None:
    """As sound, which the caller's telephone knows for keys."""

    async def answer(call: PhoneCall) -> None:
        await call.send_dtmf("2580")
        await call.wait_ended()

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "read", "sound")
            assert (await lines.told("Pressed"))["Keys"] == "2580"
            await lines.over(call)

    run(main())
