#include "call/reference.h"

#include <string.h>

enum { SIZE = REFERENCE_MAX_RATE_HZ / 1000 * REFERENCE_MS, SURPLUS_FRAMES = 40 };

void reference_reset(reference_line *r, int sample_rate_hz)
{
    memset(r, 0, sizeof *r);
    r->depth = (size_t)sample_rate_hz * REFERENCE_MS / 1000;
}

static void drop(reference_line *r, size_t n)
{
    r->first = (r->first + n) % SIZE;
    r->count -= n;
}

void reference_push(reference_line *r, const int16_t *sent, size_t n)
{
    /* A server that stops receiving must not fill the line: the oldest goes. */
    if (r->count + n > r->depth)
        drop(r, r->count + n - r->depth);
    for (size_t i = 0; i < n; i++)
        r->ring[(r->first + r->count + i) % SIZE] = sent[i];
    r->count += n;
}

size_t reference_take(reference_line *r, int16_t *far, size_t n)
{
    const size_t have = r->count < n ? r->count : n;
    for (size_t i = 0; i < have; i++)
        far[i] = r->ring[(r->first + i) % SIZE];
    memset(far + have, 0, (n - have) * sizeof *far);
    drop(r, have);
    /* What is never taken is a head start of the transmit path: with it, an echo could come before its reference. */
    if (r->surplus_frames++ == 0 || r->count < r->surplus)
        r->surplus = r->count;
    if (r->surplus_frames == SURPLUS_FRAMES) {
        drop(r, r->surplus);
        r->surplus_frames = 0;
    }
    return have;
}
