"""The other agent tools: what is read, what is refused, keys, cards. No I/O anywhere."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.collect_credit_card import CardRun, CollectCreditCard, is_luhn, issuer_of
from talkpath.agentstack.agent_tools.collect_dob import CollectDob
from talkpath.agentstack.agent_tools.privacy import hidden, kept
from talkpath.agentstack.agent_tools.registry import AGENT_TOOLS, agent_tool
from talkpath.agentstack.agent_tools.spoken_digits import read_digits, say_digits, spell

TODAY = date(2026, 11, 28)


def run(kind: str, **config: Any) -> Any:
    return agent_tool({"type": kind, "config": config}).begin()


def submitted(kind: str, arguments: dict[str, Any], **config: Any) -> Any:
    """Its result, taken at once; or what is wrong."""
    step = run(kind, require_confirmation=False, **config).called("submit", arguments)
    return step.reply["error"] if step.result is None else step.result


def test_every_type_has_a_tool_of_that_name() -> None:
    assert len(AGENT_TOOLS) == 7
    for kind in AGENT_TOOLS:
        tool = agent_tool({"type": kind})
        assert (tool.type, tool.tool.name) == (kind, kind)
        assert tool.timeout_s == (120 if kind == "collect_credit_card" else 60)
        started = tool.begin()
        assert [t.name for t in started.tools][:3] == ["submit", "confirm", "decline"]
        assert started.called("submit", {}).reply["status"] == "invalid"
        assert started.called("confirm", {}).result is None
        assert started.called("decline", {"reason": "no"}).result == {"declined": True, "decline_reason": "no"}
        assert "error" in started.called("submit", {}).reply
        assert run(kind).timed_out().result == {"timed_out": True}


@pytest.mark.parametrize(
    ("said", "digits"),
    [("five five five oh one double two", "5550122"), ("twenty three 45", "2345"), ("one hundred", "100"), ("triple seven", "777"), ("nineteen eighty", "1980"),
     ("my number is 12-34", "1234"), ("sixty, six", "66"), ("", ""), ("hello", "")],
)  # fmt: skip
def test_digits_as_they_are_said(said: str, digits: str) -> None:
    assert read_digits(said) == digits


@given(st.text("0123456789", max_size=30))
def test_digits_read_back_are_understood(digits: str) -> None:
    assert read_digits(say_digits(digits)) == digits


def test_letters() -> None:
    assert spell("O'Neil-3") == "O, apostrophe, N, E, I, L, dash, three"


# --- digits ---------------------------------------------------------------------------------------------------------------------


def test_so_many_digits() -> None:
    assert submitted("collect_digits", {"digits": "one two three four"}, num_digits=4) == {"digits": "1234"}
    assert submitted("collect_digits", {"digits": 1234}, num_digits=4) == {"digits": "1234"}
    assert "4 digits are wanted, these are 3" in submitted("collect_digits", {"digits": "123"}, num_digits=4)
    assert submitted("collect_digits", {"digits": "7"}) == {"digits": "7"}
    assert "digits" in submitted("collect_digits", {"digits": "none"})
    assert "account number" in run("collect_digits", label="account number").system_prompt


def test_keys_are_digits() -> None:
    four = run("collect_digits", num_digits=4)
    assert [four.key(k) for k in "123"] == [None] * 3
    step = four.key("4")
    assert step.reply == {"status": "confirm", "read_back": "one two three, four"}
    assert four.called("confirm", {}).result == {"digits": "1234"}
    free = run("collect_digits", require_confirmation=False)
    assert [free.key(k) for k in "12*789"] == [None] * 6
    assert free.key("#").result == {"digits": "789"}
    paused = run("collect_digits", require_confirmation=False)
    paused.key("5")
    assert paused.keys_end().result == {"digits": "5"}
    assert run("collect_digits").keys_end() is None
    assert run("collect_name").key("5") is None


# --- phone ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "number"),
    [("415 555 2671", "+14155552671"), ("1 415 555 2671", "+14155552671"), ("plus forty four two oh seven nine four six oh nine five eight", "+442079460958"),
     ("+49 30 123456", "+4930123456"), ("0049 30 123456", "+4930123456"), ("four one five, five five five, two six seven one", "+14155552671")],
)  # fmt: skip
def test_phone_numbers(said: str, number: str) -> None:
    assert submitted("collect_phone", {"phone_number": said}) == {"phone_number": number}


@pytest.mark.parametrize("said", ["", "12345", "030 1234567", "+1 115 555 2671", "+12", "+" + "1" * 16, "hello"])
def test_no_phone_numbers(said: str) -> None:
    assert isinstance(submitted("collect_phone", {"phone_number": said}), str)


# --- names ----------------------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert submitted("collect_name", {"first_name": "j o h n"}) == {"first_name": "John"}
    both = {"first_name": "anna-maria", "last_name": "O'Neil"}
    assert submitted("collect_name", both, last_name=True) == {"first_name": "Anna-Maria", "last_name": "O'Neil"}
    assert submitted("collect_name", {"first_name": "José"}, last_name=True) == "last_name is missing"
    assert "no name" in submitted("collect_name", {"first_name": "x1"})
    spelled = run("collect_name", verify_spelling=True).called("submit", {"first_name": "Sean"})
    assert spelled.reply["read_back"] == "S, E, A, N"
    with pytest.raises(AgentError, match="first_name"):
        agent_tool({"type": "collect_name", "config": {"first_name": False}})


# --- addresses ------------------------------------------------------------------------------------------------------------------

HOME = {"street_address": "221B Baker Street", "locality": "London", "postal_code": "nw1 6xe", "country": "UK"}


def test_addresses() -> None:
    assert submitted("collect_address", HOME) == {**HOME, "postal_code": "NW1 6XE"}
    assert "postal_code" in submitted("collect_address", {**HOME, "postal_code": "12345"})
    assert "house number" in submitted("collect_address", {**HOME, "street_address": "Baker Street"})
    assert "locality" in submitted("collect_address", {**HOME, "locality": ""})
    american = {"street_address": "1 Main St", "locality": "Springfield", "postal_code": "62701", "country": "USA"}
    assert "state" in submitted("collect_address", american)
    assert submitted("collect_address", {**american, "region": "IL"})["region"] == "IL"
    assert "string" in submitted("collect_address", {**HOME, "locality": []})


# --- dates ----------------------------------------------------------------------------------------------------------------------


def born(arguments: dict[str, Any], **config: Any) -> Any:
    step = CollectDob({"require_confirmation": False, **config}, lambda: TODAY).begin().called("submit", arguments)
    return step.reply["error"] if step.result is None else step.result


def test_dates_of_birth() -> None:
    assert born({"date_of_birth": "1980-02-29"}) == {"date_of_birth": "1980-02-29"}
    assert born({"date_of_birth": "1981-02-29"}) == "there is no such date"
    assert "future" in born({"date_of_birth": "2026-11-29"})
    assert born({"date_of_birth": "2026-11-28"}) == {"date_of_birth": "2026-11-28"}
    assert "years ago" in born({"date_of_birth": "1900-01-01"})
    assert "YYYY" in born({"date_of_birth": "May 4, 1980"})
    assert (
        born({"date_of_birth": "1980-05-04", "time_of_birth": "07:30"}, include_time=True)["time_of_birth"] == "07:30"
    )
    assert "HH:MM" in born({"date_of_birth": "1980-05-04", "time_of_birth": "24:00"}, include_time=True)


# --- cards ----------------------------------------------------------------------------------------------------------------------

CARD = {
    "card_number": "4242 4242 4242 4242",
    "expiration_date": "12/28",
    "security_code": "123",
    "cardholder_name": "jane doe",
}
WHOLE = {
    "issuer": "Visa",
    "card_number": "4242424242424242",
    "expiration_date": "12/28",
    "security_code": "123",
    "cardholder_name": "Jane Doe",
}


def card(**config: Any) -> CardRun:
    made = CollectCreditCard(config, lambda: TODAY).begin()
    assert isinstance(made, CardRun)
    return made


@pytest.mark.parametrize(
    ("number", "issuer"),
    [("4242424242424242", "Visa"), ("378282246310005", "American Express"), ("5555555555554444", "Mastercard"), ("2223003122003222", "Mastercard"),
     ("6011111111111117", "Discover"), ("3056930009020004", "Diners Club"), ("3566002020360505", "JCB"), ("6200000000000005", "UnionPay"), ("9999999999999999", None)],
)  # fmt: skip
def test_issuers(number: str, issuer: str | None) -> None:
    assert issuer_of(number) == issuer


@given(st.text("0123456789", min_size=2, max_size=19), st.integers(0, 18), st.integers(1, 9))
def test_one_wrong_digit_is_found(number: str, at: int, change: int) -> None:
    """Luhn's digit finds each."""
    whole = next(number + c for c in "0123456789" if is_luhn(number + c))
    i = at % len(whole)
    assert not is_luhn(whole[:i] + str((int(whole[i]) + change) % 10) + whole[i + 1 :])


