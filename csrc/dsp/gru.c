#include "dsp/gru.h"

#include "dsp/approx.h"
#include "dsp/simd.h"

TP_INLINE void coded_loops(const float *TP_RESTRICT x, size_t n, int16_t *TP_RESTRICT to)
{
    n = n / 16 * 16;
    for (size_t i = 0; i < n; i++)
        to[i] = (int16_t)(x[i] * GRU_ONE);
}

TP_WIDE(static, coded, (const float *x, size_t n, int16_t *to), (x, n, to))

TP_INLINE void tp_gru_tanh_loops(const float *TP_RESTRICT x, size_t n, int16_t *TP_RESTRICT to)
{
    n = n / 16 * 16;
    for (size_t i = 0; i < n; i++)
        to[i] = (int16_t)(tp_tanh_near(x[i]) * GRU_ONE);
}

TP_WIDE(, tp_gru_tanh, (const float *x, size_t n, int16_t *to), (x, n, to))

TP_INLINE void tp_gru_sigmoid_loops(const float *TP_RESTRICT x, size_t n, float *TP_RESTRICT y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = tp_sigmoid_near(x[i]);
}

TP_WIDE(, tp_gru_sigmoid, (const float *x, size_t n, float *y), (x, n, y))

/* What a layer's input gives, a, and what its own last state gives, b, of three gates, make the new state in place of the old one. */
TP_INLINE void update_loops(size_t n, float *TP_RESTRICT a, const float *TP_RESTRICT b, float *TP_RESTRICT units)
{
    n = n / 8 * 8; /* as it is: so compilers know */
    for (size_t i = 0; i < 2 * n; i++)
        a[i] = tp_sigmoid_near(a[i] + b[i]);
    for (size_t i = 0; i < n; i++) {
        const float fresh = tp_tanh_near(a[2 * n + i] + a[i] * b[2 * n + i]);
        units[i] = fresh + a[n + i] * (units[i] - fresh);
    }
}

TP_WIDE(static, update, (size_t n, float *a, const float *b, float *units), (n, a, b, units))

void tp_gru_step(const tp_gru_layer *l, size_t units, float *state, int16_t *in)
{
    float a[3 * GRU_MAX_UNITS], b[3 * GRU_MAX_UNITS];
    int16_t own[GRU_MAX_UNITS];
    coded(state, units, own);
    tp_simd->affine_pairs(l->input, l->input_scale, l->input_bias, in, a, 3 * units, units);
    tp_simd->affine_pairs(l->own, l->own_scale, l->own_bias, own, b, 3 * units, units);
    update(units, a, b, state);
    coded(state, units, in);
}

TP_INLINE void tp_gru_inputs_loops(const float *TP_RESTRICT x, size_t n, int16_t *TP_RESTRICT to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = tp_nearest_int16(GRU_INPUT * tp_clip(x[i], -7.99f, 7.99f));
}

TP_WIDE(, tp_gru_inputs, (const float *x, size_t n, int16_t *to), (x, n, to))

TP_INLINE void tp_gru_features_loops(const float *TP_RESTRICT features, const float *TP_RESTRICT mean,
                                     const float *TP_RESTRICT inverse_spread, size_t n, int16_t *TP_RESTRICT x)
{
    for (size_t i = 0; i < n; i++) {
        float v = (features[i] - mean[i]) * inverse_spread[i];
        v = v > -GRU_LIMIT ? v : -GRU_LIMIT;
        x[i] = (int16_t)((v < GRU_LIMIT ? v : GRU_LIMIT) * (GRU_ONE / GRU_LIMIT));
    }
}

TP_WIDE(, tp_gru_features, (const float *features, const float *mean, const float *inverse_spread, size_t n, int16_t *x),
        (features, mean, inverse_spread, n, x))
