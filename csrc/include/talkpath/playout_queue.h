/*
 * Playout queue: what the caller hears, in order, without a click, and how far it got.
 *
 * What        sources in their order: streamed speech, files (samples of the caller's own), DTMF keys, silence; and marks, at a
 *             place within speech or between sources. Pause and resume where it stopped; clear all of it, or only what may be
 *             interrupted. Every sample of a source is played exactly once, and counted. Events say when a source began, ended
 *             and how far it got, and when a mark's place was reached. A mark does not touch the sound
 * How         one table of items, and one ring of the speech's samples. Time goes on in blocks of 10 ms: pause and resume fade
 *             over 10 ms, clear over 5 ms (raised cosines). Where a source begins or ends off zero, the step is bent away over
 *             5 ms. Speech that runs dry before its end is concealed by talkpath/plc.h, which fades into a background within
 *             150 ms; it goes on, cross-faded, as soon as 10 ms are there. With normalize, talkpath/level.h works on the
 *             speech, and on nothing else
 * Memory      32 items and capacity_ms of speech lie in the state. For more, the caller gives another store and takes it back
 *             when the queue is empty: tp_playout_queue_move, between two reads
 * Limits      as many items and samples as the store has room for; 256 keys in a DTMF source
 * Units       sample rate 8000, 16000, 24000 or 48000 Hz; positions and times in samples at that rate
 * History     what is queued; the concealment's 40 ms; the level of speech
 * Latency     0: what is written before a read is heard in it, once it is 10 ms or finished
 * Aliasing    none of the buffers may overlap the state
 * Chunks      write: any length. read: any length; blocks of 10 ms begin at multiples of 10 ms of the output
 * Cost        0.3 µs for a read of 20 ms at 8 kHz; 3 µs more where speech runs dry. Nothing but clear and move depends on how
 *             much is queued
 * Errors      TP_ECONFIG from init; TP_ELENGTH when the store is full or a DTMF source too long, TP_EFORMAT for a key that is
 *             none, TP_ESTATE for an id that is not the one meant: nothing has changed then. Nothing fails in read
 */
#ifndef TALKPATH_PLAYOUT_QUEUE_H
#define TALKPATH_PLAYOUT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define TP_PLAYOUT_ITEMS 32        /* of the state's own store                                    */
#define TP_PLAYOUT_MAX_ITEMS 32768 /* of any: a mark for every 20 ms of ten minutes, and some more */

typedef struct tp_playout_queue tp_playout_queue;

typedef struct tp_playout_queue_config {
    int sample_rate_hz;
    int capacity_ms; /* of the state's own store, 100 … 600000 */
} tp_playout_queue_config;

static inline tp_playout_queue_config tp_playout_queue_defaults(void)
{
    return (tp_playout_queue_config){ .sample_rate_hz = 8000, .capacity_ms = 1000 };
}

typedef enum tp_playout_event_kind {
    TP_PLAYOUT_STARTED,     /* the source's first sample was played                          */
    TP_PLAYOUT_COMPLETED,   /* … its last one                                                */
    TP_PLAYOUT_INTERRUPTED, /* cleared after it had started                                  */
    TP_PLAYOUT_DROPPED,     /* a source cleared before it started; a mark cleared            */
    TP_PLAYOUT_MARK,        /* everything before the mark was played                         */
    TP_PLAYOUT_UNDERRUN,    /* the source ran dry before its end                             */
    TP_PLAYOUT_PAUSED,      /* the fade before a pause is over; id is that of the source …   */
    TP_PLAYOUT_RESUMED,     /* … that stands still, goes on                                  */
    TP_PLAYOUT_CLEARED      /* what was dropped since the last one fell to one clear; no id  */
} tp_playout_event_kind;

typedef struct tp_playout_event {
    tp_playout_event_kind kind;
    uint32_t id;               /* as given by the caller                     */
    int sound;                 /* 1: of speech or a file                     */
    uint64_t at_samples;       /* samples read since the start               */
    uint64_t position_samples; /* samples of the source that were played     */
} tp_playout_event;

const char *tp_playout_queue_check(const tp_playout_queue_config *config);
size_t tp_playout_queue_size(const tp_playout_queue_config *config);
int tp_playout_queue_init(tp_playout_queue *q, const tp_playout_queue_config *config);
void tp_playout_queue_reset(tp_playout_queue *q); /* back in its own store */

/* --- the store --------------------------------------------------------------------------------------------------------- */

/* Bytes of a store for so many items and samples of speech; aligned as malloc does. */
size_t tp_playout_queue_store_size(size_t items, size_t samples);
/* Moves what is queued into `store`, which the queue uses from now on; NULL: into the state's own. The old one is free then.
 * TP_ELENGTH: it does not fit, or more than TP_PLAYOUT_MAX_ITEMS. */
