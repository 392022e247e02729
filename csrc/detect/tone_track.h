/*
 * Tone analysis every 10 ms: the front end of the beep and the call-progress detectors.
 *
 * What        the strongest tone, its harmonics, and the strongest tone beside it, with frequencies between the bins
 * How         256-point FFT of Hann-windowed frames at 8 kHz (32 ms, 31.25 Hz a bin), hop 80; a tone's frequency from the
 *             ratio of its two largest bins (exact for a Hann window; V. K. Jain et al., "High-accuracy analog measurements
 *             via interpolated FFT", IEEE Trans. IM 28, 1979), its power from the five bins that hold 99.9 % of it
 * Units       powers are mean squares at ±1.0 full scale, so 10·log10 gives dBov
 * Resolution  tones 94 Hz apart or more are told apart; a single tone's frequency is within 0.05 Hz without noise, 0.4 Hz
 *             (rms) with noise at 10 dB SNR
 * Latency     a frame's result is known 16 ms after its middle
 */
#ifndef TALKPATH_DETECT_TONE_TRACK_H
#define TALKPATH_DETECT_TONE_TRACK_H

#include <stddef.h>
#include <stdint.h>

#include "detect/half_rate.h"

#define TP_TONE_WINDOW 256
#define TP_TONE_HOP 80
#define TP_TONE_HOP_MS 10.0

typedef struct tp_tone_frame {
    float total; /* all power from 219 to 3812 Hz                        */
    float low;   /* below that: hum, or the pitch of a voice             */
    float main_hz, main_power;
    float spread; /* mean squared distance of its power from main_hz, bins²: 0.33 for one tone, 1 for two that beat */
    float harmonic_power; /* at 2, 3, … 8 times main_hz                  */
    float second_hz, second_power; /* strongest tone that is not one of them */
} tp_tone_frame;

typedef struct tp_tone_track {
    int sample_rate_hz;
    tp_half_rate half_rate;
    float window[TP_TONE_WINDOW];
    float samples[TP_TONE_WINDOW]; /* the newest at the end */
    size_t fresh;                  /* of these, samples since the last frame */
} tp_tone_track;

void tp_tone_track_init(tp_tone_track *t, int sample_rate_hz);
void tp_tone_track_reset(tp_tone_track *t);

/* Reads samples up to the end of the present hop and returns how many that were; *ready is 1 when a frame came out. */
size_t tp_tone_track_read(tp_tone_track *t, const int16_t *pcm, size_t n, tp_tone_frame *frame, int *ready);

/* The TP_TONE_HOP samples that completed the last frame, at 8 kHz; valid until the next read. */
const float *tp_tone_track_newest(const tp_tone_track *t);

#endif
