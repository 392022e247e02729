#include "echo/keep_bins.h"

#include <string.h>

#include "dsp/approx.h"
#include "dsp/simd.h"
#include "echo/keep_bins_tables.h"

enum { REACH = 6 }; /* bins to each side that one is compared with */

/* The measures that differ from bin to bin. Logarithms to base 10, of powers; what tells of an echo is 0 where none is predicted. */
enum {
    BAND_ODDS,      /* of the gain that the band is to have                */
    OVER_BINS,      /* residual, smoothed, over the bins around            */
    ECHO_OVER_BINS, /* the same of the echo estimate                       */
    CHANGE,         /* residual now, over smoothed                         */
    OVER_ECHO,      /* residual over the echo estimate, both smoothed      */
    OVER_NOISE,     /* residual over the line's noise                      */
    PLACE,          /* -1 … 1: of the bin, from 125 Hz to 7.6 kHz          */
    KNOWN,          /* 1: an echo is predicted around the bin              */
    RISE,           /* residual, smoothed, over what it was for some time  */
    REDUCTION,      /* near over residual: what the filter takes off       */
    ECHO_CHANGE,    /* echo estimate now, over smoothed                    */
    LEVEL,          /* of the residual                                     */
    APART,          /* what two networks think of the band                 */
    PER_BIN,
    /* In training two more, the same for all bins: whether the caller speaks, -1 … 1 as far as is known, after OVER_NOISE,
     * and a last one that is 1. */
    CALLER = OVER_NOISE + 1,
    AROUND = ECHO_MAX_BINS + 16, /* with REACH bins of nothing to each side, in whole vectors */
};

#define KEEP_RESIDUAL 0.6f /* of smoothed powers, a slot: of residual and near */
#define KEEP_ECHO 0.8f
#define KEEP_SLOW 0.93f
#define MIN_GAIN 0.003f
#define QUIET 1e-9f  /* no echo is predicted below  */
#define MIN 1e-14f /* under any power             */
#define MAX 5.0f    /* of differences not limited otherwise */
#define LN_10 2.30258509f

typedef char same_shape[(int)KEEP_BINS_MEASURES == (int)KEEP_MEASURES && (int)KEEP_BINS_HIDDEN == (int)KEEP_HIDDEN
                                && (int)PER_BIN == (int)KEEP_MEASURES - 2
                            ? 1
                            : -1];

void tp_keep_bins_init(tp_keep_bins *k)
{
    memset(k, 0, sizeof *k);
}

TP_INLINE void powers_of(const tp_echo_row *TP_RESTRICT z, size_t bins, float *TP_RESTRICT power)
{
    for (size_t k = 0; k < bins; k++)
        power[k] = z->re[k] * z->re[k] + z->im[k] * z->im[k];
}

TP_INLINE void smooth(const float *TP_RESTRICT power, size_t bins, float keep, float *TP_RESTRICT smoothed)
{
    for (size_t k = 0; k < bins; k++)
        smoothed[k] = keep * smoothed[k] + (1.0f - keep) * power[k];
}

TP_INLINE float log_of(float power)
{
    return tp_log10_rough(power + MIN);
}

/* Means over 2·REACH + 1 bins around each bin, of those there are: sums of two, of four, … */
TP_INLINE void around(const float *TP_RESTRICT x, size_t bins, float *TP_RESTRICT mean)
{
    float one[AROUND + 16] = { 0 }, two[AROUND + 16], four[AROUND + 16];
    memcpy(one + REACH, x, bins * sizeof *one);
    for (size_t k = 0; k < bins + 16; k++)
        two[k] = one[k] + one[k + 1];
    for (size_t k = 0; k < bins + 16; k++)
        four[k] = two[k] + two[k + 2];
    for (size_t k = 0; k < bins; k++) {
        const float total = (four[k] + four[k + 4]) + (four[k + 8] + one[k + 12]);
        mean[k] = (total > MIN ? total : MIN) * (1.0f / (2 * REACH + 1));
    }
}

