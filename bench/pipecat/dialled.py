"""The example's bot, dialled, before and after: self-interruptions, missed barge-ins, gaps, holes.

PYTHONPATH=src python bench/pipecat/dialled.py --calls 8 --line speakerphone --caller interrupter chatter
"""

import argparse
import asyncio
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from talkpath.phone import CallPlan, CallResult, Dialer, load_script, overall, parse_line

ROOT = Path(__file__).parents[2]
LATE_MS = 1500.0  # an agent that speaks on for so long was not interrupted


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve(port: int, *, before: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "examples/pipecat_phone_bot.py"), "--port", str(port)]
    process = subprocess.Popen([*command, *["--before"] * before], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(process, port)
    return process


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the bot does not start: is Pipecat installed, with silero?")


def dial(port: int, caller: str, line: str, calls: int, seconds: float, *, record: bool = False) -> list[CallResult]:
    plan = CallPlan(
        provider="plivo", caller=load_script(caller), line=parse_line(line), duration_s=seconds, record=record
    )
    return asyncio.run(Dialer(f"ws://127.0.0.1:{port}/plivo", plan, calls=calls, ramp=2.0).run())


def told(name: str, results: list[CallResult], cpu_share: float) -> str:
    everything = overall(results)
    barge_ins = [b for r in results for b in r.barge_ins]
    missed = sum(b.silence_ms is None or b.silence_ms > LATE_MS for b in barge_ins)
    own = sum(r.unprompted_clears for r in results)
    answered = [r for r in results if r.answered]
    p50, p99 = median(r.gaps.p50 for r in answered), max(r.gaps.p99 for r in answered)
    silence = everything["silence_ms"]
    return (
        f"{name:7s} {len(results):3d} calls: self-interruptions {own} in {sum(r.unprompted_clears > 0 for r in results)} calls;"
        f" barge-ins {len(barge_ins)}, missed {missed}, silent after p50 {silence.get('p50')} p99 {silence.get('p99')} ms;"
        f" gaps p50 {p50:.0f}, the worst call's p99 {p99:.0f} ms;"
        f" holes {sum(r.holes for r in results)}, {sum(r.missing_ms for r in results):.0f} ms missing; bot {100 * cpu_share:.0f} % of a core;"
        f" the phone itself late p99 {everything['own_late_ms'].get('p99')} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--line", default="speakerphone")
    parser.add_argument("--caller", nargs="+", default=["interrupter", "chatter"])
    options = parser.parse_args()
    for caller in options.caller:
        print(f"{options.line}, {caller}, {options.seconds:g} s")
        for name in ("before", "after"):
            port = free_port()
            begun = resource.getrusage(resource.RUSAGE_CHILDREN)
            bot = serve(port, before=name == "before")
            ready_s = cpu_of(bot.pid)
            try:
                results = dial(port, caller, options.line, options.calls, options.seconds)
            finally:
                bot.terminate()
                bot.wait()
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu_s = used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime - ready_s
            print(" ", told(name, results, cpu_s / options.seconds), flush=True)


def cpu_of(pid: int) -> float:
    """What a process has used so far, s; Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
