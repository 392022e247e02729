"""The two agents that are compared, and the calls that they take."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference

from talkpath import CallConfig
from talkpath.integrations.livekit import PhoneAudioInput, PhoneAudioOutput, TalkpathIO
from talkpath.server import MediaServer, PhoneCall
from talkpath.wav import read_wav_channels

RATE = 8000
DATA = resources.files("talkpath") / "data"


def without_pauses(pcm: np.ndarray[Any, Any], longest_s: float = 0.1) -> np.ndarray[Any, np.dtype[np.int16]]:
    """An agent that never takes breath: it can be interrupted at any moment, and interrupt itself."""
    loud = np.abs(pcm.astype(np.int32)) > 300
    keep = np.convolve(loud, np.ones(round(longest_s * RATE)), "same") > 0.5
    return pcm[keep].astype(np.int16)


VOICE = without_pauses(read_wav_channels((DATA / "example_inbound.wav").read_bytes(), RATE)[1])


def speech(seconds: float, turn: int = 0) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The agent's voice, from another place on each time."""
    return np.resize(np.roll(VOICE, -turn * RATE), round(seconds * RATE))


async def frames(pcm: np.ndarray[Any, Any]) -> AsyncIterator[rtc.AudioFrame]:
    """As a synthesiser gives them."""
    for piece in np.split(pcm, range(RATE // 10, len(pcm), RATE // 10)):
        yield rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece))


@dataclass
class Story:
    """What a session was told in one call.

    Attributes
    ----------
    cuts, turns : int
        How often the agent stopped before it was done, and how many turns the caller had.
    position_s, clock_s : float
        What was played of the last speech, by the output, and by a clock from its first sample on.
    told : list
        (time, what): all of it, for who wants to know why.
    """

    cuts: int = 0
    turns: int = 0
    position_s: float = 0.0
    clock_s: float = 0.0
    told: list[tuple[float, str]] = field(default_factory=list)
    _started: float = 0.0
    _is_done: bool = False

    def watch(self, session: AgentSession[Any], output: PhoneAudioOutput) -> None:
        """Of what is said, and how the session takes it."""
        output.on("playback_started", self._begin)
        output.on("playback_finished", self._finished)
        session.on("agent_state_changed", self._state)
        session.on("user_state_changed", self._user)

    def note(self, what: object) -> None:
        self.told.append((time.time(), str(what)))

    def _begin(self, event: Any) -> None:
        self._started, self._is_done = event.created_at, False

    def _state(self, event: Any) -> None:
        self.note(f"agent {event.old_state} -> {event.new_state}")
        self.cuts += event.old_state == "speaking" and not self._is_done

    def _user(self, event: Any) -> None:
        self.note(f"user {event.old_state} -> {event.new_state}")
        self.turns += event.new_state == "speaking"

    def _finished(self, event: Any) -> None:
        self.note(f"finished {event.playback_position:.3f} s, interrupted {event.interrupted}")
        self._is_done = not event.interrupted
        self.position_s, self.clock_s = event.playback_position, time.time() - self._started


def agent(after: bool, said: np.ndarray[Any, Any], stories: dict[str, Story]) -> Callable[[PhoneCall], Any]:
    """The handler of a call: says it, and hears what the caller does."""

    async def answer(call: PhoneCall) -> None:
        story = stories[call.start.call_id] = Story()
        if after:
            phone = TalkpathIO(call)
            session: AgentSession[Any] = AgentSession(**phone.session_options())
            phone.attach(session)
            output = phone.output
            for name in ("user.speech_started", "user.speech_stopped", "user.backchannel", "agent.speech_paused",
                         "agent.speech_interrupted", "agent.false_interruption", "user.turn_completed"):  # fmt: skip
                phone.on(name, story.note)
        else:
            turns = {"turn_detection": "vad", "interruption": {"mode": "vad"}}
            session = AgentSession(vad=inference.VAD(model="silero"), turn_handling=turns)
            session.input.audio, session.output.audio = PhoneAudioInput(call), (output := PhoneAudioOutput(call))

            async def tell() -> None:
                async for event in call.events():
                    output.happened(event)

            call.task = asyncio.ensure_future(tell())  # type: ignore[attr-defined]
        story.watch(session, output)
        await session.start(Agent(instructions=""))
        session.say("speech", audio=frames(said))
        await call.wait_ended()
        await session.aclose()

    return answer


def config(after: bool) -> CallConfig:
    """Before: nothing but a carrier of audio."""
    if after:
        return CallConfig(idle_timeout=None)
    return CallConfig(idle_timeout=None, echo_control=False, allow_interruptions=False)


@dataclass
class Dialled:
    """The calls' results by the phone, and the CPU (s) of the agent's processes: handlers, and audio."""

    results: list[dict[str, Any]]
    cpu_s: float


async def dial(
    answer: Callable[[PhoneCall], Any],
    how: CallConfig,
    script: str,
    out: Path,
    *more: str,
    record: bool = True,
    dialect: str = "twilio",
) -> Dialled:
    """Ring an agent; the phone is a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "caller.yaml").write_text(script, encoding="utf-8")
    where = ["--out", str(out)] if record else []
    async with MediaServer(answer, config=how, port=0) as server:
        begun = _cpu_s()
        ring = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "talkpath", "dial", f"ws://127.0.0.1:{server.port}/{dialect}", "--caller", str(out / "caller.yaml"),
            "--json", *where, *more, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told = (await ring.communicate())[0]
        cpu_s = _cpu_s() - begun
    if record:
        return Dialled(
            [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("call-*.json"))], cpu_s
        )
    return Dialled([json.loads(told)], cpu_s)


def _cpu_s() -> float:
    """Of this process and those of audio, so far, s; Linux. The phone is over when this is asked, or has not begun."""
    pids = [os.getpid()]
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            pids.append(int(path.parent.name))
    ticks = 0
    for pid in pids:
        used = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(used[11]) + int(used[12])
    return ticks / os.sysconf("SC_CLK_TCK")
