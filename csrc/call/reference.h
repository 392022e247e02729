/*
 * The reference line: what was sent and may still come back, frame by frame of what is received.
 *
 * What        push what is sent; take what was sent in the same slot of time as what is received now
 * How         a ring. Each frame received takes the next one sent, but what a sender who began first has sent before goes at once, or
 *             its echo would come before its reference. A later backlog that stays is a sender who has run ahead (a receiver
 *             who has lost frames), or one who fills the buffer at the other end (frames that come late): in the first case the reference
 *             has to catch up, in the second it must not. The echo says which: while the canceller works where it is, nothing is
 *             changed; if not, the surplus goes (reference_surplus). Bursts are no surplus: the backlog is gone after each
 * Limits      a backlog of 400 ms; more, and the oldest goes
 * Units       samples
 */
#ifndef TALKPATH_CALL_REFERENCE_H
#define TALKPATH_CALL_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#define REFERENCE_MS 400
#define REFERENCE_FRAME_MS 60 /* of the longest frame */

typedef struct reference_line {
    size_t size, depth;   /* of the ring; max backlog; samples at this rate                 */
    size_t first, count;  /* what none has taken                                            */
    int taken, pushed, started; /* a frame was; one since the last look; the head start is gone */
    size_t run, backlog;  /* since the backlog was gone, and its min since then             */
    size_t usual;         /* the longest run that ended by itself, forgotten in 4 s         */
    /* behind the struct: the ring */
} reference_line;

size_t reference_size(int sample_rate_hz);
void reference_reset(reference_line *r, int sample_rate_hz);
void reference_push(reference_line *r, const int16_t *sent, size_t n);

/* Samples, whole frames of n, that nothing received will take: take them before the next frame. relied_on: the echo is where it is
 * expected to be. Once before each frame that is received. */
size_t reference_surplus(reference_line *r, int relied_on, size_t n);

/* far: n samples, silence for what is not known. Returns how many are known. */
size_t reference_take(reference_line *r, int16_t *far, size_t n);

#endif
