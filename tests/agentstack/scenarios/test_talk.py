"""What is said, when, and for how long: greeting, turns, interruptions, pauses."""

import asyncio

import pytest
from client import AppSession
from standins import Reply, Rule

from scenarios.dialled import dialled
from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, STAY, Scene, Wait
from talkpath import DtmfDetector
from talkpath.phone import InterruptAfter, Line, Press, Say, WaitFor

LONG = "This is a rather long answer that takes its time, as it has a great many words in it and says very little."
WHOLE_S = 0.2  # so much of a sentence may be missing from what was heard


def spoken_s(text: str) -> float:
    """How long the stand-in speaks."""
    return 0.06 * len(text)


@dialled(quick=True)
async def test_greeting_question_answer(scene: Scene) -> None:
    scene.hearing.texts = ["What time is it?"]
    scene.chat.rules = [Rule("what time", Reply("It is five past nine."))]
    agent_uuid = await scene.agent()
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    for text in (GREETING, "It is five past nine."):
        assert call.heard_s(text) == pytest.approx(spoken_s(text), abs=WHOLE_S)
    started = session.of("session.started")[0]
    assert started["call_id"] == call.call.call_id
    assert (started["caller"], started["callee"]) == ("+15550100", "+15550199")
    assert started["agent_id"] == agent_uuid
    first, second = session.of("turn.completed")
    assert first["agent_first"] is True
    assert first["agent_text"] == GREETING
    assert not first["user_text"]
    assert (second["user_text"], second["agent_text"]) == ("What time is it?", "It is five past nine.")
    assert not second.get("agent_first")
    asked = scene.chat.requests[-1]
    assert asked.said("system")[0].startswith("You are helpful.")
    assert asked.said("assistant") == [GREETING]
    assert asked.said("user") == ["What time is it?"]
    assert asked.body["model"] == "gpt-4o"
    assert asked.body["temperature"] == 0.2
    ended = session.of("session.ended")[0]
    assert ended["reason"] == "user_hangup"
    assert ended["turn_count"] == 2
    assert ended["duration_seconds"] == pytest.approx(call.result.duration_s, abs=1.5)
    query = scene.hearing.streams[0].query
    assert query["model"] == "nova-3"
    assert query["endpointing"] == "25"
    assert query["interim_results"] == "true"
    assert scene.voice.requests[0]["body"]["model_id"] == "eleven_flash_v2_5"
    assert scene.voice.requests[0]["voice"] == "EXAVITQu4vr4xnSDxMaL"


@dialled()
async def test_events_of_an_answer_come_in_order(scene: Scene) -> None:
    scene.hearing.texts = ["What time is it?"]
    scene.chat.otherwise = Reply("It is five past nine.")
    await scene.agent(events={"vad_events": True, "turn_events": True})
    _, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    kinds = [kind for kind in session.kinds() if kind not in ("session.usage", "user.state_changed")]
    after = kinds[kinds.index("user.speech_started") :]
    wanted = ["user.speech_started", "user.speech_stopped", "user.turn_completed", "agent.speech_created",
              "agent.speech_started", "agent.speech_completed", "turn.completed"]  # fmt: skip
    assert [kind for kind in after if kind in wanted] == wanted
    states = [event["new_state"] for event in session.of("agent.state_changed")]
    assert states == ["speaking", "listening", "thinking", "speaking", "listening"]


@dialled()
async def test_user_speaks_first(scene: Scene) -> None:
    scene.hearing.texts = ["Hello?"]
    scene.chat.otherwise = Reply("Good day.")
    await scene.agent(speaks_first="user", wait_for_user_timeout_s=8)
    call, session = await scene.call(Wait(1.0), Say(seconds=1.0), *LISTEN, HANG_UP)
    assert call.heard_s("Good day.") == pytest.approx(spoken_s("Good day."), abs=WHOLE_S)
    assert call.heard_s(GREETING) == 0
    assert session.of("turn.completed")[0]["user_text"] == "Hello?"


@dialled()
async def test_greeting_when_the_user_does_not_speak_first(scene: Scene) -> None:
    await scene.agent(speaks_first="user", wait_for_user_timeout_s=1.5)
    call, _ = await scene.call(*LISTEN, HANG_UP)
    assert call.heard_s(GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)
    assert call.at("agent_speaks")[0] - call.call.opened_at == pytest.approx(1.5, abs=0.6)


