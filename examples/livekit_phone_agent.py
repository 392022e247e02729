"""A LiveKit agent on the phone, without a room. Runs offline, with stand-ins for its three services; docs/livekit.md.

talkpath serve --app livekit_phone_agent:answer          # in this folder: pip install 'talkpath[livekit,phone]'
talkpath dial ws://127.0.0.1:8080/twilio --caller interrupter --line speakerphone

With the parameter voicemail=yes (`talkpath dial --parameter voicemail=yes --caller callers/voicemail.yaml`) it leaves a message after the beep.
"""

import itertools
import logging
from collections.abc import AsyncIterator
from importlib import resources

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts, utils

from talkpath import CallConfig
from talkpath.integrations.livekit import TalkpathIO
from talkpath.server import MediaServer, PhoneCall
from talkpath.streams import Start
from talkpath.wav import read_wav_channels

RATE = 8000
VOICE = read_wav_channels((resources.files("talkpath") / "data" / "example_voicemail.wav").read_bytes(), RATE)[1]
MESSAGE = VOICE[round(5.75 * RATE) : round(8.95 * RATE)]  # "Hello, this is Acme. Your order has arrived."
GREETING = "Hello, this is Acme. Your order has arrived. You can pick it up whenever you like, we are open until eight."
ANSWERS = (
    "Of course. The shop is in the main street, next to the station, and somebody is there until eight in the evening.",
    "Yes. Bring the number of your order, please, or the card that you paid with, and it will take only a minute.",
)


def is_voicemail(start: Start) -> bool:
    """The user of this call has said that it is one that may end in a mailbox."""
    return start.headers.get("voicemail") == "yes"


def config(start: Start) -> CallConfig:
    """An outbound call listens for who answers, and for the beep."""
    if is_voicemail(start):
        return CallConfig(detection_method="audio", speaks_first="user", idle_timeout=None)
    return CallConfig(idle_timeout=None)


async def answer(call: PhoneCall) -> None:
    """One call, one session."""
    phone = TalkpathIO(call)
    async with utils.http_context.open():  # LiveKit's services want it where there is no job
        session = AgentSession(
            **phone.session_options(),
            stt=ScriptedSTT(),  # with keys: stt="deepgram/nova-3"
            llm=ScriptedLLM(),  #            llm="openai/gpt-4.1-mini"
            tts=ScriptedTTS(),  #            tts="cartesia/sonic-3"
        )
        phone.attach(session)
        phone.on("user.dtmf", lambda key: logging.getLogger("agent").warning("key: %s", key.digit))
        session.on("conversation_item_added", lambda event: log(event.item))
        await session.start(Agent(instructions="You tell callers about their order."))
        try:
            if is_voicemail(call.start):
                await call_out(phone, session)
            else:
                await call.play_background("office", volume=0.1)
                session.say(GREETING)
                await call.wait_ended()
        finally:
            await session.aclose()


def log(item: llm.ChatItem) -> None:
    """What was said, of the agent's only what was heard."""
    if isinstance(item, llm.ChatMessage):
        logging.getLogger("agent").warning(
            "%s: %s%s", item.role, item.text_content, " (cut)" if item.interrupted else ""
        )


async def call_out(phone: TalkpathIO, session: AgentSession) -> None:
    """Talk to a person. Say nothing to a greeting, and leave the message after its beep; the audio is there, so that it begins at once."""
    session.input.set_audio_enabled(False)
    if await phone.answered_by == "human":
        session.input.set_audio_enabled(True)
        session.say(GREETING)
    if await phone.wait_for_beep():  # also after a short greeting that was taken for a person's
        session.input.set_audio_enabled(False)
        if session.current_speech is not None:
            session.interrupt(force=True)
        await session.say(
            "Hello, this is Acme. Your order has arrived.", audio=frames(MESSAGE), allow_interruptions=False
        )
        await phone.call.hangup()


async def frames(pcm: np.ndarray) -> AsyncIterator[rtc.AudioFrame]:
    """As a synthesiser gives them."""
    for piece in np.split(pcm, range(RATE // 10, len(pcm), RATE // 10)):
        yield rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece))


# --- stand-ins ------------------------------------------------------------------------------------------------------------------


class ScriptedSTT(stt.STT):
    """Hears words in whatever is louder than the line."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, buffer, *, language=None, conn_options) -> stt.SpeechEvent:
        pcm = np.frombuffer(utils.combine_frames(buffer).data, np.int16)
        text = "When can I come?" if len(pcm) and np.abs(pcm.astype(np.int32)).max() > 500 else ""
        alternatives = [stt.SpeechData(language="en", text=text)]
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=alternatives)


class ScriptedLLM(llm.LLM):
    """Has two answers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = itertools.cycle(ANSWERS)

    def chat(self, *, chat_ctx, tools=None, conn_options=None, **_) -> llm.LLMStream:
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        for word in next(self._llm.answers).split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))


class ScriptedTTS(tts.TTS):
    """Says anything in the same words, 65 ms a letter."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(self, text, *, conn_options=None) -> tts.ChunkedStream:
        return _Voice(tts=self, input_text=text, conn_options=conn_options)


class _Voice(tts.ChunkedStream):
    async def _run(self, output_emitter) -> None:
        output_emitter.initialize(request_id="voice", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(np.resize(MESSAGE, round(0.065 * RATE * len(self.input_text))).tobytes())
        output_emitter.flush()


if __name__ == "__main__":
    MediaServer(answer, config=config, port=8080).run()
