/* What the caller says, and what of it is said over the agent. */
#include "call/turn_speech.h"

#define START_MS 120.0         /* speech of so long is a start … */
#define BRIDGED_MS 80.0       /* … with gaps of so long         */
#define LATE_MS 200.0         /* so much later than its sound is speech found, under an echo */
#define STOP_MS 300.0         /* silence of so long is a stop   */
#define GAP_MS 40.0           /* … of which the detector must be sure for so long */
#define BETWEEN_MS 450.0      /* between words that belong together */
#define OVER_MS 60.0          /* speech of so long over the agent is an overlap */
#define RESTART_MS 1500.0     /* speech so soon after a turn's end shows that it was no end */

/* --- the caller's speech ------------------------------------------------------------------------------------------------- */

void turn_begin_overlap(turn *t)
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
    turn_emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_STARTED, .speech_started = { .onset_ms = onset_ms } });
    turn_set_user(t, TP_USER_SPEAKING);
    if (t->agent == TP_AGENT_SPEAKING) {
        if (!t->overlap)
            t->final_words = t->interim_words = 0;
        turn_begin_overlap(t);
        return;
    }
    if (t->open || (t->agent == TP_AGENT_THINKING && onset_ms - t->turn_ended_ms < RESTART_MS))
        turn_note_pause(t, onset_ms - t->speech_ended_ms);
    turn_open(t, onset_ms);
}

/* Each overlap is classified once: by its end, or by its interruption. */
static void classify_overlap(turn *t, int is_interruption)
{
    turn_emit(t, (tp_call_event){ .type = TP_CALL_BACKCHANNEL,
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
    turn_emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_STOPPED,
                             .speech_stopped = { .onset_ms = t->onset_ms, .duration_ms = t->last_voice_ms - t->onset_ms } });
    turn_set_user(t, TP_USER_LISTENING);
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

void turn_hear_voice(turn *t, const turn_frame *f)
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
            const double onset_ms = f->onset_ms > first_ms ? f->onset_ms : f->now_ms - t->voiced_ms;
            if (t->last_voice_ms > onset_ms) /* else there is no sound in it */
                start_speech(t, onset_ms);
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

int turn_enough_words(const turn *t)
{
    return t->final_words + t->interim_words >= t->config.min_interruption_words;
}

int turn_commit(turn *t)
{
    if (t->paused)
        t->pause_total_ms += t->now_ms - t->paused_ms;
    t->interruptions++;
    t->total.interruptions++;
    classify_overlap(t, 1);
    t->overlap = t->paused = t->early.any = 0;
    turn_open(t, t->onset_ms);
    return TURN_COMMIT;
}

int turn_judge_overlap(turn *t, const turn_frame *f)
{
    const double over_ms = t->run_before_ms + run_ms(t, t->agent_began_ms);
    const float share = (float)(over_ms / (t->config.min_interruption_duration_ms + 1));
    if (share > t->overlap_probability)
        t->overlap_probability = share < 1.0f ? share : 1.0f;
    t->protected_overlap |= !f->interruptible && !f->paused_by_user && over_ms >= OVER_MS;
    if (t->paused) {
        if (!t->speaking && t->now_ms - t->speech_ended_ms >= t->config.false_interruption_timeout_ms) {
            t->pause_total_ms += t->now_ms - t->paused_ms;
            t->paused = t->overlap = 0;
            keep_early(t);
            t->early.ended_ms = t->now_ms; /* so little of the agent's speech has it overlapped as if it ended now */
            t->false_interruptions++;
            t->total.false_interruptions++;
            turn_emit(t, (tp_call_event){ .type = TP_CALL_FALSE_INTERRUPTION, .false_interruption = { .resumed = !f->paused_by_user } });
            return f->paused_by_user ? 0 : TURN_RESUME;
        }
        return 0;
    }
    if (!t->speaking || !f->barge_in || t->overruled)
        return 0;
    t->was_long |= over_ms >= t->config.min_interruption_duration_ms;
    if (!f->interruptible || t->run_before_ms + run_ms(t, overlap_since_ms(t)) < t->config.min_interruption_duration_ms)
        return 0;
    turn_emit(t, (tp_call_event){ .type = TP_CALL_SPEECH_PAUSED });
    t->paused = 1;
    t->paused_ms = t->now_ms;
    return turn_enough_words(t) ? TURN_PAUSE | turn_commit(t) : TURN_PAUSE;
}
