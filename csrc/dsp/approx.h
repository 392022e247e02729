/*
 * exp, ln, tanh, the sigmoid and limits, close enough for detectors and networks, in loops that vectorise on every machine.
 *
 * Accuracy    tp_exp_near   2e-7 of the value, for -87 <= x <= 88; beyond, the value there
 *             tp_log_near   3e-7 + 1e-7·|ln x|, for normal positive x
 *             tp_tanh_near  1e-4
 *             tp_db_near    10·log10(x + 1e-10), for x >= 0, as tp_log_near
 *             tp_log10_rough  0.013, for normal positive x: by the exponent's bits alone
 *             tp_power_rough  x^p within 7 %, for normal positive x and |p| <= 1: by the exponent's bits alone
 * Errors      none; a NaN gives something finite or NaN, never a trap
 */
#ifndef TALKPATH_DSP_APPROX_H
#define TALKPATH_DSP_APPROX_H

#include <stdint.h>
#include <string.h>

#include "dsp/cpu.h"

/* x, or the limit that it is beyond; low for a NaN. */
TP_INLINE float tp_clip(float x, float low, float high)
{
    x = x > low ? x : low;
    return x < high ? x : high;
}

/* Nearest to x, which is within what there is. */
TP_INLINE int16_t tp_nearest_int16(float x)
{
    return (int16_t)((x + 12582912.0f) - 12582912.0f); /* 1.5·2^23 */
}

/* A sample of -1 … 1 as an integer. */
TP_INLINE int16_t tp_to_int16(float x)
{
    return tp_nearest_int16(tp_clip(32768.0f * x, -32768.0f, 32767.0f));
}

/* 2 to the whole part, in the exponent's bits, times the series of 2 to the rest, within ±0.5. */
TP_INLINE float tp_exp_near(float x)
{
    x = x > -87.0f ? x : -87.0f;
    x = x < 88.0f ? x : 88.0f;
    const float t = x * 1.44269504f;
    const float whole = (t + 12582912.0f) - 12582912.0f; /* 1.5·2^23: rounds to nearest */
    const float r = (t - whole) * 0.693147181f;
    const float series =
        1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f + r * (0.00833333333f + r * 0.00138888889f)))));
    const int32_t bits = ((int32_t)whole + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    return power * series;
}

/* 2·artanh((m - 1) / (m + 1)) of the mantissa, by its series. */
TP_INLINE float tp_log_near(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t exponent = (bits - 0x3f3504f3) >> 23; /* mantissa from 0.7071 to 1.4142 */
    bits -= exponent * (1 << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
    const float series = 2.0f + q * (0.666666667f + q * (0.4f + q * 0.285714286f));
    return (float)exponent * 0.693147181f + s * series;
}

/* The [7/6] Padé approximant up to where it reaches 1. */
TP_INLINE float tp_tanh_near(float x)
{
    x = x < 4.97f ? x : 4.97f;
    x = x > -4.97f ? x : -4.97f;
    const float q = x * x;
    const float y = x * (135135.0f + q * (17325.0f + q * (378.0f + q))) / (135135.0f + q * (62370.0f + q * (3150.0f + q * 28.0f)));
    const float low = y > -1.0f ? y : -1.0f;
    return low < 1.0f ? low : 1.0f;
}

TP_INLINE float tp_sigmoid_near(float x)
{
    return 0.5f + 0.5f * tp_tanh_near(0.5f * x);
}

TP_INLINE float tp_db_near(float power)
{
    return 4.34294482f * tp_log_near(power + 1e-10f);
}

TP_INLINE float tp_log10_rough(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (float)(bits - 0x3f7a8000) * 3.58855719e-8f; /* log10(2) / 2^23 */
}

TP_INLINE float tp_power_rough(float x, float p)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (int32_t)(p * (float)(bits - 0x3f780000)) + 0x3f780000;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

#endif
