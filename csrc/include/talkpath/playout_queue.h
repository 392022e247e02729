/*
 * Playout queue: what the caller hears, in order, without a click, and how far it got.
 *
 * What        sources in their order: streamed speech and files (samples at the line's rate), DTMF keys, silence, and checkpoints
 *             between them. Pause and resume where it stopped; clear all of it, or only what may be interrupted. Every sample
 *             of a source is played exactly once, and counted. Events say when a source began, ended and how far it got
 * How         one ring of samples and a table of sources. Time goes on in blocks of 10 ms: pause and resume fade over 10 ms,
 *             clear over 5 ms (raised cosines). Where a source begins or ends off zero, the step is bent away over 5 ms. Speech
 *             that runs dry before its end is concealed by talkpath/plc.h, which fades into a background within 140 ms; it
 *             goes on, cross-faded, as soon as 10 ms are there
 * Limits      64 sources and checkpoints wait at a time; 256 keys in a DTMF source; as many samples as capacity_ms
 * Units       sample rate 8000, 16000, 24000 or 48000 Hz; positions and times in samples at that rate
 * History     what is queued; the concealment's 40 ms
 * Latency     0: what is written before a read is heard in it, once it is 10 ms or finished
 * Aliasing    none of the buffers may overlap the state
 * Chunks      write: any length. read: any length; blocks of 10 ms begin at multiples of 10 ms of the output
 * Cost        0.3 µs for a read of 20 ms at 8 kHz; 3 µs more where speech runs dry
 * Errors      TP_ECONFIG from init; TP_ELENGTH when the table is full or a DTMF source too long, TP_EFORMAT for a key that is
 *             none: nothing was queued then. Nothing fails in read
 */
#ifndef TALKPATH_PLAYOUT_QUEUE_H
#define TALKPATH_PLAYOUT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define TP_PLAYOUT_SOURCES 64

typedef struct tp_playout_queue tp_playout_queue;

typedef struct tp_playout_queue_config {
    int sample_rate_hz;
    int capacity_ms; /* 100 … 600000 */
} tp_playout_queue_config;

static inline tp_playout_queue_config tp_playout_queue_defaults(void)
{
    return (tp_playout_queue_config){ .sample_rate_hz = 8000, .capacity_ms = 1000 };
}

typedef enum tp_playout_event_kind {
    TP_PLAYOUT_STARTED,     /* the source's first sample was played                          */
    TP_PLAYOUT_COMPLETED,   /* … its last one                                                */
    TP_PLAYOUT_INTERRUPTED, /* cleared after it had started                                  */
    TP_PLAYOUT_DROPPED,     /* cleared before it started                                     */
    TP_PLAYOUT_CHECKPOINT,  /* everything before the checkpoint was played                   */
    TP_PLAYOUT_UNDERRUN,    /* the source ran dry before its end                             */
    TP_PLAYOUT_PAUSED,      /* the fade before a pause is over; id is that of the source …   */
    TP_PLAYOUT_RESUMED      /* … that stands still, goes on                                  */
} tp_playout_event_kind;

typedef struct tp_playout_event {
    tp_playout_event_kind kind;
    uint32_t id;       /* as given by the caller                     */
    int sound;         /* 1: of a source of samples                  */
    uint64_t at;       /* samples read since the start               */
    uint64_t position; /* samples of the source that were played     */
} tp_playout_event;

const char *tp_playout_queue_check(const tp_playout_queue_config *config);
size_t tp_playout_queue_size(const tp_playout_queue_config *config);
int tp_playout_queue_init(tp_playout_queue *q, const tp_playout_queue_config *config);
void tp_playout_queue_reset(tp_playout_queue *q);

/* Begins a source of samples behind the others and ends the one before it. */
int tp_playout_queue_begin(tp_playout_queue *q, uint32_t id, int interruptible);
/* Adds to the newest source, which begin() began, and returns how many of the n samples found room. */
size_t tp_playout_queue_write(tp_playout_queue *q, const int16_t *pcm, size_t n);
/* Nothing more is written to the newest source. */
void tp_playout_queue_finish(tp_playout_queue *q);

int tp_playout_queue_dtmf(tp_playout_queue *q, uint32_t id, int interruptible, const char *keys, size_t n);
int tp_playout_queue_silence(tp_playout_queue *q, uint32_t id, int interruptible, uint64_t samples);
int tp_playout_queue_checkpoint(tp_playout_queue *q, uint32_t id);

/* Fades out and stands still. 0, and nothing happens, when there is no source or the present one must not be interrupted. */
int tp_playout_queue_pause(tp_playout_queue *q);
void tp_playout_queue_resume(tp_playout_queue *q);
int tp_playout_queue_paused(const tp_playout_queue *q);
/* Forgets what is queued, with a fade, and checkpoints behind any of it. Ends a pause. `everything`: even what must not be
 * interrupted. */
void tp_playout_queue_clear(tp_playout_queue *q, int everything);

/* Writes n samples, always; returns how many of them came from sources, concealment included. */
size_t tp_playout_queue_read(tp_playout_queue *q, int16_t *pcm, size_t n);

/* Takes the oldest event; 0 when there is none. At most 160 wait: newer ones are lost when nobody takes them. */
int tp_playout_queue_next_event(tp_playout_queue *q, tp_playout_event *event);

/* Samples that write() has room for. */
size_t tp_playout_queue_room(const tp_playout_queue *q);
/* Entries that the table has room for. */
size_t tp_playout_queue_free_sources(const tp_playout_queue *q);
/* Samples still to be played: written and not yet heard, silence and keys included. */
uint64_t tp_playout_queue_queued(const tp_playout_queue *q);
/* The source that plays, or would: 0 when there is none. */
int tp_playout_queue_current(const tp_playout_queue *q, uint32_t *id, uint64_t *position, int *interruptible);
/* Time of the output: samples made, a block that is not wholly read included. */
uint64_t tp_playout_queue_now(const tp_playout_queue *q);
/* 1 while a source of samples is queued. */
int tp_playout_queue_speaks(const tp_playout_queue *q);
/* 1 while keys are queued. */
int tp_playout_queue_dials(const tp_playout_queue *q);
uint64_t tp_playout_queue_underruns(const tp_playout_queue *q);
size_t tp_playout_queue_delay_samples(const tp_playout_queue *q); /* 0 */

#endif
