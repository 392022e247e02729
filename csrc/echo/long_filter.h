/*
 * The long filter: taps 20 ms apart in each bin over all possible delays. It needs no delay to start with, so it is what
 * there is before a delay is known and after it jumped; where its energy lies is the echo's profile in time.
 *
 * How: dsp/kalman.h with diagonal covariances, a step every hop, on bins up to 3.4 kHz.
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

/* One hop. Returns 0, and y = 0, while the far side is silent. */
int tp_long_filter_hop(tp_long_filter *f, const float *x_re, const float *x_im, const tp_echo_row *m, int learn,
                       tp_echo_row *y);

float tp_long_filter_variance(const tp_long_filter *f);

#endif
