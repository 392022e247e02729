"""A SIP telephone calls Asterisk, whose dialplan hands the call to the server: RTP, keys as RFC 4733, and a jitter buffer."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from scenario import voice

from asterisk.calls import PLAIN, Way, run, telephone
from asterisk.compare import align, read_wav
from asterisk.install import sound
from asterisk.phone import Phone
from asterisk.system import System
from talkpath.call.events import UserDtmf, UserSpeechStopped
from talkpath.server import PhoneCall

SILENCE_S = 4


@pytest.mark.parametrize("way", [PLAIN], ids=str)
def test_a_telephone(system: System, tmp_path: Path, way: Way) -> None:
    """The agent speaks, the caller presses keys and speaks, the agent hangs up; nothing of it is lost."""
    said = voice(2000)
    prompt, _ = read_wav(sound(system.programs, "agent-pass"))
    write(
        tmp_path / "said.wav",
        np.concatenate([np.zeros(8000 * SILENCE_S, np.int16), prompt, np.zeros(80_000, np.int16)]),
    )
    keys: list[str] = []
    pieces: list[np.ndarray] = []
    ends: list[str] = []
    greeted = asyncio.Event()

    async def listen(call: PhoneCall) -> None:
        async for pcm in call.audio():
            pieces.append(pcm)

    async def answer(call: PhoneCall) -> None:
        listening = asyncio.create_task(listen(call))
        await call.say(said, 8000)
        greeted.set()
        async for event in call.events():
            if isinstance(event, UserDtmf):
                keys.append(event.digit)
            elif isinstance(event, UserSpeechStopped) and event.duration_ms > 2000:
                await call.hangup()
        await listening
        ends.append(await call.wait_ended())

    async def main() -> None:
        async with telephone(system, answer), Phone(system.programs, tmp_path, tmp_path / "said.wav") as phone:
            phone.tell("dial", f"sip:{way.agent}.{way.codec}.{way.control}@127.0.0.1:{system.sip_port}")
            await phone.wait("CALL_ESTABLISHED")
            await asyncio.wait_for(greeted.wait(), 10)
            for key in "159#":
                phone.tell("sndcode", key)
            await phone.wait("CALL_CLOSED")

    run(main())
    assert "".join(keys) == "159#"
    assert ends == ["hangup"]
    to_agent = align(np.concatenate(pieces), prompt, 8000)
    to_caller = align(read_wav(tmp_path / "heard.wav")[0], said, 8000)
    for found in (to_agent, to_caller):
        assert found.shift_ms <= 20
        assert found.likeness > 0.95


def write(path: Path, pcm: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.tobytes())
