"""A Pipecat bot on the phone. Offline as it is, with stand-ins for STT, LLM and TTS; three lines make it a real one.

pip install 'talkpath[pipecat,phone,cli]' uvicorn
python pipecat_phone_bot.py                                              # then, beside it:
talkpath dial ws://127.0.0.1:8080/plivo --caller examples/callers/interrupts.yaml --line speakerphone

`--before` has the bot as it is without talkpath: Pipecat's Plivo serializer, Silero, its own strategies.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from itertools import count

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from talkpath import CallConfig
from talkpath.integrations.pipecat import (
    AgentHeardFrame,
    CallEvents,
    TalkpathSerializer,
    TalkpathVADAnalyzer,
    turn_strategies,
)
from talkpath.phone.voice import voice

ANSWER = "This is what I would say if I were a real agent, and I would go on with it for quite a while, as agents do."
VOICE = voice(10.0, 24000, seed=3)
GREETING = "Hello, and thank you for calling. You can interrupt me whenever you like, for I have a great many things to say to you."


async def bot(websocket: WebSocket, *, before: bool = False) -> None:
    """One call, to its end."""
    stt = ScriptedSTT()  # DeepgramSTTService(api_key=…)
    llm = ScriptedLLM()  # OpenAILLMService(api_key=…)
    tts = ScriptedTTS()  # CartesiaTTSService(api_key=…, voice_id=…)

    serializer: FrameSerializer
    if before:
        serializer, user_params = await without_talkpath(websocket)
    else:
        serializer = TalkpathSerializer(websocket, config=CallConfig(background_audio=None))
        user_params = LLMUserAggregatorParams(
            vad_analyzer=TalkpathVADAnalyzer(serializer), user_turn_strategies=turn_strategies(serializer)
        )
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(websocket, params)
    user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=user_params)
    pipeline = Pipeline(
        [transport.input(), CallEvents(), Journal(), stt, user, llm, tts, transport.output(), assistant]
    )
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000))

    @transport.event_handler("on_client_connected")
    async def greet(*_: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))

    @transport.event_handler("on_client_disconnected")
    async def end(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


class Journal(FrameProcessor):
    """Tells how much was heard of what the caller interrupted: cut the context there."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Everything goes on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, AgentHeardFrame):
            print(f"interrupted after {frame.heard_s:.3f} s", flush=True)
        await self.push_frame(frame, direction)


# --- stand-ins: no network, no key --------------------------------------------------------------------------------------------


class ScriptedSTT(FrameProcessor):
    """Understands that something was said when the VAD says that it is over."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = count(1)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Everything goes on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            text = f"This is my question number {next(self._turns)}."
            await self.push_frame(TranscriptionFrame(text, "caller", time_now_iso8601(), finalized=True))


class ScriptedLLM(FrameProcessor):
    """Has the same answer to everything, 0.3 s later."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """A context is answered; everything else goes on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await asyncio.sleep(0.3)
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(ANSWER))
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


class ScriptedTTS(TTSService):
    """A voice without words, 60 ms a letter, faster than real time, as synthesisers are."""

    def __init__(self) -> None:
        super().__init__(push_start_frame=True, push_stop_frames=True, sample_rate=24000)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """In pieces of 100 ms."""
        pcm = VOICE[: 1440 * len(text)].tobytes()
        for i in range(0, len(pcm), 4800):
            yield TTSAudioRawFrame(pcm[i : i + 4800], 24000, 1, context_id=context_id)


async def without_talkpath(websocket: WebSocket) -> tuple[FrameSerializer, LLMUserAggregatorParams]:
    """As a Pipecat bot for Plivo begins."""
    from pipecat.audio.vad.silero import SileroVADAnalyzer
    from pipecat.runner.utils import parse_telephony_websocket
    from pipecat.serializers.plivo import PlivoFrameSerializer
    from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
    from pipecat.turns.user_turn_strategies import UserTurnStrategies

    _, call = await parse_telephony_websocket(websocket)
    serializer = PlivoFrameSerializer(
        stream_id=call["stream_id"], params=PlivoFrameSerializer.InputParams(auto_hang_up=False)
    )
    strategies = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
    return serializer, LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=strategies)


app = FastAPI()


@app.websocket("/{provider}")
async def call(websocket: WebSocket, provider: str) -> None:
    """A provider's stream: ws://HOST:8080/plivo, /twilio, …"""
    await websocket.accept()
    await bot(websocket, before="--before" in sys.argv)


if __name__ == "__main__":
    logger.remove()
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else 8080
    uvicorn.run(app, port=port, log_level="warning", ws_per_message_deflate=False)
