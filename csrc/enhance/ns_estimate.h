/*
 * What the noise suppressor knows of a frame: per bin the noise, the SNR and the contrast to its surroundings; per band the features
 * that its network reads. training/enhance/ns_features.py is the same in NumPy.
 *
 * Units       power: 1 = white noise of 0 dBov; log_snr and contrast: natural logarithms
 * Cost        about 1 µs a frame of 129 bins
 */
#ifndef TALKPATH_ENHANCE_NS_ESTIMATE_H
#define TALKPATH_ENHANCE_NS_ESTIMATE_H

#include <stddef.h>

#include "enhance/ns_bands.h"

typedef struct tp_ns_bins {
    int hops;                          /* seen, up to where the start is over */
    float noise[TP_NS_PADDED_BINS];           /* power                                */
    float presence[TP_NS_PADDED_BINS];        /* of speech, smoothed                  */
    float clean[TP_NS_PADDED_BINS];           /* power left by the classical gain     */
    float log_snr[TP_NS_PADDED_BINS];
    float contrast[TP_NS_PADDED_BINS];
} tp_ns_bins;

typedef struct tp_ns_floors {
    float smooth[TP_NS_BANDS], floor[TP_NS_BANDS];
} tp_ns_floors;

typedef struct tp_ns_voice {
    float comb[TP_NS_PADDED_BINS];      /* 1 at the harmonics of a voice's pitch, -1 between them */
    float magnitude[TP_NS_PADDED_BINS]; /* of the low bins                                        */
    float features[4];                  /* the peak's height, the lag in octaves, its move, flatness */
} tp_ns_voice;

/* `power` of a frame's bins, padded with anything above 0 up to a multiple of 8; all of `s` is of this frame afterwards. */
void tp_ns_estimate(tp_ns_bins *s, const float *power, size_t bins);

/* Where features are wanted, else NULL, three values a band: log power, the same over the noise, and over the tracked floor. `first` is
 * nonzero for a stream's first frame. Of the low bands a voice's comb and magnitudes give a fourth, how much lies on the comb. */
void tp_ns_band_features(const tp_ns_layout *layout, tp_ns_floors *floors, int first, const float *power, const float *noise,
                         const tp_ns_voice *voice, float *features);

/* Lag of the highest peak of the spectrum's autocorrelation, in samples at 8 kHz, and its comb for `bins` bins, padded.
 * `power` of at least the bins up to 4 kHz. */
void tp_ns_voicing(const float *power, float *last_octave, size_t bins, tp_ns_voice *voice);

#endif
