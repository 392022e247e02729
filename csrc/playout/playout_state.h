/* What the queue remembers; shared by playout_queue.c (what goes in), playout_control.c (pause, clear, events, state) and
 * playout_block.c (sound from it). */
#ifndef TALKPATH_PLAYOUT_STATE_H
#define TALKPATH_PLAYOUT_STATE_H

#include "talkpath/dtmf_generator.h"
#include "talkpath/level.h"
#include "talkpath/playout_queue.h"
#include "talkpath/plc.h"

#define TP_PLAYOUT_MAX_BLOCK 480 /* 10 ms at 48 kHz */
#define TP_PLAYOUT_SPARE_EVENTS 160
#define TP_PLAYOUT_AFTER UINT64_MAX /* a mark between two sources: its place is the end of the first */

typedef enum item_kind { SPEECH, FILE_SAMPLES, KEYS, SILENCE, MARK } item_kind;

typedef struct item {
    uint32_t id;
    uint8_t kind, interruptible, finished, started;
    union {
        uint64_t begin;     /* speech, keys: where they lie, a count of all that ever went into the ring */
        const int16_t *pcm; /* file                                                                      */
    };
    uint64_t length; /* samples, those to come included; of a mark: its place in the speech before it */
    uint64_t ready;  /* samples that may be played                                                     */
    uint64_t played;
} item;

typedef enum motion { RUNNING, PAUSING, PAUSED } motion;

/* Where items, events and ring lie: behind the state, or where the caller said. */
typedef struct store {
    char *memory; /* NULL: behind the state */
    size_t items, samples;
} store;

struct tp_playout_queue {
    tp_playout_queue_config config;
    size_t block; /* samples of 10 ms */
    store store;

    size_t first, count; /* items */
    uint64_t written;    /* samples that ever went into the ring …    */
    uint64_t oldest;     /* … and from which on they are needed       */
    int open;            /* the newest source is speech that goes on … */
    size_t open_marks;   /* … with so many marks behind it            */
    uint64_t queued;     /* samples to be played                      */
    size_t of_kind[MARK + 1]; /* items of each kind */

    motion motion;
    size_t fade_at, fade_length; /* gain: 0 at 0, 1 at fade_length */
    float bend;                  /* the step that is being bent away … */
    size_t bend_left;            /* … over so many samples more        */
    int16_t last;                /* newest output                      */
    int normalizes;

    int16_t ready[TP_PLAYOUT_MAX_BLOCK]; /* the present block: ready[ready_at … ready_end - 1] is still to be read */
    size_t ready_at, ready_end, ready_sounds;
    int sounds; /* more than silence is in it */
    int16_t tail[TP_PLAYOUT_MAX_BLOCK / 2]; /* what a clear left fading */
    size_t tail_length;

    size_t dry_blocks, stuck_blocks; /* since speech ran dry; since it would not flow, begun or not */
    uint64_t underruns;
    uint64_t made; /* samples of output made */
    size_t first_event, event_count;
    size_t keys_offset, plc_offset, level_offset, store_offset; /* components of this block of memory */
};

static inline tp_dtmf_generator *generator(tp_playout_queue *q)
{
    return (tp_dtmf_generator *)((char *)q + q->keys_offset);
}

static inline tp_plc *concealer(tp_playout_queue *q)
{
    return (tp_plc *)((char *)q + q->plc_offset);
}

static inline tp_level *normalizer(tp_playout_queue *q)
{
    return (tp_level *)((char *)q + q->level_offset);
}

static inline char *store_memory(const tp_playout_queue *q)
{
    return q->store.memory != NULL ? q->store.memory : (char *)q + q->store_offset;
}

static inline size_t max_events(size_t items)
{
    return 2 * items + TP_PLAYOUT_SPARE_EVENTS; /* an item begins and ends */
}

static inline tp_playout_event *events_of(const tp_playout_queue *q)
{
    return (tp_playout_event *)(store_memory(q) + q->store.items * sizeof(item));
}

static inline int16_t *ring(const tp_playout_queue *q)
{
    return (int16_t *)(events_of(q) + max_events(q->store.items));
}

/* The i-th item in line. */
static inline item *item_at(const tp_playout_queue *q, size_t i)
{
    const size_t at = q->first + i;
    return (item *)store_memory(q) + (at < q->store.items ? at : at - q->store.items);
}

static inline size_t key_samples(const tp_playout_queue *q)
{
    return (size_t)q->config.sample_rate_hz / 5;
}

static inline int in_ring(const item *s)
{
    return s->kind == SPEECH || (s->kind == KEYS && !s->started);
}

void tp_playout_emit(tp_playout_queue *q, tp_playout_event_kind kind, const item *s, uint64_t at_samples);

/* Removes the first item and says so. */
void tp_playout_end_first(tp_playout_queue *q, tp_playout_event_kind kind, uint64_t at_samples);

/* Emits the marks within the first source that lie up to `position` in it; now is the time of what it has played. */
void tp_playout_pass_marks(tp_playout_queue *q, uint64_t position, uint64_t now);

/* Fades the first source out over 5 ms, into the queue's tail. */
void tp_playout_fade_tail(tp_playout_queue *q);

#endif
