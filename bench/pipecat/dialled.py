"""The example's bot, dialled, before and after: gaps and the bot's CPU; self-interruptions and missed barge-ins on speakerphones.

PYTHONPATH=src python bench/pipecat/dialled.py gaps [--calls 1 20 50]                     # 4 min
PYTHONPATH=src python bench/pipecat/dialled.py echo [--rounds 5] [--together 10]          # 7 min: so many calls a kind
PYTHONPATH=src python bench/pipecat/dialled.py one --caller chatter --line speakerphone --calls 8

before: Pipecat's serializer for Plivo, Silero, its own strategies. The bot is a process of its own, and so is nothing else: what other
processes take of the machine is told.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from talkpath.phone import CallPlan, CallResult, Dialer, load_script, overall, parse_line
from talkpath.phone.measures import gaps_ms
from talkpath.phone.script import SCRIPTS, Script

ROOT = Path(__file__).parents[2]
LATE_MS = 1500.0  # an agent that speaks on for so long was not interrupted
LOUDEST_ECHO_DB, SOFTEST_ECHO_DB = -10.0, -20.0
BUSY = 0.15  # of the machine taken by others: times are not to be believed


# --- the bot, and the machine -------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """Nobody listens there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve(port: int, *, before: bool) -> subprocess.Popen[bytes]:
    """The example's bot."""
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


