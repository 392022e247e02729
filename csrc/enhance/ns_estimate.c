#include "enhance/ns_estimate.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/fft.h"
#include "dsp/lanes.h"
#include "dsp/simd.h"

/* Noise: T. Gerkmann and R. C. Hendriks, "Unbiased MMSE-based noise power estimation with low complexity and low tracking
 * delay", IEEE Trans. ASLP 20(4), 2012; smoothing scaled to hops of 5 ms. */
#define PRESENT_SNR 31.6227766f
#define NOISE_RATE 0.07f
#define PRESENCE_RATE 0.05f
#define PRESENCE_MAX 0.99f
#define START_HOPS 12 /* taken for noise */
/* SNR: Y. Ephraim and D. Malah, "Speech enhancement using a minimum mean-square error short-time spectral amplitude
 * estimator", IEEE Trans. ASSP 32(6), 1984: decision-directed. */
#define DIRECTED 0.98f
#define SNR_MIN 0.00316227766f
#define SNR_MAX 1e4f

#define REACH 4 /* bins to each side that make up a bin's surroundings */

#define FLOOR_RISE 0.002f
#define SMOOTH 0.16f

enum {
    FFT = 2 * (TP_NS_LOW_BINS - 1),
    FIRST_LAG = 20,
    LAST_LAG = 127,
    LAGS_AT_ONCE = 12, /* a divisor of how many there are */
    LOWEST_BIN = 2,
    SUMS = 4, /* over bands, at once */
};

typedef char lags_fit[(LAST_LAG + 1 - FIRST_LAG) % LAGS_AT_ONCE == 0 ? 1 : -1];

/* How likely a bin holds speech, from its power over the noise. */
TP_INLINE float presence_of(float over)
{
    const float posterior = over < 50.0f ? over : 50.0f;
    return 1.0f / (1.0f + (1.0f + PRESENT_SNR) * tp_exp_near(posterior * -(PRESENT_SNR / (1.0f + PRESENT_SNR))));
}

TP_INLINE void start_noise(tp_ns_bins *s, const float *TP_RESTRICT power, size_t n)
{
    const float rate = 1.0f / (float)(s->hops + 1);
    if (s->hops == 0)
        memcpy(s->noise, power, n * sizeof *power);
    TP_ROLLED
    for (size_t k = 0; k < n; k++) {
        s->presence[k] += PRESENCE_RATE * (presence_of(power[k] / s->noise[k]) - s->presence[k]);
        s->noise[k] += (power[k] - s->noise[k]) * rate;
    }
    s->hops++;
}

TP_INLINE void update_noise(tp_ns_bins *s, const float *TP_RESTRICT power, size_t n)
{
    TP_ROLLED
    for (size_t k = 0; k < n; k++) {
        float present = presence_of(power[k] / s->noise[k]);
        s->presence[k] += PRESENCE_RATE * (present - s->presence[k]);
        /* A step up of the noise must not be taken for speech for ever. */
        const float limit = s->presence[k] > PRESENCE_MAX ? PRESENCE_MAX : 1.0f;
        present = present < limit ? present : limit;
        s->noise[k] += NOISE_RATE * (1.0f - present) * (power[k] - s->noise[k]);
    }
}

TP_INLINE void tp_ns_estimate_loops(tp_ns_bins *s, const float *TP_RESTRICT power, size_t bins)
{
    const size_t n = tp_ns_padded(bins);
    if (s->hops < START_HOPS)
        start_noise(s, power, n);
    else
        update_noise(s, power, n);
    TP_ROLLED
    for (size_t k = 0; k < n; k++) {
        const float to_noise = 1.0f / s->noise[k], above = power[k] * to_noise - 1.0f;
        float snr = DIRECTED * s->clean[k] * to_noise + (1.0f - DIRECTED) * (above > 0.0f ? above : 0.0f);
        snr = snr > SNR_MIN ? snr : SNR_MIN;
        snr = snr < SNR_MAX ? snr : SNR_MAX;
        const float gain = snr / (1.0f + snr);
        s->clean[k] = gain * gain * power[k];
        s->log_snr[k] = tp_log_near(snr);
    }
    float around[REACH + TP_NS_PADDED_BINS + REACH] = { 0 };
    memcpy(around + REACH, power, bins * sizeof *power);
    TP_ROLLED
    for (size_t k = 0; k < n; k++) {
        const float *p = around + k;
        const float sum = ((p[0] + p[1]) + (p[2] + p[3])) + (p[4] + ((p[5] + p[6]) + (p[7] + p[8])));
        s->contrast[k] = tp_log_near(power[k] * (2.0f * REACH + 1.0f) / sum);
    }
}

