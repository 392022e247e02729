/*
 * The noise suppressor's network: a dense layer and two gated recurrent ones over the low bands' features, and on top of them one
 * dense layer for each output; int8 weights with a scale a row. training/enhance/ns_features.py is the same in NumPy.
 *
 * Output      for each band u, v, w, z (all u first): a bin's gain is sigmoid(u + v·ln SNR + w·contrast + z·comb)
 */
#ifndef TALKPATH_ENHANCE_NS_NETWORK_H
#define TALKPATH_ENHANCE_NS_NETWORK_H

#include "enhance/ns_bands.h"

typedef struct tp_ns_units {
    float layer[2][TP_NS_UNITS];
} tp_ns_units;

/* One step; features of TP_NS_FEATURES values, decided of TP_NS_DECISIONS·TP_NS_BANDS. */
void tp_ns_step(tp_ns_units *units, const float *features, float *decided);

/* The bands above 4 kHz, after tp_ns_step: features of TP_NS_HIGH_FEATURES values, decided of TP_NS_DECISIONS·TP_NS_HIGH_BANDS. */
void tp_ns_high(const tp_ns_units *units, const float *features, float *decided);

#endif
