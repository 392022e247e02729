/*
 * Comfort noise: what a listener hears while nothing is said, and RFC 3389's packets that describe it.
 *
 * What        Gaussian noise of a given level, white or with the spectrum of a background that was observed or that a SID
 *             packet described
 * How         normal numbers by inversion (wire/gen_comfort_noise.py) from a 64 bit linear congruential generator
 *             (multiplier: D. Knuth, MMIX), through an all-pole lattice filter whose excitation is scaled by
 *             Π(1 - k²), so that the output has the level asked for whatever the filter
 *             (|k| of a packet is limited to 0.98, its coefficients to a gain of 40 dB). The background is learned
 *             from the autocorrelation of 20 ms blocks, averaged over the first 2 s, then exponentially; a block counts
 *             at most 6 dB above the present estimate, so that a stray word hardly lifts it. Coefficients by
 *             dsp/lpc.h. Packets: RFC 3389, sections 3.1 and 3.2
 * Limits      level within ±0.1 dB from -20 to -80 dBov when white, 0.5 dB shaped; kurtosis 3.0 ± 0.05; flat within 0.01 dB when white; period 2^64.
 *             A SID round trip keeps the level within 0.5 dB (its step is 1 dB) and k within 0.004
 * Units       level in dBov (0 dBov: rms 32768); reflection coefficients k without unit, k < 0 is low-pass;
 *             RFC 3389 codes: level -N dBov in byte 0, then k = 258·(i - 127)/32768 a byte
 * History     10 samples; no look-ahead; latency 0
 * Aliasing    generate and observe use separate buffers
 * Chunks      any length; neither the noise nor what is learned depends on how the stream is cut
 * Changes     of level and spectrum are followed over 20 ms, so that they never click
 * Cost        20 ms at 8 kHz: about 0.4 µs white, 2 µs shaped, 1.5 µs to observe
 * Errors      TP_ECONFIG from init; TP_EFORMAT from decode_sid for an empty packet; all audio is legal
 */
#ifndef TALKPATH_COMFORT_NOISE_H
#define TALKPATH_COMFORT_NOISE_H

#include <stddef.h>
#include <stdint.h>

#define TP_SID_MAX_ORDER 10u

/* The level as telephony servers count it, higher is quieter: 20 * log10(18918 / divisor / 32768) dBov, -127 at the least. */
#define TP_COMFORT_NOISE_DIVISOR 2800
#define TP_COMFORT_NOISE_MAX_DIVISOR 100000
float tp_comfort_noise_divisor_dbov(int divisor);

typedef struct tp_comfort_noise_config {
    int sample_rate_hz; /* 8000, 16000, 24000 or 48000 */
    float level_dbov;   /* -127 … 0                    */
    uint32_t seed;
} tp_comfort_noise_config;

static inline tp_comfort_noise_config tp_comfort_noise_defaults(void)
{
    return (tp_comfort_noise_config){ .sample_rate_hz = 8000, .level_dbov = tp_comfort_noise_divisor_dbov(TP_COMFORT_NOISE_DIVISOR),
                                      .seed = 1 };
}

typedef struct tp_comfort_noise tp_comfort_noise;

const char *tp_comfort_noise_check(const tp_comfort_noise_config *config);
size_t tp_comfort_noise_size(const tp_comfort_noise_config *config);
int tp_comfort_noise_init(tp_comfort_noise *c, const tp_comfort_noise_config *config);
void tp_comfort_noise_reset(tp_comfort_noise *c);

/* White noise of another level from now on, without a click and without starting anew; reset keeps it. TP_ECONFIG for a level out
 * of range: nothing changes. */
int tp_comfort_noise_set_level_dbov(tp_comfort_noise *c, float level_dbov);

/* Writes n samples of noise. */
void tp_comfort_noise_generate(tp_comfort_noise *c, int16_t *pcm, size_t n);

/* Learns from n samples of background; generate() follows once a first 20 ms block is complete. */
void tp_comfort_noise_observe(tp_comfort_noise *c, const int16_t *pcm, size_t n);

/* Writes 1 + order bytes that describe the noise; order <= TP_SID_MAX_ORDER, larger ones are taken as that. */
size_t tp_comfort_noise_encode_sid(const tp_comfort_noise *c, size_t order, uint8_t *data);

/* Takes level and spectrum from a packet: the first 10 coefficients count, the reserved code 255 is taken as 254. */
int tp_comfort_noise_decode_sid(tp_comfort_noise *c, const uint8_t *data, size_t size);

float tp_comfort_noise_level_dbov(const tp_comfort_noise *c);
/* k[0 … TP_SID_MAX_ORDER - 1] */
void tp_comfort_noise_reflection(const tp_comfort_noise *c, float *k);

size_t tp_comfort_noise_delay_samples(const tp_comfort_noise *c); /* 0 */

#endif
