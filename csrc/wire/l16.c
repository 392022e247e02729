#include "talkpath/l16.h"

#include <string.h>

static int is_native(tp_byteorder order)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return (order == TP_LITTLE_ENDIAN) == (first == 1);
}

/* Loads and stores by memcpy need no alignment, and compilers make vectors of them. */
static void swap(const uint8_t *in, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t v;
        memcpy(&v, in + 2 * i, 2);
        v = (uint16_t)(v >> 8 | v << 8);
        memcpy(out + 2 * i, &v, 2);
    }
}

static void convert(const void *in, void *out, size_t n, tp_byteorder order)
{
    if (is_native(order))
        memmove(out, in, 2 * n);
    else
        swap(in, out, n);
}

void tp_l16_encode(const int16_t *pcm, uint8_t *data, size_t n, tp_byteorder order)
{
    convert(pcm, data, n, order);
}

void tp_l16_decode(const uint8_t *data, int16_t *pcm, size_t n, tp_byteorder order)
{
    convert(data, pcm, n, order);
}
