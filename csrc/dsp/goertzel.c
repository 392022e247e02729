#include "dsp/goertzel.h"

#include <math.h>

void tp_goertzel_init(tp_goertzel *g, double frequency_hz, double sample_rate_hz)
{
    g->coefficient = (float)(2.0 * cos(2.0 * 3.14159265358979323846 * frequency_hz / sample_rate_hz));
    tp_goertzel_reset(g);
}

void tp_goertzel_reset(tp_goertzel *g)
{
    g->s1 = g->s2 = 0.0f;
}

void tp_goertzel_process(tp_goertzel *g, const float *x, size_t n)
{
    float s1 = g->s1, s2 = g->s2;
    for (size_t i = 0; i < n; i++) {
        const float s0 = x[i] + g->coefficient * s1 - s2;
        s2 = s1;
        s1 = s0;
    }
    g->s1 = s1;
    g->s2 = s2;
}

float tp_goertzel_power(const tp_goertzel *g)
{
    return g->s1 * g->s1 + g->s2 * g->s2 - g->coefficient * g->s1 * g->s2;
}
