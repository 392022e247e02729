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

static tp_level_config level_config(const tp_playout_queue_config *c)
{
    tp_level_config level = tp_level_defaults();
    level.sample_rate_hz = c->sample_rate_hz;
    return level;
}

const char *tp_playout_queue_check(const tp_playout_queue_config *c)
{
    if (c->capacity_ms < 100 || c->capacity_ms > 600000)
        return "capacity_ms must be 100 to 600000";
    const tp_plc_config conceal = conceal_config(c);
    return tp_plc_check(&conceal);
}

size_t tp_playout_queue_store_size(size_t items, size_t samples)
{
    return tp_align_up(items * sizeof(item) + max_events(items) * sizeof(tp_playout_event) + samples * sizeof(int16_t));
}

static store own_store(const tp_playout_queue_config *c)
{
    return (store){ .items = TP_PLAYOUT_ITEMS, .samples = (size_t)c->capacity_ms * (size_t)(c->sample_rate_hz / 1000) };
}

static size_t layout(const tp_playout_queue_config *c, tp_playout_queue *q)
{
    const tp_dtmf_generator_config keys = keys_config(c);
    const tp_plc_config conceal = conceal_config(c);
    const tp_level_config level = level_config(c);
    const store own = own_store(c);
    const size_t keys_offset = tp_align_up(sizeof(tp_playout_queue));
    const size_t plc_offset = keys_offset + tp_align_up(tp_dtmf_generator_size(&keys));
    const size_t level_offset = plc_offset + tp_align_up(tp_plc_size(&conceal));
    const size_t store_offset = level_offset + tp_align_up(tp_level_size(&level));
    if (q != NULL) {
        q->keys_offset = keys_offset;
        q->plc_offset = plc_offset;
        q->level_offset = level_offset;
        q->store_offset = store_offset;
    }
    return store_offset + tp_playout_queue_store_size(own.items, own.samples);
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
    memset(q, 0, sizeof *q); /* what is in the store does not matter: nothing unwritten is read */
    q->config = config;
    layout(&config, q);
    q->store = own_store(&config);
    q->block = (size_t)config.sample_rate_hz / 100;
    q->fade_at = q->fade_length = q->block;
    const tp_dtmf_generator_config keys = keys_config(&config);
    const tp_plc_config conceal = conceal_config(&config);
    const tp_level_config level = level_config(&config);
    tp_dtmf_generator_init(generator(q), &keys);
    tp_plc_init(concealer(q), &conceal);
    tp_level_init(normalizer(q), &level);
}

void tp_playout_queue_prefetch(const tp_playout_queue *q)
{
    tp_prefetch(q, offsetof(tp_playout_queue, ready) + 2 * q->block);
    tp_prefetch(&q->ready_at, sizeof *q - offsetof(tp_playout_queue, ready_at));
    tp_plc_prefetch((const tp_plc *)(const void *)((const char *)q + q->plc_offset));
}

void tp_playout_queue_prefetch_ring(const tp_playout_queue *q)
{
    if (q->count == 0)
        return;
    const item *s = item_at(q, 0);
    if (s->kind == SPEECH)
        tp_prefetch(ring(q) + (s->begin + s->played) % q->store.samples, 4 * q->block);
}

/* --- the store -------------------------------------------------------------------------------------------------------- */

int tp_playout_queue_move(tp_playout_queue *q, void *memory, size_t items, size_t samples)
{
    tp_playout_queue to = *q; /* its header only: items, events and samples follow */
    to.store = memory != NULL ? (store){ .memory = memory, .items = items, .samples = samples } : own_store(&q->config);
    const char *const now = store_memory(q);
    if (memory == NULL)
        to.store.memory = (char *)q + q->store_offset;
    if (store_memory(&to) == now)
        return TP_OK;
    const uint64_t used = q->written - q->oldest;
    if (to.store.items > TP_PLAYOUT_MAX_ITEMS || q->count > to.store.items || used > to.store.samples
        || q->event_count > max_events(to.store.items))
        return TP_ELENGTH;
    to.first = to.first_event = 0;
    for (size_t i = 0; i < q->count; i++)
        *item_at(&to, i) = *item_at(q, i);
    for (size_t i = 0; i < q->event_count; i++)
        tp_playout_queue_peek_event(q, i, &events_of(&to)[i]);
    for (uint64_t at = q->oldest, n; at < q->written; at += n) { /* as far as both rings go without a turn */
        const uint64_t from = at % q->store.samples, into = at % to.store.samples;
        n = q->written - at;
        n = n < q->store.samples - from ? n : q->store.samples - from;
        n = n < to.store.samples - into ? n : to.store.samples - into;
        memcpy(ring(&to) + into, ring(q) + from, (size_t)n * sizeof(int16_t));
    }
    q->store = to.store;
    if (memory == NULL)
        q->store.memory = NULL;
    q->first = q->first_event = 0;
    return TP_OK;
}

size_t tp_playout_queue_items(const tp_playout_queue *q)
{
    return q->store.items;
}

