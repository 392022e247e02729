"""The small parts of a talk: sentences, positions, hints, ears, clocks, figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.agentstack.conversation.ear import Ear
from talkpath.agentstack.conversation.figures import TurnFigures
from talkpath.agentstack.conversation.floor_items import Gathered
from talkpath.agentstack.conversation.hints import is_nod, turn_probability
from talkpath.agentstack.conversation.history import History
from talkpath.agentstack.conversation.sentences import Sentences
from talkpath.agentstack.conversation.stream_clock import StreamClock
from talkpath.agentstack.conversation.turn_words import TurnWords
from talkpath.agentstack.conversation.utterance import Segment, Utterance
from talkpath.agentstack.providers.base import ToolCall, Transcript


@pytest.mark.parametrize(("text", "sentences"), [
    ("Hello there. How are you?", ["Hello there.", "How are you?"]),
    ("Dr. Smith paid 3.50 dollars. Fine.", ["Dr. Smith paid 3.50 dollars.", "Fine."]),
    ("Your order ORD-100 was shipped, and it will be there on Feb. 15. Bye!", ["Your order ORD-100 was shipped,", "and it will be there on Feb. 15.", "Bye!"]),
    ("He said \"Stop!\" and left. Yes.", ["He said \"Stop!\"", "and left.", "Yes."]),
    ("Wait... what? No.", ["Wait...", "what?", "No."]),
    ("你好。再见。", ["你好。", "再见。"]),
    ("no mark at all", ["no mark at all"]),
    ("Short, but then it goes on and on, with a clause", ["Short, but then it goes on and on,", "with a clause"]),
    ("", []), ("   ", []),
])  # fmt: skip
def test_sentences(text, sentences):
    found = Sentences()
    assert found.feed(text) + found.flush() == sentences


@given(st.text(alphabet="ab .,!?\n1", max_size=80), st.lists(st.integers(1, 7), max_size=40))
def test_sentences_are_the_text_however_it_comes(text, cuts):
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(text[at : at + cut])
        at += cut
    pieces.append(text[at:])
    found = Sentences()
    said = [sentence for piece in pieces for sentence in found.feed(piece)] + found.flush()
    assert "".join("".join(said).split()) == "".join(text.split())


def test_a_text_without_an_end_is_cut_at_a_space():
    found = Sentences()
    pieces = found.feed("word " * 100)
    assert pieces
    assert all(len(piece) <= 300 for piece in pieces)


@given(st.floats(0, 20), st.floats(0, 20))
def test_words_heard_grow_with_the_position(first, second):
    said = Utterance(
        "u", "llm", [Segment("Hello there, my friend.", 2.0, True), Segment("How are you today?", 1.5, True)]
    )
    early, late = sorted((first, second))
    assert said.text_at(late).startswith(said.text_at(early))
    assert said.text_at(20) == said.text
    assert said.text_at(0) == ""


def test_of_a_sentence_that_is_still_being_made_no_more_is_heard_than_was_made():
    said = Utterance("u", "llm", [Segment("One two three four.", 0.0, False)])
    assert said.text_at(1.0) == ""


@pytest.mark.parametrize(("text", "language", "nod"), [
    ("mhm", "en", True), ("Yeah, okay.", "en-US", True), ("Uh-huh.", "en", True), ("yes please stop", "en", False), ("", "en", False), ("genau", "de", True),
    ("stop", "en", False), ("no", "en", False), ("d'accord", "fr", True), ("right right right right right", "en", False), ("ok", "xx", True), ("ok", None, True),
])  # fmt: skip
def test_nods(text, language, nod):
    assert is_nod(text, language) is nod


@pytest.mark.parametrize(("text", "probability"), [
    ("I would like to", 0.1), ("My number is five,", 0.1), ("Where is my order?", None), ("where is my order", None), ("", None), ("well...", 0.1), ("ich möchte und", 0.1),
])  # fmt: skip
def test_unfinished_sentences(text, probability):
    assert turn_probability(text, "de" if "ich" in text else "en") == probability


def test_the_ear_is_deaf_to_the_agents_echo_and_loses_no_first_word():
    ear = Ear(8000)
    loud, ms = b"\1\0" * 320, 40
    assert ear.hear(loud) == loud  # nobody speaks
    ear.agent(True)
    assert [ear.hear(loud) for _ in range(20)] == [bytes(640)] * 20
    given_back = ear.caller(True, onset_ms=600.0)
    assert len(given_back) / 16 >= 840 - 600 + 300
    assert len(given_back) / 16 < 840 - 600 + 300 + 2 * ms
    assert ear.hear(loud) == loud
    ear.caller(False)
    assert ear.hear(loud) == bytes(640)
    ear.agent(False)
    assert [ear.hear(loud) for _ in range(10)] == [bytes(640)] * 10  # the echo's tail
    assert ear.hear(loud) == loud


def test_the_clock_takes_the_earliest_news_and_follows_a_drift():
    clock = StreamClock(10.0)
    for i in range(100):
        clock.seen(40.0 * i, 10.0 + 0.04 * i + (0.3 if i % 7 else 0.01))
    assert clock.at(4000.0) == pytest.approx(14.01, abs=0.012)
    for i in range(100, 100_000):
        clock.seen(40.0 * i, 10.0 + 0.04 * i * 1.0002 + 0.01)
    assert clock.at(4_000_000.0) == pytest.approx(10 + 4000 * 1.0002 + 0.01, abs=0.03)


def test_words_are_settled_by_a_finalize_or_by_a_segment_that_came_since():
    words = TurnWords("en")
    assert words.is_settled(None)
    words.hear(Transcript("where is", False), 1.0)
    assert not words.is_settled(0.9)
    words.hear(Transcript("where is it", True), 1.1)
    assert words.is_settled(1.0)
    assert not words.is_settled(1.5)  # he has spoken since
    words.hear(Transcript("", True, from_finalize=True), 1.6)
    assert words.is_settled(1.5)
    assert words.take() == "where is it"
    assert words.text == ""


def test_history_gives_a_model_only_what_was_heard_and_no_call_without_a_result():
    history = History()
    history.user("Hi.")
    cut = Utterance("u", "llm", [Segment("One two three four five six.", 3.0, True)], is_cut=True, heard_s=1.4)
    history.agent(cut, [ToolCall("c1", "look", {"a": 1}, '{"a": 1}')])
    history.user("And")
    history.user("more.")
    history.context("It rains.")
    found = history.messages("Be kind.")
    assert [m["role"] for m in found] == ["system", "user", "assistant", "tool", "user", "system"]
    assert found[2]["content"] == "One two three"
    assert found[2]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a": 1}'}
    assert "running" in found[3]["content"]
    assert found[4]["content"] == "And more."
    history.app_says(Utterance("s", "speak", [Segment("One moment.", 1.0, True)]))
    assert history.messages("")[-1]["content"] == "One moment."
    history.result("c1", {"b": 2})
    assert history.messages("")[2]["content"] == '{"b": 2}'
    assert history.transcript()[0] == {"role": "user", "text": "Hi."}


def test_figures_have_no_number_that_nobody_measured():
    metrics = TurnFigures(3, "t").metrics(str)
    assert metrics["turn_number"] == 3
    assert metrics["interrupted"] is False
    assert metrics["user_perceived_ms"] is None
    assert metrics["llm_cache_hit_ratio"] is None
    assert TurnFigures(0, "t", agent_first=True).completed(str)["agent_first"] is True


def test_what_the_app_says_while_its_tool_runs_stands_before_the_call():
    history = History()
    history.user("A human, please.")
    history.agent(None, [ToolCall("c1", "transfer", {}, "{}")])
    history.app_says(Utterance("s", "speak", [Segment("I connect you.", 1.0, True)]))
    history.result("c1", {"status": "transferring"})
    history.transfer_failed("busy")
    found = history.messages("")
    assert [m["role"] for m in found] == ["user", "assistant", "assistant", "tool"]
    assert found[1]["content"] == "I connect you."
    assert "busy" in found[3]["content"]


def test_a_final_transcript_of_words_that_were_answered_says_nothing_new():
    words = TurnWords("en")
    words.hear(Transcript("where is my", False), 1.0)
    assert words.take() == "where is my"
    words.hear(Transcript("where is my order", False), 1.2)
    assert words.text == "order"
    words.hear(Transcript("Where is my order?", True), 1.4)
    assert words.take() == "order?"
    words.hear(Transcript("Where is my parcel?", True), 3.0)
    assert words.take() == "Where is my parcel?"
    words.hear(Transcript("and", False), 4.0)
    assert words.final_at is None, "no final transcript of this turn came"
    words.take()
    words.hear(Transcript("Something else.", True), 5.0)
    assert words.text == "Something else."


def test_pieces_of_a_voice_are_joined_only_when_enough_waits():
    now = [0.0]
    pieces = Gathered(32000, lambda: now[0])
    assert pieces.add(bytes(320)) == bytes(320)  # the first goes at once
    given = [len(pieces.add(bytes(320))) for _ in range(60)]
    assert given[:50] == [320] * 50  # 10 ms each, up to half a second ahead
    assert sum(given) + len(pieces.rest()) == 60 * 320
    assert given[50:] == [0] * 10
    assert len(pieces.add(bytes(8000))) == 8000  # a quarter of a second
    now[0] = 5.0  # the line has caught up
    assert pieces.add(bytes(320)) == bytes(320)
