# Events of a call with names for their numbers; csrc/include/talkpath/call.h. talkpath.call.events has a class for each.

cdef extern from "talkpath/call.h" nogil:
    ctypedef enum tp_user_state:
        TP_USER_LISTENING
        TP_USER_SPEAKING
        TP_USER_AWAY
    ctypedef enum tp_agent_state:
        TP_AGENT_IDLE
        TP_AGENT_LISTENING
        TP_AGENT_THINKING
        TP_AGENT_SPEAKING
    ctypedef enum tp_turn_trigger:
        TP_TRIGGER_SILENCE
        TP_TRIGGER_MAX_DURATION
        TP_TRIGGER_TEXT
    ctypedef enum tp_turn_method:
        TP_METHOD_MODEL
        TP_METHOD_SOUND
        TP_METHOD_TEXT
        TP_METHOD_SILENCE
    ctypedef enum tp_idle_reason:
        TP_IDLE_NO_RESPONSE
        TP_IDLE_MAX_RETRIES_EXHAUSTED
        TP_IDLE_WAIT_FOR_USER
    ctypedef enum tp_answer_method:
        TP_ANSWER_BY_AUDIO
        TP_ANSWER_BY_BEEP
    ctypedef enum tp_call_clock:
        TP_CLOCK_RECEIVE
        TP_CLOCK_TRANSMIT
    ctypedef enum tp_call_event_type:
        TP_CALL_SPEECH_STARTED
        TP_CALL_SPEECH_STOPPED
        TP_CALL_TURN_COMPLETED
        TP_CALL_USER_STATE
        TP_CALL_AGENT_STATE
        TP_CALL_SPEECH_PAUSED
        TP_CALL_FALSE_INTERRUPTION
        TP_CALL_BACKCHANNEL
        TP_CALL_IDLE
        TP_CALL_KEY
        TP_CALL_ANSWERED
        TP_CALL_BEEP
        TP_CALL_LINE_TONE
        TP_CALL_TURN_METRICS
        TP_CALL_PLAYOUT
        TP_CALL_AUDIO_CLEARED
        TP_CALL_SPEECH_DISCARDED
    # The structs of the union have no names in C: these are for the compiler of this file alone.
    ctypedef struct _speech_started_event:
        double onset_ms
    ctypedef struct _speech_stopped_event:
        double onset_ms
        double duration_ms
    ctypedef struct _turn_completed_event:
        tp_turn_trigger trigger
        tp_turn_method method
        double duration_ms
        float probability
    ctypedef struct _user_state_event:
        tp_user_state old_state
        tp_user_state new_state
    ctypedef struct _agent_state_event:
        tp_agent_state old_state
        tp_agent_state new_state
    ctypedef struct _false_interruption_event:
        int resumed
    ctypedef struct _backchannel_event:
        int is_interruption
        float probability
        double onset_ms
        double detection_delay_ms
        double total_duration_ms
    ctypedef struct _idle_event:
        int retry_count
        tp_idle_reason reason
    ctypedef struct _key_event:
        char digit
    ctypedef struct _answered_event:
        tp_amd_result result
        tp_answer_method method
    ctypedef struct _beep_event:
        float frequency_hz
        double duration_ms
    ctypedef struct _line_tone_event:
        tp_call_tone tone
        tp_call_plan plan
    ctypedef struct _turn_metrics_event:
        int turn_number
        int interruptions
        int false_interruptions
        int backchannels
        double user_perceived_ms
        double turn_decision_ms
        double pause_duration_ms
    ctypedef struct _playout_event:
        tp_playout_event_kind kind
        uint32_t id
        uint64_t position
    ctypedef struct tp_call_event:
        tp_call_event_type type
        tp_call_clock clock
        double time_ms
        _speech_started_event speech_started
        _speech_stopped_event speech_stopped
        _turn_completed_event turn_completed
        _user_state_event user_state
        _agent_state_event agent_state
        _false_interruption_event false_interruption
        _backchannel_event backchannel
        _idle_event idle
        _key_event key
        _answered_event answered
        _beep_event beep
        _line_tone_event line_tone
        _turn_metrics_event turn_metrics
        _playout_event playout

cdef dict _CLOCKS = {TP_CLOCK_RECEIVE: "receive", TP_CLOCK_TRANSMIT: "transmit"}
cdef dict _USER_STATES = {TP_USER_LISTENING: "listening", TP_USER_SPEAKING: "speaking", TP_USER_AWAY: "away"}
cdef dict _AGENT_STATES = {TP_AGENT_IDLE: "idle", TP_AGENT_LISTENING: "listening", TP_AGENT_THINKING: "thinking",
                           TP_AGENT_SPEAKING: "speaking"}
cdef dict _TRIGGERS = {TP_TRIGGER_SILENCE: "silence", TP_TRIGGER_MAX_DURATION: "max_duration", TP_TRIGGER_TEXT: "text"}
cdef dict _METHODS = {TP_METHOD_MODEL: "model", TP_METHOD_SOUND: "sound", TP_METHOD_TEXT: "text", TP_METHOD_SILENCE: "silence"}
cdef dict _IDLE_REASONS = {TP_IDLE_NO_RESPONSE: "no_response", TP_IDLE_MAX_RETRIES_EXHAUSTED: "max_retries_exhausted",
                           TP_IDLE_WAIT_FOR_USER: "wait_for_user"}
