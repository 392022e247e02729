#include "enhance/ns_estimate.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/fft.h"

/* Noise: T. Gerkmann and R. C. Hendriks, "Unbiased MMSE-based noise power estimation with low complexity and low tracking
 * delay", IEEE Trans. ASLP 20(4), 2012; smoothing scaled to hops of 5 ms. */
#define PRESENT_SNR 31.6227766f
#define NOISE_RATE 0.07f
#define PRESENCE_RATE 0.05f
#define PRESENCE_MAX 0.99f
#define POSTERIOR_MAX 1e4f
#define START_HOPS 12 /* taken for noise */
/* SNR: Y. Ephraim and D. Malah, "Speech enhancement using a minimum mean-square error short-time spectral amplitude
 * estimator", IEEE Trans. ASSP 32(6), 1984: decision-directed. */
#define DIRECTED 0.98f
#define SNR_MIN 0.00316227766f
#define SNR_MAX 1e4f

#define REACH 4 /* bins to each side that make up a bin's surroundings */

#define FLOOR_RISE 0.002f
#define SMOOTH 0.16f

enum { FFT = 2 * (TP_NS_LOW_BINS - 1), FIRST_LAG = 20, LAST_LAG = 127, LOWEST_BIN = 2 };

static void update_noise(tp_ns_bins *s, const float *power, size_t bins)
{
    if (s->hops < START_HOPS) {
        const float rate = 1.0f / (float)(s->hops + 1);
        if (s->hops == 0)
            memcpy(s->noise, power, bins * sizeof *power);
        for (size_t k = 0; k < bins; k++) {
            const float over = power[k] / s->noise[k], posterior = over < 50.0f ? over : 50.0f;
            const float present =
                1.0f / (1.0f + (1.0f + PRESENT_SNR) * tp_exp_near(posterior * -(PRESENT_SNR / (1.0f + PRESENT_SNR))));
            s->presence[k] += PRESENCE_RATE * (present - s->presence[k]);
            s->noise[k] += (power[k] - s->noise[k]) * rate;
        }
        s->hops++;
        return;
    }
    for (size_t k = 0; k < bins; k++) {
        const float over = power[k] / s->noise[k], posterior = over < 50.0f ? over : 50.0f;
        float present = 1.0f / (1.0f + (1.0f + PRESENT_SNR) * tp_exp_near(posterior * -(PRESENT_SNR / (1.0f + PRESENT_SNR))));
        s->presence[k] += PRESENCE_RATE * (present - s->presence[k]);
        /* A step up of the noise must not be taken for speech for ever. */
        const float limit = s->presence[k] > PRESENCE_MAX ? PRESENCE_MAX : 1.0f;
        present = present < limit ? present : limit;
        s->noise[k] += NOISE_RATE * (1.0f - present) * (power[k] - s->noise[k]);
    }
}

void tp_ns_estimate(tp_ns_bins *s, const float *power, size_t bins)
{
    update_noise(s, power, bins);
    for (size_t k = 0; k < bins; k++) {
        const float to_noise = 1.0f / s->noise[k], above = power[k] * to_noise - 1.0f;
        float snr = DIRECTED * s->clean[k] * to_noise + (1.0f - DIRECTED) * (above > 0.0f ? above : 0.0f);
        snr = snr > SNR_MIN ? snr : SNR_MIN;
        snr = snr < SNR_MAX ? snr : SNR_MAX;
        const float gain = snr / (1.0f + snr);
        s->clean[k] = gain * gain * power[k];
        s->log_snr[k] = tp_log_near(snr);
    }
    float padded[REACH + TP_NS_BINS + REACH] = { 0 };
    memcpy(padded + REACH, power, bins * sizeof *power);
    for (size_t k = 0; k < bins; k++) {
        const float *p = padded + k;
        const float around = ((p[0] + p[1]) + (p[2] + p[3])) + (p[4] + ((p[5] + p[6]) + (p[7] + p[8])));
        s->contrast[k] = tp_log_near(power[k] * (2.0f * REACH + 1.0f) / around);
    }
}

