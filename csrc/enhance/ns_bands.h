/* Sizes of the noise suppressor, and how bands and bins belong together. */
#ifndef TALKPATH_ENHANCE_NS_BANDS_H
#define TALKPATH_ENHANCE_NS_BANDS_H

#include <stddef.h>

enum {
    TP_NS_LOW_BINS = 129, /* 0 … 4 kHz, 31.25 Hz apart */
    TP_NS_HIGH_BINS = 128, /* above, up to 8 kHz        */
    TP_NS_BINS = TP_NS_LOW_BINS + TP_NS_HIGH_BINS,
    TP_NS_PADDED_BINS = (TP_NS_BINS + 7) / 8 * 8 + 8, /* loops take bins by the eight, and go up to seven beyond a band's end */
    TP_NS_BANDS = 24,
    TP_NS_HIGH_BANDS = 8,
    TP_NS_DECISIONS = 4, /* u, v, w, z of each band */
    TP_NS_FEATURES = 4 * TP_NS_BANDS + 4,
    TP_NS_HIGH_FEATURES = 3 * TP_NS_HIGH_BANDS,
    TP_NS_UNITS = 64,
    TP_NS_HIGH_UNITS = 32,
};

/* Between two bands' centres a bin is part of both: `share` of the upper one, the rest of the lower one. The bins
 * start[b] … start[b + 1] - 1 lie between bands b and b + 1. */
typedef struct tp_ns_layout {
    size_t bands;
    const unsigned char *start; /* bands values            */
    const float *share;         /* one value a bin, 8 more */
    const float *scale;         /* 1 / Σ of a band's parts */
} tp_ns_layout;

static inline size_t tp_ns_padded(size_t bins)
{
    return (bins + 7) / 8 * 8;
}

extern const tp_ns_layout tp_ns_low_layout, tp_ns_high_layout;

#endif
