#include "talkpath/plc.h"

#include <math.h>
#include <string.h>

#include "dsp/block.h"
#include "dsp/power.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"
#include "wire/plc_state.h"

/* Recovery: shift and match are found on the first 6 ms, shifts up to 2 ms. The cross-fade takes 12 ms where the match is
 * poor, 17.5 ms where it is good, but only an eighth of that above about 900 Hz: there the phases never agree, and a long
 * fade only smears; below, a short one is heard as a jolt. */
#define MATCH_8K 48u
#define REACH_8K 16
#define CROSSFADE_MIN_8K 96.0f
#define CROSSFADE_MAX_8K 140.0f
#define MATCH_POOR 0.3f
#define MATCH_GOOD 0.8f
#define HIGH_BAND_SPEED 8.0f
#define SMOOTHING_8K 4u /* half the width of the triangle that splits the bands */

#define MINIMUM_MS 1500u /* the background's level is the least in two stretches of this length */

tp_plc_offsets tp_plc_layout(const tp_plc_config *config)
{
    const size_t factor = (size_t)config->sample_rate_hz / 8000;
    tp_plc_offsets at;
    at.window = tp_align_up(sizeof(tp_plc));
    at.excitation = at.window + tp_align_up(TP_PLC_WINDOW_8K * factor * sizeof(float));
    at.history = at.excitation + tp_align_up(((TP_PLC_EXCITATION_8K + TP_PLC_BLOCK_8K) * factor + 1) * sizeof(float));
    at.quiet[0] = at.history + tp_align_up(TP_PLC_HISTORY_8K * factor * sizeof(int16_t));
    at.quiet[1] = at.quiet[0] + tp_align_up(TP_PLC_BACKGROUND_8K * factor * sizeof(int16_t));
    at.size = at.quiet[1] + tp_align_up(TP_PLC_BACKGROUND_8K * factor * sizeof(int16_t));
    return at;
}

static void *at_offset(tp_plc *p, size_t offset)
{
    return (unsigned char *)p + offset;
}

float *tp_plc_window(tp_plc *p)
{
    return at_offset(p, tp_plc_layout(&p->config).window);
}

float *tp_plc_excitation(tp_plc *p)
{
    return at_offset(p, tp_plc_layout(&p->config).excitation);
}

int16_t *tp_plc_history(tp_plc *p)
{
    return at_offset(p, tp_plc_layout(&p->config).history);
}

const char *tp_plc_check(const tp_plc_config *config)
{
    const int rate = config->sample_rate_hz, ms = config->frame_ms;
    if (rate != 8000 && rate != 16000 && rate != 24000 && rate != 48000)
        return "sample_rate must be 8000, 16000, 24000 or 48000";
    if (ms != 10 && ms != 20 && ms != 30 && ms != 40 && ms != 60)
        return "frame_ms must be 10, 20, 30, 40 or 60";
    return NULL;
}

size_t tp_plc_size(const tp_plc_config *config)
{
    return tp_plc_check(config) == NULL ? tp_plc_layout(config).size : 0;
}

int tp_plc_init(tp_plc *p, const tp_plc_config *config)
{
    if (tp_plc_check(config) != NULL)
        return TP_ECONFIG;
    p->config = *config;
    p->factor = (uint32_t)config->sample_rate_hz / 8000;
    p->frame_samples = (uint32_t)(config->sample_rate_hz / 1000 * config->frame_ms);
    p->block_samples = TP_PLC_BLOCK_8K * p->factor;
    p->history_samples = TP_PLC_HISTORY_8K * p->factor;

    /* Rises to the newest sample and ends there: that is where the sound must go on. */
    float *const window = tp_plc_window(p);
    const size_t n = TP_PLC_WINDOW_8K * p->factor;
    for (size_t i = 0; i < n; i++) {
        const double s = sin(1.5707963267948966 * ((double)i + 0.5) / (double)n);
        window[i] = (float)(s * s);
    }
    tp_plc_reset(p);
    return TP_OK;
}

