/* The queue's sound: one block of 10 ms after the other out of the sources. */
#include <math.h>
#include <string.h>

#include "playout/playout_state.h"

#define CONCEALED_BLOCKS 6  /* what counts as sound of a source that ran dry … */
#define FADING_BLOCKS 15    /* … and when nothing of its voice is left         */
#define STEP 300            /* a source may begin or end this far from zero (-41 dBov) without being bent */

static void bend_from_last(tp_playout_queue *q, int16_t next)
{
    const int step = q->last - next;
    const int bends = step > STEP || step < -STEP;
    q->bend = (float)step;
    q->bend_left = bends ? q->block / 2 : 0;
}

static float raised_cosine(size_t at_sample, size_t length)
{
    return 0.5f - 0.5f * cosf(3.14159265f * (float)at_sample / (float)length);
}

/* What is bent and faded of n samples; `direction` of the fade: -1 out, 1 in. */
static void shape(tp_playout_queue *q, int16_t *x, size_t n, int direction)
{
    for (size_t i = 0; i < n && (q->bend_left > 0 || direction < 0 || q->fade_at < q->fade_length); i++) {
        float v = x[i];
        if (q->bend_left > 0) {
            v += q->bend * raised_cosine(q->bend_left, q->block / 2);
            q->bend_left--;
        }
        if (direction < 0 || q->fade_at < q->fade_length) {
            v *= raised_cosine(q->fade_at, q->fade_length);
            if (direction > 0)
                q->fade_at++;
            else if (q->fade_at > 0)
                q->fade_at--;
        }
        x[i] = (int16_t)(v > 32767.0f ? 32767 : v < -32768.0f ? -32768 : lrintf(v));
    }
    if (n > 0)
        q->last = x[n - 1];
}

/* Up to n samples of a source. */
static size_t take(tp_playout_queue *q, item *s, int16_t *x, size_t n)
{
    const uint64_t there = s->ready - s->played;
    n = there < n ? (size_t)there : n;
    if (s->kind == SPEECH) {
        const size_t start = (size_t)((s->begin + s->played) % q->store.samples), to_end = q->store.samples - start;
        const size_t before = n < to_end ? n : to_end;
        memcpy(x, ring(q) + start, before * sizeof *x);
        memcpy(x + before, ring(q), (n - before) * sizeof *x);
        q->oldest = s->begin + s->played + n;
        if (q->normalizes)
            tp_level_process(normalizer(q), x, n, x);
    } else if (s->kind == FILE_SAMPLES) {
        if (n > 0)
            memcpy(x, s->pcm + s->played, n * sizeof *x);
    } else if (s->kind == KEYS) {
        if (s->played == 0) {
            tp_dtmf_generator_reset(generator(q));
            for (uint64_t i = 0; i < s->length / key_samples(q); i++) {
                const char key = (char)ring(q)[(s->begin + i) % q->store.samples];
                tp_dtmf_generator_start(generator(q), &key, 1);
            }
            q->oldest = s->begin + s->length / key_samples(q);
        }
        tp_dtmf_generator_process(generator(q), x, n);
    } else {
        memset(x, 0, n * sizeof *x);
    }
    if (n > 0 && s->played == 0)
        bend_from_last(q, x[0]);
    s->played += n;
    q->queued -= n;
    return n;
}

/* Fills x with what the sources have; stops where one has run dry, or not begun to flow. Returns the number of samples. */
static size_t pull(tp_playout_queue *q, int16_t *x, size_t n, int direction, uint64_t now)
{
    size_t filled = 0;
    while (q->count > 0) {
        item *s = item_at(q, 0);
        const uint64_t there = s->ready - s->played;
        if (s->kind == MARK || (there == 0 && s->finished)) {
            const int was_mark = s->kind == MARK;
            tp_playout_end_first(q, TP_PLAYOUT_COMPLETED, now + filled);
            if (!was_mark)
                bend_from_last(q, 0); /* the next source, if there is one, bends from here to its own beginning */
            continue;
        }
        if (filled == n || (direction < 0 && !s->interruptible) || (!s->finished && there < n - filled))
            break;
        if (!s->started) {
            s->started = 1;
            tp_playout_emit(q, TP_PLAYOUT_STARTED, s, now + filled);
        }
        const size_t got = take(q, s, x + filled, n - filled);
        q->sounds |= s->kind != SILENCE;
        shape(q, x + filled, got, direction);
        filled += got;
        tp_playout_pass_marks(q, s->played, now + filled);
    }
    if (q->count > 0) /* those that stand at its very beginning */
        tp_playout_pass_marks(q, item_at(q, 0)->played, now + filled);
    return filled;
}

