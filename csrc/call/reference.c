#include "call/reference.h"

#include <string.h>

enum {
    PATIENCE_MS = 60, /* beyond the longest burst */
    FORGET = 10,      /* a burst of 400 ms is forgotten in so many times that */
};

static size_t ring_samples(int sample_rate_hz)
{
    return (size_t)sample_rate_hz / 1000 * (REFERENCE_MS + REFERENCE_FRAME_MS);
}

static int16_t *ring(reference_line *r)
{
    return (int16_t *)(void *)(r + 1);
}

size_t reference_size(int sample_rate_hz)
{
    return sizeof(reference_line) + ring_samples(sample_rate_hz) * sizeof(int16_t);
}

void reference_reset(reference_line *r, int sample_rate_hz)
{
    memset(r, 0, sizeof *r);
    r->size = ring_samples(sample_rate_hz);
    r->depth = (size_t)sample_rate_hz * REFERENCE_MS / 1000;
    r->usual = r->depth;
}

static void drop(reference_line *r, size_t n)
{
    r->first = (r->first + n) % r->size;
    r->count -= n;
}

void reference_push(reference_line *r, const int16_t *sent, size_t n)
{
    /* A server that stops receiving must not fill the line: the oldest goes. One frame is for who receives now. */
    if (r->count > r->depth)
        drop(r, r->count - r->depth);
    const size_t end = (r->first + r->count) % r->size, before_end = r->size - end < n ? r->size - end : n;
    memcpy(ring(r) + end, sent, before_end * sizeof *sent);
    memcpy(ring(r), sent + before_end, (n - before_end) * sizeof *sent);
    r->count += n;
    r->pushed = 1;
}

size_t reference_surplus(reference_line *r, int relied_on, size_t n)
{
    const size_t backlog = r->count > n ? (r->count - n) / n * n : 0;
    if (!r->started) { /* a sender in bursts has a backlog too at first; who has sent again before the next frame has a head start */
        const int ahead = r->taken && r->pushed;
        r->started = ahead || (r->taken && backlog == 0);
        r->taken = 1;
        r->pushed = 0;
        return ahead ? backlog : 0;
    }
    r->usual -= r->usual > n / FORGET ? n / FORGET : r->usual;
    if (backlog == 0) {
        r->usual = r->run > r->usual ? r->run : r->usual;
        r->usual = r->usual < r->depth ? r->usual : r->depth;
        r->run = 0;
        return 0;
    }
    r->backlog = r->run == 0 || backlog < r->backlog ? backlog : r->backlog;
    r->run += n;
    if (relied_on || r->run <= r->usual + r->depth * PATIENCE_MS / REFERENCE_MS)
        return 0;
    r->run = 0;
    return r->backlog;
}

size_t reference_take(reference_line *r, int16_t *far, size_t n)
{
    const size_t have = r->count < n ? r->count : n;
    const size_t before_end = r->size - r->first < have ? r->size - r->first : have;
    memcpy(far, ring(r) + r->first, before_end * sizeof *far);
    memcpy(far + before_end, ring(r), (have - before_end) * sizeof *far);
    memset(far + have, 0, (n - have) * sizeof *far);
    drop(r, have);
    return have;
}
