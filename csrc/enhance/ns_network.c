#include "enhance/ns_network.h"

#include "dsp/gru.h"
#include "dsp/simd.h"
#include "enhance/noise_suppressor_tables.h"

const tp_ns_layout tp_ns_low_layout = { TP_NS_BANDS, ns_low_bands_start, ns_low_bands_share, ns_low_bands_scale };
const tp_ns_layout tp_ns_high_layout = { TP_NS_HIGH_BANDS, ns_high_bands_start, ns_high_bands_share, ns_high_bands_scale };

typedef char units_fit[(int)TP_NS_UNITS <= (int)GRU_MAX_UNITS ? 1 : -1];

#define LAYER(i) \
    { ns_input##i, ns_recurrent##i, ns_input##i##_scale, ns_input##i##_bias, ns_recurrent##i##_scale, ns_recurrent##i##_bias }

static const tp_gru_layer layers[2] = { LAYER(0), LAYER(1) };

void tp_ns_step(tp_ns_units *units, const float *features, float *decided)
{
    float dense[TP_NS_UNITS];
    int16_t x[TP_NS_FEATURES], in[TP_NS_UNITS];
    tp_gru_inputs(features, TP_NS_FEATURES, x);
    tp_simd->affine_pairs(ns_dense, ns_dense_scale, ns_dense_bias, x, dense, TP_NS_UNITS, TP_NS_FEATURES);
    tp_gru_tanh(dense, TP_NS_UNITS, in);
    for (size_t l = 0; l < 2; l++)
        tp_gru_step(&layers[l], TP_NS_UNITS, units->layer[l], in);
    tp_simd->affine_pairs(ns_out, ns_out_scale, ns_out_bias, in, decided, TP_NS_DECISIONS * TP_NS_BANDS, TP_NS_UNITS);
}

void tp_ns_high(const tp_ns_units *units, const float *features, float *decided)
{
    float dense[TP_NS_HIGH_UNITS];
    int16_t x[TP_NS_HIGH_FEATURES + TP_NS_UNITS], in[TP_NS_HIGH_UNITS];
    tp_gru_inputs(features, TP_NS_HIGH_FEATURES, x);
    tp_gru_inputs(units->layer[1], TP_NS_UNITS, x + TP_NS_HIGH_FEATURES);
    tp_simd->affine_pairs(ns_high, ns_high_scale, ns_high_bias, x, dense, TP_NS_HIGH_UNITS, TP_NS_HIGH_FEATURES + TP_NS_UNITS);
    tp_gru_tanh(dense, TP_NS_HIGH_UNITS, in);
    tp_simd->affine_pairs(ns_high_out, ns_high_out_scale, ns_high_out_bias, in, decided, TP_NS_DECISIONS * TP_NS_HIGH_BANDS,
                          TP_NS_HIGH_UNITS);
}
