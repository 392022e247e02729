#include "echo/near_end.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/simd.h"
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
#define QUIET 4.0f /* times its floor, and a band does not stand out of the noise */

/* Band, first bin, first bin of the next: spelled out, so that sums over them are straight code. */
#define NEAR_BAND_LIST(BAND) \
    BAND(0, 3, 7) BAND(1, 7, 11) BAND(2, 11, 15) BAND(3, 15, 20) BAND(4, 20, 26) BAND(5, 26, 32) \
    BAND(6, 32, 39) BAND(7, 39, 48) BAND(8, 48, 59) BAND(9, 59, 72) BAND(10, 72, 88) BAND(11, 88, 104)

#define FROM(b, from, to) from,
#define WIDTH(b, from, to) (to) - (from),
const unsigned char tp_near_edges[NEAR_BANDS + 1] = { NEAR_BAND_LIST(FROM) 104 };
static const float widths[NEAR_BANDS] = { NEAR_BAND_LIST(WIDTH) };

struct tp_near_end {
    tp_floor_tracker near_floor, residual_floor;
    float near[NEAR_BANDS], near_floors[NEAR_BANDS]; /* of the newest hop heard */
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

TP_INLINE float sum_of(const float *x, float sum, size_t from, size_t to)
{
    TP_UNROLL
    for (size_t k = from; k < to; k++)
        sum += x[k];
    return sum;
}

/* The long filter's bins of a band: it has every second one. */
#define LONG(edge) (((edge) + 1) / 2)
#define SUM(b, from, to) sums[b] = sum_of(x, 0.0f, from, to);
#define LONG_SUM(b, from, to) sums[b] = sum_of(x, begin, LONG(from), LONG(to));

static void sums_of(const float *x, float *sums)
{
    NEAR_BAND_LIST(SUM)
}

static void long_sums_of(const float *x, float begin, float *sums)
{
    NEAR_BAND_LIST(LONG_SUM)
}

TP_INLINE void powers_of(const float *TP_RESTRICT re, const float *TP_RESTRICT im, size_t n, float *TP_RESTRICT power)
{
    TP_ROLLED
    for (size_t k = 0; k < n; k++)
        power[k] = re[k] * re[k] + im[k] * im[k];
}

/* Mean power of each band, of the bins' powers. */
TP_INLINE void means_of(const float *TP_RESTRICT power, float *TP_RESTRICT bands)
{
    float sums[NEAR_BANDS];
    sums_of(power, sums);
    for (size_t b = 0; b < NEAR_BANDS; b++)
        bands[b] = sums[b] / widths[b] + LEVEL_FLOOR;
}

TP_INLINE void bands_of(const float *re, const float *im, float *bands)
{
    float power[ECHO_BINS];
    powers_of(re, im, ECHO_BINS, power);
    means_of(power, bands);
}

/* The long filter has every second bin: its shares of the near power there, times the whole of it, so that what the other bins
 * hold does not look like something it took off. near_power: of the grid's bins. */
TP_INLINE void long_bands(const tp_near_input *in, const float *near_power, const float *near, float *residual, float *echo)
{
    float power[ECHO_LONG_BINS], es[NEAR_BANDS], ys[NEAR_BANDS], ms[NEAR_BANDS];
    powers_of(in->long_residual->re, in->long_residual->im, ECHO_LONG_BINS, power);
    long_sums_of(power, 0.0f, es);
    powers_of(in->long_echo->re, in->long_echo->im, ECHO_LONG_BINS, power);
    long_sums_of(power, 0.0f, ys);
    TP_ROLLED
    for (size_t k = 0; k < ECHO_LONG_BINS; k++)
        power[k] = near_power[2 * k];
    long_sums_of(power, 1e-14f, ms);
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        residual[b] = near[b] * es[b] / ms[b] + LEVEL_FLOOR;
        echo[b] = near[b] * ys[b] / ms[b] + LEVEL_FLOOR;
    }
}

TP_INLINE float mean_of(const float *bands)
{
    float sum = 0.0f;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        sum += bands[b];
    return sum / NEAR_BANDS;
}

/* Smooths the cross-spectrum of z with y. */
TP_INLINE void cross(const tp_echo_row *TP_RESTRICT z, const tp_echo_row *TP_RESTRICT y, float *TP_RESTRICT re, float *TP_RESTRICT im)
{
    const float keep = COHERENCE_KEEP, take = 1.0f - COHERENCE_KEEP;
    TP_ROLLED
    for (size_t k = 0; k < ECHO_BINS; k++) {
        const float zr = z->re[k], zi = z->im[k], yr = y->re[k], yi = y->im[k];
        re[k] = keep * re[k] + take * (zr * yr + zi * yi);
        im[k] = keep * im[k] + take * (zi * yr - zr * yi);
    }
}

