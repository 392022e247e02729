"""Are all events of a session what the protocol says? Types of every field, first and last, nothing that is not known."""

import re
from collections.abc import Callable, Sequence
from typing import Any

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Test = Callable[[Any], bool]


def _int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _float(value: Any) -> bool:
    return _int(value) or isinstance(value, float)


TYPES: dict[str, Test] = {
    "int": _int,
    "float": _float,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "dict": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "strs": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "floats": lambda value: isinstance(value, list) and all(_float(item) for item in value),
    "ts": lambda value: isinstance(value, str) and ISO.fullmatch(value) is not None,
    "any": lambda value: True,
}

# Field: type; "?": may be null or absent. One of several words: a|b.
_STATE = {"timestamp": "ts"}
_VAD = {"timestamp_ms": "int", "timestamp": "ts", "vad_idle_time_s": "float?", "vad_inference_count": "int?",
        "vad_inference_duration_total_ms": "float?"}  # fmt: skip
EVENTS: dict[str, dict[str, str]] = {
    "session.started": {"agent_session_id": "str", "call_id": "str", "caller": "str?", "callee": "str?",
                        "agent_id": "str?", "audio_format": "str?", "sample_rate": "int?", "channels": "int?",
                        "frame_size_ms": "int?", "plc_enabled": "bool?"},
    "session.ended": {"duration_seconds": "int", "turn_count": "int", "reason": "str", "started_at": "ts?",
                      "ended_at": "ts?", "error": "str?", "transcript": "any?", "stt_duration": "int?",
                      "llm_duration": "int?", "tts_duration": "int?"},
    "session.error": {"code": "str", "message": "str"},
    "tool.called": {"id": "str", "name": "str", "arguments": "dict"},
    "tool.executed": {"calls": "list", "timestamp": "ts"},
    "turn.completed": {"turn_number": "int", "user_text": "str?", "agent_text": "str?", "turn_id": "str",
                       "agent_first": "bool?", "agent_tool_id": "str?", "turn_decision_s": "float?",
                       "transcription_delay_s": "float?", "llm_ttft_s": "float?", "tts_ttfb_s": "float?",
                       "realtime_ttft_s": "float?", "user_started_speaking_at": "ts?", "user_stopped_speaking_at": "ts?",
                       "agent_started_speaking_at": "ts?", "agent_stopped_speaking_at": "ts?"},
    "user.transcription": {"text": "str", "is_final": "bool", "language": "str?", "speaker_id": "str?"},
    "agent.handoff": {"new_agent": "str"},
    "agent_tool.started": {"agent_tool_type": "str", "agent_tool_id": "str"},
    "agent_tool.completed": {"agent_tool_type": "str", "agent_tool_id": "str", "result": "dict"},
    "agent_tool.failed": {"agent_tool_type": "str", "agent_tool_id": "str", "error": "str"},
    "llm.availability_changed": {"llm": "str", "available": "bool", "timestamp": "ts"},
    "session.usage": {"models": "list", "timestamp": "ts?"},
    "call.transferred": {"destination": "strs"},
    "user.speech_started": _VAD,
    "user.speech_stopped": {**_VAD, "duration_ms": "int"},
    "user.turn_completed": {"turn_id": "str", "trigger": "silence|max_duration|text", "duration_ms": "int",
                            "timestamp": "ts", "turn_method": "str?", "turn_probability": "float?"},
    "user.state_changed": {**_STATE, "old_state": "listening|speaking|away", "new_state": "listening|speaking|away"},
    "agent.state_changed": {**_STATE, "old_state": "idle|listening|thinking|speaking",
                            "new_state": "idle|listening|thinking|speaking"},
    "agent.speech_created": {"source": "str", "user_initiated": "bool", "timestamp": "ts"},
    "agent.speech_started": {"timestamp": "ts"},
    "agent.speech_completed": {"playback_position_s": "float", "timestamp": "ts", "transcript": "str?"},
    "agent.speech_interrupted": {"interrupted_text": "str?", "turn_id": "str?", "playback_position_s": "float",
                                 "timestamp": "ts"},
    "agent.false_interruption": {"resumed": "bool", "timestamp": "ts"},
    "user.backchannel": {"is_interruption": "bool", "probability": "float?", "detection_delay_ms": "float?",
                         "total_duration_ms": "float?", "prediction_duration_ms": "float?", "overlap_started_at": "ts?",
                         "num_requests": "int?", "timestamp": "ts", "speech_input_b64": "str?",
                         "probabilities": "floats?"},
    "user.idle": {"retry_count": "int", "reason": "no_response|max_retries_exhausted"},
    "user.dtmf": {"digit": "str"},
    "dtmf.sent": {"digits": "str"},
    "play.completed": {},
    "voicemail.detected": {"result": "machine|human", "method": "audio|llm", "transcript": "str?"},
    "voicemail.beep": {"frequency_hz": "float", "duration_ms": "int"},
}  # fmt: skip