def cpu_of(pid: int) -> float:
    """What a process has used so far, s; Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_all() -> float:
    """What all processes have used so far, s."""
    fields = [int(n) for n in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """Calls at once, and what they cost."""

    results: list[CallResult]
    bot_share: float  # of a core, while the calls lasted
    others_share: float  # of the machine, taken by anybody else


def dial(port: int, pid: int, caller: Script, line: str, calls: int, seconds: float, seed: int = 1) -> Run:
    """So many calls of one kind."""
    plan = CallPlan(provider="plivo", caller=caller, line=parse_line(line), duration_s=seconds)
    bot_s, own_s, all_s, begun = cpu_of(pid), time.process_time(), cpu_of_all(), time.monotonic()
    results = asyncio.run(Dialer(f"ws://127.0.0.1:{port}/plivo", plan, calls=calls, ramp=5.0, seed=seed).run())
    wall_s, bot_s = time.monotonic() - begun, cpu_of(pid) - bot_s
    others_s = cpu_of_all() - all_s - bot_s - (time.process_time() - own_s)
    return Run(results, bot_s / wall_s, max(0.0, others_s) / wall_s / (os.cpu_count() or 1))


def busy(runs: list[Run]) -> str:
    """A warning, where others were at work."""
    share = max(run.others_share for run in runs)
    told = f"others took {100 * share:.0f} % of the machine"
    return f"{told}: too much for figures of time" if share > BUSY else told


# --- gaps, and the bot's CPU --------------------------------------------------------------------------------------------------------


def measure_gaps(options: argparse.Namespace) -> None:
    """Callers who talk with the agent, on clean lines."""
    print("gaps between messages of the agent's audio, ms; pauses of a second and more are none")
    for calls in options.calls:
        for name in ("before", "after"):
            port = free_port()
            bot = serve(port, before=name == "before")
            try:
                run = dial(port, bot.pid, SCRIPTS["chatter"], "clean", calls, options.seconds)
            finally:
                bot.terminate()
                bot.wait()
            results = [r for r in run.results if r.answered]
            gaps = np.concatenate([gaps_ms(r.arrivals)[0] for r in results] or [np.zeros(1)])
            p50, p99, p999 = np.percentile(gaps, [50, 99, 99.9])
            speech_s = sum(r.speech_heard_s for r in results)
            own = overall(results)["own_late_ms"]
            print(
                f"  {name:6s} {calls:3d} calls: p50 {p50:5.1f}, p99 {p99:6.1f}, p99.9 {p999:6.1f}; holes"
                f" {sum(r.holes for r in results)}, {sum(r.missing_ms for r in results) / 1000:.2f} s of {speech_s:.0f} s of speech;"
                f" answers after p50 {median([ms for r in results for ms in r.answers_ms] or [np.nan]):.0f} ms;"
                f" bot {100 * run.bot_share:.0f} % of a core; the phone itself late p99 {own.get('p99')} ms; {busy([run])}",
                flush=True,
            )


# --- echo ---------------------------------------------------------------------------------------------------------------------------


def missed(result: CallResult) -> list[float]:
    """When the caller spoke, and the agent spoke on, s."""
    return [b.at_s for b in result.barge_ins if b.silence_ms is None or b.silence_ms > LATE_MS]


def measure_echo(options: argparse.Namespace) -> None:
    """Speakerphones of -10 to -20 dB, each round another; callers who only listen, and callers who interrupt three times."""
    who = {
        "listens": (SCRIPTS["silent"], 10.0),
        "interrupts": (load_script(ROOT / "examples/callers/interrupts.yaml"), 30.0),
    }
    for name in ("before", "after"):
        port = free_port()
        bot = serve(port, before=name == "before")
        try:
            for kind, (caller, seconds) in who.items():
                runs = []
                for n, echo_db in enumerate(np.linspace(LOUDEST_ECHO_DB, SOFTEST_ECHO_DB, options.rounds)):
                    line = f"speakerphone,echo_db={echo_db}"
                    run = dial(port, bot.pid, caller, line, options.together, seconds, seed=n + 1)
                    runs.append(run)
                    for result in run.results if name == "after" or options.verbose else ():
                        tell_failure(result, echo_db)
                tell_echo(name, kind, runs)
        finally:
            bot.terminate()
            bot.wait()


def tell_failure(result: CallResult, echo_db: float) -> None:
    """What happened around it."""
    at_s = missed(result)
    if result.unprompted_clears or at_s:
        what = f"{result.unprompted_clears} self-interruptions" if result.unprompted_clears else ""
        what += f" missed barge-ins at {', '.join(f'{s:.2f}' for s in at_s)} s" if at_s else ""
        story = "; ".join(f"{e['at_s']:.2f} {e['event']}" for e in result.events if not e["event"].startswith("mark"))
        print(f"    call {result.number} at {echo_db:g} dB: {what}, {result.missing_ms:.0f} ms of holes: {story}")


def tell_echo(name: str, kind: str, runs: list[Run]) -> None:
    """One line of the table."""
    results = [r for run in runs for r in run.results if r.answered]
    barge_ins = [b for r in results for b in r.barge_ins]
    lost = sum(len(missed(r)) for r in results)
    caught = [b.silence_ms for b in barge_ins if b.silence_ms is not None and b.silence_ms <= LATE_MS]
    own = sum(r.unprompted_clears > 0 for r in results)
    text = f"  {name:6s} {len(results):3d} calls, the caller {kind}: the agent interrupts itself in {own} calls ({sum(r.unprompted_clears for r in results)} times)"
    if kind == "interrupts":
        share = 100 * len(caught) / max(1, len(barge_ins))
        text += f"; barge-ins {len(barge_ins)} of 3 a call, caught {len(caught)} ({share:.1f} %), missed {lost}, silent after p50 {median(caught or [np.nan]):.0f} ms"
    holes = sum(r.holes for r in results)
    print(
        f"{text}; holes {holes}, {sum(r.missing_ms for r in results) / 1000:.2f} s; {busy(runs)}",
        flush=True,
    )


# --- one kind of call ---------------------------------------------------------------------------------------------------------------


def measure_one(options: argparse.Namespace) -> None:
    """A line and a caller of your own."""
    for name in ("before", "after"):
        port = free_port()
        bot = serve(port, before=name == "before")
        try:
            run = dial(port, bot.pid, load_script(options.caller), options.line, options.calls[0], options.seconds)
        finally:
            bot.terminate()
            bot.wait()
        for result in run.results if options.verbose else ():
            tell_failure(result, parse_line(options.line).echo_db or 0.0)
        tell_echo(name, "interrupts", [run])


def main() -> None:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = {"gaps": measure_gaps, "echo": measure_echo, "one": measure_one}
    parser.add_argument("what", choices=kinds)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--together", type=int, default=10)
    parser.add_argument("--line", default="speakerphone")
    parser.add_argument("--caller", default="interrupter")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    kinds[options.what](options)


if __name__ == "__main__":
    main()
