#include "talkpath/echo_canceller.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/block.h"
#include "dsp/simd.h"
#include "echo/delay_watch.h"
#include "echo/echo_components.h"
#include "echo/slot_loops.h"
#include "echo/suppressor.h"
#include "talkpath/talkpath.h"

enum {
    EARLY_MS = 8,      /* a delay so much shorter, …                                          */
    LATE_MS = 40,      /* … or longer than the aligned filter's is still within its taps      */
    WATCH_EARLY_MS = 12, WATCH_LATE_MS = 60, /* the same of one that only the last 160 ms show */
    MOVED_REPLAY_HOPS = 16,
    OLDER_HOPS = 12,   /* of silence end a sound */
    DOUBT_HOPS = 10,   /* of a sound: before, nothing is seen of an echo that has moved */
    CALM_HOPS = 12,    /* with nothing but noise, and nobody speaks: from then on, one hop of REST_HOPS is looked at */
    REST_HOPS = 8,
    SPOKEN_HOPS = 150, /* of the far side say how much of it comes back */
    LEARNT_HOPS = 200, /* of learning: then a filter that works has learnt */
    ROUND_MS = 300,    /* beyond the longest delay: what the search compares with, at most */
};

#define SMOOTH 0.85f  /* of powers that say which filter to trust, a hop */
#define WORSE 1.12f   /* residual over near power: the filter adds sound */
#define USEFUL 0.35f  /* a filter that leaves less than this is not restarted */
#define LITTLE 0.025f /* and less than this is next to nothing           */
#define QUIET 1e-9f
#define SMOOTH_FOUND 0.65f      /* of how much of the echo expected is there, a hop, … */
#define SMOOTH_FOUND_SLOW 0.98f /* … and in general                                    */
#define MISSING 0.4f           /* less of it is there, …                              */
#define PRESENT 0.7f            /* … more, …                                            */
#define RELIED_ON 0.6f          /* … of an echo that so much has been there of         */
#define SPEAKS 0.1f             /* so much of what is heard has to be expected for that to say anything */
#define LOUDER 2.0f             /* times the loudest echo: it is none */
#define FORGET_LOUDEST 0.9985f   /* a hop */
#define LIKELY 0.15f  /* less likelihood of an echo, and nothing is suppressed nor looked for; over 1.2 s of the agent's voice it falls to this */

#define UNLIKELY 0.1f /* … and nothing follows it either */
#define KEEP_SUMS 0.998f /* of powers, a hop: 5 s */
#define SPOKEN 3e-4f     /* of the far side's: a second of speech */
#define SPOKEN_SHARE 0.05f /* of the most that was sent: less is a background */
#define FORGET_FAR 0.9998f /* a hop */
#define CALLER_LOGIT 2.0f  /* in this hop it is a caller who is heard */
#define LEAST_RETURNED 1e-5f
#define RETURNED_AT_MOST 2.0f /* times as much as is known of */
#define FAINT 16.0f           /* times the line's noise, and an echo is faint, … */
#define COVERED 0.03f         /* … or such a share of what is heard              */
#define CALM_LOGIT -2.0f /* of the caller's speech: no more is calm, … */
#define CALM_VOICE 0.15f /* … and no more chance of a voice             */

