#include "dsp/window.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

void tp_window_hann(float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double s = sin(pi * (double)i / (double)n);
        w[i] = (float)(s * s);
    }
}

void tp_window_sqrt_hann(float *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (float)sin(pi * (double)i / (double)n);
}

void tp_window_hamming(float *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (float)(0.54 - 0.46 * cos(2.0 * pi * (double)i / (double)n));
}
