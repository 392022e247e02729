#include "call/turn.h"

#include <string.h>

#define START_MS 120.0         /* speech of so long is a start … */
#define BRIDGED_MS 80.0       /* … with gaps of so long         */
#define LATE_MS 200.0         /* so much later than its sound is speech found, under an echo */
#define STOP_MS 300.0         /* silence of so long is a stop   */
#define GAP_MS 40.0           /* … of which the detector must be sure for so long */
#define BETWEEN_MS 450.0      /* between words that belong together */
#define OVER_MS 60.0          /* speech of so long over the agent is an overlap */
#define PAUSE_MS 300.0        /* silence within a turn that counts as a pause of the caller's style */
#define USUAL_PAUSE_MS 450.0 /* whose pauses are longer gets longer delays from "auto" */
#define RESTART_MS 1500.0     /* speech so soon after a turn's end shows that it was no end */
#define LATE_TEXT_MS 8000.0   /* a transcript so late still belongs to the last speech */
#define EARLY_MS 1000.0       /* speech that ends so shortly before the agent does is an answer to it */

static void emit(turn *t, tp_call_event e)
{
    call_events_emit(t->events, TP_CLOCK_RECEIVE, t->now_ms, e);
}

static void set_user(turn *t, tp_user_state state)
{
    if (t->user != state)
        emit(t, (tp_call_event){ .type = TP_CALL_USER_STATE, .user_state = { .old_state = t->user, .new_state = state } });
    t->user = state;
}

static void set_agent(turn *t, tp_agent_state state, tp_call_clock clock, double when_ms)
{
    const tp_call_event e = { .type = TP_CALL_AGENT_STATE, .agent_state = { .old_state = t->agent, .new_state = state } };
    if (t->agent != state)
        call_events_emit(t->events, clock, when_ms, e);
    t->agent = state;
}

void turn_reset(turn *t, const tp_turn_config *config, tp_call_events *events)
{
    memset(t, 0, sizeof *t);
    t->config = *config;
    t->events = events;
    t->probability = -1.0f;
    t->quiet_since_ms = t->decision_ms = t->perceived_ms = t->turn_ended_ms = -1.0;
    t->last_voice_ms = t->agent_ended_ms = -1e9;
    t->interruptible_since_ms = -1.0;
}

/* --- the caller's turn --------------------------------------------------------------------------------------------------- */

