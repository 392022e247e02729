/*
 * G.711 sample loops, compiled once per machine variant: define TP_G711(name) and TP_G711_TARGET, then include.
 *
 * How: both laws are "floating point with a 4 bit mantissa" (G.711, Tables 1 and 2), so the segment number and mantissa
 * of a magnitude are the exponent and the top mantissa bits of that magnitude as an IEEE float. The loops are free of
 * branches and tables and vectorise in any width; decoding multiplies by a float power of two, because SSE2 has no
 * shift by a different amount per lane. All values stay below 2^15, so int ↔ float is exact.
 */

TP_G711_TARGET
static void TP_G711(ulaw_encode)(const int16_t *TP_RESTRICT pcm, uint8_t *TP_RESTRICT code, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t x = pcm[i];
        const int32_t sign = x >> 31;
        /* One's complement, as G.191 does: two's complement would move every negative decision value. */
        int32_t mag = ((x ^ sign) >> 2) + 33;
        mag = mag > 0x1FFF ? 0x1FFF : mag;
        const union { float f; int32_t i; } v = { .f = (float)mag };
        const int32_t segment_mantissa = (v.i >> 19) - ((127 + 5) << 4);
        code[i] = (uint8_t)(~segment_mantissa ^ (sign & 0x80));
    }
}

TP_G711_TARGET
static void TP_G711(ulaw_decode)(const uint8_t *TP_RESTRICT code, int16_t *TP_RESTRICT pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t c = ~code[i];
        const int32_t sign = -((c >> 7) & 1);
        const union { int32_t i; float f; } power = { .i = (((c >> 4) & 7) + 127) << 23 };
        const int32_t mag = (int32_t)((float)(((c & 15) << 3) + 132) * power.f) - 132;
        pcm[i] = (int16_t)((mag ^ sign) - sign);
    }
}

TP_G711_TARGET
static void TP_G711(alaw_encode)(const int16_t *TP_RESTRICT pcm, uint8_t *TP_RESTRICT code, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t x = pcm[i];
        const int32_t sign = x >> 31;
        const int32_t mag = (x ^ sign) >> 4;
        const union { float f; int32_t i; } v = { .f = (float)mag };
        const int32_t floating = (v.i >> 19) - ((127 + 3) << 4);
        /* Below 16 the law is linear, and its code is the magnitude itself. */
        const int32_t is_linear = (mag - 16) >> 31;
        const int32_t segment_mantissa = (mag & is_linear) | (floating & ~is_linear);
        code[i] = (uint8_t)(segment_mantissa ^ (~sign & 0x80) ^ 0x55);
    }
}

TP_G711_TARGET
static void TP_G711(alaw_decode)(const uint8_t *TP_RESTRICT code, int16_t *TP_RESTRICT pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t c = code[i] ^ 0x55;
        const int32_t segment = (c >> 4) & 7;
        const int32_t is_floating = -segment >> 31; /* all ones from segment 1 on */
        const int32_t linear = ((c & 15) << 4) + 8 + (256 & is_floating);
        const union { int32_t i; float f; } power = { .i = (segment + is_floating + 127) << 23 };
        const int32_t mag = (int32_t)((float)linear * power.f);
        const int32_t sign = (c >> 7) - 1;
        pcm[i] = (int16_t)((mag ^ sign) - sign);
    }
}

#undef TP_G711
#undef TP_G711_TARGET
