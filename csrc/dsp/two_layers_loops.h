/*
 * The loop of tp_simd_ops.two_layers (simd.h). Included once by each simd_*.c, with its name. Two vectors of columns go through four
 * units at once, and from them straight into the output: no unit is ever stored.
 */
#include "dsp/lanes.h"

TP_LANES_TARGET
static void TP_TWO_LAYERS(const float *hidden, const float *bias, const float *out, size_t units, size_t inputs, const float *x,
                          size_t stride, const float *base, float *y, size_t n)
{
    const lanes zero = lanes_set(0.0f);
    for (size_t k = 0; k < n; k += 2 * TP_LANES) {
        lanes y0 = lanes_load(base + k), y1 = lanes_load(base + k + TP_LANES);
        for (size_t u = 0; u < units; u += 4) {
            const float *w0 = hidden + u * inputs, *w1 = w0 + inputs, *w2 = w1 + inputs, *w3 = w2 + inputs, *in = x + k;
            lanes a0 = lanes_set(bias[u]), a1 = lanes_set(bias[u + 1]), a2 = lanes_set(bias[u + 2]), a3 = lanes_set(bias[u + 3]);
            lanes b0 = a0, b1 = a1, b2 = a2, b3 = a3;
            for (size_t i = 0; i < inputs; i++, in += stride) {
                const lanes xa = lanes_load(in), xb = lanes_load(in + TP_LANES);
                const lanes v0 = lanes_set(w0[i]), v1 = lanes_set(w1[i]), v2 = lanes_set(w2[i]), v3 = lanes_set(w3[i]);
                a0 = lanes_fma(v0, xa, a0);
                b0 = lanes_fma(v0, xb, b0);
                a1 = lanes_fma(v1, xa, a1);
                b1 = lanes_fma(v1, xb, b1);
                a2 = lanes_fma(v2, xa, a2);
                b2 = lanes_fma(v2, xb, b2);
                a3 = lanes_fma(v3, xa, a3);
                b3 = lanes_fma(v3, xb, b3);
            }
            const lanes o0 = lanes_set(out[u]), o1 = lanes_set(out[u + 1]), o2 = lanes_set(out[u + 2]), o3 = lanes_set(out[u + 3]);
            y0 = lanes_fma(o0, lanes_max(a0, zero), y0);
            y1 = lanes_fma(o0, lanes_max(b0, zero), y1);
            y0 = lanes_fma(o1, lanes_max(a1, zero), y0);
            y1 = lanes_fma(o1, lanes_max(b1, zero), y1);
            y0 = lanes_fma(o2, lanes_max(a2, zero), y0);
            y1 = lanes_fma(o2, lanes_max(b2, zero), y1);
            y0 = lanes_fma(o3, lanes_max(a3, zero), y0);
            y1 = lanes_fma(o3, lanes_max(b3, zero), y1);
        }
        lanes_store(y + k, y0);
        lanes_store(y + k + TP_LANES, y1);
    }
}