TP_WIDE(, tp_ns_estimate, (tp_ns_bins *s, const float *power, size_t bins), (s, power, bins))

/* Of SUMS values a bin as many a band. */
TP_INLINE void band_sums(const tp_ns_layout *layout, float (*TP_RESTRICT x)[SUMS], float (*TP_RESTRICT bands)[SUMS])
{
    lanes upper[SUMS / TP_LANES], lower[SUMS / TP_LANES];
    for (size_t i = 0; i < SUMS / TP_LANES; i++)
        upper[i] = lanes_set(0.0f);
    for (size_t b = 0; b < layout->bands; b++) {
        const size_t end = b + 1 < layout->bands ? layout->start[b + 1] : 0;
        for (size_t i = 0; i < SUMS / TP_LANES; i++) {
            lower[i] = upper[i];
            upper[i] = lanes_set(0.0f);
        }
        for (size_t k = layout->start[b]; k < end; k++) {
            const lanes share = lanes_set(layout->share[k]);
            for (size_t i = 0; i < SUMS / TP_LANES; i++) {
                const lanes here = lanes_load(x[k] + TP_LANES * i), part = lanes_mul(share, here);
                upper[i] = lanes_add(upper[i], part);
                lower[i] = lanes_add(lower[i], lanes_sub(here, part));
            }
        }
        for (size_t i = 0; i < SUMS / TP_LANES; i++)
            lanes_store(bands[b] + TP_LANES * i, lower[i]);
    }
}

TP_INLINE void tp_ns_band_features_loops(const tp_ns_layout *layout, tp_ns_floors *floors, int first, const float *TP_RESTRICT power,
                                         const float *TP_RESTRICT noise, const tp_ns_voice *TP_RESTRICT voice, float *features)
{
    const size_t n = layout->bands / 8 * 8, bins = tp_ns_padded(layout->start[n - 1]);
    float x[TP_NS_PADDED_BINS][SUMS], bands[TP_NS_BANDS][SUMS], logs[TP_NS_BANDS];
    TP_ROLLED
    for (size_t k = 0; k < bins; k++) {
        const float magnitude = voice ? voice->magnitude[k] : 0.0f;
        x[k][0] = power[k];
        x[k][1] = noise[k];
        x[k][2] = magnitude;
        x[k][3] = voice ? voice->comb[k] * magnitude : 0.0f;
    }
    band_sums(layout, x, bands);
    TP_ROLLED
    for (size_t b = 0; b < n; b++)
        logs[b] = tp_log_near(bands[b][0] * layout->scale[b]);
    if (first) {
        memcpy(floors->smooth, logs, n * sizeof *logs);
        memcpy(floors->floor, logs, n * sizeof *logs);
    }
    TP_ROLLED
    for (size_t b = 0; b < n; b++) {
        floors->smooth[b] += SMOOTH * (logs[b] - floors->smooth[b]);
        const float risen = floors->floor[b] + FLOOR_RISE;
        floors->floor[b] = risen < floors->smooth[b] ? risen : floors->smooth[b];
    }
    if (!features)
        return;
    TP_ROLLED
    for (size_t b = 0; b < n; b++) {
        features[b] = logs[b] * 0.2f + 2.0f;
        features[n + b] = (logs[b] - tp_log_near(bands[b][1] * layout->scale[b])) * 0.3f;
        features[2 * n + b] = (logs[b] - floors->floor[b]) * 0.3f;
    }
    if (!voice)
        return;
    TP_ROLLED
    for (size_t b = 0; b < n; b++)
        features[3 * n + b] = bands[b][3] / (bands[b][2] + 1e-4f);
    memcpy(features + 4 * n, voice->features, sizeof voice->features);
}

TP_WIDE(, tp_ns_band_features,
        (const tp_ns_layout *layout, tp_ns_floors *floors, int first, const float *power, const float *noise,
         const tp_ns_voice *voice, float *features),
        (layout, floors, first, power, noise, voice, features))

