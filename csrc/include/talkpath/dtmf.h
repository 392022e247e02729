/*
 * DTMF: which key was pressed.
 *
 * What        16 keys (0-9 * # A-D) found in speech-band audio; each reported once, as soon as it is certain
 * How         two complex band-pass filters split the low group (ITU-T Q.23: 697 … 941 Hz) from the high one
 *             (1209 … 1633 Hz) and reject dial tone; the lag-one correlation of each output over 32 ms gives frequency and
 *             purity (S. Kay, "A fast and accurate single frequency estimator", IEEE Trans. ASSP 37, 1989), a coherent
 *             sum over the same 32 ms asks whether frequency and level really stood still, and a first difference of the
 *             whole signal whether anything else sounds. Tones in the ratios 2:1 and 3:2 are a voice, never a key:
 *             the DTMF frequencies were chosen to avoid those
 * Limits      after ITU-T Q.24 and Telcordia GR-506, all after µ-law:
 *             frequency  accepted to ±1.5 % (in fact ±2.4 %), rejected from ±3.5 % (in fact ±3.0 %)
 *             twist      -8 … +4 dB accepted (in fact -10 … +6; high group minus low)
 *             duration   40 ms accepted (in fact 34), 23 ms rejected (in fact 30); pauses from 25 ms split the same key,
 *                        drop-outs up to 10 ms do not
 *             level      0 … -36 dBm0 a tone (in fact -41); with noise at 12 dB SNR (in fact 10), dial tone as loud as each
 *                        tone (in fact +3 dB) or speech 15 dB below the key
 *             talk-off   0 digits in 4.3 h of speech, synthetic speech, singing and music at each of four levels
 * Units       level_dbov: power of both tones together (a key at -10 dBov has two tones of -13 dBov each)
 * History     42 ms of look-back; no look-ahead
 * Latency     a key is reported 37 … 41 ms after it went down (tp_dtmf_delay_samples)
 * Aliasing    pcm is only read
 * Chunks      any length; the digits and their times do not depend on how the stream is cut
 * Cost        about 0.7 µs for 20 ms at 8 kHz, 0.9 µs at 16 kHz
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_DTMF_H
#define TALKPATH_DTMF_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_dtmf tp_dtmf;

typedef struct tp_dtmf_config {
    int sample_rate_hz; /* 8000 or 16000 */
} tp_dtmf_config;

static inline tp_dtmf_config tp_dtmf_defaults(void)
{
    return (tp_dtmf_config){ .sample_rate_hz = 8000 };
}

typedef struct tp_dtmf_digit {
    double start_ms; /* stream time at which the key went down, within about 3 ms */
    float level_dbov;
    char digit; /* one of 0123456789*#ABCD */
} tp_dtmf_digit;

/* Room for the digits that n samples can hold at most, whatever they are. */
#define TP_DTMF_MAX_DIGITS(n) ((n) / 128 + 1)

const char *tp_dtmf_check(const tp_dtmf_config *config);
size_t tp_dtmf_size(const tp_dtmf_config *config);
int tp_dtmf_init(tp_dtmf *d, const tp_dtmf_config *config);
void tp_dtmf_reset(tp_dtmf *d);

/* Returns the number of digits that became certain within these n samples; digits holds TP_DTMF_MAX_DIGITS(n). */
size_t tp_dtmf_process(tp_dtmf *d, const int16_t *pcm, size_t n, tp_dtmf_digit *digits);

/* The key that is held down now, 0 if none. */
/* Begins to fetch what the next frame needs; reads nothing that changes. */
void tp_dtmf_prefetch(const tp_dtmf *d);
char tp_dtmf_sounding(const tp_dtmf *d);

size_t tp_dtmf_delay_samples(const tp_dtmf *d);

#endif
