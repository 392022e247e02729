/* Laying out what a state block holds behind its struct: every part starts at a multiple of TP_ALIGN. */
#ifndef TALKPATH_DSP_BLOCK_H
#define TALKPATH_DSP_BLOCK_H

#include <stddef.h>

#include "talkpath/talkpath.h"

static inline size_t tp_align_up(size_t n)
{
    return (n + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN;
}

#endif
