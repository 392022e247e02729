#include "talkpath/noise_suppressor.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/fft.h"
#include "dsp/simd.h"
#include "enhance/ns_estimate.h"
#include "enhance/ns_network.h"
#include "talkpath/talkpath.h"

enum {
    FFT_8K = 256,
    HOP_8K = 40,
    FFT_MAX = 2 * FFT_8K,
    HOP_MAX = 2 * HOP_8K,
    HOPS_A_STEP = 2, /* of the network */
    LEVEL_MIN = 60,
    LEVEL_MAX = 100,
};

#define EPSILON 1e-8f /* a bin's power is never less: white noise of -80 dBov */
#define ATTENUATION_MIN_DB 9.0f
#define ATTENUATION_STEP_DB 0.6f
#define EMPHASIS_LEVEL 85
#define EMPHASIS_STEP 0.02f
#define LEVEL_RATE 0.1f /* of the way to a new level, per hop: 50 ms */

struct tp_noise_suppressor {
    tp_noise_suppressor_config config;
    size_t fft, hop, bins;
    float scale; /* of a spectrum, so that white noise keeps its power */
    float analysis[FFT_MAX], synthesis[2 * HOP_MAX]; /* windows */
    float level_min, level_emphasis;               /* what the level asks for */

    /* Everything below is of the stream. */
    float min, emphasis; /* on their way there */
    size_t fill;           /* of samples; the oldest fft - hop are the last hops' */
    float samples[FFT_MAX];
    float overlap[HOP_MAX]; /* of the last frame, into the next hop */
    int16_t ready[HOP_MAX]; /* what comes out while the next hop comes in */
    tp_ns_bins estimate;
    tp_ns_floors low, high;
    tp_ns_units units;
    float octave; /* of the last pitch lag */
    int started, hops_to_step;
    float decided[TP_NS_DECISIONS][TP_NS_PADDED_BINS]; /* of each bin */
};

const char *tp_noise_suppressor_check(const tp_noise_suppressor_config *config)
{
    if (config->sample_rate_hz != 8000 && config->sample_rate_hz != 16000)
        return "sample_rate must be 8000 or 16000";
    return config->level < LEVEL_MIN || config->level > LEVEL_MAX ? "level must be 60 to 100" : NULL;
}

size_t tp_noise_suppressor_size(const tp_noise_suppressor_config *config)
{
    return tp_noise_suppressor_check(config) ? 0 : sizeof(tp_noise_suppressor);
}

/* The analysis window rises over all but the last hop and falls within it; the synthesis window covers the last two hops. Their
 * product is a Hann window of two hops. */
static void make_windows(tp_noise_suppressor *s)
{
    const double half_pi = 1.5707963267948966;
    const size_t rise = s->fft - s->hop;
    double power = 0.0;
    for (size_t i = 0; i < s->fft; i++) {
        const double w = i < rise ? sin(half_pi * ((double)i + 0.5) / (double)rise)
                                  : cos(half_pi * ((double)(i - rise) + 0.5) / (double)s->hop);
        s->analysis[i] = (float)w;
        power += w * w;
    }
    for (size_t i = 0; i < s->hop; i++) {
        const double up = sin(half_pi * ((double)i + 0.5) / (double)s->hop);
        s->synthesis[i] = (float)(up * up / sin(half_pi * ((double)(rise - s->hop + i) + 0.5) / (double)rise));
        s->synthesis[s->hop + i] = s->analysis[rise + i];
    }
    s->scale = (float)(1.0 / power);
}

static void apply_level(tp_noise_suppressor *s)
{
    const float db = ATTENUATION_MIN_DB + ATTENUATION_STEP_DB * (float)(s->config.level - LEVEL_MIN);
    s->level_min = tp_exp_near(db * -0.115129255f); /* ln 10 / 20 */
    s->level_emphasis = EMPHASIS_STEP * (float)(EMPHASIS_LEVEL - s->config.level);
}

int tp_noise_suppressor_init(tp_noise_suppressor *s, const tp_noise_suppressor_config *config)
{
    if (tp_noise_suppressor_check(config))
        return TP_ECONFIG;
    const size_t times = (size_t)config->sample_rate_hz / 8000;
    s->config = *config;
    s->fft = FFT_8K * times;
    s->hop = HOP_8K * times;
    s->bins = s->fft / 2 + 1;
    make_windows(s);
    apply_level(s);
    tp_noise_suppressor_reset(s);
    return TP_OK;
}