cdef dict _ANSWER_METHODS = {TP_ANSWER_BY_AUDIO: "audio", TP_ANSWER_BY_BEEP: "beep"}
cdef dict _EVENT_TYPES = {
    TP_CALL_SPEECH_STARTED: "user.speech_started", TP_CALL_SPEECH_STOPPED: "user.speech_stopped",
    TP_CALL_TURN_COMPLETED: "user.turn_completed", TP_CALL_USER_STATE: "user.state_changed",
    TP_CALL_AGENT_STATE: "agent.state_changed", TP_CALL_SPEECH_PAUSED: "agent.speech_paused",
    TP_CALL_FALSE_INTERRUPTION: "agent.false_interruption", TP_CALL_BACKCHANNEL: "user.backchannel",
    TP_CALL_IDLE: "user.idle", TP_CALL_KEY: "user.dtmf", TP_CALL_ANSWERED: "voicemail.detected",
    TP_CALL_BEEP: "voicemail.beep", TP_CALL_LINE_TONE: "line.tone", TP_CALL_TURN_METRICS: "turn.metrics",
    TP_CALL_PLAYOUT: "playout", TP_CALL_AUDIO_CLEARED: "audio.cleared",
    TP_CALL_SPEECH_DISCARDED: "agent.speech_discarded",
}


cdef object _or_none(double value):
    """What the core says with a number below 0: none."""
    return value if value >= 0.0 else None


cdef dict _event_fields(const tp_call_event *e):
    """The fields of an event of this type."""
    cdef tp_call_event_type type = e.type
    if type == TP_CALL_SPEECH_STARTED:
        return {"onset_ms": e.speech_started.onset_ms}
    if type == TP_CALL_SPEECH_STOPPED:
        return {"onset_ms": e.speech_stopped.onset_ms, "duration_ms": e.speech_stopped.duration_ms}
    if type == TP_CALL_TURN_COMPLETED:
        return {"trigger": _TRIGGERS[e.turn_completed.trigger], "duration_ms": e.turn_completed.duration_ms,
                "turn_method": _METHODS[e.turn_completed.method], "turn_probability": _or_none(e.turn_completed.probability)}
    if type == TP_CALL_USER_STATE:
        return {"old_state": _USER_STATES[e.user_state.old_state], "new_state": _USER_STATES[e.user_state.new_state]}
    if type == TP_CALL_AGENT_STATE:
        return {"old_state": _AGENT_STATES[e.agent_state.old_state], "new_state": _AGENT_STATES[e.agent_state.new_state]}
    if type == TP_CALL_FALSE_INTERRUPTION:
        return {"resumed": e.false_interruption.resumed != 0}
    if type == TP_CALL_BACKCHANNEL:
        return {"is_interruption": e.backchannel.is_interruption != 0, "probability": e.backchannel.probability,
                "onset_ms": e.backchannel.onset_ms, "detection_delay_ms": e.backchannel.detection_delay_ms,
                "total_duration_ms": e.backchannel.total_duration_ms}
    if type == TP_CALL_IDLE:
        return {"retry_count": e.idle.retry_count, "reason": _IDLE_REASONS[e.idle.reason]}
    if type == TP_CALL_KEY:
        return {"digit": chr(e.key.digit)}
    if type == TP_CALL_ANSWERED:
        return {"result": _AMD_RESULTS[e.answered.result], "method": _ANSWER_METHODS[e.answered.method]}
    if type == TP_CALL_BEEP:
        return {"frequency_hz": e.beep.frequency_hz, "duration_ms": e.beep.duration_ms}
    if type == TP_CALL_LINE_TONE:
        return {"tone": tp_call_tone_name(e.line_tone.tone).decode(), "plan": tp_call_plan_name(e.line_tone.plan).decode()}
    if type == TP_CALL_TURN_METRICS:
        return {"turn_number": e.turn_metrics.turn_number, "user_perceived_ms": _or_none(e.turn_metrics.user_perceived_ms),
                "turn_decision_ms": _or_none(e.turn_metrics.turn_decision_ms),
                "num_interruptions": e.turn_metrics.interruptions,
                "num_false_interruptions": e.turn_metrics.false_interruptions,
                "num_backchannels": e.turn_metrics.backchannels, "pause_duration_ms": e.turn_metrics.pause_duration_ms}
    if type == TP_CALL_PLAYOUT:
        return {"kind": _PLAYOUT_KINDS[e.playout.kind], "id": e.playout.id, "position": e.playout.position}
    return {}


cdef object _event(const tp_call_event *e):
    """(type, clock, time_ms, {field: value})"""
    return _EVENT_TYPES[e.type], _CLOCKS[e.clock], e.time_ms, _event_fields(e)
