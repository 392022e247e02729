#include "talkpath/playout_queue.h"

#include <string.h>

#include "dsp/block.h"
#include "playout/playout_state.h"
#include "talkpath/talkpath.h"

/* --- set-up ----------------------------------------------------------------------------------------------------------- */

static tp_dtmf_generator_config keys_config(const tp_playout_queue_config *c)
{
    tp_dtmf_generator_config keys = tp_dtmf_generator_defaults();
    keys.sample_rate_hz = c->sample_rate_hz;
    return keys;
}

static tp_plc_config conceal_config(const tp_playout_queue_config *c)
{
    return (tp_plc_config){ .sample_rate_hz = c->sample_rate_hz, .frame_ms = 10 };
}

const char *tp_playout_queue_check(const tp_playout_queue_config *c)
{
    if (c->capacity_ms < 100 || c->capacity_ms > 600000)
        return "capacity_ms must be 100 to 600000";
    const tp_plc_config conceal = conceal_config(c);
    return tp_plc_check(&conceal);
}

static size_t layout(const tp_playout_queue_config *c, tp_playout_queue *q)
{
    const tp_dtmf_generator_config keys = keys_config(c);
    const tp_plc_config conceal = conceal_config(c);
    const size_t keys_offset = tp_align_up(sizeof(tp_playout_queue));
    const size_t plc_offset = keys_offset + tp_align_up(tp_dtmf_generator_size(&keys));
    const size_t ring_offset = plc_offset + tp_align_up(tp_plc_size(&conceal));
    const size_t capacity = (size_t)c->capacity_ms * (size_t)(c->sample_rate_hz / 1000);
    if (q != NULL) {
        q->keys_offset = keys_offset;
        q->plc_offset = plc_offset;
        q->ring_offset = ring_offset;
        q->capacity = capacity;
    }
    return ring_offset + tp_align_up(capacity * sizeof(int16_t));
}

size_t tp_playout_queue_size(const tp_playout_queue_config *config)
{
    return tp_playout_queue_check(config) == NULL ? layout(config, NULL) : 0;
}

int tp_playout_queue_init(tp_playout_queue *q, const tp_playout_queue_config *config)
{
    if (tp_playout_queue_check(config) != NULL)
        return TP_ECONFIG;
    q->config = *config;
    tp_playout_queue_reset(q);
    return TP_OK;
}