void tp_noise_suppressor_reset(tp_noise_suppressor *s)
{
    s->min = s->level_min;
    s->emphasis = s->level_emphasis;
    s->fill = s->fft - s->hop; /* silence before the first sample */
    memset(s->samples, 0, sizeof s->samples);
    memset(s->overlap, 0, sizeof s->overlap);
    memset(s->ready, 0, sizeof s->ready);
    memset(&s->estimate, 0, sizeof s->estimate);
    memset(&s->low, 0, sizeof s->low);
    memset(&s->high, 0, sizeof s->high);
    memset(&s->units, 0, sizeof s->units);
    memset(s->decided, 0, sizeof s->decided);
    s->octave = 0.0f;
    s->started = s->hops_to_step = 0;
}

int tp_noise_suppressor_set_level(tp_noise_suppressor *s, int level)
{
    const tp_noise_suppressor_config config = { .sample_rate_hz = s->config.sample_rate_hz, .level = level };
    if (tp_noise_suppressor_check(&config))
        return TP_ECONFIG;
    s->config = config;
    apply_level(s);
    return TP_OK;
}

int tp_noise_suppressor_level(const tp_noise_suppressor *s)
{
    return s->config.level;
}

size_t tp_noise_suppressor_delay_samples(const tp_noise_suppressor *s)
{
    return 2 * s->hop;
}

/* What was decided for the bands, of each bin. */
TP_INLINE void spread_loops(const tp_ns_layout *layout, const float *bands, float *TP_RESTRICT bins)
{
    for (size_t b = 0; b + 1 < layout->bands; b++) {
        const size_t start = layout->start[b], end = start + (layout->start[b + 1] - start + 7) / 8 * 8;
        float here[TP_NS_DECISIONS], step[TP_NS_DECISIONS];
        for (size_t i = 0; i < TP_NS_DECISIONS; i++) {
            here[i] = bands[i * layout->bands + b];
            step[i] = bands[i * layout->bands + b + 1] - here[i];
        }
        TP_ROLLED
        for (size_t k = start; k < end; k++) /* what lies beyond the band is the next one's */
            for (size_t i = 0; i < TP_NS_DECISIONS; i++)
                bins[i * TP_NS_PADDED_BINS + k] = here[i] + layout->share[k] * step[i];
    }
}

TP_WIDE(static, spread, (const tp_ns_layout *layout, const float *bands, float *bins), (layout, bands, bins))

/* A network's step, every other time. */
static void decide(tp_noise_suppressor *s, const float *power, const tp_ns_voice *voice)
{
    const size_t high = TP_NS_LOW_BINS;
    const int wide = s->bins > high, step = s->hops_to_step == 0;
    float low_features[TP_NS_FEATURES], high_features[TP_NS_HIGH_FEATURES], decided[TP_NS_DECISIONS * TP_NS_BANDS];
    tp_ns_band_features(&tp_ns_low_layout, &s->low, !s->started, power, s->estimate.noise, step ? voice : NULL,
                        step ? low_features : NULL);
    if (wide)
        tp_ns_band_features(&tp_ns_high_layout, &s->high, !s->started, power + high, s->estimate.noise + high, NULL,
                            step ? high_features : NULL);
    s->started = 1;
    if (step) {
        s->hops_to_step = HOPS_A_STEP;
        tp_ns_step(&s->units, low_features, decided);
        spread(&tp_ns_low_layout, decided, s->decided[0]);
        if (wide) {
            tp_ns_high(&s->units, high_features, decided);
            spread(&tp_ns_high_layout, decided, s->decided[0] + high);
        }
    }
    s->hops_to_step--;
    s->min += LEVEL_RATE * (s->level_min - s->min);
    s->emphasis += LEVEL_RATE * (s->level_emphasis - s->emphasis);
}

TP_INLINE void gains_loops(const tp_noise_suppressor *s, const float *TP_RESTRICT comb, float *TP_RESTRICT gain)
{
    const float *const u = s->decided[0], *const v = s->decided[1], *const w = s->decided[2], *const z = s->decided[3];
    const float *const log_snr = s->estimate.log_snr, *const contrast = s->estimate.contrast;
    const float least = s->min, emphasis = s->emphasis;
    TP_ROLLED
    for (size_t k = 0; k < tp_ns_padded(s->bins); k++) {
        const float logit = u[k] + v[k] * log_snr[k] + w[k] * contrast[k] + z[k] * comb[k];
        gain[k] = least + (1.0f - least) / (1.0f + tp_exp_near(-(logit + emphasis)));
    }
}