def test_a_card_in_one_piece_and_in_many() -> None:
    step = card().called("submit", CARD)
    assert step.reply == {
        "status": "confirm",
        "read_back": "Visa ending in four two four two, expiring 12 28, Jane Doe",
    }
    r = card()
    assert r.called("submit", {"card_number": CARD["card_number"]}).reply == {
        "status": "incomplete", "missing": ["expiration_date", "security_code", "cardholder_name"]}  # fmt: skip
    r.called("submit", {"expiration_date": "december twenty eight"})
    assert r.called("submit", {"expiration_date": "twelve twenty eight"}).reply["status"] == "incomplete"
    r.called("submit", {"security_code": "one two three"})
    r.called("submit", {"cardholder_name": "Jane Doe"})
    assert r.called("confirm", {}).result == WHOLE


def test_what_is_wrong_with_a_card_is_said_and_the_rest_stays() -> None:
    r = card(require_confirmation=False)
    wrong = r.called("submit", {**CARD, "card_number": "4242 4242 4242 4241"})
    assert (wrong.reply["status"], "card_number" in wrong.reply["error"]) == ("invalid", True)
    assert r.called("submit", {"card_number": CARD["card_number"]}).result == WHOLE
    assert "expired" in card().called("submit", {"expiration_date": "10/26"}).reply["error"]
    assert "MM/YY" in card().called("submit", {"expiration_date": "13/28"}).reply["error"]
    amex = card().called("submit", {**CARD, "card_number": "378282246310005"})
    assert "4 digits" in amex.reply["error"]


