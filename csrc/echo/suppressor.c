#include "echo/suppressor.h"

#include <math.h>
#include <string.h>

enum { REACH = 6 }; /* bins to each side over which echo and residual are compared */

#define KEEP_RESIDUAL 0.6f
#define KEEP_ECHO 0.8f
#define SHARPNESS 1.5f
#define QUIET 1e-8f

void tp_suppressor_init(tp_suppressor *s)
{
    memset(s, 0, sizeof *s);
}

/* Straight lines between the bands' middles; what lies above takes the mean of the top bands. */
static void interpolate(const float *band_gains, size_t bins, float *g)
{
    float top = 0.0f;
    for (size_t b = NEAR_BANDS - 4; b < NEAR_BANDS; b++)
        top += 0.25f * band_gains[b];
    size_t k = 0;
    float from = 0.0f, left = band_gains[0];
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        const float middle = 0.5f * (float)(tp_near_edges[b] + tp_near_edges[b + 1] - 1);
        const float slope = (band_gains[b] - left) / (middle - from);
        for (; (float)k <= middle; k++)
            g[k] = left + slope * ((float)k - from);
        from = middle;
        left = band_gains[b];
    }
    for (; k < ECHO_BINS; k++)
        g[k] = left;
    for (; k < bins; k++)
        g[k] = top;
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

void tp_suppressor_slot(tp_suppressor *s, size_t bins, const float *band_gains, const tp_echo_row *residual,
                        const tp_echo_row *echo, float *gains)
{
    float echo_sum[ECHO_MAX_BINS], residual_sum[ECHO_MAX_BINS];
    interpolate(band_gains, bins, gains);
    for (size_t k = 0; k < bins; k++) {
        s->echo[k] = KEEP_ECHO * s->echo[k] + (1.0f - KEEP_ECHO) * (echo->re[k] * echo->re[k] + echo->im[k] * echo->im[k]);
        s->residual[k] = KEEP_RESIDUAL * s->residual[k]
            + (1.0f - KEEP_RESIDUAL) * (residual->re[k] * residual->re[k] + residual->im[k] * residual->im[k]) + 1e-16f;
    }
    around(s->echo, bins, echo_sum);
    around(s->residual, bins, residual_sum);
    for (size_t k = 0; k < bins; k++) {
        const float g = gains[k], goes = (1.0f - g * g) * residual_sum[k] * s->echo[k] / (echo_sum[k] * s->residual[k]);
        float left = 1.0f - SHARPNESS * goes, u = (g - 0.2f) * 2.5f;
        left = left > 0.0f ? left : 0.0f;
        u = u > 0.0f ? u : 0.0f;
        u = u < 1.0f ? u : 1.0f;
        u = echo_sum[k] > QUIET ? u : 0.0f; /* no estimate: the band's gain */
        gains[k] = g + u * (sqrtf(left) - g);
    }
}
