"""One scenario: an agent of its own with scripts of its own, an app of its own, and calls to it."""

import asyncio
import io
import wave
from typing import Any

import numpy as np
from checker import check_session
from client import App, AppSession
from standins import Chat, Hearing, Realtime, Voice, heard_s
from standins.carrier import Phone
from standins.phones import Finished, Phones

from scenarios.stack import Stack
from talkpath.phone import CallPlan, CallResult, HangUp, Line, Say, Script, Wait, WaitFor
from talkpath.phone.script import GO_ON, Step

GREETING = "Hello there, how can I help?"
HIGH = {"completed_turn_delay_ms": 150, "incomplete_turn_delay_ms": 1400, "uncertain_turn_delay_ms": 700,
        "min_interruption_duration_ms": 300, "false_interruption_timeout_ms": 750}  # fmt: skip
# What a caller does.
LISTEN: tuple[Step, ...] = (WaitFor("speech", for_ms=0, timeout_s=8), WaitFor("silence", for_ms=500, timeout_s=20))
ASK: tuple[Step, ...] = (Say(seconds=1.2), *LISTEN)
STAY = WaitFor("silence", for_ms=1e9, timeout_s=1e6, on_timeout=GO_ON)


def tool(name: str, **parameters: str) -> dict[str, Any]:
    """A tool of an agent, in the flat form."""
    return {
        "name": name,
        "description": f"Does {name}.",
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in parameters.items()},
            "required": list(parameters),
        },
    }


def wav(seconds: float, rate_hz: int = 44100, channels: int = 2, hz: float = 500.0) -> bytes:
    """A WAV file with a tone."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    pcm = np.repeat((6000 * np.sin(2 * np.pi * hz * t)).astype("<i2"), channels)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
    return out.getvalue()


class Dialled:
    """A call that was dialled. Times are those of the monotonic clock."""

    def __init__(self, phones: Phones, url: str, plan: CallPlan, seed: int, voice: Voice) -> None:
        self._phones, self.url, self.voice = phones, url, voice
        self._number, self._over = phones.ring(url, plan, seed)

    async def over(self, timeout_s: float = 60.0) -> "Dialled":
        """Until it is."""
        found = await asyncio.wait_for(asyncio.shield(self._over), timeout_s)
        self.result: CallResult = found.result
        assert found.heard is not None, f"{self.url} was refused: {found.result.refused}"
        self.call: Finished = found
        return self

    def hang_up(self) -> None:
        """The caller puts the phone down."""
        self._phones.stop(self._number, "the caller hung up")

    @property
    def is_over(self) -> bool:
        """It is, and went well."""
        return hasattr(self, "call")

    @property
    def heard(self) -> np.ndarray:
        """What the caller heard, 8 kHz."""
        assert self.call.heard is not None
        return self.call.heard

    def heard_s(self, text: str) -> float:
        """How much of a text was heard, whatever pieces of it the voice was given."""
        pieces = {asked for asked in map(str.strip, self.voice.texts) if asked and asked in text}
        return sum(heard_s(self.heard, 8000, piece) for piece in pieces)

    def at(self, event: str) -> list[float]:
        """Times of what the phone noted: caller_speaks, caller_silent, agent_speaks, agent_silent, clear …"""
        return [self.call.opened_at + found["at_s"] for found in self.result.events if found["event"] == event]

    def agent_speaks_after(self, at: float) -> float:
        """When the agent's first sound after `at` was played."""
        return min(found for found in self.at("agent_speaks") if found > at)

    @property
    def ended_at(self) -> float:
        """When it was over."""
        return self.call.ended_at


