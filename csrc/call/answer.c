#include "call/answer.h"

#include <string.h>

#include "call/call_state.h"

enum {
    WAIT_MS = 10000,       /* nobody speaks: who answered is not known … yet                      */
    PERSON_BEEP_MS = 30000, /* after a person's greeting the beep may still come so long            */
    NETWORK_TAIL_MS = 60,  /* so late is the end of a tone known                                    */
    SPOKE_MS = 500,        /* so much of the agent's speech can be answered, …                    */
    REPLY_MS = 250,        /* … and so much of the caller's is an answer                          */
};

#define RING_HZ 700.0f /* a ring is below it; the beep detector knows the fax tones above it */

/* Of 60 agents with an echo that got past echo control, and of 120 who answered while the agent spoke: from 0.7 s on, echoes are at
 * least 0.81 like what was sent, answers at most 0.75; a short word looks like some other by chance. */
#define OWN_LIKENESS 0.78f
#define OWN_SHORT_LIKENESS 0.97f
#define OWN_MIN_MS 300.0
#define OWN_SHORT_MS 400.0
#define OWN_SURE_MS 700.0

static uint64_t samples(const tp_call *c, int ms)
{
    return (uint64_t)c->config.sample_rate_hz * (uint64_t)ms / 1000;
}

static uint64_t position(const tp_call *c, double ms)
{
    return ms > 0.0 ? (uint64_t)(ms * c->config.sample_rate_hz / 1000.0) : 0;
}

void answer_reset(tp_call *c)
{
    memset(&c->answer, 0, sizeof c->answer);
    c->answer.network_ms = -1.0;
    c->answer.decided = !c->config.detect_answer;
    c->answer.beep_wanted = c->config.detect_beep;
}

static void emit_verdict(tp_call *c, tp_amd_result result, tp_answer_method method)
{
    answer *a = &c->answer;
    a->verdict = result;
    call_emit_received(c, (tp_call_event){ .type = TP_CALL_ANSWERED, .answered = { .result = result, .method = method } });
    a->beep_until = result == TP_AMD_HUMAN ? c->received + samples(c, PERSON_BEEP_MS) : 0;
}

/* Was there a word before this time? */
static int spoke_before(const tp_call *c, double ms)
{
    return c->answer.word_at > 0 && c->answer.word_at <= position(c, ms);
}

static void hear_network(tp_call *c, const int16_t *clean)
{
    tp_call_progress_event tones[TP_CALL_PROGRESS_MAX_EVENTS(TP_CALL_MAX_FRAME)];
    const size_t n = tp_call_progress_process(component(c, COMPONENT_PROGRESS), clean, c->frame, tones);
    for (size_t i = 0; i < n; i++) {
        const tp_call_progress_event *t = &tones[i];
        int lines = 0;
        while (lines < TP_CALL_LINES && t->hz[lines] > 0.0f)
            lines++;
        if (!own_sounds_tone(component(c, COMPONENT_OWN_SOUNDS), t->hz, lines, position(c, t->burst_start_ms), position(c, t->burst_end_ms),
                             t->level_dbov))
            call_emit_received(c, (tp_call_event){ .type = TP_CALL_LINE_TONE, .line_tone = { .tone = t->tone, .plan = t->plan } });
    }
    answer *a = &c->answer;
    const double network_ms = tp_call_progress_network_ms(component(c, COMPONENT_PROGRESS), &a->network_from_ms);
    if (network_ms > a->network_ms)
        a->network_until = c->received + samples(c, NETWORK_TAIL_MS);
    a->network_ms = network_ms;
    /* While the network speaks whatever was taken for a voice was none, and the answer is still to come; unless somebody spoke before:
     * that tone may be the beep. */
    if (!a->decided && c->received < a->network_until && !spoke_before(c, a->network_from_ms)) {
        tp_amd_restart(component(c, COMPONENT_ANSWER));
        a->word_at = 0;
        a->quiet_since = c->received;
    }
}

/* A ring of a plan whose bursts the beep detector does not know. */
static int is_network(const tp_call *c, double start_ms, double end_ms)
{
    const answer *a = &c->answer;
    return c->config.detect_answer && !spoke_before(c, start_ms) && a->verdict != TP_AMD_HUMAN && a->network_ms >= start_ms
           && a->network_from_ms <= end_ms;
}

static void hear_beep(tp_call *c, const int16_t *line)
{
    answer *a = &c->answer;
    tp_beep_event beeps[TP_BEEP_MAX_EVENTS(TP_CALL_MAX_FRAME)];
    const size_t n = tp_beep_process(component(c, COMPONENT_BEEP), line, c->frame, beeps);
    for (size_t i = 0; i < n && a->beep_wanted; i++) {
        const tp_beep_event *b = &beeps[i];
        const double start_ms = ms_of(c, a->beep_from) + b->start_ms, end_ms = ms_of(c, a->beep_from) + b->end_ms;
        if (b->frequency_hz < RING_HZ && is_network(c, start_ms, end_ms))
            continue;
        if (own_sounds_tone(component(c, COMPONENT_OWN_SOUNDS), &b->frequency_hz, 1, position(c, start_ms), position(c, end_ms), b->level_dbov))
            continue;
        /* A short greeting: its beep decides, or corrects what its length seemed to say. */
        if (c->config.detect_answer && a->verdict != TP_AMD_MACHINE)
            emit_verdict(c, TP_AMD_MACHINE, TP_ANSWER_BY_BEEP);
        call_emit_received(c, (tp_call_event){ .type = TP_CALL_BEEP, .beep = { .frequency_hz = b->frequency_hz,
                                                                               .duration_ms = b->end_ms - b->start_ms } });
        a->decided = 1;
        a->beep_wanted = 0;
    }
    if (a->beep_until > 0 && c->received >= a->beep_until)
        a->beep_wanted = 0;
}

