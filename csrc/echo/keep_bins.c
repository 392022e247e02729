#include "echo/keep_bins.h"

#include <string.h>

#include "dsp/approx.h"
#include "dsp/block.h"
#include "dsp/simd.h"
#include "echo/keep_bins_tables.h"

enum { REACH = 6 }; /* bins to each side that one is compared with */

/* The measures, and two rows more. Logarithms to base 10, of powers; what tells of an echo is 0 where none is predicted. */
enum {
    BAND_ODDS,      /* of the gain that the band is to have                */
    OVER_BINS,      /* residual, smoothed, over the bins around            */
    ECHO_OVER_BINS, /* the same of the echo estimate                       */
    CHANGE,         /* residual now, over smoothed                         */
    OVER_ECHO,      /* residual over the echo estimate, both smoothed      */
    OVER_NOISE,     /* residual over the line's noise                      */
    CALLER,         /* -1 … 1: speaks, as far as is known                  */
    PLACE,          /* -1 … 1: of the bin, from 125 Hz to 7.6 kHz          */
    KNOWN,          /* 1: an echo is predicted around the bin              */
    RISE,           /* residual, smoothed, over what it was for some time  */
    REDUCTION,      /* near over residual: what the filter takes off       */
    ECHO_CHANGE,    /* echo estimate now, over smoothed                    */
    LEVEL,          /* of the residual                                     */
    APART,          /* what two networks think of the band                 */
    ONE,            /* its weight is a bias                                */
    POWER,          /* of the residual, now                                */
    NOISE,          /* of the line                                         */
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
                                && (int)ONE == (int)KEEP_MEASURES - 1 && (int)NOISE == (int)KEEP_ROWS - 1
                            ? 1
                            : -1];

void tp_keep_bins_init(tp_keep_bins *k)
{
    memset(k, 0, sizeof *k);
}

static void powers_of(const tp_echo_row *z, size_t bins, float *TP_RESTRICT power)
{
    for (size_t k = 0; k < bins; k++)
        power[k] = z->re[k] * z->re[k] + z->im[k] * z->im[k];
}

static void smooth(const float *TP_RESTRICT power, size_t bins, float keep, float *TP_RESTRICT smoothed)
{
    for (size_t k = 0; k < bins; k++)
        smoothed[k] = keep * smoothed[k] + (1.0f - keep) * power[k];
}

static void logs_of(const float *TP_RESTRICT power, size_t bins, float *TP_RESTRICT log10s)
{
    for (size_t k = 0; k < bins; k++)
        log10s[k] = tp_log10_rough(power[k] + MIN);
}

static void differences(const float *TP_RESTRICT a, const float *TP_RESTRICT b, size_t bins, float low, float high, float *TP_RESTRICT row)
{
    for (size_t k = 0; k < bins; k++)
        row[k] = tp_clip(a[k] - b[k], low, high);
}

static void times(const float *TP_RESTRICT a, size_t bins, float *TP_RESTRICT row)
{
    for (size_t k = 0; k < bins; k++)
        row[k] *= a[k];
}

/* Means over 2·REACH + 1 bins around each bin, of those there are. */
static void around(const float *x, size_t bins, float *mean)
{
    float total = 0.0f;
    for (size_t k = 0; k < REACH; k++)
        total += x[k];
    for (size_t k = 0; k < bins; k++) {
        if (k + REACH < bins)
            total += x[k + REACH];
        if (k > REACH)
            total -= x[k - REACH - 1];
        mean[k] = (total > MIN ? total : MIN) * (1.0f / (2 * REACH + 1));
    }
}

