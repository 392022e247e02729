/*
 * Linear prediction: from autocorrelation to the all-pole model 1 / A(z), A(z) = Σ a[j]·z^-j with a[0] = 1, and back to
 * sound.
 *
 * The Schur recursion (J. Le Roux, C. Gueguen, "A fixed point computation of partial correlation coefficients", IEEE
 * ASSP-25, 1977) gives the reflection coefficients without a dot product in its loop, so every loop vectorises.
 */
#ifndef TALKPATH_DSP_LPC_H
#define TALKPATH_DSP_LPC_H

#include <stddef.h>

#define TP_LPC_MAX_ORDER 32u

/*
 * a[0 .. order] from r[0 .. order]; returns the energy of the prediction error (0 … r[0]). The filter is stable: the
 * recursion stops where rounding would make it unstable, and what is left is 0. r[0] <= 0 gives a = 1, 0, 0 …
 * reflection   when not NULL, takes the `order` reflection coefficients, all within ±1 (k1 = -r[1] / r[0])
 */
float tp_lpc_from_autocorrelation(const float *r, size_t order, float *a, float *reflection);

/* a[j] *= gamma^j: moves the poles inwards, which shortens the ringing and widens the formants. */
void tp_lpc_expand(float *a, size_t order, float gamma);

/*
 * y[i] = x[i] - Σ a[j]·y[i - j] for i < n. History: y[-order .. -1] is the past output. y may not overlap x or a.
 */
void tp_lpc_synthesize(const float *a, size_t order, const float *x, float *y, size_t n);

#endif
