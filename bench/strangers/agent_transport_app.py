"""PyPI's agent-transport: its endpoint, used as its own adapters use it, saying the same 8 s again and again.

SPEECH=FILE python agent_transport_app.py PORT
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent_transport import AudioStreamEndpoint

RATE = 8000
CHUNK = RATE // 50 * 2 * 5  # bytes of 100 ms
SPEECH = Path(os.environ["SPEECH"]).read_bytes()


async def serve(port: int) -> None:
    """Until killed."""
    loop = asyncio.get_running_loop()
    endpoint = AudioStreamEndpoint(listen_addr=f"127.0.0.1:{port}", input_sample_rate=RATE, output_sample_rate=RATE)
    threads = ThreadPoolExecutor(1024)  # one a call waits for the caller's audio, as in its adapters
    waiting: dict[int, asyncio.Future[bool]] = {}
    calls: dict[str, list[asyncio.Task[None]]] = {}

    async def say(session: str) -> None:
        while True:
            for at in range(0, len(SPEECH), CHUNK):
                done: asyncio.Future[bool] = loop.create_future()
                waiting[endpoint.send_audio_async(session, SPEECH[at : at + CHUNK], RATE, 1)] = done
                await done

    async def listen(session: str) -> None:
        while True:
            await loop.run_in_executor(threads, endpoint.recv_audio_bytes_blocking, session, 20)

    def happened(event: dict[str, Any]) -> None:
        match event["type"]:
            case "call_answered":
                session = event["session"].session_id
                calls[session] = [asyncio.create_task(say(session)), asyncio.create_task(listen(session))]
            case "call_terminated":
                for task in calls.pop(event["session"].session_id, []):
                    task.cancel()
            case "audio_capture_complete" | "audio_capture_error":
                loop.call_soon(resolve, event["async_id"])  # it may come before the number is known

    def resolve(number: int) -> None:
        done = waiting.pop(number, None)
        if done is not None and not done.done():
            done.set_result(True)

    endpoint.set_event_sink(lambda event: loop.call_soon_threadsafe(happened, dict(event)))
    await asyncio.Event().wait()


asyncio.run(serve(int(sys.argv[1])))