TP_INLINE void smooth(const float *TP_RESTRICT power, float plus, float *TP_RESTRICT smoothed)
{
    const float keep = COHERENCE_KEEP, take = 1.0f - COHERENCE_KEEP;
    TP_ROLLED
    for (size_t k = 0; k < ECHO_BINS; k++)
        smoothed[k] = keep * smoothed[k] + take * power[k] + plus;
}

/* Each band's mean coherence: cross-spectrum over both powers. */
TP_INLINE void coherence(const float *TP_RESTRICT re, const float *TP_RESTRICT im, const float *TP_RESTRICT power,
                         const float *TP_RESTRICT echo_power, float *TP_RESTRICT bands)
{
    float c[ECHO_BINS];
    TP_ROLLED
    for (size_t k = 0; k < ECHO_BINS; k++)
        c[k] = (re[k] * re[k] + im[k] * im[k]) / (power[k] * echo_power[k] + 1e-16f);
    sums_of(c, bands);
    for (size_t b = 0; b < NEAR_BANDS; b++)
        bands[b] *= 1.0f / widths[b];
}

/* The far side's power in this hop and the most of it lately, and for how long it has spoken. Returns the power. */
TP_INLINE float follow_far(tp_near_end *n, const float *far_re, const float *far_im)
{
    float *now = n->far[n->far_hop % FAR_HOPS], *component = n->far_peak[n->hop / PEAK_HOPS % PEAK_COMPONENTS];
    if (far_re)
        bands_of(far_re, far_im, now);
    else
        for (size_t b = 0; b < NEAR_BANDS; b++)
            now[b] = LEVEL_FLOOR;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        component[b] = n->hop % PEAK_HOPS == 0 || now[b] > component[b] ? now[b] : component[b];
    const float power = mean_of(now);
    const int on = power > FAR_ACTIVE;
    n->far_s += on ? 0.01f : 0.0f;
    n->silent_hops = on ? 0 : n->silent_hops + 1;
    n->turn_hops = n->silent_hops >= TURN_HOPS ? 0 : n->turn_hops + 1;
    return power;
}

/* Far power weighted by the long filter's profile, and its maximum over all delays. */
TP_INLINE void far_powers(tp_near_end *n, const tp_near_input *in, float *weighted, float *peak, float *profile_peak)
{
    float total = 1e-12f, max = 0.0f;
    for (size_t t = 0; t < in->profile_taps; t++) {
        total += in->profile[t];
        max = in->profile[t] > max ? in->profile[t] : max;
    }
    *profile_peak = max / total;
    for (size_t b = 0; b < NEAR_BANDS; b++)
        weighted[b] = peak[b] = LEVEL_FLOOR;
    TP_ROLLED
    for (size_t i = 0; i < PEAK_COMPONENTS; i++)
        for (size_t b = 0; b < NEAR_BANDS; b++)
            peak[b] = n->far_peak[i][b] > peak[b] ? n->far_peak[i][b] : peak[b];
    for (size_t t = 0; t < in->profile_taps && 2 * t < FAR_HOPS; t++) {
        const float *far = n->far[(n->far_hop + FAR_HOPS - 2 * t) % FAR_HOPS], share = in->profile[t] / total;
        for (size_t b = 0; b < NEAR_BANDS; b++)
            weighted[b] += share * far[b];
    }
}

