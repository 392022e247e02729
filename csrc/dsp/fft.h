/*
 * FFT of real signals, 128 … 1024 points (powers of two).
 *
 * How: n/2 complex points, in passes over eight columns at once (fft_loops.h; Stockham's ordering, C. Temperton,
 * "Self-sorting mixed-radix fast Fourier transforms", J. Comput. Phys. 52, 1983; rows and columns, J. W. Cooley, J. W. Tukey,
 * Math. Comput. 19, 1965) on separate real and imaginary arrays, and the usual split of two interleaved real signals.
 *
 * Scale       forward: X[k] = Σ x[i]·exp(-2πi·ik/n); inverse: x = (1/n)·Σ X·exp(+…), so inverse(forward(x)) = x
 * Layout      re[0 … n/2], im[0 … n/2]; im[0] and im[n/2] are 0 going out and ignored coming in
 * Accuracy    error below 6e-7 of the spectrum's rms at 1024 points
 * Aliasing    x, re and im must not overlap; the inverse leaves re and im as they are
 * State       none: the twiddle factors are one static table; work space is on the stack (8 KiB at most)
 */
#ifndef TALKPATH_DSP_FFT_H
#define TALKPATH_DSP_FFT_H

#include <stddef.h>

#define TP_FFT_MIN 128u
#define TP_FFT_MAX 1024u

void tp_rfft_forward(size_t n, const float *x, float *re, float *im);
void tp_rfft_inverse(size_t n, const float *re, const float *im, float *x);

/* fft_tables.h: cos(2π·k / TP_FFT_MAX) over a turn. */
extern const float tp_fft_cos[TP_FFT_MAX];

/* How row a, column b of TP_FFT_MAX / 2 points is twisted, and halved: half the cos and sin of 2π·a·b / (TP_FFT_MAX / 2) at 8·a + b. Shorter
 * transforms take every second, fourth … row. */
extern const float tp_fft_twist_cos[TP_FFT_MAX / 2], tp_fft_twist_sin[TP_FFT_MAX / 2];

/* For transforms of n = 128, 256, 512, 1024 points, one after the other: cos and sin of 2π·k / n, k < n/4. */
extern const float tp_fft_split_cos[TP_FFT_MAX / 2 - TP_FFT_MIN / 4], tp_fft_split_sin[TP_FFT_MAX / 2 - TP_FFT_MIN / 4];

#endif