void tp_plc_reset(tp_plc *p)
{
    static const uint32_t seeds[TP_PLC_LANES] = { 0x2545f491u, 0x9e3779b9u, 0x6c078965u, 0x5851f42du };
    const tp_plc_offsets at = tp_plc_layout(&p->config);
    p->lost_samples = p->silent = 0;
    p->heard = 0;
    p->minimum_left = MINIMUM_MS * 8 * p->factor;
    memset(p->quiet, 0, sizeof p->quiet);
    memcpy(p->noise, seeds, sizeof p->noise);
    memset(at_offset(p, at.history), 0, at.size - at.history);
    memset(at_offset(p, at.excitation), 0, at.history - at.excitation);
    /* Everything else is set when a loss begins. */
    p->residual_rms = p->voicing = p->lag = p->lag_trend = p->lag_error = 0.0f;
    p->period = p->period_left = 0;
    p->faded_samples = 0;
    p->background_ready = 0;
    memset(p->a, 0, sizeof p->a);
    memset(p->memory, 0, sizeof p->memory);
    memset(p->low_edge, 0, sizeof p->low_edge);
}

size_t tp_plc_frame_samples(const tp_plc *p)
{
    return p->frame_samples;
}

size_t tp_plc_delay_samples(const tp_plc *p)
{
    (void)p;
    return 0;
}

size_t tp_plc_lost_samples(const tp_plc *p)
{
    return (size_t)p->lost_samples;
}

static void push_history(tp_plc *p, const int16_t *pcm, size_t n)
{
    int16_t *const history = tp_plc_history(p);
    const size_t kept = p->history_samples;
    if (n < kept) {
        memmove(history, history + n, (kept - n) * sizeof *history);
        memcpy(history + kept - n, pcm, n * sizeof *history);
    } else {
        memcpy(history, pcm + n - kept, kept * sizeof *history);
    }
}

/* Keeps the quietest frame of the last 1.5 to 3 s. */
static void track_background(tp_plc *p, const int16_t *pcm)
{
    const tp_plc_offsets at = tp_plc_layout(&p->config);
    const size_t n = p->frame_samples, max = TP_PLC_BACKGROUND_8K * p->factor, kept = n < max ? n : max;
    int32_t sum = 0; /* 60 ms at 48 kHz: 2880·32768 < 2^27 */
    for (size_t i = 0; i < n; i++)
        sum += pcm[i] < 0 ? -pcm[i] : pcm[i];
    const float level = (float)sum / (float)n;
    if (p->minimum_left < n) {
        p->minimum_left = MINIMUM_MS * 8 * p->factor;
        p->quiet[1] = p->quiet[0];
        memcpy(at_offset(p, at.quiet[1]), at_offset(p, at.quiet[0]), kept * sizeof *pcm);
        p->quiet[0].samples = 0;
    }
    p->minimum_left -= (uint32_t)n;
    if (p->quiet[0].samples == 0 || level < p->quiet[0].level) {
        p->quiet[0].level = level;
        p->quiet[0].samples = (uint32_t)kept;
        memcpy(at_offset(p, at.quiet[0]), pcm + n - kept, kept * sizeof *pcm);
    }
}

static void to_int16(const float *x, int16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i] * 32768.0f;
        v = v > 32767.0f ? 32767.0f : v;
        v = v < -32768.0f ? -32768.0f : v;
        out[i] = (int16_t)(v + (v < 0.0f ? -0.5f : 0.5f));
    }
}

void tp_plc_conceal(tp_plc *p, int16_t *out)
{
    if (p->lost_samples == 0) {
        p->period_left = 0;
        p->lag_error = 0.0f;
        p->background_ready = 0;
        p->faded_samples = p->heard ? 0 : TP_PLC_FADE_8K * p->factor;
        memset(p->low_edge, 0, sizeof p->low_edge);
        if (p->heard)
            tp_plc_analyse(p);
    }
    float block[TP_PLC_MAX_BLOCK];
    for (size_t done = 0; done < p->frame_samples; done += p->block_samples) {
        tp_plc_synthesize(p, block);
        to_int16(block, out + done, p->block_samples);
    }
    p->lost_samples += p->frame_samples;
    p->silent = 0;
    push_history(p, out, p->frame_samples);
}

/*
 * Cross-fades from x to the n samples at y, as y plus what is left of the difference: its low band fades linearly over n
 * samples, the rest HIGH_BAND_SPEED times as fast.
 */
