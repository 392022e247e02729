"""Pipecat's own tests with ours in the slots: a pytest plugin. Its tests are in its repository, not in its package.

git clone --depth 1 https://github.com/pipecat-ai/pipecat && cd pipecat
PYTHONPATH=TALKPATH/bench/pipecat python -m pytest -p theirs -o addopts= tests/test_vad_controller.py tests/test_vad_processor.py …

What follows a call gets it in small: what a test sends as VAD frames are the call's events, its turn is over after the silence that the
test names. The serializer gets a socket, and the provider's start.
"""

import asyncio

import pipecat.turns.user_turn_strategies as strategies
from pipecat.audio.vad import silero, vad_analyzer
from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame
from pipecat.frames.frames import VADUserStartedSpeakingFrame as Started
from pipecat.frames.frames import VADUserStoppedSpeakingFrame as Stopped
from pipecat.serializers import exotel
from pipecat.turns import user_start, user_stop

from talkpath import CallConfig
from talkpath.call.events import UserSpeechStarted, UserSpeechStopped, UserTurnCompleted
from talkpath.integrations.pipecat import (
    CallAudioFrame,
    CallTurnStartStrategy,
    CallTurnStopStrategy,
    TalkpathSerializer,
    TalkpathVADAnalyzer,
)
from talkpath.streams import DIALECTS, Start, Wire

STARTED = UserSpeechStarted("receive", 1000.0, 880.0)
STOPPED = UserSpeechStopped("receive", 2000.0, 900.0, 880.0)
COMPLETED = UserTurnCompleted("receive", 2500.0, "silence", 900.0, "silence", None)
FRAME_S = 0.02


def audio(*events):
    """20 ms of the caller, and what happened."""
    return CallAudioFrame(bytes(640), 16000, 1, list(events))


class NoCall:
    """A serializer before its call."""

    call = None


class TurnStart(CallTurnStartStrategy):
    """In the place of `VADUserTurnStartStrategy`."""

    def __init__(self, **_):
        super().__init__(NoCall())

    async def process_frame(self, frame):
        event = {Started: STARTED, Stopped: STOPPED}.get(type(frame))
        return await super().process_frame(audio(event) if event else frame)


class TurnStop(CallTurnStopStrategy):
    """In the place of `SpeechTimeoutUserTurnStopStrategy`: the call ends the turn so long after the speech."""

    def __init__(self, *, user_speech_timeout=0.6, **_):
        super().__init__(transcript_wait_s=2 * user_speech_timeout)
        self._after_s = user_speech_timeout
        self._call = None

    async def process_frame(self, frame):
        if isinstance(frame, Started | Stopped):
            if self._call is not None:
                self._call.cancel()
            self._call = asyncio.create_task(self._goes_on()) if isinstance(frame, Stopped) else None
        event = {Started: STARTED, Stopped: STOPPED}.get(type(frame))
        return await super().process_frame(audio(event) if event else frame)

    async def _goes_on(self):
        await asyncio.sleep(self._after_s)
        await super().process_frame(audio(COMPLETED))
        while True:
            await asyncio.sleep(FRAME_S)
            await super().process_frame(audio())

    async def cleanup(self):
        if self._call is not None:
            self._call.cancel()
        await super().cleanup()


class Socket:
    """What is sent to it is there."""

    def __init__(self):
        self.sent = []

    async def send_text(self, data):
        self.sent.append(data)

    send_bytes = send_text

    async def close(self):
        pass


class ExotelSerializer(TalkpathSerializer):
    """In the place of `ExotelFrameSerializer`: `serialize` gives what left through the socket within the next frames."""

    def __init__(self, stream_sid, call_sid="", **_):
        self._socket = Socket()
        how = CallConfig(echo_control=False, normalize_level=False, idle_timeout=None)
        super().__init__(self._socket, "exotel", how)
        self._start = Start(call_id=call_sid, stream_id=stream_sid, wire=Wire("l16", 8000, "little"))

    async def setup(self, setup):
        await super().setup(setup)
        for message in DIALECTS["exotel"]("provider").open(self._start):
            await self.deserialize(message)

    async def serialize(self, frame):
        self._socket.sent.clear()
        wanted = {OutputAudioRawFrame: '"media"', InterruptionFrame: '"clear"'}[type(frame)]
        if isinstance(frame, InterruptionFrame):
            await super().serialize(OutputAudioRawFrame(bytes(3200), 8000, 1))  # there is something to be cleared
            await asyncio.sleep(3 * FRAME_S)
        await super().serialize(frame)
        for _ in range(10):
            await asyncio.sleep(FRAME_S)
            for data in self._socket.sent:
                if wanted in data:
                    return data
        return None


class Silero(TalkpathVADAnalyzer):
    """In the place of `SileroVADAnalyzer`."""

    _model = None


vad_analyzer.VADAnalyzer = TalkpathVADAnalyzer
silero.SileroVADAnalyzer = Silero
user_start.VADUserTurnStartStrategy = strategies.VADUserTurnStartStrategy = TurnStart
user_stop.SpeechTimeoutUserTurnStopStrategy = TurnStop
exotel.ExotelFrameSerializer = ExotelSerializer
