/*
 * Level: the agent's voice at the level that telephones expect, whatever the synthesiser delivers.
 *
 * What        takes away DC, brings the active speech level towards a target, keeps peaks below full scale
 * How         a high-pass at 20 Hz; blocks of 10 ms that are above -60 dBov and stand 8 dB out of the quietest of the last half
 *             second are speech (what lasts is not: silence, hiss, hum). A histogram of them, which forgets with 50 blocks, gives
 *             the level of the voice that the last half second of speech is mostly of: the mean power from 16 dB below (ITU-T
 *             P.56, clause 7.3) to 8 dB above its upper quantile. A voice is followed slowly (150 blocks); another one, 5 dB
 *             away, at once. The gain follows at first at 50 dB/s, for another voice at 30 dB/s up and 100 dB/s down, then at
 *             3 dB/s, and only in speech; a limiter with instant attack and 60 ms release holds peaks at -1 dBov
 * Limits      gain -15 … +15 dB; a steady voice is within 1 dB of the target after 1 s, one that follows another 12 to 24 dB
 *             quieter or louder is within 1.5 dB in its second sentence; DC is gone within 50 ms
 * Units       level in dBov of active speech; -19 is the telephone network's nominal -15 to -22 (ITU-T P.56, G.101)
 * History     about 2 s of speech; pauses, breaths and what lasts do not count
 * Latency     0
 * Aliasing    in and out may be the same
 * Chunks      any length; the output does not depend on how the stream is cut
 * Cost        0.7 µs for 20 ms at 8 kHz
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
