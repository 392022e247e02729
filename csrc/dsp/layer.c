#include "dsp/layer.h"

#include "dsp/approx.h"
#include "dsp/simd.h"

void tp_layer_apply(const tp_layer *l, const float *x, float *y)
{
    tp_simd->affine_int8(l->weights, l->scale, l->bias, x, y, l->rows, l->columns);
}

void tp_layer_tanh(const tp_layer *l, const float *x, float *y)
{
    tp_layer_apply(l, x, y);
    for (size_t i = 0; i < l->rows; i++)
        y[i] = tp_tanh_near(y[i]);
}

void tp_gru_update(size_t n, float *a, const float *b, float *units)
{
    for (size_t i = 0; i < 2 * n; i++)
        a[i] = tp_sigmoid_near(a[i] + b[i]);
    for (size_t i = 0; i < n; i++) {
        const float fresh = tp_tanh_near(a[2 * n + i] + a[i] * b[2 * n + i]);
        units[i] = fresh + a[n + i] * (units[i] - fresh);
    }
}

void tp_layer_gru(const tp_layer *from_below, const tp_layer *from_itself, const float *x, float *units)
{
    const size_t n = from_itself->columns;
    float a[3 * TP_LAYER_MAX_UNITS], b[3 * TP_LAYER_MAX_UNITS];
    tp_layer_apply(from_below, x, a);
    tp_layer_apply(from_itself, units, b);
    tp_gru_update(n, a, b, units);
}