@dialled(quick=True)
async def test_barge_in(scene: Scene) -> None:
    """Silent within 500 ms; the history has what was heard."""
    scene.hearing.texts = ["Tell me more.", "Stop that, please."]
    scene.chat.rules = [Rule("tell me", Reply(LONG)), Rule("stop", Reply("As you wish."))]
    await scene.agent(events={"metrics_events": True})
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), InterruptAfter(2.0), Say(seconds=1.4), *LISTEN, HANG_UP)
    barge = call.result.barge_ins[-1]
    assert barge.silence_ms is not None
    assert barge.silence_ms <= 500
    heard_s = call.heard_s(LONG)
    assert 1.8 <= heard_s <= 3.0
    interrupted = session.of("agent.speech_interrupted")[0]
    text = interrupted["interrupted_text"]
    assert text
    assert LONG.startswith(text)
    assert len(text) == pytest.approx(heard_s / 0.06, abs=12)
    assert interrupted["playback_position_s"] == pytest.approx(heard_s, abs=0.25)
    asked = scene.chat.requests[-1]
    assert asked.said("assistant")[-1].startswith(text)
    assert len(asked.said("assistant")[-1]) < len(text) + 12
    cut, last = session.of("turn.completed")[1:3]
    assert cut["agent_text"].rstrip(". …-") == text.rstrip(". …-")
    assert last["agent_text"] == "As you wish."
    metrics = session.of("turn.metrics")
    assert [found["interrupted"] for found in metrics] == [False, True, False]
    assert call.heard_s("As you wish.") == pytest.approx(spoken_s("As you wish."), abs=WHOLE_S)


@dialled()
async def test_no_interruptions_where_they_are_forbidden(scene: Scene) -> None:
    scene.hearing.texts = ["Tell me more.", "Stop that."]
    scene.chat.rules = [Rule("tell me", Reply(LONG)), Rule("stop", Reply("Now I have stopped."))]
    await scene.agent(allow_interruptions=False)
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), InterruptAfter(1.0), Say(seconds=1.0), *LISTEN, Wait(1.0), HANG_UP
    )
    assert call.heard_s(LONG) == pytest.approx(spoken_s(LONG), abs=WHOLE_S)
    assert session.of("agent.speech_interrupted") == []


@dialled()
async def test_greeting_that_may_not_be_interrupted(scene: Scene) -> None:
    scene.hearing.texts = ["Hello, I am in a hurry."]
    await scene.agent(greeting_interruptible=False)
    call, session = await scene.call(InterruptAfter(0.5), Say(seconds=0.9), *LISTEN, HANG_UP)
    assert call.heard_s(GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)
    assert session.of("agent.speech_interrupted") == []


@dialled()
async def test_cough(scene: Scene) -> None:
    """Too short to interrupt: the answer is heard whole."""
    scene.hearing.texts = ["Tell me more."]
    scene.chat.otherwise = Reply(LONG)
    await scene.agent()
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), InterruptAfter(1.5), Say(seconds=0.16), *LISTEN, HANG_UP
    )
    assert call.heard_s(LONG) == pytest.approx(spoken_s(LONG), abs=WHOLE_S)
    assert session.of("agent.speech_interrupted") == []
    assert len(session.of("turn.completed")) == 2


@dialled()
async def test_mhm(scene: Scene) -> None:
    """A back-channel is no interruption, and no turn."""
    scene.hearing.texts = lambda seconds: "Mhm." if seconds < 0.8 else "Tell me more."
    scene.chat.rules = [Rule("mhm", Reply("What did you say?")), Rule("tell", Reply(LONG))]
    await scene.agent()
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), InterruptAfter(1.5), Say(seconds=0.45), WaitFor("silence", for_ms=2000), HANG_UP
    )
    assert call.heard_s(LONG) == pytest.approx(spoken_s(LONG), abs=0.2)
    assert session.of("agent.speech_interrupted") == []
    assert call.heard_s("What did you say?") == 0
    told = session.of("user.backchannel")
    assert told or session.of("agent.false_interruption")
    assert not any(event["is_interruption"] for event in told)


@dialled(quick=True)
async def test_pause_inside_a_sentence(scene: Scene) -> None:
    """Words that are not finished wait for the rest: one turn."""
    scene.hearing.texts = ["I would like to order a", "pizza with mushrooms, please."]
    scene.hearing.gap_ms = 400
    scene.chat.rules = [Rule("pizza", Reply("One pizza.")), Rule("order a$", Reply("Order a what?"))]
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.0), Wait(0.8), Say(seconds=1.2), *LISTEN, HANG_UP)
    assert call.heard_s("Order a what?") == 0
    assert call.heard_s("One pizza.") == pytest.approx(spoken_s("One pizza."), abs=WHOLE_S)
    turns = session.of("turn.completed")
    assert [turn["user_text"] for turn in turns[1:]] == ["I would like to order a pizza with mushrooms, please."]