struct tp_echo_canceller {
    tp_echo_canceller_config config;
    tp_echo_grid grid;
    uint64_t samples; /* complete slots */
    size_t fill;      /* of the slot    */
    size_t slots;
    uint64_t frozen_until; /* lost sound is inside the windows: nothing is learnt */
    uint64_t far_last;     /* sample count at the far side's last sound worth looking at … */
    float slot_power;      /* of the far side, the most in this hop                */
    float masked;          /* so much power of it comes back below the line's noise */
    float far_sum, near_sum; /* powers, while it speaks: what comes back, at most  */
    size_t spoken_hops;    /* summed                                               */
    float far_loudest;     /* the most that was sent                               */
    int faint;             /* what may come back of it now is not worth suppressing nor learning from */
    int16_t ready[ECHO_MAX_SLOT];
    int16_t slot_near[ECHO_MAX_SLOT], slot_far[ECHO_MAX_SLOT];
    float echo_tail[2 * ECHO_MAX_SLOT], cut_tail[2 * ECHO_MAX_SLOT]; /* overlap of what is taken out */
    tp_keep_net keep;
    unsigned calm; /* hops in which there was nothing to decide */
    int resting;   /* in this one                               */
    int cutting; /* in this hop something may have to go */
    tp_suppressor suppressor;
    float near_power, residual_power; /* smoothed: is the aligned filter any good? */
    int trusted;
    float expected, found, expected_slow, found_slow; /* the aligned filter's echo, and its correlation with what is heard */
    float heard, loudest;   /* power of what is heard, summed as `expected`, and the most that that was */
    int older;              /* it began before the agent */
    unsigned locks;
    tp_delay_watch watch;
    float far_power, echo_power; /* smoothed while the filter predicts: the line's loss */
    tp_echo_state state;
    /* behind the struct: echo_components.h */
};

static tp_echo_components components_of(const tp_echo_canceller *e)
{
    return tp_echo_components_at((char *)(uintptr_t)e + tp_align_up(sizeof *e), &e->config);
}

const char *tp_echo_canceller_check(const tp_echo_canceller_config *c)
{
    if (c->sample_rate_hz != 8000 && c->sample_rate_hz != 16000)
        return "sample_rate must be 8000 or 16000";
    if (c->tail_ms < 40 || c->tail_ms > 160)
        return "tail_ms must be from 40 to 160";
    if (c->max_delay_ms < 100 || c->max_delay_ms > 1000)
        return "max_delay_ms must be from 100 to 1000";
    return NULL;
}

size_t tp_echo_canceller_size(const tp_echo_canceller_config *config)
{
    return tp_echo_canceller_check(config) ? 0 : tp_align_up(sizeof(tp_echo_canceller)) + tp_echo_components_size(config);
}

int tp_echo_canceller_init(tp_echo_canceller *e, const tp_echo_canceller_config *config)
{
    if (tp_echo_canceller_check(config))
        return TP_ECONFIG;
    e->config = *config;
    tp_echo_canceller_reset(e);
    return TP_OK;
}

void tp_echo_canceller_reset(tp_echo_canceller *e)
{
    const tp_echo_canceller_config c = e->config;
    const tp_delay_estimator_config delay = { .sample_rate_hz = c.sample_rate_hz, .max_delay_ms = c.max_delay_ms };
    const tp_vad_config vad = { .sample_rate_hz = c.sample_rate_hz };
    const tp_echo_components p = components_of(e);
    memset(e, 0, tp_echo_canceller_size(&c));
    e->config = c;
    tp_echo_grid_init(&e->grid, c.sample_rate_hz);
    tp_long_filter_init(p.long_filter, tp_echo_long_taps(&c));
    tp_aligned_filter_init(p.aligned, tp_echo_aligned_taps(&c), e->grid.bins);
    tp_delay_estimator_init(p.delay, &delay);
    tp_delay_watch_init(&e->watch);
    tp_near_end_init(p.near_end);
    tp_suppressor_init(&e->suppressor);
    tp_vad_init(p.vad, &vad);
    tp_keep_net_init(&e->keep);
    e->state.delay_ms = -1.0f;
    e->state.echo_likelihood = 0.5f;
}

size_t tp_echo_canceller_delay_samples(const tp_echo_canceller *e)
{
    return 2 * e->grid.slot;
}

/* What is gone through while the agent speaks lies behind the rings; while it is silent, little of that is looked at. */
void tp_echo_canceller_prefetch(const tp_echo_canceller *e)
{
    const tp_echo_components p = components_of(e);
    const char *end = (const char *)e + tp_echo_canceller_size(&e->config);
    if (e->state.far_active)
        tp_touch(p.delay, (size_t)(end - (const char *)p.delay));
}