/* The delays of "auto" grow with the caller's own pauses, from the configured ones towards twice as long. */
static double stretched(const turn *t, int delay_ms)
{
    if (!t->config.adapts)
        return delay_ms;
    const double factor = t->long_pause_ms / USUAL_PAUSE_MS;
    return delay_ms * (factor < 1.0 ? 1.0 : factor > 2.0 ? 2.0 : factor);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double turn_delay_ms(const turn *t)
{
    const tp_turn_config *c = &t->config;
    const tp_turn_config low = tp_turn_defaults(TP_TURN_LOW); /* "auto" stays within what this preset asks for */
    if (t->probability >= 0.0f && t->probability >= c->completed_turn_threshold)
        return c->adapts ? least(stretched(t, c->completed_turn_delay_ms), low.completed_turn_delay_ms) : c->completed_turn_delay_ms;
    if (t->probability >= 0.0f && t->probability <= c->incomplete_turn_threshold)
        return c->adapts ? least(stretched(t, c->incomplete_turn_delay_ms), low.incomplete_turn_delay_ms) : c->incomplete_turn_delay_ms;
    return c->adapts ? least(stretched(t, c->uncertain_turn_delay_ms), low.uncertain_turn_delay_ms) : c->uncertain_turn_delay_ms;
}

static void note_pause(turn *t, double pause_ms)
{
    if (pause_ms >= PAUSE_MS)
        t->long_pause_ms += 0.5 * (pause_ms - t->long_pause_ms);
}

static void open_turn(turn *t, double start_ms)
{
    if (!t->open)
        t->start_ms = start_ms;
    t->open = 1;
}

static void complete(turn *t, tp_turn_trigger trigger)
{
    const double end_ms = t->last_voice_ms > t->start_ms ? t->last_voice_ms : t->start_ms;
    const tp_turn_method method = trigger == TP_TRIGGER_TEXT ? TP_METHOD_TEXT
        : trigger == TP_TRIGGER_SILENCE && t->probability >= 0.0f ? TP_METHOD_MODEL : TP_METHOD_SILENCE;
    emit(t, (tp_call_event){ .type = TP_CALL_TURN_COMPLETED,
                             .turn_completed = { .trigger = trigger, .method = method, .duration_ms = end_ms - t->start_ms,
                                                 .probability = t->probability } });
    t->decision_ms = t->now_ms - end_ms;
    t->turn_ended_ms = t->now_ms;
    t->number++;
    t->total.turns++;
    t->text_ends = 0;
    t->open = t->early.any = 0;
    t->quiet_since_ms = t->now_ms; /* an answer that never comes is silence too */
    if (t->agent != TP_AGENT_SPEAKING)
        set_agent(t, TP_AGENT_THINKING, TP_CLOCK_RECEIVE, t->now_ms);
}

static void judge_turn(turn *t)
{
    if (t->speaking && t->config.max_turn_duration_ms > 0 && t->now_ms - t->start_ms >= t->config.max_turn_duration_ms) {
        complete(t, TP_TRIGGER_MAX_DURATION);
        t->open = 1;
        t->start_ms = t->now_ms;
        return;
    }
    if (t->speaking)
        return;
    /* Who answers before the agent is done may go on when it is. */
    const int early = t->start_ms < t->agent_ended_ms && t->last_voice_ms < t->agent_ended_ms;
    const double since_ms = early ? t->agent_ended_ms : t->last_voice_ms;
    const double silence_ms = t->now_ms - since_ms;
    if (silence_ms >= turn_delay_ms(t))
        complete(t, TP_TRIGGER_SILENCE);
    else if (t->text_ends && t->probability < 0.0f && silence_ms >= t->config.completed_turn_delay_ms)
        complete(t, TP_TRIGGER_TEXT);
}

/* --- the caller's speech ------------------------------------------------------------------------------------------------- */

static void begin_overlap(turn *t)
{
    t->overlap = 1;
    t->was_long = t->protected_overlap = t->early.text_ends = 0;
    t->overlap_probability = 0.0f;
}

/* How much of the newest sound is later than this. */
static double run_ms(const turn *t, double from_ms)
{
    const double start_ms = t->run_onset_ms > from_ms ? t->run_onset_ms : from_ms;
    return t->last_voice_ms > start_ms ? t->last_voice_ms - start_ms : 0.0;
}

/* What the caller may interrupt began then. */
static double overlap_since_ms(const turn *t)
{
    return t->agent_began_ms > t->interruptible_since_ms ? t->agent_began_ms : t->interruptible_since_ms;
}

/* Words in quick succession add up, the silence between them does not. */
static void follow_sound(turn *t, const turn_frame *f, double sound_ms)
{
    if (f->onset_ms > t->last_voice_ms) {
        t->run_before_ms = f->onset_ms - t->last_voice_ms <= BETWEEN_MS ? t->run_before_ms + run_ms(t, overlap_since_ms(t)) : 0.0;
        t->run_onset_ms = f->onset_ms;
    } else if (f->onset_ms >= 0.0) {
        t->run_onset_ms = f->onset_ms;
    }
    if (sound_ms > t->last_voice_ms)
        t->last_voice_ms = sound_ms;
}

static void start_speech(turn *t, double onset_ms)
{
    t->speaking = 1;
    t->spoke = 1;
    t->onset_ms = onset_ms;
    t->probability = -1.0f;
    t->text_ends = 0;
    t->retries = t->exhausted = 0;
    t->quiet_since_ms = -1.0;
    emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_STARTED, .speech_started = { .onset_ms = onset_ms } });
    set_user(t, TP_USER_SPEAKING);
    if (t->agent == TP_AGENT_SPEAKING) {
        if (!t->overlap)
            t->final_words = t->interim_words = 0;
        begin_overlap(t);
        return;
    }
    if (t->open || (t->agent == TP_AGENT_THINKING && onset_ms - t->turn_ended_ms < RESTART_MS))
        note_pause(t, onset_ms - t->speech_ended_ms);
    open_turn(t, onset_ms);
}

