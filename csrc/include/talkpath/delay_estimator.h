/*
 * Echo delay: how long after it was sent does our own signal come back?
 *
 * What        the bulk delay between what was sent (far) and what was received (near), its confidence, and whether the line
 *             has an echo at all; found from audio alone, and followed when it changes
 * How         generalised cross-correlation (C. Knapp, G. Carter, "The generalized correlation method for estimation of time
 *             delay", IEEE Trans. ASSP 24, 1976) at 4 kHz: 80 ms of near signal, windowed, against segments of 256 ms of far
 *             signal that cover all delays; cross-spectra of 300 … 1900 Hz whitened by |C|^-0.8, summed with 1 s of memory;
 *             the highest lag over the rms of all lags is the score, and two rounds that agree make a lock
 * Limits      on 100 simulated calls with echo (rooms, nonlinear loudspeakers, handsets, hybrids, GSM tandems, loss 10 to 40 dB): found
 *             0.16 s after the first echo (median; 90 % in 0.27 s, worst 0.43 s), wrong at first in 2; a jump of 20 to 120 ms
 *             seen in about 0.5 s while the far side speaks; a delay invented on 8 of 100 lines without echo, for a while;
 *             a single period of a steady tone has no delay: with tones alone, what is found is one of many
 * Units       samples and milliseconds of stream time
 * History     max_delay_ms + 0.5 s of far signal, 1 s of cross-spectra
 * Latency     none: nothing is passed on
 * Aliasing    near and far are only read
 * Chunks      any length; the estimates do not depend on how the stream is cut
 * Cost        6.5 µs for 20 ms at 8 kHz while the far side speaks, 1.5 µs while it is silent (AVX2, through Python)
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_DELAY_ESTIMATOR_H
#define TALKPATH_DELAY_ESTIMATOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_delay_estimator tp_delay_estimator;

typedef struct tp_delay_estimator_config {
    int sample_rate_hz; /* 8000 or 16000 */
    int max_delay_ms;   /* 100 … 1000    */
} tp_delay_estimator_config;

static inline tp_delay_estimator_config tp_delay_estimator_defaults(void)
{
    return (tp_delay_estimator_config){ .sample_rate_hz = 8000, .max_delay_ms = 600 };
}

typedef struct tp_delay_estimate {
    int found;          /* a delay is locked; the rest says which      */
    unsigned locks;     /* how many times a lock was made or renewed   */
    float delay_ms;     /* of the last lock                            */
    float score;        /* now: peak over rms of the correlation       */
    float confidence;   /* 0 … 1: how well the last rounds confirm it  */
    float candidate_ms; /* where the correlation is highest now        */
} tp_delay_estimate;

const char *tp_delay_estimator_check(const tp_delay_estimator_config *config);
size_t tp_delay_estimator_size(const tp_delay_estimator_config *config);
int tp_delay_estimator_init(tp_delay_estimator *d, const tp_delay_estimator_config *config);
void tp_delay_estimator_reset(tp_delay_estimator *d);

/* n samples of both streams, taken in the same slots of time. */
void tp_delay_estimator_process(tp_delay_estimator *d, const int16_t *near, const int16_t *far, size_t n);

/* n samples, whole hops of 10 ms after whole hops, that were sent while nothing was received: what comes next was received so
 * much later. */
void tp_delay_estimator_skip(tp_delay_estimator *d, const int16_t *far, size_t n);

/* While it rests, both streams are taken, and no round begins: for who knows that the near one is the line's noise. */
void tp_delay_estimator_rest(tp_delay_estimator *d, int rest);

tp_delay_estimate tp_delay_estimator_read(const tp_delay_estimator *d);

#define TP_DELAY_MATCH_BEYOND_MS 400 /* a match is looked for so much beyond max_delay_ms, 1000 ms at most */

/* Where the last 160 ms of near signal are found in the far signal, whatever was heard before. */
typedef struct tp_delay_match {
    float score;    /* power of the correlation there over its mean at the lags where anything sounds */
    float delay_ms;
} tp_delay_match;

/* Costs as much as six rounds: not for every hop. */
tp_delay_match tp_delay_estimator_match(const tp_delay_estimator *d);

/* The delay is now this one: what was summed before is forgotten. */
void tp_delay_estimator_move(tp_delay_estimator *d, float delay_ms);

size_t tp_delay_estimator_delay_samples(const tp_delay_estimator *d);

#endif