const tp_echo_state *tp_echo_canceller_state(const tp_echo_canceller *e)
{
    return &e->state;
}

size_t tp_echo_canceller_to_hop(const tp_echo_canceller *e)
{
    return ECHO_HOP_SLOTS * e->grid.slot - e->slots % ECHO_HOP_SLOTS * e->grid.slot - e->fill;
}

/* For training: what the networks were given last. */
const float *tp_echo_canceller_features(const tp_echo_canceller *e);
const float *tp_echo_canceller_units(const tp_echo_canceller *e);
const float *tp_echo_canceller_high(const tp_echo_canceller *e);
float **tp_echo_canceller_tap(tp_echo_canceller *e);

const float *tp_echo_canceller_features(const tp_echo_canceller *e)
{
    return tp_near_end_features(components_of(e).near_end);
}

const float *tp_echo_canceller_units(const tp_echo_canceller *e)
{
    return tp_near_end_units(components_of(e).near_end);
}

const float *tp_echo_canceller_high(const tp_echo_canceller *e)
{
    return e->keep.high;
}

float **tp_echo_canceller_tap(tp_echo_canceller *e)
{
    return &e->suppressor.bins.tap;
}

/* Where the aligned filter expects the echo to begin; below 0: nowhere. */
static float expected_ms(const tp_echo_canceller *e, const tp_echo_components *p)
{
    return p->aligned->started ? (float)p->aligned->lag / ((float)e->config.sample_rate_hz / 1000.0f) + ECHO_LEAD_MS : -1.0f;
}

static void restart_filter(tp_echo_canceller *e, const tp_echo_components *p, const tp_echo_rings *r, float delay_ms, size_t replay)
{
    const float ms = (float)e->config.sample_rate_hz / 1000.0f, lead = delay_ms > ECHO_LEAD_MS ? delay_ms - ECHO_LEAD_MS : 0.0f;
    const size_t hops = e->slots / ECHO_HOP_SLOTS;
    tp_aligned_filter_start(p->aligned, &e->grid, r, (uint64_t)(lead * ms + 0.5f), hops < replay ? hops : replay);
    tp_long_filter_boost(p->long_filter, (size_t)delay_ms / (10 * LONG_SPACING));
    e->trusted = 0;
    e->near_power = e->residual_power = 0.0f;
    e->expected = e->found = e->expected_slow = e->found_slow = e->heard = 0.0f;
}

/* An echo has always been where the aligned filter expects it. */
static int echo_relied_on(const tp_echo_canceller *e)
{
    return e->found_slow > RELIED_ON * e->expected_slow;
}

/* Enough is expected now that its absence would show. */
static int echo_expected(const tp_echo_canceller *e)
{
    return e->expected > SPEAKS * e->heard && e->expected > 4.0f * QUIET;
}

/* The aligned filter expects an echo that has always been there, and is not now: it was moved, or the telephone has cut it off. */
static int echo_missing(const tp_echo_canceller *e)
{
    return echo_relied_on(e) && echo_expected(e) && e->found < MISSING * e->expected;
}

static int echo_present(const tp_echo_canceller *e)
{
    return echo_relied_on(e) && echo_expected(e) && e->found > PRESENT * e->expected;
}

/* (Re)starts the aligned filter when the delay estimator has found another delay and the filter is of no use where it is. */
static void follow_delay(tp_echo_canceller *e, const tp_echo_components *p, const tp_echo_rings *r)
{
    const tp_delay_estimate d = tp_delay_estimator_read(p->delay);
    e->state.delay_confidence = d.confidence;
    if (d.locks == e->locks)
        return;
    e->locks = d.locks;
    const float now = expected_ms(e, p);
    e->state.delay_ms = d.delay_ms;
    const int inside = p->aligned->started && d.delay_ms > now - EARLY_MS && d.delay_ms < now + LATE_MS;
    const int useful = p->aligned->started && p->aligned->behind == 0 && e->residual_power < USEFUL * e->near_power;
    if (!inside && !useful)
        restart_filter(e, p, r, d.delay_ms, ECHO_REPLAY_HOPS);
}