/* Each overlap is classified once: by its end, or by its interruption. */
static void classify_overlap(turn *t, int is_interruption)
{
    emit(t, (tp_call_event){ .type = TP_CALL_BACKCHANNEL,
                             .backchannel = { .is_interruption = is_interruption,
                                              .probability = is_interruption ? 1.0f : t->overlap_probability,
                                              .onset_ms = t->onset_ms,
                                              .detection_delay_ms = t->now_ms - t->onset_ms,
                                              .total_duration_ms = t->last_voice_ms - t->onset_ms } });
}

/* It did not interrupt. If the agent is done soon, or was not to be interrupted, it is an answer all the same. */
static void keep_early(turn *t)
{
    const int goes_on = t->early.any && (t->early.is_protected || t->onset_ms - t->early.ended_ms < turn_delay_ms(t));
    if (!goes_on)
        t->early.onset_ms = t->onset_ms;
    t->early.is_protected = t->protected_overlap || (goes_on && t->early.is_protected);
    t->early.ended_ms = t->last_voice_ms;
    t->early.any = 1;
}

static void stop_speech(turn *t)
{
    t->speaking = t->overruled = 0;
    t->voiced_ms = 0.0;
    t->speech_ended_ms = t->last_voice_ms;
    emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_STOPPED,
                             .speech_stopped = { .onset_ms = t->onset_ms, .duration_ms = t->last_voice_ms - t->onset_ms } });
    set_user(t, TP_USER_LISTENING);
    if (!t->open && t->agent != TP_AGENT_SPEAKING)
        t->quiet_since_ms = t->now_ms;
    if (!t->overlap || t->paused)
        return;
    t->overlap = 0;
    const double over_ms = t->last_voice_ms - (t->onset_ms > t->agent_began_ms ? t->onset_ms : t->agent_began_ms);
    if (over_ms < OVER_MS || 2.0 * over_ms < t->last_voice_ms - t->onset_ms)
        return; /* the end of what was said before the agent began */
    keep_early(t);
    if (t->was_long || t->protected_overlap)
        return; /* it may not interrupt, but is more than a nod */
    t->backchannels++;
    t->total.backchannels++;
    classify_overlap(t, 0);
}

static void hear_voice(turn *t, const turn_frame *f)
{
    if (f->tone && !t->speaking) {
        t->voiced_ms = 0.0;
        return;
    }
    const int likely = f->probability >= t->config.speech_activation_threshold;
    /* What the detector still believes when the sound is over is no speech. */
    const double sound_ms = f->sound_ms >= 0.0 ? f->sound_ms : likely ? f->now_ms : t->last_voice_ms;
    follow_sound(t, f, sound_ms);
    const double silence_ms = t->now_ms - t->last_voice_ms, delay_ms = turn_delay_ms(t);
    /* Whoever knows that the turn is over may ask for less silence than the detector needs. */
    const int over = t->speaking && delay_ms < STOP_MS && silence_ms >= delay_ms;
    if (likely && !over) {
        t->voiced_ms += f->frame_ms;
        t->gap_ms = 0.0;
        if (!t->speaking && t->voiced_ms >= START_MS) {
            const double first_ms = f->now_ms - t->voiced_ms - LATE_MS;
            start_speech(t, f->onset_ms > first_ms ? f->onset_ms : f->now_ms - t->voiced_ms);
        }
        return;
    }
    t->gap_ms += f->frame_ms;
    if (!t->speaking && t->gap_ms > BRIDGED_MS)
        t->voiced_ms = 0.0;
    if (over || (t->speaking && t->gap_ms >= GAP_MS && silence_ms >= STOP_MS))
        stop_speech(t);
}

/* --- overlap -------------------------------------------------------------------------------------------------------------- */

static int enough_words(const turn *t)
{
    return t->final_words + t->interim_words >= t->config.min_interruption_words;
}

static int commit(turn *t)
{
    if (t->paused)
        t->pause_total_ms += t->now_ms - t->paused_ms;
    t->interruptions++;
    t->total.interruptions++;
    classify_overlap(t, 1);
    t->overlap = t->paused = t->early.any = 0;
    open_turn(t, t->onset_ms);
    return TURN_COMMIT;
}

