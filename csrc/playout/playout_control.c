/* The queue's control: what ends its items, pause, resume and clear; its events, and what there is to know of it. */
#include "playout/playout_state.h"

#include "talkpath/talkpath.h"

/* --- events ----------------------------------------------------------------------------------------------------------- */

void tp_playout_emit(tp_playout_queue *q, tp_playout_event_kind kind, const item *s, uint64_t at_samples)
{
    const size_t max = max_events(q->store.items);
    if (q->event_count == max)
        return;
    tp_playout_event e = { .kind = kind, .at_samples = at_samples };
    if (s != NULL) {
        e.id = s->id;
        e.sound = s->kind == SPEECH || s->kind == FILE_SAMPLES;
        e.position_samples = s->played;
    }
    events_of(q)[(q->first_event + q->event_count++) % max] = e;
}

int tp_playout_queue_peek_event(const tp_playout_queue *q, size_t i, tp_playout_event *event)
{
    if (i >= q->event_count)
        return 0;
    *event = events_of(q)[(q->first_event + i) % max_events(q->store.items)];
    return 1;
}

int tp_playout_queue_next_event(tp_playout_queue *q, tp_playout_event *event)
{
    if (!tp_playout_queue_peek_event(q, 0, event))
        return 0;
    q->first_event = (q->first_event + 1) % max_events(q->store.items);
    q->event_count--;
    return 1;
}

/* --- ends ------------------------------------------------------------------------------------------------------------- */

void tp_playout_end_first(tp_playout_queue *q, tp_playout_event_kind kind, uint64_t at_samples)
{
    const item *s = item_at(q, 0);
    if (s->kind == MARK) {
        kind = kind == TP_PLAYOUT_COMPLETED ? TP_PLAYOUT_MARK : kind;
    } else {
        q->queued -= s->length - s->played;
        if (in_ring(s))
            q->oldest = s->kind == SPEECH ? s->begin + s->length : s->begin + s->length / key_samples(q);
    }
    tp_playout_emit(q, kind, s, at_samples);
    q->of_kind[s->kind]--;
    q->first = (q->first + 1) % q->store.items;
    q->count--;
}

void tp_playout_pass_marks(tp_playout_queue *q, uint64_t position, uint64_t now)
{
    const item source = *item_at(q, 0);
    if (source.kind != SPEECH)
        return; /* none is within it */
    while (q->count > 1 && item_at(q, 1)->kind == MARK && item_at(q, 1)->length <= position) {
        const item mark = *item_at(q, 1);
        const uint64_t since = mark.length < source.played ? source.played - mark.length : 0;
        tp_playout_emit(q, TP_PLAYOUT_MARK, &mark, now - since);
        if (q->open && q->open_marks == q->count - 1)
            q->open_marks--;
        q->of_kind[MARK]--;
        *item_at(q, 1) = source; /* takes the mark's place in line */
        q->first = (q->first + 1) % q->store.items;
        q->count--;
    }
}

/* --- control ---------------------------------------------------------------------------------------------------------- */

int tp_playout_queue_pause(tp_playout_queue *q)
{
    if (q->count == 0 || !item_at(q, 0)->interruptible)
        return 0;
    if (q->motion == RUNNING)
        q->motion = PAUSING;
    return 1;
}

void tp_playout_queue_resume(tp_playout_queue *q)
{
    if (q->motion == PAUSED)
        tp_playout_emit(q, TP_PLAYOUT_RESUMED, q->count > 0 ? item_at(q, 0) : NULL, q->made);
    q->motion = RUNNING;
    if (q->count == 0)
        q->fade_at = q->fade_length;
}

int tp_playout_queue_paused(const tp_playout_queue *q)
{
    return q->motion != RUNNING;
}

void tp_playout_queue_normalize(tp_playout_queue *q, int on)
{
    q->normalizes = on;
}

/* After a clear: where the open speech stands now, if it was kept, and what of the ring is needed. */
static void look_over(tp_playout_queue *q, uint32_t open_id)
{
    const int was_open = q->open;
    q->open = 0;
    q->open_marks = 0;
    q->oldest = q->written;
    for (size_t i = q->count; i-- > 0;) {
        const item *s = item_at(q, i);
        if (in_ring(s))
            q->oldest = s->kind == SPEECH ? s->begin + s->played : s->begin;
        if (was_open && !q->open && s->kind == MARK)
            q->open_marks++;
        else if (was_open && s->kind == SPEECH && s->id == open_id && !s->finished)
            q->open = 1;
        else if (!q->open)
            q->open_marks = 0;
    }
    if (!q->open)
        q->open_marks = 0;
}

void tp_playout_queue_clear(tp_playout_queue *q, int everything)
{
    uint32_t open_id = 0;
    tp_playout_queue_open(q, &open_id);
    const item *s = q->count > 0 ? item_at(q, 0) : NULL;
    if (s != NULL && s->started && q->motion != PAUSED && (everything || s->interruptible))
        tp_playout_fade_tail(q);
    const uint64_t when = q->made + q->tail_length;
    if (s != NULL && s->started)
        tp_playout_pass_marks(q, item_at(q, 0)->played, when);
    int dropped = 0;
    for (size_t i = 0, count = q->count; i < count; i++) {
        const item kept = *item_at(q, 0);
        const int keep = !everything && (kept.kind == MARK ? !dropped : !kept.interruptible);
        if (!keep) {
            dropped = 1;
            tp_playout_end_first(q, kept.started ? TP_PLAYOUT_INTERRUPTED : TP_PLAYOUT_DROPPED, when);
            continue;
        }
        q->first = (q->first + 1) % q->store.items;
        *item_at(q, q->count - 1) = kept;
    }
    if (dropped)
        tp_playout_emit(q, TP_PLAYOUT_CLEARED, NULL, when);
    look_over(q, open_id);
    q->motion = RUNNING;
    q->fade_at = q->fade_length;
    q->dry_blocks = q->stuck_blocks = 0;
}

/* --- what there is ---------------------------------------------------------------------------------------------------- */

uint64_t tp_playout_queue_queued(const tp_playout_queue *q)
{
    return q->queued + q->tail_length;
}

int tp_playout_queue_current(const tp_playout_queue *q, uint32_t *id, uint64_t *position, int *interruptible)
{
    if (q->count == 0)
        return 0;
    const item *s = item_at(q, 0);
    *id = s->id;
    *position = s->played;
    *interruptible = s->interruptible;
    return 1;
}

uint64_t tp_playout_queue_now(const tp_playout_queue *q)
{
    return q->made;
}

int tp_playout_queue_speaks(const tp_playout_queue *q)
{
    return q->of_kind[SPEECH] + q->of_kind[FILE_SAMPLES] > 0;
}

int tp_playout_queue_dials(const tp_playout_queue *q)
{
    return q->of_kind[KEYS] > 0;
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
