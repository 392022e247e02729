#include "talkpath/plc.h"

#include <math.h>
#include <string.h>

#include "dsp/simd.h"
#include "talkpath/talkpath.h"
#include "wire/plc_state.h"

/* Mixing: of an unvoiced sound this share of the residual's level comes back as noise (matching its energy in full
 * sounds harsh: a frame of noise has no shape in time), and the upper half band holds less that is periodic. */
#define NOISE_GAIN 0.7f
#define HIGH_BAND_VOICING 0.8f

/* Gain at the end of each 20 ms of a loss. Gone after 140 ms; the background's gain is what is missing to 1 in power. */
#define FADE_STEP_8K 160u
static const float fade[] = { 1.0f, 1.0f, 0.9f, 0.8f, 0.6f, 0.4f, 0.2f, 0.0f };
#define FADE_STEPS (sizeof fade / sizeof *fade - 1)

/* Recovery: shift and match are found on the first 6 ms, shifts up to 2 ms; the cross-fade takes 4 ms where the match is
 * poor (an onset must not be smeared), up to 16 ms where it is good. */
#define MATCH_8K 48u
#define REACH_8K 16
#define CROSSFADE_MIN_8K 32.0f
#define CROSSFADE_MAX_8K 128.0f
#define MATCH_POOR 0.3f
#define MATCH_GOOD 0.8f

#define MINIMUM_MS 1500u /* the background's level is the least in two stretches of this length */

