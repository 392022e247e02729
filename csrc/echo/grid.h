/*
 * The time-frequency grid that all of echo/ works on: a spectrum every 5 ms (a slot), bins 31.25 Hz apart at both rates.
 *
 * How: analysis over 32 ms with a short falling side and synthesis over the last 10 ms alone reconstruct with 5 ms of
 * delay (D. Mauler, R. Martin, "A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis
 * system for speech enhancement", EUSIPCO 2007). Bins are counted from ECHO_FIRST_BIN on, and scaled so that white noise
 * of power p gives |X|² = p at 8 kHz, and the same sound the same numbers at 16 kHz.
 */
#ifndef TALKPATH_ECHO_GRID_H
#define TALKPATH_ECHO_GRID_H

#include <stddef.h>
#include <stdint.h>

enum {
    ECHO_FIRST_BIN = 4, /* 125 Hz */
    ECHO_BINS = 112,     /* to 3.6 kHz: what is decided on */
    ECHO_LONG_BINS = ECHO_BINS / 2, /* every second one: of the long filter */
    ECHO_MAX_BINS = 240, /* at 16 kHz, to 7.6 kHz */
    ECHO_LOW_EDGE = ECHO_FIRST_BIN, /* bins below the grid …  */
    ECHO_EDGES = ECHO_LOW_EDGE + 13, /* … and, at either rate, above */
    ECHO_MAX_FFT = 512,
    ECHO_MAX_SLOT = 80,
    ECHO_HOP_SLOTS = 2, /* filters learn and decisions fall every 10 ms */
};

typedef struct tp_echo_grid {
    size_t fft, slot, bins; /* samples, samples, bins */
    float scale;
    float analysis[ECHO_MAX_FFT], synthesis[2 * ECHO_MAX_SLOT];
} tp_echo_grid;

typedef struct tp_echo_row {
    float re[ECHO_MAX_BINS], im[ECHO_MAX_BINS];
} tp_echo_row;

void tp_echo_grid_init(tp_echo_grid *g, int sample_rate_hz);

/* Bins outside the grid, which no filter predicts: those below, then those above. */
typedef struct tp_echo_edges {
    float re[ECHO_EDGES], im[ECHO_EDGES];
} tp_echo_edges;

/* Spectrum of the g->fft samples that end at `end`, out of a ring of `length` samples that holds sample i at i % length.
 * `edges` may be NULL. */
void tp_echo_analyse(const tp_echo_grid *g, const int16_t *ring, size_t length, uint64_t end, float *re, float *im,
                     tp_echo_edges *edges);

/* Adds the spectrum's signal to the last two slots: to[0 … 2·slot). `edges` may be NULL: zeros. */
void tp_echo_synthesise(const tp_echo_grid *g, const float *re, const float *im, const tp_echo_edges *edges, float *to);

#endif
