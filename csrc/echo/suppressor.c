#include "echo/suppressor.h"

#include <math.h>
#include <string.h>

enum { REACH = 6 }; /* bins to each side over which echo and residual are compared */

#define KEEP_RESIDUAL 0.6f
#define KEEP_ECHO 0.8f
#define SHARPNESS 3.0f
#define QUIET 1e-8f
#define NOISE_SHARE 0.7f
#define DENSITY (1.2247449f / 32768.0f) /* a part of unit power has half of it */

void tp_suppressor_init(tp_suppressor *s)
{
    memset(s, 0, sizeof *s);
}

/* Straight lines between the bands' middles. */
static void interpolate(const float *band_gains, size_t bins, float *g)
{
    const size_t bands = bins > ECHO_BINS ? KEEP_BANDS : NEAR_BANDS;
    size_t k = 0;
    float from = 0.0f, left = band_gains[0];
    for (size_t b = 0; b < bands; b++) {
        const float middle = 0.5f * (float)(tp_keep_edges[b] + tp_keep_edges[b + 1] - 1);
        const float slope = (band_gains[b] - left) / (middle - from);
        for (; (float)k <= middle; k++)
            g[k] = left + slope * ((float)k - from);
        from = middle;
        left = band_gains[b];
    }
    for (; k < bins; k++)
        g[k] = left;
}

/* Sums over 2·REACH + 1 bins around each bin. */
static void around(const float *x, size_t bins, float *sum)
{
    float total = 0.0f;
    for (size_t k = 0; k < REACH; k++)
        total += x[k];
    for (size_t k = 0; k < bins; k++) {
        if (k + REACH < bins)
            total += x[k + REACH];
        if (k > REACH)
            total -= x[k - REACH - 1];
        sum[k] = total > 1e-14f ? total : 1e-14f;
    }
}

static float throw_dice(tp_suppressor *s)
{
    s->dice = s->dice * 1664525u + 1013904223u;
    return (float)(s->dice >> 16) - 32767.5f;
}

static float share_of_bin(float g, float goes, int known)
{
    float left = 1.0f - SHARPNESS * goes, u = (g - 0.2f) * 2.5f;
    left = left > 0.0f ? left : 0.0f;
    u = u > 0.0f ? u : 0.0f;
    u = u < 1.0f ? u : 1.0f;
    u = known ? u : 0.0f; /* no estimate: the band's gain */
    return g + u * (sqrtf(left) - g);
}

void tp_suppressor_slot(tp_suppressor *s, size_t bins, const float *band_gains, const float *band_floors, const tp_echo_row *residual,
                        const tp_echo_row *echo, float caller, float *gains, tp_echo_row *goes)
{
    float echo_sum[ECHO_MAX_BINS], residual_sum[ECHO_MAX_BINS], noise[KEEP_BANDS], level[ECHO_MAX_BINS];
    interpolate(band_gains, bins, gains);
    for (size_t b = 0; b < KEEP_BANDS; b++) {
        const float over = band_floors[b] - FLOOR_BIAS * FLOOR_LEAST;
        noise[b] = over > 0.0f ? NOISE_SHARE * sqrtf(over) : 0.0f;
    }
    interpolate(noise, bins, level);
    for (size_t k = 0; k < bins; k++) {
        s->echo[k] = KEEP_ECHO * s->echo[k] + (1.0f - KEEP_ECHO) * (echo->re[k] * echo->re[k] + echo->im[k] * echo->im[k]);
        s->residual[k] = KEEP_RESIDUAL * s->residual[k]
            + (1.0f - KEEP_RESIDUAL) * (residual->re[k] * residual->re[k] + residual->im[k] * residual->im[k]) + 1e-16f;
    }
    around(s->echo, bins, echo_sum);
    around(s->residual, bins, residual_sum);
    for (size_t k = 0; k < bins; k++) {
        const float g = gains[k], share = (1.0f - g * g) * residual_sum[k] * s->echo[k] / (echo_sum[k] * s->residual[k]);
        const float kept = share_of_bin(g, share, echo_sum[k] > QUIET);
        gains[k] = kept * (1.0f - caller + caller * kept);
        /* Noise of even density, √3 as loud at most as its root mean square. */
        const float put_back = level[k] * sqrtf(1.0f - gains[k] * gains[k]) * DENSITY;
        goes->re[k] = (1.0f - gains[k]) * residual->re[k] - put_back * throw_dice(s);
        goes->im[k] = (1.0f - gains[k]) * residual->im[k] - put_back * throw_dice(s);
    }
}
