"""Raw audio: what the app is told and what it gives, in virtual time."""

import asyncio
import base64

import numpy as np
import pytest

pytest.importorskip("websockets")

from virtual_time import run

from talkpath import g711
from talkpath.agentstack import app_messages as m
from talkpath.agentstack.raw_audio import RawAudio
from talkpath.agentstack.raw_messages import ClearAudio, MessageError, PlayAudio
from talkpath.call import events as e
from talkpath.server import MarkCleared, MarkHeard


class Line:
    """A call that plays at the speed of sound, and holds so much."""

    def __init__(self, rate_hz=8000, room_samples=1 << 30):
        self.sample_rate_hz, self.room = rate_hz, room_samples
        self.did, self.spoken = [], np.zeros(0, np.int16)
        self.take = None

    async def hear(self, take, chunk_ms=20):
        self.take = take
        await asyncio.Event().wait()

    async def speak(self, pcm, rate_hz, name):
        taken = min(len(pcm), self.room)
        self.room -= taken
        self.spoken = np.concatenate([self.spoken, np.asarray(pcm[:taken])])
        if taken:
            self.did.append(("speak", taken, rate_hz))
        return taken

    async def checkpoint(self, name):
        self.did.append(("mark", name))

    async def clear_audio(self):
        self.did.append(("clear",))


def b64(data):
    return base64.b64encode(data).decode()


def parse(kind, **fields):
    import json

    return m.parse(json.dumps({"event": kind, **fields}))


def world(line, is_mulaw=True):
    sent = []
    return RawAudio(line, "call-1", "stream-1", is_mulaw, sent.append), sent


@pytest.mark.parametrize(("is_mulaw", "rate_hz"), [(True, 8000), (False, 16000)])
def test_the_callers_sound_is_told_frame_by_frame(is_mulaw, rate_hz):
    async def scene():
        line = Line(rate_hz)
        raw, sent = world(line, is_mulaw)
        work = asyncio.create_task(raw.run())
        await asyncio.sleep(0.1)
        pcm = (np.arange(2 * rate_hz // 50) * 37 % 9000 - 4500).astype("<i2").tobytes()
        line.take(pcm)
        raw.stop()
        form = {"type": "audio/x-mulaw" if is_mulaw else "audio/x-l16", "rate": rate_hz}
        assert sent[0] == {
            "event": "start",
            "streamId": "stream-1",
            "start": {"streamId": "stream-1", "callId": "call-1", "mediaFormat": form},
        }
        assert [s["event"] for s in sent[1:]] == ["media", "media", "stop"]
        first, second = (s["media"] for s in sent[1:3])
        assert (first["contentType"], first["sampleRate"], first["timestamp"], second["timestamp"]) == (
            form["type"],
            rate_hz,
            "0",
            "20",
        )
        given = b"".join(base64.b64decode(one["payload"]) for one in (first, second))
        assert given == (bytes(g711.ulaw_encode(pcm)) if is_mulaw else pcm)
        work.cancel()

    run(scene())


def test_sound_marks_and_clears_are_done_in_their_order():
    async def scene():
        line = Line()
        raw, sent = world(line)
        work = asyncio.create_task(raw.run())
        said = (np.sin(np.arange(16000) / 5) * 8000).astype(np.int16)
        raw.follow(
            parse(
                "playAudio",
                media={"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": b64(g711.ulaw_encode(said))},
            )
        )
        raw.follow(parse("checkpoint", streamId="", name="one"))
        raw.follow(
            parse(
                "playAudio", media={"contentType": "audio/x-l16", "sampleRate": "16000", "payload": b64(said.tobytes())}
            )
        )
        await asyncio.sleep(0.1)
        assert line.did == [("speak", 8000, 8000), ("speak", 8000, 8000), ("mark", "one"), ("speak", 16000, 16000)]
        assert np.abs(line.spoken[:16000].astype(int) - said).max() < 300  # µ-law's own steps
        assert raw.on_event(MarkHeard("one", "clock"))
        assert sent[-1] == {"event": "playedStream", "streamId": "stream-1", "name": "one"}
        assert raw.on_event(MarkCleared("two"))
        assert sent[-1]["event"] == "playedStream"
        raw.follow(parse("clearAudio", streamId="stream-1"))
        await asyncio.sleep(0.1)
        assert line.did[-1] == ("clear",)
        assert sent[-1] == {"event": "clearedAudio", "streamId": "stream-1"}
        work.cancel()

    run(scene())


def test_a_clear_reaches_what_waits_for_room():
    async def scene():
        line = Line(room_samples=1000)
        raw, _ = world(line)
        work = asyncio.create_task(raw.run())
        raw.follow(parse("playAudio", media={"payload": b64(bytes(80000))}))
        raw.follow(parse("checkpoint", name="never"))
        await asyncio.sleep(5.0)
        raw.follow(parse("clearAudio"))
        await asyncio.sleep(1.0)
        line.room = 1 << 30
        raw.follow(parse("playAudio", media={"payload": b64(bytes(160))}))
        await asyncio.sleep(1.0)
        assert line.did == [("speak", 1000, 8000), ("clear",), ("speak", 160, 8000)]
        work.cancel()

    run(scene())


def test_keys_are_told_in_its_shape_and_turns_are_not():
    raw, sent = world(Line())
    assert raw.on_event(e.UserDtmf("receive", 10.0, "5"))
    assert sent == [{"event": "dtmf", "streamId": "stream-1", "dtmf": {"digit": "5"}}]
    assert raw.on_event(e.UserSpeechStarted("receive", 10.0, 5.0))
    assert len(sent) == 1
    assert not raw.on_event(e.DtmfSent("transmit", 10.0, "5"))


@pytest.mark.parametrize(
    "media",
    [
        None, [], {"payload": 1}, {"payload": "§"}, {"payload": "AAA"}, {"payload": "AAAA", "sampleRate": 16000},
        {"payload": "AAAA", "contentType": "wav"}, {"payload": "AAAA", "contentType": "audio/x-l16", "sampleRate": 44100},
        {"payload": "AAAA", "contentType": "audio/x-l16"}, {"payload": "AAAA", "sampleRate": [8000]}, {"payload": "AAAA", "sampleRate": "x"},
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_said(media):
    with pytest.raises(MessageError):
        parse("playAudio", media=media)


def test_too_much_is_left_out():
    async def scene():
        raw, _ = world(Line())
        loud = PlayAudio(bytes(100 * 1024 * 1024), True, 8000)
        assert raw.follow(loud)
        assert not raw.follow(loud)
        raw.follow(ClearAudio())
        assert raw.follow(loud)

    run(scene())
