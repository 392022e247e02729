"""PyPI's pipecat-ai: its FastAPI transport with Twilio's serializer, and a pipeline that only says the same 8 s again and again.

SPEECH=FILE python pipecat_app.py PORT
"""

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import Frame, OutputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

RATE = 8000
SPEECH = Path(os.environ["SPEECH"]).read_bytes()
app = FastAPI()
logger.remove()


class Talker(FrameProcessor):
    """Gives the output 8 s every 8 s, with 8 s more in reserve, so that it never runs dry."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass everything on; begin with the pipeline."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.create_task(self.talk())

    async def talk(self) -> None:
        """As long as the call."""
        await self.push_frame(OutputAudioRawFrame(audio=SPEECH, sample_rate=RATE, num_channels=1))
        while True:
            await self.push_frame(OutputAudioRawFrame(audio=SPEECH, sample_rate=RATE, num_channels=1))
            await asyncio.sleep(len(SPEECH) / 2 / RATE)


@app.websocket("/twilio")
async def answer(websocket: WebSocket) -> None:
    """One call."""
    await websocket.accept()
    _, call = await parse_telephony_websocket(websocket)
    serializer = TwilioFrameSerializer(
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer),
    )
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    task = PipelineTask(Pipeline([transport.input(), Talker(), transport.output()]), params=params)

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await task.cancel()

    await PipelineRunner(handle_sigint=False).run(task)


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
