#include "echo/suppressor.h"

#include <math.h>
#include <string.h>

#include "dsp/simd.h"

#define NOISE_SHARE 0.5f
#define DENSITY (1.2247449f / 32768.0f) /* a part of unit power has half of it */

void tp_suppressor_init(tp_suppressor *s)
{
    memset(s, 0, sizeof *s);
}

/* Straight lines between the bands' middles, of three things at once; writes up to 8 values beyond the bins. */
TP_INLINE void interpolate(const float *const of_bands[3], size_t bins, float *TP_RESTRICT g0, float *TP_RESTRICT g1, float *TP_RESTRICT g2)
{
    const size_t bands = bins > ECHO_BINS ? KEEP_BANDS : NEAR_BANDS;
    size_t k = 0;
    float from = 0.0f;
    TP_ROLLED
    for (size_t b = 0; b <= bands; b++) {
        const size_t before = b > 0 ? b - 1 : 0, now = b < bands ? b : before;
        const size_t edges = tp_keep_edges[now] + tp_keep_edges[now + 1] - 1u, end = b < bands ? edges / 2 + 1 : bins;
        const float middle = 0.5f * (float)edges;
        float left[3], slope[3];
        for (size_t i = 0; i < 3; i++) {
            left[i] = of_bands[i][before];
            slope[i] = b < bands ? (of_bands[i][now] - left[i]) / (middle - from) : 0.0f;
        }
        const size_t n = end > k ? (end - k + 7) / 8 * 8 : 0;
        for (size_t i = 0; i < n; i++) {
            const float apart = (float)(int)(k + i) - from;
            g0[k + i] = left[0] + slope[0] * apart;
            g1[k + i] = left[1] + slope[1] * apart;
            g2[k + i] = left[2] + slope[2] * apart;
        }
        k = end;
        from = middle;
    }
}

/* Noise of even density, from a linear congruential generator: of n values, a multiple of 8, two each. What sixteen steps
 * make of its state, one to sixteen at a time, is known. */
static const uint32_t re_times[8] = { 1664525u, 2940799637u, 2862450781u, 1851289957u,
                                        2184914861u, 1948736821u, 4195587069u, 980655621u };
static const uint32_t re_plus[8] = { 1013904223u, 3519870697u, 1649599747u, 1476291629u,
                                       2180890343u, 3421909937u, 2636375307u, 28987765u };
static const uint32_t im_times[8] = { 389569705u, 158984081u, 3211393721u, 3934847009u,
                                        246739401u, 2941245873u, 4088025561u, 2001863745u };
static const uint32_t im_plus[8] = { 1196435762u, 2868466484u, 2670642822u, 2748932008u,
                                       2498801434u, 3167820124u, 3801544430u, 2210837584u };

TP_INLINE uint32_t throw_dice(uint32_t dice, size_t n, float *TP_RESTRICT re, float *TP_RESTRICT im)
{
    for (size_t k = 0; k < n; k += 8) {
        for (size_t i = 0; i < 8; i++) {
            re[k + i] = (float)(int32_t)((dice * re_times[i] + re_plus[i]) >> 16) - 32767.5f;
            im[k + i] = (float)(int32_t)((dice * im_times[i] + im_plus[i]) >> 16) - 32767.5f;
        }
        dice = dice * im_times[7] + im_plus[7];
    }
    return dice;
}

/* The bands' gains, how far two networks are apart about them, and the noise, level and power, in each bin. */
TP_INLINE void spread_loops(const tp_keep_net *keep, size_t bins, float *gains, float *apart, float *level, float *power)
{
    float noise[KEEP_BANDS];
    bins = bins / 16 * 16; /* as it is: so compilers know */
    for (size_t b = 0; b < KEEP_BANDS; b++) {
        const float over = keep->floors[b] - FLOOR_BIAS * FLOOR_MIN;
        noise[b] = NOISE_SHARE * sqrtf(over > 0.0f ? over : 0.0f);
    }
    const float *const of_bands[3] = { keep->gains, keep->apart, noise };
    interpolate(of_bands, bins, gains, apart, level);
    for (size_t k = 0; k < bins; k++)
        power[k] = level[k] * level[k];
}

TP_WIDE(static, spread, (const tp_keep_net *keep, size_t bins, float *gains, float *apart, float *level, float *power),
        (keep, bins, gains, apart, level, power))

/* What goes, from what is kept: to the fourth power in `stays`. */
TP_INLINE void let_go_loops(tp_suppressor *s, size_t bins, const float *TP_RESTRICT kept, const float *TP_RESTRICT level,
                            const tp_echo_row *TP_RESTRICT residual, float *TP_RESTRICT stays, tp_echo_row *TP_RESTRICT goes)
{
    float re[ECHO_MAX_BINS], im[ECHO_MAX_BINS];
    bins = bins / 16 * 16;
    s->dice = throw_dice(s->dice, bins, re, im);
    for (size_t k = 0; k < bins; k++) {
        const float square = kept[k] * kept[k], gain = square * square;
        /* √3 as loud at most as its root mean square. */
        const float put_back = level[k] * sqrtf(1.0f - gain * gain) * DENSITY;
        stays[k] = gain;
        goes->re[k] = (1.0f - gain) * residual->re[k] - put_back * re[k];
        goes->im[k] = (1.0f - gain) * residual->im[k] - put_back * im[k];
    }
}

TP_WIDE(static, let_go,
        (tp_suppressor *s, size_t bins, const float *kept, const float *level, const tp_echo_row *residual, float *stays,
         tp_echo_row *goes),
        (s, bins, kept, level, residual, stays, goes))

void tp_suppressor_slot(tp_suppressor *s, size_t bins, const tp_keep_net *keep, const tp_echo_row *near,
                        const tp_echo_row *residual, const tp_echo_row *echo, float caller, float *gains, tp_echo_row *goes)
{
    float kept[ECHO_MAX_BINS + 8], apart[ECHO_MAX_BINS + 8], level[ECHO_MAX_BINS + 8], power[ECHO_MAX_BINS];
    spread(keep, bins, kept, apart, level, power);
    tp_keep_bins_slot(&s->bins, bins, apart, power, caller, near, residual, echo, kept);
    let_go(s, bins, kept, level, residual, gains, goes);
}
