"""Figures of the agent stack with providers that need no time: latency, processor time, late frames. Prints a table of each.

    python bench/agentstack/figures.py [latency] [cpu] [calls] [--calls 50] [--seconds 60] [--transport picows]

Linux. Everything runs on this machine: the server, the stand-ins with the apps of the calls, and the phone (`talkpath dial`) are processes of their own.
Run it alone; beside *late* stand the phone's own lateness and the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tests/agentstack")]

from client import App  # noqa: E402
from scenarios.scene import GREETING, HIGH  # noqa: E402
from scenarios.stack import Stack, free_port  # noqa: E402
from standins import Chat, Hearing, Reply, Voice  # noqa: E402

ANSWER = "This is what I have to say about that."  # 2.3 s
CALLER = """
name: asks
steps:
  - {wait_for: speech, timeout_s: 8}
  - {wait_for: silence, for_ms: 500}
  - repeat: forever
    steps: [{say: {seconds: 1.2}}, {wait_for: speech, timeout_s: 4, on_timeout: go_on}, {wait_for: silence, for_ms: 500}, {wait: 0.3}]
"""
COMPLETED_MS, ALLOWED_MS, PLAYOUT_MS = HIGH["completed_turn_delay_ms"], 120, 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> np.ndarray:
    """What a process has used: of its own, and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return np.array([int(fields[11]), int(fields[12])]) * TICK_S


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in family(int(child)))]


def dial(url: str, calls: int, seconds: float, folder: Path, transport: str) -> subprocess.Popen[bytes]:
    """The phone, as a process of its own."""
    caller = folder / "caller.yaml"
    caller.write_text(CALLER)
    command = [sys.executable, "-m", "talkpath", "dial", url, "--caller", str(caller), "--calls", str(calls), "--duration",
               str(seconds), "--line", f"clean,playout_ms={PLAYOUT_MS}", "--json", "--transport", transport]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class Bench:
    """A stack with one agent."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.transport = folder, options.transport
        self.stack = Stack(folder, {"TALKPATH_TRANSPORT": options.transport, "TALKPATH_WORKERS": "1"})
        self.app = App()

    async def start(self) -> None:
        """It answers calls."""
        await self.stack.start()
        standins = self.stack.standins
        standins.hearing["bench"] = Hearing(lambda seconds: "Tell me about that.", interim_s=0.0, final_s=0.0)
        standins.chat["bench"] = Chat(otherwise=Reply(ANSWER))
        standins.voices["bench"] = Voice()
        body = {
            "agent_name": "bench", "stt": {"provider": "deepgram", "api_key": "bench"},
            "llm": {"provider": "openai", "model": "gpt-4o", "api_key": "bench", "system_prompt": "You are helpful."},
            "tts": {"provider": "elevenlabs", "voice": "sarah", "api_key": "bench", "output_format": "pcm_16000"},
            "semantic_vad": HIGH, "welcome_greeting": GREETING, "websocket_url": await self.app.start(),
            "events": {"metrics_events": True},
        }  # fmt: skip
        made = await self.stack.rest.post("Agent", body)
        self.url = f"{self.stack.server.phone_url}/plivo/{made['agent_uuid']}"

    async def run(self, calls: int, seconds: float) -> tuple[dict[str, Any], dict[str, float]]:
        """Dialled calls: what the phone says, and processor time a call and second in the middle of them, in ms."""
        assert self.stack.server.process is not None
        return await measured(self.stack.server.process.pid, self.url, calls, seconds, self.folder, self.transport)


async def measured(
    pid: int, url: str, calls: int, seconds: float, folder: Path, transport: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """See `Bench.run`; of any server."""
    phone = dial(url, calls, seconds, folder, transport)
    ramp_s = calls / 10 + 4
    told = asyncio.create_task(asyncio.to_thread(phone.communicate))
    await asyncio.sleep(ramp_s)
    server = family(pid)
    everybody = [*server, os.getpid(), phone.pid]
    before, begun = {one: cpu_s(one) for one in everybody}, time.monotonic()
    await asyncio.sleep(max(1.0, seconds - ramp_s - 3))
    lasted_s = time.monotonic() - begun
    used = {one: (cpu_s(one) - before[one]) * 1000 / lasted_s / calls for one in everybody}
    out, _ = await told
    return json.loads(out), {
        "loop": float(used[pid].sum()), "kernel": float(used[pid][1]), "audio": float(sum(used[one].sum() for one in server[1:])),
        "standins": float(used[os.getpid()].sum()), "phone": float(used[phone.pid].sum()),
    }  # fmt: skip


def spread(values: list[float]) -> str:
    """Columns."""
    found = np.percentile(values, (50, 95, 99)) if values else (np.nan,) * 3
    return f"{len(values):6d} " + " ".join(f"{value:8.1f}" for value in found) + f" {max(values, default=0):8.1f}"


async def latency(bench: Bench, options: argparse.Namespace) -> None:
    """End of the caller's speech to the first audio of the answer."""
    result, _ = await bench.run(4, options.seconds)
    answers = (
        [ms for call in result["calls"] for ms in call["answers_ms"]] if isinstance(result.get("calls"), list) else []
    )
    metrics = [m for session in bench.app.sessions for m in session.of("turn.metrics") if m["turn_number"]]
    print(f"\nlatency, 4 calls, {COMPLETED_MS} ms completed delay  (ms)          n      p50      p95      p99      max")
    print(f"  caller's last sound -> answer is played, this phone   {spread(answers)}")
    for name in ("user_perceived_ms", "stt_delay_ms", "turn_decision_ms", "llm_ttft_ms", "tts_ttfb_ms"):
        print(f"  {name:53s} {spread([m[name] for m in metrics if m.get(name) is not None])}")
    perceived = [m["user_perceived_ms"] for m in metrics if m.get("user_perceived_ms") is not None]
    bound = COMPLETED_MS + ALLOWED_MS
    print(
        f"  p95 of user_perceived_ms: {np.percentile(perceived, 95) if perceived else np.nan:.0f}, at most {bound} is wanted"
    )


