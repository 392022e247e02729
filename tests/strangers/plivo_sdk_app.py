"""A server on Plivo's own SDK: says a second of tone, names its end, and falls silent when a key is pressed.

uvicorn plivo_sdk_app:app
"""

import asyncio
import json

import numpy as np
from fastapi import FastAPI, WebSocket
from plivo_stream import PlivoFastAPIStreamingHandler

import talkpath as tp

app = FastAPI()
TONE = tp.g711.ulaw_encode((6000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16))
calls: list[dict] = []


@app.websocket("/plivo")
async def answer(websocket: WebSocket) -> None:
    handler = PlivoFastAPIStreamingHandler(websocket)
    seen: dict = {"media": 0, "bytes": 0, "problems": []}
    calls.append(seen)

    @handler.on_start
    async def start(event: object) -> None:
        seen["start"] = event.start.model_dump()
        for k in range(0, len(TONE), 160):
            await handler.send_media(TONE[k : k + 160])
        await handler.send_checkpoint("said")

    @handler.on_media
    async def media(event: object) -> None:
        seen["media"] += 1
        seen["bytes"] += len(event.get_raw_media())

    @handler.on_dtmf
    async def key(event: object) -> None:
        seen["key"] = event.dtmf.digit
        await handler.send_media(TONE)
        await handler.send_checkpoint("never heard")
        await handler.send_clear_audio()

    @handler.on_played_stream
    async def played(event: object) -> None:
        seen["played"] = [*seen.get("played", []), event.name]

    @handler.on_cleared_audio
    async def cleared(event: object) -> None:
        seen["cleared"] = event.stream_id

    @handler.on_error
    async def problem(error: Exception) -> None:
        seen["problems"].append(str(error))

    await handler.start()
    await asyncio.sleep(0)


@app.get("/calls")
def report() -> list[dict]:
    return json.loads(json.dumps(calls, default=str))
