/*
 * Ambience mixer: a sound under the agent's voice, without a gap, a click or a clip.
 *
 * What        adds a looping (or once played) background to a stream; changes it with a cross-fade of 200 ms; ducks it while
 *             there is speech; bends peaks of the sum below full scale
 * How         two decks with equal-power fades (square roots of linear ramps); a request during a fade waits for its end.
 *             The voice counts as speech by blocks of 5 ms above -50 dBov: the background goes down with a time constant of
 *             30 ms and comes back with 400 ms. Above 0.9 of full scale the sum follows 0.9 + 0.1·u/(1 + u)
 * Limits      without a background the stream passes unchanged; with one, no output exceeds full scale whatever comes in, and
 *             steps are those of the parts
 * Units       volume 0 … 1: the factor on the background's samples; duck_db 0 … 40: how far it goes down under speech
 * History     the level of the last 5 ms
 * Latency     0
 * Aliasing    in and out may be the same
 * Chunks      any length; the output does not depend on how the stream is cut
 * Cost        0.5 µs for 20 ms at 8 kHz, 1 µs at 16 kHz
 * Errors      TP_ECONFIG from init. The background's samples are borrowed: they must outlive the mixer or the next request
 */
#ifndef TALKPATH_MIXER_H
#define TALKPATH_MIXER_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_mixer tp_mixer;

#define TP_MIXER_VOLUME 0.3 /* of a background, where none is asked for */

typedef struct tp_mixer_config {
    int sample_rate_hz; /* 8000 … 48000 */
    float duck_db;
} tp_mixer_config;

static inline tp_mixer_config tp_mixer_defaults(void)
{
    return (tp_mixer_config){ .sample_rate_hz = 16000, .duck_db = 6.0f };
}

const char *tp_mixer_check(const tp_mixer_config *config);
size_t tp_mixer_size(const tp_mixer_config *config);
int tp_mixer_init(tp_mixer *m, const tp_mixer_config *config);
void tp_mixer_reset(tp_mixer *m);

/* Fades to this background; n = 0: to none. `loops` = 0: it plays once, and fades out over its last 20 ms. */
void tp_mixer_play(tp_mixer *m, const int16_t *sound, size_t n, float volume, int loops);

/* Goes to another volume within 100 ms. */
void tp_mixer_set_volume(tp_mixer *m, float volume);

/* 1 while a background sounds or waits. */
int tp_mixer_active(const tp_mixer *m);
/* 1 while the mixer reads from this sound, or will. */
int tp_mixer_uses(const tp_mixer *m, const int16_t *sound);

void tp_mixer_process(tp_mixer *m, const int16_t *in, size_t n, int16_t *out);

size_t tp_mixer_delay_samples(const tp_mixer *m); /* 0 */

#endif
