/*
 * Resampler: streaming conversion between any two of 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 and 48 kHz.
 *
 * What        mono int16 in, mono int16 out, a few milliseconds of constant delay, nothing held back beyond it, an
 *             exactly known number of samples from every call
 * How         polyphase FIR with linear phase (R. Crochiere, L. Rabiner, "Multirate Digital Signal Processing", 1983),
 *             Kaiser-windowed prototypes (wire/gen_resampler.py), every phase normalised to a DC gain of exactly 1.
 *             Integer arithmetic: 24 bit coefficients in two halves, exact sums, one rounding. No dither. All machines
 *             give the same bits
 * Limits      for N = half the lower rate (4 kHz when one side is 8 kHz), voice band to 0.85 N:
 *                              delay at 8 kHz   ripple     alias, image in the voice band   everywhere
 *               LOW_LATENCY    1.5 ms           0.02 dB    >= 55 dB                         -
 *               VOICE          2.5 ms           0.001 dB   >= 90 dB                         -
 *               HIFI           10 ms            0.001 dB   >= 110 dB                        >= 110 dB
 *             the delay shrinks as the lower rate grows (VOICE at 24 → 16 kHz: 1.25 ms); equal rates copy, without delay
 * Units       rates in Hz; samples; delay in ms
 * Count       after n samples in all, ceil(n·rate_out / rate_in) have come out: for n·rate_out divisible by rate_in that
 *             is exact in each call; otherwise it is within one of the ideal count
 * History     2·delay of input; no look-ahead beyond the delay
 * Aliasing    in and out must not overlap
 * Chunks      any length, 0 included; the output does not depend on how the stream is cut
 * Overflow    saturates after filtering
 * Cost        20 ms through VOICE, AVX2: 0.7 µs for 16 → 8 kHz, about 3 µs for 44.1 → 16 kHz
 * Errors      TP_ECONFIG from init for a rate or quality not listed
 */
#ifndef TALKPATH_RESAMPLER_H
#define TALKPATH_RESAMPLER_H

#include <stddef.h>
#include <stdint.h>

typedef enum tp_resampler_quality {
    TP_RESAMPLER_LOW_LATENCY,
    TP_RESAMPLER_VOICE,
    TP_RESAMPLER_HIFI
} tp_resampler_quality;

typedef struct tp_resampler_config {
    int rate_in_hz;
    int rate_out_hz;
    tp_resampler_quality quality;
} tp_resampler_config;

static inline tp_resampler_config tp_resampler_defaults(void)
{
    return (tp_resampler_config){ .rate_in_hz = 16000, .rate_out_hz = 8000, .quality = TP_RESAMPLER_VOICE };
}

typedef struct tp_resampler tp_resampler;

/* NULL when the configuration is valid, else what is wrong: "field must be …". */
const char *tp_resampler_check(const tp_resampler_config *config);

/* Bytes of state (2 KiB for simple ratios, up to 0.4 MiB for the worst); 0 for an invalid configuration. */
size_t tp_resampler_size(const tp_resampler_config *config);

int tp_resampler_init(tp_resampler *r, const tp_resampler_config *config);
void tp_resampler_reset(tp_resampler *r);

/* Samples that tp_resampler_process() will write for n more samples of input. */
size_t tp_resampler_output_samples(const tp_resampler *r, size_t n);

/* Takes n samples, writes and returns tp_resampler_output_samples(r, n). */
size_t tp_resampler_process(tp_resampler *r, const int16_t *in, size_t n, int16_t *out);

/* The end of a stream: what the delay still holds (at most delay·rate_out + 1 samples), then reset. */
size_t tp_resampler_flush_samples(const tp_resampler *r);
size_t tp_resampler_flush(tp_resampler *r, int16_t *out);

/* Constant delay of the output behind the input, exact. */
double tp_resampler_delay_ms(const tp_resampler *r);

/* For inspection: the filter as it is used. Output p of each cycle of `phases` is Σ row[k]·x[newest - (taps-1) + k]. */
uint32_t tp_resampler_phases(const tp_resampler *r); /* 0 for equal rates */
uint32_t tp_resampler_taps(const tp_resampler *r);
void tp_resampler_coefficients(const tp_resampler *r, uint32_t phase, double *row);

#endif
