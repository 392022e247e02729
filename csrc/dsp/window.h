/*
 * Analysis windows, periodic form (w[n] would equal w[0]), so that shifted copies add up to a constant.
 *
 * Computed when a kernel is initialised, in double precision, and rounded to float.
 */
#ifndef TALKPATH_DSP_WINDOW_H
#define TALKPATH_DSP_WINDOW_H

#include <stddef.h>

void tp_window_hann(float *w, size_t n);      /* sin²(πi/n): sums to 1 at a hop of n/2                        */
void tp_window_sqrt_hann(float *w, size_t n); /* sin(πi/n): its square sums to 1 at a hop of n/2 (analysis + synthesis) */
void tp_window_hamming(float *w, size_t n);   /* 0.54 - 0.46·cos(2πi/n)                                        */

#endif