static int judge_overlap(turn *t, const turn_frame *f)
{
    const double over_ms = t->run_before_ms + run_ms(t, t->agent_began_ms);
    const float share = (float)(over_ms / (t->config.min_interruption_duration_ms + 1));
    if (share > t->overlap_probability)
        t->overlap_probability = share < 1.0f ? share : 1.0f;
    t->protected_overlap |= !f->interruptible && !f->held && over_ms >= OVER_MS;
    if (t->paused) {
        if (!t->speaking && t->now_ms - t->speech_ended_ms >= t->config.false_interruption_timeout_ms) {
            t->pause_total_ms += t->now_ms - t->paused_ms;
            t->paused = t->overlap = 0;
            keep_early(t);
            t->early.ended_ms = t->now_ms; /* so little of the agent's speech has it overlapped as if it ended now */
            t->false_interruptions++;
            t->total.false_interruptions++;
            emit(t, (tp_call_event){ .type = TP_CALL_FALSE_INTERRUPTION, .false_interruption = { .resumed = !f->held } });
            return f->held ? 0 : TURN_RESUME;
        }
        return 0;
    }
    if (!t->speaking || !f->barge_in || t->overruled)
        return 0;
    t->was_long |= over_ms >= t->config.min_interruption_duration_ms;
    if (!f->interruptible || t->run_before_ms + run_ms(t, overlap_since_ms(t)) < t->config.min_interruption_duration_ms)
        return 0;
    emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_PAUSED });
    t->paused = 1;
    t->paused_ms = t->now_ms;
    return enough_words(t) ? TURN_PAUSE | commit(t) : TURN_PAUSE;
}

/* --- silence ---------------------------------------------------------------------------------------------------------------- */

static void idle(turn *t, tp_idle_reason reason)
{
    emit(t, (tp_call_event){ .type = TP_CALL_IDLE, .idle = { .retry_count = t->retries, .reason = reason } });
}

static void judge_silence(turn *t)
{
    const tp_turn_config *c = &t->config;
    if (!t->waited && c->wait_for_user_timeout_ms > 0 && !t->spoke && !t->agent_spoke
        && t->now_ms - t->waiting_since_ms >= c->wait_for_user_timeout_ms) {
        t->waited = 1;
        idle(t, TP_IDLE_WAIT_FOR_USER);
    }
    if (t->quiet_since_ms < 0.0 || t->exhausted || c->no_response_timeout_ms == 0 || !t->agent_spoke)
        return;
    const int limit_ms = t->extended ? c->extended_wait_time_ms : c->no_response_timeout_ms;
    if (t->now_ms - t->quiet_since_ms < limit_ms)
        return;
    t->extended = 0;
    t->quiet_since_ms = t->now_ms;
    if (t->retries < c->max_retries) {
        t->retries++;
        idle(t, TP_IDLE_NO_RESPONSE);
    } else {
        t->exhausted = 1;
        idle(t, TP_IDLE_MAX_RETRIES_EXHAUSTED);
    }
    set_user(t, TP_USER_AWAY);
    if (t->agent == TP_AGENT_THINKING)
        set_agent(t, TP_AGENT_LISTENING, TP_CLOCK_RECEIVE, t->now_ms);
}

/* --- in ----------------------------------------------------------------------------------------------------------------------- */

/* A key is a response, and nobody is idle while keys come, or go. */
static void hear_keys(turn *t, const turn_frame *f)
{
    if (f->key) {
        t->spoke = 1;
        t->retries = t->exhausted = 0;
        if (t->user == TP_USER_AWAY)
            set_user(t, TP_USER_LISTENING);
    }
    if (f->key || f->dials) {
        t->waiting_since_ms = t->now_ms;
        if (t->quiet_since_ms >= 0.0)
            t->quiet_since_ms = t->now_ms;
    }
}

int turn_hear(turn *t, const turn_frame *f)
{
    t->now_ms = f->now_ms;
    if (!f->interruptible)
        t->interruptible_since_ms = -1.0;
    else if (t->interruptible_since_ms < 0.0)
        t->interruptible_since_ms = t->now_ms - f->frame_ms, t->run_before_ms = 0.0;
    hear_keys(t, f);
    hear_voice(t, f);
    int actions = 0;
    if (t->overlap)
        actions = judge_overlap(t, f);
    if (t->open && !t->overlap && t->agent != TP_AGENT_SPEAKING)
        judge_turn(t);
    judge_silence(t);
    return actions;
}

