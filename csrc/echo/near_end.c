#include "echo/near_end.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "echo/floor_tracker.h"
#include "echo/near_net.h"

enum {
    FAR_HOPS = 80,    /* of the far side's band powers             */
    PEAK_HOPS = 8,    /* the far side's most is kept for so many … */
    PEAK_COMPONENTS = 9,   /* … times so many                           */
    TURN_HOPS = 120,  /* after so much silence the agent begins anew */
};

#define LEVEL_FLOOR 1e-10f
#define COHERENCE_KEEP 0.9f
#define FAR_ACTIVE 3e-7f

const unsigned char tp_near_edges[NEAR_BANDS + 1] = { 3, 7, 11, 15, 20, 26, 32, 39, 48, 59, 72, 88, 104 };

struct tp_near_end {
    tp_floor_tracker near_floor, residual_floor;
    float floors[NEAR_BANDS]; /* of the residual */
    float far[FAR_HOPS][NEAR_BANDS], far_peak[PEAK_COMPONENTS][NEAR_BANDS], aligned[4][NEAR_BANDS];
    size_t hop, far_hop; /* heard, sent */
    float leak[NEAR_BANDS];
    /* Cross-spectra with the echo estimate, and powers, smoothed. */
    float residual_re[ECHO_BINS], residual_im[ECHO_BINS], near_re[ECHO_BINS], near_im[ECHO_BINS];
    float residual_power[ECHO_BINS], near_power[ECHO_BINS], echo_power[ECHO_BINS];
    float far_s;
    size_t turn_hops, silent_hops;
    float features[NEAR_FEATURES];
    tp_near_net net;
};

size_t tp_near_end_size(void)
{
    return sizeof(tp_near_end);
}

void tp_near_end_init(tp_near_end *n)
{
    memset(n, 0, sizeof *n);
    tp_floor_tracker_init(&n->near_floor);
    tp_floor_tracker_init(&n->residual_floor);
    n->silent_hops = TURN_HOPS;
    tp_near_net_init(&n->net);
}

const float *tp_near_end_features(const tp_near_end *n)
{
    return n->features;
}

float tp_near_end_level_dbov(const tp_near_end *n)
{
    return n->features[NEAR_BANDS * NEAR_PER_BAND + 1];
}

float tp_near_end_logit(const tp_near_end *n)
{
    return n->net.logit;
}

const float *tp_near_end_gains(const tp_near_end *n)
{
    return n->net.gains;
}

const float *tp_near_end_units(const tp_near_end *n)
{
    return n->net.units[NEAR_LAYERS - 1];
}

const float *tp_near_end_floors(const tp_near_end *n)
{
    return n->floors;
}

/* Mean power of each band. */
static void bands_of(const float *re, const float *im, float *bands)
{
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        float sum = 0.0f;
        for (size_t k = tp_near_edges[b]; k < tp_near_edges[b + 1]; k++)
            sum += re[k] * re[k] + im[k] * im[k];
        bands[b] = sum / (float)(tp_near_edges[b + 1] - tp_near_edges[b]) + LEVEL_FLOOR;
    }
}

/* The long filter has every second bin: its shares of the near power there, times the whole of it, so that what the other bins
 * hold does not look like something it took off. */
static void long_bands(const tp_near_input *in, const float *near, float *residual, float *echo)
{
    const tp_long_row *e = in->long_residual, *y = in->long_echo;
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        float es = 0.0f, ys = 0.0f, ms = 1e-14f;
        for (size_t k = (tp_near_edges[b] + 1u) / 2; 2 * k < tp_near_edges[b + 1]; k++) {
            const float mr = in->near->re[2 * k], mi = in->near->im[2 * k];
            es += e->re[k] * e->re[k] + e->im[k] * e->im[k];
            ys += y->re[k] * y->re[k] + y->im[k] * y->im[k];
            ms += mr * mr + mi * mi;
        }
        residual[b] = near[b] * es / ms + LEVEL_FLOOR;
        echo[b] = near[b] * ys / ms + LEVEL_FLOOR;
    }
}

static float mean_of(const float *bands)
{
    float sum = 0.0f;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        sum += bands[b];
    return sum / NEAR_BANDS;
}

