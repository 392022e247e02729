#include "echo/near_net.h"

#include <stdint.h>
#include <string.h>

#include "dsp/gru.h"
#include "dsp/simd.h"
#include "echo/near_end.h"
#include "echo/near_net_tables.h"

enum { UNITS = NEAR_NET_UNITS, OUTPUT_ROWS = (1 + NEAR_OUTPUTS + 7) / 8 * 8 };

typedef char same_features[(int)NEAR_NET_FEATURES == (int)NEAR_FEATURES && (int)UNITS == (int)NEAR_UNITS ? 1 : -1];

void tp_near_net_init(tp_near_net *n)
{
    memset(n, 0, sizeof *n);
    for (int i = 0; i < NEAR_OUTPUTS; i++)
        n->gains[i] = 1.0f;
}

static const tp_gru_layer layers[NEAR_LAYERS] = {
    { net_input0, net_recurrent0, net_input0_scale, net_input0_bias, net_recurrent0_scale, net_recurrent0_bias },
    { net_input1, net_recurrent1, net_input1_scale, net_input1_bias, net_recurrent1_scale, net_recurrent1_bias },
};

void tp_near_net_step(tp_near_net *n, const float *features)
{
    float dense[UNITS], z[OUTPUT_ROWS];
    int16_t x[NEAR_FEATURES], in[UNITS];
    tp_gru_features(features, net_mean, net_inverse, NEAR_FEATURES, x);
    tp_simd->affine_pairs(net_dense, net_dense_scale, net_dense_bias, x, dense, UNITS, NEAR_FEATURES);
    tp_gru_tanh(dense, UNITS, in);
    for (size_t l = 0; l < NEAR_LAYERS; l++)
        tp_gru_step(&layers[l], UNITS, n->units[l], in);
    tp_simd->affine_pairs(net_out, net_out_scale, net_out_bias, in, z, OUTPUT_ROWS, UNITS);
    n->logit = z[0];
    tp_gru_sigmoid(z + 1, NEAR_OUTPUTS, n->gains);
}
