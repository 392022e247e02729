#include "wire/time_scale.h"

#include <math.h>
#include <string.h>

#include "dsp/simd.h"
#include "talkpath/talkpath.h"

#define LONGEST 120u     /* 15 ms at 8 kHz, where periods are searched                   */
#define SHORTEST 20u     /* 2.5 ms                                                      */
#define QUIET_RMS 0.001f /* -60 dBov: a change is inaudible whatever the signal         */

size_t tp_time_scale_longest_samples(int sample_rate_hz)
{
    return (size_t)sample_rate_hz * 15 / 1000;
}

/* Correlation of the `lag` samples before x with those from x on, normalised. */
static float similarity(const float *x, size_t lag)
{
    const float cross = tp_simd->dot(x - lag, x, lag);
    const float before = tp_simd->dot(x - lag, x - lag, lag), after = tp_simd->dot(x, x, lag);
    return cross / sqrtf(before * after + 1e-12f);
}

/* Mean square difference of the same pieces at the full rate. */
static float difference(const int16_t *x, size_t lag)
{
    const int16_t *before = x - lag;
    float sum = 0.0f;
    for (size_t i = 0; i < lag; i++) {
        const float d = (float)(x[i] - before[i]) * TP_INT16_SCALE;
        sum += d * d;
    }
    return sum / (float)lag;
}

/* Period around x, 0 where the signal is neither periodic enough nor quiet. Looks at one longest period on both sides. */
static size_t period_at(const int16_t *x, int sample_rate_hz, float pressure)
{
    /* Searched at 8 kHz, on means of `step` samples. */
    const size_t step = (size_t)sample_rate_hz / 8000;
    const int16_t *first = x - LONGEST * step;
    float coarse[2 * LONGEST];
    for (size_t i = 0; i < 2 * LONGEST; i++) {
        float sum = 0.0f;
        for (size_t k = 0; k < step; k++)
            sum += (float)first[i * step + k];
        coarse[i] = sum * (TP_INT16_SCALE / (float)step);
    }
    size_t best = SHORTEST;
    float best_similarity = -2.0f;
    for (size_t lag = SHORTEST; lag <= LONGEST; lag++) {
        const float s = similarity(coarse + LONGEST, lag);
        if (s > best_similarity) {
            best_similarity = s;
            best = lag;
        }
    }
    const int quiet = tp_simd->dot(coarse, coarse, 2 * LONGEST) < QUIET_RMS * QUIET_RMS * 2.0f * (float)LONGEST;
    if (!quiet && best_similarity < 0.9f - 0.4f * pressure)
        return 0;

    size_t refined = best * step;
    float min = difference(x, refined);
    for (size_t lag = (best - 1) * step + 1; step > 1 && lag < (best + 1) * step && lag <= LONGEST * step; lag++) {
        const float d = difference(x, lag);
        if (d < min) {
            min = d;
            refined = lag;
        }
    }
    return refined;
}

/* out[i] goes from a to b over n samples; out may be a or b. */
static void cross_fade(const int16_t *a, const int16_t *b, int16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float w = 0.5f - 0.5f * cosf(3.14159265f * ((float)i + 0.5f) / (float)n);
        out[i] = (int16_t)lrintf((float)a[i] + w * ((float)b[i] - (float)a[i]));
    }
}

size_t tp_time_scale_shorten(int16_t *x, size_t n, int sample_rate_hz, size_t max, float pressure)
{
    int16_t *const here = x + tp_time_scale_longest_samples(sample_rate_hz);
    const size_t period = period_at(here, sample_rate_hz, pressure);
    if (period == 0 || period > max)
        return 0;
    /* What comes before `here` fades into what comes after it. */
    cross_fade(here - period, here, here - period, period);
    memmove(here, here + period, (n - (size_t)(here - x) - period) * sizeof *x);
    return period;
}

size_t tp_time_scale_lengthen(int16_t *x, size_t n, int sample_rate_hz, size_t max, float pressure)
{
    const size_t period = period_at(x, sample_rate_hz, pressure);
    if (period == 0 || period > max)
        return 0;
    /* What comes now fades into what was played last, and then comes. */
    memmove(x + period, x, n * sizeof *x);
    cross_fade(x + period, x - period, x, period);
    return period;
}
