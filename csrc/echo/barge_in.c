#include "talkpath/barge_in.h"

#include <string.h>

#include "dsp/approx.h"
#include "dsp/block.h"
#include "echo/sound_span.h"
#include "talkpath/talkpath.h"

enum {
    HOPS_PER_S = 100,
    TURN_HOPS = 120,   /* so much silence of the agent, and its next word begins a turn          */
    EVIDENCE_MS = 100, /* of so long a speech or less, evidence alone decides                    */
    OPEN_HOPS = 20,    /* as long a decision waits, at most, for whether the echo has moved …     */
    SKIPPED_HOPS = 16, /* of what is heard once the reference has been put right tell little             */
    CLEAR_HOPS = 3,    /* … and so long after nothing speaks for it any more                      */
};

#define PRIOR 0.4f /* log-odds: in training a false alarm counted two to four times */

/* Log-odds a hop adds. What speaks against the caller counts less: echo and pauses come between syllables. */
#define MAX_FOR 1.25f
#define MAX_AGAINST 1.05f
#define WEIGHT_FOR 0.5f
#define WEIGHT_AGAINST 0.35f
#define LEAK 0.97f
#define ENOUGH 5.0f      /* at min_speech_ms <= 100 … */
#define ENOUGH_LONG 7.0f /* … and >= 300              */
#define HEADROOM 1.3f    /* evidence is not summed beyond so many times enough, … */
#define HEADROOM_LONG 2.0f /* … and more of it when longer speech is asked for, which has longer gaps */
#define WARM_UP 1.5f     /* times the evidence */
#define RELEASE 0.5f     /* of enough: the decision holds until less is left */
#define ACTIVE 0.5f
#define STILL 0.3f       /* the caller may still speak */
#define ECHO_KNOWN 0.5f  /* more of its likelihood than a call begins with */
#define MOVED 0.4f       /* share of what is enough that is left of the evidence when the echo has moved */

/* Keys, beeps and ringing are somebody's sound too, but no voice: without one, evidence ends short of a decision. */
#define VOICE 0.15f
#define VOICE_HOPS 8
#define UNVOICED 0.4f      /* share of what is enough */
#define DOUBTED 0.45f      /* what is reported of such a sound */

/* Who holds the telephone is louder than who stands behind: below the level that the caller had, every dB speaks against the caller. */
#define FAINTER_DB 8.0f     /* beyond so much, … */
#define PER_DB 0.3f         /* … log-odds, …     */
#define MAX_FAINTER 2.5f   /* … at most: a clear voice still gets through */
#define SURE 0.8f           /* speech that interrupts, as likely as this, says how loud the caller is */
#define FORGET_DB 0.002f    /* a hop */
#define UNHEARD_DBOV -200.0f /* before that nothing is fainter */

struct tp_barge_in {
    tp_barge_in_config config;
    float sum;
    uint64_t hops;
    int suspects; /* there is evidence */
    tp_sound_span span;
    size_t turn_hops, silent_hops;
    size_t voiceless_hops; /* since a voice was heard */
    size_t open_hops, clear_hops; /* a decision has waited, and since there was a reason to */
    size_t skipped_hops;   /* the reference has just been put right */
    int heard_pause;       /* or the agent, since the call began */
    tp_barge_in_reading now;
    /* behind the struct: the echo canceller */
};

static tp_echo_canceller *canceller_of(const tp_barge_in *g)
{
    return (tp_echo_canceller *)(void *)((char *)(uintptr_t)g + tp_align_up(sizeof *g));
}

static tp_echo_canceller_config canceller_config(const tp_barge_in_config *c)
{
    const tp_echo_canceller_config e = { .sample_rate_hz = c->sample_rate_hz, .tail_ms = c->tail_ms, .max_delay_ms = c->max_delay_ms,
                                         .suppress = 1 };
    return e;
}

const char *tp_barge_in_check(const tp_barge_in_config *c)
{
    if (c->min_speech_ms < 20 || c->min_speech_ms > 2000)
        return "min_speech_ms must be from 20 to 2000";
    if (c->warm_up_ms < 0 || c->warm_up_ms > 5000)
        return "warm_up_ms must be from 0 to 5000";
    const tp_echo_canceller_config e = canceller_config(c);
    return tp_echo_canceller_check(&e);
}

size_t tp_barge_in_size(const tp_barge_in_config *c)
{
    const tp_echo_canceller_config e = canceller_config(c);
    return tp_barge_in_check(c) ? 0 : tp_align_up(sizeof(tp_barge_in)) + tp_echo_canceller_size(&e);
}

