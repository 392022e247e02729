/* What the canceller does to the samples and spectra of a slot. For echo_canceller.c alone. */
#ifndef TALKPATH_ECHO_SLOT_LOOPS_H
#define TALKPATH_ECHO_SLOT_LOOPS_H

#include <stdint.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/simd.h"
#include "echo/grid.h"
#include "talkpath/talkpath.h"

enum { SLOT_SILENCE = 8 };

static void push(int16_t *ring, size_t length, uint64_t at, const int16_t *x, size_t n)
{
    const size_t start = (size_t)(at % length), first = length - start < n ? length - start : n;
    memcpy(ring + start, x, first * sizeof *ring);
    memcpy(ring, x + first, (n - first) * sizeof *ring);
}

TP_INLINE void subtract_loops(const tp_echo_row *TP_RESTRICT a, const tp_echo_row *TP_RESTRICT b, size_t n, tp_echo_row *TP_RESTRICT c)
{
    n = n / 8 * 8;
    for (size_t k = 0; k < n; k++) {
        c->re[k] = a->re[k] - b->re[k];
        c->im[k] = a->im[k] - b->im[k];
    }
}

TP_WIDE(static, subtract, (const tp_echo_row *a, const tp_echo_row *b, size_t n, tp_echo_row *c), (a, b, n, c))

TP_INLINE void to_pcm_loops(const float *TP_RESTRICT x, size_t n, int16_t *TP_RESTRICT pcm)
{
    for (size_t i = 0; i < n; i++)
        pcm[i] = tp_to_int16(x[i]);
}

TP_WIDE(static, to_pcm, (const float *x, size_t n, int16_t *pcm), (x, n, pcm))

TP_INLINE void from_pcm_loops(const int16_t *TP_RESTRICT pcm, size_t n, float *TP_RESTRICT x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = TP_INT16_SCALE * (float)pcm[i];
}

TP_WIDE(static, from_pcm, (const int16_t *pcm, size_t n, float *x), (pcm, n, x))

/* Takes the first of two slots out, and moves the second there. */
TP_INLINE void slide_loops(float *TP_RESTRICT tail, size_t n, float *TP_RESTRICT to)
{
    n = n / 8 * 8;
    for (size_t i = 0; i < n; i++) {
        to[i] -= tail[i];
        tail[i] = tail[n + i];
    }
    memset(tail + n, 0, n * sizeof *tail);
}

TP_WIDE(static, slide, (float *tail, size_t n, float *to), (tail, n, to))

/* Whether anything of it is more than the first step of the µ-law, and its mean power. */
TP_INLINE void look_at_loops(const int16_t *TP_RESTRICT x, size_t n, int *sounds, float *power)
{
    uint32_t squares = 0; /* of eighths: those of a hop fit */
    int any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= (x[i] > SLOT_SILENCE) | (x[i] < -SLOT_SILENCE);
        squares += (uint32_t)((x[i] / 8) * (x[i] / 8));
    }
    *sounds = any;
    *power = (float)squares;
}

TP_WIDE(static, look_at, (const int16_t *x, size_t n, int *sounds, float *power), (x, n, sounds, power))

/* What is in a ring moves on by n samples, as if it had been received so much later. */
static void delay_ring(int16_t *ring, size_t length, size_t n)
{
    const size_t by = n % length, halves[3][2] = { { 0, length - by }, { length - by, length }, { 0, length } };
    for (size_t h = 0; h < 3; h++)
        for (size_t a = halves[h][0], b = halves[h][1]; a + 1 < b; a++, b--) {
            const int16_t x = ring[a];
            ring[a] = ring[b - 1];
            ring[b - 1] = x;
        }
}

static float power_of(const float *re, const float *im)
{
    return (tp_simd->dot(re, re, ECHO_BINS) + tp_simd->dot(im, im, ECHO_BINS)) / ECHO_BINS;
}

#endif
