#include "call/turn_speech.h"

#include <string.h>

#define PAUSE_MS 300.0        /* silence within a turn that counts as a pause of the caller's style */
#define USUAL_PAUSE_MS 450.0 /* whose pauses are longer gets longer delays from "auto" */
#define LATE_TEXT_MS 8000.0   /* a transcript so late still belongs to the last speech */
#define EARLY_MS 1000.0       /* speech that ends so shortly before the agent does is an answer to it */

void turn_emit(turn *t, tp_call_event e)
{
    call_events_emit(t->events, TP_CLOCK_RECEIVE, t->now_ms, e);
}

void turn_set_user(turn *t, tp_user_state state)
{
    if (t->user != state)
        turn_emit(t, (tp_call_event){ .type = TP_CALL_USER_STATE, .user_state = { .old_state = t->user, .new_state = state } });
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

double turn_delay_ms(const turn *t)
{
    const tp_turn_config *c = &t->config;
    const int completed = t->probability >= 0.0f && t->probability >= c->completed_turn_threshold;
    const int incomplete = !completed && t->probability >= 0.0f && t->probability <= c->incomplete_turn_threshold;
    const int delay_ms = completed    ? c->completed_turn_delay_ms
                         : incomplete ? c->incomplete_turn_delay_ms
                                      : c->uncertain_turn_delay_ms;
    if (!c->adapts)
        return delay_ms;
    const tp_turn_config low = tp_turn_defaults(TP_TURN_LOW); /* "auto" stays within what this preset asks for */
    const int max_ms = completed    ? low.completed_turn_delay_ms
                       : incomplete ? low.incomplete_turn_delay_ms
                                    : low.uncertain_turn_delay_ms;
    return turn_min(stretched(t, delay_ms), max_ms);
}

void turn_note_pause(turn *t, double pause_ms)
{
    if (pause_ms >= PAUSE_MS)
        t->long_pause_ms += 0.5 * (pause_ms - t->long_pause_ms);
}

void turn_open(turn *t, double start_ms)
{
    if (!t->open)
        t->start_ms = start_ms > t->cut_ms ? start_ms : t->cut_ms;
    t->open = 1;
}

static void end_of_turn(turn *t, tp_turn_trigger trigger)
{
    const double end_ms = t->last_voice_ms > t->start_ms ? t->last_voice_ms : t->start_ms;
    const tp_turn_method method = trigger == TP_TRIGGER_TEXT ? TP_METHOD_TEXT
        : trigger == TP_TRIGGER_SILENCE && t->probability >= 0.0f ? TP_METHOD_MODEL : TP_METHOD_SILENCE;
    turn_emit(t, (tp_call_event){ .type = TP_CALL_TURN_COMPLETED,
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

static void decide_end_of_turn(turn *t)
{
    if (t->speaking && t->config.max_turn_duration_ms > 0 && t->now_ms - t->start_ms >= t->config.max_turn_duration_ms) {
        end_of_turn(t, TP_TRIGGER_MAX_DURATION);
        t->cut_ms = t->now_ms;
        turn_open(t, t->now_ms);
        return;
    }
    if (t->speaking)
        return;
    /* Who answers before the agent is done may go on when it is. */
    const int early = t->start_ms < t->agent_ended_ms && t->last_voice_ms < t->agent_ended_ms;
    const double since_ms = early ? t->agent_ended_ms : t->last_voice_ms;
    const double silence_ms = t->now_ms - since_ms;
    if (silence_ms >= turn_delay_ms(t))
        end_of_turn(t, TP_TRIGGER_SILENCE);
    else if (t->text_ends && t->probability < 0.0f && silence_ms >= t->config.completed_turn_delay_ms)
        end_of_turn(t, TP_TRIGGER_TEXT);
}

/* --- silence ---------------------------------------------------------------------------------------------------------------- */

static void idle(turn *t, tp_idle_reason reason)
{
    turn_emit(t, (tp_call_event){ .type = TP_CALL_IDLE, .idle = { .retry_count = t->retries, .reason = reason } });
}

static void decide_idle(turn *t)
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
    turn_set_user(t, TP_USER_AWAY);
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
            turn_set_user(t, TP_USER_LISTENING);
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
    turn_hear_voice(t, f);
    int actions = 0;
    if (t->overlap)
        actions = turn_judge_overlap(t, f);
    if (t->open && !t->overlap && t->agent != TP_AGENT_SPEAKING)
        decide_end_of_turn(t);
    decide_idle(t);
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
    if (t->overlap && t->paused && turn_enough_words(t))
        return turn_commit(t);
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
            end_of_turn(t, TP_TRIGGER_TEXT);
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
        turn_begin_overlap(t);
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
        t->open &= t->early.onset_ms >= t->start_ms;
        turn_open(t, t->early.onset_ms);
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
        turn_open(t, t->onset_ms);
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
