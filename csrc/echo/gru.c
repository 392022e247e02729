#include "echo/gru.h"

#include "dsp/layer.h"
#include "dsp/simd.h"

void tp_gru_step(const tp_gru_layer *l, size_t units, float *state, int16_t *in)
{
    float a[3 * GRU_MAX_UNITS], b[3 * GRU_MAX_UNITS];
    int16_t own[GRU_MAX_UNITS];
    for (size_t i = 0; i < units; i++)
        own[i] = (int16_t)(state[i] * GRU_ONE);
    tp_simd->affine_pairs(l->input, l->input_scale, l->input_bias, in, a, 3 * units, units);
    tp_simd->affine_pairs(l->own, l->own_scale, l->own_bias, own, b, 3 * units, units);
    tp_gru_update(units, a, b, state);
    for (size_t i = 0; i < units; i++)
        in[i] = (int16_t)(state[i] * GRU_ONE);
}

void tp_gru_features(const float *features, const float *mean, const float *inverse_spread, size_t n, int16_t *x)
{
    for (size_t i = 0; i < n; i++) {
        float v = (features[i] - mean[i]) * inverse_spread[i];
        v = v > -GRU_LIMIT ? v : -GRU_LIMIT;
        x[i] = (int16_t)((v < GRU_LIMIT ? v : GRU_LIMIT) * (GRU_ONE / GRU_LIMIT));
    }
}