@dialled()
async def test_echo_at_minus_10_db(scene: Scene) -> None:
    """The caller hears the agent from a loudspeaker and says nothing: so does the agent hear nothing."""
    scene.hearing.texts = lambda seconds: "echo"
    scene.voice.like_speech = True
    greeting = GREETING + " We are open from nine to five, and on Saturdays until noon."
    await scene.agent(welcome_greeting=greeting)
    line = Line(echo_db=-10, echo_delay_ms=160)
    _, session = await scene.call(LISTEN[0], WaitFor("silence", for_ms=2000), HANG_UP, line=line)
    assert session.of("agent.speech_interrupted") == []
    assert session.of("agent.speech_completed")[0]["playback_position_s"] == pytest.approx(spoken_s(greeting), abs=0.1)
    assert len(session.of("turn.completed")) == 1
    assert scene.chat.requests == []


@dialled()
async def test_barge_in_with_echo(scene: Scene) -> None:
    scene.hearing.texts = lambda seconds: "Stop, I have a question."
    scene.voice.like_speech = True
    greeting = GREETING + " We are open from nine to five, and on Saturdays until noon, but never on Sundays."
    scene.chat.otherwise = Reply("Go on.")
    await scene.agent(welcome_greeting=greeting)
    line = Line(echo_db=-14, echo_delay_ms=160)
    call, session = await scene.call(InterruptAfter(2.5), Say(seconds=1.4), *LISTEN, HANG_UP, line=line)
    assert session.of("agent.speech_interrupted")
    assert call.result.barge_ins[0].silence_ms is not None
    assert call.result.barge_ins[0].silence_ms <= 500


@dialled()
async def test_an_answer_is_one_utterance(scene: Scene) -> None:
    """Its sentences go to the voice one by one, the first before the model is done; to the app they are one."""
    sentences = ["First there is this sentence.", "Then comes another one.", "And here it ends."]
    scene.hearing.texts = ["Tell me three things."]
    scene.chat.otherwise = Reply(" ".join(sentences), token_s=0.06)
    await scene.agent()
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    for sentence in sentences:
        assert call.heard_s(sentence) == pytest.approx(spoken_s(sentence), abs=WHOLE_S)
    done_at = [asked.done_at for asked in scene.chat.requests if asked.done_at]
    assert scene.voice.texts[-3:] == sentences
    assert scene.voice.requests[-3]["at"] < done_at[-1]
    assert len(session.of("agent.speech_started")) == len(session.of("agent.speech_completed")) == 2
    whole = session.of("agent.speech_completed")[1]
    assert whole["playback_position_s"] == pytest.approx(sum(map(spoken_s, sentences)), abs=0.4)
    assert session.of("turn.completed")[1]["agent_text"] == " ".join(sentences)


def thinks_at(session: AppSession) -> float:
    """When the app was told that the turn was over."""
    return next(at for at, event in session.events if event.get("new_state") == "thinking")


@dialled()
async def test_prefill(scene: Scene) -> None:
    """The model starts before the turn has ended; what was started on other words is thrown away."""
    scene.hearing.texts = ["What is the weather like in Paris today?"]
    scene.chat.otherwise = Reply("It rains.")
    await scene.agent(semantic_vad="low", prefill_cache=True)
    call, session = await scene.call(*LISTEN, Say(seconds=2.0), *LISTEN, HANG_UP)
    assert scene.chat.requests[0].at < thinks_at(session) - 0.1
    assert call.heard_s("It rains.") == pytest.approx(spoken_s("It rains."), abs=WHOLE_S)
    assert session.of("turn.completed")[1]["user_text"] == "What is the weather like in Paris today?"


@dialled()
async def test_no_prefill(scene: Scene) -> None:
    scene.hearing.texts = ["What is the weather like in Paris today?"]
    scene.chat.otherwise = Reply("It rains.")
    await scene.agent(semantic_vad="low", prefill_cache=False)
    _, session = await scene.call(*LISTEN, Say(seconds=2.0), *LISTEN, HANG_UP)
    assert len(scene.chat.requests) == 1
    assert scene.chat.requests[0].at > thinks_at(session) - 0.05


