"""How late two people hear each other after a transfer: two dialled phones, a server in a process of its own, from mouth to ear.

python bench/bridge_delay.py [--seconds 30] [--workers 1] [--audio-format pcm_16k] [--handlers-busy-ms 0]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from talkpath import CallConfig
from talkpath.phone import CallPlan, Dialer, HangUp, Repeat, Say, Script, SimulatedCall, Wait
from talkpath.server import MediaServer, PhoneCall

RATE_HZ = 8000
TURN_S, SAY_S = 4.0, 1.2
SEARCH_MS = 900
SAME = 0.95  # correlation of what was heard as it was said


@dataclass(frozen=True)
class Delay:
    """One utterance."""

    direction: str
    delay_ms: float
    correlation: float


async def serve(workers: int, audio_format: str, busy_ms: float) -> None:
    """The first call waits for the second; then they talk. `busy_ms`: so long in every 100 ms this loop does something else."""
    from talkpath.agentstack.bridge import bridge

    waiting: list[PhoneCall] = []

    async def answer(call: PhoneCall) -> None:
        if waiting:
            await bridge(waiting.pop(), call)
        else:
            waiting.append(call)
            await call.wait_ended()

    config = CallConfig(idle_timeout=None, audio_format=audio_format)
    async with MediaServer(answer, config=config, port=0, workers=workers) as server:
        print(server.port, flush=True)
        while True:
            time.sleep(busy_ms / 1000)
            await asyncio.sleep(0.1)


async def dial(port: int, seconds: float) -> tuple[SimulatedCall, SimulatedCall]:
    """Both speak in turns."""
    turns = max(1, int((seconds - 3) / TURN_S))
    steps = [
        (Wait(start_s), Repeat((Say(seconds=SAY_S, voice=voice), Wait(TURN_S - SAY_S)), turns), *last)
        for start_s, voice, last in ((2.0, 1, (HangUp(),)), (3.5, 2, (Wait(TURN_S),)))
    ]
    dialers = [
        Dialer(
            f"ws://127.0.0.1:{port}/plivo",
            CallPlan(provider="plivo", caller=Script(found), record=True, duration_s=seconds + 20),
            seed=seed,
        )
        for seed, found in enumerate(steps, 1)
    ]
    first = asyncio.create_task(dialers[0].run())
    await asyncio.sleep(0.5)
    await asyncio.gather(first, dialers[1].run())
    return dialers[0].calls[0], dialers[1].calls[0]


def delays(source: SimulatedCall, target: SimulatedCall, direction: str) -> list[Delay]:
    """Of each utterance: by correlation of its first second, on the clock of this machine."""
    sent, heard = source.sent.astype(float), target.heard.astype(float)
    ahead = round((target._grid.origin - source._grid.origin) * RATE_HZ)
    found, at = [], 0
    loud = np.abs(sent) > 300
    while (here := np.flatnonzero(loud[at:])).size:
        begin = at + int(here[0])
        said = sent[begin : begin + RATE_HZ]
        first = begin - ahead
        window = heard[max(0, first) : first + len(said) + SEARCH_MS * RATE_HZ // 1000]
        if first < 0 or len(window) < len(said) + SEARCH_MS * RATE_HZ // 1000:
            break
        size = 1 << (2 * len(window)).bit_length()
        product = np.fft.irfft(np.fft.rfft(window, size) * np.conj(np.fft.rfft(said, size)), size)
        lag = int(np.argmax(product[: len(window) - len(said) + 1]))
        part = window[lag : lag + len(said)]
        correlation = float(part @ said / np.sqrt((part @ part) * (said @ said) + 1))
        found.append(Delay(direction, round(1000 * lag / RATE_HZ, 1), round(correlation, 3)))
        at = begin + round((SAY_S + 0.5) * RATE_HZ)
    return found


def main() -> None:
    """Dial, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--audio-format", default="pcm_16k")
    parser.add_argument("--handlers-busy-ms", type=float, default=0.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.workers, args.audio_format, args.handlers_busy_ms))
        return
    server = subprocess.Popen([sys.executable, __file__, "--serve", *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        first, second = asyncio.run(dial(int(server.stdout.readline()), args.seconds))
    finally:
        server.terminate()
        server.wait()
    found = delays(first, second, "there") + delays(second, first, "back")
    late = [delay.delay_ms for delay in found]
    total = {
        "utterances": len(found),
        "delay_ms": {"median": float(np.median(late)), "max": max(late)},
        "not_whole": sum(delay.correlation < SAME for delay in found),
    }
    print(json.dumps({**total, "each": [asdict(delay) for delay in found]}, indent=1))


if __name__ == "__main__":
    main()