_METRICS = {
    "int": "turn_number",
    "bool": "interrupted",
    "int?": "user_perceived_ms sdk_llm_ttft_ms sdk_tts_ttfb_ms sdk_transcription_delay_ms sdk_end_of_turn_delay_ms "
            "sdk_turn_completed_callback_ms stt_delay_ms turn_decision_ms turn_completed_callback_ms "
            "endpointing_min_delay_ms endpointing_max_delay_ms vad_inference_count llm_ttft_ms llm_duration_ms "
            "llm_prompt_tokens llm_completion_tokens llm_total_tokens llm_cache_read_tokens tts_ttfb_ms tts_duration_ms "
            "tts_audio_duration_ms tts_characters tts_input_tokens tts_output_tokens stt_duration_ms "
            "stt_audio_duration_ms stt_input_tokens stt_output_tokens num_interruptions num_backchannels "
            "interruption_total_duration_ms interruption_prediction_ms interruption_detection_delay_ms "
            "interruption_num_requests realtime_ttft_ms realtime_duration_ms realtime_input_tokens realtime_output_tokens "
            "realtime_total_tokens realtime_cached_tokens",
    "float?": "sdk_started_speaking_at sdk_stopped_speaking_at turn_probability turn_unlikely_threshold vad_idle_time_s "
              "vad_inference_duration_total_ms llm_tokens_per_second llm_cache_hit_ratio stt_confidence speaking_rate",
    "bool?": "realtime_cancelled agent_first llm_cancelled tts_cancelled tts_streamed stt_streamed",
    "str?": "agent_tool_id user_text agent_text pipeline eou_speech_id turn_method vad_label llm_model llm_provider "
            "llm_label llm_request_id llm_speech_id tts_model tts_provider tts_label tts_request_id tts_speech_id "
            "tts_segment_id realtime_provider realtime_model realtime_request_id stt_model stt_provider stt_label stt_request_id error_source",
    "any?": "llm_timestamp tts_timestamp stt_timestamp",
    "ts?": "user_started_speaking_at user_stopped_speaking_at agent_started_speaking_at agent_stopped_speaking_at "
           "timestamp",
    "dict?": "llm_availability",
}  # fmt: skip
EVENTS["turn.metrics"] = {name: kind for kind, names in _METRICS.items() for name in names.split()}
_USAGE = {
    "llm_usage": {
        "input_tokens": "int",
        "input_cached_tokens": "int",
        "output_tokens": "int",
        "session_duration": "float?",
    },
    "tts_usage": {
        "characters_count": "int",
        "audio_duration": "float",
        "input_tokens": "int?",
        "output_tokens": "int?",
    },
    "stt_usage": {"audio_duration": "float", "input_tokens": "int?", "output_tokens": "int?"},
    "interruption_usage": {"total_requests": "int"},
}
_CALL = {"name": "str", "call_id": "str", "arguments": "str", "output": "str", "is_error": "bool"}
# Switched on by `events`; nothing of them comes without it.
OPT_IN = {"turn.metrics": "metrics_events", "user.speech_started": "vad_events", "user.speech_stopped": "vad_events",
          "user.turn_completed": "turn_events"}  # fmt: skip
MAX_MESSAGE = 1024 * 1024


