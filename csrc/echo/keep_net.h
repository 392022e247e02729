/*
 * How much of each band is to be kept? While the agent's voice may be in the air, every 10 ms, at either rate.
 *
 * How: the near-end network's features and what it makes of them (near_end.h), and at 16 kHz six measures in each of 7 bands
 * above its own, go through a second small network, trained by training/echo on double talk. It decides nothing.
 */
#ifndef TALKPATH_ECHO_KEEP_NET_H
#define TALKPATH_ECHO_KEEP_NET_H

#include "echo/floor_tracker.h"
#include "echo/grid.h"
#include "echo/near_end.h"

enum {
    KEEP_HIGH_BANDS = 7,
    KEEP_BANDS = NEAR_BANDS + KEEP_HIGH_BANDS,
    KEEP_PER_BAND = 6,
    KEEP_HIGH = KEEP_HIGH_BANDS * KEEP_PER_BAND,
    KEEP_UNITS = 48,
    KEEP_PEAK_HOPS = 4, /* the far side's most is kept for */
};

typedef struct tp_keep_net {
    size_t hops;
    tp_floor_tracker floor; /* of the high bands */
    float far[KEEP_PEAK_HOPS][KEEP_HIGH_BANDS], leak[KEEP_HIGH_BANDS];
    float high[KEEP_HIGH];
    float units[KEEP_UNITS];
    float gains[KEEP_BANDS];  /* amplitude: what of the residual is to be kept */
    float apart[KEEP_BANDS];  /* the near-end network's gain minus this one's  */
    float floors[KEEP_BANDS]; /* power of the line's noise                     */
} tp_keep_net;

/* Bands, as tp_near_edges: those of the near-end network, then the high ones. */
extern const unsigned char tp_keep_edges[KEEP_BANDS + 1];

void tp_keep_net_init(tp_keep_net *k);

/* One hop. `far`: the far side's spectrum when the echo of now was sent, or as near to that as is known. */
void tp_keep_net_hop(tp_keep_net *k, size_t bins, const tp_near_end *near_end, const tp_echo_row *near, const tp_echo_row *residual,
                     const tp_echo_row *echo, const tp_echo_row *far);

/* The network alone: NEAR_UNITS and NEAR_FEATURES of the near-end network, and k->high where `wide`. */
void tp_keep_net_step(tp_keep_net *k, const float *near_units, const float *near_features, int wide);

#endif
