/*
 * Does the caller speak, and how much of each band is the caller? Every 10 ms, from what both filters made of the line.
 *
 * How: 14 measures in each of 12 bands of 220 … 3400 Hz (levels over noise floors, over echo estimates and over the far
 * side's power; what each filter took off; what it leaves behind, tracked; coherences with the echo estimate), levels,
 * the state of the filters and of the delay, and the speech probability of the residual (talkpath/vad.h) go through a
 * small recurrent network, trained by training/echo.
 */
#ifndef TALKPATH_ECHO_NEAR_END_H
#define TALKPATH_ECHO_NEAR_END_H

#include "echo/grid.h"
#include "echo/long_filter.h"

enum {
    NEAR_BANDS = 12,
    NEAR_PER_BAND = 14,
    NEAR_SCALARS = 24,
    NEAR_FEATURES = NEAR_BANDS * NEAR_PER_BAND + NEAR_SCALARS,
};

/* One hop's spectra and states. */
typedef struct tp_near_input {
    const tp_echo_row *near, *residual, *echo;           /* aligned filter: near - echo = residual */
    const tp_long_row *long_residual, *long_echo;        /* long filter                            */
    const float *far_re, *far_im;                        /* now; NULL: silence                     */
    const float *aligned_re, *aligned_im;                /* far when the echo of now was sent; may be NULL */
    const float *profile;                                /* energy of the long filter's taps       */
    size_t profile_taps;
    int aligned_on, delay_known;
    float aligned_hops, aligned_variance, long_variance; /* learnt; mean variances                 */
    float delay_score, delay_confidence;
    float speech_probability;                            /* of the residual, by the VAD            */
} tp_near_input;

typedef struct tp_near_end tp_near_end;

size_t tp_near_end_size(void);
void tp_near_end_init(tp_near_end *n);

/* A hop, in two steps: its near spectrum, before the filters have seen it, and then all the rest. The first returns 1 if no band
 * of it stands out of the line's noise. */
int tp_near_end_listen(tp_near_end *n, const tp_echo_row *near);
void tp_near_end_hop(tp_near_end *n, const tp_near_input *in);

/* In place of the second step, when there is nothing to decide: floors and the far side's powers are followed, and what was made of
 * the line last stays. The residual is what is heard. */
void tp_near_end_rest(tp_near_end *n, const float *far_re, const float *far_im);

/* A hop's far spectrum, sent while nothing was received. */
void tp_near_end_skip(tp_near_end *n, const float *far_re, const float *far_im);

/* Mean power of the bands of the hop heard, and the most that a band of a far spectrum has over the residual's noise there. */
float tp_near_end_heard(const tp_near_end *n);
float tp_near_end_noise(const tp_near_end *n);    /* … of the noise that is under it     */
float tp_near_end_far_peak(const tp_near_end *n); /* … of the far side's most in 0.7 s   */
float tp_near_end_over_noise(const tp_near_end *n, const float *far_re, const float *far_im);

const float *tp_near_end_features(const tp_near_end *n); /* NEAR_FEATURES of the newest hop            */
float tp_near_end_level_dbov(const tp_near_end *n);      /* of the residual                            */
float tp_near_end_logit(const tp_near_end *n);           /* of the caller's speech                     */
const float *tp_near_end_gains(const tp_near_end *n);    /* NEAR_BANDS: the caller's share of amplitude */
const float *tp_near_end_units(const tp_near_end *n);    /* NEAR_UNITS: what the network makes of it   */
const float *tp_near_end_floors(const tp_near_end *n);   /* NEAR_BANDS: power of the residual's noise  */

/* Bands, in bins from ECHO_FIRST_BIN on: band b is edge[b] … edge[b + 1] - 1. */
extern const unsigned char tp_near_edges[NEAR_BANDS + 1];

#endif
