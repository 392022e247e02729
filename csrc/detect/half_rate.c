#include "detect/half_rate.h"

#include <string.h>

#include "talkpath/talkpath.h"

/* The odd taps right of the centre; the centre tap is 0.5, the other even ones are 0. */
#define SIDE 8
static const float side[SIDE] = { 0.316667667f, -0.0995767185f, 0.0530279881f, -0.0314410222f,
                                  0.0187755513f, -0.0106889292f, 0.00546984455f, -0.00223438123f };

#define EVEN_HISTORY 7
#define ODD_HISTORY 15

void tp_half_rate_reset(tp_half_rate *h)
{
    memset(h, 0, sizeof *h);
}

size_t tp_half_rate_process(tp_half_rate *h, const int16_t *pcm, size_t n, float *y)
{
    float even[EVEN_HISTORY + TP_HALF_RATE_BLOCK], odd[ODD_HISTORY + TP_HALF_RATE_BLOCK];
    memcpy(even, h->even, sizeof h->even);
    memcpy(odd, h->odd, sizeof h->odd);
    size_t pairs = 0;
    if (h->has_waiting && n > 0) {
        even[EVEN_HISTORY] = h->waiting;
        odd[ODD_HISTORY] = TP_INT16_SCALE * (float)pcm[0];
        h->has_waiting = 0;
        pairs = 1;
        pcm++;
        n--;
    }
    for (size_t i = 0; i < n / 2; i++) {
        even[EVEN_HISTORY + pairs + i] = TP_INT16_SCALE * (float)pcm[2 * i];
        odd[ODD_HISTORY + pairs + i] = TP_INT16_SCALE * (float)pcm[2 * i + 1];
    }
    pairs += n / 2;
    if (n & 1) {
        h->waiting = TP_INT16_SCALE * (float)pcm[n - 1];
        h->has_waiting = 1;
    }
    for (size_t m = 0; m < pairs; m++)
        y[m] = 0.5f * even[m];
    for (size_t k = 0; k < SIDE; k++) {
        const float *left = odd + SIDE - 1 - k, *right = odd + SIDE + k;
        for (size_t m = 0; m < pairs; m++)
            y[m] += side[k] * (left[m] + right[m]);
    }
    memcpy(h->even, even + pairs, sizeof h->even);
    memcpy(h->odd, odd + pairs, sizeof h->odd);
    return pairs;
}
