#include "dsp/layer.h"

#include "dsp/approx.h"
#include "dsp/simd.h"

void tp_layer_apply(const tp_layer *l, const float *x, float *y)
{
    tp_simd->affine_int8(l->weights, l->scale, l->bias, x, y, l->rows, l->columns);
}

TP_INLINE void tanh_all_loops(size_t n, float *y)
{
    n = n / 8 * 8; /* as it is: so compilers know */
    for (size_t i = 0; i < n; i++)
        y[i] = tp_tanh_near(y[i]);
}

TP_WIDE(static, tanh_all, (size_t n, float *y), (n, y))

void tp_layer_tanh(const tp_layer *l, const float *x, float *y)
{
    tp_layer_apply(l, x, y);
    tanh_all(l->rows, y);
}

TP_INLINE void tp_gru_update_loops(size_t n, float *TP_RESTRICT a, const float *TP_RESTRICT b, float *TP_RESTRICT units)
{
    n = n / 8 * 8;
    for (size_t i = 0; i < 2 * n; i++)
        a[i] = tp_sigmoid_near(a[i] + b[i]);
    for (size_t i = 0; i < n; i++) {
        const float fresh = tp_tanh_near(a[2 * n + i] + a[i] * b[2 * n + i]);
        units[i] = fresh + a[n + i] * (units[i] - fresh);
    }
}

TP_WIDE(, tp_gru_update, (size_t n, float *a, const float *b, float *units), (n, a, b, units))

void tp_layer_gru(const tp_layer *from_below, const tp_layer *from_itself, const float *x, float *units)
{
    const size_t n = from_itself->columns;
    float a[3 * TP_LAYER_MAX_UNITS], b[3 * TP_LAYER_MAX_UNITS];
    tp_layer_apply(from_below, x, a);
    tp_layer_apply(from_itself, units, b);
    tp_gru_update(n, a, b, units);
}
