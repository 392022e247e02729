#include "talkpath/vad.h"

#include <math.h>
#include <string.h>

#include "detect/half_rate.h"
#include "detect/vad_tables.h"
#include "dsp/approx.h"
#include "dsp/fft.h"
#include "dsp/gru.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"

/* All of it works at 8 kHz; training/detect/vad_features.py is the same in NumPy. */
enum {
    HOP = 80,
    FFT = TP_VAD_FFT,
    BINS = FFT / 2 + 1,
    BANDS = TP_VAD_BANDS,
    FEATURES = TP_VAD_FEATURES,
    UNITS = TP_VAD_UNITS,
    LAYERS = 2,
    LOWEST_BIN = 2,
    FIRST_LAG = 20,
    LAST_LAG = 127,
    LAGS_AT_ONCE = 12, /* a divisor of how many there are */
};

#define EPSILON 1e-6f
#define FLOOR_RISE 0.004f
#define SMOOTH 0.3f

/* What the features remember. */
typedef struct tp_vad_past {
    float smooth[BANDS], floor[BANDS];
    float lag; /* of the last hop's pitch, in octaves */
} tp_vad_past;

struct tp_vad {
    tp_vad_config config;
    tp_half_rate half_rate;
    size_t fill;        /* of samples; the oldest FFT - HOP are the last hops' */
    int started;        /* the floors have a first value */
    int settled;        /* a hop of digital silence left the past as it was: so will the next one */
    int resting;        /* tp_vad_rest                    */
    float samples[FFT];
    tp_vad_past past;
    float features[FEATURES]; /* of the last hop */
    float probability;
    float units[LAYERS][UNITS];
};

const char *tp_vad_check(const tp_vad_config *config)
{
    return config->sample_rate_hz == 8000 || config->sample_rate_hz == 16000 ? NULL : "sample_rate must be 8000 or 16000";
}

size_t tp_vad_size(const tp_vad_config *config)
{
    return tp_vad_check(config) ? 0 : sizeof(tp_vad);
}

int tp_vad_init(tp_vad *v, const tp_vad_config *config)
{
    if (tp_vad_check(config))
        return TP_ECONFIG;
    v->config = *config;
    tp_vad_reset(v);
    return TP_OK;
}

void tp_vad_reset(tp_vad *v)
{
    const tp_vad_config config = v->config;
    memset(v, 0, sizeof *v);
    v->config = config;
    v->fill = FFT - HOP; /* silence before the first sample */
    tp_half_rate_reset(&v->half_rate);
}

float tp_vad_probability(const tp_vad *v)
{
    return v->probability;
}

void tp_vad_rest(tp_vad *v, int rest)
{
    v->resting = rest;
}

size_t tp_vad_delay_samples(const tp_vad *v)
{
    const size_t delay = FFT - TP_VAD_WINDOW_MIDDLE;
    return v->config.sample_rate_hz == 16000 ? 2 * (delay + TP_HALF_RATE_DELAY) : delay;
}

/* Highest peak of the magnitudes' inverse transform, re its start, and the lag there in octaves over 50 samples. */
TP_INLINE float pitch(const float *magnitude, float *lag)
{
    static const float no_phase[BINS] = { 0 };
    float correlation[FFT];
    tp_rfft_inverse(FFT, magnitude, no_phase, correlation);
    float most[LAGS_AT_ONCE], highest;
    for (size_t k = 0; k < LAGS_AT_ONCE; k++)
        most[k] = correlation[FIRST_LAG + k];
    TP_ROLLED
    for (size_t i = FIRST_LAG + LAGS_AT_ONCE; i <= LAST_LAG; i += LAGS_AT_ONCE)
        for (size_t k = 0; k < LAGS_AT_ONCE; k++)
            most[k] = correlation[i + k] > most[k] ? correlation[i + k] : most[k];
    highest = most[0];
    for (size_t k = 1; k < LAGS_AT_ONCE; k++)
        highest = most[k] > highest ? most[k] : highest;
    size_t best = FIRST_LAG;
    while (best < LAST_LAG && correlation[best] < highest)
        best++;
    *lag = vad_lags[best - FIRST_LAG];
    return correlation[best] / correlation[0];
}

