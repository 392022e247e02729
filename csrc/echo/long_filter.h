/*
 * The long filter: taps 20 ms apart in each bin over all possible delays. It needs no delay to start with, so it is what
 * there is before a delay is known and after it jumped; where its energy lies is the echo's profile in time.
 *
 * How: dsp/kalman.h with diagonal covariances, a step every hop, on every second of the bins that are decided on: the window
 * makes neighbours alike, and what is wanted of this filter are powers of bands. Its bin k is the grid's 2·k.
 */
#ifndef TALKPATH_ECHO_LONG_FILTER_H
#define TALKPATH_ECHO_LONG_FILTER_H

#include "echo/grid.h"

typedef struct tp_long_filter {
    size_t taps, row, refresh;
    float activity[80];  /* power of each far spectrum kept */
    float profile[40];   /* energy of each tap              */
} tp_long_filter;

enum { LONG_SPACING = 2 }; /* hops from tap to tap */

size_t tp_long_filter_size(size_t taps);
void tp_long_filter_init(tp_long_filter *f, size_t taps);

/* The echo is known to begin about `tap`: let the filter learn faster there. */
void tp_long_filter_boost(tp_long_filter *f, size_t tap);

/* A row of the long filter's bins. */
typedef struct tp_long_row {
    float re[ECHO_LONG_BINS], im[ECHO_LONG_BINS];
} tp_long_row;

/* One hop of far and near spectra, `far` NULL for silence: the echo it predicts, and the residual. Returns 0, and no echo, while the far side is
 * silent. */
int tp_long_filter_hop(tp_long_filter *f, const tp_echo_row *far, const tp_echo_row *near, int learn, tp_long_row *echo,
                       tp_long_row *residual);

/* A hop's far spectrum, or NULL, sent while nothing was received that is worth looking at. */
void tp_long_filter_skip(tp_long_filter *f, const tp_echo_row *far);

float tp_long_filter_variance(const tp_long_filter *f);

#endif
