"""Other servers and ours under the same phone: a sound of 8 s again and again on every call, and nothing else to do.

    python bench/strangers/compare.py --calls 5,25,50 --seconds 20
    python bench/strangers/compare.py --servers talkpath,pipecat --calls 50,100 --json table.json

Linux. The server runs on one core, `talkpath dial` on another. What others need is installed into virtual environments under `--folder`,
outside the repository. All calls go on together for `--seconds`. Frames are late against the server's own grid, as `talkpath dial` has it; "alone" leaves out
those that were on their way while a core of this machine stood still by itself (processes that only sleep, at real-time priority, say when). "phone" is how many of
its own frames the phone sent late. CPU is the server's while all calls go on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from talkpath.wav import read_wav_channels

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """How a server is installed and started, and what it speaks."""

    packages: tuple[str, ...]
    command: tuple[str, ...]
    path: str
    dialect: str


SERVERS = {
    "talkpath": Server(
        (),
        ("-m", "talkpath", "serve", "--app", "talkpath_app:answer", "--max-calls", "2000", "--port"),
        "/twilio",
        "twilio",
    ),
    "talkpath-picows": Server(
        (),
        (
            "-m",
            "talkpath",
            "serve",
            "--app",
            "talkpath_app:answer",
            "--max-calls",
            "2000",
            "--transport",
            "picows",
            "--port",
        ),
        "/twilio",
        "twilio",
    ),
    "agent-transport": Server(("agent-transport==0.2.2",), ("agent_transport_app.py",), "/", "plivo"),
    "pipecat": Server(
        ("pipecat-ai[websocket]==1.14.0", "uvicorn[standard]"), ("-W", "ignore", "pipecat_app.py"), "/twilio", "twilio"
    ),
}


def python_for(name: str, folder: Path) -> str:
    """The interpreter of a stranger's own environment; made where there is none."""
    packages = SERVERS[name].packages
    if not packages:
        return sys.executable
    home = folder / name
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        print(f"installing {', '.join(packages)} into {home} …", file=sys.stderr)
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (home / "installed").touch()
    return str(python)


def speech(folder: Path) -> Path:
    """8 s of the agent's voice in the example call that the package ships, raw int16 at 8 kHz."""
    agent = read_wav_channels((resources.files("talkpath") / "data" / "example_inbound.wav").read_bytes(), 8000)[1]
    blocks = agent[: len(agent) // 800 * 800].reshape(-1, 800)
    path = folder / "speech.pcm"
    path.write_bytes(np.resize(blocks[np.abs(blocks.astype(int)).mean(axis=1) > 150], 64000).tobytes())
    return path


def used(group: int) -> tuple[float, float]:
    """CPU seconds and MB of memory of a process group; what its processes share is counted once."""
    cpu = memory = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) != group:
                continue
            rollup = (process / "smaps_rollup").read_text()
        except OSError:  # gone, or not ours
            continue
        cpu += (int(fields[11]) + int(fields[12])) / TICK
        memory += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1000
    return cpu, memory


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it listens."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)  # imports that a first call would pay for
                return
        time.sleep(0.1)
    raise SystemExit(f"the server does not listen: {process.args}")


