#include "talkpath/g711.h"

#include "dsp/simd.h"

/* The loops are in dsp/g711_loops.h, compiled once per machine variant. */

void tp_ulaw_encode(const int16_t *pcm, uint8_t *code, size_t n)
{
    tp_simd->ulaw_encode(pcm, code, n);
}

void tp_ulaw_decode(const uint8_t *code, int16_t *pcm, size_t n)
{
    tp_simd->ulaw_decode(code, pcm, n);
}

void tp_alaw_encode(const int16_t *pcm, uint8_t *code, size_t n)
{
    tp_simd->alaw_encode(pcm, code, n);
}

void tp_alaw_decode(const uint8_t *code, int16_t *pcm, size_t n)
{
    tp_simd->alaw_decode(code, pcm, n);
}
