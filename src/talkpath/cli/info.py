"""`talkpath info`: version, the variant in use, the kernels, the extras that are installed."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module, metadata
from typing import Any

from talkpath.cli.machine import machine
from talkpath.cli.problems import OK

# Every kernel of the core (csrc/include/talkpath/*.h) and where Python has it.
KERNELS = {
    "wire": {
        "g711": "talkpath.g711", "l16": "talkpath.l16", "media_message": "talkpath.streams",
        "resampler": "talkpath.Resampler", "plc": "talkpath.PacketLossConcealer",
        "jitter_buffer": "talkpath.JitterBuffer", "comfort_noise": "talkpath.ComfortNoise",
    },
    "detect": {
        "vad": "talkpath.VoiceActivityDetector", "dtmf": "talkpath.DtmfDetector", "beep": "talkpath.BeepDetector",
        "answering_machine": "talkpath.AnsweringMachineDetector", "call_progress": "talkpath.CallProgressDetector",
    },
    "echo": {
        "delay_estimator": "talkpath.DelayEstimator", "echo_canceller": "talkpath.EchoCanceller",
        "barge_in": "talkpath.BargeInGate",
    },
    "enhance": {"noise_suppressor": "talkpath.NoiseSuppressor"},
    "playout": {
        "playout_queue": "talkpath.PlayoutQueue", "level": "talkpath.LevelNormalizer", "mixer": "talkpath.AmbienceMixer",
        "ambience": "talkpath.ambience", "dtmf_generator": "talkpath.dtmf",
    },
    "call": {"call": "talkpath.CallPipeline"},
}  # fmt: skip
EXTRAS = {
    "rich": "cli", "soundfile": "scan", "pyarrow": "scan", "ray": "ray", "websockets": "server", "picows": "fast", "uvloop": "fast",
    "starlette": "agentstack", "uvicorn": "agentstack", "httpx": "agentstack", "pocketsphinx": "local", "hibari-tts": "local",
    "jinja2": "report", "pipecat-ai": "pipecat", "livekit-agents": "livekit",
}  # fmt: skip


def add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    info = commands.add_parser(
        "info",
        help="version, the variant in use, the kernels",
        description="Says which talkpath this is, which variant of its loops this machine runs, what each kernel does, and which extras "
        "are installed.",
    )
    info.add_argument("--json", action="store_true", help="the same as JSON")
    info.set_defaults(run=run_info)


def kernels() -> list[dict[str, Any]]:
    """Name, family, where Python has it, delay in ms (None: it passes nothing on), and what it does."""
    return [
        {"kernel": kernel, "family": family, "python": where, **_about(where)}
        for family, of in KERNELS.items()
        for kernel, where in of.items()
    ]


def _about(where: str) -> dict[str, Any]:
    module, _, name = where.rpartition(".")
    thing = getattr(import_module(module), name, None) or import_module(where)
    lines = [line.strip() for line in (thing.__doc__ or "").splitlines()]
    if lines and lines[0].startswith(
        f"{name}("
    ):  # a native class begins with its signature, which ends at an empty line
        lines = lines[lines.index("") + 1 :]
    sentence = next((line for line in lines if line), "")
    delay_ms = None
    if isinstance(thing, type) and hasattr(thing, "delay_ms"):
        made = thing(8000, 16000) if name == "Resampler" else thing()
        delay_ms = round(float(made.delay_ms), 2)
    return {"delay_ms": delay_ms, "what": sentence}


def extras() -> dict[str, str | None]:
    """Version of each package that an extra brings; None: not installed."""
    found: dict[str, str | None] = {}
    for package in EXTRAS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def run_info(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    told = {**machine(), "kernels": kernels(), "extras": extras()}
    if args.json:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1)
        print()
        return OK
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]talkpath {told['talkpath']}[/], variant [bold]{told['variant']}[/]")
    console.print(
        f"{told['cpu']}, {told['cores']} cores, {told['system']}, Python {told['python']}, NumPy {told['numpy']}\n"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("kernel", "family", "Python", "delay", "what"):
        table.add_column(heading, justify="right" if heading == "delay" else "left", overflow="fold")
    for kernel in told["kernels"]:
        delay = "" if kernel["delay_ms"] is None else f"{kernel['delay_ms']:g} ms"
        table.add_row(
            kernel["kernel"], kernel["family"], kernel["python"].removeprefix("talkpath."), delay, kernel["what"]
        )
    console.print(table)
    names = [f"{p} {version}" if version else f"[dim]{p} –[/]" for p, version in told["extras"].items()]
    console.print(f"\nextras: {', '.join(names)}", highlight=False)
    return OK