static size_t align_up(size_t n)
{
    return (n + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN;
}

plc_layout tp_plc_layout(const tp_plc_config *config)
{
    const size_t factor = (size_t)config->sample_rate_hz / 8000;
    plc_layout at;
    at.window = align_up(sizeof(tp_plc));
    at.excitation = at.window + align_up(PLC_WINDOW_8K * factor * sizeof(float));
    at.history = at.excitation + align_up(((PLC_EXCITATION_8K + PLC_BLOCK_8K) * factor + 1) * sizeof(float));
    at.quiet[0] = at.history + align_up(PLC_HISTORY_8K * factor * sizeof(int16_t));
    at.quiet[1] = at.quiet[0] + align_up(PLC_BACKGROUND_8K * factor * sizeof(int16_t));
    at.size = at.quiet[1] + align_up(PLC_BACKGROUND_8K * factor * sizeof(int16_t));
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
    p->block_samples = PLC_BLOCK_8K * p->factor;
    p->history_samples = PLC_HISTORY_8K * p->factor;

    /* Rises to the newest sample and ends there: that is where the sound must go on. */
    float *const window = tp_plc_window(p);
    const size_t n = PLC_WINDOW_8K * p->factor;
    for (size_t i = 0; i < n; i++) {
        const double s = sin(1.5707963267948966 * ((double)i + 0.5) / (double)n);
        window[i] = (float)(s * s);
    }
    tp_plc_reset(p);
    return TP_OK;
}

void tp_plc_reset(tp_plc *p)
{
    static const uint32_t seeds[PLC_LANES] = { 0x2545f491u, 0x9e3779b9u, 0x6c078965u, 0x5851f42du };
    const plc_layout at = tp_plc_layout(&p->config);
    p->lost_samples = 0;
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
    const plc_layout at = tp_plc_layout(&p->config);
    const size_t n = p->frame_samples, most = PLC_BACKGROUND_8K * p->factor, kept = n < most ? n : most;
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

/* White noise, uniform, of the given rms. Marsaglia's xorshift in independent lanes; n, a multiple of PLC_LANES. */
static void white_noise(tp_plc *p, float rms, float *out, size_t n)
{
    const float scale = rms * 1.7320508f / 2147483648.0f;
    uint32_t s[PLC_LANES];
    memcpy(s, p->noise, sizeof s);
    for (size_t i = 0; i < n; i += PLC_LANES)
        for (size_t k = 0; k < PLC_LANES; k++) {
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
    float room[PLC_ORDER + PLC_MAX_BLOCK];
    memcpy(room, memory, order * sizeof *room);
    tp_lpc_synthesize(a, order, x, room + order, n);
    memcpy(y, room + order, n * sizeof *y);
    memcpy(memory, room + n, order * sizeof *memory);
}

/* Lays one block of periods after the past residual e, and one sample more. */
static void extend_periods(tp_plc *p, float *e, size_t n)
{
    const float shortest = (float)(PLC_MIN_LAG_8K * p->factor), longest = (float)((PLC_EXCITATION_8K - 2) * p->factor);
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
    const size_t n = p->block_samples, kept = PLC_EXCITATION_8K * p->factor;
    float x[PLC_MAX_BLOCK], z[PLC_MAX_BLOCK + 2];
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
    ring(p->a, PLC_ORDER, p->memory, x, out, n);
}

static float fade_gain(const tp_plc *p, uint32_t samples)
{
    const float steps = (float)samples / (float)(FADE_STEP_8K * p->factor);
    const size_t step = (size_t)steps;
    return step >= FADE_STEPS ? 0.0f : fade[step] + (fade[step + 1] - fade[step]) * (steps - (float)step);
}

/* One block of concealment: the old sound, fading, and the background, rising. */
static void synthesize(tp_plc *p, float *out)
{
    const size_t n = p->block_samples;
    const float from = fade_gain(p, p->faded_samples), to = fade_gain(p, p->faded_samples + p->block_samples);
    if (from > 0.0f)
        go_on(p, out);
    else
        memset(out, 0, n * sizeof *out);
    if (to < 1.0f) {
        float x[PLC_MAX_BLOCK], background[PLC_MAX_BLOCK];
        if (!p->background_ready) {
            tp_plc_analyse_background(p);
            p->background_ready = 1;
        }
        white_noise(p, p->background_rms, x, n);
        ring(p->background_a, PLC_NOISE_ORDER, p->background_memory, x, background, n);
        const float step = (to - from) / (float)n;
        for (size_t i = 0; i < n; i++) {
            const float gain = from + step * ((float)i + 0.5f);
            out[i] = gain * out[i] + sqrtf(1.0f - gain * gain) * background[i];
        }
    }
    if (from > 0.0f)
        p->faded_samples += p->block_samples;
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
        p->faded_samples = p->heard ? 0 : (uint32_t)(FADE_STEPS * FADE_STEP_8K) * p->factor;
        memset(p->low_edge, 0, sizeof p->low_edge);
        if (p->heard)
            tp_plc_analyse(p);
    }
    float block[PLC_MAX_BLOCK];
    for (size_t done = 0; done < p->frame_samples; done += p->block_samples) {
        synthesize(p, block);
        to_int16(block, out + done, p->block_samples);
    }
    p->lost_samples += p->frame_samples;
    push_history(p, out, p->frame_samples);
}

/* Writes the first good frame after a loss, cross-faded from what the concealment would have gone on with. */
static void recover(tp_plc *p, const int16_t *in, int16_t *out)
{
    enum { REACH = REACH_8K * PLC_MAX_FACTOR, MATCH = MATCH_8K * PLC_MAX_FACTOR };
    const size_t factor = p->factor, block = p->block_samples, reach = REACH_8K * factor;
    float x[REACH + 2 * PLC_MAX_BLOCK], y[MATCH];
    float x_8k[REACH_8K + PLC_BLOCK_8K], y_8k[MATCH_8K];
    const int16_t *const tail = tp_plc_history(p) + p->history_samples - reach;
    for (size_t i = 0; i < reach; i++)
        x[i] = (float)tail[i] * TP_INT16_SCALE;
    synthesize(p, x + reach);
    for (size_t i = 0; i < MATCH_8K * factor; i++)
        y[i] = (float)in[i] * TP_INT16_SCALE;
    tp_plc_decimate(x, p->factor, x_8k, REACH_8K + PLC_BLOCK_8K);
    tp_plc_decimate(y, p->factor, y_8k, MATCH_8K);
    float match;
    const int shift = tp_plc_best_shift(x_8k, y_8k, MATCH_8K, REACH_8K, &match) * (int)factor;

    float share = (match - MATCH_POOR) / (MATCH_GOOD - MATCH_POOR);
    share = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
    size_t n = (size_t)(CROSSFADE_MIN_8K + (CROSSFADE_MAX_8K - CROSSFADE_MIN_8K) * share) * factor;
    n = n < p->frame_samples ? n : p->frame_samples;
    if (n + reach + 1 > block)
        synthesize(p, x + reach + block);

    if (out != in)
        memcpy(out, in, p->frame_samples * sizeof *out);
    float mixed[2 * PLC_MAX_BLOCK];
    for (size_t i = 0; i < n; i++) {
        const float w = ((float)i + 0.5f) / (float)n;
        const float position = (float)(i + reach) + (float)shift * w; /* >= 0: |shift| <= reach */
        const size_t j = (size_t)position;
        const float concealed = x[j] + (position - (float)j) * (x[j + 1] - x[j]);
        mixed[i] = w * (float)in[i] * TP_INT16_SCALE + (1.0f - w) * concealed;
    }
    to_int16(mixed, out, n);
}

void tp_plc_receive(tp_plc *p, const int16_t *in, int16_t *out)
{
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
