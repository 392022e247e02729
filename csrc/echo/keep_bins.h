/*
 * How much of each bin is to be kept? From the bands' gains, and from what the bin itself shows of echo, caller and noise.
 *
 * How: the same small network for every bin: 14 measures, 16 rectified units, one gain; trained by training/echo on double
 * talk. Bands are coarse: the echo lies between the caller's harmonics, and a band holds several.
 */
#ifndef TALKPATH_ECHO_KEEP_BINS_H
#define TALKPATH_ECHO_KEEP_BINS_H

#include "echo/grid.h"

enum {
    KEEP_MEASURES = 15,            /* two are the same for all bins        */
    KEEP_ROWS = KEEP_MEASURES + 2, /* and the residual's and noise's power */
    KEEP_HIDDEN = 16,
};

typedef struct tp_keep_bins {
    float echo[ECHO_MAX_BINS], residual[ECHO_MAX_BINS], slow[ECHO_MAX_BINS], near[ECHO_MAX_BINS]; /* smoothed powers */
    float *tap; /* for training: KEEP_ROWS rows of `bins` are copied here in each slot, unless NULL */
} tp_keep_bins;

void tp_keep_bins_init(tp_keep_bins *k);

/* One slot of `bins` bins. `gains`: in, what their bands are to keep, amplitude, 0 … 1; out, what they are to keep.
 * apart: how far two networks are apart about that. noise: power of the line's noise, as the rows'. caller: 0 … 1, the chance that
 * the caller speaks. near is residual and echo estimate together; echo may be all zero. No delay. */
void tp_keep_bins_slot(tp_keep_bins *k, size_t bins, const float *apart, const float *noise, float caller,
                       const tp_echo_row *near, const tp_echo_row *residual, const tp_echo_row *echo, float *gains);

#endif