int tp_barge_in_init(tp_barge_in *g, const tp_barge_in_config *config)
{
    if (tp_barge_in_check(config))
        return TP_ECONFIG;
    g->config = *config;
    tp_barge_in_reset(g);
    return TP_OK;
}

void tp_barge_in_reset(tp_barge_in *g)
{
    const tp_barge_in_config config = g->config;
    const tp_echo_canceller_config e = canceller_config(&config);
    memset(g, 0, sizeof *g);
    g->config = config;
    g->silent_hops = TURN_HOPS;
    g->clear_hops = CLEAR_HOPS + 1;
    g->voiceless_hops = VOICE_HOPS;
    g->now.caller_dbov = UNHEARD_DBOV;
    tp_sound_span_init(&g->span);
    tp_echo_canceller_init(canceller_of(g), &e);
}

int tp_barge_in_set_min_speech_ms(tp_barge_in *g, int min_speech_ms)
{
    tp_barge_in_config config = g->config;
    config.min_speech_ms = min_speech_ms;
    if (tp_barge_in_check(&config))
        return TP_ECONFIG;
    g->config = config;
    return TP_OK;
}

const tp_barge_in_reading *tp_barge_in_read(const tp_barge_in *g)
{
    return &g->now;
}

const tp_echo_state *tp_barge_in_echo(const tp_barge_in *g)
{
    return tp_echo_canceller_state(canceller_of(g));
}

size_t tp_barge_in_delay_samples(const tp_barge_in *g)
{
    return tp_echo_canceller_delay_samples(canceller_of(g));
}

/* 0 at min_speech_ms <= 100, 1 at >= 300. */
static float patience(const tp_barge_in *g)
{
    const float longer = (float)(g->config.min_speech_ms - 100) / 200.0f;
    return longer < 0.0f ? 0.0f : longer > 1.0f ? 1.0f : longer;
}

/* Evidence that is enough now: more for long speech, more while the agent has just begun. */
static float enough(const tp_barge_in *g)
{
    const float sum = ENOUGH + patience(g) * (ENOUGH_LONG - ENOUGH);
    const int warming = g->turn_hops > 0 && g->turn_hops * (1000 / HOPS_PER_S) <= (size_t)g->config.warm_up_ms;
    return warming ? WARM_UP * sum : sum;
}

static float logit_of(float p)
{
    p = p < 0.99f ? p : 0.99f;
    p = p > 0.01f ? p : 0.01f;
    return tp_log_near(p / (1.0f - p));
}

/* The caller's speech in the newest hop, 0 … 1. Somebody who already speaks when the call begins is all that the network's noise
 * floors know of the line: until there is a pause, or something is sent that could come back, the voice detector is believed, too. */
static float speech_of(tp_barge_in *g, const tp_echo_state *s, float own)
{
    g->heard_pause |= (g->hops > VOICE_HOPS && g->voiceless_hops >= VOICE_HOPS) || s->far_active;
    return !g->heard_pause && s->voice_probability > own ? s->voice_probability : own;
}

/* Log-odds against the caller, from how loud this sound has been; follows both levels. */
static float fainter(tp_barge_in *g, float level_dbov)
{
    tp_barge_in_reading *r = &g->now;
    r->level_dbov = g->suspects && r->level_dbov > level_dbov ? r->level_dbov : level_dbov;
    r->caller_dbov -= FORGET_DB;
    return tp_clip(PER_DB * (r->caller_dbov - r->level_dbov - FAINTER_DB), 0.0f, MAX_FAINTER);
}

/* A decision that could fall now waits while it may be the agent's voice at another delay, and a little longer: what says so comes and goes. */
static int waits(tp_barge_in *g, const tp_echo_state *s, int fires)
{
    g->clear_hops = s->echo_open ? 0 : g->clear_hops + 1;
    if (!fires || g->clear_hops > CLEAR_HOPS)
        g->open_hops = g->clear_hops > CLEAR_HOPS ? 0 : g->open_hops;
    else
        g->open_hops++;
    return g->clear_hops <= CLEAR_HOPS && g->open_hops <= OPEN_HOPS;
}

