#include "detect/tone_track.h"

#include <math.h>
#include <string.h>

#include "dsp/fft.h"
#include "dsp/window.h"
#include "talkpath/talkpath.h"

#define BINS (TP_TONE_WINDOW / 2 + 1)
#define HZ_A_BIN 31.25f
/* Σ over a sine's bins of |X|² is (a/2)²·N·Σw², a²/2 its power, Σw² = 3/8·N. */
#define TO_POWER (2.0f / (0.375f * (float)TP_TONE_WINDOW * (float)TP_TONE_WINDOW))

enum {
    FIRST_BIN = 7,     /* 219 Hz */
    LAST_BIN = 122,    /* 3812 Hz */
    LAST_PEAK = 100,   /* 3125 Hz: no tone is looked for above */
    LOBE = 2,          /* bins on either side of the largest that belong to a tone */
    MAX_HARMONICS = 8,
};

/* Frames below -52 dBov are taken for silence: the weakest tone that counts is 7 dB louder. */
#define MIN_POWER 6.3e-6f
/* A main tone with a smaller share of the frame than this is not looked at further. */
#define MIN_SHARE 0.15f

void tp_tone_track_init(tp_tone_track *t, int sample_rate_hz)
{
    t->sample_rate_hz = sample_rate_hz;
    tp_window_hann(t->window, TP_TONE_WINDOW);
    tp_tone_track_reset(t);
}

void tp_tone_track_reset(tp_tone_track *t)
{
    tp_half_rate_reset(&t->half_rate);
    memset(t->samples, 0, sizeof t->samples);
    t->fresh = 0;
}

static int is_peak(const float *power, int k)
{
    return power[k] > power[k - 1] && power[k] >= power[k + 1];
}

/* For a Hann window, neighbours a = |X[k±1]|/|X[k]| put the tone (2a - 1)/(a + 1) bins from k. */
static float peak_hz(const float *power, int k)
{
    const float side = power[k + 1] > power[k - 1] ? 1.0f : -1.0f;
    const float a = sqrtf((side > 0.0f ? power[k + 1] : power[k - 1]) / power[k]);
    const float offset = (2.0f * a - 1.0f) / (a + 1.0f);
    return HZ_A_BIN * ((float)k + side * (offset > 0.0f ? offset : 0.0f));
}

static float sum_around(const float *power, int k, int reach)
{
    float sum = 0.0f;
    for (int i = k - reach; i <= k + reach; i++)
        sum += power[i];
    return sum;
}

static int nearest_bin(float hz)
{
    return (int)(hz / HZ_A_BIN + 0.5f);
}

/* Is a tone at hz the harmonic of one at base_hz? */
static int is_harmonic(float hz, float base_hz)
{
    const float order = floorf(hz / base_hz + 0.5f);
    return order >= 2.0f && fabsf(hz - order * base_hz) < 0.4f * HZ_A_BIN;
}

/* The largest peak outside the main tone's lobe that is none of its harmonics; 0 if there is none. */
static int find_second(const float *power, int main_bin, float main_hz)
{
    int best = 0;
    float max = 0.0f;
    for (int k = FIRST_BIN; k <= LAST_PEAK; k++) {
        if (power[k] <= max || (k >= main_bin - LOBE && k <= main_bin + LOBE))
            continue;
        if (is_peak(power, k) && !is_harmonic(peak_hz(power, k), main_hz)) {
            max = power[k];
            best = k;
        }
    }
    return best;
}

static void analyse(const tp_tone_track *t, tp_tone_frame *frame)
{
    float x[TP_TONE_WINDOW], re[BINS], im[BINS], power[BINS];
    memset(frame, 0, sizeof *frame);
    /* Energy first, in eight interleaved sums that a compiler can keep in registers. */
    float sums[8] = { 0 };
    for (size_t i = 0; i < TP_TONE_WINDOW; i += 8)
        for (size_t k = 0; k < 8; k++) {
            x[i + k] = t->samples[i + k] * t->window[i + k];
            sums[k] += x[i + k] * x[i + k];
        }
    const float energy = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
    if (energy < MIN_POWER * 0.375f * (float)TP_TONE_WINDOW)
        return;

    tp_rfft_forward(TP_TONE_WINDOW, x, re, im);
    for (int k = 0; k < BINS; k++)
        power[k] = TO_POWER * (re[k] * re[k] + im[k] * im[k]);
    for (int k = 1; k < FIRST_BIN; k++)
        frame->low += power[k];
    for (int k = FIRST_BIN; k <= LAST_BIN; k++)
        frame->total += power[k];

    int main_bin = 0;
    float max = 0.0f;
    for (int k = FIRST_BIN; k <= LAST_PEAK; k++)
        if (power[k] > max && is_peak(power, k)) {
            max = power[k];
            main_bin = k;
        }
    if (main_bin == 0)
        return;
    frame->main_power = sum_around(power, main_bin, LOBE);
    if (frame->main_power < MIN_SHARE * frame->total)
        return;
    frame->main_hz = peak_hz(power, main_bin);
    for (int k = main_bin - LOBE; k <= main_bin + LOBE; k++) {
        const float off = (float)k - frame->main_hz / HZ_A_BIN;
        frame->spread += off * off * power[k] / frame->main_power;
    }

    const int second_bin = find_second(power, main_bin, frame->main_hz);
    /* No bin may count twice. */
    for (int k = main_bin - LOBE; k <= main_bin + LOBE; k++)
        power[k] = 0.0f;
    if (second_bin >= FIRST_BIN) {
        frame->second_hz = peak_hz(power, second_bin);
        frame->second_power = sum_around(power, second_bin, LOBE);
        for (int k = second_bin - LOBE; k <= second_bin + LOBE; k++)
            power[k] = 0.0f;
    }
    for (int order = 2; order <= MAX_HARMONICS; order++) {
        const int k = nearest_bin((float)order * frame->main_hz);
        for (int i = k - LOBE; i <= k + LOBE && i <= LAST_BIN; i++)
            frame->harmonic_power += power[i];
    }
}

size_t tp_tone_track_read(tp_tone_track *t, const int16_t *pcm, size_t n, tp_tone_frame *frame, int *ready)
{
    size_t missing = TP_TONE_HOP - t->fresh, used;
    float *to = t->samples + TP_TONE_WINDOW - TP_TONE_HOP + t->fresh;
    if (t->sample_rate_hz == 16000) {
        used = 2 * missing - (size_t)t->half_rate.has_waiting;
        used = used < n ? used : n;
        t->fresh += tp_half_rate_process(&t->half_rate, pcm, used, to);
    } else {
        used = missing < n ? missing : n;
        for (size_t i = 0; i < used; i++)
            to[i] = TP_INT16_SCALE * (float)pcm[i];
        t->fresh += used;
    }
    *ready = t->fresh == TP_TONE_HOP;
    if (*ready) {
        analyse(t, frame);
        memmove(t->samples, t->samples + TP_TONE_HOP, (TP_TONE_WINDOW - TP_TONE_HOP) * sizeof t->samples[0]);
        t->fresh = 0;
    }
    return used;
}

const float *tp_tone_track_newest(const tp_tone_track *t)
{
    return t->samples + TP_TONE_WINDOW - 2 * TP_TONE_HOP;
}
