#include "dsp/lpc.h"

#include <string.h>

#include "dsp/simd.h"

#define MAX_ORDER TP_LPC_MAX_ORDER
#define BLOCK 8u /* of tp_simd->all_pole */

float tp_lpc_from_autocorrelation(const float *r, size_t order, float *a, float *reflection)
{
    /* Schur's two generators, and A(z) with its reverse. The reverse moves one place to the left in `back` each step, so
     * that both polynomials are updated in place. All loops run over the full length: the rest is zeros. */
    float u[MAX_ORDER + 1] = { 0 }, v[MAX_ORDER + 1] = { 0 };
    float forward[MAX_ORDER + 1] = { 1.0f }, back[2 * MAX_ORDER + 1] = { 0 };
    memcpy(u, r + 1, order * sizeof *u);
    memcpy(v, r, order * sizeof *v);
    back[MAX_ORDER] = 1.0f;
    if (reflection != NULL)
        memset(reflection, 0, order * sizeof *reflection);

    for (size_t m = 1; m <= order; m++) {
        if (!(v[0] > 0.0f))
            break;
        const float k = -u[0] / v[0];
        if (!(k > -0.99999f && k < 0.99999f))
            break;
        if (reflection != NULL)
            reflection[m - 1] = k;
        for (size_t j = 0; j < MAX_ORDER; j++) {
            const float up = u[j];
            u[j] = u[j + 1] + k * v[j + 1];
            v[j] += k * up;
        }
        float *const shifted = back + MAX_ORDER - m;
        for (size_t j = 0; j < MAX_ORDER + 1; j++) {
            const float f = forward[j];
            forward[j] = f + k * shifted[j];
            shifted[j] += k * f;
        }
    }
    memcpy(a, forward, (order + 1) * sizeof *a);
    return v[0] > 0.0f ? v[0] : 0.0f;
}

void tp_lpc_expand(float *a, size_t order, float gamma)
{
    float g = gamma;
    for (size_t j = 1; j <= order; j++, g *= gamma)
        a[j] *= g;
}

void tp_lpc_synthesize(const float *a, size_t order, const float *x, float *y, size_t n)
{
    float taps[MAX_ORDER + BLOCK] = { 0 }, response[2 * BLOCK] = { 0 };
    memcpy(taps, a, (order + 1) * sizeof *taps);
    for (size_t i = 0; i < BLOCK; i++) {
        float h = i == 0 ? 1.0f : 0.0f;
        for (size_t j = 1; j <= i; j++)
            h -= taps[j] * response[BLOCK + i - j];
        response[BLOCK + i] = h;
    }
    const size_t whole = n / BLOCK * BLOCK;
    tp_simd->all_pole(taps, order, response, x, y, whole);
    for (size_t i = whole; i < n; i++) {
        float s = x[i];
        for (size_t j = order; j >= 1; j--)
            s -= a[j] * y[(ptrdiff_t)i - (ptrdiff_t)j];
        y[i] = s;
    }
}
