"""A call, a recogniser, a model and a voice in virtual time. What the engine would do is played by `Caller`."""

import asyncio
from dataclasses import replace

from talkpath.agentstack.agent import Agent, IdleTimeout
from talkpath.agentstack.commands import Commands
from talkpath.agentstack.conversation.talk import Talk
from talkpath.agentstack.providers.base import Finished, ProviderError, Text, ToolCall, Transcript
from talkpath.call import events as e
from talkpath.call.config import CallConfig
from talkpath.errors import StateError

RATE_HZ = 16000
CHAR_S = 0.05  # of audio for each character of a text


class FakeCall:
    """A `PhoneCall` without a line: what is said takes its time, and can be cut."""

    sample_rate_hz, frame_ms = RATE_HZ, 20

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.queue = asyncio.Queue()
        self.ended = None
        self.over = asyncio.Event()
        self.cuts = {}
        self.cut = asyncio.Event()
        self.now = None  # (name, begun at)
        self.can_cut = True
        self.did = []
        self.begun_ms = []  # of what was said

    @property
    def ms(self):
        return 1000 * (self.loop.time() - self.began)

    def emit(self, event):
        self.queue.put_nowait(event)

    async def events(self):
        while True:
            yield await self.queue.get()

    def tell(self, name, *args):
        self.did.append((name, *args))

    async def hear(self, take, chunk_ms=20, quiet_ms=None):
        due = self.began
        while self.ended is None:
            due += chunk_ms / 1000
            await asyncio.sleep(due - self.loop.time())
            take(bytes(2 * RATE_HZ * chunk_ms // 1000))

    async def say(self, speech, sample_rate, utterance=None):
        self.cut.clear()
        begun, length_s, over = None, 0.0, False
        async for piece in speech:
            length_s += len(piece) / 2 / sample_rate
            if begun is None:
                begun = self.loop.time()
                self.now = utterance, begun
                self.begun_ms.append(self.ms)
                self.emit(e.AgentSpeechStarted("transmit", self.ms, utterance))
            if self.cut.is_set():
                over = True
                break
        if begun is None:
            return 0.0
        try:
            if not over:
                async with asyncio.timeout(max(0.0, begun + length_s - self.loop.time())):
                    await self.cut.wait()
        except TimeoutError:
            self.now = None
            self.emit(e.AgentSpeechCompleted("transmit", self.ms, utterance, length_s))
            self.did.append(("said", utterance))
            return 1000 * length_s
        return 1000 * self.cuts[utterance]

    def interrupt_now(self):
        if self.now is None or not self.can_cut:
            return
        name, begun = self.now
        self.now = None
        self.cuts[name] = self.loop.time() - begun
        self.emit(e.AgentSpeechInterrupted("transmit", self.ms, name, self.cuts[name]))
        self.cut.set()

    async def interrupt(self):
        self.did.append(("interrupt",))
        self.interrupt_now()

    async def play(self, source, allow_interruption=True, name=None):
        if source == b"bad":
            raise StateError("no WAV")
        self.can_cut = allow_interruption
        await asyncio.sleep(2.0)
        self.can_cut = True
        self.did.append(("played", name))
        self.emit(e.PlayCompleted("transmit", self.ms, name))

    async def played(self):
        return True

    async def hangup(self, after_speech=True):
        self.did.append(("hangup",))
        self.ended = "hangup"
        self.over.set()

    async def wait_ended(self):
        await self.over.wait()
        return self.ended

    def __getattr__(self, name):
        async def command(*args, **kwargs):
            self.did.append((name, *args, *kwargs.items()))

        return command


class FakeStream:
    provider, model = "ears", "e1"

    def __init__(self, is_slow=False):
        self.queue, self.audio_s, self.is_slow = asyncio.Queue(), 0.0, is_slow

    def send(self, pcm):
        self.audio_s += len(pcm) / 2 / RATE_HZ

    def finalize(self):
        if not self.is_slow:
            self.queue.put_nowait(Transcript("", True, from_finalize=True))

    async def __aiter__(self):
        while True:
            found = await self.queue.get()
            if isinstance(found, ProviderError):
                raise found
            yield found

    async def aclose(self):
        pass


class FakeStt:
    provider, model = "ears", "e1"

    def __init__(self):
        self.streams = []
        self.is_slow = False

    def open(self, sample_rate_hz):
        self.streams.append(FakeStream(self.is_slow))
        return self.streams[-1]


class FakeModel:
    """`script`: a list of answers; each a text, ToolCalls, or an error; with `ttft_s` before the first word, and `word_s` between."""

    provider, model = "brain", "b1"

    def __init__(self, *script, ttft_s=0.1, word_s=0.0):
        self.script, self.ttft_s, self.word_s = list(script), ttft_s, word_s
        self.asked = []
        self.cancelled = 0

    async def chat(self, messages, tools=()):
        self.asked.append((list(messages), [tool.name for tool in tools]))
        answer = self.script.pop(0) if self.script else "Fine."
        try:
            await asyncio.sleep(self.ttft_s)
            parts = answer if isinstance(answer, list) else [answer]
            for part in parts:
                if isinstance(part, str):
                    for word in part.split(" "):
                        yield Text(word + " ")
                        if self.word_s:
                            await asyncio.sleep(self.word_s)
                elif isinstance(part, Exception):
                    raise part
                else:
                    yield part
            yield Finished("stop", 10, 4, 5, "brain", "b1", "r1")
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += 1
            raise


class FakeVoice:
    provider, model, sample_rate_hz = "mouth", "m1", RATE_HZ

    def __init__(self, ttfb_s=0.05):
        self.ttfb_s, self.said, self.fails = ttfb_s, [], False

    async def speech(self, text):
        self.said.append(text)
        await asyncio.sleep(self.ttfb_s)
        if self.fails:
            raise ProviderError("no voice", provider="mouth")
        for _ in range(len(text)):
            yield bytes(2 * int(CHAR_S * RATE_HZ))


def agent(**changes):
    base = Agent(
        agent_uuid="a1", agent_name="Test", websocket_url="ws://x", mode="full", stt={"language": "en"}, llm={"system_prompt": "Be kind."}, tts={}, s2s={},
        stt_fallback=(), llm_fallback=(), tts_fallback=(), agent_tools=(), mcp_servers=(), welcome_greeting="", speaks_first="user",
        wait_for_user_timeout_s=5.0, idle_timeout=IdleTimeout(None, None), prefill_cache=False, send_on="turn_end", detection_method="disabled",
        tool_call_timeout_s=5.0, callbacks={}, events={}, extra_headers={}, call={}, body={}, created_at="",
    )  # fmt: skip
    return replace(base, **changes)


class Scene:
    """A talk with all of its fakes; `sent` is what the app was told."""

    def __init__(self, model, voice=None, agent_tools=(), **changes):
        self.loop = asyncio.get_running_loop()
        self.call, self.stt, self.model, self.voice = FakeCall(), FakeStt(), model, voice or FakeVoice()
        self.sent = []
        self.talk = Talk(
            self.call, agent(**changes), CallConfig(semantic_vad="high").turns, lambda: self.stt if self.talk.agent.has("stt") else None,
            lambda: self.model, lambda: self.voice,
            agent_tools, lambda message: self.sent.append((round(self.loop.time(), 3), dict(message))), self.loop.time,
        )  # fmt: skip
        self.commands = Commands(self.talk, self._hang_up, self._transfer, self._update)
        self.transferred = []
        self.verdicts = []
        self.tasks = [self.loop.create_task(self.talk.run()), self.loop.create_task(self._pump())]

    async def _hang_up(self):
        await self.call.hangup()

    async def _transfer(self, command):
        self.transferred.append((self.loop.time(), command.destination))

    async def _update(self, changes):
        pass

    async def _pump(self):
        async for event in self.call.events():
            if (verdict := self.talk.turn_taking.verdict(event)) is not None:
                self.verdicts.append((verdict.is_interruption, round(verdict.total_duration_ms)))
            self.talk.turn_taking.on_event(event)
            if isinstance(event, e.AgentSpeechCompleted | e.AgentSpeechInterrupted):
                self.talk.told(event.utterance)

    def app(self, kind, **fields):
        import json

        self.commands.on_message(json.dumps({"type": kind, **fields}))

    async def until(self, seconds):
        await asyncio.sleep(max(0.0, seconds - self.loop.time()))

    async def hears(self, text, final=True, finalize=False):
        self.stt.streams[-1].queue.put_nowait(Transcript(text, final, final, 0.9, from_finalize=finalize))
        await asyncio.sleep(0)

    async def caller(self, text, seconds=1.0, interrupts_after=None, turn_delay=0.15, words_after=0.02):
        """He speaks now, and the engine and the recogniser do what they do. None: no words come of it."""
        call, onset_ms = self.call, self.call.ms
        await asyncio.sleep(0.12)
        call.emit(e.UserSpeechStarted("receive", call.ms, onset_ms))
        if interrupts_after is not None:
            await asyncio.sleep(interrupts_after - 0.12)
            call.interrupt_now()
        await asyncio.sleep(max(0.0, onset_ms / 1000 + seconds - (call.ms / 1000)))
        end_ms = call.ms
        await asyncio.sleep(words_after)
        if text is not None:
            await self.hears(text)
        await asyncio.sleep(max(0.0, turn_delay - words_after))
        call.emit(e.UserSpeechStopped("receive", call.ms, end_ms - onset_ms, onset_ms))
        call.emit(e.UserTurnCompleted("receive", call.ms, "text", end_ms - onset_ms, "text", None))

    def of(self, kind):
        return [message for _, message in self.sent if message["type"] == kind]

    def kinds(self):
        return [message["type"] for _, message in self.sent]


def tool_call(name, call_id="t1", **arguments):
    import json

    return ToolCall(call_id, name, arguments, json.dumps(arguments))