async def cpu(bench: Bench, options: argparse.Namespace) -> None:
    """Processor time a call and second, beside the plain server's."""
    calls = 10
    _, stack = await bench.run(calls, options.seconds)
    port = free_port()
    command = [sys.executable, "-m", "talkpath", "serve", "--app", "plain_app:answer", "--port", str(port), "--config",
               '{"semantic_vad": "high"}', "--transport", options.transport]  # fmt: skip
    plain_server = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await asyncio.sleep(4)
        url = f"ws://127.0.0.1:{port}/plivo"
        _, plain = await measured(plain_server.pid, url, calls, options.seconds, bench.folder, options.transport)
    finally:
        plain_server.terminate()
        plain_server.wait()
    print(f"\nprocessor time of {calls} calls  (ms a call and second)   loop (in the kernel)   audio      sum")
    for name, used in (("agent stack", stack), ("plain server", plain)):
        both = used["loop"] + used["audio"]
        print(f"  {name:50s} {used['loop']:8.2f} {used['kernel']:12.2f} {used['audio']:8.2f} {both:8.2f}")
    more = stack["loop"] + stack["audio"] - plain["loop"] - plain["audio"]
    print(f"  beyond the plain server's: {more:.2f}, at most 1.5 is wanted")


async def many(bench: Bench, options: argparse.Namespace) -> None:
    """Late frames of many calls at once."""
    before = len(bench.app.sessions)
    result, used = await bench.run(options.calls, options.seconds)
    total = result.get("overall", result)
    turns = sum(len(session.of("turn.completed")) for session in bench.app.sessions[before:])
    print(f"\n{options.calls} calls at once, {options.seconds:.0f} s, {os.cpu_count()} cores: {turns} turns, {total['ok']} calls ok, "
          f"{total['unanswered']} unanswered, {total['holes']} holes")  # fmt: skip
    for name in ("late_ms", "late_but_for_machine_ms", "own_late_ms", "machine", "answer_ms"):
        print(f"  {name:25s} {json.dumps(total.get(name))}")
    print("  processor time, ms a call and second: " + ", ".join(f"{name} {ms:.2f}" for name, ms in used.items()))
    print(f"  of {os.cpu_count()} cores the calls take {sum(used.values()) - used['kernel']:.1f} ms of 1000 each: {options.calls} need "
          f"{options.calls * (sum(used.values()) - used['kernel']) / 1000:.2f} cores")  # fmt: skip


async def _run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options)
        await bench.start()
        try:
            for name, figure in (("latency", latency), ("cpu", cpu), ("calls", many)):
                if name in options.what:
                    await figure(bench, options)
        finally:
            await bench.app.aclose()
            await bench.stack.aclose()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "what", nargs="*", default=["latency", "cpu", "calls"], help="latency, cpu, calls (default: all)"
    )
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--transport", default="websockets", choices=("websockets", "picows"))
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
