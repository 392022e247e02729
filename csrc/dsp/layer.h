/*
 * Layers of small networks with weights in eight bits and a scale for each row, inputs and outputs in floats.
 * gen_*.py next to a network writes its tables; dsp/simd.h does the products.
 */
#ifndef TALKPATH_DSP_LAYER_H
#define TALKPATH_DSP_LAYER_H

#include <stddef.h>
#include <stdint.h>

#define TP_LAYER_MAX_UNITS 64 /* of a recurrent layer */

typedef struct tp_layer {
    const int8_t *weights; /* column by column */
    const float *scale, *bias;
    size_t rows, columns; /* outputs, a multiple of 8, and inputs */
} tp_layer;

/* The tables PREFIXname, PREFIXname_scale and PREFIXname_bias. */
#define TP_LAYER(prefix, name, rows, columns)                                              \
    {                                                                                      \
        prefix##name, prefix##name##_scale, prefix##name##_bias, (rows), (columns) \
    }

/* y = W·x + bias, and its hyperbolic tangent. y must not overlap x. */
void tp_layer_apply(const tp_layer *l, const float *x, float *y);
void tp_layer_tanh(const tp_layer *l, const float *x, float *y);

/* A gated recurrent unit (K. Cho et al., EMNLP 2014) whose gates are stacked reset, update, new: what its input gives, a[3n],
 * and what its own last state gives, b[3n], make the new state in place of the old one. a is used up. */
void tp_gru_update(size_t n, float *a, const float *b, float *units);

/* One step of it: the layers over its input and over its own state. */
void tp_layer_gru(const tp_layer *from_below, const tp_layer *from_itself, const float *x, float *units);

#endif
