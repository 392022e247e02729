"""Raw audio on the app's socket: the caller's sound as messages, the app's sound in their order. No turns, no detection of speech.

Source: `reference/agentstack.md` of the design, section 8 (the shape of Plivo's Audio Streaming).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from talkpath import g711
from talkpath.agentstack.raw_messages import Checkpoint, ClearAudio, PlayAudio
from talkpath.call import events as e
from talkpath.server import CallEnded, MarkHeard, PhoneCall

CHUNK_MS = 20
MOST_WAITING_BYTES = 128 * 1024 * 1024
NAME = "raw"  # of the utterance that never ends
_PIECE_S, _RETRY_S = 1.0, 0.1
MULAW, L16 = "audio/x-mulaw", "audio/x-l16"


class RawAudio:
    """Of one call.

    Parameters
    ----------
    call : PhoneCall
    call_uuid, stream_id : str
    is_mulaw : bool
        The caller's sound is told as µ-law (8 kHz); else as L16, little-endian, at the call's rate.
    send : callable
        A message to the app; never waits.
    """

    def __init__(
        self, call: PhoneCall, call_uuid: str, stream_id: str, is_mulaw: bool, send: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._call, self._call_uuid, self._stream_id, self._send = call, call_uuid, stream_id, send
        self._is_mulaw = is_mulaw
        self._content_type = MULAW if is_mulaw else L16
        self._rate_hz = 8000 if is_mulaw else call.sample_rate_hz
        self._waiting: deque[tuple[np.ndarray, int] | str] = deque()
        self._waiting_bytes = 0
        self._has_more = asyncio.Event()
        self._clears = 0
        self._sent_samples = 0

    # --- its life ----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """To the end of the call, or cancelled."""
        form = {"type": self._content_type, "rate": self._rate_hz}
        start = {"streamId": self._stream_id, "callId": self._call_uuid, "mediaFormat": form}
        self._send({"event": "start", "streamId": self._stream_id, "start": start})
        playing = asyncio.create_task(self._play())
        try:
            await self._call.hear(self._heard, CHUNK_MS)
        finally:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallEnded):
                await playing

    def stop(self) -> None:
        """The last of its messages."""
        self._send({"event": "stop", "streamId": self._stream_id})

    def _heard(self, pcm: bytes) -> None:
        step = 2 * self._call.sample_rate_hz * CHUNK_MS // 1000
        for at in range(0, len(pcm), step):
            piece = pcm[at : at + step]
            payload = g711.ulaw_encode(piece) if self._is_mulaw else piece
            media = {
                "payload": base64.b64encode(payload).decode(), "contentType": self._content_type, "sampleRate": self._rate_hz,
                "timestamp": str(1000 * self._sent_samples // self._rate_hz),
            }  # fmt: skip
            self._send({"event": "media", "streamId": self._stream_id, "media": media})
            self._sent_samples += len(piece) // 2

    # --- what the app asks for ---------------------------------------------------------------------------------------------------

    def follow(self, command: PlayAudio | Checkpoint | ClearAudio) -> bool:
        """Play it, mark it, or throw away what waits. False: too much waits."""
        match command:
            case PlayAudio():
                if self._waiting_bytes + len(command.audio) > MOST_WAITING_BYTES:
                    return False
                pcm = g711.ulaw_decode(command.audio) if command.is_mulaw else command.audio
                self._put((np.frombuffer(pcm, np.int16), command.sample_rate_hz))
                self._waiting_bytes += len(command.audio)
            case Checkpoint():
                self._put(command.name)
            case ClearAudio():
                self._clears += 1
                self._waiting.clear()
                self._waiting_bytes = 0
                self._put("")
        return True

    def _put(self, item: tuple[np.ndarray, int] | str) -> None:
        self._waiting.append(item)
        self._has_more.set()

    async def _play(self) -> None:
        while True:
            while not self._waiting:
                self._has_more.clear()
                await self._has_more.wait()
            item = self._waiting.popleft()
            if isinstance(item, tuple):
                await self._say(*item)
            elif item:
                await self._call.checkpoint(item)
            else:
                await self._call.clear_audio()
                self._send({"event": "clearedAudio", "streamId": self._stream_id})

    async def _say(self, pcm: np.ndarray, rate_hz: int) -> None:
        clears = self._clears
        while len(pcm) and clears == self._clears:
            offered = pcm[: round(_PIECE_S * rate_hz)]
            taken = await self._call.speak(offered, rate_hz, NAME)
            pcm = pcm[taken:]
            if taken < len(offered):
                await asyncio.sleep(_RETRY_S)
            if clears == self._clears:
                self._waiting_bytes = max(0, self._waiting_bytes - taken)

    # --- what happens ------------------------------------------------------------------------------------------------------------

    def on_event(self, event: object) -> bool:
        """True: it is told in this shape, or not at all."""
        match event:
            case MarkHeard():
                self._send({"event": "playedStream", "streamId": self._stream_id, "name": event.name})
            case e.UserDtmf():
                self._send({"event": "dtmf", "streamId": self._stream_id, "dtmf": {"digit": event.digit}})
            case e.DtmfSent() | e.PlayCompleted() | e.VoicemailDetected() | e.VoicemailBeep():
                return False
        return True