/* Follows an echo that has moved, as soon as somebody is heard who may be only that. */
static void watch_delay(tp_echo_canceller *e, const tp_echo_components *p, const tp_echo_rings *r)
{
    const float now = expected_ms(e, p);
    const uint64_t reach = (uint64_t)(e->config.max_delay_ms + TP_DELAY_MATCH_BEYOND_MS + e->config.tail_ms) * (uint64_t)e->config.sample_rate_hz / 1000;
    const int heard = e->far_last > 0 && e->samples - e->far_last < reach && !e->faint && e->state.echo_likelihood > LIKELY && e->state.near_logit > 0.0f;
    const int missing = echo_missing(e), present = echo_present(e), louder = e->heard > LOUDER * e->loudest;
    e->older = heard ? e->older : e->state.near_logit > 0.0f && !e->state.far_active ? 1 : e->older && e->watch.quiet < OLDER_HOPS;
    const tp_watch_echo echo = {
        .from_ms = now < 0.0f ? now : now > WATCH_EARLY_MS ? now - WATCH_EARLY_MS : 0.0f,
        .to_ms = now + WATCH_LATE_MS,
        .known = echo_relied_on(e),
        .missing = missing,
        .present = present,
        .louder = louder,
    };
    if (heard && e->watch.heard == 0) /* what was there before the sound says nothing of it */
        e->expected = e->found = e->heard = 0.0f;
    const float moved_ms = tp_delay_watch_hop(&e->watch, p->delay, heard && !e->older, &echo);
    e->state.echo_relied_on = e->trusted && !missing && echo_relied_on(e);
    const int doubt = echo_relied_on(e) && !present && !louder && e->watch.heard < DOUBT_HOPS;
    e->state.echo_open = e->watch.open || (missing && !louder) || doubt;
    e->state.echo_settling = e->watch.settling;
    if (moved_ms < 0.0f)
        return;
    tp_delay_estimator_move(p->delay, moved_ms);
    e->locks = tp_delay_estimator_read(p->delay).locks;
    e->state.delay_ms = moved_ms;
    restart_filter(e, p, r, moved_ms, MOVED_REPLAY_HOPS);
}

/* Whether what the aligned filter predicts should be taken out. */
static void compare_filters(tp_echo_canceller *e, const tp_echo_row *m, const tp_echo_row *residual, const tp_echo_row *y)
{
    const float py = power_of(y->re, y->im), pm = power_of(m->re, m->im);
    e->heard = SMOOTH_FOUND * e->heard + pm;
    e->expected *= SMOOTH_FOUND;
    e->found *= SMOOTH_FOUND;
    if (py < QUIET)
        return;
    const float pe = power_of(residual->re, residual->im);
    e->near_power = SMOOTH * e->near_power + (1.0f - SMOOTH) * pm;
    e->residual_power = SMOOTH * e->residual_power + (1.0f - SMOOTH) * pe;
    e->echo_power = SMOOTH * e->echo_power + (1.0f - SMOOTH) * py;
    const float pc = (tp_simd->dot(m->re, y->re, ECHO_BINS) + tp_simd->dot(m->im, y->im, ECHO_BINS)) / ECHO_BINS;
    e->expected += py;
    e->found += pc;
    e->loudest *= FORGET_LOUDEST;
    if (e->found > PRESENT * e->expected && e->expected > e->loudest)
        e->loudest = e->expected;
    e->expected_slow = SMOOTH_FOUND_SLOW * e->expected_slow + py;
    e->found_slow = SMOOTH_FOUND_SLOW * e->found_slow + pc;
    if (e->residual_power > WORSE * e->near_power)
        e->trusted = 0;
    else if (e->residual_power < e->near_power)
        e->trusted = 1;
}

