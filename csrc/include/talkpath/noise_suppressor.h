/*
 * Noise suppression: the caller's voice without what is around it.
 *
 * What        speech with its noise turned down, 8 or 16 kHz, in a stream of any chunk length
 * How         every 5 ms a frame of 32 ms through a low-delay pair of windows (D. Mauler, R. Martin, "A low delay, variable
 *             resolution, perfect reconstruction spectral analysis-synthesis system for speech enhancement", EUSIPCO 2007).
 *             In each bin a classical estimator follows the noise (T. Gerkmann, R. C. Hendriks, IEEE Trans. ASLP 20(4), 2012) and,
 *             decision-directed, the SNR (Y. Ephraim, D. Malah, IEEE Trans. ASSP 32(6), 1984). Every 10 ms a network of two
 *             gated recurrent layers (K. Cho et al., EMNLP 2014; 52 thousand int8 weights, training/enhance/) reads band
 *             powers, the same over the noise and over a tracked floor, and how much lies on the comb of a pitch; it decides
 *             band by band u, v, w, z of gain = sigmoid(u + v·ln SNR + w·contrast of the bin to those around it + z·comb).
 *             u = 0, v = 1, w = z = 0 is the classical Wiener gain, from which the training set out. What is left of the
 *             noise is the line's own, turned down evenly
 * Limits      level 85, speech in ambience, typing, dishes and white noise at 0, 5 and 10 dB, none of it in training: PESQ +.47, STOI
 *             +.034, DNSMOS +.59 at 8 kHz with µ-law; +.24, +.031, +.68 at 16 kHz. Voices around are the hardest (crowds: PESQ
 *             +.2), level 60 gives PESQ +.17, 100 +.55. Clean speech: PESQ 4.3 and more against the input (16 kHz: 4.1
 *             and more). Steady noise falls by the full attenuation within the first second; music, tones and a voice much
 *             further away than the caller's count as noise. A voice 30 dB below a full-scale sound that went before is 14 dB too soft
 *             for 2 s, and within 2 dB after 4 s
 * Units       level: 60 … 100, as Plivo's noise_cancellation_level. The greatest attenuation grows from 9 dB at 60 by 0.6 dB a
 *             step (85: 24 dB, 100: 33 dB), and with it what is done to sound that may or may not be speech
 * History     32 ms of samples, the noise of some seconds, and what the recurrent layers keep
 * Latency     10 ms at either rate (tp_noise_suppressor_delay_samples)
 * Aliasing    pcm and out may be the same buffer
 * Chunks      any length, as many samples out as in; the output does not depend on how the stream is cut
 * Cost        about 16 µs for 20 ms at 8 kHz, 24 µs at 16 kHz (AVX2, in one call; plain C 30 and 42 µs at most); state 12 KB
 * Errors      TP_ECONFIG from init and set_level; no audio fails
 */
#ifndef TALKPATH_NOISE_SUPPRESSOR_H
#define TALKPATH_NOISE_SUPPRESSOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_noise_suppressor tp_noise_suppressor;

typedef struct tp_noise_suppressor_config {
    int sample_rate_hz; /* 8000 or 16000 */
    int level;          /* 60 … 100 */
} tp_noise_suppressor_config;

static inline tp_noise_suppressor_config tp_noise_suppressor_defaults(void)
{
    return (tp_noise_suppressor_config){ .sample_rate_hz = 8000, .level = 85 };
}

const char *tp_noise_suppressor_check(const tp_noise_suppressor_config *config);
size_t tp_noise_suppressor_size(const tp_noise_suppressor_config *config);
int tp_noise_suppressor_init(tp_noise_suppressor *s, const tp_noise_suppressor_config *config);
void tp_noise_suppressor_reset(tp_noise_suppressor *s);

/* n samples in, n samples out, later by the delay. */
void tp_noise_suppressor_process(tp_noise_suppressor *s, const int16_t *pcm, int16_t *out, size_t n);

/* From the next frame on, without a click; reset keeps it. TP_ECONFIG for a level out of range: nothing changes. */
int tp_noise_suppressor_set_level(tp_noise_suppressor *s, int level);
int tp_noise_suppressor_level(const tp_noise_suppressor *s);

size_t tp_noise_suppressor_delay_samples(const tp_noise_suppressor *s);

#endif
