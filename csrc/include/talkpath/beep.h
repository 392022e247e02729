/*
 * Voicemail beep: one event a beep, when it is over and certain.
 *
 * What        steady, ramped, slightly chirped (±5 %), clipped or harmonic-rich tones and pairs of tones between 300 and
 *             3000 Hz, 80 ms … 5 s long, after speech or silence, with drop-outs of up to 60 ms, concealed frames, steps of up
 *             to 10 dB, or in two parts: reported once, with its whole length. Not: speech, singing, music, DTMF, network tones
 * How         detect/tone_track.h every 10 ms; a run of frames with one tone; when it ends, and 70 ms more have shown that it
 *             does not come again, detect/beep_shape.c decides: frequency on a straight line to within what noise explains,
 *             level without jumps, nothing beside the tone but the noise that stays when it is over. Frames that a hole or a
 *             step disturbs are left out, when nothing was added there and enough frames are left
 * Limits      in noise down to 10 dB SNR and levels down to -33 dBov 0.995 of 2,400 generated voicemails' beeps are found,
 *             the first event always being the beep's; none in 4.3 h of speech, synthetic speech and music; frequency
 *             within 0.1 Hz (a chirp's: that of its middle). More is asked of tones below 440 Hz, where voices have theirs
 * Not told apart
 *             Pairs less than 94 Hz apart (they beat). One burst of a network tone of one frequency is a beep by sound:
 *             those of 400, 425 and 440 Hz (±1.5 Hz), constant and as long as some plan's bursts, and fax calling tones
 *             (1100 Hz, 0.5 s) are never reported, and neither is a real beep that looks exactly so. A burst of any other
 *             frequency is reported once; when it comes again within 5 s it is not. A tone that follows another without
 *             a pause (special information, a melody) is none
 * Units       level_dbov: power of the loudest 32 ms; times from the first sample, at half amplitude
 * History     5 s of tone frames; look-ahead: none
 * Latency     an event comes 80 … 100 ms after the end of its beep
 * Aliasing    pcm is only read
 * Chunks      any length; events do not depend on how the stream is cut
 * Cost        about 1.7 µs for 20 ms at 8 kHz, 1.9 µs at 16 kHz, 0.2 µs in silence
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_BEEP_H
#define TALKPATH_BEEP_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_beep tp_beep;

typedef struct tp_beep_config {
    int sample_rate_hz; /* 8000 or 16000 */
    int timeout_ms;     /* stop listening after so much audio without a beep; 0: never */
} tp_beep_config;

static inline tp_beep_config tp_beep_defaults(void)
{
    return (tp_beep_config){ .sample_rate_hz = 8000, .timeout_ms = 0 };
}

typedef struct tp_beep_event {
    float frequency_hz; /* of a pair: the stronger tone */
    float level_dbov;
    double start_ms, end_ms;
} tp_beep_event;

typedef struct tp_beep_tone {
    float frequency_hz;
    float level_dbov;
    double start_ms;
} tp_beep_tone;

/* Room for the beeps that n samples can end at most. */
#define TP_BEEP_MAX_EVENTS(n) ((n) / 640 + 1)

const char *tp_beep_check(const tp_beep_config *config);
size_t tp_beep_size(const tp_beep_config *config);
int tp_beep_init(tp_beep *b, const tp_beep_config *config);
void tp_beep_reset(tp_beep *b);

/* Returns the number of beeps that ended and became certain within these n samples. */
size_t tp_beep_process(tp_beep *b, const int16_t *pcm, size_t n, tp_beep_event *events);

/* 1, and fills *tone, while a tone of 50 ms or more is heard that may become a beep; else 0. */
int tp_beep_sounding(const tp_beep *b, tp_beep_tone *tone);

/* 1 when timeout_ms have passed without a beep: nothing is looked for until reset. */
int tp_beep_timed_out(const tp_beep *b);

/* Delay of an event behind the end of its beep, at most. */
size_t tp_beep_delay_samples(const tp_beep *b);

#endif