static void hop(tp_barge_in *g)
{
    const tp_echo_state *s = tp_barge_in_echo(g);
    g->hops++;
    const float own_logit = s->near_logit + PRIOR - fainter(g, s->near_level_dbov), own = tp_sigmoid_near(own_logit);
    const float speech = speech_of(g, s, own);
    const float logit = speech > own ? logit_of(speech) : own_logit;
    g->silent_hops = s->far_sounds ? 0 : g->silent_hops + 1;
    g->turn_hops = g->silent_hops >= TURN_HOPS ? 0 : g->turn_hops + 1;

    const float need = enough(g);
    if (logit > 0.0f) {
        const float step = WEIGHT_FOR * logit;
        g->sum = LEAK * g->sum + (step < MAX_FOR ? step : MAX_FOR);
    } else {
        const float step = WEIGHT_AGAINST * logit;
        g->sum += step > -MAX_AGAINST ? step : -MAX_AGAINST;
    }
    g->voiceless_hops = s->voice_probability >= VOICE ? 0 : g->voiceless_hops + 1;
    const int voiced = g->voiceless_hops < VOICE_HOPS;
    if (!voiced && g->sum > UNVOICED * need)
        g->sum = UNVOICED * need;
    /* The agent's voice at another delay sounded like the caller: that was no evidence. */
    g->skipped_hops -= g->skipped_hops > 0;
    if ((s->echo_settling || g->skipped_hops > 0) && g->sum > MOVED * need)
        g->sum = MOVED * need;
    const float max = need * (HEADROOM + patience(g) * (HEADROOM_LONG - HEADROOM));
    g->sum = g->sum < max ? g->sum : max;
    g->sum = g->sum > 0.0f ? g->sum : 0.0f;
    const int suspected = g->suspects;
    g->suspects = g->sum > 0.0f;

    tp_barge_in_reading *r = &g->now;
    r->speech_probability = voiced || speech < DOUBTED ? speech : DOUBTED;
    const size_t hop_samples = (size_t)g->config.sample_rate_hz / HOPS_PER_S;
    tp_sound_span_hop(&g->span, hop_samples, g->suspects && !suspected, r->speech_probability > STILL, !g->suspects);
    const uint64_t onset = g->span.onset_hop, lasted_ms = tp_sound_span_length(&g->span) * (1000 / HOPS_PER_S);
    r->evidence = g->sum / need;
    r->samples = g->hops * hop_samples;
    r->onset_samples = g->suspects ? (onset > 0 ? onset * hop_samples : 1) : 0;
    r->sound_samples = (g->span.end_hop + (uint64_t)g->span.goes_on) * hop_samples;
    r->echo_probability = s->far_active ? s->echo_likelihood * s->echo_share : 0.0f;
    const int long_enough = g->config.min_speech_ms <= EVIDENCE_MS || lasted_ms >= (uint64_t)g->config.min_speech_ms;
    const int fires = r->evidence >= 1.0f && logit > 0.0f && long_enough;
    const int waiting = waits(g, s, fires);
    r->barge_in = (fires && !waiting) || (r->barge_in && r->evidence > RELEASE);
    if (r->barge_in && own > SURE && s->near_level_dbov > r->caller_dbov)
        r->caller_dbov = s->near_level_dbov;
    r->near_end_active = r->barge_in || (r->evidence > ACTIVE && r->speech_probability > 0.5f);
}

void tp_barge_in_dismiss(tp_barge_in *g)
{
    g->sum = 0.0f;
    g->suspects = 0;
    tp_sound_span_dismiss(&g->span);
    g->now.evidence = 0.0f;
    g->now.onset_samples = 0;
    g->now.barge_in = g->now.near_end_active = 0;
}

void tp_barge_in_prefetch(const tp_barge_in *g)
{
    tp_echo_canceller_prefetch(canceller_of(g));
}

void tp_barge_in_skip(tp_barge_in *g, const int16_t *far, size_t n)
{
    tp_echo_canceller_skip(canceller_of(g), far, n);
    /* Until now the echo was looked for in the wrong place; what it left was taken for the caller. */
    if (tp_barge_in_echo(g)->echo_likelihood > ECHO_KNOWN)
        g->skipped_hops = SKIPPED_HOPS;
}

int tp_barge_in_process(tp_barge_in *g, const int16_t *near, const int16_t *far, size_t n, int16_t *out)
{
    tp_echo_canceller *e = canceller_of(g);
    int held = 0, hops = 0;
    while (n > 0) {
        const size_t to_hop = tp_echo_canceller_to_hop(e), take = to_hop < n ? to_hop : n;
        if (near)
            tp_sound_span_near(&g->span, near, take);
        tp_echo_canceller_process(e, near, far, take, out);
        tp_sound_span_out(&g->span, out, take);
        if (take == to_hop) {
            hop(g);
            held |= g->now.barge_in;
            hops++;
        }
        near = near ? near + take : NULL;
        far = far ? far + take : NULL;
        out += take;
        n -= take;
    }
    return hops ? held : g->now.barge_in;
}
