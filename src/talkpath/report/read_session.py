"""A session of an agent stack: its call's log or recording, and on the same axis what the stack has kept of it."""

from __future__ import annotations

import os
from dataclasses import replace

from talkpath.call import events as e
from talkpath.errors import FormatError
from talkpath.report.material import At, Material
from talkpath.report.model import Span
from talkpath.report.read_log import read_log
from talkpath.report.read_recording import read_recording
from talkpath.report.session_axis import Axis, lead_of_recording
from talkpath.report.session_events import engine_events
from talkpath.report.session_rows import SessionRows, session_rows
from talkpath.report.session_told import told_of
from talkpath.report.talk import agent_spans, caller_spans

# What is heard in a recording; all else the stack has said better.
_HEARD = (e.UserSpeechStarted, e.UserSpeechStopped, e.LineTone)
_ASIDE = (e.UserDtmf, e.VoicemailDetected)  # may not be in a log
SAME_S = 1.0  # a key is told so near to its sound


def read_session(data: str | os.PathLike[str], wanted: str) -> Material:
    """Read a session, and run its call again where there is a log of it.

    Parameters
    ----------
    data : path
        The agent stack's data folder (its `TALKPATH_DATA`), or the database in it.
    wanted : str
        The id of a session, or of a call: its newest session then.

    Raises
    ------
    FormatError
        There is no such session, or neither a log nor a recording of its call.
    OSError
        One of them cannot be read.

    Notes
    -----
    The log goes before the recording: it knows what the engine knew. From a recording what the engine decided is taken from the
    session's events; loss, lateness and the gate's evidence are not known then.
    """
    rows = session_rows(data, wanted)
    if (log := rows.log()) is not None:
        material, sound_from = _with_more(rows, read_log(log)), "log"
    elif (recording := rows.recording()) is not None:
        material, sound_from = _of_recording(rows, read_recording(recording, "caller-agent")), "recording"
    else:
        raise FormatError(
            f"session {rows.session['agent_session_id']}: there is neither a log nor a recording of its call below {rows.folder}. "
            "Start the stack with TALKPATH_LOGS=1 (talkpath agents --logs), or give the agent a recording callback: later calls have a report"
        )
    axis = Axis(rows, material.lead_s, material.duration_s)
    session = told_of(rows, axis, material.events, caller_spans(material), sound_from)
    return replace(material, name=str(rows.session["agent_session_id"]), session=session)


def _with_more(rows: SessionRows, logged: Material) -> Material:
    """What never went through the engine: keys that came as messages, and who answered, by the model's word."""
    known = [at for at in logged.events if isinstance(at.event, _ASIDE)]
    told = engine_events(rows, Axis(rows, logged.lead_s, logged.duration_s))
    more = [at for at in told if isinstance(at.event, _ASIDE) and not any(_same(at, one) for one in known)]
    return replace(logged, events=sorted([*logged.events, *more], key=lambda at: at.at_s))


def _same(one: At, other: At) -> bool:
    if isinstance(one.event, e.UserDtmf) and isinstance(other.event, e.UserDtmf):
        return one.event.digit == other.event.digit and abs(one.at_s - other.at_s) < SAME_S
    return type(one.event) is type(other.event)


def _of_recording(rows: SessionRows, recorded: Material) -> Material:
    """The stack knows who spoke: it need not be told from the sound, as of a recording alone."""
    recorded = replace(recorded, source="session", measures=None)
    lead_s = lead_of_recording(rows, agent_spans(recorded), "agent.speech_started") or 0.0
    # The engine tells of speech when it is sure; the same engine has just heard the recording.
    begun = [Span(at.at_s, at.at_s) for at in recorded.events if isinstance(at.event, e.UserSpeechStarted)]
    told = engine_events(
        rows, Axis(rows, lead_s, recorded.duration_s, lead_of_recording(rows, begun, "user.speech_started"))
    )
    heard: list[At] = [at for at in recorded.events if isinstance(at.event, _HEARD)]
    events = sorted([*heard, *told], key=lambda at: at.at_s)
    return replace(recorded, events=events, lead_s=lead_s)
