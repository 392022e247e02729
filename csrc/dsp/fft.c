#include "dsp/fft.h"

#include "dsp/fft_tables.h"
#include "dsp/simd.h"

void tp_rfft_forward(size_t n, const float *x, float *re, float *im)
{
    tp_simd->rfft_forward(n, x, re, im);
}

void tp_rfft_inverse(size_t n, const float *re, const float *im, float *x)
{
    tp_simd->rfft_inverse(n, re, im, x);
}
