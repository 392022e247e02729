"""Media messages in C: always what json and base64 say, or nothing."""

import base64
import ctypes
import json
import random
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import talkpath as tp
from talkpath._core import MEDIA_NUMBER, MEDIA_PAYLOAD, MediaReader, MediaTemplate, base64_decode


@dataclass(frozen=True, slots=True)
class Frame:
    payload: bytes
    track: str
    sequence: int | None
    timestamp_ms: float | None
    wire: object = None


READER = MediaReader(
    Frame,
    tokens={"event": '"media"', "media.rate": "8000"},
    payload="media.payload",
    track="media.track",
    sequence="media.chunk",
    timestamp="media.timestamp",
)


def whole(value: object) -> int | None:
    """A number as Twilio (in strings) and Plivo (bare) write it."""
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_base64(text: str) -> bool:
    """RFC 4648, whole groups with all of their padding. Python's own decoder takes more, and not the same in every version."""
    return bool(re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text))


def by_json(text: str) -> Frame | None:
    """What READER should say, the slow way; None: not a media message of its shape."""
    try:
        message = json.loads(text)
        media = message["media"]
        if message["event"] != "media" or media["rate"] != 8000 or isinstance(media["rate"], (float, bool)):
            return None
        if not is_base64(media["payload"]):
            return None
        payload = base64.b64decode(media["payload"])
        numbers = [whole(media.get(key)) for key in ("chunk", "timestamp")]
        if media.get("track", "inbound") not in ("inbound", None):
            return None
        return Frame(payload, "inbound", *numbers)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def message(**media: object) -> str:
    body = {"rate": 8000, "track": "inbound", "chunk": "2", "timestamp": "20", "payload": "AAAA", **media}
    return json.dumps({"event": "media", "sequenceNumber": "4", "media": body})


# --- scan -----------------------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["inbound", "media", "8000", "-7", "007", "AA==", "AAA=", "A", ""]),
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3), max_leaves=8
)
keys = st.sampled_from(["event", "media", "rate", "track", "chunk", "timestamp", "payload", "x", "streamSid"])
medias = st.fixed_dictionaries(
    {"rate": st.just(8000), "payload": st.binary(max_size=40).map(lambda b: base64.b64encode(b).decode())},
    optional={
        "track": st.just("inbound") | scalars,
        "chunk": st.integers(0, 10**6) | scalars,
        "timestamp": scalars,
        "x": values,
    },
)
messages = st.fixed_dictionaries(
    {"event": st.just("media") | scalars, "media": medias | values}, optional={"x": values}
)


@settings(max_examples=500, deadline=None)
@given(value=messages | st.dictionaries(keys, values, max_size=4), spaced=st.booleans(), plain=st.booleans())
def test_never_another_result_than_json(value: object, spaced: bool, plain: bool) -> None:
    text = json.dumps(
        value, ensure_ascii=plain, indent=1 if spaced else None, separators=None if spaced else (",", ":")
    )
    found = READER.read(text)
    assert found is None or found == by_json(text)


def test_mutations() -> None:
    """A quarter of a million edits: the same result as json's, or none."""
    rng, understood = random.Random(5), 0
    bases = [message(), message(payload=base64.b64encode(bytes(range(30))).decode(), chunk=7), message(track=None)]
    pieces = [
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "0",
        "1",
        "-",
        ".",
        "e",
        "null",
        "true",
        "=",
        "A",
        "é",
        "\\u0041",
        "\x1f",
    ]
    pieces += ['"x":1,', '"media":', '"payload":"BBBB",', '"chunk":3,', '{"a":[]}', "9" * 18, "9" * 19, "\x7f", "\x00"]
    for _ in range(60_000):
        text = rng.choice(bases)
        for _ in range(rng.choice((1, 1, 2, 3))):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(pieces) + text[at + rng.choice((0, 0, 1, 2, 8)) :]
        found = READER.read(text)
        if found is not None:
            understood += 1
            assert found == by_json(text), text
    assert understood > 1000