def _field(where: str, value: Any, kind: str, is_there: bool) -> list[str]:
    optional = kind.endswith("?")
    kind = kind.rstrip("?")
    if not is_there or value is None:
        return [] if optional else [f"{where}: {kind} is expected, {'null came' if is_there else 'nothing came'}"]
    good = TYPES[kind](value) if kind in TYPES else value in kind.split("|")
    return [] if good else [f"{where}: {kind} is expected, {value!r} came"]


def _fields(where: str, found: dict[str, Any], known: dict[str, str]) -> list[str]:
    problems = [f"{where}.{name} is not known" for name in found if name not in known]
    for name, kind in known.items():
        problems += _field(f"{where}.{name}", found.get(name), kind, name in found)
    return problems


def problems_of(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event."""
    kind = event.get("type")
    if kind not in EVENTS:
        return [f"{kind!r} is no event: {event}"]
    known = {"timestamp": "ts?", **EVENTS[str(kind)]}  # it may stand everywhere
    problems = _fields(str(kind), {name: value for name, value in event.items() if name != "type"}, known)
    if kind == "tool.executed" and not problems:
        for i, call in enumerate(event["calls"]):
            problems += _fields(f"tool.executed.calls[{i}]", call, _CALL)
    if kind == "session.usage" and not problems:
        for i, model in enumerate(event["models"]):
            known = {
                "type": "str",
                "provider": "str",
                "model": "str",
                **_USAGE.get(str(model.get("type")), {"?": "str"}),
            }
            problems += _fields(f"session.usage.models[{i}]", model, known)
    if kind == "turn.metrics" and (event.get("endpointing_min_delay_ms") is None) is not (
        event.get("endpointing_max_delay_ms") is None
    ):
        problems.append("turn.metrics: one of endpointing_min_delay_ms and _max_delay_ms only")
    return problems


def check_session(events: Sequence[dict[str, Any]], opted_in: Sequence[str] = (), *, whole: bool = True) -> None:
    """Raises AssertionError with all that is wrong with a session's events.

    `opted_in`: flags of `events` that are on. `whole`: the session came to its end.
    """
    kinds = [str(event.get("type")) for event in events]
    problems = [problem for event in events for problem in problems_of(event)]
    if kinds[:1] != ["session.started"] or kinds.count("session.started") != 1:
        problems.append(f"session.started is first, and once: {kinds}")
    if whole and (kinds[-1] != "session.ended" or kinds.count("session.ended") != 1):
        problems.append(f"session.ended is last, and once: {kinds}")
    problems += [
        f"{kind} came, though {flag} is off" for kind, flag in OPT_IN.items() if kind in kinds and flag not in opted_in
    ]
    problems += _order(events)
    assert not problems, "\n".join(dict.fromkeys(problems))


def _order(events: Sequence[dict[str, Any]]) -> list[str]:
    """States follow from each other; what is started ends once; ids come back."""
    problems, states = [], {"agent.state_changed": None, "user.state_changed": None}
    speaking = created = 0
    called: dict[str, bool] = {}
    turns: list[int] = []
    for event in events:
        kind = event.get("type")
        if kind in states:
            before = states[kind]
            if before is not None and event.get("old_state") != before:
                problems.append(f"{kind}: {event.get('old_state')} -> {event.get('new_state')} after {before}")
            if event.get("old_state") == event.get("new_state"):
                problems.append(f"{kind}: {event.get('old_state')} stays what it is")
            states[kind] = event.get("new_state")
        elif kind == "agent.speech_created":
            created += 1
        elif kind == "agent.speech_started":
            speaking += 1
            if speaking > 1:
                problems.append("agent.speech_started again, though none has ended")
            created -= 1
            if created < 0:
                problems.append("agent.speech_started without agent.speech_created")
        elif kind in ("agent.speech_completed", "agent.speech_interrupted"):
            speaking = max(0, speaking - 1)
        elif kind == "tool.called":
            if event.get("id") in called:
                problems.append(f"tool.called {event.get('id')} twice")
            called[str(event.get("id"))] = False
        elif kind == "turn.completed":
            turns.append(event.get("turn_number"))  # type: ignore[arg-type]
    if turns != sorted(turns):  # what the agent says by itself has the number of the caller's last turn
        problems.append(f"turn numbers do not fall: {turns}")
    return problems