static void measure(tp_keep_bins *s, size_t bins, const float *apart, const float *noise, float caller, const tp_echo_row *near,
                    const tp_echo_row *residual, const tp_echo_row *echo, const float *gains, float *rows)
{
    float echo_now[ECHO_MAX_BINS], mean[ECHO_MAX_BINS], r[ECHO_MAX_BINS], e[ECHO_MAX_BINS], other[ECHO_MAX_BINS], *row[KEEP_ROWS];
    for (size_t m = 0; m < KEEP_ROWS; m++)
        row[m] = rows + m * bins;
    powers_of(near, bins, mean);
    smooth(mean, bins, KEEP_RESIDUAL, s->near);
    powers_of(echo, bins, echo_now);
    smooth(echo_now, bins, KEEP_ECHO, s->echo);
    powers_of(residual, bins, row[POWER]);
    smooth(row[POWER], bins, KEEP_RESIDUAL, s->residual);
    smooth(row[POWER], bins, KEEP_SLOW, s->slow);
    logs_of(s->residual, bins, r);
    logs_of(s->echo, bins, e);

    around(s->residual, bins, mean);
    logs_of(mean, bins, other);
    differences(r, other, bins, -MAX, MAX, row[OVER_BINS]);
    around(s->echo, bins, mean);
    logs_of(mean, bins, other);
    differences(e, other, bins, -MAX, MAX, row[ECHO_OVER_BINS]);
    logs_of(row[POWER], bins, other);
    differences(other, r, bins, -2.0f, 2.0f, row[CHANGE]);
    differences(r, e, bins, -3.0f, 4.0f, row[OVER_ECHO]);
    logs_of(noise, bins, other);
    differences(r, other, bins, -2.0f, MAX, row[OVER_NOISE]);
    logs_of(s->slow, bins, other);
    differences(r, other, bins, -2.0f, 2.0f, row[RISE]);
    logs_of(s->near, bins, other);
    differences(other, r, bins, -1.0f, 3.0f, row[REDUCTION]);
    logs_of(echo_now, bins, other);
    differences(other, e, bins, -2.0f, 2.0f, row[ECHO_CHANGE]);
    for (size_t k = 0; k < bins; k++) {
        const float g = tp_clip(gains[k], MIN_GAIN, 1.0f - MIN_GAIN);
        row[BAND_ODDS][k] = tp_log10_rough(g) - tp_log10_rough(1.0f - g);
        row[LEVEL][k] = 0.5f * (r[k] + 6.0f);
    }
    for (size_t k = 0; k < bins; k++) {
        row[CALLER][k] = 2.0f * caller - 1.0f;
        row[PLACE][k] = (float)(int)k * (2.0f / (ECHO_MAX_BINS - 1)) - 1.0f;
        row[KNOWN][k] = mean[k] > QUIET ? 1.0f : 0.0f;
        row[APART][k] = 2.0f * apart[k];
        row[ONE][k] = 1.0f;
        row[NOISE][k] = noise[k];
    }
    times(row[KNOWN], bins, row[ECHO_OVER_BINS]);
    times(row[KNOWN], bins, row[OVER_ECHO]);
    times(row[KNOWN], bins, row[REDUCTION]);
    times(row[KNOWN], bins, row[ECHO_CHANGE]);
}

void tp_keep_bins_slot(tp_keep_bins *s, size_t bins, const float *apart, const float *noise, float caller,
                       const tp_echo_row *near, const tp_echo_row *residual, const tp_echo_row *echo, float *gains)
{
    float rows[KEEP_ROWS * ECHO_MAX_BINS], units[KEEP_HIDDEN * ECHO_MAX_BINS], base[ECHO_MAX_BINS] = { 0 }, z[ECHO_MAX_BINS];
    measure(s, bins, apart, noise, caller, near, residual, echo, gains, rows);
    if (s->tap)
        memcpy(s->tap, rows, KEEP_ROWS * bins * sizeof *rows);
    /* A layer's weights are the same for every bin and its inputs are not: here the inputs are the matrix. */
    for (size_t i = 0; i < KEEP_HIDDEN; i++) {
        float *unit = units + i * bins;
        tp_simd->affine(rows, base, bins_hidden + i * KEEP_MEASURES, unit, bins, KEEP_MEASURES);
        for (size_t k = 0; k < bins; k++)
            unit[k] = unit[k] > 0.0f ? unit[k] : 0.0f;
    }
    for (size_t k = 0; k < bins; k++)
        base[k] = LN_10 * rows[BAND_ODDS * bins + k] + bins_out_bias[0];
    tp_simd->affine(units, base, bins_out, z, bins, KEEP_HIDDEN);
    for (size_t k = 0; k < bins; k++)
        gains[k] = tp_sigmoid_near(z[k]);
}
