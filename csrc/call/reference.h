/*
 * The reference line: what was sent and may still come back, frame by frame of what is received.
 *
 * What        push what is sent, take what was sent in the same slot of time as what is received now
 * How         a ring; each frame received takes the oldest frame that none has taken. What is never taken is a head start of the
 *             transmit path, and is dropped: with it, an echo could come before its reference
 * Limits      400 ms of what is sent and not yet taken; more, and the oldest goes
 * Units       samples
 */
#ifndef TALKPATH_CALL_REFERENCE_H
#define TALKPATH_CALL_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#define REFERENCE_MS 400
#define REFERENCE_MAX_RATE_HZ 16000

typedef struct reference_line {
    int16_t ring[REFERENCE_MAX_RATE_HZ / 1000 * REFERENCE_MS];
    size_t depth;                   /* samples it holds at this rate                   */
    size_t first, count;            /* what none has taken                             */
    size_t surplus, surplus_frames; /* min backlog of the last frames, and their count */
} reference_line;

void reference_reset(reference_line *r, int sample_rate_hz);
void reference_push(reference_line *r, const int16_t *sent, size_t n);

/* far: n samples, silence for what is not known. Returns how many are known. */
size_t reference_take(reference_line *r, int16_t *far, size_t n);

#endif
