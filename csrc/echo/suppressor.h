/*
 * From the near-end network's band gains to gains for each bin: inside a band, what is to go is taken where the echo
 * estimate is strong, so that the caller's harmonics stay between the echo's.
 */
#ifndef TALKPATH_ECHO_SUPPRESSOR_H
#define TALKPATH_ECHO_SUPPRESSOR_H

#include "echo/grid.h"
#include "echo/near_end.h"

typedef struct tp_suppressor {
    float echo[ECHO_MAX_BINS], residual[ECHO_MAX_BINS]; /* smoothed powers */
} tp_suppressor;

void tp_suppressor_init(tp_suppressor *s);

/* One slot: gains of `bins` bins for this residual; echo may be all zero. */
void tp_suppressor_slot(tp_suppressor *s, size_t bins, const float *band_gains, const tp_echo_row *residual,
                        const tp_echo_row *echo, float *gains);

#endif
