"""One call, or one client, misbehaves among fifty: are the other 49 unharmed?

    python bench/server_faults.py [--transport picows] [--only kills,floods]

Linux. The server runs on one core, 49 calls and the one that misbehaves on another; each presses a key every second. Told of the 49,
frames that came late, all of them and without those that were on their way while a core of this machine stood still (processes that only
sleep, at real-time priority, say when), the phone's own lateness, keys that the
handlers did not get, calls that ended. The scene is checked: all 49 were answered, and all spoke to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import uvloop

from talkpath import streams
from talkpath.phone import CallPlan, CallResult, Dialer, HangUp, Press, Repeat, Script, Wait, parse_line
from talkpath.phone.idle import IdleProcesses

HERE = Path(__file__).resolve().parent
GOOD, RAMP, AT_S, LENGTH_S = 49, 50.0, 5.0, 14.0
KEYS = 12
SCRIPT = Script((Wait(1.0), Repeat((Press("5"), Wait(1.0)), KEYS), HangUp()), "keys")


class Server:
    """`talkpath serve` on the first core."""

    def __init__(self, transport: str, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.fake = log.with_suffix(".clock")
        self.fake.write_text("+0\n")
        command = ["-m", "talkpath", "serve", "--app", "faults_app:answer", "--port", str(self.port), "--drain", "3"]
        environment = {**os.environ, "FAULTS_LOG": str(log), **faked(self.fake)}
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, *command, "--transport", transport],
            cwd=HERE, env=environment, stderr=open(log.with_suffix(".err"), "w"),  # noqa: SIM115
        )  # fmt: skip
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(1)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def faked(file: Path) -> dict[str, str]:
    """What lets a file step the wall clock of a process, by libfaketime; empty where it is not installed."""
    for library in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_NO_CACHE": "1"}  # fmt: skip
    return {}


# --- faults -------------------------------------------------------------------------------------------------------------------------


class Bad:
    """A client of its own, as Twilio calls."""

    def __init__(self, server: Server, **parameters: str) -> None:
        self.server = server
        self.provider = streams.Twilio("provider")
        self.start = streams.Start(call_id="CAbad", stream_id="MZbad", headers=parameters)

    async def open(self, **options: object) -> Bad:
        from websockets.asyncio.client import connect

        self.socket = await connect(
            f"ws://127.0.0.1:{self.server.port}/twilio", compression=None, max_size=None, **options
        )
        for message in self.provider.open(self.start):
            await self.socket.send(message)
        return self

    async def talk(self, seconds: float, change: Callable[[str], str | bytes] = lambda data: data) -> None:
        from websockets.exceptions import ConnectionClosed

        begun = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            for k in range(round(50 * seconds)):
                await self.socket.send(change(self.provider.media(b"\xff" * 160)))
                await asyncio.sleep(max(0.0, begun + 0.02 * k - time.monotonic()))


async def nothing(server: Server) -> None:
    await asyncio.sleep(0)


async def kills(server: Server) -> None:
    """A client is killed by -9 in the middle of its call."""
    script = f"ws://127.0.0.1:{server.port}/twilio"
    process = subprocess.Popen(
        [sys.executable, "-m", "talkpath", "dial", script, "--caller", "chatter"], stdout=subprocess.DEVNULL
    )
    await asyncio.sleep(3)
    process.kill()
    process.wait()


async def does_not_read(server: Server) -> None:
    """A client sends, and never reads."""
    bad = await Bad(server).open(max_queue=1)
    bad.socket.transport.pause_reading()
    await bad.talk(6)


async def stands_still(server: Server) -> None:
    """A client is stopped: it neither reads nor sends."""
    bad = await Bad(server).open(max_queue=1)
    bad.socket.transport.pause_reading()
    await asyncio.sleep(6)


async def sends_10_mb(server: Server) -> None:
    """Messages of 10 MB, one after the other."""
    from websockets.exceptions import ConnectionClosed

    for _ in range(5):
        bad = await Bad(server).open()
        with contextlib.suppress(ConnectionClosed, AttributeError):
            await bad.socket.send("x" * 10_000_000)
            await bad.socket.send(b"x" * 10_000_000)


async def sends_garbage(server: Server) -> None:
    """One message of ten is garbage."""
    rng = random.Random(1)

    def change(data: str) -> str | bytes:
        if rng.random() < 0.9:
            return data
        at = rng.randrange(len(data))
        return rng.choice(
            [data[:at], data[:at] + chr(rng.randrange(1, 255)) + data[at + 1 :], os.urandom(200), "{" * 5000]
        )

    await (await Bad(server).open()).talk(6, change)


async def floods(server: Server) -> None:
    """2,000 connections as fast as they can be made; half of them are upgraded, and say nothing."""
    upgrade = (
        "GET /twilio HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    script = (
        "import socket, sys\n"
        "found = []\n"
        "for k in range(2000):\n"
        "    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "    if k % 2: s.sendall(sys.argv[2].encode())\n"
        "    found.append(s)\n"
        "    if len(found) > 400: found.pop(0).close()\n"
    )
    process = await asyncio.create_subprocess_exec("nice", sys.executable, "-c", script, str(server.port), upgrade)
    await process.wait()


async def dawdles(server: Server) -> None:
    """200 clients that send their request a byte at a time."""
    writers = []
    for _ in range(200):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
    for byte in b"GET /twilio HTTP/1.1\r\nHost: example\r\n":
        for writer in writers:
            writer.write(bytes([byte]))
        await asyncio.sleep(0.15)
    for writer in writers:
        writer.close()


async def raises(server: Server) -> None:
    """A handler raises."""
    bad = await Bad(server, fault="raises").open()
    await bad.talk(0.5)
    await bad.socket.send(bad.provider.dtmf("9"))
    await bad.talk(2)


async def blocks(server: Server) -> None:
    """A handler computes for 2 s and lets nobody else in."""
    bad = await Bad(server, fault="blocks").open()
    await bad.talk(0.5)
    await bad.socket.send(bad.provider.dtmf("9"))
    await bad.talk(3)


async def steps_the_clock(server: Server) -> None:
    """The wall clock of the server goes an hour back, and a day on."""
    for step in ("-3600", "+86400", "+0"):
        server.fake.write_text(step + "\n")
        await asyncio.sleep(1.5)


async def terminates(server: Server) -> None:
    """SIGTERM in full load: calls may end by themselves for 3 s."""
    server.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0)


FAULTS: dict[str, Callable[[Server], Awaitable[None]]] = {
    f.__name__: f
    for f in (nothing, kills, does_not_read, stands_still, sends_10_mb, sends_garbage, floods, dawdles, raises, blocks,
              steps_the_clock, terminates)
}  # fmt: skip


# --- one scene ------------------------------------------------------------------------------------------------------------------------


async def scene(server: Server, fault: Callable[[Server], Awaitable[None]]) -> tuple[list[CallResult], float]:
    """The good calls, and when (s of the loop's clock) the fault began."""
    plan = CallPlan(provider="twilio", caller=SCRIPT, line=parse_line("speakerphone"), duration_s=LENGTH_S)
    dialer = Dialer(f"ws://127.0.0.1:{server.port}/twilio", plan, calls=GOOD, ramp=RAMP)
    running = asyncio.create_task(dialer.run())
    await asyncio.sleep(AT_S)
    begun = time.monotonic()
    await fault(server)
    return await running, begun


def one(name: str, transport: str) -> dict[str, object]:
    """A row."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        server = Server(transport, log)
        idle = IdleProcesses()
        idle.start()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                results, _ = runner.run(scene(server, FAULTS[name]))
        finally:
            machine = idle.stop()
            status = server.stop()
        told = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    good = [r for r in results if r.answered]
    if len(good) != GOOD:
        raise SystemExit(f"{name}: only {len(good)} of {GOOD} calls were answered")
    ends = {"terminates"}
    if name not in ends and any(r.duration_s < KEYS or r.speech_heard_s < 3 for r in good):
        raise SystemExit(f"{name}: a good call was cut short, or its agent was silent")
    ids = {r.call_id for r in good}
    heard = sum(t["keys"] for t in told if t["call_id"] in ids)
    pressed = sum(sum(e["event"] == "key" for e in r.events) for r in good)
    late = np.concatenate([r.lateness for r in good])
    own = np.concatenate([r.own_lateness for r in good])
    alone = late[~np.concatenate([machine.excuses(r.arrivals, r.lateness) for r in good])]
    return {
        "fault": name, "frames": len(late), "late_5": int((late > 5).sum()), "late_20": int((late > 20).sum()),
        "max_ms": round(float(late.max()), 1), "but for the machine": len(alone), "late_5 ": int((alone > 5).sum()),
        "late_20 ": int((alone > 20).sum()), "max_ms ": round(float(alone.max()), 1), "phone_late_5": int((own > 5).sum()), "phone_max_ms": round(float(own.max()), 1),
        "idle_late_5": machine.over_5, "idle_max_ms": round(machine.max_ms, 1),
        "keys": f"{heard} of {pressed}", "ended": len([t for t in told if t["call_id"] in ids]), "status": status,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transport", default="websockets")
    parser.add_argument("--only", default=",".join(FAULTS))
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    rows = []
    for name in options.only.split(","):
        if name == "steps_the_clock" and not faked(Path("x")):
            print("steps_the_clock: libfaketime is not installed, skipped", file=sys.stderr)
            continue
        row = one(name, options.transport)
        if not rows:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
        print("| " + " | ".join(str(value) for value in row.values()) + " |", flush=True)
        rows.append(row)


if __name__ == "__main__":
    main()
