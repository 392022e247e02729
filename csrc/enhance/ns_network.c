#include "enhance/ns_network.h"

#include <string.h>

#include "dsp/approx.h"
#include "dsp/simd.h"
#include "enhance/noise_suppressor_tables.h"

const tp_ns_layout tp_ns_low_layout = { TP_NS_BANDS, ns_low_bands_start, ns_low_bands_share, ns_low_bands_scale };
const tp_ns_layout tp_ns_high_layout = { TP_NS_HIGH_BANDS, ns_high_bands_start, ns_high_bands_share, ns_high_bands_scale };

typedef struct layer {
    const int8_t *weights; /* column by column */
    const float *scale, *bias;
    size_t rows, columns;
} layer;

#define LAYER(name, rows, columns)                                         \
    {                                                                      \
        ns_##name, ns_##name##_scale, ns_##name##_bias, (rows), (columns) \
    }

static const layer dense = LAYER(dense, TP_NS_UNITS, TP_NS_FEATURES);
static const layer input[2] = { LAYER(input0, 3 * TP_NS_UNITS, TP_NS_UNITS), LAYER(input1, 3 * TP_NS_UNITS, TP_NS_UNITS) };
static const layer recurrent[2] = { LAYER(recurrent0, 3 * TP_NS_UNITS, TP_NS_UNITS),
                                    LAYER(recurrent1, 3 * TP_NS_UNITS, TP_NS_UNITS) };
static const layer out = LAYER(out, TP_NS_DECISIONS * TP_NS_BANDS, TP_NS_UNITS);
static const layer high = LAYER(high, TP_NS_HIGH_UNITS, TP_NS_HIGH_FEATURES + TP_NS_UNITS);
static const layer high_out = LAYER(high_out, TP_NS_DECISIONS * TP_NS_HIGH_BANDS, TP_NS_HIGH_UNITS);

static void apply(const layer *l, const float *x, float *y)
{
    tp_simd->affine_int8(l->weights, l->scale, l->bias, x, y, l->rows, l->columns);
}

/* Gates are stacked reset, update, new; the result replaces `units`. */
static void gated(const layer *from_below, const layer *from_itself, const float *x, float *units)
{
    float a[3 * TP_NS_UNITS], b[3 * TP_NS_UNITS];
    apply(from_below, x, a);
    apply(from_itself, units, b);
    for (size_t i = 0; i < 2 * TP_NS_UNITS; i++)
        a[i] = tp_sigmoid_near(a[i] + b[i]);
    for (size_t i = 0; i < TP_NS_UNITS; i++) {
        const float fresh = tp_tanh_near(a[2 * TP_NS_UNITS + i] + a[i] * b[2 * TP_NS_UNITS + i]);
        units[i] = fresh + a[TP_NS_UNITS + i] * (units[i] - fresh);
    }
}

void tp_ns_step(tp_ns_units *units, const float *features, float *decided)
{
    float x[TP_NS_UNITS];
    apply(&dense, features, x);
    for (size_t i = 0; i < TP_NS_UNITS; i++)
        x[i] = tp_tanh_near(x[i]);
    gated(&input[0], &recurrent[0], x, units->layer[0]);
    gated(&input[1], &recurrent[1], units->layer[0], units->layer[1]);
    apply(&out, units->layer[1], decided);
}

void tp_ns_high(const tp_ns_units *units, const float *features, float *decided)
{
    float x[TP_NS_HIGH_FEATURES + TP_NS_UNITS], y[TP_NS_HIGH_UNITS];
    memcpy(x, features, TP_NS_HIGH_FEATURES * sizeof *x);
    memcpy(x + TP_NS_HIGH_FEATURES, units->layer[1], sizeof units->layer[1]);
    apply(&high, x, y);
    for (size_t i = 0; i < TP_NS_HIGH_UNITS; i++)
        y[i] = tp_tanh_near(y[i]);
    apply(&high_out, y, decided);
}
