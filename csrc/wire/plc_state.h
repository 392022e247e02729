/*
 * What the two halves of packet-loss concealment share: plc_analysis.c, which looks at the past once a loss begins, and
 * plc.c, which does the rest.
 *
 * All pitch work happens at 8 kHz, whatever the rate of the stream; `factor` is the number of samples of the stream to
 * one of those. Constants that count in 8 kHz samples have _8K in their names.
 */
#ifndef TALKPATH_WIRE_PLC_STATE_H
#define TALKPATH_WIRE_PLC_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/lpc.h"
#include "talkpath/plc.h"

#define TP_PLC_MAX_FACTOR 6u
#define TP_PLC_ORDER 32u
#define TP_PLC_NOISE_ORDER 8u

#define TP_PLC_HISTORY_8K 320u    /* 40 ms: the pitch trend's oldest sample is 315 back                         */
#define TP_PLC_WINDOW_8K 256u     /* 32 ms of spectral envelope                                                 */
#define TP_PLC_MIN_LAG_8K 20u     /* 400 Hz                                                                     */
#define TP_PLC_MAX_LAG_8K 136u    /* 59 Hz                                                                      */
#define TP_PLC_EXCITATION_8K 152u /* past residual: the longest lag, its trend included, fits                   */
#define TP_PLC_BLOCK_8K 80u       /* synthesis works on 10 ms at a time                                         */
#define TP_PLC_BACKGROUND_8K 160u /* a quiet frame is kept, 20 ms at most                                       */
#define TP_PLC_FADE_8K 1120u      /* a loss is over, and only background left, after 140 ms                     */
#define TP_PLC_LANES 4u           /* independent noise generators side by side                                  */

#define TP_PLC_MAX_HISTORY (TP_PLC_HISTORY_8K * TP_PLC_MAX_FACTOR)
#define TP_PLC_MAX_BLOCK (TP_PLC_BLOCK_8K * TP_PLC_MAX_FACTOR)

/* A quiet stretch of the stream: its samples follow the state. */
typedef struct tp_plc_quiet {
    float level; /* mean |sample|, int16 scale */
    uint32_t samples;
} tp_plc_quiet;

struct tp_plc {
    tp_plc_config config;
    uint32_t factor, frame_samples, block_samples, history_samples;

    /* The stream. */
    uint64_t lost_samples; /* in this loss, so far                   */
    int32_t heard;         /* a good frame has come since the start  */
    uint32_t minimum_left; /* samples until the next minimum begins  */
    uint32_t silent;       /* samples of digital silence in a row, as far as it matters */
    tp_plc_quiet quiet[2];    /* this minimum, and the one before       */
    uint32_t noise[TP_PLC_LANES];

    /* The loss: the model of the sound before it. Lags in samples of the stream. */
    float a[TP_PLC_ORDER + 1];
    float lag, lag_trend; /* at the end of the past; relative change around the middle of the first 20 ms */
    float lag_error;      /* what rounding the lags has left over */
    uint32_t faded_samples; /* of the fade, recovery's look ahead included */
    uint32_t period, period_left;
    float voicing, residual_rms;
    float low_edge[2]; /* the noise splitter's last samples */

    /* The background that it fades to. */
    int32_t background_ready;
    float background_a[TP_PLC_NOISE_ORDER + 1], background_rms;
    float background_memory[TP_PLC_NOISE_ORDER];

    float memory[TP_PLC_ORDER]; /* the synthesis filter's past output, newest last */
    /* Then, see tp_plc_layout: window, excitation, history, two quiet frames. */
};

typedef struct tp_plc_offsets {
    size_t window, excitation, history, quiet[2], size; /* offsets in bytes */
} tp_plc_offsets;

tp_plc_offsets tp_plc_layout(const tp_plc_config *config);

float *tp_plc_window(tp_plc *p);     /* TP_PLC_WINDOW_8K·factor                          */
float *tp_plc_excitation(tp_plc *p); /* past residual, then room for one block and 1  */
int16_t *tp_plc_history(tp_plc *p);  /* newest last                                   */

/* Fills the model of the sound from the history. */
void tp_plc_analyse(tp_plc *p);

/* Fills the model of the background. */
void tp_plc_analyse_background(tp_plc *p);

/* The next block of concealment. */
void tp_plc_synthesize(tp_plc *p, float *out);

/* Low-pass and down to 8 kHz: y[i], i < n, is centred on x[i·factor + factor - 1]; x has n·factor samples. */
void tp_plc_decimate(const float *x, uint32_t factor, float *y, size_t n);

/* The shift (8 kHz samples, -reach … +reach) of x that fits y best, n samples; x starts `reach` before y. */
int tp_plc_best_shift(const float *x, const float *y, size_t n, int reach, float *match);

#endif