/* Synthesises what is taken out of the slot before last and leaves that slot, without it, in `to`. */
static void take_out(const tp_echo_canceller *e, float *tail, const tp_echo_row *what, const tp_echo_edges *edges, float *to)
{
    if (what)
        tp_echo_synthesise(&e->grid, what->re, what->im, edges, tail);
    slide(tail, e->grid.slot, to);
}

/* What a user may want to know: tp_echo_state. */
static void update_state(tp_echo_canceller *e, const tp_echo_row *aligned, int predicted)
{
    tp_echo_state *s = &e->state;
    const uint64_t ms = (uint64_t)e->config.sample_rate_hz / 1000;
    const float delay_ms = s->delay_ms >= 0.0f ? s->delay_ms + LATE_MS : (float)e->config.max_delay_ms;
    s->far_sounds = e->far_last + ECHO_HOP_SLOTS * e->grid.slot > e->samples;
    s->far_active = e->far_last > 0 && e->samples - e->far_last < ((uint64_t)delay_ms + (uint64_t)e->config.tail_ms + 40) * ms;
    if (predicted && aligned) {
        const float far_power = power_of(aligned->re, aligned->im);
        e->far_power = SMOOTH * e->far_power + (1.0f - SMOOTH) * far_power;
        s->erle_db = e->trusted ? tp_db_near(e->near_power) - tp_db_near(e->residual_power) : 0.0f;
        s->erl_db = e->trusted ? tp_db_near(e->far_power) - tp_db_near(e->echo_power) : 0.0f;
    }
    if (s->far_active) {
        float seen = 0.2f * (s->erle_db - 1.0f);
        seen = seen > s->delay_confidence ? seen : s->delay_confidence;
        seen = seen < 1.0f ? seen : 1.0f;
        s->echo_likelihood += (seen > s->echo_likelihood ? 0.05f : 0.01f) * (seen - s->echo_likelihood);
    } else {
        s->erle_db = 0.0f;
    }
    s->double_talk = s->far_active && s->near_probability > 0.5f && s->echo_likelihood > 0.5f && e->echo_power > 4.0f * QUIET;
}

/* How much of the far side's power comes back, at most: what was heard while it sounded over what was sent. Below 0: not known. */
static float returned(const tp_echo_canceller *e)
{
    if (e->spoken_hops < SPOKEN_HOPS || e->far_sum < SPOKEN)
        return -1.0f;
    const float share = e->near_sum / e->far_sum;
    return RETURNED_AT_MOST * (share > LEAST_RETURNED ? share : LEAST_RETURNED);
}

/* While a background is all that was sent lately, little of an echo can be there: below the line's noise, or below a caller. */
static int is_faint(const tp_echo_canceller *e, const tp_near_end *n)
{
    const float share = returned(e), peak = tp_near_end_far_peak(n), echo = share * peak;
    return share > 0.0f && peak < SPOKEN_SHARE * e->far_loudest && (echo < FAINT * tp_near_end_noise(n) || echo < COVERED * tp_near_end_heard(n));
}

/* While the line brings nothing but its noise, as it has for some time, and what may come back of the agent's voice is not worth
 * looking for, nothing changes: the networks, the detector and the searches rest. Before anything is done with a hop. */
static int rests(tp_echo_canceller *e, int quiet)
{
    const tp_echo_state *s = &e->state;
    const int no_echo = !s->far_active || s->echo_likelihood <= LIKELY || e->faint;
    const int calm = quiet && no_echo && s->near_logit < CALM_LOGIT && s->voice_probability < CALM_VOICE;
    e->calm = calm ? e->calm + 1 : 0;
    return e->calm > CALM_HOPS && e->calm % REST_HOPS != 0;
}

/* A background goes on under everything. What of it comes back below the line's noise counts as silence. `over`: the most that a band of
 * it has over the noise. */