def measure(name: str, calls: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One server, so many calls."""
    server, port, ramp_s = SERVERS[name], free_port(), calls / options.ramp
    environment = {**os.environ, "SPEECH": str(folder / "speech.pcm")}
    command = ["taskset", "-c", str(options.server_core), python_for(name, folder), *server.command, str(port)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=HERE, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(port, process)
            dial = [
                "taskset", "-c", str(options.phone_core), sys.executable, "-m", "talkpath", "dial",
                f"ws://127.0.0.1:{port}{server.path}", "--provider", server.dialect, "--caller", options.caller,
                "--line", options.line, "--calls", str(calls), "--ramp", str(options.ramp),
                "--duration", str(options.seconds + ramp_s + 3), "--json",
            ]  # fmt: skip
            before_mb = used(process.pid)[1]
            phone = subprocess.Popen(dial, stdout=subprocess.PIPE)
            assert phone.stdout is not None
            time.sleep(ramp_s + 3)  # the phone begins, and all calls
            before_cpu, begin = used(process.pid)[0], time.monotonic()
            time.sleep(0.9 * options.seconds)
            in_calls_cpu, in_calls_mb = used(process.pid)
            cpu, took = in_calls_cpu - before_cpu, time.monotonic() - begin
            told = json.loads(phone.communicate(timeout=120 + options.seconds)[0])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    late, own, alone = told["late_ms"], told["own_late_ms"], told["late_but_for_machine_ms"]
    call_s = sum(call["duration_s"] for call in told["calls"]) or 1.0  # a call that was refused has none
    return {
        "server": name,
        "calls": calls,
        "answered": told["answered"],
        "frames": late["count"],
        "late_5_percent": 100 * late["over_5"] / max(1, late["count"]),
        "late_20_percent": 100 * late["over_20"] / max(1, late["count"]),
        "latest_ms": late["max"],
        "alone_5_percent": 100 * alone["over_5"] / max(1, alone["count"]),
        "alone_20": alone["over_20"],
        "alone_latest_ms": alone["max"],
        "worst_gap_ms": told["worst_gap_ms"],
        "heard_percent": 100 * sum(call["speech_heard_s"] for call in told["calls"]) / call_s,
        "cpu_percent": 100 * cpu / took,
        "us_a_frame": 1e6 * cpu / took / calls / 50,
        "memory_mb": before_mb,
        "memory_mb_a_call": (in_calls_mb - before_mb) / calls,
        "phone_late_5_percent": 100 * own["over_5"] / max(1, own["count"]),
        "machine_ms": told["machine"]["max_ms"],
    }


COLUMNS = (
    ("server", "server", "{}"), ("calls", "calls", "{}"), ("answ.", "answered", "{}"), ("frames", "frames", "{}"),
    ("> 5 ms %", "late_5_percent", "{:.2f}"), ("> 20 ms %", "late_20_percent", "{:.2f}"), ("latest ms", "latest_ms", "{:.1f}"),
    ("alone > 5 ms %", "alone_5_percent", "{:.2f}"), ("> 20 ms", "alone_20", "{}"), ("latest", "alone_latest_ms", "{:.1f}"),
    ("gap ms", "worst_gap_ms", "{:.1f}"), ("heard %", "heard_percent", "{:.0f}"), ("CPU %", "cpu_percent", "{:.0f}"),
    ("µs/frame", "us_a_frame", "{:.0f}"), ("MB", "memory_mb", "{:.0f}"), ("MB/call", "memory_mb_a_call", "{:.2f}"),
    ("phone > 5 ms %", "phone_late_5_percent", "{:.2f}"), ("machine ms", "machine_ms", "{:.1f}"),
)  # fmt: skip


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """All servers, all numbers of calls, one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--servers", default="talkpath,agent-transport,pipecat", help=f"of {', '.join(SERVERS)} (default: %(default)s)")
    add("--calls", default="5", help="numbers with commas (default: %(default)s)")
    add("--seconds", type=float, default=20.0, help="a call (default: %(default)s)")
    add("--ramp", type=float, default=10.0, help="calls that begin a second (default: %(default)s)")
    add("--line", default="clean")
    add("--caller", default="silent")
    add("--server-core", type=int, default=0)
    add("--phone-core", type=int, default=1)
    add("--folder", type=Path, default=Path(tempfile.gettempdir()) / "talkpath-strangers", help="default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    names = options.servers.split(",")
    for name in names:
        if name not in SERVERS:
            parser.error(f"--servers: {name!r} is not one of {', '.join(SERVERS)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    speech(options.folder)
    for name in names:
        python_for(name, options.folder)
    print(row([head for head, _, _ in COLUMNS]), row(["---"] * len(COLUMNS)), sep="\n", flush=True)
    rows = []
    for calls in [int(number) for number in options.calls.split(",")]:
        for name in names:
            found = measure(name, calls, options, options.folder)
            rows.append(found)
            print(row([form.format(found[key]) for _, key, form in COLUMNS]), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