TP_INLINE void measure_loops(tp_keep_bins *s, size_t bins, const float *TP_RESTRICT apart, const float *TP_RESTRICT noise,
                             const tp_echo_row *near, const tp_echo_row *residual, const tp_echo_row *echo,
                             const float *TP_RESTRICT gains, float rows[PER_BIN][ECHO_MAX_BINS])
{
    float near_now[ECHO_MAX_BINS], echo_now[ECHO_MAX_BINS], now[ECHO_MAX_BINS], r[ECHO_MAX_BINS], e[ECHO_MAX_BINS];
    float residual_around[ECHO_MAX_BINS], echo_around[ECHO_MAX_BINS], known[ECHO_MAX_BINS];
    bins = bins / 16 * 16; /* as it is: so compilers know */
    powers_of(near, bins, near_now);
    smooth(near_now, bins, KEEP_RESIDUAL, s->near);
    powers_of(echo, bins, echo_now);
    smooth(echo_now, bins, KEEP_ECHO, s->echo);
    powers_of(residual, bins, now);
    smooth(now, bins, KEEP_RESIDUAL, s->residual);
    smooth(now, bins, KEEP_SLOW, s->slow);
    around(s->residual, bins, residual_around);
    around(s->echo, bins, echo_around);
    for (size_t k = 0; k < bins; k++) {
        r[k] = log_of(s->residual[k]);
        e[k] = log_of(s->echo[k]);
        known[k] = echo_around[k] > QUIET ? 1.0f : 0.0f;
    }
    for (size_t k = 0; k < bins; k++) {
        const float g = tp_clip(gains[k], MIN_GAIN, 1.0f - MIN_GAIN);
        rows[BAND_ODDS][k] = tp_log10_rough(g) - tp_log10_rough(1.0f - g);
        rows[PLACE][k] = (float)(int)k * (2.0f / (ECHO_MAX_BINS - 1)) - 1.0f;
        rows[LEVEL][k] = 0.5f * (r[k] + 6.0f);
        rows[APART][k] = 2.0f * apart[k];
    }
    for (size_t k = 0; k < bins; k++) {
        rows[OVER_BINS][k] = tp_clip(r[k] - log_of(residual_around[k]), -MAX, MAX);
        rows[CHANGE][k] = tp_clip(log_of(now[k]) - r[k], -2.0f, 2.0f);
        rows[OVER_NOISE][k] = tp_clip(r[k] - log_of(noise[k]), -2.0f, MAX);
        rows[RISE][k] = tp_clip(r[k] - log_of(s->slow[k]), -2.0f, 2.0f);
    }
    for (size_t k = 0; k < bins; k++) {
        rows[KNOWN][k] = known[k];
        rows[ECHO_OVER_BINS][k] = known[k] * tp_clip(e[k] - log_of(echo_around[k]), -MAX, MAX);
        rows[OVER_ECHO][k] = known[k] * tp_clip(r[k] - e[k], -3.0f, 4.0f);
        rows[REDUCTION][k] = known[k] * tp_clip(log_of(s->near[k]) - r[k], -1.0f, 3.0f);
        rows[ECHO_CHANGE][k] = known[k] * tp_clip(log_of(echo_now[k]) - e[k], -2.0f, 2.0f);
    }
}

TP_WIDE(static, measure,
        (tp_keep_bins *s, size_t bins, const float *apart, const float *noise, const tp_echo_row *near, const tp_echo_row *residual,
         const tp_echo_row *echo, const float *gains, float rows[PER_BIN][ECHO_MAX_BINS]),
        (s, bins, apart, noise, near, residual, echo, gains, rows))

/* For training: KEEP_ROWS rows, one behind the other. */
static void tell(float *to, size_t bins, float rows[PER_BIN][ECHO_MAX_BINS], float caller, const tp_echo_row *residual, const float *noise)
{
    for (size_t m = 0; m < KEEP_MEASURES; m++, to += bins)
        for (size_t k = 0; k < bins; k++)
            to[k] = m == CALLER ? caller : m == KEEP_MEASURES - 1 ? 1.0f : rows[m < CALLER ? m : m - 1][k];
    powers_of(residual, bins, to);
    memcpy(to + bins, noise, bins * sizeof *to);
}

TP_INLINE void odds_loops(const float *TP_RESTRICT band_odds, size_t bins, float *TP_RESTRICT z)
{
    bins = bins / 16 * 16;
    for (size_t k = 0; k < bins; k++)
        z[k] = LN_10 * band_odds[k] + bins_out_bias[0];
}

TP_WIDE(static, odds, (const float *band_odds, size_t bins, float *z), (band_odds, bins, z))

TP_INLINE void shares_loops(const float *TP_RESTRICT z, size_t bins, float *TP_RESTRICT gains)
{
    bins = bins / 16 * 16;
    for (size_t k = 0; k < bins; k++)
        gains[k] = tp_sigmoid_near(z[k]);
}

TP_WIDE(static, shares, (const float *z, size_t bins, float *gains), (z, bins, gains))

void tp_keep_bins_slot(tp_keep_bins *s, size_t bins, const float *apart, const float *noise, float caller,
                       const tp_echo_row *near, const tp_echo_row *residual, const tp_echo_row *echo, float *gains)
{
    float rows[PER_BIN][ECHO_MAX_BINS], z[ECHO_MAX_BINS], bias[KEEP_HIDDEN];
    const float speaks = 2.0f * caller - 1.0f;
    measure(s, bins, apart, noise, near, residual, echo, gains, rows);
    if (s->tap)
        tell(s->tap, bins, rows, speaks, residual, noise);
    for (size_t u = 0; u < KEEP_HIDDEN; u++)
        bias[u] = bins_bias[u] + bins_caller[u] * speaks;
    odds(rows[BAND_ODDS], bins, z);
    tp_simd->two_layers(bins_hidden, bias, bins_out, KEEP_HIDDEN, PER_BIN, rows[0], ECHO_MAX_BINS, z, z, bins);
    shares(z, bins, gains);
}