class Scene:
    """See the module.

    Attributes
    ----------
    key : str
        Of all three providers: scripts belong to it.
    hearing, chat, voice
        The scripts.
    app : App
    flags : set of str
        Of `events`, that are on.
    """

    def __init__(self, stack: Stack, name: str) -> None:
        stack.scenes += 1
        self.stack, self.rest, self.number = stack, stack.rest, stack.scenes
        self.key = f"{name}-{self.number}"
        self.hearing, self.chat, self.voice = Hearing(), Chat(), Voice()
        self.realtime = Realtime()
        stack.standins.realtime[self.key] = self.realtime
        stack.standins.hearing[self.key] = self.hearing
        stack.standins.chat[self.key] = self.chat
        stack.standins.voices[self.key] = self.voice
        self.app = App()
        self.flags: set[str] = set()
        self.is_whole = True  # sessions come to their ends
        self.is_raw = False  # another shape of messages
        self.agent_uuid = ""
        self._calls: list[Dialled] = []
        self._log_at = stack.server.log.stat().st_size

    def phone_number(self, i: int = 0) -> str:
        """A number that is this scene's own."""
        return f"+1555{self.number:04d}{i:03d}"

    def phone(self, i: int, phone: Phone) -> str:
        """Something that can be rung; gives its number."""
        self.stack.carrier.phones[self.phone_number(i)] = phone
        return self.phone_number(i)

    @property
    def server_log(self) -> str:
        """What the server wrote since the scene began, of other scenes too."""
        return self.stack.server.log.read_text(errors="replace")[self._log_at :]

    # --- the agent ------------------------------------------------------------------------------------------------------------

    async def body(self, **changes: Any) -> dict[str, Any]:
        """Of the agent; `stt`, `llm`, `tts` are merged."""
        if not self.app.sessions and self.app._server is None:
            self.app_url = await self.app.start()
        found: dict[str, Any] = {
            "agent_name": self.key,
            "stt": {"provider": "deepgram", "model": "nova-3", "language": "en", "api_key": self.key},
            "llm": {"provider": "openai", "model": "gpt-4o", "temperature": 0.2, "api_key": self.key,
                    "system_prompt": "You are helpful.", "tools": []},
            "tts": {"provider": "elevenlabs", "voice": "EXAVITQu4vr4xnSDxMaL", "model": "eleven_flash_v2_5",
                    "api_key": self.key, "output_format": "pcm_16000"},
            "semantic_vad": HIGH,
            "welcome_greeting": GREETING,
            "websocket_url": self.app_url,
        }  # fmt: skip
        for name, value in changes.items():
            is_part = name in ("stt", "llm", "tts") and value is not ...
            found[name] = {**found[name], **value} if is_part else value
        self.flags |= {flag for flag, on in found.get("events", {}).items() if on}
        return {name: value for name, value in found.items() if value is not ...}

    async def agent(self, **changes: Any) -> str:
        """Create it; gives its id."""
        made = await self.rest.post("Agent", await self.body(**changes))
        self.agent_uuid = str(made["agent_uuid"])
        return self.agent_uuid

    def callback(self, kind: str) -> dict[str, str]:
        """An entry of `callbacks`."""
        return {"url": f"{self.stack.callbacks.url}/{self.key}/{kind}", "method": "POST"}

    # --- calls ----------------------------------------------------------------------------------------------------------------

    def dial(
        self, *steps: Step, line: Line | None = None, duration_s: float = 40.0, path: str | None = None
    ) -> Dialled:
        """A caller rings; the call ends after the last step."""
        plan = CallPlan(
            provider="plivo", caller=Script(steps), line=line or Line(), duration_s=duration_s, record=True,
            from_number="+15550100", to_number="+15550199",
        )  # fmt: skip
        url = f"{self.stack.server.phone_url}/{path or f'plivo/{self.agent_uuid}'}"
        self._calls.append(Dialled(self.stack.phones, url, plan, 1000 * self.number + len(self._calls), self.voice))
        return self._calls[-1]

    async def call(self, *steps: Step, **options: Any) -> tuple[Dialled, AppSession]:
        """A whole call: rings, goes through its steps, and is over, as is its session."""
        dialled = self.dial(*steps, **options)
        session = await self.app.session()
        await dialled.over()
        await self.ended(session)
        return dialled, session

    async def ended(self, session: AppSession, timeout_s: float = 10.0) -> dict[str, Any]:
        """`session.ended`, after which the platform lets the app close."""
        if self.is_raw:  # an app hears nothing after `stop`
            await session.wait_for("stop", timeout_s=timeout_s)
            return {}
        if not session.of("session.ended"):
            await session.wait_for("session.ended", timeout_s=timeout_s)
        return session.of("session.ended")[0]

    async def close(self) -> None:
        """Whatever a scenario looked at: these hold for all of them."""
        for call in self._calls:
            call.hang_up()
        await self.app.aclose()

    def verify(self) -> None:
        """What holds in all scenarios."""
        for session in self.app.sessions:
            if self.is_raw:
                assert not session.handler_errors, session.handler_errors
                continue
            check_session([event for _, event in session.events], sorted(self.flags), whole=self.is_whole)
            assert not session.handler_errors, session.handler_errors
        assert not self.chat.refused
        for call in self._calls:
            if call.is_over:
                assert not call.result.failed, f"the caller waited in vain: {call.result.failed}"


HANG_UP = HangUp()
__all__ = ["ASK", "GREETING", "HANG_UP", "HIGH", "LISTEN", "STAY", "Dialled", "Scene", "Wait", "tool", "wav"]
