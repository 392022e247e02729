/* Laying out what a state block holds behind its struct: every part starts at a multiple of TP_ALIGN. */
#ifndef TALKPATH_DSP_BLOCK_H
#define TALKPATH_DSP_BLOCK_H

#include <stddef.h>

#include "talkpath/talkpath.h"

static inline size_t tp_align_up(size_t n)
{
    return (n + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN;
}

/* Fetches what lies there into the cache: in one stream, which is faster than wherever a kernel first needs a piece of it. */
static inline void tp_touch(const void *from, size_t bytes)
{
    const volatile char *p = (const volatile char *)from;
    size_t i = 0;
    for (; i + 8 * TP_ALIGN <= bytes; i += 8 * TP_ALIGN) {
        (void)p[i];
        (void)p[i + TP_ALIGN];
        (void)p[i + 2 * TP_ALIGN];
        (void)p[i + 3 * TP_ALIGN];
        (void)p[i + 4 * TP_ALIGN];
        (void)p[i + 5 * TP_ALIGN];
        (void)p[i + 6 * TP_ALIGN];
        (void)p[i + 7 * TP_ALIGN];
    }
    for (; i < bytes; i += TP_ALIGN)
        (void)p[i];
}

/* Begins to fetch it, and does not wait. */
static inline void tp_prefetch(const void *from, size_t bytes)
{
#if defined(__GNUC__) || defined(__clang__)
    for (size_t i = 0; i < bytes; i += TP_ALIGN)
        __builtin_prefetch((const char *)from + i, 1, 2);
#else
    (void)from;
    (void)bytes;
#endif
}

#endif
