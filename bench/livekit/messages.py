"""A LiveKit agent leaves its message on generated voicemails: when does it begin, after the beep's end?

    python bench/livekit/messages.py [--calls 100] [--at-once 8]     # pip install 'talkpath[livekit,fast,phone]' scipy

before: LiveKit's `AMD` with an LLM that always knows it is a voicemail, and a message as soon as it says so. after: `wait_for_beep`. amd:
`PhoneAMD` with the same LLM. The voicemails are those of bench/voicemails.py; the phone is `talkpath.phone`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from agents import RATE, VOICE, config, frames
from livekit.agents import AMD, DEFAULT_API_CONNECT_OPTIONS, Agent, AgentSession, inference, llm, stt

from talkpath import CallConfig
from talkpath.integrations.livekit import PhoneAMD, PhoneAudioInput, PhoneAudioOutput, TalkpathIO
from talkpath.phone import CallPlan, Dialer, parse_line
from talkpath.phone.script import HangUp, Say, Script, Wait
from talkpath.server import MediaServer, PhoneCall
from talkpath.wav import write_wav

sys.path.append(str(Path(__file__).parents[1]))
from voicemails import Voicemail, begins_after_s, voicemail

AUDIBLE = 600.0
IN_TIME_S = 0.3
MESSAGE = VOICE[np.flatnonzero(np.abs(VOICE.astype(np.int32)) > AUDIBLE)[0] :][
    : 3 * RATE
]  # loud from its first sample on


class Knows(llm.LLM):
    """A classifier that is never wrong, and never late."""

    def chat(self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = None, **_: Any) -> llm.LLMStream:
        return _Verdict(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options or DEFAULT_API_CONNECT_OPTIONS
        )


class _Verdict(llm.LLMStream):
    async def _run(self) -> None:
        call = llm.FunctionToolCall(name="save_prediction", arguments='{"label": "machine-vm"}', call_id="1")
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", tool_calls=[call])))


class Hears(stt.STT):
    """A recogniser that hears a word in everything."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, buffer: Any, *, language: Any = None, conn_options: Any = None) -> stt.SpeechEvent:
        return stt.SpeechEvent(
            stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[stt.SpeechData(language="en", text="word")]
        )


async def before(call: PhoneCall) -> None:
    """As LiveKit's guide has it."""
    turns = {"turn_detection": "vad", "interruption": {"mode": "vad"}}
    session: AgentSession[Any] = AgentSession(
        vad=inference.VAD(model="silero"), turn_handling=turns, stt=Hears(), llm=Knows()
    )
    session.input.audio, session.output.audio = PhoneAudioInput(call), (output := PhoneAudioOutput(call))

    async def tell() -> None:
        async for event in call.events():
            output.happened(event)

    told = asyncio.ensure_future(tell())
    await session.start(Agent(instructions=""))
    async with AMD(session, suppress_compatibility_warning=True) as amd:
        await amd.execute()
    await session.say("message", audio=frames(MESSAGE), allow_interruptions=False)
    await call.wait_ended()
    await session.aclose()
    told.cancel()


async def after(call: PhoneCall) -> None:
    """After the beep."""
    phone = TalkpathIO(call)
    session: AgentSession[Any] = AgentSession(**phone.session_options())
    phone.attach(session)
    await session.start(Agent(instructions=""))
    session.input.set_audio_enabled(False)
    if await phone.wait_for_beep():
        await session.say("message", audio=frames(MESSAGE), allow_interruptions=False)
    await call.wait_ended()
    await session.aclose()


async def with_amd(call: PhoneCall) -> None:
    """After the beep, by LiveKit's own class."""
    phone = TalkpathIO(call)
    session: AgentSession[Any] = AgentSession(**phone.session_options(), stt=Hears(), llm=Knows())
    phone.attach(session)
    await session.start(Agent(instructions=""))
    async with PhoneAMD(phone, session, suppress_compatibility_warning=True) as amd:
        result = await amd.execute()
    if result.is_human:  # a short greeting: the beep says that it was none
        await phone.wait_for_beep()
    await session.say("message", audio=frames(MESSAGE), allow_interruptions=False)
    await call.wait_ended()
    await session.aclose()