static void band_sums(const tp_ns_layout *layout, const float *x, float *bands)
{
    for (size_t b = 0; b < layout->bands; b++)
        bands[b] = 0.0f;
    for (size_t b = 0; b + 1 < layout->bands; b++) {
        float lower = 0.0f, upper = 0.0f;
        for (size_t k = layout->start[b]; k < layout->start[b + 1]; k++) {
            const float component = layout->share[k] * x[k];
            upper += component;
            lower += x[k] - component;
        }
        bands[b] += lower;
        bands[b + 1] += upper;
    }
}

void tp_ns_band_features(const tp_ns_layout *layout, tp_ns_floors *floors, int first, const float *power, const float *noise,
                         float *features)
{
    const size_t n = layout->bands;
    float logs[TP_NS_BANDS], noises[TP_NS_BANDS];
    band_sums(layout, power, logs);
    band_sums(layout, noise, noises);
    for (size_t b = 0; b < n; b++) {
        logs[b] = tp_log_near(logs[b] * layout->scale[b]);
        noises[b] = tp_log_near(noises[b] * layout->scale[b]);
    }
    if (first) {
        memcpy(floors->smooth, logs, n * sizeof *logs);
        memcpy(floors->floor, logs, n * sizeof *logs);
    }
    for (size_t b = 0; b < n; b++) {
        floors->smooth[b] += SMOOTH * (logs[b] - floors->smooth[b]);
        const float risen = floors->floor[b] + FLOOR_RISE;
        floors->floor[b] = risen < floors->smooth[b] ? risen : floors->smooth[b];
        features[b] = logs[b] * 0.2f + 2.0f;
        features[n + b] = (logs[b] - noises[b]) * 0.3f;
        features[2 * n + b] = (logs[b] - floors->floor[b]) * 0.3f;
    }
}

void tp_ns_voicing(const float *power, float *last_octave, float *comb, size_t bins, float *features)
{
    static const float no_phase[TP_NS_LOW_BINS] = { 0 };
    float magnitude[TP_NS_LOW_BINS], correlation[FFT];
    for (size_t k = 0; k < TP_NS_LOW_BINS; k++)
        magnitude[k] = sqrtf(power[k]);
    float powers = 0.0f, magnitudes = 0.0f;
    for (size_t k = 0; k < LOWEST_BIN; k++)
        magnitude[k] = 0.0f;
    for (size_t k = LOWEST_BIN; k < TP_NS_LOW_BINS; k++) {
        powers += power[k];
        magnitudes += magnitude[k];
    }
    tp_rfft_inverse(FFT, magnitude, no_phase, correlation);
    size_t lag = FIRST_LAG;
    for (size_t i = FIRST_LAG + 1; i <= LAST_LAG; i++)
        lag = correlation[i] > correlation[lag] ? i : lag;

    for (size_t k = 0; k < bins; k++)
        comb[k] = tp_fft_cos[k * lag % FFT * (TP_FFT_MAX / FFT)];
    float on[TP_NS_LOW_BINS], sums[TP_NS_BANDS];
    for (size_t k = 0; k < TP_NS_LOW_BINS; k++)
        on[k] = comb[k] * magnitude[k];
    band_sums(&tp_ns_low_layout, on, features);
    band_sums(&tp_ns_low_layout, magnitude, sums);
    for (size_t b = 0; b < TP_NS_BANDS; b++)
        features[b] /= sums[b] + 1e-4f;
    features += TP_NS_BANDS;

    const float octave = tp_log_near((float)lag / 50.0f) * 1.44269504f, move = fabsf(octave - *last_octave);
    const float share = 1.0f / (float)(TP_NS_LOW_BINS - LOWEST_BIN);
    *last_octave = octave;
    features[0] = correlation[lag] / correlation[0] * 3.0f - 1.0f;
    features[1] = octave;
    features[2] = move < 1.0f ? move : 1.0f;
    features[3] = tp_log_near(powers * share) - 2.0f * tp_log_near(magnitudes * share);
}