@dialled()
async def test_ten_calls_at_once(scene: Scene) -> None:
    """Each has its own words."""
    scene.hearing.texts = ["Which call is this?"]
    scene.chat.otherwise = Reply("It is yours alone.")
    await scene.agent()
    calls = [scene.dial(*LISTEN, *ASK, HANG_UP) for _ in range(10)]
    for call in calls:
        await call.over()
        assert call.heard_s(GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)
        assert call.heard_s("It is yours alone.") == pytest.approx(spoken_s("It is yours alone."), abs=WHOLE_S)
    sessions = [await scene.app.session() for _ in calls]
    for session in sessions:
        await scene.ended(session)
        assert [turn["agent_text"] for turn in session.of("turn.completed")] == [GREETING, "It is yours alone."]
    assert {session.call_uuid for session in sessions} == {call.call.call_id for call in calls}


@dialled()
async def test_caller_hangs_up_in_the_middle_of_an_answer(scene: Scene) -> None:
    scene.hearing.texts = ["Tell me more."]
    scene.chat.otherwise = Reply(LONG, token_s=0.3)
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), WaitFor("speech", for_ms=0), Wait(0.5), HANG_UP)
    ended = session.of("session.ended")[0]
    assert ended["reason"] == "user_hangup"
    assert session.times("session.ended")[0] - call.ended_at < 1.5
    await asyncio.sleep(1.0)
    assert scene.chat.requests[-1].cancelled
    assert all(stream.closed_by for stream in scene.hearing.streams)


@dialled()
async def test_caller_hangs_up_during_the_greeting(scene: Scene) -> None:
    await scene.agent()
    _, session = await scene.call(WaitFor("speech", for_ms=0), Wait(0.3), HANG_UP)
    assert session.of("session.ended")[0]["reason"] == "user_hangup"


@dialled()
async def test_caller_is_there_for_a_moment_only(scene: Scene) -> None:
    """It hangs up before anything was said: whatever began has its end."""
    await scene.agent()
    call = scene.dial(Wait(0.05), HANG_UP)
    await call.over()
    await asyncio.sleep(2.0)
    for session in scene.app.sessions:
        await scene.ended(session)


@dialled()
async def test_keys(scene: Scene) -> None:
    """By message and as a sound, two at once; each comes once, in order."""
    await scene.agent()
    _, session = await scene.call(*LISTEN, Press("12#"), Wait(0.5), Press("0*", by="sound"), Wait(0.8), HANG_UP)
    assert [event["digit"] for event in session.of("user.dtmf")] == list("12#0*")
    assert len(session.of("turn.completed")) == 1


@dialled()
async def test_queue_of_speech(scene: Scene) -> None:
    """What the app says is said in order, enters the history, and hangup waits for it."""
    said = ["This comes first.", "This comes second."]

    def started(session, event) -> None:
        for text in said:
            session.speak(text)
        session.hangup()

    scene.app.on["session.started"] = started
    await scene.agent(welcome_greeting=...)
    call, session = await scene.call(STAY, duration_s=15)
    for text in said:
        assert call.heard_s(text) == pytest.approx(spoken_s(text), abs=WHOLE_S)
    assert session.of("session.ended")[0]["reason"] == "agent_hangup"
    assert "server hung up" in call.result.ended or "clos" in call.result.ended


@dialled()
async def test_send_dtmf(scene: Scene) -> None:
    scene.app.on["agent.speech_completed"] = lambda session, event: session.send_dtmf("12#")
    await scene.agent()
    call, session = await scene.call(*LISTEN, Wait(1.0), HANG_UP)
    assert [event["digits"] for event in session.of("dtmf.sent")] == ["12#"]
    detector = DtmfDetector(8000)
    assert "".join(event.digit for event in detector.process(call.heard)) == "12#"


@dialled()
async def test_number_of_an_agent(scene: Scene) -> None:
    """/plivo is answered by the agent of the called number."""
    agent_uuid = await scene.agent()
    number = scene.phone_number(1)
    await scene.rest.post(f"Agent/{agent_uuid}/Number", {"number": number})
    _, session = await scene.call(*LISTEN, HANG_UP, path=f"plivo?to={number.replace('+', '%2B')}")
    assert session.of("session.started")[0]["agent_id"] == agent_uuid
    listed = await scene.rest.get(f"Agent/{agent_uuid}/Session")
    assert [found["agent_session_id"] for found in listed["objects"]] == [
        session.of("session.started")[0]["agent_session_id"]
    ]