int tp_playout_queue_move(tp_playout_queue *q, void *store, size_t items, size_t samples);
size_t tp_playout_queue_items(const tp_playout_queue *q);      /* that the store holds at most … */
size_t tp_playout_queue_free_items(const tp_playout_queue *q); /* … and has room for             */
/* Begin to fetch what the next frame needs: the first reads nothing that changes. */
void tp_playout_queue_prefetch(const tp_playout_queue *q);
void tp_playout_queue_prefetch_ring(const tp_playout_queue *q);
size_t tp_playout_queue_capacity(const tp_playout_queue *q);   /* samples of speech, so too      */
size_t tp_playout_queue_room(const tp_playout_queue *q);

/* --- in: each behind the others, and each but the mark ends the speech that was open ------------------------------------ */

/* Begins speech. */
int tp_playout_queue_begin(tp_playout_queue *q, uint32_t id, int interruptible);
/* The speech that is open: begun, and not yet finished. 0: there is none. */
int tp_playout_queue_open(const tp_playout_queue *q, uint32_t *id);
/* Adds to the open speech, and returns how many of the n samples found room. */
size_t tp_playout_queue_write(tp_playout_queue *q, const int16_t *pcm, size_t n);
/* The open speech is complete. */
void tp_playout_queue_finish(tp_playout_queue *q);

/* A file: samples that the caller keeps until its end is told. About `length` will come: none may be played yet. */
int tp_playout_queue_file(tp_playout_queue *q, uint32_t id, int interruptible, const int16_t *pcm, uint64_t length);
/* So many samples of the file are there now, or (finished) that is all of it. */
int tp_playout_queue_ready(tp_playout_queue *q, uint32_t id, uint64_t ready, int finished);

int tp_playout_queue_dtmf(tp_playout_queue *q, uint32_t id, int interruptible, const char *keys, size_t n);
int tp_playout_queue_silence(tp_playout_queue *q, uint32_t id, int interruptible, uint64_t samples);
/* A mark behind all that is queued; in open speech `ahead` samples behind what was written (what a conversion still holds).
 * When the speech runs dry there, it counts as reached once the concealment has faded. */
int tp_playout_queue_mark(tp_playout_queue *q, uint32_t id, uint64_t ahead);

/* --- control ------------------------------------------------------------------------------------------------------------ */

/* Fades out and stands still. 0, and nothing happens, when there is no source or the present one must not be interrupted. */
int tp_playout_queue_pause(tp_playout_queue *q);
void tp_playout_queue_resume(tp_playout_queue *q);
int tp_playout_queue_paused(const tp_playout_queue *q);
/* Forgets what is queued, with a fade, and marks behind any of it. Ends a pause. `everything`: even what must not be
 * interrupted. */
void tp_playout_queue_clear(tp_playout_queue *q, int everything);
/* Whether speech is brought to the level of tp_level_defaults(); it is not at first. */
void tp_playout_queue_normalize(tp_playout_queue *q, int on);

/* --- out ---------------------------------------------------------------------------------------------------------------- */

/* Writes n samples, always; returns how many of them came from sources, concealment included. */
size_t tp_playout_queue_read(tp_playout_queue *q, int16_t *pcm, size_t n);

/* Takes the oldest event; 0 when there is none. Two for each item of the store and 160 more wait: newer ones are lost when
 * nobody takes them. */
int tp_playout_queue_next_event(tp_playout_queue *q, tp_playout_event *event);
/* The i-th of those that wait, without taking it; 0 when there are no more. */
int tp_playout_queue_peek_event(const tp_playout_queue *q, size_t i, tp_playout_event *event);

/* Samples still to be played, silence, keys and all of the files included. */
uint64_t tp_playout_queue_queued(const tp_playout_queue *q);
/* The source that plays, or would: 0 when there is none. */
int tp_playout_queue_current(const tp_playout_queue *q, uint32_t *id, uint64_t *position, int *interruptible);
/* Time of the output: samples made, a block that is not wholly read included. */
uint64_t tp_playout_queue_now(const tp_playout_queue *q);
/* 1 while speech or a file is queued. */
int tp_playout_queue_speaks(const tp_playout_queue *q);
/* 1 while keys are queued. */
int tp_playout_queue_dials(const tp_playout_queue *q);
uint64_t tp_playout_queue_underruns(const tp_playout_queue *q);
size_t tp_playout_queue_delay_samples(const tp_playout_queue *q); /* 0 */

#endif
