/*
 * FFT of real signals, 64 … 1024 points (powers of two).
 *
 * How: n/2-point complex Stockham autosort FFT (radix 4, one radix-2 pass where needed; C. Temperton, "Self-sorting
 * mixed-radix fast Fourier transforms", J. Comput. Phys. 52, 1983) on separate real and imaginary arrays, which the
 * compiler vectorises, and the usual split of two interleaved real signals.
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

#define TP_FFT_MIN 64u
#define TP_FFT_MAX 1024u

void tp_rfft_forward(size_t n, const float *x, float *re, float *im);
void tp_rfft_inverse(size_t n, const float *re, const float *im, float *x);

/* cos(2π·k / TP_FFT_MAX), k < TP_FFT_MAX. */
const float *tp_fft_cosines(void);

#endif