UNDERSTOOD = [
    message(),
    message(chunk=2, timestamp=20),
    message(chunk=-2, timestamp="-20"),
    message(payload=""),
    json.dumps(json.loads(message()), indent=7),
    '{"media":{"payload":"AAAA","rate":8000},"event":"media"}',
    '{"x":{"media":{"payload":"BBBB"},"y":[[],{},[{"z":[1,-0.5e+7,"\\ud83d\\n\\"/"]}]]},"media":{"payload":"AAAA","rate":8000},"event":"media"}',
    '{"event":"media","media":{"x":{"payload":"BBBB","chunk":1},"payload":"AAAA","rate":8000}}',
    '\n\t{ "event" : "media" , "media" : { "payload" : "AAAA" , "rate" : 8000 } } \r\n',
    '{"event":"media","media":{"payload":"AAAA","rate":8000},"x":' + "[" * 32 + "1" + "]" * 32 + "}",
    message(chunk="9" * 18),
    message(chunk=-(10**18) + 1),
]


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_understood(text: str) -> None:
    """What providers send is not left to json."""
    assert by_json(text) is not None
    assert READER.read(text) == by_json(text)


LEFT = [
    *(
        "",
        "{",
        "}",
        "[]",
        "null",
        "{}",
        '{"event":"media"}',
        '{"event":"media","media":{}}',
        '{"event":"media","media":null}',
    ),
    message() + "x",
    message()[:-1],
    message(track="outbound"),
    message(payload="AAA"),
    message(payload="AA==AAAA"),
    message(payload=5),
    message(payload=None),
    message(chunk=1.5),
    message(chunk="1.0"),
    message(chunk="x"),
    message(chunk=""),
    message(chunk="9" * 19),
    message(chunk=10**18),
    message(chunk=[1]),
    message(rate="8000"),
    message(rate=80001),
    message(rate=8000.0),
    message().replace("8000", "8000e0"),
    message().replace("8000", "08000"),
    message().replace('"2"', "02"),
    message().replace("/", "\\/").replace("AAAA", "AA\\/A"),
    message().replace('"event"', '"\\u0065vent"'),
    message().replace('"event"', '"event":"x","event"'),
    message().replace('"payload"', '"payload":"BBBB","payload"'),
    message().replace('"media": {', '"media":{},"media": {'),
    message().replace('"chunk"', '"é"'),
    message().replace("{", '{"x":' + "[" * 33 + "]" * 33 + ",", 1),
    message().replace("{", '{"x":' + "1" * 50 + ",", 1),
    message().replace("{", '{"x":NaN,', 1),
    message().replace("{", '{"x":01,', 1),
    message().replace("{", '{"x":1.,', 1),
    message().replace("{", '{"x":"\\x",', 1),
    message().replace("{", '{"x":"\\u12g4",', 1),
    message().replace("{", '{"x":"\n",', 1),
    message().replace("{", '{"x":tru,', 1),
    message().replace("{", '{"x":[1,],', 1),
    message().replace("{", '{"x":{"y"},', 1),
    message().replace("{", '{"x":{"y":1,},', 1),
    message().replace("{", '{"x":[}],', 1),
    message() + "\x00",
    "\ufeff" + message(),
    "\ud800",
    '{"event":"media","media":{"payload":"AAAA',
]


@pytest.mark.parametrize("text", LEFT, ids=range(len(LEFT)))
def test_left_to_json(text: str) -> None:
    assert READER.read(text) is None


@pytest.mark.parametrize("text", [message().encode(), bytearray(b"{}"), None, 1, ["x"]])
def test_only_text(text: object) -> None:
    assert READER.read(text) is None


def test_readers_that_cannot_be() -> None:
    for tokens, payload in (({"a.b": "1"}, "c.d"), ({f"k{i}": "1" for i in range(10)}, "p"), ({"a": ""}, "p")):
        with pytest.raises(tp.ConfigError):
            MediaReader(Frame, tokens=tokens, payload=payload)
    with pytest.raises(tp.ConfigError):
        MediaReader("Frame", tokens={}, payload="p")
    with pytest.raises(TypeError):
        MediaReader(int, tokens={}, payload="p").read('{"p":""}')
    with pytest.raises(AttributeError):
        MediaReader(object, tokens={}, payload="p").read('{"p":""}')
    flat = MediaReader(Frame, tokens={}, payload="p", sequence="n")
    assert flat.read('{"n":3,"p":"AAAA"}') == Frame(b"\0\0\0", "inbound", 3, None)


