/*
 * What the beep detector measures of a run of tone frames.
 *
 * A frame sees 32 ms; those whose window a hole in the tone, a step of its level or its edges disturb say nothing about the
 * tone itself. `whole` marks the others: with trim_edges a run without holes, with find_holes one with some. Everything is
 * measured over the whole frames alone.
 */
#ifndef TALKPATH_DETECT_BEEP_MEASURE_H
#define TALKPATH_DETECT_BEEP_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "detect/beep_shape.h"
#include "detect/tone_track.h"

#define TP_BEEP_MIN_HZ 300.0f
/* Below this, where voiced speech has most of its near-pure tones, more is asked for. */
#define TP_BEEP_LOW_HZ 440.0f

/* A straight line through frequency over time, by least squares, then again without the frames that lie far off. */
typedef struct tp_beep_line {
    float middle, slope, rms;
} tp_beep_line;

/* What is known of a run of frames; powers are sums over the whole frames of the core. */
typedef struct tp_beep_measures {
    const tp_tone_frame *core; /* from the first to the last frame whose window lies inside the tone */
    const uint8_t *whole;      /* of these, those that nothing disturbs                              */
    size_t n, span, size;      /* frames in all, in the core, whole ones                             */
    float total, low, main, harmonics, second;
    float max, min; /* main power of a frame */
    float spread;
    tp_beep_line f, f2; /* of the main and of the second tone        */
    int dual, second_steady;
    int is_low;         /* where voices have their tones     */
    float tone;         /* main, harmonics and, if dual, second */
    float residual;     /* what sounds beside the tone, relative to it …       */
    float own_residual; /* … and relative to the main tone alone               */
    float drift;        /* of the frequency over the whole tone, relative      */
} tp_beep_measures;

/* A tone without holes: all but the frames at its edges. */
void tp_beep_trim_edges(const tp_tone_frame *frames, size_t n, uint8_t *whole);

/* Marks the frames that a hole (a drop-out, a concealed frame) or a step of the level disturbs. 1 when there are some besides
 * the edges, nothing was added there, and enough is left. */
int tp_beep_find_holes(const tp_tone_frame *frames, size_t n, uint8_t *whole);

/* Frequencies are fitted `passes` times, each time without the frames that lie far off. At least one frame must be whole. */
tp_beep_measures tp_beep_measure(const tp_tone_frame *frames, size_t n, const uint8_t *whole, int passes, tp_beep_shape *shape);

#endif
