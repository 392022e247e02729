/* Where the caller's sound begins and ends, to 10 ms: a network that decides whether it is speech lags behind both. */
#ifndef TALKPATH_ECHO_SOUND_SPAN_H
#define TALKPATH_ECHO_SOUND_SPAN_H

#include <stddef.h>
#include <stdint.h>

#define SOUND_SPAN_HOPS 32 /* an onset is looked for so far back */

typedef struct tp_sound_span {
    struct {
        uint64_t squares;
        int64_t sum;
    } near, out;                /* of the hop that is not complete */
    float near_dbov;            /* of the newest hop */
    float floor_dbov, peak_dbov;
    float levels_dbov[SOUND_SPAN_HOPS]; /* of the output; far below everything where echo was most of it */
    uint64_t hops;
    uint64_t onset_hop, end_hop; /* whole hops received before the newest speech began, and until its newest sound ended */
    uint64_t before_hops, before_end_hop; /* how long there had been sound when it began, until then */
    int goes_on;                 /* the newest hop sounds, too: so far, only its level is known */
} tp_sound_span;

void tp_sound_span_init(tp_sound_span *s);

/* Samples received, and what echo control makes of them: in pieces that end where a hop ends. */
void tp_sound_span_near(tp_sound_span *s, const int16_t *pcm, size_t n);
void tp_sound_span_out(tp_sound_span *s, const int16_t *pcm, size_t n);

/* A hop of n samples is complete. `begins`: speech begins, as far as is known; `speech`: the caller speaks, by the network;
 * `quiet`: there is no reason to think so. */
void tp_sound_span_hop(tp_sound_span *s, size_t n, int begins, int speech, int quiet);

/* What has sounded so far was no speech: nothing of it counts towards the length of what comes. */
void tp_sound_span_dismiss(tp_sound_span *s);

/* How many hops there has been sound: short words in quick succession add up, the silence between them does not count. */
uint64_t tp_sound_span_length(const tp_sound_span *s);

#endif