# --- base64 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [*range(40), 160, 320, 640, 8191])
def test_base64_of_any_length(n: int, rng: np.random.Generator) -> None:
    data = rng.bytes(n)
    text = base64.b64encode(data).decode()
    assert base64_decode(text) == data
    assert MediaTemplate(MEDIA_PAYLOAD).build(data) == text


@settings(max_examples=500, deadline=None)
@given(text=st.text("AB+/=-_ é\n", max_size=12))
@example(text="AAAA=")
@example(text="AAAA====")
@example(text="AAAA\n")
def test_base64_padding(text: str) -> None:
    """The same strings are base64 as RFC 4648 says; others are refused."""
    if is_base64(text):
        assert base64_decode(text) == base64.b64decode(text)
    else:
        with pytest.raises(tp.FormatError, match="base64"):
            base64_decode(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A", "too early, after 1"),
        ("AAA", "too early, after 3"),
        ("AAAA*AAA", "offset 4"),
        ("AAAAAA*A", "offset 6"),
        ("AA=A", "offset 2"),
        ("A===", "offset 1"),
        ("====", "offset 0"),
        ("AA==AAAA", "offset 2"),
        ("AAAAé", "not ASCII"),
        ("\ud800", "offset 0"),
    ],
)
def test_base64_offsets(text: str, problem: str) -> None:
    with pytest.raises(tp.FormatError, match=problem):
        base64_decode(text)


# --- build ------------------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=2000), numbers=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4))
def test_build(data: bytes, numbers: list[int]) -> None:
    parts: list[str | int] = ['{"numbers":[']
    for index in range(len(numbers)):
        parts += ["," if index else "", MEDIA_NUMBER]
    parts += ['],"payload":"', MEDIA_PAYLOAD, '"}']
    text = MediaTemplate(*parts).build(data, *numbers)
    assert json.loads(text) == {"numbers": numbers, "payload": base64.b64encode(data).decode()}


def test_build_takes_any_bytes() -> None:
    template = MediaTemplate("<", MEDIA_PAYLOAD, ">")
    for data in (b"abc", bytearray(b"abc"), memoryview(b"abc"), np.frombuffer(b"abc", np.uint8)):
        assert template.build(data) == "<YWJj>"
    assert MediaTemplate().build(b"abc") == ""
    assert template.build(bytes(1_000_000)) == "<" + base64.b64encode(bytes(1_000_000)).decode() + ">"


def test_templates_that_cannot_be() -> None:
    with pytest.raises(tp.ConfigError):
        MediaTemplate(*[MEDIA_NUMBER] * 13)
    for part in (3, None, b"x"):
        with pytest.raises(tp.ConfigError):
            MediaTemplate(part)
    template = MediaTemplate(MEDIA_NUMBER)
    for numbers in ((), (1, 2)):
        with pytest.raises(tp.LengthError, match="1 numbers"):
            template.build(b"", *numbers)
    with pytest.raises(OverflowError):
        template.build(b"", 2**63)
    with pytest.raises(tp.FormatError):
        template.build(np.zeros(3, np.int16))


# --- in C -------------------------------------------------------------------------------------------------------------------


def test_decode_stays_within_its_buffers(native: ctypes.CDLL) -> None:
    native.tp_base64_decoded_size.restype = ctypes.c_size_t
    for text, size in ((b"", 0), (b"AAAA", 3), (b"AAA=", 2), (b"AA==", 1), (b"====", 1), (b"A", 0), (b"AAAAA", 3)):
        assert native.tp_base64_decoded_size(text, ctypes.c_size_t(len(text))) == size
        out, written = (ctypes.c_uint8 * (size + 4))(*[0xEE] * (size + 4)), ctypes.c_size_t()
        native.tp_base64_decode(text, ctypes.c_size_t(len(text)), out, ctypes.byref(written))
        assert list(out[size:]) == [0xEE] * 4