/* Smooths cross-spectra and powers, and gives each band's mean coherence of residual and of near with the echo estimate. */
static void coherences(tp_near_end *n, const tp_near_input *in, float *residual, float *near)
{
    const float keep = COHERENCE_KEEP, take = 1.0f - COHERENCE_KEEP;
    const tp_echo_row *e = in->residual, *m = in->near, *y = in->echo;
    float ce[ECHO_BINS], cm[ECHO_BINS];
    for (size_t k = 0; k < ECHO_BINS; k++) {
        const float yr = y->re[k], yi = y->im[k], er = e->re[k], ei = e->im[k], mr = m->re[k], mi = m->im[k];
        n->residual_re[k] = keep * n->residual_re[k] + take * (er * yr + ei * yi);
        n->residual_im[k] = keep * n->residual_im[k] + take * (ei * yr - er * yi);
        n->near_re[k] = keep * n->near_re[k] + take * (mr * yr + mi * yi);
        n->near_im[k] = keep * n->near_im[k] + take * (mi * yr - mr * yi);
        n->residual_power[k] = keep * n->residual_power[k] + take * (er * er + ei * ei);
        n->near_power[k] = keep * n->near_power[k] + take * (mr * mr + mi * mi);
        n->echo_power[k] = keep * n->echo_power[k] + take * (yr * yr + yi * yi) + 1e-18f;
        const float re2 = n->residual_re[k] * n->residual_re[k] + n->residual_im[k] * n->residual_im[k];
        const float rm2 = n->near_re[k] * n->near_re[k] + n->near_im[k] * n->near_im[k];
        ce[k] = re2 / (n->residual_power[k] * n->echo_power[k] + 1e-16f);
        cm[k] = rm2 / (n->near_power[k] * n->echo_power[k] + 1e-16f);
    }
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        float se = 0.0f, sm = 0.0f;
        for (size_t k = tp_near_edges[b]; k < tp_near_edges[b + 1]; k++) {
            se += ce[k];
            sm += cm[k];
        }
        const float share = 1.0f / (float)(tp_near_edges[b + 1] - tp_near_edges[b]);
        residual[b] = se * share;
        near[b] = sm * share;
    }
}

/* Far power weighted by the long filter's profile, and its maximum over all delays. */
static void far_powers(tp_near_end *n, const tp_near_input *in, float *weighted, float *peak, float *profile_peak)
{
    float total = 1e-12f, max = 0.0f;
    for (size_t t = 0; t < in->profile_taps; t++) {
        total += in->profile[t];
        max = in->profile[t] > max ? in->profile[t] : max;
    }
    *profile_peak = max / total;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        weighted[b] = peak[b] = LEVEL_FLOOR;
    const float *now = n->far[n->far_hop % FAR_HOPS];
    float *component = n->far_peak[n->hop / PEAK_HOPS % PEAK_COMPONENTS];
    for (size_t b = 0; b < NEAR_BANDS; b++)
        component[b] = n->hop % PEAK_HOPS == 0 || now[b] > component[b] ? now[b] : component[b];
    for (size_t i = 0; i < PEAK_COMPONENTS; i++)
        for (size_t b = 0; b < NEAR_BANDS; b++)
            peak[b] = n->far_peak[i][b] > peak[b] ? n->far_peak[i][b] : peak[b];
    for (size_t t = 0; t < in->profile_taps && 2 * t < FAR_HOPS; t++) {
        const float *far = n->far[(n->far_hop + FAR_HOPS - 2 * t) % FAR_HOPS], share = in->profile[t] / total;
        for (size_t b = 0; b < NEAR_BANDS; b++)
            weighted[b] += share * far[b];
    }
}

