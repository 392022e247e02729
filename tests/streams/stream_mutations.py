"""Mutated messages: whatever comes, nothing but FormatError, nothing changed by what was refused, and the stream goes on.

python tests/streams/stream_mutations.py [messages a dialect and role] [dialect …]
"""

import copy
import json
import random
import sys
import time
from dataclasses import is_dataclass
from typing import Any

from stream_cases import AUDIO, CASES, Case

import talkpath as tp
from talkpath import streams
from talkpath.streams import Stream
from talkpath.streams.base import Marks, MediaClock

BYTES = ['"', "\\", "{", "}", "[", "]", ":", ",", "\\u0000", "\\ud800", "\\u002b", "\\/", "\x00", "\x1f", "é", "\ud800",
         "\U0001f600", "NaN", "-0", "1e999", "9" * 25, "9" * 5000, "null", "true", " ", "=", "==", "A"]  # fmt: skip
HOSTILE: list[Any] = [None, True, False, 0, -1, 1.5, 1e300, 10**30, -(10**18), "", "0", "-1", "1.5", "9" * 19, "9" * 18,
                      "x", "\ud800", "\x00", "é", "=", "AAA", "AA==", "AAA=AAA=", [], {}, [[]], [{}], {"a": {"b": []}},
                      "inbound", "outbound", "A" * 4096, float("nan"), float("inf"), "\n", " "]  # fmt: skip


def snapshot(stream: Stream) -> dict[str, Any]:
    """All that a refused message must not change."""
    found = {}
    for key, value in vars(stream).items():
        if key in ("_refused", "_buffer", "_good"):
            continue
        if isinstance(value, Marks):
            found[key] = (tuple(value._waiting), tuple(value._cleared))
        elif isinstance(value, MediaClock):
            found[key] = dict(vars(value))
        else:
            found[key] = list(value) if isinstance(value, list) else value
    return found


def mutate_text(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.randrange(6)
        if kind == 0:
            text = text[:at] + rng.choice(BYTES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[min(to, at + rng.randrange(1, 12)) :]
        elif kind == 2:
            text = text[:at] + rng.choice(BYTES) + text[at + 1 :]
        elif kind == 3:
            text = text[:at]
        elif kind == 4:
            text = text[:to] + text[at:]
        else:
            text = text[:at] + chr(rng.randrange(256)) + text[at + 1 :]
    return text


def members(value: Any, path: tuple = ()) -> list[tuple]:
    """Paths of all members."""
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in ((*path, k), *members(v, (*path, k)))]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in ((*path, k), *members(v, (*path, k)))]
    return []


def mutate_json(text: str, rng: random.Random) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return mutate_text(text, rng)
    paths = members(value)
    for path in rng.sample(paths, min(len(paths), rng.choice((1, 1, 2)))):
        owner = value
        try:
            for key in path[:-1]:
                owner = owner[key]
            if rng.randrange(4) == 0:
                del owner[path[-1]]
            else:
                owner[path[-1]] = copy.deepcopy(rng.choice(HOSTILE))
        except (TypeError, KeyError, IndexError):
            continue
    out = json.dumps(value, ensure_ascii=rng.random() < 0.7, indent=rng.choice((None, None, 1)))
    if rng.random() < 0.1:
        out = out.replace("/", "\\/")
    return out


def mutate(message: str | bytes, rng: random.Random) -> str | bytes:
    if isinstance(message, bytes):
        data = bytearray(message)
        for _ in range(rng.choice((1, 2, 8))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data[: rng.randrange(len(data) + 1)]) if rng.random() < 0.3 else bytes(data)
    if rng.random() < 0.02:
        return message.encode("utf-8", "replace")
    return mutate_json(message, rng) if rng.random() < 0.5 else mutate_text(message, rng)


def receive(stream: Stream, message: str | bytes, before: dict[str, Any]) -> bool:
    """True where it was taken. `before`: the stream's snapshot."""
    try:
        found = stream.receive(message)
    except tp.FormatError as problem:
        text = str(problem)
        assert snapshot(stream) == before, f"{message!r} was refused, yet changed the stream"
        assert text.isprintable()
        return False
    assert isinstance(found, list)
    for one in found:
        assert is_dataclass(one)
        assert type(one).__module__ == "talkpath.streams.messages"
        repr(one).encode()  # can be logged
    stream.data_to_send()
    return True


def messages_to_provider(case: Case) -> list[str | bytes]:
    server = case.started()
    said = [server.media(AUDIO), server.mark("m1"), server.clear(), server.dtmf("1"), server.hangup()]
    return [m for m in said if m is not None]


def opened(case: Case) -> Stream:
    """A provider whose call has begun."""
    provider = case.provider()
    first = provider.open(case.start)
    if isinstance(provider, streams.Genesys):
        server = case.server()
        server.receive(first[0])
        provider.receive(server.data_to_send()[0])
    return provider


def goes_on(stream: Stream, case: Case, role: str) -> None:
    """A good message means what it always did."""
    if isinstance(stream, streams.AudioSocket):  # the rest of a piece may belong to any message
        return
    if role == "provider":
        assert stream.receive(messages_to_provider(case)[0])[-1].payload == AUDIO
    elif stream.start is None:
        for message in case.opening:
            stream.receive(message)
        assert stream.start == case.start
    else:
        message, expected = case.messages[0]
        assert stream.receive(message) == expected


def run(name: str, role: str, n: int, seed: int = 1) -> tuple[int, int]:
    """Feeds n mutated messages; how many were taken and refused."""
    case, rng = CASES[name], random.Random(f"{name} {role} {seed}")
    if role == "provider":
        sources = [(opened, messages_to_provider(case))]
    else:
        sources = [(Case.started, [m for m, _ in case.messages]), (Case.server, list(case.opening))]
    streams_of = [(make(case), make, corpus) for make, corpus in sources]
    snapshots = [snapshot(stream) for stream, _, _ in streams_of]
    counts = [0, 0]
    for number in range(n):
        which = number % 4 == 3 and len(streams_of) > 1
        stream, make, corpus = streams_of[which]
        taken = receive(stream, mutate(rng.choice(corpus), rng), snapshots[which])
        counts[taken] += 1
        if not taken and number % 8 < 4:
            goes_on(stream, case, role)
        if (
            isinstance(stream, streams.AudioSocket)
            or snapshot(stream) != snapshots[which]
            or getattr(stream, "_refused", 0)
        ):
            streams_of[which] = (make(case), make, corpus)
            snapshots[which] = snapshot(streams_of[which][0])
    return counts[1], counts[0]


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for name in sys.argv[2:] or CASES:
        for role in ("server", "provider"):
            began = time.perf_counter()
            taken, refused = run(name, role, n)
            print(
                f"{name:14} {role:9} {taken:9} taken {refused:9} refused {time.perf_counter() - began:7.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