TP_WIDE(static, gains, (const tp_noise_suppressor *s, const float *comb, float *gain), (s, comb, gain))

TP_INLINE void window_loops(const float *TP_RESTRICT x, const float *TP_RESTRICT window, size_t n, float *TP_RESTRICT y)
{
    n = n / 8 * 8; /* as it is: so compilers know */
    TP_ROLLED
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * window[i];
}

TP_WIDE(static, window, (const float *x, const float *window, size_t n, float *y), (x, window, n, y))

TP_INLINE void powers_loops(const float *TP_RESTRICT re, const float *TP_RESTRICT im, float scale, size_t n, float *TP_RESTRICT power)
{
    n = n / 8 * 8;
    TP_ROLLED
    for (size_t k = 0; k < n; k++)
        power[k] = (re[k] * re[k] + im[k] * im[k]) * scale + EPSILON;
}

TP_WIDE(static, powers, (const float *re, const float *im, float scale, size_t n, float *power), (re, im, scale, n, power))

TP_INLINE void turn_down_loops(const float *TP_RESTRICT gain, size_t n, float *TP_RESTRICT re, float *TP_RESTRICT im)
{
    n = n / 8 * 8;
    TP_ROLLED
    for (size_t k = 0; k < n; k++) {
        re[k] *= gain[k];
        im[k] *= gain[k];
    }
}

TP_WIDE(static, turn_down, (const float *gain, size_t n, float *re, float *im), (gain, n, re, im))

/* The last two hops of a frame: one is complete, one is begun. */
TP_INLINE void put_out_loops(const float *TP_RESTRICT end, const float *TP_RESTRICT window, size_t hop, float *TP_RESTRICT overlap,
                             int16_t *TP_RESTRICT ready)
{
    hop = hop / 8 * 8;
    TP_ROLLED
    for (size_t i = 0; i < hop; i++) {
        ready[i] = tp_to_int16(overlap[i] + end[i] * window[i]);
        overlap[i] = end[hop + i] * window[hop + i];
    }
}

TP_WIDE(static, put_out, (const float *end, const float *window, size_t hop, float *overlap, int16_t *ready),
        (end, window, hop, overlap, ready))

/* The newest frame: its last hop but one is complete with it. */
static void frame(tp_noise_suppressor *s)
{
    float x[FFT_MAX], re[TP_NS_PADDED_BINS], im[TP_NS_PADDED_BINS], power[TP_NS_PADDED_BINS], gain[TP_NS_PADDED_BINS];
    const size_t padded = tp_ns_padded(s->bins);
    tp_ns_voice voice;
    window(s->samples, s->analysis, s->fft, x);
    memset(re + s->bins, 0, (padded - s->bins) * sizeof *re);
    memset(im + s->bins, 0, (padded - s->bins) * sizeof *im);
    tp_rfft_forward(s->fft, x, re, im);
    powers(re, im, s->scale, padded, power);
    tp_ns_estimate(&s->estimate, power, s->bins);
    tp_ns_voicing(power, &s->octave, s->bins, &voice);
    decide(s, power, &voice);
    gains(s, voice.comb, gain);
    turn_down(gain, padded, re, im);
    tp_rfft_inverse(s->fft, re, im, x);
    put_out(x + s->fft - 2 * s->hop, s->synthesis, s->hop, s->overlap, s->ready);
    memmove(s->samples, s->samples + s->hop, (s->fft - s->hop) * sizeof *s->samples);
    s->fill = s->fft - s->hop;
}

void tp_noise_suppressor_process(tp_noise_suppressor *s, const int16_t *pcm, int16_t *out, size_t n)
{
    while (n > 0) {
        const size_t left = s->fft - s->fill, take = left < n ? left : n;
        const int16_t *const ready = s->ready + (s->hop - left);
        float *const to = s->samples + s->fill;
        for (size_t i = 0; i < take; i++) {
            to[i] = TP_INT16_SCALE * (float)pcm[i];
            out[i] = ready[i];
        }
        s->fill += take;
        pcm += take;
        out += take;
        n -= take;
        if (s->fill == s->fft)
            frame(s);
    }
}
