/*
 * Second-order sections: design and filtering.
 *
 * How         R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients" (bilinear transform),
 *             run in transposed direct form II, which rounds well in float
 * Units       frequencies in Hz, 0 < frequency_hz < sample_rate_hz / 2; q > 0
 * Aliasing    x and y may be the same buffer
 * Chunks      any length; the output does not depend on how the stream is cut
 * Denormals   a state that decays below 1e-20 is set to zero at the end of each call
 */
#ifndef TALKPATH_DSP_BIQUAD_H
#define TALKPATH_DSP_BIQUAD_H

#include <stddef.h>

typedef struct tp_biquad {
    float b0, b1, b2, a1, a2; /* y = b0·x + b1·x₁ + b2·x₂ - a1·y₁ - a2·y₂ */
    float z1, z2;
} tp_biquad;

void tp_biquad_lowpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz);
void tp_biquad_highpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz);
void tp_biquad_bandpass(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz); /* 0 dB at the centre */
void tp_biquad_notch(tp_biquad *f, double frequency_hz, double q, double sample_rate_hz);

void tp_biquad_reset(tp_biquad *f);
void tp_biquad_process(tp_biquad *f, const float *x, float *y, size_t n);

#endif
