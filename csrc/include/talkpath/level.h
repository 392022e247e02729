/*
 * Level: the agent's voice at the level that telephones expect, whatever the synthesiser delivers.
 *
 * What        takes away DC, brings the active speech level towards a target, keeps peaks below full scale
 * How         a high-pass at 20 Hz; power of 10 ms blocks, averaged over those that belong to speech: above -60 dBov and within
 *             16 dB of the running average (the margin of ITU-T P.56, clause 7.3); the gain follows, at first quickly, then at
 *             3 dB/s; a limiter with instant attack and 60 ms release holds peaks at -1 dBov
 * Limits      gain -15 … +15 dB; a steady voice is within 1 dB of the target after 1 s; DC is gone within 50 ms
 * Units       level in dBov of active speech; -19 is the telephone network's nominal -15 to -22 (ITU-T P.56, G.101)
 * History     about 2 s of speech; pauses do not count
 * Latency     0
 * Aliasing    in and out may be the same
 * Chunks      any length; the output does not depend on how the stream is cut
 * Cost        0.6 µs for 20 ms at 8 kHz
 * Errors      TP_ECONFIG from init
 */
#ifndef TALKPATH_LEVEL_H
#define TALKPATH_LEVEL_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_level tp_level;

typedef struct tp_level_config {
    int sample_rate_hz; /* 8000 … 48000 */
    float target_dbov;  /* -35 … -10    */
} tp_level_config;

static inline tp_level_config tp_level_defaults(void)
{
    return (tp_level_config){ .sample_rate_hz = 8000, .target_dbov = -19.0f };
}

const char *tp_level_check(const tp_level_config *config);
size_t tp_level_size(const tp_level_config *config);
int tp_level_init(tp_level *l, const tp_level_config *config);
void tp_level_reset(tp_level *l);

void tp_level_process(tp_level *l, const int16_t *in, size_t n, int16_t *out);

/* Of the stream that came in; -127 before any speech. */
float tp_level_speech_dbov(const tp_level *l);
float tp_level_gain_db(const tp_level *l);

size_t tp_level_delay_samples(const tp_level *l); /* 0 */

#endif