void answer_listen_for_beep(tp_call *c, int listen)
{
    answer *a = &c->answer;
    if (listen && !a->beep_wanted) {
        tp_beep_reset(component(c, COMPONENT_BEEP));
        a->beep_from = c->received;
    }
    a->beep_wanted = listen;
    a->beep_until = 0;
}

void answer_hear_line(tp_call *c, const int16_t *line)
{
    if (!c->answer.decided)
        own_words_heard(component(c, COMPONENT_OWN_WORDS), line, c->frame);
    if (c->answer.beep_wanted)
        hear_beep(c, line);
}

/* Echo control does not know every line at once: what it let pass is asked once more, and the longer it is the surer the answer. */
static int are_own_words(const tp_call *c, const tp_amd_decision *d)
{
    const double length_ms = d->to_ms - d->from_ms;
    if (length_ms < OWN_MIN_MS)
        return 0;
    const float shorter = (float)(OWN_SURE_MS - length_ms) / (float)(OWN_SURE_MS - OWN_SHORT_MS);
    const float min = OWN_LIKENESS + (OWN_SHORT_LIKENESS - OWN_LIKENESS) * (shorter < 0.0f ? 0.0f : shorter > 1.0f ? 1.0f : shorter);
    return own_words_likeness(const_component(c, COMPONENT_OWN_WORDS), position(c, d->decided_ms - d->from_ms), position(c, d->decided_ms - d->to_ms)) >= min;
}

static void classify(tp_call *c, const int16_t *clean)
{
    answer *a = &c->answer;
    tp_amd *machine = component(c, COMPONENT_ANSWER);
    tp_amd_decision decision;
    /* Echo control's first output is silence that was never on the line: to a voice detector, noise after it would be sound. */
    const uint64_t missing = tp_barge_in_delay_samples(component(c, COMPONENT_GATE)), before = c->received - c->frame;
    const size_t skip = before >= missing ? 0 : (size_t)(missing - before) < c->frame ? (size_t)(missing - before) : c->frame;
    if (tp_amd_process(machine, clean + skip, c->frame - skip, &decision)) {
        const int own = are_own_words(c, &decision);
        a->decided = !own && decision.result != TP_AMD_UNKNOWN;
        if (!own && decision.result != a->verdict)
            emit_verdict(c, decision.result, TP_ANSWER_BY_AUDIO);
        if (!a->decided)
            tp_amd_restart(machine);
        return;
    }
    if (tp_amd_has_heard(machine)) {
        a->quiet_since = c->received;
        a->word_at = a->word_at > 0 ? a->word_at : c->received;
        return;
    }
    a->word_at = 0;
    tp_amd_wait(machine); /* the clock stands until somebody speaks */
    if (a->verdict == TP_AMD_UNDECIDED && c->received - a->quiet_since >= samples(c, WAIT_MS))
        emit_verdict(c, TP_AMD_UNKNOWN, TP_ANSWER_BY_AUDIO);
}

/* A machine's greeting takes no notice of what the agent says; a person waits until it is over, and then replies. */
static void follow_talk(tp_call *c, int caller_speaks)
{
    answer *a = &c->answer;
    if (c->turn.agent == TP_AGENT_SPEAKING) {
        a->agent_spoke += c->frame;
        a->overlapped |= caller_speaks;
        a->asked = 0;
        a->replied = 0;
        return;
    }
    if (a->agent_spoke > 0) {
        a->asked = a->agent_spoke >= samples(c, SPOKE_MS) && !a->overlapped;
        a->agent_spoke = 0;
        a->overlapped = 0;
    }
    if (a->asked && caller_speaks)
        a->replied += c->frame;
    if (a->replied >= samples(c, REPLY_MS))
        a->beep_wanted = 0;
}

void answer_hear_caller(tp_call *c, const int16_t *clean)
{
    const tp_barge_in_reading *r = tp_barge_in_read(component(c, COMPONENT_GATE));
    if (c->config.detect_answer)
        hear_network(c, clean);
    const int speaks = r->near_end_active;
    if (c->answer.beep_wanted && c->answer.verdict == TP_AMD_HUMAN)
        follow_talk(c, speaks && !answer_tone_sounds(c));
    if (c->answer.decided)
        return;
    /* While the agent can be heard, only what the gate takes for the caller counts. */
    tp_amd_ignore(component(c, COMPONENT_ANSWER), tp_barge_in_echo(component(c, COMPONENT_GATE))->far_active && r->speech_probability <= 0.5f);
    classify(c, clean);
}

int answer_tone_sounds(tp_call *c)
{
    tp_beep_tone tone;
    return c->answer.beep_wanted && tp_beep_sounding(component(c, COMPONENT_BEEP), &tone);
}
