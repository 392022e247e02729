/*
 * L16: linear 16 bit PCM as bytes.
 *
 * What        int16 samples ↔ bytes in a stated order, stateless. RTP's L16 (RFC 3551, 4.5.11) is big-endian; media-stream
 *             web sockets (audio/x-l16) send little-endian
 * How         a copy in the machine's own order, a swap of bytes in the other
 * Limits      exact
 * Units       pcm: n samples; data: 2·n bytes, no alignment needed
 * History     none; latency 0; any n, 0 included
 * Aliasing    pcm and data may be the same memory, or must not overlap
 * Cost        about 0.02 µs for 160 samples
 * Errors      none: every input is legal
 */
#ifndef TALKPATH_L16_H
#define TALKPATH_L16_H

#include <stddef.h>
#include <stdint.h>

typedef enum tp_byteorder { TP_LITTLE_ENDIAN, TP_BIG_ENDIAN } tp_byteorder;

void tp_l16_encode(const int16_t *pcm, uint8_t *data, size_t n, tp_byteorder order);
void tp_l16_decode(const uint8_t *data, int16_t *pcm, size_t n, tp_byteorder order);

#endif
