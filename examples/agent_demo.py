"""`make agent-demo`: the whole platform on this machine, one call, the conversation with its times. No key, no network.

Starts `talkpath agents` with the embedded providers, makes the agent of agent_app.py over REST, and dials it: the caller asks for an order, interrupts, presses a
key, and is transferred to a (simulated) human. Leaves in demo-out/agent: call.wav (two channels: caller, what the caller heard), events.json, server.log.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from agent_app import HUMAN, app, create_agent, support_agent
from rich.console import Console

from talkpath.agentstack.providers.local_voice import Voice
from talkpath.phone import CallPlan, Dialer, read_script
from talkpath.wav import write_wav

OUT = Path("demo-out/agent")
CALLER, HUMAN_VOICE = 0.84, 1.08  # heights of their voices, against the agent's
LOAD_S = 2.0
SAID = {
    "order": "Hello, where is my order?",
    "number": "It is order one hundred.",
    "stop": "Stop, thank you very much, that was helpful.",
    "human": "I want to speak to a human, please.",
    "bye": "Thank you, goodbye.",
}
SCRIPT = [
    {"wait_for": "speech", "timeout_s": 10}, {"wait_for": "silence", "for_ms": 900},
    {"say": "order.wav"}, {"wait_for": "speech", "timeout_s": 6}, {"wait_for": "silence", "for_ms": 900},
    {"say": "number.wav"}, {"interrupt_after": 1.0, "timeout_s": 12}, {"say": "stop.wav"},
    {"wait_for": "silence", "for_ms": 400}, {"wait_for": "speech", "timeout_s": 6}, {"wait_for": "silence", "for_ms": 900},
    {"press": "5"}, {"wait": 0.8},
    {"say": "human.wav"}, {"wait_for": "speech", "timeout_s": 6}, {"wait_for": "silence", "for_ms": 1800, "timeout_s": 20},
    {"say": "bye.wav"}, {"wait": 1.0}, "hang_up",
]  # fmt: skip
console = Console(highlight=False)


def make_voice(folder: Path, lines: dict[str, str], height: float) -> None:
    """Sentences as WAV files: the agent's voice, higher or lower."""
    voice = Voice()
    for name, text in lines.items():
        pcm = b"".join(voice.speech(text, sample_rate_hz=16000, speed=1 / height))
        write_wav(folder / f"{name}.wav", np.frombuffer(pcm, np.int16), round(16000 * height))


def make_phone_book(folder: Path) -> None:
    """Who answers when the platform dials."""
    make_voice(folder, {"sam": "Hello, this is Sam from Acme. I am happy to help you."}, HUMAN_VOICE)
    (folder / "phones.toml").write_text(
        f'[numbers."{HUMAN}"]\nanswers = "human"\nafter_s = 0.8\nwav = "sam.wav"\n', encoding="utf-8"
    )


class Story:
    """Events as they come, and the conversation that they tell."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.events: list[dict[str, Any]] = []
        self.ended = asyncio.Event()

    def tell(self, what: str, style: str = "") -> None:
        """A line with its time."""
        console.print(f"[dim]{time.monotonic() - self.begun:6.2f} s[/]  [{style or 'default'}]{what}[/]")

    def seen(self, event: dict[str, Any]) -> None:
        """Of the app's socket."""
        self.events.append({"at_s": round(time.monotonic() - self.begun, 3), **event})
        match event.get("type"):
            case "session.started":
                self.tell("the call is answered", "bold")
            case "turn.completed":
                if event.get("user_text"):
                    self.tell(f"caller  {event['user_text']}", "cyan")
                self.tell(f"agent   {event.get('agent_text')}", "green")
            case "agent.speech_interrupted":
                self.tell(f"        interrupted after {event.get('playback_position_s') or 0:.1f} s", "yellow")
            case "tool.called":
                self.tell(f"tool    {event['name']} {json.dumps(event['arguments'])}", "magenta")
            case "user.dtmf":
                self.tell(f"key     {event['digit']}", "magenta")
            case "call.transferred":
                self.tell(f"transferred to {', '.join(event['destination'])}", "bold")
            case "turn.metrics" if event.get("user_perceived_ms") is not None:
                parts = {
                    "words": "stt_delay_ms",
                    "turn": "turn_decision_ms",
                    "model": "llm_ttft_ms",
                    "voice": "tts_ttfb_ms",
                }
                known = ", ".join(f"{name} {event[key]}" for name, key in parts.items() if event.get(key) is not None)
                self.tell(f"        heard after {event['user_perceived_ms']} ms ({known})", "dim")
            case "session.error":
                self.tell(f"error   {event.get('code')}: {event.get('message')}", "red")
            case "session.ended":
                self.tell(f"the session has ended: {event.get('reason')}", "bold")
                self.ended.set()


