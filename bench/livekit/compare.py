"""LiveKit on the phone, before and after: the same session, the same dialled calls, the same machine.

    python bench/livekit/compare.py [vad] [position] [echo] [voicemail] [--calls 16]     # pip install 'talkpath[livekit,fast,phone]'

before: LiveKit's own detector and vad mode decide (its defaults, the blackout of three seconds included); the call carries audio and
nothing else. after: `TalkpathIO` as docs/livekit.md has it. The phone is `talkpath dial`, a process of its own. Cores that others use
make everybody late: run it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, vad

from talkpath import CallConfig
from talkpath.integrations.livekit import VAD, PhoneAudioInput, PhoneAudioOutput, TalkpathIO
from talkpath.server import MediaServer, PhoneCall
from talkpath.wav import read_wav, read_wav_channels, write_wav

RATE = 8000
DATA = resources.files("talkpath") / "data"
VOICE = read_wav_channels((DATA / "example_inbound.wav").read_bytes(), RATE)[1][: 8 * RATE]
CALLER = read_wav_channels((DATA / "example_inbound.wav").read_bytes(), RATE)[0]
MESSAGE = read_wav_channels((DATA / "example_voicemail.wav").read_bytes(), RATE)[1][
    round(5.75 * RATE) : round(8.95 * RATE)
]
INTERRUPTS = "- {interrupt_after: 4.0, timeout_s: 15}\n- {say: {seconds: 1.6}}\n- {wait: 3}\n- hang_up\n"
LISTENS = "- {wait_for: speech, timeout_s: 5}\n- {wait: 14}\n- hang_up\n"
MAILBOX = "- {wait: 0.5}\n- {say: FILE}\n- {wait: 6}\n- hang_up\n"
CAUGHT_MS = 1600.0  # the agent is silent before the caller has done speaking


def hum(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Without a quiet moment: where it was cut can be seen."""
    t = np.arange(round(seconds * RATE)) / RATE
    return (5000 * np.sin(2 * np.pi * 300 * t) + 2000 * np.sin(2 * np.pi * 710 * t)).astype(np.int16)


async def frames(pcm: np.ndarray[Any, Any]) -> AsyncIterator[rtc.AudioFrame]:
    """As a synthesiser gives them."""
    for piece in np.split(pcm, range(RATE // 10, len(pcm), RATE // 10)):
        yield rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece))


# --- the two agents -----------------------------------------------------------------------------------------------------------------


class Story:
    """What a session was told in one call."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self.cuts = 0
        self.position_s = self.clock_s = 0.0
        self._started = 0.0
        session.on("agent_state_changed", self._state)

    def _state(self, event: Any) -> None:
        self.cuts += event.old_state == "speaking" and not self._is_done
        self._is_done = False

    _is_done = False

    def watch(self, output: PhoneAudioOutput) -> None:
        """Of what is said."""
        output.on("playback_started", lambda event: setattr(self, "_started", event.created_at))
        output.on("playback_finished", self._finished)

    def _finished(self, event: Any) -> None:
        self._is_done = not event.interrupted
        self.position_s, self.clock_s = event.playback_position, time.time() - self._started


def agent(after: bool, speech: np.ndarray[Any, Any], stories: dict[str, Story]) -> Callable[[PhoneCall], Any]:
    """The handler of a call: says it, and hears what the caller does."""

    async def answer(call: PhoneCall) -> None:
        if after:
            phone = TalkpathIO(call)
            session: AgentSession[Any] = AgentSession(**phone.session_options())
            phone.attach(session)
            output = phone.output
        else:
            turns = {"turn_detection": "vad", "interruption": {"mode": "vad"}}
            session = AgentSession(vad=inference.VAD(model="silero"), turn_handling=turns)
            session.input.audio, session.output.audio = PhoneAudioInput(call), (output := PhoneAudioOutput(call))

            async def tell() -> None:
                async for event in call.events():
                    output.happened(event)

            call.task = asyncio.ensure_future(tell())  # type: ignore[attr-defined]
        story = stories[call.start.call_id] = Story(session)
        story.watch(output)
        await session.start(Agent(instructions=""))
        session.say("speech", audio=frames(speech))
        await call.wait_ended()
        await session.aclose()

    return answer


async def leave_message(call: PhoneCall) -> None:
    """After the beep."""
    phone = TalkpathIO(call)
    session: AgentSession[Any] = AgentSession(**phone.session_options())
    phone.attach(session)
    await session.start(Agent(instructions=""))
    if await phone.wait_for_beep():
        await session.say("message", audio=frames(MESSAGE), allow_interruptions=False)
    await session.aclose()


def config(after: bool) -> CallConfig:
    """Before: nothing but a carrier of audio."""
    if after:
        return CallConfig(idle_timeout=None)
    return CallConfig(idle_timeout=None, echo_control=False, allow_interruptions=False)


async def dial(
    answer: Callable[[PhoneCall], Any], how: CallConfig, script: str, out: Path, *more: str
) -> list[dict[str, Any]]:
    """The calls' results, by the phone."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "caller.yaml").write_text(script, encoding="utf-8")
    async with MediaServer(answer, config=how, port=0) as server:
        ring = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "talkpath", "dial", f"ws://127.0.0.1:{server.port}/twilio", "--caller", str(out / "caller.yaml"),
            "--json", "--out", str(out), *more, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await ring.communicate()
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("call-*.json"))]


# --- what is measured ---------------------------------------------------------------------------------------------------------------


