"""Deepgram without I/O: its query, its messages (golden ones, written after its public reference), its Finalizes, and garbage."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_fakes import RATE, results

pytest.importorskip("websockets", reason="extra agentstack is not installed")

from talkpath.agentstack.providers.audio_log import AudioLog
from talkpath.agentstack.providers.base import ProviderError, Transcript
from talkpath.agentstack.providers.deepgram import DeepgramProtocol, headers, listen_url
from talkpath.agentstack.providers.urls import http_base, ws_base


def protocol(sent_s: float = 1.0) -> DeepgramProtocol:
    p = DeepgramProtocol(RATE)
    p.sent_samples = int(sent_s * RATE)
    return p


def tell(p: DeepgramProtocol, message: dict, now_s: float = 0.0) -> list[Transcript]:
    return p.receive(json.dumps(message), now_s)


# --- what is asked for ----------------------------------------------------------------------------------------------------------


def test_query_spells_out_every_default() -> None:
    url = urlsplit(listen_url({"provider": "deepgram", "api_key": "secret", "base_url": "x"}, 16000))
    assert (url.scheme, url.netloc, url.path) == ("wss", "api.deepgram.com", "/v1/listen")
    assert {k: v[0] for k, v in parse_qs(url.query).items()} == {
        "model": "nova-3",
        "language": "en",
        "encoding": "linear16",
        "sample_rate": "16000",
        "channels": "1",
        "endpointing": "25",
        "interim_results": "true",
        "smart_format": "false",
        "punctuate": "true",
        "profanity_filter": "false",
        "no_delay": "true",
        "filler_words": "true",
    }


def test_agents_own_values_go_along_and_the_rate_is_ours() -> None:
    spec = {
        "model": "nova-2-phonecall",
        "endpointing": False,
        "sample_rate": 48000,
        "keyterm": ["Acme", "ORD"],
        "tag": None,
    }
    query = parse_qs(urlsplit(listen_url(spec, 8000, "http://127.0.0.1:9/v1/")).query)
    assert query["model"] == ["nova-2-phonecall"]
    assert query["endpointing"] == ["false"]
    assert query["sample_rate"] == ["8000"]
    assert query["keyterm"] == ["Acme", "ORD"]
    assert "tag" not in query


@pytest.mark.parametrize(
    ("given_url", "http", "ws"),
    [
        ("https://api.deepgram.com/v1", "https://api.deepgram.com/v1", "wss://api.deepgram.com/v1"),
        ("https://api.deepgram.com", "https://api.deepgram.com/v1", "wss://api.deepgram.com/v1"),
        ("wss://dg.example:8443/v1/", "https://dg.example:8443/v1", "wss://dg.example:8443/v1"),
        ("http://localhost:9100/speech/v1", "http://localhost:9100/speech/v1", "ws://localhost:9100/speech/v1"),
    ],
)
def test_base_urls_have_one_form(given_url: str, http: str, ws: str) -> None:
    assert http_base(given_url) == http
    assert ws_base(given_url) == ws
    assert listen_url({}, 8000, given_url).startswith(ws + "/listen?")


def test_no_key_no_header() -> None:
    assert headers("dg") == {"Authorization": "Token dg"}
    assert headers(None) == headers("") == {}


# --- what its messages mean -----------------------------------------------------------------------------------------------------


def test_interim_then_final_then_the_end_of_speech() -> None:
    p = protocol(3.0)
    assert tell(p, results("hello", is_final=False)) == [Transcript("hello", is_final=False, confidence=0.99)]
    assert p.heard_samples == 0
    assert tell(p, results("hello there", 0, 1.5)) == [Transcript("hello there", is_final=True, confidence=0.99)]
    assert p.heard_samples == 1.5 * RATE
    said = tell(p, results("bye", 1.5, 0.5, speech_final=True))
    assert said == [Transcript("bye", is_final=True, is_speech_end=True, confidence=0.99)]
    assert p.heard_samples == 2 * RATE


def test_language_and_speaker() -> None:
    said = tell(protocol(), results("hola", heard={"languages": ["es"]}, word={"speaker": 1}))
    assert (said[0].language, said[0].speaker_id) == ("es", "1")


def test_empty_results_say_nothing_but_close_an_open_segment() -> None:
    p = protocol(3.0)
    assert tell(p, results("", is_final=False)) == []
    assert tell(p, results("")) == []
    tell(p, results("uh", 1, 0.5, is_final=False))
    assert tell(p, results("", 1, 1)) == [Transcript("", is_final=True)]


def test_utterance_end_is_an_end_of_speech() -> None:
    p = protocol()
    said = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.1}
    assert tell(p, said) == [Transcript("", is_final=True, is_speech_end=True)]
    tell(p, results("and", is_final=False))
    assert tell(p, said) == []


def test_metadata_and_speech_started_are_no_words() -> None:
    p = protocol()
    assert tell(p, {"type": "SpeechStarted", "channel": [0], "timestamp": 9.54}) == []
    assert tell(p, {"type": "Metadata", "request_id": "abc", "sha256": "0", "duration": 1.0, "channels": 1}) == []
    assert p.request_id == "abc"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (
            {"type": "Error", "variant": "DATA-0000", "description": "The payload cannot be decoded as audio"},
            "bad_request",
        ),
        ({"type": "Error", "description": "boom", "message": "x", "variant": "NET-0001"}, "unavailable"),
        ({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"}, "rejected_key"),
        ({"err_code": "Bad Request", "err_msg": "no such model", "request_id": "r"}, "bad_request"),
    ],
)
def test_errors_have_a_kind(message: dict, kind: str) -> None:
    with pytest.raises(ProviderError) as problem:
        tell(protocol(), message)
    assert (problem.value.kind, problem.value.provider) == (kind, "deepgram")


# --- Finalize ---------------------------------------------------------------------------------------------------------------------


def test_finalize_is_answered() -> None:
    p = protocol()
    assert json.loads(p.finalize(10.0)) == {"type": "Finalize"}
    said = tell(p, results("my order", from_finalize=True), 10.1)
    assert said == [Transcript("my order", is_final=True, confidence=0.99, from_finalize=True)]
    assert p.heard_samples == RATE
    assert not p.is_finalizing
    assert p.due_s() is None


def test_an_empty_answer_is_an_answer() -> None:
    p = protocol()
    p.finalize(10.0)
    assert tell(p, results("", 1.0, 0.0, from_finalize=True)) == [Transcript("", is_final=True, from_finalize=True)]
    assert p.heard_samples == RATE


def test_the_answer_covers_all_that_was_sent_before_it() -> None:
    p = protocol()
    p.finalize(10.0)
    tell(p, results("my order", 0, 0.6, from_finalize=True))  # it ends with the last word
    assert p.heard_samples == RATE


def test_a_final_that_reaches_the_finalize_answers_it_and_a_late_flag_answers_nothing_else() -> None:
    p = protocol(2.0)
    p.finalize(10.0)
    assert tell(p, results("yes", 0, 2.0))[0].from_finalize
    p.sent_samples = 4 * RATE
    p.finalize(12.0)
    late = results("", 2.0, 0.0, from_finalize=True)
    assert tell(p, late) == []  # of the first one
    assert p.is_finalizing
    assert tell(p, results("no", 2.0, 2.0, from_finalize=True))[0].from_finalize


def test_a_final_before_the_finalize_does_not_answer_it() -> None:
    p = protocol(2.0)
    p.finalize(10.0)
    assert not tell(p, results("my", 0, 1.0))[0].from_finalize
    assert p.is_finalizing


def test_finalize_of_nothing_is_answered_for_deepgram() -> None:
    """Its reference promises an answer only where there is audio to flush."""
    p = protocol(2.0)
    tell(p, results("that is all", 0, 1.8))
    p.finalize(10.0)
    assert p.due_s() == 10.5
    assert p.tick(10.4) == []
    assert p.tick(10.5) == [Transcript("", is_final=True, from_finalize=True)]
    assert not p.is_finalizing


def test_an_open_word_is_something() -> None:
    p = protocol(2.0)
    tell(p, results("that is", 0, 1.8))
    tell(p, results("all", 1.8, 0.2, is_final=False))
    p.finalize(10.0)
    assert p.due_s() == 13.0


def test_silence_behind_a_finalize_is_seen_in_interim_results() -> None:
    p = protocol(2.0)
    p.finalize(10.0)
    assert p.due_s() == 13.0
    p.sent_samples = 3 * RATE
    assert tell(p, results("", 0, 2.5, is_final=False), 10.3) == []
    assert p.tick(10.5) == [Transcript("", is_final=True, from_finalize=True)]


def test_words_that_wait_for_their_final_are_waited_for() -> None:
    p = protocol(2.0)
    p.finalize(10.0)
    tell(p, results("my order", 0, 2.0, is_final=False), 10.1)
    assert p.tick(12.9) == []
    assert tell(p, results("my order", 0, 2.0, from_finalize=True), 12.9)[0].from_finalize


def test_hanging_is_a_timeout_only_while_audio_flows() -> None:
    p = protocol(2.0)
    p.finalize(10.0)
    p.sent_samples = 5 * RATE
    assert p.tick(12.9) == []
    with pytest.raises(ProviderError) as problem:
        p.tick(13.0)
    assert problem.value.kind == "timeout"
    quiet = protocol(2.0)
    quiet.finalize(10.0)
    assert quiet.tick(13.0) == [Transcript("", is_final=True, from_finalize=True)]


def test_a_noise_that_a_server_is_silent_about_is_no_fault_once() -> None:
    p = protocol(2.0)
    tell(p, results("hello", 0, 1.0), 9.0)
    p.finalize(10.0)
    p.sent_samples = 5 * RATE
    assert p.tick(13.0) == [Transcript("", is_final=True, from_finalize=True)]
    p.finalize(14.0)
    p.sent_samples = 9 * RATE
    with pytest.raises(ProviderError):
        p.tick(17.0)


def test_words_that_are_owed_are_missed_at_once() -> None:
    p = protocol(2.0)
    tell(p, results("hel", 0, 1.0, is_final=False), 9.0)
    p.finalize(10.0)
    p.sent_samples = 5 * RATE
    with pytest.raises(ProviderError):
        p.tick(13.0)


# --- garbage ------------------------------------------------------------------------------------------------------------------------

_odd = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 1e300, float("nan"), 10**30, "", "word", [], [3], [{}], {}, {"a": 1}]
)
_heard = st.fixed_dictionaries({}, optional={name: _odd for name in ("transcript", "confidence", "words", "languages")})
_channel = _odd | st.fixed_dictionaries({"alternatives": _odd | st.lists(_heard, max_size=2)})
_flags = ("start", "duration", "is_final", "speech_final", "from_finalize", "request_id", "description", "variant")
_kinds = st.sampled_from(["Results", "Results", "Metadata", "UtteranceEnd", "SpeechStarted", "Error", "New", None, 7])
_message = st.fixed_dictionaries({"type": _kinds, "channel": _channel}, optional={name: _odd for name in _flags})


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20) | (_message | _odd).map(json.dumps), max_size=5))
def test_garbage_raises_nothing_but_provider_errors(messages: list) -> None:
    p = protocol()
    p.finalize(0.0)
    for message in messages:
        try:
            said = p.receive(message, 1.0)
        except ProviderError:
            continue
        assert all(isinstance(t, Transcript) for t in said)
        assert 0 <= p.heard_samples <= p.sent_samples


@given(st.lists(st.tuples(st.binary(max_size=50), st.integers(0, 60)), max_size=30))
def test_audio_log_keeps_what_was_not_heard(steps: list) -> None:
    log, whole = AudioLog(10, kept_s=2.0), b""
    for pcm, heard in steps:
        whole += pcm
        log.append(pcm)
        log.forget(heard)
        assert log.end_samples == len(whole) // 2
        assert log.end_samples - log.begin_samples <= 20
        assert log.read(log.begin_samples, log.end_samples) == whole[log.begin_samples * 2 : log.end_samples * 2]