void tp_playout_queue_reset(tp_playout_queue *q)
{
    const tp_playout_queue_config config = q->config;
    memset(q, 0, sizeof *q); /* what is in the ring does not matter: nothing unwritten is read */
    q->config = config;
    layout(&config, q);
    q->block = (size_t)config.sample_rate_hz / 100;
    q->fade_at = q->fade_length = q->block;
    const tp_dtmf_generator_config keys = keys_config(&config);
    const tp_plc_config conceal = conceal_config(&config);
    tp_dtmf_generator_init(generator(q), &keys);
    tp_plc_init(concealer(q), &conceal);
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

void tp_playout_tell(tp_playout_queue *q, tp_playout_event_kind kind, const source *s, uint64_t when)
{
    if (q->event_count == TP_PLAYOUT_EVENTS)
        return;
    tp_playout_event *e = &q->events[(q->first_event + q->event_count++) % TP_PLAYOUT_EVENTS];
    *e = (tp_playout_event){ kind, s != NULL ? s->id : 0, s != NULL && s->kind == SAMPLES, when, s != NULL ? s->played : 0 };
}

static int add(tp_playout_queue *q, source s)
{
    if (q->count == TP_PLAYOUT_SOURCES)
        return TP_ELENGTH;
    tp_playout_queue_finish(q);
    s.begin = q->written;
    *source_at(q, q->count++) = s;
    return TP_OK;
}

int tp_playout_queue_begin(tp_playout_queue *q, uint32_t id, int interruptible)
{
    return add(q, (source){ .id = id, .kind = SAMPLES, .interruptible = interruptible != 0 });
}

int tp_playout_queue_silence(tp_playout_queue *q, uint32_t id, int interruptible, uint64_t samples)
{
    return add(q, (source){ .id = id, .kind = SILENCE, .interruptible = interruptible != 0, .finished = 1, .length = samples });
}

int tp_playout_queue_checkpoint(tp_playout_queue *q, uint32_t id)
{
    return add(q, (source){ .id = id, .kind = CHECKPOINT, .interruptible = 1, .finished = 1 });
}

static void put(tp_playout_queue *q, int16_t value)
{
    ring(q)[q->written++ % q->capacity] = value;
}

int tp_playout_queue_dtmf(tp_playout_queue *q, uint32_t id, int interruptible, const char *keys, size_t n)
{
    if (n > TP_DTMF_GENERATOR_KEYS || n > tp_playout_queue_room(q))
        return TP_ELENGTH;
    for (size_t i = 0; i < n; i++)
        if (!tp_dtmf_is_key(keys[i]))
            return TP_EFORMAT;
    const source s = { .id = id, .kind = KEYS, .interruptible = interruptible != 0, .finished = 1, .length = n };
    const int status = add(q, s);
    for (size_t i = 0; status == TP_OK && i < n; i++)
        put(q, keys[i]); /* the keys wait in the ring, like samples */
    return status;
}

size_t tp_playout_queue_write(tp_playout_queue *q, const int16_t *pcm, size_t n)
{
    source *s = q->count > 0 ? source_at(q, q->count - 1) : NULL;
    if (s == NULL || s->kind != SAMPLES || s->finished)
        return 0;
    const size_t room = tp_playout_queue_room(q), taken = n < room ? n : room;
    const size_t start = (size_t)(q->written % q->capacity), to_end = q->capacity - start;
    const size_t before = taken < to_end ? taken : to_end;
    memcpy(ring(q) + start, pcm, before * sizeof *pcm);
    memcpy(ring(q), pcm + before, (taken - before) * sizeof *pcm);
    q->written += taken;
    s->length += taken;
    return taken;
}

void tp_playout_queue_finish(tp_playout_queue *q)
{
    if (q->count > 0)
        source_at(q, q->count - 1)->finished = 1;
}

void tp_playout_end_first(tp_playout_queue *q, tp_playout_event_kind kind, uint64_t when)
{
    const source *s = source_at(q, 0);
    if (s->kind == CHECKPOINT && kind == TP_PLAYOUT_COMPLETED)
        kind = TP_PLAYOUT_CHECKPOINT;
    tp_playout_tell(q, kind, s, when);
    q->first = (q->first + 1) % TP_PLAYOUT_SOURCES;
    q->count--;
}

/* --- control ---------------------------------------------------------------------------------------------------------- */

int tp_playout_queue_pause(tp_playout_queue *q)
{
    if (q->count == 0 || !source_at(q, 0)->interruptible)
        return 0;
    if (q->motion == RUNNING)
        q->motion = PAUSING;
    return 1;
}

void tp_playout_queue_resume(tp_playout_queue *q)
{
    if (q->motion == PAUSED)
        tp_playout_tell(q, TP_PLAYOUT_RESUMED, q->count > 0 ? source_at(q, 0) : NULL, q->made);
    q->motion = RUNNING;
    if (q->count == 0)
        q->fade_at = q->fade_length;
}

int tp_playout_queue_paused(const tp_playout_queue *q)
{
    return q->motion != RUNNING;
}

void tp_playout_queue_clear(tp_playout_queue *q, int everything)
{
    const source *s = q->count > 0 ? source_at(q, 0) : NULL;
    if (s != NULL && s->started && q->motion != PAUSED && (everything || s->interruptible))
        tp_playout_fade_tail(q);
    const uint64_t when = q->made + q->tail_length;
    const size_t count = q->count;
    int dropped = 0;
    for (size_t i = 0; i < count; i++) {
        const source kept = *source_at(q, 0);
        const int keep = !everything && (kept.kind == CHECKPOINT ? !dropped : !kept.interruptible);
        if (!keep) {
            dropped = 1;
            tp_playout_end_first(q, kept.started ? TP_PLAYOUT_INTERRUPTED : TP_PLAYOUT_DROPPED, when);
            continue;
        }
        q->first = (q->first + 1) % TP_PLAYOUT_SOURCES;
        *source_at(q, q->count - 1) = kept;
    }
    q->motion = RUNNING;
    q->fade_at = q->fade_length;
    q->dry_blocks = 0;
}

int tp_playout_queue_next_event(tp_playout_queue *q, tp_playout_event *event)
{
    if (q->event_count == 0)
        return 0;
    *event = q->events[q->first_event];
    q->first_event = (q->first_event + 1) % TP_PLAYOUT_EVENTS;
    q->event_count--;
    return 1;
}

/* --- what there is ---------------------------------------------------------------------------------------------------- */

size_t tp_playout_queue_room(const tp_playout_queue *q)
{
    uint64_t oldest = q->written;
    for (size_t i = q->count; i-- > 0;) {
        const source *s = source_at(q, i);
        if (s->kind == SAMPLES)
            oldest = s->begin + s->played;
        else if (s->kind == KEYS && !s->started)
            oldest = s->begin;
    }
    return q->capacity - (size_t)(q->written - oldest);
}

size_t tp_playout_queue_free_sources(const tp_playout_queue *q)
{
    return TP_PLAYOUT_SOURCES - q->count;
}

uint64_t tp_playout_queue_queued(const tp_playout_queue *q)
{
    uint64_t sum = q->tail_length;
    for (size_t i = 0; i < q->count; i++)
        sum += samples_left(q, source_at(q, i));
    return sum;
}

int tp_playout_queue_current(const tp_playout_queue *q, uint32_t *id, uint64_t *position, int *interruptible)
{
    if (q->count == 0)
        return 0;
    const source *s = source_at(q, 0);
    *id = s->id;
    *position = s->played;
    *interruptible = s->interruptible;
    return 1;
}

uint64_t tp_playout_queue_now(const tp_playout_queue *q)
{
    return q->made;
}

static int has(const tp_playout_queue *q, int kind)
{
    for (size_t i = 0; i < q->count; i++)
        if ((int)source_at(q, i)->kind == kind)
            return 1;
    return 0;
}

int tp_playout_queue_speaks(const tp_playout_queue *q)
{
    return has(q, SAMPLES);
}

int tp_playout_queue_dials(const tp_playout_queue *q)
{
    return has(q, KEYS);
}

uint64_t tp_playout_queue_underruns(const tp_playout_queue *q)
{
    return q->underruns;
}

size_t tp_playout_queue_delay_samples(const tp_playout_queue *q)
{
    (void)q;
    return 0;
}
