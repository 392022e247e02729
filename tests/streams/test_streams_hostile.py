"""Whatever comes: nothing but FormatError, and the stream goes on."""

import json
import random
import time
from base64 import b64encode

import pytest
import stream_mutations
from stream_cases import AUDIO, B64, CASES

import talkpath as tp
from talkpath import streams
from talkpath.streams import Media, Start, Unknown

JSON = {
    name: case for name, case in CASES.items() if isinstance(case.opening[-1], str) and case.opening[-1].startswith("{")
}
TEXT_MEDIA = ["plivo", "twilio", "telnyx", "exotel", "azure"]


@pytest.mark.parametrize("role", ["server", "provider"])
@pytest.mark.parametrize("name", CASES)
def test_mutated(name: str, role: str) -> None:
    taken, refused = stream_mutations.run(name, role, 1500)
    assert taken > 0
    assert refused > 0 or (name, role) in (("freeswitch", "server"), ("audiosocket", "provider"))


@pytest.mark.slow
@pytest.mark.parametrize("role", ["server", "provider"])
@pytest.mark.parametrize("name", CASES)
def test_mutated_much(name: str, role: str) -> None:
    stream_mutations.run(name, role, 50_000, seed=2)


@pytest.mark.parametrize("role", ["server", "provider"])
@pytest.mark.parametrize("name", ["plivo", "twilio", "telnyx", "exotel", "azure", "jambonz", "freeswitch"])
def test_the_reader_in_c_changes_nothing(name: str, role: str) -> None:
    """With it or without it, a message means the same, or is refused for the same reason."""
    case, rng = CASES[name], random.Random(name + role)
    options = {"jambonz": {"streaming": False}}.get(name, {})
    server = case.cls("server", **options)
    for message in case.opening:
        server.receive(message)
    if role == "provider":
        corpus = [server.media(AUDIO), server.media(b"")]
    else:
        corpus = [message for message, expected in case.messages if expected and isinstance(expected[0], Media)]
    fast, slow = ((case.started() if role == "server" else stream_mutations.opened(case)) for _ in range(2))
    slow._reader = None
    found = []
    for _ in range(3000):
        message, results = stream_mutations.mutate(rng.choice(corpus), rng), []
        for stream in (fast, slow):
            try:
                results.append(stream.receive(message))
            except tp.FormatError as problem:
                results.append(str(problem))
        assert results[0] == results[1], message
        found += results[0] if isinstance(results[0], list) else []
    assert any(isinstance(m, Media) for m in found)


def refused(stream: streams.Stream, message: object) -> None:
    before = stream_mutations.snapshot(stream)
    with pytest.raises(tp.FormatError) as problem:
        stream.receive(message)
    assert str(problem.value).isprintable()
    assert len(str(problem.value)) < 300
    assert stream_mutations.snapshot(stream) == before


NOT_JSON = [
    *("", " ", "{", "}", "null", "[]", "1", '"x"', "NaN", '{"event":NaN}', '{"event":"media","x":Infinity}', "{'a':1}"),
    *(
        '{"event":"x",}',
        '{"event":"x"}{}',
        '{"a":01}',
        '{"a":"\n"}',
        '\ufeff{"event":"stop"}',
        '{"a":' * 50_000,
        "[" * 200_000,
    ),
    *('{"a":' * 400 + "1" + "}" * 400 + "x", '{"event":' + "9" * 5000 + "}"),
]


@pytest.mark.parametrize("message", NOT_JSON, ids=lambda m: ascii(m)[:20])
@pytest.mark.parametrize("name", [n for n in JSON if n not in ("freeswitch", "asterisk-json")])
def test_not_json(name: str, message: str) -> None:
    stream = JSON[name].started()
    refused(stream, message)
    assert stream.receive(JSON[name].messages[0][0]) == JSON[name].messages[0][1]


@pytest.mark.parametrize("name", TEXT_MEDIA)
def test_binary_where_text_is_expected(name: str) -> None:
    stream = CASES[name].started()
    for message in (b"", AUDIO, CASES[name].messages[0][0].encode(), bytearray(b"x"), memoryview(b"x"), None, 1):
        refused(stream, message)