TP_INLINE void features_loops(tp_vad *v, float *f)
{
    float x[FFT], re[BINS], im[BINS], power[BINS], magnitude[BINS], logs[BANDS];
    TP_ROLLED
    for (size_t i = 0; i < FFT; i++)
        x[i] = v->samples[i] * vad_window[i];
    tp_rfft_forward(FFT, x, re, im);
    TP_ROLLED
    for (size_t i = 0; i < BINS; i++) {
        power[i] = re[i] * re[i] + im[i] * im[i];
        magnitude[i] = sqrtf(power[i] + EPSILON);
    }

    const float *row = vad_band_rows;
    TP_ROLLED
    for (size_t b = 0; b < BANDS; b++) {
        logs[b] = tp_simd->dot(row, power + vad_band_first[b], vad_band_count[b]) + EPSILON;
        row += vad_band_count[b];
    }
    TP_ROLLED
    for (size_t b = 0; b < BANDS; b++)
        logs[b] = tp_log_near(logs[b]);
    if (!v->started) {
        memcpy(v->past.smooth, logs, sizeof logs);
        memcpy(v->past.floor, logs, sizeof logs);
        v->started = 1;
    }
    TP_ROLLED
    for (size_t b = 0; b < BANDS; b++) {
        v->past.smooth[b] += SMOOTH * (logs[b] - v->past.smooth[b]);
        const float risen = v->past.floor[b] + FLOOR_RISE;
        v->past.floor[b] = risen < v->past.smooth[b] ? risen : v->past.smooth[b];
        f[b] = logs[b] * 0.2f + 1.0f;
        f[BANDS + b] = (logs[b] - v->past.floor[b]) * 0.3f;
    }

    float each_power[8] = { 0 }, each_magnitude[8] = { 0 }, powers = power[BINS - 1], magnitudes = magnitude[BINS - 1], lag;
    for (size_t i = 0; i < LOWEST_BIN; i++)
        power[i] = magnitude[i] = 0.0f;
    TP_ROLLED
    for (size_t i = 0; i < BINS - 1; i += 8)
        for (size_t k = 0; k < 8; k++) {
            each_power[k] += power[i + k];
            each_magnitude[k] += magnitude[i + k];
        }
    for (size_t k = 0; k < 8; k++) {
        powers += each_power[k];
        magnitudes += each_magnitude[k];
    }
    const float share = 1.0f / (float)(BINS - LOWEST_BIN);
    const float peak = pitch(magnitude, &lag), move = fabsf(lag - v->past.lag);
    v->past.lag = lag;
    f[2 * BANDS] = peak * 3.0f - 1.0f;
    f[2 * BANDS + 1] = lag;
    f[2 * BANDS + 2] = move < 1.0f ? move : 1.0f;
    f[2 * BANDS + 3] = tp_log_near(powers * share + EPSILON) - 2.0f * tp_log_near(magnitudes * share);
}

TP_WIDE(static, features, (tp_vad *v, float *f), (v, f))

typedef char lags_fit[(LAST_LAG + 1 - FIRST_LAG) % LAGS_AT_ONCE == 0 ? 1 : -1];
typedef char units_fit[(int)UNITS <= (int)GRU_MAX_UNITS ? 1 : -1];

#define LAYER(i) \
    { vad_input##i, vad_recurrent##i, vad_input##i##_scale, vad_input##i##_bias, vad_recurrent##i##_scale, vad_recurrent##i##_bias }

static const tp_gru_layer layers[LAYERS] = { LAYER(0), LAYER(1) };

static int is_silent(const float *x, size_t n)
{
    while (n > 0 && x[n - 1] == 0.0f)
        n--;
    return n == 0;
}

static void measure(tp_vad *v)
{
    const int silent = is_silent(v->samples, FFT);
    if (silent && v->settled)
        return;
    const tp_vad_past before = v->past;
    features(v, v->features);
    v->settled = silent && memcmp(&before, &v->past, sizeof before) == 0;
}

static float classify(tp_vad *v)
{
    float dense[UNITS];
    int16_t x[FEATURES], in[UNITS];
    measure(v);
    tp_gru_inputs(v->features, FEATURES, x);
    tp_simd->affine_pairs(vad_dense, vad_dense_scale, vad_dense_bias, x, dense, UNITS, FEATURES);
    tp_gru_tanh(dense, UNITS, in);
    for (size_t l = 0; l < LAYERS; l++)
        tp_gru_step(&layers[l], UNITS, v->units[l], in);
    return tp_sigmoid_near(tp_simd->dot(vad_out, v->units[LAYERS - 1], UNITS) + vad_out_bias[0]);
}

size_t tp_vad_process(tp_vad *v, const int16_t *pcm, size_t n, float *probabilities)
{
    const size_t step = v->config.sample_rate_hz == 16000 ? 2 : 1;
    size_t hops = 0;
    while (n > 0) {
        /* At 16 kHz one input less: a sample may be waiting for its partner. */
        size_t take = (FFT - v->fill) * step - (step - 1);
        take = take < n ? take : n;
        float *to = v->samples + v->fill;
        if (step == 2) {
            v->fill += tp_half_rate_process(&v->half_rate, pcm, take, to);
        } else {
            for (size_t i = 0; i < take; i++)
                to[i] = TP_INT16_SCALE * (float)pcm[i];
            v->fill += take;
        }
        pcm += take;
        n -= take;
        if (v->fill == FFT) {
            if (!v->resting)
                v->probability = classify(v);
            if (probabilities)
                probabilities[hops] = v->probability;
            hops++;
            memmove(v->samples, v->samples + HOP, (FFT - HOP) * sizeof *v->samples);
            v->fill = FFT - HOP;
        }
    }
    return hops;
}
