#include "echo/gated.h"

#include "dsp/layer.h"
#include "dsp/simd.h"

void tp_gated_step(const tp_gated_layer *l, size_t units, float *state, int16_t *in)
{
    float a[3 * GATED_MAX_UNITS], b[3 * GATED_MAX_UNITS];
    int16_t own[GATED_MAX_UNITS];
    for (size_t i = 0; i < units; i++)
        own[i] = (int16_t)(state[i] * GATED_ONE);
    tp_simd->affine_pairs(l->input, l->input_scale, l->input_bias, in, a, 3 * units, units);
    tp_simd->affine_pairs(l->own, l->own_scale, l->own_bias, own, b, 3 * units, units);
    tp_gated_update(units, a, b, state);
    for (size_t i = 0; i < units; i++)
        in[i] = (int16_t)(state[i] * GATED_ONE);
}

void tp_gated_features(const float *features, const float *mean, const float *inverse_spread, size_t n, int16_t *x)
{
    for (size_t i = 0; i < n; i++) {
        float v = (features[i] - mean[i]) * inverse_spread[i];
        v = v > -GATED_LIMIT ? v : -GATED_LIMIT;
        x[i] = (int16_t)((v < GATED_LIMIT ? v : GATED_LIMIT) * (GATED_ONE / GATED_LIMIT));
    }
}