int turn_transcript(turn *t, int words, int final, int ends_sentence)
{
    if (final) {
        t->final_words += words;
        t->interim_words = 0;
    } else {
        t->interim_words = words;
    }
    if (t->overlap && t->paused && enough_words(t))
        return commit(t);
    if (!final || words == 0)
        return 0;
    if (t->agent == TP_AGENT_SPEAKING) { /* the words of an early answer */
        t->early.text_ends = ends_sentence;
        if (!t->early.any && !t->speaking && t->now_ms - t->last_voice_ms > LATE_TEXT_MS) {
            t->early.any = 1;
            t->early.onset_ms = t->early.ended_ms = t->now_ms;
        }
    } else {
        t->text_ends = ends_sentence;
        if (!t->open && !t->speaking && t->now_ms - t->last_voice_ms > LATE_TEXT_MS) {
            t->start_ms = t->last_voice_ms = t->now_ms; /* said so softly that only the STT heard it */
            complete(t, TP_TRIGGER_TEXT);
        }
    }
    return 0;
}

void turn_agent_started(turn *t, double sent_ms)
{
    t->agent_spoke = 1;
    t->quiet_since_ms = -1.0;
    if (t->agent == TP_AGENT_SPEAKING)
        return;
    if (t->turn_ended_ms >= 0.0) {
        t->perceived_ms = t->now_ms - t->last_voice_ms; /* the receive path's clock: the transmit path's may be ahead */
        t->turn_ended_ms = -1.0;
    }
    set_agent(t, TP_AGENT_SPEAKING, TP_CLOCK_TRANSMIT, sent_ms);
    t->agent_began_ms = t->now_ms;
    t->run_before_ms = 0.0;
    t->open = 0; /* who answers has decided that the turn was over … */
    t->early.any &= t->early.is_protected; /* … but not that of who was not to interrupt, and waits for the end */
    if (t->speaking) { /* the agent begins to speak while the caller does: that may become an overlap too */
        begin_overlap(t);
        t->final_words = t->interim_words = 0;
    }
}

void turn_agent_finished(turn *t, double sent_ms)
{
    if (t->agent != TP_AGENT_SPEAKING)
        return;
    const tp_call_event metrics = { .type = TP_CALL_TURN_METRICS,
                                    .turn_metrics = { .turn_number = t->number,
                                                      .interruptions = t->interruptions,
                                                      .false_interruptions = t->false_interruptions,
                                                      .backchannels = t->backchannels,
                                                      .user_perceived_ms = t->perceived_ms,
                                                      .turn_decision_ms = t->decision_ms,
                                                      .pause_duration_ms = t->pause_total_ms } };
    call_events_emit(t->events, TP_CLOCK_TRANSMIT, sent_ms, metrics);
    t->interruptions = t->false_interruptions = t->backchannels = 0;
    t->perceived_ms = t->decision_ms = -1.0;
    t->pause_total_ms = 0.0;
    set_agent(t, TP_AGENT_LISTENING, TP_CLOCK_TRANSMIT, sent_ms);
    turn_interrupted(t);
    t->agent_ended_ms = t->now_ms;
    if (t->early.any && (t->early.is_protected || t->now_ms - t->early.ended_ms <= EARLY_MS)) {
        if (t->open && t->early.onset_ms < t->start_ms)
            t->start_ms = t->early.onset_ms;
        open_turn(t, t->early.onset_ms);
        t->text_ends |= t->early.text_ends && !t->speaking;
    } else {
        t->early.any = 0;
    }
    if (!t->speaking && !t->open)
        t->quiet_since_ms = t->now_ms;
}

void turn_resumed(turn *t)
{
    if (t->paused)
        t->pause_total_ms += t->now_ms - t->paused_ms;
    t->overruled |= t->paused;
    t->paused = 0;
}

void turn_interrupted(turn *t)
{
    if (t->overlap && (t->speaking || t->paused))
        open_turn(t, t->onset_ms);
    t->overlap = t->paused = 0;
}

void turn_probability(turn *t, float probability)
{
    t->probability = probability;
}

void turn_extend_wait(turn *t)
{
    t->extended = 1;
}
