#include "echo/suppressor.h"

#include <math.h>
#include <string.h>

#define NOISE_SHARE 0.5f
#define DENSITY (1.2247449f / 32768.0f) /* a part of unit power has half of it */

void tp_suppressor_init(tp_suppressor *s)
{
    memset(s, 0, sizeof *s);
}

/* Straight lines between the bands' middles. */
static void interpolate(const float *of_bands, size_t bins, float *g)
{
    const size_t bands = bins > ECHO_BINS ? KEEP_BANDS : NEAR_BANDS;
    size_t k = 0;
    float from = 0.0f, left = of_bands[0];
    for (size_t b = 0; b < bands; b++) {
        const float middle = 0.5f * (float)(tp_keep_edges[b] + tp_keep_edges[b + 1] - 1);
        const float slope = (of_bands[b] - left) / (middle - from);
        for (; (float)k <= middle; k++)
            g[k] = left + slope * ((float)k - from);
        from = middle;
        left = of_bands[b];
    }
    for (; k < bins; k++)
        g[k] = left;
}

static float throw_dice(tp_suppressor *s)
{
    s->dice = s->dice * 1664525u + 1013904223u;
    return (float)(s->dice >> 16) - 32767.5f;
}

void tp_suppressor_slot(tp_suppressor *s, size_t bins, const tp_keep_net *keep, const tp_echo_row *near,
                        const tp_echo_row *residual, const tp_echo_row *echo, float caller, float *gains, tp_echo_row *goes)
{
    float noise[KEEP_BANDS], apart[ECHO_MAX_BINS], level[ECHO_MAX_BINS], power[ECHO_MAX_BINS];
    interpolate(keep->gains, bins, gains);
    interpolate(keep->apart, bins, apart);
    for (size_t b = 0; b < KEEP_BANDS; b++) {
        const float over = keep->floors[b] - FLOOR_BIAS * FLOOR_MIN;
        noise[b] = over > 0.0f ? NOISE_SHARE * sqrtf(over) : 0.0f;
    }
    interpolate(noise, bins, level);
    for (size_t k = 0; k < bins; k++)
        power[k] = level[k] * level[k];
    tp_keep_bins_slot(&s->bins, bins, apart, power, caller, near, residual, echo, gains);
    for (size_t k = 0; k < bins; k++) {
        const float square = gains[k] * gains[k];
        gains[k] = square * square;
        /* Noise of even density, √3 as loud at most as its root mean square. */
        const float put_back = level[k] * sqrtf(1.0f - gains[k] * gains[k]) * DENSITY;
        goes->re[k] = (1.0f - gains[k]) * residual->re[k] - put_back * throw_dice(s);
        goes->im[k] = (1.0f - gains[k]) * residual->im[k] - put_back * throw_dice(s);
    }
}
