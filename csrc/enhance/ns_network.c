#include "enhance/ns_network.h"

#include <string.h>

#include "dsp/layer.h"
#include "enhance/noise_suppressor_tables.h"

const tp_ns_layout tp_ns_low_layout = { TP_NS_BANDS, ns_low_bands_start, ns_low_bands_share, ns_low_bands_scale };
const tp_ns_layout tp_ns_high_layout = { TP_NS_HIGH_BANDS, ns_high_bands_start, ns_high_bands_share, ns_high_bands_scale };

typedef char units_fit[TP_NS_UNITS <= TP_LAYER_MAX_UNITS ? 1 : -1];

static const tp_layer dense = TP_LAYER(ns_, dense, TP_NS_UNITS, TP_NS_FEATURES);
static const tp_layer input[2] = { TP_LAYER(ns_, input0, 3 * TP_NS_UNITS, TP_NS_UNITS),
                                   TP_LAYER(ns_, input1, 3 * TP_NS_UNITS, TP_NS_UNITS) };
static const tp_layer recurrent[2] = { TP_LAYER(ns_, recurrent0, 3 * TP_NS_UNITS, TP_NS_UNITS),
                                       TP_LAYER(ns_, recurrent1, 3 * TP_NS_UNITS, TP_NS_UNITS) };
static const tp_layer out = TP_LAYER(ns_, out, TP_NS_DECISIONS * TP_NS_BANDS, TP_NS_UNITS);
static const tp_layer high = TP_LAYER(ns_, high, TP_NS_HIGH_UNITS, TP_NS_HIGH_FEATURES + TP_NS_UNITS);
static const tp_layer high_out = TP_LAYER(ns_, high_out, TP_NS_DECISIONS * TP_NS_HIGH_BANDS, TP_NS_HIGH_UNITS);

void tp_ns_step(tp_ns_units *units, const float *features, float *decided)
{
    float x[TP_NS_UNITS];
    tp_layer_tanh(&dense, features, x);
    tp_layer_gru(&input[0], &recurrent[0], x, units->layer[0]);
    tp_layer_gru(&input[1], &recurrent[1], units->layer[0], units->layer[1]);
    tp_layer_apply(&out, units->layer[1], decided);
}

void tp_ns_high(const tp_ns_units *units, const float *features, float *decided)
{
    float x[TP_NS_HIGH_FEATURES + TP_NS_UNITS], y[TP_NS_HIGH_UNITS];
    memcpy(x, features, TP_NS_HIGH_FEATURES * sizeof *x);
    memcpy(x + TP_NS_HIGH_FEATURES, units->layer[1], sizeof units->layer[1]);
    tp_layer_tanh(&high, x, y);
    tp_layer_apply(&high_out, y, decided);
}
