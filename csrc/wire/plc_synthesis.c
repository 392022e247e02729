/* Packet-loss concealment: the sound that goes on, and the background that it fades to. */
#include <math.h>
#include <string.h>

#include "wire/plc_state.h"

/* Mixing: of an unvoiced sound this share of the residual's level comes back as noise (matching its energy in full
 * sounds harsh: a frame of noise has no shape in time), and the upper half band holds less that is periodic. */
#define NOISE_GAIN 0.8f
#define HIGH_BAND_VOICING 0.9f

/* Gain at the end of each 20 ms of a loss. Gone after 140 ms; the background's gain is what is missing to 1 in power. */
#define FADE_STEP_8K 160u
static const float fade[TP_PLC_FADE_8K / FADE_STEP_8K + 1] = { 1.0f, 1.0f, 0.9f, 0.8f, 0.6f, 0.4f, 0.2f, 0.0f };
#define FADE_STEPS (TP_PLC_FADE_8K / FADE_STEP_8K)

/* White noise, uniform, of the given rms. Marsaglia's xorshift in independent lanes; n, a multiple of TP_PLC_LANES. */
static void white_noise(tp_plc *p, float rms, float *out, size_t n)
{
    const float scale = rms * 1.7320508f / 2147483648.0f;
    uint32_t s[TP_PLC_LANES];
    memcpy(s, p->noise, sizeof s);
    for (size_t i = 0; i < n; i += TP_PLC_LANES)
        for (size_t k = 0; k < TP_PLC_LANES; k++) {
            s[k] ^= s[k] << 13;
            s[k] ^= s[k] >> 17;
            s[k] ^= s[k] << 5;
            out[i + k] = (float)(int32_t)s[k] * scale;
        }
    memcpy(p->noise, s, sizeof s);
}

/* Filters x by 1 / A(z), going on from `memory`; y may not be x. */
static void ring(const float *a, size_t order, float *memory, const float *x, float *y, size_t n)
{
    float room[TP_PLC_ORDER + TP_PLC_MAX_BLOCK];
    memcpy(room, memory, order * sizeof *room);
    tp_lpc_synthesize(a, order, x, room + order, n);
    memcpy(y, room + order, n * sizeof *y);
    memcpy(memory, room + n, order * sizeof *memory);
}

/* Lays one block of periods after the past residual e, and one sample more. */
static void extend_periods(tp_plc *p, float *e, size_t n)
{
    const float shortest = (float)(TP_PLC_MIN_LAG_8K * p->factor);
    const float longest = (float)((TP_PLC_EXCITATION_8K - 2) * p->factor);
    const float per_10_ms = 1.0f / (float)p->block_samples;
    size_t i = 0;
    while (i < n) {
        if (p->period_left == 0) {
            /* The trend was learnt from lags whose middle lay half a period and 10 ms back. */
            const float time = ((float)p->faded_samples + (float)i) * per_10_ms + 0.5f * p->lag * per_10_ms;
            float lag = p->lag * (1.0f + p->lag_trend * (time < 2.0f ? time : 2.0f));
            lag = lag < shortest ? shortest : lag > longest ? longest : lag;
            p->period = (uint32_t)(lag + p->lag_error + 0.5f);
            p->lag_error += lag - (float)p->period;
            p->period_left = p->period;
        }
        const size_t run = p->period_left < n - i ? p->period_left : n - i;
        for (size_t k = 0; k < run; k++, i++)
            e[i] = e[(ptrdiff_t)i - (ptrdiff_t)p->period];
        p->period_left -= (uint32_t)run;
    }
    e[n] = e[(ptrdiff_t)n - (ptrdiff_t)p->period];
}

/* The sound before the loss, going on for one block. */
static void go_on(tp_plc *p, float *out)
{
    const size_t n = p->block_samples, kept = TP_PLC_EXCITATION_8K * p->factor;
    float x[TP_PLC_MAX_BLOCK], z[TP_PLC_MAX_BLOCK + 2];
    float *const past = tp_plc_excitation(p), *const e = past + kept;
    extend_periods(p, e, n);

    /* [1 2 1]/4 and its complement split both sources at a quarter of the sample rate. */
    memcpy(z, p->low_edge, sizeof p->low_edge);
    white_noise(p, p->residual_rms * NOISE_GAIN, z + 2, n);
    memcpy(p->low_edge, z + n, sizeof p->low_edge);
    const float low = p->voicing, high = p->voicing * HIGH_BAND_VOICING;
    const float low_noise = sqrtf(1.0f - low * low), high_noise = sqrtf(1.0f - high * high);
    const float tone = 0.25f * (low - high), hiss = 0.25f * (low_noise - high_noise);
    for (size_t i = 0; i < n; i++)
        x[i] = high * e[i] + tone * (e[(ptrdiff_t)i - 1] + 2.0f * e[i] + e[i + 1]) + high_noise * z[i + 1] +
               hiss * (z[i] + 2.0f * z[i + 1] + z[i + 2]);
    memmove(past, past + n, kept * sizeof *past);
    ring(p->a, TP_PLC_ORDER, p->memory, x, out, n);
}

static float fade_gain(const tp_plc *p, uint32_t samples)
{
    const float steps = (float)samples / (float)(FADE_STEP_8K * p->factor);
    const size_t step = (size_t)steps;
    return step >= FADE_STEPS ? 0.0f : fade[step] + (fade[step + 1] - fade[step]) * (steps - (float)step);
}

/* One block of concealment: the old sound, fading, and the background, rising. */
void tp_plc_synthesize(tp_plc *p, float *out)
{
    const size_t n = p->block_samples;
    const float from = fade_gain(p, p->faded_samples), to = fade_gain(p, p->faded_samples + p->block_samples);
    if (from > 0.0f)
        go_on(p, out);
    else
        memset(out, 0, n * sizeof *out);
    if (to < 1.0f) {
        float x[TP_PLC_MAX_BLOCK], background[TP_PLC_MAX_BLOCK];
        if (!p->background_ready) {
            tp_plc_analyse_background(p);
            p->background_ready = 1;
        }
        white_noise(p, p->background_rms, x, n);
        ring(p->background_a, TP_PLC_NOISE_ORDER, p->background_memory, x, background, n);
        const float step = (to - from) / (float)n;
        for (size_t i = 0; i < n; i++) {
            const float gain = from + step * ((float)i + 0.5f);
            out[i] = gain * out[i] + sqrtf(1.0f - gain * gain) * background[i];
        }
    }
    if (from > 0.0f)
        p->faded_samples += p->block_samples;
}