async def measure_vad(calls: int, out: Path) -> None:
    """CPU of the whole interface, its executor included: push_frame to the events."""
    pcm = np.tile(read_wav_channels((DATA / "example_inbound.wav").read_bytes(), 16000)[0], 4)
    found = {}
    for name, detector in (("before, LiveKit's Silero", inference.VAD(model="silero")), ("after, talkpath's", VAD())):
        pieces = np.split(pcm, range(320, len(pcm), 320))
        stream: vad.VADStream = detector.stream()
        began = time.process_time()
        for piece in pieces:
            stream.push_frame(rtc.AudioFrame(piece.tobytes(), 16000, 1, len(piece)))
        stream.end_input()
        count = 0
        async for event in stream:
            count += event.type == vad.VADEventType.START_OF_SPEECH
        found[name] = 1e6 * (time.process_time() - began) / len(pieces)
        await stream.aclose()
        print(f"vad        {name:26} {found[name]:7.1f} µs of CPU every 20 ms; speech began {count} times")
    before, after = found.values()
    print(f"vad        {before / after:.1f} times cheaper")


async def measure_position(calls: int, out: Path) -> None:
    """What the session was told, against what the phone recorded."""
    stories: dict[str, Story] = {}
    results = await dial(
        agent(True, hum(20), stories),
        config(True),
        INTERRUPTS,
        out,
        "--line",
        "clean",
        "--calls",
        str(calls),
        "--ramp",
        "2",
    )
    exact, clock = [], []
    for result in results:
        heard = read_wav(out / f"call-{result['number']:04d}.heard.wav", RATE)
        block = RATE // 200
        loud = np.abs(heard[: len(heard) // block * block].astype(np.int32)).reshape(-1, block).max(axis=1) > 400
        recorded_s = np.count_nonzero(loud) / 200  # holes, where the server was late, are no part of it
        story = stories[result["call_id"]]
        exact.append(1000 * (story.position_s - recorded_s))
        clock.append(1000 * (story.clock_s - recorded_s))
    for name, errors in (("before, by the clock", clock), ("after", exact)):
        print(
            f"position   {name:26} error, ms: median {np.median(errors):+.0f}, least {min(errors):+.0f}, most {max(errors):+.0f}; {len(errors)} calls"
        )


async def measure_echo(calls: int, out: Path) -> None:
    """A speakerphone: who is interrupted by himself, and who cannot be interrupted."""
    for after in (False, True):
        name = "after" if after else "before"
        for who, script in (("listens", LISTENS), ("interrupts", INTERRUPTS)):
            stories: dict[str, Story] = {}
            speech = np.tile(VOICE, 2)[: 12 * RATE] if who == "listens" else np.tile(VOICE, 3)
            results = await dial(
                agent(after, speech, stories), config(after), script, out / name / who,
                "--line", "speakerphone", "--calls", str(calls), "--ramp", "2",
            )  # fmt: skip
            if who == "listens":
                count = sum(stories[r["call_id"]].cuts > 0 for r in results)
                print(f"echo       {name:26} interrupts itself in {count} of {len(results)} calls")
            else:
                silent = [b["silence_ms"] for r in results for b in r["barge_ins"]]
                caught = [ms for ms in silent if ms is not None and ms <= CAUGHT_MS]
                fast = f", after {np.median(caught):.0f} ms (median)" if caught else ""
                print(
                    f"echo       {name:26} {len(results)} barge-ins: the agent falls silent in {len(caught)}{fast}; "
                    f"speaks on in {len(silent) - len(caught)}; had stopped by itself in {len(results) - len(silent)}"
                )


async def measure_voicemail(calls: int, out: Path) -> None:
    """Greetings of many lengths, beeps of many kinds."""
    rng, delays = np.random.default_rng(1), []
    lead = np.flatnonzero(np.abs(MESSAGE.astype(np.int32)) > 600)[0]  # it does not begin with its loudest
    for n in range(calls):
        greeting = CALLER[np.abs(CALLER.astype(np.int32)) > 40][: round(rng.uniform(2.5, 5.0) * RATE)]
        t = np.arange(round(rng.uniform(0.2, 1.0) * RATE)) / RATE
        beep = 32768 * 10 ** (rng.uniform(-22, -9) / 20) * np.sin(2 * np.pi * rng.uniform(420, 1400) * t)
        pcm = np.concatenate([greeting, np.zeros(round(rng.uniform(0.2, 1.0) * RATE)), beep]).astype(np.int16)
        folder = out / f"{n}"
        folder.mkdir(parents=True)
        write_wav(folder / "box.wav", pcm, RATE)
        how = CallConfig(idle_timeout=None, detection_method="audio", speaks_first="user")
        await dial(
            leave_message, how, MAILBOX.replace("FILE", "box.wav"), folder, "--line", "landline", "--seed", str(n + 1)
        )
        sent, heard = (read_wav(folder / f"call-0001.{name}.wav", RATE).astype(np.int32) for name in ("sent", "heard"))
        ends = np.flatnonzero(np.abs(sent) > np.abs(beep).max() / 3)[-1]
        loud = np.flatnonzero(np.abs(heard) > 600)
        delays.append((loud[0] - lead - ends) / RATE if len(loud) else np.inf)
    good = sum(0 <= delay <= 0.3 for delay in delays)
    print(
        f"voicemail  begins within 0.3 s of the beep's end in {good} of {calls}; before it in {sum(d < 0 for d in delays)}; median {np.median(delays):.3f} s"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = {"vad": measure_vad, "position": measure_position, "echo": measure_echo, "voicemail": measure_voicemail}
    parser.add_argument("what", nargs="*", default=list(every), help=", ".join(every))
    parser.add_argument("--calls", type=int, default=16)
    options = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for what in options.what:
            await every[what](options.calls, Path(folder) / what)


if __name__ == "__main__":
    asyncio.run(main())