def test_text_where_binary_is_expected() -> None:
    refused(CASES["audiosocket"].started(), "text")
    for name in ("vonage", "genesys", "asterisk-json", "jambonz"):
        refused(CASES[name].started(), B64) if name != "asterisk-json" else CASES[name].started().receive(B64)


@pytest.mark.parametrize("name", CASES)
def test_megabytes(name: str) -> None:
    """Linear in time, and whole."""
    audio = bytes(range(256)) * 8192
    stream = CASES[name].started()
    if name in TEXT_MEDIA:
        message = CASES[name].messages[0][0].replace(B64, b64encode(audio).decode())
    elif name == "audiosocket":
        message = b"".join(b"\x10\xff\xff" + audio[:65535] for _ in range(32))
    else:
        message = audio
    began = time.perf_counter()
    found = stream.receive(message)
    assert time.perf_counter() - began < 1.0
    assert found[0].payload == (audio[:65535] if name == "audiosocket" else audio)
    if name != "freeswitch":
        long_text = json.dumps({"event": "x" * 3_000_000, "type": "x"})
        began = time.perf_counter()
        try:
            stream.receive(long_text)
        except tp.FormatError as problem:
            assert len(str(problem)) < 300  # noqa: PT017
        assert time.perf_counter() - began < 1.0


DEEP = '{"a":' * 300 + "1" + "}" * 300


@pytest.mark.parametrize("name", TEXT_MEDIA)
def test_legal_json_of_any_form(name: str) -> None:
    """Order of keys, white space, escapes, duplicates, nulls, unknown keys, numbers as strings: all one message."""
    case = CASES[name]
    text, expected = case.messages[0]
    value = json.loads(text)
    inner = "audioData" if name == "azure" else "media"
    kind = "kind" if name == "azure" else "event"
    payload = "data" if name == "azure" else "payload"
    turned = {
        k: ({m: v[m] for m in reversed(v)} if isinstance(v, dict) else v) for k, v in reversed(list(value.items()))
    }
    escaped = "".join(f"\\u{ord(c):04x}" for c in B64)
    variants = [
        json.dumps(value),
        json.dumps(turned),
        json.dumps(value, indent=4),
        " \t\r\n" + text.replace('":', '" :\n ').replace(",", " ,\t") + "\n",
        text.replace("/", "\\/"),
        text.replace(B64, escaped),
        text.replace(f'"{kind}"', '"' + "".join(f"\\u{ord(c):04x}" for c in kind) + '"'),
        text.replace("{", '{"event":"x","kind":"x",', 1).replace('"event":"x","kind":"x",', f'"{kind}":"dtmf",'),
        text.replace("{", '{"unknown":[1,{"a":null},"é",1.5e3,true],', 1),
        text.replace("{", f'{{"deep":{DEEP},', 1),
        text.replace("{", '{"name":"\\ud800 \\u0000",', 1),
        text.replace(f'"{inner}":{{', f'"{inner}":null,"{inner}":{{"{payload}":"AAAA",'),
        text.replace(f'"{inner}":{{', f'"{inner}":{{"more":{{"{payload}":"AAAA","event":"x"}},'),
        text.replace("{", '{"big":1e999,"huge":' + "9" * 400 + ",", 1),
    ]
    for variant in variants:
        assert case.started().receive(variant) == expected, variant
    if name != "azure":
        numbers = json.loads(text)
        for change in (str, int):
            for key in ("chunk", "timestamp"):
                numbers["media"][key] = change(numbers["media"][key])
            assert case.started().receive(json.dumps(numbers)) == expected
        for key in ("chunk", "timestamp", "track"):
            numbers["media"][key] = None
        assert case.started().receive(json.dumps(numbers)) == [Media(AUDIO)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("media", None),
        ("media", "x"),
        ("media.payload", None),
        ("media.payload", 5),
        ("media.payload", "AAA"),
        ("media.payload", "AA=A"),
        ("media.payload", "====", ),
        ("media.payload", "AAAA AAAA"),
        ("media.payload", "AAAA\n"),
        ("media.payload", "é==="),
        ("media.payload", "A-_="),
        ("media.chunk", "x"),
        ("media.chunk", True),
        ("media.chunk", 1.5),
        ("media.chunk", 10**30),
        ("media.chunk", "9" * 19),
        ("media.chunk", [1]),
        ("media.timestamp", "1e3"),
        ("media.timestamp", {}),
        ("media.track", []),
        ("event", None),
        ("event", ""),
        ("event", {}),
    ],
)  # fmt: skip
def test_the_member_is_named(path: str, value: object) -> None:
    message = json.loads(CASES["twilio"].messages[0][0])
    *above, key = path.split(".")
    owner = message["media"] if above else message
    owner[key] = value
    stream = CASES["twilio"].started()
    refused(stream, json.dumps(message))
    with pytest.raises(tp.FormatError, match=f"^{path}: "):
        stream.receive(json.dumps(message))


