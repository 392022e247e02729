/*
 * Layers of small networks: weights of one byte with a scale for each row, activations of two, sums exact (dsp/simd.h's affine_pairs).
 * gen_*.py next to a network writes its tables.
 */
#ifndef TALKPATH_DSP_GRU_H
#define TALKPATH_DSP_GRU_H

#include <stddef.h>
#include <stdint.h>

enum { GRU_MAX_UNITS = 64 };

#define GRU_ONE 16384.0f /* activations as int16                          */
#define GRU_INPUT 4096.0f /* the same of inputs within ±8, as they are  */
#define GRU_LIMIT 4.0f   /* spreads from the mean that a feature counts for at most */

/* A gated recurrent unit (K. Cho et al., EMNLP 2014). Gates, one after the other: reset, update, new. */
typedef struct tp_gru_layer {
    const int8_t *input, *own;
    const float *input_scale, *input_bias, *own_scale, *own_bias;
} tp_gru_layer;

/* state: of as many units; in: of `units` activations, replaced by the new state. */
void tp_gru_step(const tp_gru_layer *layer, size_t units, float *state, int16_t *in);

/* What a dense layer gives, through the hyperbolic tangent, as activations; what an output layer gives, as shares. */
void tp_gru_tanh(const float *x, size_t n, int16_t *to);
void tp_gru_sigmoid(const float *x, size_t n, float *y);

/* n inputs as they are. */
void tp_gru_inputs(const float *x, size_t n, int16_t *to);

/* n features in spreads from their means. */
void tp_gru_features(const float *features, const float *mean, const float *inverse_spread, size_t n, int16_t *x);

#endif