static void cross_fade(const float *x, const float *y, size_t n, size_t factor, float *out)
{
    enum { MAX = (size_t)CROSSFADE_MAX_8K * TP_PLC_MAX_FACTOR, SIDE = SMOOTHING_8K * TP_PLC_MAX_FACTOR };
    float difference[SIDE + MAX + SIDE + 8], low[MAX + 8], triangle[2 * SIDE];
    const size_t half = SMOOTHING_8K * factor, side = half - 1;
    for (size_t i = 0; i < half; i++)
        triangle[i] = triangle[2 * side - i] = (float)(i + 1) / (float)(half * half);
    float *const d = difference + side;
    for (size_t i = 0; i < n; i++)
        d[i] = x[i] - y[i];
    for (size_t i = 0; i < side; i++)
        difference[i] = d[0];
    for (size_t i = n; i < n + side + 8; i++)
        d[i] = d[n - 1];
    tp_simd->correlate(triangle, 2 * side + 1, difference, low, (n + 7) / 8 * 8);
    for (size_t i = 0; i < n; i++) {
        const float w = ((float)i + 0.5f) / (float)n, high_w = w * HIGH_BAND_SPEED;
        out[i] = y[i] + (1.0f - w) * low[i] + (high_w < 1.0f ? (1.0f - high_w) * (d[i] - low[i]) : 0.0f);
    }
}

/* Writes the first good frame after a loss, cross-faded from what the concealment would have gone on with. */
static void recover(tp_plc *p, const int16_t *in, int16_t *out)
{
    enum { REACH = REACH_8K * TP_PLC_MAX_FACTOR };
    const size_t factor = p->factor, block = p->block_samples, reach = REACH_8K * factor;
    float x[REACH + 2 * TP_PLC_MAX_BLOCK], bent[2 * TP_PLC_MAX_BLOCK];
    float y[2 * TP_PLC_MAX_BLOCK], mixed[2 * TP_PLC_MAX_BLOCK];
    float x_8k[REACH_8K + TP_PLC_BLOCK_8K], y_8k[MATCH_8K];
    const int16_t *const tail = tp_plc_history(p) + p->history_samples - reach;
    for (size_t i = 0; i < reach; i++)
        x[i] = (float)tail[i] * TP_INT16_SCALE;
    tp_plc_synthesize(p, x + reach);
    const size_t known = 2 * block < p->frame_samples ? 2 * block : p->frame_samples;
    for (size_t i = 0; i < known; i++)
        y[i] = (float)in[i] * TP_INT16_SCALE;
    tp_plc_decimate(x, p->factor, x_8k, REACH_8K + TP_PLC_BLOCK_8K);
    tp_plc_decimate(y, p->factor, y_8k, MATCH_8K);
    float match;
    const int shift = tp_plc_best_shift(x_8k, y_8k, MATCH_8K, REACH_8K, &match) * (int)factor;

    float share = (match - MATCH_POOR) / (MATCH_GOOD - MATCH_POOR);
    share = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
    size_t n = (size_t)(CROSSFADE_MIN_8K + (CROSSFADE_MAX_8K - CROSSFADE_MIN_8K) * share) * factor;
    n = n < known ? n : known;
    if (n + reach + 1 > block)
        tp_plc_synthesize(p, x + reach + block);
    for (size_t i = 0; i < n; i++) { /* bent until the shift is reached; never before x: |shift| <= reach */
        const float position = (float)(i + reach) + (float)shift * ((float)i + 0.5f) / (float)n;
        const size_t j = (size_t)position;
        bent[i] = x[j] + (position - (float)j) * (x[j + 1] - x[j]);
    }
    cross_fade(bent, y, n, factor, mixed);
    if (out != in)
        memcpy(out, in, p->frame_samples * sizeof *out);
    to_int16(mixed, out, n);
}

/* Silence after so much of it that the history, both minima and their levels are nothing else: only time goes on. */
static int rests(tp_plc *p, const int16_t *in)
{
    const uint32_t n = p->frame_samples, enough = 2 * MINIMUM_MS * 8 * p->factor + p->history_samples;
    if (p->lost_samples > 0 || !tp_all_zero(in, n)) {
        p->silent = 0;
        return 0;
    }
    if (p->silent < enough) {
        p->silent += n;
        return 0;
    }
    p->minimum_left = (p->minimum_left < n ? MINIMUM_MS * 8 * p->factor : p->minimum_left) - n;
    return 1;
}

void tp_plc_receive(tp_plc *p, const int16_t *in, int16_t *out)
{
    if (rests(p, in)) {
        if (out != in)
            memcpy(out, in, p->frame_samples * sizeof *out);
        return;
    }
    track_background(p, in);
    if (p->lost_samples == 0) {
        push_history(p, in, p->frame_samples);
        if (out != in)
            memcpy(out, in, p->frame_samples * sizeof *out);
    } else {
        /* The history gets the frame as it came, not as it is played: it is the truth to go on from. */
        int16_t good[60 * 48];
        memcpy(good, in, p->frame_samples * sizeof *good);
        recover(p, in, out);
        push_history(p, good, p->frame_samples);
        p->lost_samples = 0;
    }
    p->heard = 1;
}