def test_restart_forgets_all() -> None:
    r = card()
    r.called("submit", CARD)
    assert r.called("restart", {}).reply["status"] == "restarted"
    assert r.called("confirm", {}).result is None
    assert r.called("submit", {"cardholder_name": "Jane Doe"}).reply["missing"] == [
        "card_number",
        "expiration_date",
        "security_code",
    ]


def test_a_card_by_keys() -> None:
    r = card(require_confirmation=False)
    r.called("submit", {"cardholder_name": "Jane Doe"})
    steps = [r.key(k) for k in "4242424242424242"]
    assert steps[:-1] == [None] * 15
    assert steps[-1].reply["missing"] == ["expiration_date", "security_code"]
    assert [r.key(k) for k in "1228"][-1].reply["missing"] == ["security_code"]
    assert [r.key(k) for k in "123"][-1].result == WHOLE


def test_what_is_kept_of_a_card() -> None:
    message = {
        "type": "agent_tool.completed",
        "agent_tool_type": "collect_credit_card",
        "agent_tool_id": "1",
        "result": WHOLE,
    }
    assert (
        kept(message)["result"] == {**WHOLE, "card_number": "************4242", "security_code": "***"} == hidden(WHOLE)
    )
    assert message["result"]["card_number"] == "4242424242424242"
    assert kept({"type": "turn.completed"}) == {"type": "turn.completed"}
    assert agent_tool({"type": "collect_credit_card"}).is_private
    assert not agent_tool({"type": "collect_email"}).is_private


ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.lists(st.text(max_size=3), max_size=2)
)
NAMES = ("digits", "phone_number", "first_name", "street_address", "locality", "country", "postal_code", "date_of_birth", "card_number", "expiration_date",
         "security_code", "cardholder_name", "email_address", "reason")  # fmt: skip


@given(
    st.sampled_from(sorted(AGENT_TOOLS)),
    st.lists(
        st.tuples(
            st.sampled_from(["submit", "confirm", "decline", "restart", "x"]),
            st.dictionaries(st.sampled_from(NAMES), ANY, max_size=5),
        ),
        max_size=12,
    ),
    st.text("0123456789*#", max_size=20),
)
def test_whatever_a_model_submits_there_is_one_end_at_most(
    kind: str, calls: list[tuple[str, dict[str, Any]]], keys: str
) -> None:
    r, ends = run(kind), 0
    for name, arguments in calls:
        step = r.called(name, arguments)
        assert step.reply["status"]
        ends += step.result is not None or step.failed is not None
    for key in keys:
        step = r.key(key)
        ends += step is not None and (step.result is not None or step.failed is not None)
    assert ends <= 1
