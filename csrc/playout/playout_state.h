/* What the queue remembers; shared by playout_queue.c (the table of sources) and playout_block.c (sound from it). */
#ifndef TALKPATH_PLAYOUT_STATE_H
#define TALKPATH_PLAYOUT_STATE_H

#include "talkpath/dtmf_generator.h"
#include "talkpath/playout_queue.h"
#include "talkpath/plc.h"

#define TP_PLAYOUT_MAX_BLOCK 480 /* 10 ms at 48 kHz */
#define TP_PLAYOUT_EVENTS 160

typedef enum source_kind { SAMPLES, KEYS, SILENCE, CHECKPOINT } source_kind;

typedef struct source {
    uint32_t id;
    uint8_t kind, interruptible, finished, started;
    uint64_t begin;  /* where its samples (or keys) lie: a count of all that ever went into the ring */
    uint64_t length; /* samples, of silence too; keys                                                */
    uint64_t played; /* samples                                                                      */
} source;

typedef enum motion { RUNNING, PAUSING, PAUSED } motion;

struct tp_playout_queue {
    tp_playout_queue_config config;
    size_t block, capacity; /* samples: of 10 ms, of the ring */

    source sources[TP_PLAYOUT_SOURCES];
    size_t first, count;
    uint64_t written; /* samples that ever went into the ring */

    motion motion;
    size_t fade_at, fade_length; /* gain: 0 at 0, 1 at fade_length */
    float bend;                  /* the step that is being bent away … */
    size_t bend_left;            /* … over so many samples more        */
    int16_t last;                /* newest output                      */

    int16_t ready[TP_PLAYOUT_MAX_BLOCK]; /* the present block: ready[ready_at … ready_end - 1] is still to be read */
    size_t ready_at, ready_end, ready_sounds;
    int sounds; /* more than silence is in it */
    int16_t tail[TP_PLAYOUT_MAX_BLOCK / 2]; /* what a clear left fading */
    size_t tail_length;

    size_t dry_blocks;
    uint64_t underruns;
    uint64_t made; /* samples of output made */
    tp_playout_event events[TP_PLAYOUT_EVENTS];
    size_t first_event, event_count;
    size_t keys_offset, plc_offset, ring_offset; /* parts of this block of memory */
};

static inline tp_dtmf_generator *generator(tp_playout_queue *q)
{
    return (tp_dtmf_generator *)((char *)q + q->keys_offset);
}

static inline tp_plc *concealer(tp_playout_queue *q)
{
    return (tp_plc *)((char *)q + q->plc_offset);
}

static inline int16_t *ring(tp_playout_queue *q)
{
    return (int16_t *)((char *)q + q->ring_offset);
}

/* The i-th source in line. */
static inline source *source_at(const tp_playout_queue *q, size_t i)
{
    return (source *)&q->sources[(q->first + i) % TP_PLAYOUT_SOURCES];
}

static inline uint64_t samples_left(const tp_playout_queue *q, const source *s)
{
    if (s->kind != KEYS)
        return s->length - s->played;
    const uint64_t key_samples = (uint64_t)q->config.sample_rate_hz / 5;
    return s->length * key_samples - s->played;
}

void tp_playout_tell(tp_playout_queue *q, tp_playout_event_kind kind, const source *s, uint64_t when);

/* Removes the first source and says so. */
void tp_playout_end_first(tp_playout_queue *q, tp_playout_event_kind kind, uint64_t when);

/* Fades the first source out over 5 ms, into the queue's tail. */
void tp_playout_fade_tail(tp_playout_queue *q);

#endif
