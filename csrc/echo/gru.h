/* One gated recurrent layer with weights of one byte, and features made ready for such weights. */
#ifndef TALKPATH_ECHO_GRU_H
#define TALKPATH_ECHO_GRU_H

#include <stddef.h>
#include <stdint.h>

enum { GRU_MAX_UNITS = 64 };

#define GRU_ONE 16384.0f /* activations as int16                          */
#define GRU_LIMIT 4.0f   /* spreads from the mean that a feature counts for at most */

/* Gates: reset, update, new. */
typedef struct tp_gru_layer {
    const int8_t *input, *own;
    const float *input_scale, *input_bias, *own_scale, *own_bias;
} tp_gru_layer;

/* state: of as many units; in: of `units` activations, replaced by the new state. */
void tp_gru_step(const tp_gru_layer *layer, size_t units, float *state, int16_t *in);

/* What a dense layer gives, through the hyperbolic tangent, as activations; what an output layer gives, as shares. */
void tp_gru_tanh(const float *x, size_t n, int16_t *to);
void tp_gru_sigmoid(const float *x, size_t n, float *y);

/* n features in spreads from their means. */
void tp_gru_features(const float *features, const float *mean, const float *inverse_spread, size_t n, int16_t *x);

#endif