async def start_platform(folder: Path, auth: tuple[str, str]) -> tuple[asyncio.subprocess.Process, int, int]:
    """`talkpath agents` as a process of its own; its ports."""
    environment = {
        **os.environ, "PLIVO_AUTH_ID": auth[0], "PLIVO_AUTH_TOKEN": auth[1], "TALKPATH_PROVIDERS": "local",
        "TALKPATH_CARRIER": f"simulated:{folder / 'phones.toml'}",
    }  # fmt: skip
    environment.pop("OPENAI_BASE_URL", None)
    command = [
        sys.executable,
        "-m",
        "talkpath",
        "agents",
        "--port",
        "0",
        "--phone-port",
        "0",
        "--data",
        str(folder / "data"),
    ]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    lines = []
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        while line := (await process.stderr.readline()).decode(errors="replace"):
            log.write(line)
            lines.append(line)
            if '"listening"' in line:
                found = json.loads(line[line.index("{") :])
                return process, found["port"], found["phone_port"]
    raise SystemExit("the platform did not begin:\n" + "".join(lines[-10:]))


async def keep_log(process: asyncio.subprocess.Process, path: Path) -> None:
    """What the platform says meanwhile."""
    assert process.stderr is not None
    with path.open("a", encoding="utf-8") as log:
        while line := await process.stderr.readline():
            log.write(line.decode(errors="replace"))


async def callbacks(port: Callable[[int], None], got: dict[str, dict[str, Any]]) -> None:
    """Takes the platform's callbacks: what is posted, by the last part of its path."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0
        )
        got[head.split()[1].rsplit("/", 1)[-1]] = json.loads(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port(server.sockets[0].getsockname()[1])
        await server.serve_forever()


async def main() -> int:
    """The demonstration. 0: the call went as it should."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    auth = ("MADEMO" + secrets.token_hex(4), secrets.token_urlsafe(16))
    loop = asyncio.get_running_loop()
    app_port, callback_port = loop.create_future(), loop.create_future()
    got: dict[str, dict[str, Any]] = {}
    tasks = [
        asyncio.create_task(app.serve(0, app_port.set_result)),
        asyncio.create_task(callbacks(callback_port.set_result, got)),
    ]
    await asyncio.to_thread(make_phone_book, OUT)
    with console.status("starting the platform"):
        process, port, phone_port = await start_platform(OUT, auth)
    tasks.append(asyncio.create_task(keep_log(process, OUT / "server.log")))
    try:
        agent = support_agent(f"ws://127.0.0.1:{await app_port}/ws", f"http://127.0.0.1:{await callback_port}")
        uuid = await create_agent(f"http://127.0.0.1:{port}", auth, agent)
        console.print(f"agent {uuid} on http://127.0.0.1:{port}; dialling ws://127.0.0.1:{phone_port}/plivo/{uuid}\n")
        with console.status("making the caller's voice, while the platform loads its models"):
            await asyncio.to_thread(make_voice, OUT, SAID, CALLER)
            await asyncio.sleep(LOAD_S)
        story = Story()
        app.seen = story.seen
        plan = CallPlan(provider="plivo", caller=read_script(SCRIPT, folder=OUT), duration_s=75, to_number="+15550199")
        results = await Dialer(f"ws://127.0.0.1:{phone_port}/plivo/{uuid}", plan).run()
        story.tell(f"the caller has hung up: {results[0].ended}", "bold")
        for _ in range(50):
            if "recording" in got and story.ended.is_set():
                break
            await asyncio.sleep(0.1)
        if url := got.get("recording", {}).get("recording_url"):
            async with httpx.AsyncClient() as client:
                (OUT / "call.wav").write_bytes((await client.get(url)).raise_for_status().content)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=2)
    found = {"events": story.events, "callbacks": got, "caller": results[0].to_dict()}
    (OUT / "events.json").write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    kinds = {event.get("type") for event in story.events}
    wanted = {"tool.called", "agent.speech_interrupted", "user.dtmf", "call.transferred", "session.ended"}
    missing = sorted(wanted - kinds) + [name for name in ("call.wav",) if not (OUT / name).exists()]
    console.print(
        f"\n{OUT}/call.wav, events.json, server.log" + (f"; [red]missing: {', '.join(missing)}[/]" if missing else "")
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
