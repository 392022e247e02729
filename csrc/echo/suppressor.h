/*
 * From the keep network's band gains to what is taken out of each bin, and the line's noise put in its place.
 *
 * How: every bin's gain (keep_bins.h) is taken to the fourth power: echo between the caller's words and harmonics is what is
 * heard of it, and a caller who loses a little more is not. What goes takes the noise of the line with it; as much of that is
 * put back as keeps the background from pumping with the agent's words.
 */
#ifndef TALKPATH_ECHO_SUPPRESSOR_H
#define TALKPATH_ECHO_SUPPRESSOR_H

#include "echo/grid.h"
#include "echo/keep_bins.h"
#include "echo/keep_net.h"

typedef struct tp_suppressor {
    tp_keep_bins bins;
    uint32_t dice;
} tp_suppressor;

void tp_suppressor_init(tp_suppressor *s);

/* One slot: what is to go of the residual's `bins` bins; near: residual and echo together; echo may be all zero; caller: 0 … 1, the chance that the caller
 * speaks. gains: what stays of each, in amplitude. */
void tp_suppressor_slot(tp_suppressor *s, size_t bins, const tp_keep_net *keep, const tp_echo_row *near,
                        const tp_echo_row *residual, const tp_echo_row *echo, float caller, float *gains, tp_echo_row *goes);

#endif