async def dial(url: str, mail: Voicemail, number: int, line: str, folder: Path) -> tuple[float, float, float]:
    """One machine: when the message begins, how much of it is missing, s, and how late the phone itself was at worst, ms."""
    path = folder / f"{number}.wav"
    write_wav(path, mail.pcm, RATE)
    script = Script((Wait(0.5), Say((path,)), Wait(4.5), HangUp()))
    plan = CallPlan(provider="twilio", caller=script, line=parse_line(line), duration_s=60, record=True)
    dialer = Dialer(url, plan, seed=number + 1)
    result = (await dialer.run())[0]
    sent, heard = np.asarray(dialer.calls[0].sent), np.asarray(dialer.calls[0].heard)
    begins = begins_after_s(mail, sent, heard, AUDIBLE)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > AUDIBLE)
    own = np.flatnonzero(np.abs(MESSAGE.astype(np.int32)) > AUDIBLE)
    length_s = (loud[-1] - loud[0]) / RATE if len(loud) else 0.0
    return (
        (np.inf if begins is None else begins),
        max(0.0, (own[-1] - own[0]) / RATE - length_s),
        result.own_late.spread.max,
    )


async def measure(name: str, options: argparse.Namespace, folder: Path) -> None:
    """So many at once, the agent in a process of its own."""
    free, mails = asyncio.Semaphore(options.at_once), [voicemail(options.seed, n) for n in range(options.calls)]
    with socket.socket() as found_port:
        found_port.bind(("127.0.0.1", 0))
        port = found_port.getsockname()[1]
    served = subprocess.Popen(
        [sys.executable, __file__, "--only", name, "--serve", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        while served.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            await asyncio.sleep(0.2)

        async def one(n: int) -> tuple[float, float, float]:
            async with free:
                await asyncio.sleep(0.37 * n if n < options.at_once else 0)
                return await dial(f"ws://127.0.0.1:{port}/twilio", mails[n], n, options.line, folder)

        found = await asyncio.gather(*(one(n) for n in range(options.calls)))
    finally:
        served.terminate()
        served.wait()
    delays = [begins for begins, _, _ in found]
    for n, (begins, missing_s, late_ms) in enumerate(found):
        if name != "before" and (not 0 <= begins <= IN_TIME_S or missing_s > 0.1):
            print(
                f"  {n}: begins {begins:+.3f} s after it, {missing_s:.2f} s missing, the phone up to {late_ms:.0f} ms late; {mails[n].described}"
            )
    said = [delay for delay in delays if np.isfinite(delay)] or [np.inf]
    print(
        f"voicemail {name:6} {len(delays)}: within {IN_TIME_S} s of the beep's end {sum(0 <= d <= IN_TIME_S for d in delays)};"
        f" before it {sum(d < 0 for d in delays)}; none {sum(not np.isfinite(d) for d in delays)};"
        f" median {np.median(said):+.3f} s, from {min(said):+.3f} to {max(said):+.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--line", default="landline")
    parser.add_argument("--only", choices=list(AGENTS))
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    if options.serve:
        answer, how = AGENTS[options.only]
        MediaServer(answer, config=how, port=options.serve).run()
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in AGENTS if options.only is None else (options.only,):
            asyncio.run(measure(name, options, Path(folder)))


HEARS = CallConfig(idle_timeout=None, detection_method="audio", speaks_first="user")
AGENTS: dict[str, tuple[Any, CallConfig]] = {
    "before": (before, config(False)),
    "after": (after, HEARS),
    "amd": (with_amd, HEARS),
}


if __name__ == "__main__":
    main()
