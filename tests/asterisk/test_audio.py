"""What the handler says is what the caller hears, by every way that Asterisk has to the server."""
import asyncio, sys; sys.path.insert(0, "/tmp/asterisk"); import dbg
import wave
from pathlib import Path

import numpy as np
import pytest
from asterisk.calls import CONFIG, Lines, Way, run
from asterisk.system import System
from scenario import voice

from talkpath.server import MediaServer, PhoneCall

WAYS = [
    Way("audiosocket"), Way("audiosocket-channel"), Way("audiosocket-channel", "slin16"),
    Way("websocket", "ulaw"), Way("websocket", "alaw", "json"), Way("websocket", "slin"), Way("websocket", "slin16", "json"),
]


def read(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()

@pytest.mark.parametrize("way", WAYS, ids=str)
def test_said_is_heard(system: System, way: Way, caplog) -> None:
    caplog.set_level("INFO")
    said = voice(3000, way.rate)
    async def answer(call: PhoneCall) -> None:
        print(call.start)
        print("heard", await call.say(said, way.rate))
        print(call.counters())

    async def main() -> None:
        async with MediaServer(answer, config=CONFIG, port=0, audiosocket_port=0) as server:
            async with Lines(system, server.port, server.audiosocket_port) as lines:
                name, recording = await lines.dial(way, "listen")
                try:
                    print(await lines.over(name))
                finally:
                    print(system.log()[1860:])
                for f in recording.parent.iterdir():
                    pcm, rate = read(f)
                    lag = np.argmax(np.correlate(pcm.astype(float), said.astype(float)))
                    d = pcm[lag:lag+len(said)].astype(float) - said
                    print(f, rate, len(pcm), lag, "SNR", 10*np.log10((said.astype(float)**2).sum()/ max(1e-9,(d**2).sum())), np.abs(d).max(), (d!=0).sum())
    run(main())
    print(caplog.text)