static int runs_dry(const tp_playout_queue *q)
{
    const item *s = q->count > 0 ? item_at(q, 0) : NULL;
    return s != NULL && s->started && !s->finished && q->motion == RUNNING;
}

/* Marks that wait for what does not come: once the concealment has faded, nothing that was written is heard any more. */
static void let_marks_go(tp_playout_queue *q, int flows)
{
    const int stuck = !flows && q->count > 0 && !item_at(q, 0)->finished && q->motion == RUNNING;
    q->stuck_blocks = stuck ? q->stuck_blocks + 1 : 0;
    if (q->stuck_blocks > FADING_BLOCKS)
        tp_playout_pass_marks(q, TP_PLAYOUT_AFTER - 1, q->made);
}

static void make_block(tp_playout_queue *q)
{
    int16_t *x = q->ready;
    size_t filled = q->tail_length;
    q->sounds = filled > 0;
    memcpy(x, q->tail, filled * sizeof *x);
    q->tail_length = 0;
    const int direction = q->motion == PAUSING ? -1 : 1;
    size_t wanted = q->block - filled;
    if (direction < 0 && wanted > q->fade_at)
        wanted = q->fade_at;
    if (q->motion != PAUSED)
        filled += pull(q, x + filled, wanted, direction, q->made + filled);
    let_marks_go(q, filled > 0);
    if (direction < 0 && q->count > 0 && !item_at(q, 0)->interruptible) {
        q->motion = RUNNING; /* what was to pause is over, and what follows must not */
        q->fade_at = q->fade_length;
    } else if (direction < 0) {
        q->motion = PAUSED;
        q->fade_at = 0;
        tp_playout_emit(q, TP_PLAYOUT_PAUSED, q->count > 0 ? item_at(q, 0) : NULL, q->made + q->block);
    }
    if (filled == 0 && runs_dry(q) && q->dry_blocks < FADING_BLOCKS) {
        if (q->dry_blocks++ == 0) {
            q->underruns++;
            tp_playout_emit(q, TP_PLAYOUT_UNDERRUN, item_at(q, 0), q->made);
        }
        tp_plc_conceal(concealer(q), x);
        q->last = x[q->block - 1];
        filled = q->dry_blocks <= CONCEALED_BLOCKS ? q->block : 0;
        q->sounds = 1;
    } else {
        if (filled > 0 || !runs_dry(q))
            q->dry_blocks = 0;
        if (filled < q->block) {
            memset(x + filled, 0, (q->block - filled) * sizeof *x);
            if (q->bend_left == 0)
                bend_from_last(q, 0);
            const size_t fade_at = q->fade_at;
            q->fade_at = q->fade_length; /* nothing to fade in silence */
            shape(q, x + filled, q->block - filled, 1);
            q->fade_at = fade_at;
        }
        tp_plc_receive(concealer(q), x, x);
        q->last = x[q->block - 1];
    }
    q->made += q->block;
    q->ready_at = 0;
    q->ready_end = q->block;
    q->ready_sounds = q->sounds ? filled : 0;
}

size_t tp_playout_queue_read(tp_playout_queue *q, int16_t *pcm, size_t n)
{
    size_t done = 0, sounds = 0;
    while (done < n) {
        if (q->ready_at == q->ready_end)
            make_block(q);
        const size_t left = q->ready_end - q->ready_at, now = left < n - done ? left : n - done;
        memcpy(pcm + done, q->ready + q->ready_at, now * sizeof *pcm);
        const size_t sounding = q->ready_sounds > q->ready_at ? q->ready_sounds - q->ready_at : 0;
        sounds += sounding < now ? sounding : now;
        q->ready_at += now;
        done += now;
    }
    return sounds;
}

void tp_playout_fade_tail(tp_playout_queue *q)
{
    if (q->dry_blocks > 0)
        return; /* the concealment sounds, and fades by itself */
    item *s = item_at(q, 0);
    q->fade_length = q->block / 2;
    q->fade_at = q->fade_at * q->fade_length / q->block;
    const size_t got = take(q, s, q->tail + q->tail_length, q->fade_at);
    shape(q, q->tail + q->tail_length, got, -1);
    q->tail_length += got;
    q->fade_length = q->block;
}