@pytest.mark.parametrize("name", [n for n in JSON if n != "freeswitch"])
def test_start_with_a_wrong_rate(name: str) -> None:
    last = JSON[name].opening[-1]
    for right in (
        '"sampleRate":8000',
        '"sample_rate":8000',
        '"sample_rate":"8000"',
        "rate=16000",
        '"sampleRate":16000',
        "slin16",
    ):
        for wrong in ("0", "-8000", "1000000000"):
            message = last.replace(
                right, right.rstrip("0168").rstrip('"').rstrip("8") + wrong if right != "slin16" else "slin0"
            )
            if message == last or name == "genesys":
                continue
            stream = JSON[name].server()
            try:
                (start,) = stream.receive(message)
                assert 8000 <= start.wire.sample_rate_hz <= 192000
            except tp.FormatError:
                assert stream.start is None
                assert isinstance(stream.receive(last)[0], Start)


def test_many_words() -> None:
    """Plain text of any length takes time in proportion."""
    began = time.perf_counter()
    (start,) = streams.AsteriskWebSocket().receive("MEDIA_START format:ulaw connection_id:x" + " a" * 500_000)
    assert time.perf_counter() - began < 2.0
    assert len(start.call_id) == 1_000_001


def test_offers_nested_deeply() -> None:
    message = json.loads(CASES["genesys"].opening[0])
    offer = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000, "x": "X"}
    message["parameters"]["media"] = [offer]
    for depth in range(100, 1000, 20):
        text = json.dumps(message).replace('"X"', "[" * depth + "]" * depth)
        stream = streams.Genesys()
        try:
            assert isinstance(stream.receive(text)[0], Start)
        except tp.FormatError:
            assert stream_mutations.snapshot(stream) == stream_mutations.snapshot(streams.Genesys())


def test_lone_surrogates_are_replaced() -> None:
    """A name that no UTF-8 can carry must not end the call, nor its log line."""
    message = json.loads(CASES["twilio"].opening[1])
    message["start"]["customParameters"] = {"who\ud800": "\udc00x😀"}
    for ascii_only in (True, False):
        (start,) = streams.Twilio().receive(json.dumps(message, ensure_ascii=ascii_only))
        assert start.headers == {"who\ufffd": "\ufffdx😀"}
    stream = CASES["twilio"].started()
    assert stream.receive('{"event":"\\ud800"}') == [Unknown("\ufffd")]


def test_marks_that_never_come_back_do_not_grow() -> None:
    for name in ("plivo", "twilio", "vonage", "jambonz", "asterisk-json"):
        stream = CASES[name].started()
        for number in range(20_000):
            stream.mark(f"m{number}")
            if number % 3 == 0:
                stream.clear()
                stream.data_to_send()
        assert len(stream._marks._waiting) + len(stream._marks._cleared) <= 8192


def test_answers_wait_for_whoever_sends_them() -> None:
    """Nothing is lost while nobody asks for what is to be sent."""
    server = CASES["genesys"].started()
    for seq in range(2, 12):
        server.receive(json.dumps({"version": "2", "id": server.start.stream_id, "type": "ping", "seq": seq}))
    assert [json.loads(m)["seq"] for m in server.data_to_send()] == list(range(2, 12))
    assert server.data_to_send() == []
