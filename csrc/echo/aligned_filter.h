/*
 * The aligned filter: taps in each bin from 10 ms before a known delay on, learning with the full covariance of its taps,
 * like RLS. The taps are 5 ms apart where the echo begins, since spectra every 10 ms are too few for what a window's bins let
 * through (5 to 8 dB of echo on generated rooms), and further apart later. When it starts, it replays the last 0.4 s, so that it
 * has converged before the next word.
 *
 * How: dsp/kalman.h. Every slot predicts; every hop learns. Behind the struct: see layout() in aligned_filter.c.
 */
#ifndef TALKPATH_ECHO_ALIGNED_FILTER_H
#define TALKPATH_ECHO_ALIGNED_FILTER_H

#include "dsp/kalman.h"
#include "echo/grid.h"

enum { ALIGNED_ROWS = 32 };

typedef struct tp_aligned_filter {
    size_t taps, bins;
    int started;
    uint64_t lag;      /* samples from far to the first tap                  */
    size_t behind;     /* hops still to replay; 0: the filter is up to date  */
    size_t hops;       /* learnt since the start                             */
    size_t row;        /* of the newest far spectrum                         */
    float activity[ALIGNED_ROWS]; /* power of each row                       */
    float drift[TP_KALMAN_FULL_TAPS]; /* of each tap's variance, in a hop    */
} tp_aligned_filter;

/* Where the sound comes from: both rings end at `end`. */
typedef struct tp_echo_rings {
    const int16_t *near, *far;
    size_t near_length, far_length;
    uint64_t end;
    uint64_t far_last; /* the far side has been silent since */
} tp_echo_rings;

/* How many slots of 5 ms tap t lies after the first. */
size_t tp_aligned_filter_offset(size_t t);

size_t tp_aligned_filter_size(size_t taps, size_t bins);
void tp_aligned_filter_init(tp_aligned_filter *f, size_t taps, size_t bins);

/* Forgets everything and begins at a new lag, `replay` hops ago. */
void tp_aligned_filter_start(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, uint64_t lag, size_t replay);

/* The far ring has moved on without the near one: its spectra are taken anew, and what was learnt stays. */
void tp_aligned_filter_reload(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r);

/* One slot: predicts the echo in the slot that ends the rings; learns from `m` when it ends a hop and `learn` is set.
 * Returns 0, and no y, while there is nothing to predict; m is read only when the slot ends a hop. */
int tp_aligned_filter_slot(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, const tp_echo_row *m,
                           int ends_hop, int learn, tp_echo_row *y);

/* The far spectrum `slots` after the lag; the mean variance of the first taps. */
void tp_aligned_filter_far(const tp_aligned_filter *f, size_t slots, tp_echo_row *far);
float tp_aligned_filter_variance(const tp_aligned_filter *f);

#endif
