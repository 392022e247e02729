/*
 * Floats in sixteen bits: the upper half of a binary32, rounded to nearest. The range is that of a float, the precision
 * 1 part in 256. For large tables that are read and written all the time and are known no better: half the memory traffic.
 * Not for NaN.
 */
#ifndef TALKPATH_DSP_BFLOAT16_H
#define TALKPATH_DSP_BFLOAT16_H

#include <stdint.h>
#include <string.h>

#include "dsp/cpu.h"

typedef uint16_t tp_bfloat16;

TP_INLINE float tp_from_bfloat16(tp_bfloat16 half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

TP_INLINE tp_bfloat16 tp_to_bfloat16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (tp_bfloat16)((bits + 0x8000u) >> 16);
}

#endif