static void features(tp_near_end *n, const tp_near_input *in)
{
    /* All powers in one array: their logarithms are then one loop. */
    enum { NEAR, RESIDUAL, ECHO, LONG_RESIDUAL, LONG_ECHO, ALIGNED, NEAR_FLOOR, FLOOR, WEIGHTED, PEAK, POWERS };
    float power[POWERS][NEAR_BANDS], db[POWERS * NEAR_BANDS], ce[NEAR_BANDS], cm[NEAR_BANDS], profile_peak;
    float *const m = power[NEAR], *const e = power[RESIDUAL], *const y = power[ECHO], *const xd = power[ALIGNED];
    float *const el = power[LONG_RESIDUAL], *const yl = power[LONG_ECHO], *const near_floor = power[NEAR_FLOOR];
    float *const floor = power[FLOOR], *const weighted = power[WEIGHTED], *const peak = power[PEAK];
    float *now = n->far[n->far_hop % FAR_HOPS];
    bands_of(in->near->re, in->near->im, m);
    bands_of(in->residual->re, in->residual->im, e);
    bands_of(in->echo->re, in->echo->im, y);
    long_bands(in, m, el, yl);
    bands_of(in->far_re, in->far_im, now);
    tp_floor_tracker_hop(&n->near_floor, NEAR_BANDS, m, n->hop, near_floor);
    tp_floor_tracker_hop(&n->residual_floor, NEAR_BANDS, e, n->hop, floor);
    memcpy(n->floors, floor, sizeof n->floors);
    far_powers(n, in, weighted, peak, &profile_peak);
    coherences(n, in, ce, cm);
    if (in->aligned_re) {
        /* The echo's first taps are its strongest: the most of the last 30 ms of what is aligned with it. */
        bands_of(in->aligned_re, in->aligned_im, n->aligned[n->hop % 4]);
        memcpy(xd, n->aligned[n->hop % 4], sizeof power[ALIGNED]);
        for (size_t i = 1; i < 4; i++)
            for (size_t b = 0; b < NEAR_BANDS; b++) {
                const float x = n->aligned[(n->hop + 4 - i) % 4][b];
                xd[b] = x > xd[b] ? x : xd[b];
            }
    } else {
        memcpy(xd, weighted, sizeof power[ALIGNED]);
    }

    const float far_power = mean_of(now);
    const int far_on = far_power > FAR_ACTIVE;
    n->far_s += far_on ? 0.01f : 0.0f;
    n->silent_hops = far_on ? 0 : n->silent_hops + 1;
    n->turn_hops = n->silent_hops >= TURN_HOPS ? 0 : n->turn_hops + 1;

    for (size_t i = 0; i < POWERS * NEAR_BANDS; i++)
        db[i] = tp_db_near((&power[0][0])[i]);
    float *f = n->features;
    for (size_t b = 0; b < NEAR_BANDS; b++, f += NEAR_PER_BAND) {
        const float *const l = db + b;
        const float lm = l[NEAR * NEAR_BANDS], le = l[RESIDUAL * NEAR_BANDS], ly = l[ECHO * NEAR_BANDS];
        const float lel = l[LONG_RESIDUAL * NEAR_BANDS], lyl = l[LONG_ECHO * NEAR_BANDS], lxd = l[ALIGNED * NEAR_BANDS];
        const float lf = l[FLOOR * NEAR_BANDS], from_far = le - lxd;
        if (lxd > -55.0f) {
            const float err = tp_clip(from_far - n->leak[b], -12.0f, 12.0f);
            n->leak[b] += err * (err > 0.0f ? 0.02f : 0.03f);
        }
        f[0] = lm + 50.0f;
        f[1] = lm - l[NEAR_FLOOR * NEAR_BANDS];
        f[2] = le - lf;
        f[3] = tp_clip(le - ly, -30.0f, 40.0f);
        f[4] = tp_clip(lm - le, -20.0f, 40.0f);
        f[5] = tp_clip(lel - lyl, -30.0f, 40.0f);
        f[6] = tp_clip(lm - lel, -20.0f, 40.0f);
        f[7] = tp_clip(le - l[WEIGHTED * NEAR_BANDS], -60.0f, 40.0f);
        f[8] = tp_clip(le - l[PEAK * NEAR_BANDS], -60.0f, 40.0f);
        f[9] = tp_clip(from_far, -60.0f, 40.0f);
        f[10] = tp_clip(from_far - n->leak[b], -30.0f, 40.0f);
        f[11] = 20.0f * ce[b];
        f[12] = 20.0f * cm[b];
        f[13] = tp_clip(ly - lf, -30.0f, 40.0f);
    }
    const float speech = tp_clip(in->speech_probability, 0.001f, 0.999f);
    f[0] = tp_db_near(mean_of(m));
    f[1] = tp_db_near(mean_of(e));
    f[2] = tp_db_near(mean_of(y));
    f[3] = tp_db_near(mean_of(el));
    f[4] = tp_db_near(mean_of(yl));
    f[5] = tp_db_near(far_power);
    f[6] = tp_db_near(mean_of(peak));
    f[7] = tp_db_near(mean_of(weighted));
    f[8] = tp_db_near(mean_of(xd));
    f[9] = tp_db_near(mean_of(near_floor));
    f[10] = tp_db_near(mean_of(floor));
    f[11] = 10.0f * tp_clip(n->far_s, 0.0f, 5.0f);
    f[12] = 10.0f * tp_clip(0.01f * (float)n->turn_hops, 0.0f, 5.0f);
    f[13] = 10.0f * tp_clip(0.01f * (float)n->silent_hops, 0.0f, 1.2f);
    f[14] = 10.0f * profile_peak;
    f[15] = tp_db_near(in->long_variance);
    f[16] = in->aligned_on ? 10.0f : 0.0f;
    f[17] = in->delay_known ? 10.0f : 0.0f;
    f[18] = 4.32808512f * tp_log_near(1.0f + in->aligned_hops);
    f[19] = tp_db_near(in->aligned_variance);
    f[20] = tp_clip(in->delay_score, 0.0f, 25.0f);
    f[21] = 10.0f * in->delay_confidence;
    f[22] = 4.32808512f * (tp_log_near(speech) - tp_log_near(1.0f - speech));
    f[23] = f[0] - f[1];
}

void tp_near_end_hop(tp_near_end *n, const tp_near_input *in)
{
    features(n, in);
    tp_near_net_step(&n->net, n->features);
    n->hop++;
    n->far_hop++;
}

void tp_near_end_skip(tp_near_end *n, const float *far_re, const float *far_im)
{
    bands_of(far_re, far_im, n->far[n->far_hop % FAR_HOPS]);
    n->far_hop++;
}
