"""`talkpath dial`: simulated callers ring a media server, and tell how it did."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from talkpath import wav
from talkpath.cli.dial_table import print_table
from talkpath.cli.problems import FAILED, OK, STOPPED, say
from talkpath.errors import ConfigError
from talkpath.phone import CallPlan, CallResult, Dialer, SimulatedCall, load_script, overall, parse_line, parse_wire
from talkpath.phone.idle import IdleProcesses
from talkpath.phone.upgrade import parse_header, upgrade_headers


def _provider(args: argparse.Namespace) -> str:
    """As asked for, or what the address says."""
    if args.provider:
        return str(args.provider)
    if args.url.startswith(("audiosocket://", "tcp://")):
        return "audiosocket"
    from talkpath.streams import DIALECTS

    parts = args.url.split("//", 1)[-1].partition("?")[0].split("/")[1:]
    return next((part for part in parts if part in DIALECTS), "twilio")


def _plan(args: argparse.Namespace) -> CallPlan:
    provider = _provider(args)
    parameters = {}
    for pair in args.parameter:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"parameter: NAME=VALUE is expected (got {pair!r})")
        parameters[name] = value
    return CallPlan(
        provider=provider,
        caller=load_script(args.caller),
        line=parse_line(args.line),
        wire=parse_wire(args.wire, provider) if args.wire else None,
        wire_out=parse_wire(args.wire_out, provider) if args.wire_out else None,
        from_number=args.from_number,
        to_number=args.to_number,
        parameters=parameters,
        path="/" + args.url.split("//", 1)[-1].partition("/")[2],
        duration_s=args.duration,
        ear=args.ear,
        record=args.out is not None,
    )


def dial(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status: 0, all calls were answered and no check failed."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    plan = _plan(args)
    own = dict(parse_header(text) for text in args.header)

    # A token of the environment stands back where a password is given.
    token = args.token or (None if args.auth else os.environ.get("TALKPATH_TOKEN") or None)

    def headers(number: int) -> dict[str, str]:
        return upgrade_headers(
            plan.provider, args.url, plan.start(number, args.seed), headers=own, token=token, auth=args.auth,
            sign_with=args.sign_with, now=time.time(),
        )  # fmt: skip

    if not plan.is_tcp:
        headers(1)  # what is wrong with them is said before anything is dialled
    dialer = Dialer(
        args.url, plan, calls=args.calls, ramp=args.ramp, transport=args.transport, headers=headers, seed=args.seed,
        timeout_s=args.connect_timeout,
    )  # fmt: skip
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    idle = IdleProcesses()
    idle.start()
    try:
        results, was_stopped = _run(dialer, quiet=args.json)
    finally:
        machine = idle.stop()
    if args.out is not None:
        for result in results:
            _write(args.out, result)
        for call in dialer.calls:
            _write_sound(args.out, call)
    total = overall(results, machine)
    total["phone_cpu"] = _cost(dialer, total["own_late_ms"]["count"])
    if args.json:
        told = {"url": args.url, "provider": plan.provider, "line": plan.line.name, "caller": plan.caller.name,
                "seed": args.seed, "transport": dialer.transport, **total}  # fmt: skip
        json.dump({**told, "calls": [result.to_dict() for result in results]}, sys.stdout)
        print()
    else:
        print_table(args.url, plan, dialer.transport, results, total)
    if results and all((result.refused or "").startswith("no connection") for result in results):
        say(
            "dial",
            f"nobody answers at {args.url}: is the server running (talkpath serve), and are host and port right?",
        )
    if was_stopped:
        return STOPPED
    whole = len(results) == args.calls and all(result.ok for result in results)
    return OK if whole else FAILED


def _run(dialer: Dialer, quiet: bool) -> tuple[list[CallResult], bool]:
    """On the loop that is best for the transport; Ctrl-C hangs up, a second one breaks off."""

    was_stopped = False

    async def run() -> list[CallResult]:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            nonlocal was_stopped
            was_stopped = True
            loop.remove_signal_handler(signal.SIGINT)
            if not quiet:
                print("hanging up …", file=sys.stderr)
            dialer.stop()

        if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGINT, stop)
            loop.add_signal_handler(signal.SIGTERM, stop)
        teller = asyncio.ensure_future(_tell(dialer)) if not quiet and sys.stderr.isatty() else None
        try:
            return await dialer.run()
        finally:
            if teller is not None:
                teller.cancel()
                print("\r\x1b[K", end="", file=sys.stderr)

    factory: Any = None
    if dialer.transport == "picows":
        try:
            import uvloop

            factory = uvloop.new_event_loop
        except ImportError:
            pass
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            return runner.run(run()), was_stopped
        except KeyboardInterrupt:  # the second one
            return [call.result() for call in dialer.calls], True


async def _tell(dialer: Dialer) -> None:
    """How far it is: a line twice a second costs the calls nothing."""
    begun = time.monotonic()
    while True:
        text = f"{time.monotonic() - begun:.0f} s: {dialer.active} calls, {len(dialer.calls)} over"
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        await asyncio.sleep(0.5)


def _cost(dialer: Dialer, frames: int) -> dict[str, float]:
    """What the phone itself took: of one core, and for a call's 20 ms."""
    cores = dialer.cpu_s / dialer.wall_s
    return {"cores": round(cores, 3), "us_a_frame": round(1e6 * dialer.cpu_s / frames, 1) if frames else 0.0}


def _write(out: Path, result: CallResult) -> None:
    (out / f"call-{result.number:04}.json").write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")


def _write_sound(out: Path, call: SimulatedCall) -> None:
    wav.write_wav(out / f"call-{call.number:04}.heard.wav", call.heard, call.sample_rate_hz)
    wav.write_wav(out / f"call-{call.number:04}.sent.wav", call.sent, call.sample_rate_hz)
