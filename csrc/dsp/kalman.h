/*
 * Kalman filters in sub-bands: what simd.h offers of them. One filter a bin; each predicts the bin's observed value from
 * `taps` reference values, a row each. Rows hold `bins` values (a multiple of 8), real and imaginary parts apart. The
 * measurement noise is the residual's own power, so that double talk slows the filters by itself. References and covariances,
 * the bulk of what a step reads and writes, have sixteen bits: on simulated lines that changes the residual by -46 dB.
 *
 * How: C. Breining et al., "Acoustic echo control", IEEE Signal Processing Magazine 16, 1999 (sub-band filters);
 * G. Enzner, P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones",
 * Signal Processing 86, 2006 (noise and state covariances).
 */
#ifndef TALKPATH_DSP_KALMAN_H
#define TALKPATH_DSP_KALMAN_H

#include <stddef.h>

#include "dsp/bfloat16.h"

#define TP_KALMAN_MAX_TAPS 40
#define TP_KALMAN_FULL_TAPS 16 /* of the step with a full covariance */
#define TP_KALMAN_MAX_BINS 240

typedef struct tp_kalman {
    size_t taps, bins;
    const tp_bfloat16 *x_re[TP_KALMAN_MAX_TAPS]; /* reference rows; NULL is a row of zeros */
    const tp_bfloat16 *x_im[TP_KALMAN_MAX_TAPS];
    const float *m_re, *m_im; /* observed                                                        */
    float *h_re, *h_im;       /* filters, taps rows                                              */
    tp_bfloat16 *p;           /* state covariances: see each step                                */
    float *noise;             /* one row: smoothed power of the residual                         */
    float *y_re, *y_im;       /* out: what the filters predict before they learn                 */
    float keep;               /* of the noise, from one step to the next                         */
    float noise_floor;
    float min;              /* the noise counts as no less than this share of the residual's power now */
    float forget;             /* state transition: share of a filter's power lost in a step      */
    const float *drift;       /* one value a tap: least growth of the variance in a step          */
} tp_kalman;

/* y = Σ h·x for all bins. */
typedef void tp_kalman_filter_fn(const tp_kalman *k);

/* One step with a diagonal covariance; p holds taps rows. */
typedef void tp_kalman_diagonal_fn(const tp_kalman *k);

/* One step with a full covariance. p holds bins·taps² values: for each group of eight bins the lower triangle row by row, for each
 * place eight pairs of real and imaginary part, on the diagonal real ones alone. No reference row may be NULL. */
typedef void tp_kalman_full_fn(const tp_kalman *k);

#endif