static void follow_masking(tp_echo_canceller *e, float over)
{
    const float most = returned(e) * over;
    if (most < 0.0f)
        return;
    const float masked = e->slot_power / most;
    if (most <= 1.0f) {
        e->masked += 0.2f * (masked - e->masked);
    } else if (e->slot_power < e->masked) {
        e->masked = 0.5f * masked;
        e->far_last = e->samples;
    }
    e->masked = tp_clip(e->masked, 0.0f, SPOKEN_SHARE * e->far_loudest);
}

static void end_hop(tp_echo_canceller *e, const tp_echo_components *p, const tp_echo_rings *r, const tp_echo_row *m, const tp_echo_row *residual,
                    const tp_echo_row *y, int predicted, int learn)
{
    tp_echo_row far, aligned;
    tp_long_row long_echo, long_residual;
    const int any = e->slot_power > 0.0f && e->spoken_hops >= SPOKEN_HOPS, loud = e->slot_power > 4.0f * e->masked;
    const int look = any && e->state.hops % (loud ? 8 : 4) == 0;
    if (look || r->far_last + e->grid.fft > r->end)
        tp_echo_analyse(&e->grid, r->far, r->far_length, r->end, far.re, far.im, NULL);
    if (look)
        follow_masking(e, tp_near_end_over_noise(p->near_end, far.re, far.im));
    e->slot_power = 0.0f;
    const int sounds = e->far_last + e->grid.fft > r->end;
    const float peak = tp_near_end_far_peak(p->near_end);
    e->far_loudest = peak > e->far_loudest ? peak : FORGET_FAR * e->far_loudest;
    if (e->state.far_active && peak > SPOKEN_SHARE * e->far_loudest && e->state.near_logit < CALLER_LOGIT) {
        e->spoken_hops++;
        e->near_sum = KEEP_SUMS * e->near_sum + tp_near_end_heard(p->near_end);
        e->far_sum = KEEP_SUMS * e->far_sum + (sounds ? power_of(far.re, far.im) : 0.0f);
    }
    if (e->resting) {
        e->cutting = 0;
        tp_long_filter_skip(p->long_filter, sounds ? &far : NULL);
        tp_near_end_rest(p->near_end, sounds ? far.re : NULL, sounds ? far.im : NULL);
        e->state.hops++;
        e->state.near_level_dbov = tp_near_end_level_dbov(p->near_end);
        update_state(e, NULL, 0);
        return;
    }
    tp_long_filter_hop(p->long_filter, sounds ? &far : NULL, m, learn, &long_echo, &long_residual);
    const tp_delay_estimate d = tp_delay_estimator_read(p->delay);
    const int live = p->aligned->started && p->aligned->behind == 0;
    if (live)
        tp_aligned_filter_far(p->aligned, 2, &aligned);
    const tp_near_input in = {
        .near = m,
        .residual = residual,
        .echo = y,
        .long_residual = &long_residual,
        .long_echo = &long_echo,
        .far_re = sounds ? far.re : NULL,
        .far_im = sounds ? far.im : NULL,
        .aligned_re = live ? aligned.re : NULL,
        .aligned_im = live ? aligned.im : NULL,
        .profile = p->long_filter->profile,
        .profile_taps = p->long_filter->taps,
        .aligned_on = live,
        .delay_known = d.found,
        .aligned_hops = (float)p->aligned->hops,
        .aligned_variance = live ? tp_aligned_filter_variance(p->aligned) : 0.05f,
        .long_variance = tp_long_filter_variance(p->long_filter),
        .delay_score = d.score,
        .delay_confidence = d.confidence,
        .speech_probability = tp_vad_probability(p->vad),
    };
    tp_near_end_hop(p->near_end, &in);
    tp_echo_state *s = &e->state;
    s->hops++;
    s->near_level_dbov = tp_near_end_level_dbov(p->near_end);
    s->near_logit = tp_near_end_logit(p->near_end);
    s->voice_probability = tp_vad_probability(p->vad);
    s->near_probability = tp_sigmoid_near(s->near_logit);
    update_state(e, live ? &aligned : NULL, predicted);
    const float *gains = tp_near_end_gains(p->near_end);
    s->echo_share = 1.0f;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        s->echo_share -= gains[b] * (1.0f / NEAR_BANDS);
    e->cutting = e->config.suppress && s->far_active && s->echo_likelihood > LIKELY && !e->faint;
    if (e->config.suppress && s->far_active && !e->faint && s->echo_likelihood > UNLIKELY) {
        if (!sounds)
            memset(&far, 0, sizeof far);
        tp_keep_net_hop(&e->keep, e->grid.bins, p->near_end, m, residual, y, live ? &aligned : &far);
    }
    follow_delay(e, p, r);
    watch_delay(e, p, r);
}

