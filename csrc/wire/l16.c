#include "talkpath/l16.h"

/* Byte by byte, so that neither the machine's own order nor alignment matters; compilers make wide moves of it. */

void tp_l16_encode(const int16_t *pcm, uint8_t *data, size_t n, tp_byteorder order)
{
    const size_t low = order == TP_BIG_ENDIAN, high = 1 - low;
    for (size_t i = 0; i < n; i++) {
        const uint16_t v = (uint16_t)pcm[i];
        data[2 * i + low] = (uint8_t)(v & 0xFF);
        data[2 * i + high] = (uint8_t)(v >> 8);
    }
}

void tp_l16_decode(const uint8_t *data, int16_t *pcm, size_t n, tp_byteorder order)
{
    const size_t low = order == TP_BIG_ENDIAN, high = 1 - low;
    for (size_t i = 0; i < n; i++)
        pcm[i] = (int16_t)(uint16_t)(data[2 * i + low] | (data[2 * i + high] << 8));
}
