"""The scripted model: rules, the agent's own tools, small talk, and the sub-agent's side of an e-mail address."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.agentstack.agent_tools.registry import agent_tool
from talkpath.agentstack.providers.base import Finished, ProviderError, Text, Tool, ToolCall
from talkpath.agentstack.providers.local_model import ScriptedModel
from talkpath.agentstack.providers.local_numbers import spoken_numbers
from talkpath.agentstack.providers.local_rules import turns
from talkpath.agentstack.providers.local_script import ScriptError, read_script

ORDER = Tool(
    "lookup_order",
    "Look up an order by its ID (e.g. ORD-100)",
    {
        "type": "object",
        "properties": {"order_id": {"type": "string", "description": "The order ID"}},
        "required": ["order_id"],
    },
)
REASON = {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]}
TRANSFER = Tool("transfer_to_human", "Transfer the call to a human agent", REASON)
ESCALATE = Tool("escalate", "Escalate to a more capable model for complex issues", REASON)
MUSIC = Tool("play_hold_music", "Play hold music while the customer waits (cannot be interrupted)")
END = Tool("end_call", "End the call", {"type": "object", "properties": {"reason": {"type": "string"}}, "required": []})
EMAIL = Tool("collect_email", "Collect an email address from the user.")
WAIT = Tool("extend_wait", "The caller asked for more time.")
TOOLS = (ORDER, TRANSFER, ESCALATE, MUSIC, END, EMAIL, WAIT)


class Talk:
    """A conversation with the model, as the stack has one."""

    def __init__(self, script: Any = None, tools: tuple[Tool, ...] = TOOLS) -> None:
        self.model = ScriptedModel({} if script is None else {"script": script})
        self.messages: list[dict[str, Any]] = [{"role": "system", "content": "You help."}]
        self.tools = tools
        self.finished: Finished | None = None

    def answer(self) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
        async def listen() -> list[Any]:
            return [delta async for delta in self.model.chat(self.messages, self.tools)]

        *deltas, self.finished = asyncio.run(listen())
        text = "".join(d.text for d in deltas if isinstance(d, Text))
        calls = [d for d in deltas if isinstance(d, ToolCall)]
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.raw}} for c in calls
            ]
        if text or calls:
            self.messages.append(message)
        return text, [(c.name, dict(c.arguments)) for c in calls]

    def says(self, text: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
        self.messages.append({"role": "user", "content": text})
        return self.answer()

    def gives(self, *results: Any) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
        calls = self.messages[-1]["tool_calls"]
        for call, result in zip(calls, results, strict=True):
            content = result if isinstance(result, str) else json.dumps(result)
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})
        return self.answer()


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("where is my order one hundred", ("lookup_order", {"order_id": "ORD-100"})),
        ("can you look up order number two hundred please", ("lookup_order", {"order_id": "ORD-200"})),
        ("ORD-300 please", ("lookup_order", {"order_id": "ORD-300"})),
        ("i want to speak to a human", ("transfer_to_human", {"reason": "i want to speak to a human"})),
        ("this is ridiculous", ("escalate", {"reason": "this is ridiculous"})),
        ("play some music while i think", ("play_hold_music", {})),
        ("no thank you goodbye", ("end_call", {"reason": "no thank you goodbye"})),
        ("i would like to give you my email", ("collect_email", {})),
        (
            "it is order one hundred stop i want to speak to a person",
            ("transfer_to_human", {"reason": "it is order one hundred stop i want to speak to a person"}),
        ),
        ("please hold on a moment", ("extend_wait", {})),
    ],
)
def test_tools_by_their_names(said: str, call: tuple[str, dict[str, Any]]) -> None:
    assert Talk().says(said)[1] == [call]


def test_what_is_missing_is_asked_for() -> None:
    talk = Talk()
    assert talk.says("where is my order") == ("What is the order number, for example ORD-100?", [])
    assert talk.says("it is one hundred") == ("", [("lookup_order", {"order_id": "ORD-100"})])
    said, calls = talk.gives({"status": "shipped", "eta": "Feb 15", "tracking": None})
    assert (said, calls) == ("The status is shipped. The expected date is Feb 15.", [])


def test_results_are_said() -> None:
    talk = Talk()
    talk.says("where is order nine")
    assert talk.gives({"error": "Order ORD-9 not found"})[0] == "I am sorry. Order ORD-9 not found."
    talk.says("goodbye")
    assert talk.gives({"status": "ending", "reason": "x"}) == ("", [])
    talk.says("this is unacceptable")
    assert "How can I make this right?" in talk.gives({"status": "escalated"})[0]
    talk.says("wait a minute")
    assert talk.gives({"status": "extended"})[0] == "Of course, take your time."


def test_small_talk() -> None:
    talk = Talk(tools=(ORDER, TRANSFER))
    assert talk.answer()[0] == "Hello. How can I help you?"
    assert talk.says("thank you")[0] == "You are welcome. Is there anything else?"
    assert talk.says("could you repeat that")[0] == "You are welcome. Is there anything else?"
    assert talk.says("what can you do")[0] == "You can ask me to lookup order, or transfer to human."
    assert "say it again" in talk.says("xyzzy")[0]
    assert "You can ask me to" in talk.says("plugh")[0]
    talk.messages.append({"role": "system", "content": "The caller is silent."})
    assert "Are you still there?" in talk.answer()[0]
    assert talk.finished is not None
    assert (talk.finished.reason, talk.finished.output_tokens) == ("stop", 9)


SCRIPT = {
    "rules": [
        {"match": r"order (?P<number>\d+)", "call": {"name": "lookup_order", "arguments": {"order_id": "ORD-{number}", "deep": ["{0}"]}}},
        {"result_of": "lookup_order", "match": "shipped", "say": "It comes on {eta}."},
        {"match": "angry", "at_least": {"anger": 2}, "say": "Third time."},
        {"match": "angry", "count": "anger", "say": ["I am sorry.", "I am really sorry."]},
        {"match": "joke", "once": True, "say": "A frame walks into a bar, late."},
        {"match": "both", "say": "I do both.", "call": [{"name": "a"}, {"name": "b"}]},
    ],
    "default": ["What?", "Once more?"],
    "built_in": False,
}  # fmt: skip


def test_script() -> None:
    talk = Talk(SCRIPT)
    assert talk.says("Where is ORDER 7?") == ("", [("lookup_order", {"order_id": "ORD-7", "deep": ["ORDER 7"]})])
    assert talk.gives({"status": "shipped", "eta": "Feb 15"})[0] == "It comes on Feb 15."
    assert [talk.says("I am angry")[0] for _ in range(3)] == ["I am sorry.", "I am really sorry.", "Third time."]
    assert talk.says("a joke")[0] == "A frame walks into a bar, late."
    assert talk.says("a joke")[0] != "A frame walks into a bar, late."
    assert talk.says("both") == ("I do both.", [("a", {}), ("b", {})])
    assert talk.finished is not None
    assert talk.finished.reason == "tool_calls"
    assert talk.gives("done", "done") == ("", [])


def test_an_answer_thrown_away_has_never_been() -> None:
    """Prefill: the model is asked on words that change. What counts is what is in the conversation."""
    talk = Talk(SCRIPT)
    for _ in range(3):
        talk.messages.append({"role": "user", "content": "I am angry"})
        assert talk.answer()[0] == "I am sorry."
        del talk.messages[-2:]


def test_default_takes_turns_and_lets_tools_go_first() -> None:
    talk = Talk({"default": ["What?", "Once more?"]})
    assert [talk.says("xyzzy")[0], talk.says("xyzzy")[0], talk.says("xyzzy")[0]] == ["What?", "Once more?", "What?"]
    assert talk.says("order nine")[1] == [("lookup_order", {"order_id": "ORD-9"})]


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"script{suffix}"
    toml = '[[rules]]\nmatch = "hello"\nsay = "Ahoy."\n'
    file.write_text(toml if suffix == ".toml" else '[{"match": "hello", "say": "Ahoy."}]')
    assert Talk(str(file)).says("hello")[0] == "Ahoy."


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (5, "object with rules"), ({"rule": []}, "not known"), ({"rules": {}}, "list"), ([{"match": "("}], r"rules\[0\].match"), ([5], r"rules\[0\]"),
        ([{"match": "a", "says": "b"}], "says not known"), ([{"call": {"arguments": {}}}], "name"), ([{"call": [{"name": "a", "arguments": []}]}], "object"),
        ([{"say": 5}], "text"), ([{"once": 1}], "once"), ([{"at_least": {"a": True}}], "number"), ({"built_in": 0}, "built_in"), ("/nowhere.toml", "nowhere"),
    ],
)  # fmt: skip
def test_bad_scripts_are_named(script: Any, problem: str) -> None:
    with pytest.raises(ScriptError, match=problem):
        read_script(script)
    with pytest.raises(ProviderError) as caught:
        ScriptedModel({"script": script})
    assert caught.value.kind == "bad_request"


def collecting(*said: str) -> tuple[Any, list[str]]:
    """The model and a run of `collect_email`, and what the caller hears."""
    run = agent_tool({"type": "collect_email"}).begin()
    talk = Talk(tools=tuple(run.tools))
    heard = []
    for text in said:
        answer, calls = talk.says(text)
        while calls:
            step = run.called(*calls[0])
            if step.result is not None:
                return step.result, heard
            answer, calls = talk.gives(step.reply)
        heard.append(answer)
    return None, heard


def test_email_by_voice() -> None:
    result, heard = collecting(
        "you can have my email",
        "jane",
        "jane dot doe at example dot com",
        "no it is wrong",
        "jain at example dot com",
        "yes",
    )
    assert result == {"email_address": "jain@example.com", "email": "jain@example.com"}
    assert heard[0].startswith("What is your email address?")
    assert "letter by letter" in heard[1]
    assert heard[2] == "I have J, A, N, E, dot, D, O, E, at, example, dot, com. Is that right?"
    assert "letter by letter" in heard[3]
    assert heard[4].startswith("I have J, A, I, N")


def test_email_declined() -> None:
    result, _ = collecting("take my email", "i would rather not give it")
    assert result == {"declined": True, "decline_reason": "i would rather not give it"}


def test_after_collecting_the_parent_goes_on() -> None:
    talk = Talk()
    talk.says("take my email")
    talk.gives({"email_address": "jane@example.com"})
    assert "noted your email" in talk.messages[-1]["content"]


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("order one hundred", ["100"]), ("two hundred and five", ["205"]), ("one two three", ["123"]), ("four seven one one", ["4711"]),
        ("twenty three", ["23"]), ("one oh seven", ["107"]), ("one thousand two hundred", ["1200"]), ("twenty twenty six", ["2026"]),
        ("one and two", ["1", "2"]), ("order 4711 or 12", ["4711", "12"]), ("hundred", ["100"]), ("one hundred twenty three", ["123"]), ("none", []), ("", []),
    ],
)  # fmt: skip
def test_numbers(said: str, numbers: list[str]) -> None:
    assert spoken_numbers(said) == numbers


@given(st.lists(st.sampled_from(["one", "hundred", "thousand", "and", "oh", "twenty", "12", "x", "ten"]), max_size=12))
def test_any_words_give_digits(words: list[str]) -> None:
    assert all(number.isdigit() for number in spoken_numbers(" ".join(words)))


MESSAGE = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "system", "assistant"]),
        st.none() | st.text(max_size=20),
    ),
    st.builds(
        lambda content: {"role": "tool", "tool_call_id": "1", "content": content},
        st.text(max_size=20) | st.just('{"status": "confirm"}'),
    ),
)


@given(st.lists(MESSAGE, max_size=12), st.booleans())
def test_any_conversation_is_answered(messages: list[dict[str, Any]], is_sub: bool) -> None:
    assert turns(messages)
    talk = Talk(tools=TOOLS if not is_sub else tuple(agent_tool({"type": "collect_email"}).begin().tools))
    talk.messages = messages
    talk.answer()
    assert talk.finished is not None
