#include "echo/near_net.h"

#include <stdint.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/simd.h"
#include "echo/near_end.h"
#include "echo/near_net_tables.h"

enum { UNITS = NEAR_NET_UNITS, OUTPUT_ROWS = (1 + NEAR_OUTPUTS + 7) / 8 * 8 };

#define ONE 16384.0f /* activations as int16 */
#define LIMIT 4.0f   /* spreads from the mean that a feature counts for at most */

typedef char same_features[(int)NEAR_NET_FEATURES == (int)NEAR_FEATURES && (int)UNITS == (int)NEAR_UNITS ? 1 : -1];

void tp_near_net_init(tp_near_net *n)
{
    memset(n, 0, sizeof *n);
    for (int i = 0; i < NEAR_OUTPUTS; i++)
        n->gains[i] = 1.0f;
}

typedef struct layer {
    const int8_t *input, *own;
    const float *input_scale, *input_bias, *own_scale, *own_bias;
} layer;

static const layer layers[NEAR_LAYERS] = {
    { net_input0, net_recurrent0, net_input0_scale, net_input0_bias, net_recurrent0_scale, net_recurrent0_bias },
    { net_input1, net_recurrent1, net_input1_scale, net_input1_bias, net_recurrent1_scale, net_recurrent1_bias },
};

void tp_near_net_step(tp_near_net *n, const float *features)
{
    float dense[UNITS], a[3 * UNITS], b[3 * UNITS], z[OUTPUT_ROWS];
    int16_t x[NEAR_FEATURES], in[UNITS], own[UNITS];
    for (size_t i = 0; i < NEAR_FEATURES; i++) {
        float v = (features[i] - net_mean[i]) * net_inverse[i];
        v = v > -LIMIT ? v : -LIMIT;
        x[i] = (int16_t)((v < LIMIT ? v : LIMIT) * (ONE / LIMIT));
    }
    tp_simd->affine_pairs(net_dense, net_dense_scale, net_dense_bias, x, dense, UNITS, NEAR_FEATURES);
    for (size_t i = 0; i < UNITS; i++)
        in[i] = (int16_t)(tp_tanh_near(dense[i]) * ONE);
    for (size_t l = 0; l < NEAR_LAYERS; l++) {
        float *units = n->units[l];
        for (size_t i = 0; i < UNITS; i++)
            own[i] = (int16_t)(units[i] * ONE);
        tp_simd->affine_pairs(layers[l].input, layers[l].input_scale, layers[l].input_bias, in, a, 3 * UNITS, UNITS);
        tp_simd->affine_pairs(layers[l].own, layers[l].own_scale, layers[l].own_bias, own, b, 3 * UNITS, UNITS);
        for (size_t i = 0; i < 2 * UNITS; i++)
            a[i] = tp_sigmoid_near(a[i] + b[i]);
        for (size_t i = 0; i < UNITS; i++) {
            const float fresh = tp_tanh_near(a[2 * UNITS + i] + a[i] * b[2 * UNITS + i]);
            units[i] = fresh + a[UNITS + i] * (units[i] - fresh);
        }
        for (size_t i = 0; i < UNITS; i++)
            in[i] = (int16_t)(units[i] * ONE);
    }
    tp_simd->affine_pairs(net_out, net_out_scale, net_out_bias, in, z, OUTPUT_ROWS, UNITS);
    n->logit = z[0];
    for (size_t i = 0; i < NEAR_OUTPUTS; i++)
        n->gains[i] = tp_sigmoid_near(z[1 + i]);
}