/* When the far side last sounded: x ends at e->samples. */
static void note_far(tp_echo_canceller *e, const int16_t *x, size_t n)
{
    int sounds;
    float power;
    look_at(x, n, &sounds, &power);
    if (!sounds)
        return;
    power *= 64.0f * TP_INT16_SCALE * TP_INT16_SCALE / (float)n;
    e->slot_power = power > e->slot_power ? power : e->slot_power;
    if (power > e->masked)
        e->far_last = e->samples;
}

/* A filter that leaves next to nothing of the echo learns in every second hop. */
static int learnt(const tp_echo_canceller *e, const tp_echo_components *p)
{
    return p->aligned->behind == 0 && p->aligned->hops > LEARNT_HOPS && e->trusted && e->residual_power < LITTLE * e->near_power
           && e->slots / ECHO_HOP_SLOTS % 2 != 0;
}

static void slot(tp_echo_canceller *e, const tp_echo_components *p)
{
    const size_t n = e->grid.slot;
    push(p->near, p->near_length, e->samples, e->slot_near, n);
    push(p->far, p->far_length, e->samples, e->slot_far, n);
    e->samples += n;
    e->slots++;
    const uint64_t reach = (uint64_t)(e->config.max_delay_ms + ROUND_MS) * (uint64_t)e->config.sample_rate_hz / 1000;
    tp_delay_estimator_rest(p->delay, e->calm > CALM_HOPS || e->faint || e->samples > e->far_last + reach);
    tp_delay_estimator_process(p->delay, e->slot_near, e->slot_far, n);
    note_far(e, e->slot_far, n);
    const tp_echo_rings r = { p->near, p->far, p->near_length, p->far_length, e->samples, e->far_last };
    const int ends_hop = e->slots % ECHO_HOP_SLOTS == 0;
    int learn = e->samples >= e->frozen_until;

    tp_echo_row m, y, residual, cut;
    tp_echo_edges edges;
    /* Between hops, spectra are of use only to what is cut out. */
    const int heard_now = ends_hop || e->cutting;
    if (heard_now)
        tp_echo_analyse(&e->grid, r.near, r.near_length, r.end, m.re, m.im, &edges);
    if (ends_hop) {
        const int quiet = tp_near_end_listen(p->near_end, &m);
        e->faint = is_faint(e, p->near_end);
        e->resting = rests(e, quiet);
        tp_vad_rest(p->vad, e->resting);
        learn = learn && !e->faint && !e->resting;
    }
    const int predicted = tp_aligned_filter_slot(p->aligned, &e->grid, &r, &m, ends_hop, learn && !learnt(e, p), &y);
    if (predicted && heard_now)
        subtract(&m, &y, e->grid.bins, &residual);
    if (predicted && ends_hop)
        compare_filters(e, &m, &residual, &y);
    if (heard_now && (!e->trusted || !predicted)) {
        residual = m;
        memset(&y, 0, sizeof y);
    }

    float out[ECHO_MAX_SLOT];
    const size_t at = (size_t)((e->samples + p->near_length - 2 * n) % p->near_length);
    const size_t before_end = p->near_length - at < n ? p->near_length - at : n;
    from_pcm(p->near + at, before_end, out);
    from_pcm(p->near, n - before_end, out + before_end);
    take_out(e, e->echo_tail, predicted && e->trusted ? &y : NULL, NULL, out);
    int16_t heard[ECHO_MAX_SLOT];
    to_pcm(out, n, heard);
    tp_vad_process(p->vad, heard, n, NULL);
    if (ends_hop)
        end_hop(e, p, &r, &m, &residual, &y, predicted, learn);

    if (e->cutting) {
        float g[ECHO_MAX_BINS];
        tp_suppressor_slot(&e->suppressor, e->grid.bins, &e->keep, &m, &residual, &y, e->state.near_probability, g, &cut);
        /* No filter predicts the edges: they get what it takes off elsewhere as well. */
        const float reduced = e->trusted && e->residual_power < e->near_power ? sqrtf(e->residual_power / e->near_power) : 1.0f;
        for (size_t i = 0; i < ECHO_EDGES; i++) {
            const float taken = 1.0f - (i < ECHO_LOW_EDGE ? g[0] : g[e->grid.bins - 1]) * reduced;
            edges.re[i] *= taken;
            edges.im[i] *= taken;
        }
    }
    take_out(e, e->cut_tail, e->cutting ? &cut : NULL, &edges, out);
    to_pcm(out, n, e->ready);
}