size_t tp_playout_queue_free_items(const tp_playout_queue *q)
{
    return q->store.items - q->count;
}

size_t tp_playout_queue_capacity(const tp_playout_queue *q)
{
    return q->store.samples;
}

size_t tp_playout_queue_room(const tp_playout_queue *q)
{
    return q->store.samples - (size_t)(q->written - q->oldest);
}

/* --- in --------------------------------------------------------------------------------------------------------------- */

static int add(tp_playout_queue *q, item s)
{
    if (q->count == q->store.items)
        return TP_ELENGTH;
    tp_playout_queue_finish(q);
    q->queued += s.length;
    q->of_kind[s.kind]++;
    q->open = s.kind == SPEECH;
    *item_at(q, q->count++) = s;
    return TP_OK;
}

int tp_playout_queue_begin(tp_playout_queue *q, uint32_t id, int interruptible)
{
    return add(q, (item){ .id = id, .kind = SPEECH, .interruptible = interruptible != 0, .begin = q->written });
}

int tp_playout_queue_file(tp_playout_queue *q, uint32_t id, int interruptible, const int16_t *pcm, uint64_t length)
{
    return add(q, (item){ .id = id, .kind = FILE_SAMPLES, .interruptible = interruptible != 0, .pcm = pcm, .length = length });
}

int tp_playout_queue_silence(tp_playout_queue *q, uint32_t id, int interruptible, uint64_t samples)
{
    return add(q, (item){ .id = id, .kind = SILENCE, .interruptible = interruptible != 0, .finished = 1, .length = samples,
                          .ready = samples });
}

int tp_playout_queue_dtmf(tp_playout_queue *q, uint32_t id, int interruptible, const char *keys, size_t n)
{
    if (n > TP_DTMF_GENERATOR_KEYS || n > tp_playout_queue_room(q))
        return TP_ELENGTH;
    for (size_t i = 0; i < n; i++)
        if (!tp_dtmf_is_key(keys[i]))
            return TP_EFORMAT;
    const uint64_t samples = n * key_samples(q);
    const item s = { .id = id, .kind = KEYS, .interruptible = interruptible != 0, .finished = 1, .begin = q->written,
                     .length = samples, .ready = samples };
    const int status = add(q, s);
    for (size_t i = 0; status == TP_OK && i < n; i++) /* the keys wait in the ring, like samples */
        ring(q)[q->written++ % q->store.samples] = keys[i];
    return status;
}

static item *open_item(const tp_playout_queue *q)
{
    return q->open ? item_at(q, q->count - 1 - q->open_marks) : NULL;
}

int tp_playout_queue_mark(tp_playout_queue *q, uint32_t id, uint64_t ahead)
{
    if (q->count == q->store.items)
        return TP_ELENGTH;
    const item *in = open_item(q);
    const uint64_t place = in != NULL ? in->length + ahead : TP_PLAYOUT_AFTER;
    *item_at(q, q->count++) = (item){ .id = id, .kind = MARK, .interruptible = 1, .finished = 1, .length = place };
    q->of_kind[MARK]++;
    q->open_marks += in != NULL;
    return TP_OK;
}

int tp_playout_queue_open(const tp_playout_queue *q, uint32_t *id)
{
    const item *s = open_item(q);
    if (s != NULL)
        *id = s->id;
    return s != NULL;
}

size_t tp_playout_queue_write(tp_playout_queue *q, const int16_t *pcm, size_t n)
{
    item *s = open_item(q);
    if (s == NULL)
        return 0;
    const size_t room = tp_playout_queue_room(q), taken = n < room ? n : room;
    const size_t start = (size_t)(q->written % q->store.samples), to_end = q->store.samples - start;
    const size_t before = taken < to_end ? taken : to_end;
    memcpy(ring(q) + start, pcm, before * sizeof *pcm);
    memcpy(ring(q), pcm + before, (taken - before) * sizeof *pcm);
    q->written += taken;
    q->queued += taken;
    s->length += taken;
    s->ready += taken;
    return taken;
}

void tp_playout_queue_finish(tp_playout_queue *q)
{
    item *s = open_item(q);
    if (s != NULL)
        s->finished = 1;
    q->open = 0;
    q->open_marks = 0;
}

int tp_playout_queue_ready(tp_playout_queue *q, uint32_t id, uint64_t ready, int finished)
{
    /* Either it plays, or it has just been added. */
    item *s = q->count > 0 && item_at(q, 0)->id == id ? item_at(q, 0) : NULL;
    for (size_t i = q->count; s == NULL && i-- > 0;)
        s = item_at(q, i)->id == id ? item_at(q, i) : NULL;
    if (s == NULL || s->kind != FILE_SAMPLES || s->finished || ready < s->ready)
        return TP_ESTATE;
    s->ready = ready;
    if (finished || ready > s->length) {
        q->queued = q->queued - s->length + ready;
        s->length = ready;
    }
    s->finished = finished != 0;
    return TP_OK;
}
