/* Power of int16 samples. Exact. */
#ifndef TALKPATH_DSP_POWER_H
#define TALKPATH_DSP_POWER_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/cpu.h"

/* Σ x². n <= 65536. */
TP_INLINE uint64_t tp_sum_of_squares(const int16_t *x, size_t n)
{
    uint32_t low = 0, high = 0; /* in two halves: sums of 32 bits are added many at a time */
    for (size_t i = 0; i < n; i++) {
        const uint32_t square = (uint32_t)(x[i] * x[i]);
        low += square & 0xFFFF;
        high += square >> 16;
    }
    return ((uint64_t)high << 16) + low;
}

/* 1 when all are zero. */
TP_INLINE int tp_all_zero(const int16_t *x, size_t n)
{
    int any = 0;
    for (size_t i = 0; i < n; i++)
        any |= x[i];
    return any == 0;
}

#endif
