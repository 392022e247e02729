"""Agent tools: e-mail addresses as people say them, and the run of `collect_email`. No I/O anywhere."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.collector import MAX_REJECTED
from talkpath.agentstack.agent_tools.registry import agent_tool
from talkpath.agentstack.agent_tools.spoken_email import check_email, read_email, spell_email

ATOM = st.text(string.ascii_lowercase + string.digits + "_-+!#$%&'*/=?^`{|}~", min_size=1, max_size=12)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
TOP = st.sampled_from(["com", "org", "de", "io", "museum", "co"]) | st.from_regex(r"[a-z]{2,6}", fullmatch=True)
ADDRESS = st.builds(
    lambda local, domain, top: f"{'.'.join(local)}@{'.'.join([*domain, top])}",
    st.lists(ATOM, min_size=1, max_size=3),
    st.lists(LABEL, min_size=1, max_size=3),
    TOP,
)


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("jane dot doe at example dot com", "jane.doe@example.com"),
        ("My email is jane.doe@example.com.", "jane.doe@example.com"),
        ("it's j a n e at gmail", "jane@gmail.com"),
        ("J, A, N, E, at g mail dot com", "jane@gmail.com"),
        ("um, that would be jane underscore doe at example dot org please", "jane_doe@example.org"),
        ("jane dash doe twenty three at my hyphen shop dot co dot uk", "jane-doe23@my-shop.co.uk"),
        ("you can reach me at bob one two three at yahoo", "bob123@yahoo.com"),
        ("my email address at work is jane at example dot com", "jane@example.com"),
        ("juliet alpha november echo at hotmail", "jane@hotmail.com"),
        ("a as in apple b as in boy at example dot com", "ab@example.com"),
        ("b o double l y at example dot com", "bolly@example.com"),
        ("double u i l l at example dot com", "will@example.com"),
        ("jane plus shop at example period com", "jane+shop@example.com"),
        ("jane at at example dot dot com", "jane@example.com"),
        ("yes, it is JANE AT EXAMPLE DOT COM", "jane@example.com"),
        ("agent double oh seven at example dot com", "agent007@example.com"),
        ("oh dash jane at example dot com", "o-jane@example.com"),  # "oh" is a digit only among digits
        ("agent zero oh seven at example dot com", "agent007@example.com"),
        ("jane at example", None),
        ("where is my order", None),
        ("at example dot com", None),
        ("jane dot at example dot com", "jane@example.com"),
        ("", None),
    ],
)
def test_said(said: str, address: str | None) -> None:
    assert read_email(said) == address


@given(ADDRESS)
def test_what_is_read_back_is_understood(address: str) -> None:
    assert check_email(address) is None
    assert read_email(spell_email(address)) == address


@given(ADDRESS)
def test_written_addresses_are_taken_as_they_are(address: str) -> None:
    assert read_email(f"It is {address}, thank you.") == address


@given(st.text(max_size=120))
def test_whatever_is_said_gives_a_valid_address_or_none(said: str) -> None:
    found = read_email(said)
    assert found is None or check_email(found) is None


@pytest.mark.parametrize(
    "address",
    ["", "jane", "@example.com", "jane@", "jane@example", "jane@example.c", "jane@-example.com", "jane@example-.com",
     "jane..doe@example.com", ".jane@example.com", "jane.@example.com", "jane doe@example.com", "jane@exa mple.com",
     "jané@example.com", "a" * 65 + "@example.com", "jane@" + "a" * 64 + ".com", "jane@example.1com"],
)  # fmt: skip
def test_no_address(address: str) -> None:
    assert check_email(address)


def run(**config: Any) -> Any:
    return agent_tool({"type": "collect_email", "config": config}).begin()


def test_the_example_scripts_config() -> None:
    tool = agent_tool(
        {
            "type": "collect_email",
            "config": {
                "tool_name": "collect_email",
                "tool_description": "Collect an email address from the user.",
                "require_confirmation": True,
                "on_enter_message": "Ask the user to provide their email address.",
                "timeout_s": 60.0,
            },
        }
    )
    assert (tool.type, tool.tool.name, tool.timeout_s) == ("collect_email", "collect_email", 60.0)
    run = tool.begin()
    assert [t.name for t in run.tools] == ["submit", "confirm", "decline"]
    assert "Ask the user to provide their email address." in run.system_prompt


def test_confirmed() -> None:
    r = run()
    step = r.called("submit", {"email_address": "jane dot doe at example dot com"})
    assert step.result is None
    assert step.reply["status"] == "confirm"
    assert step.reply["read_back"] == "J, A, N, E, dot, D, O, E, at, example, dot, com"
    assert r.called("confirm", {}).result == {"email_address": "jane.doe@example.com", "email": "jane.doe@example.com"}


def test_corrected() -> None:
    r = run()
    r.called("submit", {"email_address": "jane@example.com"})
    assert r.called("submit", {"email_address": "jain@example.com"}).reply["status"] == "confirm"
    assert r.called("confirm", {}).result["email"] == "jain@example.com"


def test_a_bad_one_after_a_good_one_leaves_nothing_to_confirm() -> None:
    r = run()
    r.called("submit", {"email_address": "jane@example.com"})
    assert r.called("submit", {"email_address": "jane"}).reply["status"] == "invalid"
    assert r.called("confirm", {}).result is None


def test_without_confirmation() -> None:
    r = run(require_confirmation=False)
    assert [t.name for t in r.tools] == ["submit", "decline"]
    assert "error" in r.called("confirm", {}).reply
    assert r.called("submit", {"email": "jane@example.com"}).result["email_address"] == "jane@example.com"


def test_declined_and_timed_out() -> None:
    assert run().called("decline", {"reason": "private"}).result == {"declined": True, "decline_reason": "private"}
    assert run().called("decline", {}).result == {"declined": True, "decline_reason": ""}
    assert run().timed_out().result == {"timed_out": True}


def test_it_fails_in_the_end() -> None:
    r = run()
    steps = [r.called("submit", {"email_address": "no"}) for _ in range(MAX_REJECTED)]
    assert [s.failed is not None for s in steps] == [False] * (MAX_REJECTED - 1) + [True]


CALLS = st.tuples(
    st.sampled_from(["submit", "confirm", "decline", "timed_out", "transfer"]),
    st.dictionaries(
        st.sampled_from(["email_address", "email", "reason"]),
        st.none()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["a@b.cd", "x at y dot org"])
        | st.lists(st.none()),
    ),
)


@given(st.lists(CALLS, max_size=30), st.booleans())
def test_one_end_at_most(calls: list[tuple[str, dict[str, Any]]], confirmation: bool) -> None:
    r = run(require_confirmation=confirmation)
    ends = 0
    for name, arguments in calls:
        step = r.timed_out() if name == "timed_out" else r.called(name, arguments)
        assert step.reply["status"]
        assert step.result is None or step.failed is None
        if ends:
            assert "error" in step.reply
        ends += step.result is not None or step.failed is not None
        if step.result and "email" in step.result:
            assert check_email(step.result["email"]) is None
    assert ends <= 1


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"type": "collect_mail"}, "type"),
        ({}, "type"),
        ({"type": []}, "type"),
        ({"type": "collect_email", "config": []}, "config"),
        ({"type": "collect_email", "config": {"timeout_s": 0}}, "config.timeout_s"),
        ({"type": "collect_email", "config": {"timeout_s": True}}, "config.timeout_s"),
        ({"type": "collect_email", "config": {"timeout_s": "60"}}, "config.timeout_s"),
        ({"type": "collect_email", "config": {"require_confirmation": "yes"}}, "config.require_confirmation"),
        ({"type": "collect_email", "config": {"tool_name": 5}}, "config.tool_name"),
    ],
)
def test_bad_entries_are_named(spec: dict[str, Any], path: str) -> None:
    with pytest.raises(AgentError) as caught:
        agent_tool(spec)
    assert caught.value.path == path
