"""A data folder as the agent stack leaves it, with a planted call's log: its sessions and their events are written by this file."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from planted import TALK, Planted

from talkpath.agentstack.store.schema import MIGRATIONS
from talkpath.call import events as e

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SESSION, CALL = "11111111-2222-4333-8444-555555555555", "call/7"  # an id that is no name for a file
LATE_S = 0.012  # so much later than it happens something is kept
WORDS = {"answer-1": "Your order was shipped.", "answer-2": "It comes on Monday.", "answer-3": "Good bye then."}
ASKED = ["Where is my order?", "When will it come?", "Thank you."]


def iso(at_s: float) -> str:
    return (BEGAN + timedelta(seconds=at_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Folder:
    """Begun `since_s` after the call, by a wall clock; stream time counts from the call's beginning."""

    def __init__(self, path: Path, since_s: float = 0.5) -> None:
        self.path, self.since_s = path, since_s
        path.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path / "talkpath.db")
        self.db.executescript(";".join(MIGRATIONS))
        self.db.execute(
            "INSERT INTO calls (call_uuid, direction, from_number, to_number, agent_uuid, created_at, callbacks, cause) VALUES (?, 'inbound', '+15550100', '+15550199', 'a', ?, '{}', 'normal_clearing')",
            (CALL, iso(0)),
        )
        self.db.execute(
            "INSERT INTO sessions (agent_session_id, agent_uuid, agent_name, call_uuid, from_number, to_number, agent_mode, participant_mode, state, created_at, reason) "
            "VALUES (?, 'a', 'Orders', ?, '+15550100', '+15550199', 'full', 'dual', 'completed', ?, 'user_hangup')",
            (SESSION, CALL, iso(since_s)),
        )
        self.db.commit()

    def keep(self, at_s: float, kind: str, *, is_stream: bool = False, **fields: Any) -> None:
        """An event. `at_s`: in the call. Stream time is counted from the session's beginning, as the stack does it."""
        told = {"type": kind, "timestamp": iso(at_s + self.since_s if is_stream else at_s), **fields}
        row = (SESSION, iso(at_s + LATE_S), json.dumps(told))
        self.db.execute("INSERT INTO session_events (agent_session_id, at, event) VALUES (?, ?, ?)", row)
        self.db.commit()


def planted_session(path: Path) -> Folder:
    """Three questions, three answers; a tool, an error and a hand-over."""
    from talkpath.call.recording import log_name

    folder = Folder(path)
    (path / "logs").mkdir()
    call = Planted(path / "logs" / log_name(CALL))
    call.greet()
    call.run(TALK)
    turns = iter(zip(range(1, 4), ASKED, strict=True))
    for event in call.events:
        at_s = event.timestamp_ms / 1000
        if isinstance(event, e.AgentSpeechStarted):
            folder.keep(at_s, "agent.speech_started", is_stream=True)
        elif isinstance(event, e.AgentSpeechCompleted):
            position_s = event.playback_position_s
            folder.keep(at_s, "agent.speech_completed", is_stream=True, playback_position_s=position_s, transcript="")
            text = WORDS.get(event.utterance, "Hello there.")
            folder.keep(
                at_s + 0.001,
                "talkpath.utterance",
                utterance=event.utterance,
                source="llm",
                text=text,
                heard_text=text,
                is_cut=False,
            )
        elif isinstance(event, e.UserTurnCompleted):
            number, asked = next(turns)
            folder.keep(at_s, "talkpath.heard", text=asked, confidence=0.9)
            folder.keep(
                at_s + 0.6, "turn.metrics", turn_number=number, interrupted=False, user_text=asked, agent_text=WORDS[f"answer-{number}"],
                user_stopped_speaking_at=iso(at_s - 0.4), stt_delay_ms=200, turn_decision_ms=400, llm_ttft_ms=900 * number,
                tts_ttfb_ms=120, user_perceived_ms=1420, llm_provider="openai", llm_model="gpt-4o", error_source=None,
            )  # fmt: skip
    folder.keep(
        5.0,
        "tool.executed",
        calls=[{"name": "lookup", "call_id": "1", "arguments": '{"card": "4111"}', "output": "no", "is_error": True}],
    )
    folder.keep(5.5, "turn.metrics", error="cannot be written")
    folder.keep(6.0, "session.error", code="llm_error", message="the model said 4111")
    folder.keep(7.0, "agent.handoff", new_agent="You are Rumpelstiltskin")
    folder.keep(8.0, "user.dtmf", is_stream=True, digit="4")
    return folder