TP_INLINE size_t highest_of(const float *correlation)
{
    float most[LAGS_AT_ONCE];
    memcpy(most, correlation + FIRST_LAG, sizeof most);
    TP_ROLLED
    for (size_t i = FIRST_LAG + LAGS_AT_ONCE; i <= LAST_LAG; i += LAGS_AT_ONCE)
        for (size_t k = 0; k < LAGS_AT_ONCE; k++)
            most[k] = correlation[i + k] > most[k] ? correlation[i + k] : most[k];
    float highest = most[0];
    for (size_t k = 1; k < LAGS_AT_ONCE; k++)
        highest = most[k] > highest ? most[k] : highest;
    size_t lag = FIRST_LAG;
    while (lag < LAST_LAG && correlation[lag] < highest)
        lag++;
    return lag;
}

/* cos(2π·k·lag / FFT), each eight turned on from the eight before. */
TP_INLINE void comb_of(size_t lag, size_t n, float *TP_RESTRICT comb)
{
    enum { STEP = TP_FFT_MAX / FFT, SINE = 3 * TP_FFT_MAX / 4 };
    float c[8], s[8];
    for (size_t i = 0; i < 8; i++) {
        c[i] = tp_fft_cos[i * lag * STEP % TP_FFT_MAX];
        s[i] = tp_fft_cos[(i * lag * STEP + SINE) % TP_FFT_MAX];
    }
    const float turn_c = tp_fft_cos[8 * lag * STEP % TP_FFT_MAX], turn_s = tp_fft_cos[(8 * lag * STEP + SINE) % TP_FFT_MAX];
    TP_ROLLED
    for (size_t k = 0; k < n; k += 8) {
        for (size_t i = 0; i < 8; i++) {
            const float now = c[i];
            comb[k + i] = now;
            c[i] = now * turn_c - s[i] * turn_s;
            s[i] = s[i] * turn_c + now * turn_s;
        }
    }
}

TP_INLINE void tp_ns_voicing_loops(const float *TP_RESTRICT power, float *last_octave, size_t bins, tp_ns_voice *TP_RESTRICT voice)
{
    static const float no_phase[TP_NS_LOW_BINS] = { 0 };
    /* cppcheck-suppress ctuuninitvar ; an address is taken, no value is read */
    float *const magnitude = voice->magnitude, correlation[FFT], powers[8] = { 0 }, magnitudes[8] = { 0 };
    TP_ROLLED
    for (size_t k = 0; k < tp_ns_padded(TP_NS_LOW_BINS); k++)
        magnitude[k] = sqrtf(power[k]);
    for (size_t k = 0; k < LOWEST_BIN; k++)
        magnitude[k] = 0.0f;
    TP_ROLLED
    for (size_t k = 0; k < TP_NS_LOW_BINS - 1; k += 8)
        for (size_t i = 0; i < 8; i++) {
            powers[i] += magnitude[k + i] * magnitude[k + i];
            magnitudes[i] += magnitude[k + i];
        }
    float all_power = power[TP_NS_LOW_BINS - 1], all_magnitude = magnitude[TP_NS_LOW_BINS - 1];
    for (size_t i = 0; i < 8; i++) {
        all_power += powers[i];
        all_magnitude += magnitudes[i];
    }
    tp_rfft_inverse(FFT, magnitude, no_phase, correlation);
    const size_t lag = highest_of(correlation);
    comb_of(lag, tp_ns_padded(bins), voice->comb);

    const float octave = tp_log_near((float)lag / 50.0f) * 1.44269504f, move = fabsf(octave - *last_octave);
    const float share = 1.0f / (float)(TP_NS_LOW_BINS - LOWEST_BIN);
    *last_octave = octave;
    voice->features[0] = correlation[lag] / correlation[0] * 3.0f - 1.0f;
    voice->features[1] = octave;
    voice->features[2] = move < 1.0f ? move : 1.0f;
    voice->features[3] = tp_log_near(all_power * share) - 2.0f * tp_log_near(all_magnitude * share);
}

TP_WIDE(, tp_ns_voicing, (const float *power, float *last_octave, size_t bins, tp_ns_voice *voice), (power, last_octave, bins, voice))
