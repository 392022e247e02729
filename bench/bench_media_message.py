"""Media messages of 20 ms: parse and build, beside json and base64."""

import base64
import json
from itertools import cycle

import numpy as np
import pytest

from talkpath import streams
from talkpath.streams import Media

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = json.dumps(
    {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
        "start": {
            "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
            "callSid": "CA0123456789abcdef0123456789abcdef",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    }
)


def stream() -> streams.Twilio:
    twilio = streams.Twilio()
    twilio.receive(CONNECTED)
    twilio.receive(START)
    return twilio


def messages(size: int) -> list[str]:
    rng, found = np.random.default_rng(1), []
    for number in range(512):
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number)}
        media["payload"] = base64.b64encode(rng.bytes(size)).decode()
        head = {"event": "media", "sequenceNumber": str(number), "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0"}
        found.append(json.dumps({**head, "media": media}))
    return found


def by_json(text: str) -> list[Media]:
    message = json.loads(text)
    if message["event"] == "media":
        media = message["media"]
        payload = base64.b64decode(media["payload"])
        return [Media(payload, media["track"], int(media["chunk"]), int(media["timestamp"]))]
    return []


def build_by_json(payload: bytes) -> str:
    data = base64.b64encode(payload).decode()
    return json.dumps({"event": "media", "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0", "media": {"payload": data}})


@pytest.mark.parametrize("size", [160, 640])
@pytest.mark.parametrize("system", ["talkpath", "json"])
def test_parse(benchmark, system: str, size: int) -> None:
    benchmark.group = f"parse a media message of {size} bytes"
    benchmark.extra_info["peer"] = "talkpath" if system == "talkpath" else "json and base64"
    ring, parse = cycle(messages(size)), stream().receive if system == "talkpath" else by_json
    benchmark(lambda: parse(next(ring)))


@pytest.mark.parametrize("size", [160, 640])
@pytest.mark.parametrize("system", ["talkpath", "json"])
def test_build(benchmark, system: str, size: int) -> None:
    benchmark.group = f"build a media message of {size} bytes"
    benchmark.extra_info["peer"] = "talkpath" if system == "talkpath" else "json and base64"
    rng = np.random.default_rng(1)
    ring, build = (
        cycle([rng.bytes(size) for _ in range(512)]),
        stream().media if system == "talkpath" else build_by_json,
    )
    benchmark(lambda: build(next(ring)))


@pytest.mark.parametrize("system", ["talkpath", "json"])
def test_parse_and_build(benchmark, system: str) -> None:
    benchmark.group = "parse and build, 20 ms of µ-law"
    benchmark.extra_info["peer"] = "talkpath" if system == "talkpath" else "json and base64"
    ring, twilio = cycle(messages(160)), stream()
    parse, build = (twilio.receive, twilio.media) if system == "talkpath" else (by_json, build_by_json)
    benchmark(lambda: build(parse(next(ring))[0].payload))
