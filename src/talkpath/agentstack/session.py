"""An agent on a call, from the answer to the last message: the talk, the app's socket, what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from talkpath.agentstack import app_messages as m
from talkpath.agentstack.agent import Agent
from talkpath.agentstack.agent_body import updated
from talkpath.agentstack.agent_tools.privacy import kept
from talkpath.agentstack.agent_tools.registry import agent_tool
from talkpath.agentstack.answered_by import AnsweredBy
from talkpath.agentstack.app_link import AppGone, AppLink
from talkpath.agentstack.call_setup import call_config, changed, without_talk
from talkpath.agentstack.commands import Commands
from talkpath.agentstack.conversation.mind import tools_of
from talkpath.agentstack.conversation.talk import NUDGE, Talk
from talkpath.agentstack.legs import Leg, LegFailed, Legs
from talkpath.agentstack.providers.base import LanguageModel, ProviderSet, SpeechToText, TextToSpeech
from talkpath.agentstack.raw_audio import RawAudio
from talkpath.agentstack.records import SessionRecord, Sessions
from talkpath.agentstack.wire_events import Translator, is_wanted, iso
from talkpath.call import events as e
from talkpath.errors import TalkpathError
from talkpath.server import PhoneCall


@dataclass(frozen=True)
class Services:
    """What all sessions share."""

    sessions: Sessions
    providers: ProviderSet
    legs: Legs
    clock: Callable[[], float]
    app_headers: Callable[[str], Mapping[str, str]]  # for a URL: what proves to the app who we are


@dataclass(frozen=True)
class Party:
    """Who talks with the agent."""

    call_uuid: str
    caller: str
    callee: str
    is_outbound: bool = False
    detection_method: str = "disabled"


class AgentSession:
    """One session. `run()` is its life."""

    def __init__(self, call: PhoneCall, agent: Agent, party: Party, services: Services) -> None:
        self.id = str(uuid.uuid4())
        self.record_url: str | None = None  # of the call's recording, where there is one
        self.has_failed = False
        self._call, self._agent, self._party, self._services = call, agent, party, services
        self._events_wanted = dict(agent.events)
        make = services.providers
        self._stt: SpeechToText | None = make.stt(agent.stt, agent.stt_fallback) if agent.has("stt") else None
        self._llm: LanguageModel | None = (
            make.llm(agent.llm, agent.llm_fallback, self._llm_is) if agent.has("llm") else None
        )
        self._tts: TextToSpeech | None = make.tts(agent.tts, agent.tts_fallback) if agent.has("tts") else None
        self.talk = Talk(
            call, agent, call_config(agent).turns, lambda: self._stt, lambda: self._llm, lambda: self._tts,
            [agent_tool(spec) for spec in agent.agent_tools], self.send, services.clock, self._keep,
            make.s2s(agent.s2s) if agent.has("s2s") else None,
        )  # fmt: skip
        is_mulaw = agent.call.get("audio_format") == "mulaw_8k"
        self._raw = RawAudio(call, party.call_uuid, self.id, is_mulaw, self._tell_raw) if agent.mode == "raw" else None
        self._commands = Commands(self.talk, self._hang_up, self._transfer, self._update, self._raw)
        self._link = AppLink(
            agent.websocket_url, {**services.app_headers(agent.websocket_url), "X-Agent-Id": agent.agent_uuid, "X-Agent-Session-Id": self.id},
            self._commands.on_message, self._started,
        )  # fmt: skip
        self._translator = Translator(self.talk.began_at)
        self._answered_by = (
            AnsweredBy(self.talk, party.detection_method, self._greet, self._translator) if party.is_outbound else None
        )
        self._reason = self._error = ""
        self._handed_over: asyncio.Future[PhoneCall] = asyncio.get_running_loop().create_future()

    # --- its life ----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the agent has left the call, or the call is over. The call is not hung up before `run` has decided so."""
        agent, party = self._agent, self._party
        await self._services.sessions.session_began(
            SessionRecord(self.id, agent.agent_uuid, agent.agent_name, party.call_uuid, party.caller, party.callee, agent.mode, "dual",
                          iso(self.talk.began_at))
        )  # fmt: skip
        link = asyncio.create_task(self._keep_link())
        events = asyncio.create_task(self._follow_events())
        talking = bridging = raw = None
        try:
            if self._answered_by is not None and self._answered_by.is_waiting:
                self._answered_by.begin()
            else:
                self._greet()
            if self._raw is not None:
                raw = asyncio.create_task(self._raw.run())
            talking = asyncio.create_task(self.talk.run())
            ways: set[asyncio.Future[Any]] = {talking, self._handed_over}
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self._handed_over.done():  # they talk at once: neither a slow app nor a slow recogniser holds them up
                events.cancel()
                bridging = asyncio.create_task(self._services.legs.bridge(self._call, self._handed_over.result()))
            await talking
            if bridging is None:
                await self._call.hangup(after_speech=False)
                await asyncio.wait({events}, timeout=1.0)
        finally:
            events.cancel()
            for work in (talking, raw):
                if work is not None:
                    work.cancel()
            await self._end()
            await asyncio.wait({link}, timeout=10.0)
            link.cancel()
            if bridging is not None and not bridging.done():
                await bridging

    def hand_over(self, leg: Leg, person: PhoneCall) -> None:
        """Somebody else takes the call: the agent leaves, and `run` lets the two talk."""
        self.send({"type": "call.transferred", "destination": [leg.to], "timestamp": self.talk.now})
        if not self._handed_over.done():
            self._handed_over.set_result(person)
        self._finish("transferred")

    def leave(self, reason: str) -> None:
        """The agent leaves now, and the call ends."""
        self._finish(reason)

    async def _keep_link(self) -> None:
        try:
            await self._link.run()
        except AppGone as problem:
            self._error, self.has_failed = self._error or f"app: {problem}", True
            self._finish("error")

    def _finish(self, reason: str) -> None:
        self._reason = self._reason or reason
        self.talk.leave()

    def _greet(self) -> None:
        agent = self._agent
        has_spoken = self._answered_by is not None and self._party.detection_method != "disabled"
        if agent.speaks_first == "agent" or has_spoken:
            if agent.welcome_greeting:
                self.talk.say(agent.welcome_greeting, "greeting", agent_first=True)
            elif agent.speaks_first == "agent" and agent.thinks:
                self.talk.go_on("The call has just begun: greet the caller.", agent_first=True)

    async def _end(self) -> None:
        talk = self.talk
        ended_at = talk.now
        reason = self._reason or ("user_hangup" if self._call.ended else "agent_hangup")
        if self._raw is None:
            talk.tell_usage()
        usage = talk.usage
        summary: dict[str, Any] = {
            "duration_seconds": int(talk.age_s), "turn_count": talk.turns_told, "reason": reason,
            "started_at": iso(talk.began_at), "ended_at": ended_at, "error": self._error or None,
            "transcript": talk.history.transcript(), "stt_duration": usage.seconds("stt_usage", "audio_duration"),
            "llm_duration": usage.seconds("llm_usage", "session_duration"), "tts_duration": usage.seconds("tts_usage", "audio_duration"),
        }  # fmt: skip
        stored = {**summary, "record_url": self.record_url}
        await self._services.sessions.session_ended(self.id, ended_at, stored, usage.models())
        if self._raw is not None:
            self._raw.stop()
        message = {"type": "session.ended", **summary}
        self._keep(message)
        self._link.send_last(message)

    # --- to and from the app -----------------------------------------------------------------------------------------------------

    def _started(self) -> dict[str, Any]:
        config, party = self._agent, self._party
        return {
            "type": "session.started", "agent_session_id": self.id, "call_id": party.call_uuid, "caller": party.caller,
            "callee": party.callee, "agent_id": config.agent_uuid, "audio_format": config.call.get("audio_format") or "pcm_16k",
            "sample_rate": self._call.sample_rate_hz, "channels": 1, "frame_size_ms": self._call.frame_ms,
            "plc_enabled": bool(config.call.get("plc_enabled", True)),
        }  # fmt: skip

    def send(self, message: Mapping[str, Any]) -> None:
        """To the app, if it wants such."""
        if is_wanted(str(message["type"]), self._events_wanted):
            self._link.send(message)
        self._keep(message)

    def _tell_raw(self, message: Mapping[str, Any]) -> None:
        """Sound: told, and not kept."""
        self._link.send(message)

    def _keep(self, message: Mapping[str, Any]) -> None:
        self._services.sessions.session_events(self.id, [kept(message)])

    def _llm_is(self, name: str, available: bool) -> None:
        self.send({"type": "llm.availability_changed", "llm": name, "available": available, "timestamp": self.talk.now})

    # --- the engine's events -----------------------------------------------------------------------------------------------------

    async def _follow_events(self) -> None:
        async for event in self._call.events():
            with self.talk.guarded("an event"):  # the call needs those that follow
                if self._raw is not None and self._raw.on_event(event):
                    continue
                if isinstance(event, e.Event):
                    self._on_event(event, self.talk)

    def _on_event(self, event: e.Event, talk: Talk) -> None:
        if isinstance(event, e.UserDtmf):
            is_private = talk.is_private
            talk.sub_agents.key(event.digit)
            if is_private:
                return
        if (verdict := talk.turn_taking.verdict(event)) is not None:
            self.send(self._translator.translate(verdict) or {})
        talk.turn_taking.on_event(event)
        if self._answered_by is None or self._answered_by.on_event(event):
            message = self._translator.translate(event, **self._text_for(event))
            if message is not None:
                self.send(message)
        if isinstance(event, e.AgentSpeechCompleted | e.AgentSpeechInterrupted):
            talk.told(event.utterance)
        elif isinstance(event, e.UserIdle):
            self._idle(event)

    def _text_for(self, event: e.Event) -> dict[str, Any]:
        match event:
            case e.AgentSpeechCompleted():
                said = self.talk.utterance(event.utterance)
                return {"transcript": None if said is None else said.text}
            case e.AgentSpeechInterrupted():
                said = self.talk.utterance(event.utterance)
                is_own = said is not None and self.talk.app_model is None  # else the app has the text itself
                text = said.text_at(event.playback_position_s) if said is not None and is_own else None
                return {"interrupted_text": text, "turn_id": self.talk.turn_id(event.utterance)}
            case e.UserTurnCompleted():
                return {"turn_id": self.talk.turn_taking.turn_id}
        return {}

    def _idle(self, event: e.UserIdle) -> None:
        idle, talk = self._agent.idle_timeout, self.talk
        if event.reason == "wait_for_user":
            if self._agent.welcome_greeting and talk.turns == 0:
                talk.say(self._agent.welcome_greeting, "greeting", agent_first=True)
        elif idle is None or talk.is_closing:
            pass
        elif event.reason == "no_response":
            if idle.reminder_message:
                talk.say(idle.reminder_message, "idle")
            elif self._agent.thinks:
                talk.go_on(NUDGE, "idle")
        else:
            self._reason = self._reason or "idle_timeout"
            if idle.hangup_message:
                talk.say(idle.hangup_message, "idle")
            self._commands.on_message('{"type": "agent_session.hangup"}')

    # --- what the app asks for ---------------------------------------------------------------------------------------------------

    async def _hang_up(self) -> None:
        self._reason = self._reason or "agent_hangup"
        await self._call.hangup(after_speech=True)

    async def _update(self, changes: Mapping[str, Any]) -> None:
        old, talk = self._agent, self.talk
        if isinstance(changes.get("events"), Mapping):
            self._events_wanted |= changes["events"]
        top = {name: changes[name] for name in ("system_prompt", "tools") if name in changes}
        rest = {name: value for name, value in changes.items() if name not in ("system_prompt", "tools", "events")}
        kind = "s2s" if old.has("s2s") else "llm"
        if top and isinstance(rest.get(kind) or {}, Mapping):  # else `updated` says what is wrong with it
            rest[kind] = {**(rest.get(kind) or {}), **top}
        new = updated(old, rest) if rest else old
        self._agent = talk.agent = new
        providers = self._services.providers
        stt_is_new = (new.stt, new.stt_fallback) != (old.stt, old.stt_fallback)
        if stt_is_new and new.has("stt"):
            self._stt = providers.stt(new.stt, new.stt_fallback)
        if new.has("llm") and (without_talk(new.llm) != without_talk(old.llm) or new.llm_fallback != old.llm_fallback):
            self._llm = providers.llm(new.llm, new.llm_fallback, self._llm_is)
        if new.has("tts") and (new.tts, new.tts_fallback) != (old.tts, old.tts_fallback):
            self._tts = providers.tts(new.tts, new.tts_fallback)
        talk.mind.system_prompt, talk.mind.app_tools = str(new.llm.get("system_prompt") or ""), tools_of(new.llm)
        talk.mind.may_wait = new.idle_timeout is not None
        for_engine = changed(old, new)
        if for_engine:
            await self._call.update(**for_engine)
            talk.delays = call_config(new).turns
        if stt_is_new:
            await talk.listener.change()
        prompt = changes.get("system_prompt")
        if isinstance(prompt, str) and ("tools" in changes or "llm" in changes):
            name = changes.get("agent_name") or " ".join(prompt.split()[:8])
            self.send({"type": "agent.handoff", "new_agent": str(name), "timestamp": self.talk.now})

    async def _transfer(self, command: m.Transfer) -> None:
        talk, party = self.talk, self._party
        from_number = command.caller_id or (party.callee if not party.is_outbound else party.caller)
        has_own = bool(self._agent.call.get("background_audio"))
        if not has_own:
            await self._call.play_background("call-center", 0.2)
        try:
            leg, person = await self._services.legs.hunt(
                command.destination, from_number, command.dial_mode, command.timeout_s, owner=party.call_uuid
            )
        except LegFailed as problem:
            talk.is_closing = talk.floor.has_deed
            self.send({"type": "session.error", "code": "transfer_failed", "message": f"nobody answered ({problem.cause})",
                       "timestamp": self.talk.now})  # fmt: skip
            talk.history.transfer_failed(problem.cause)
            talk.answer = None
            talk.go_on()
            return
        finally:
            if not has_own and not self._call.ended:
                with contextlib.suppress(TalkpathError):
                    await self._call.stop_background()
        self.hand_over(leg, person)