void tp_echo_canceller_skip(tp_echo_canceller *e, const int16_t *far, size_t n)
{
    const tp_echo_components p = components_of(e);
    const size_t hop = ECHO_HOP_SLOTS * e->grid.slot;
    if (e->fill != 0 || e->slots % ECHO_HOP_SLOTS != 0 || n % hop != 0)
        return;
    tp_delay_estimator_skip(p.delay, far, n);
    delay_ring(p.near, p.near_length, n);
    e->frozen_until += e->frozen_until > e->samples ? n : 0;
    for (size_t at = 0; at < n; at += hop) {
        tp_echo_row row;
        push(p.far, p.far_length, e->samples, far + at, hop);
        e->samples += hop;
        note_far(e, far + at, hop);
        tp_echo_analyse(&e->grid, p.far, p.far_length, e->samples, row.re, row.im, NULL);
        tp_long_filter_skip(p.long_filter, &row);
        tp_near_end_skip(p.near_end, row.re, row.im);
    }
    const tp_echo_rings r = { p.near, p.far, p.near_length, p.far_length, e->samples, e->far_last };
    tp_aligned_filter_reload(p.aligned, &e->grid, &r);
}

void tp_echo_canceller_process(tp_echo_canceller *e, const int16_t *near, const int16_t *far, size_t n, int16_t *out)
{
    const tp_echo_components p = components_of(e);
    const size_t full = e->grid.slot;
    while (n > 0) {
        const size_t take = full - e->fill < n ? full - e->fill : n;
        if (near)
            memcpy(e->slot_near + e->fill, near, take * sizeof *near);
        else
            memset(e->slot_near + e->fill, 0, take * sizeof *near);
        if (far)
            memcpy(e->slot_far + e->fill, far, take * sizeof *far);
        else
            memset(e->slot_far + e->fill, 0, take * sizeof *far);
        memcpy(out, e->ready + e->fill, take * sizeof *out);
        if (!near || !far) {
            const uint64_t window = e->samples + full + e->grid.fft;
            const uint64_t whole = window + (far ? 0u : (uint64_t)(e->config.max_delay_ms + e->config.tail_ms)
                                                            * (uint64_t)e->config.sample_rate_hz / 1000u);
            e->frozen_until = whole > e->frozen_until ? whole : e->frozen_until;
        }
        e->fill += take;
        near = near ? near + take : NULL;
        far = far ? far + take : NULL;
        out += take;
        n -= take;
        if (e->fill == full) {
            e->fill = 0;
            slot(e, &p);
        }
    }
}