TP_INLINE void features_loops(tp_near_end *n, const tp_near_input *in)
{
    /* All powers in one array: their logarithms are then one loop. */
    enum { NEAR, RESIDUAL, ECHO, LONG_RESIDUAL, LONG_ECHO, ALIGNED, NEAR_FLOOR, FLOOR, WEIGHTED, PEAK, POWERS };
    float power[POWERS][NEAR_BANDS], db[POWERS * NEAR_BANDS], ce[NEAR_BANDS], cm[NEAR_BANDS], profile_peak;
    float *const m = power[NEAR], *const e = power[RESIDUAL], *const y = power[ECHO], *const xd = power[ALIGNED];
    float *const el = power[LONG_RESIDUAL], *const yl = power[LONG_ECHO], *const near_floor = power[NEAR_FLOOR];
    float *const floor = power[FLOOR], *const weighted = power[WEIGHTED], *const peak = power[PEAK];
    float near_power[ECHO_BINS], residual_power[ECHO_BINS], echo_power[ECHO_BINS];
    powers_of(in->near->re, in->near->im, ECHO_BINS, near_power);
    powers_of(in->residual->re, in->residual->im, ECHO_BINS, residual_power);
    powers_of(in->echo->re, in->echo->im, ECHO_BINS, echo_power);
    memcpy(m, n->near, sizeof n->near);
    means_of(residual_power, e);
    means_of(echo_power, y);
    long_bands(in, near_power, m, el, yl);
    const float far_power = follow_far(n, in->far_re, in->far_im);
    memcpy(near_floor, n->near_floors, sizeof n->near_floors);
    tp_floor_tracker_hop(&n->residual_floor, NEAR_BANDS, e, n->hop, floor);
    memcpy(n->floors, floor, sizeof n->floors);
    far_powers(n, in, weighted, peak, &profile_peak);
    cross(in->residual, in->echo, n->residual_re, n->residual_im);
    cross(in->near, in->echo, n->near_re, n->near_im);
    smooth(residual_power, 0.0f, n->residual_power);
    smooth(near_power, 0.0f, n->near_power);
    smooth(echo_power, 1e-18f, n->echo_power);
    coherence(n->residual_re, n->residual_im, n->residual_power, n->echo_power, ce);
    coherence(n->near_re, n->near_im, n->near_power, n->echo_power, cm);
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

    TP_ROLLED
    for (size_t i = 0; i < POWERS * NEAR_BANDS; i++)
        db[i] = tp_db_near((&power[0][0])[i]);
    float *f = n->features;
    TP_ROLLED
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

TP_WIDE(static, features, (tp_near_end *n, const tp_near_input *in), (n, in))

TP_INLINE void hear_loops(tp_near_end *n, const tp_echo_row *near, int *stands_out)
{
    bands_of(near->re, near->im, n->near);
    tp_floor_tracker_hop(&n->near_floor, NEAR_BANDS, n->near, n->hop, n->near_floors);
    for (size_t b = 0; b < NEAR_BANDS; b++)
        *stands_out |= n->near[b] > QUIET * n->near_floors[b];
}

TP_WIDE(static, hear, (tp_near_end *n, const tp_echo_row *near, int *stands_out), (n, near, stands_out))

int tp_near_end_listen(tp_near_end *n, const tp_echo_row *near)
{
    int stands_out = 0;
    hear(n, near, &stands_out);
    return !stands_out;
}

float tp_near_end_heard(const tp_near_end *n)
{
    return mean_of(n->near);
}

float tp_near_end_noise(const tp_near_end *n)
{
    return mean_of(n->near_floors);
}

float tp_near_end_far_peak(const tp_near_end *n)
{
    float peak[NEAR_BANDS];
    memcpy(peak, n->far_peak[0], sizeof peak);
    for (size_t i = 1; i < PEAK_COMPONENTS; i++)
        for (size_t b = 0; b < NEAR_BANDS; b++)
            peak[b] = n->far_peak[i][b] > peak[b] ? n->far_peak[i][b] : peak[b];
    return mean_of(peak);
}

TP_INLINE void over_noise_loops(const tp_near_end *n, const float *far_re, const float *far_im, float *most)
{
    float bands[NEAR_BANDS];
    bands_of(far_re, far_im, bands);
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        const float over = bands[b] / n->floors[b];
        *most = over > *most ? over : *most;
    }
}

TP_WIDE(static, over_noise, (const tp_near_end *n, const float *far_re, const float *far_im, float *most), (n, far_re, far_im, most))

float tp_near_end_over_noise(const tp_near_end *n, const float *far_re, const float *far_im)
{
    float most = 0.0f;
    over_noise(n, far_re, far_im, &most);
    return most;
}

TP_INLINE void follow_loops(tp_near_end *n, const float *far_re, const float *far_im)
{
    follow_far(n, far_re, far_im);
    tp_floor_tracker_hop(&n->residual_floor, NEAR_BANDS, n->near, n->hop, n->floors);
    n->features[NEAR_BANDS * NEAR_PER_BAND + 1] = tp_db_near(mean_of(n->near));
}

TP_WIDE(static, follow, (tp_near_end *n, const float *far_re, const float *far_im), (n, far_re, far_im))

void tp_near_end_rest(tp_near_end *n, const float *far_re, const float *far_im)
{
    follow(n, far_re, far_im);
    n->hop++;
    n->far_hop++;
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
