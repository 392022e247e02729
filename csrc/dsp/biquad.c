#include "dsp/biquad.h"

#include <math.h>

typedef struct prewarped {
    double cos_w, alpha;
} prewarped;

static prewarped prewarp(double frequency_hz, double q, double sample_rate_hz)
{
    const double w = 2.0 * 3.14159265358979323846 * frequency_hz / sample_rate_hz;
    return (prewarped) { .cos_w = cos(w), .alpha = sin(w) / (2.0 * q) };
}

static void set(tp_biquad *f, prewarped p, double b0, double b1, double b2)
{
    const double a0 = 1.0 + p.alpha;
    f->b0 = (float)(b0 / a0);
    f->b1 = (float)(b1 / a0);
    f->b2 = (float)(b2 / a0);
    f->a1 = (float)(-2.0 * p.cos_w / a0);
    f->a2 = (float)((1.0 - p.alpha) / a0);
    tp_biquad_reset(f);
}

void tp_biquad_lowpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz)
{
    const prewarped p = prewarp(frequency_hz, q, sample_rate_hz);
    const double b = 1.0 - p.cos_w;
    set(f, p, 0.5 * b, b, 0.5 * b);
}

void tp_biquad_highpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz)
{
    const prewarped p = prewarp(frequency_hz, q, sample_rate_hz);
    const double b = 1.0 + p.cos_w;
    set(f, p, 0.5 * b, -b, 0.5 * b);
}

void tp_biquad_bandpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz)
{
    const prewarped p = prewarp(frequency_hz, q, sample_rate_hz);
    set(f, p, p.alpha, 0.0, -p.alpha);
}

void tp_biquad_notch(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz)
{
    const prewarped p = prewarp(frequency_hz, q, sample_rate_hz);
    set(f, p, 1.0, -2.0 * p.cos_w, 1.0);
}

void tp_biquad_reset(tp_biquad *f)
{
    f->z1 = f->z2 = 0.0f;
}

void tp_biquad_process(tp_biquad *f, const float *x, float *y, size_t n)
{
    float z1 = f->z1, z2 = f->z2;
    for (size_t i = 0; i < n; i++) {
        const float in = x[i], out = f->b0 * in + z1;
        z1 = f->b1 * in - f->a1 * out + z2;
        z2 = f->b2 * in - f->a2 * out;
        y[i] = out;
    }
    f->z1 = fabsf(z1) < 1e-20f ? 0.0f : z1;
    f->z2 = fabsf(z2) < 1e-20f ? 0.0f : z2;
}
