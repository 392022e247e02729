/*
 * A call that has lasted for days, for tests: every counter of samples, hops and frames begins just below 2^32 and passes it soon.
 * Kernels hide what they hold, so each is compiled here once more, with a function that moves its clock: -DLATE=… (see tests/whole_call.py).
 */
#include <stdint.h>

#define LATE_CALL 1
#define LATE_OWN_SOUNDS 2
#define LATE_GATE 3
#define LATE_ECHO 4
#define LATE_BEEP 5
#define LATE_PROGRESS 6
#define LATE_DTMF 7

void late_call(void *call, uint64_t samples);
void late_own_sounds(void *state, uint64_t samples);
void late_gate(void *state, uint64_t samples);
void late_echo(void *state, uint64_t samples);
void late_beep(void *state, uint64_t ms);
void late_progress(void *state, uint64_t ms);
void late_dtmf(void *state, uint64_t ms);

#if LATE == LATE_CALL
#include "call/call_state.h"
#include "playout/playout_state.h"

void late_call(void *call, uint64_t samples)
{
    tp_call *c = call;
    const uint64_t ms = samples * 1000 / (uint64_t)c->config.sample_rate_hz, frames = samples / c->frame;
    c->received = c->sent = samples;
    c->answer.quiet_since = samples;
    c->turn.now_ms = c->turn.waiting_since_ms = (double)ms;
    c->own_words.sent.hops = c->own_words.heard.hops = ms / 10;
    c->metrics.received_frames = c->metrics.sent_frames = c->metrics.lost_frames = frames;
    tp_playout_queue *q = component(c, COMPONENT_QUEUE);
    q->made = samples;
    q->written = q->oldest = samples;
    late_own_sounds(component(c, COMPONENT_OWN_SOUNDS), samples);
    late_gate(component(c, COMPONENT_GATE), samples);
    late_dtmf(component(c, COMPONENT_DTMF), ms);
    if (c->config.detect_beep)
        late_beep(component(c, COMPONENT_BEEP), ms);
    if (c->config.detect_answer)
        late_progress(component(c, COMPONENT_PROGRESS), ms);
}
#elif LATE == LATE_OWN_SOUNDS
#include "call/own_sounds.c"

void late_own_sounds(void *state, uint64_t samples)
{
    own_sounds *o = state;
    o->count = samples / (o->step * o->frame);
}
#elif LATE == LATE_GATE
#include "echo/barge_in.c"

void late_gate(void *state, uint64_t samples)
{
    tp_barge_in *g = state;
    g->hops = samples / (uint64_t)(g->config.sample_rate_hz / HOPS_PER_S);
    g->span.hops = g->span.onset_hop = g->span.end_hop = g->span.before_end_hop = g->hops;
    late_echo(canceller_of(g), samples);
}
#elif LATE == LATE_ECHO
#include "echo/echo_canceller.c"

void late_echo(void *state, uint64_t samples)
{
    tp_echo_canceller *e = state;
    e->samples = samples;
    e->state.hops = samples / (ECHO_HOP_SLOTS * e->grid.slot);
}
#elif LATE == LATE_BEEP
#include "detect/beep.c"

void late_beep(void *state, uint64_t ms)
{
    tp_beep *b = state;
    b->frame_count = ms / (uint64_t)TP_TONE_HOP_MS;
}
#elif LATE == LATE_PROGRESS
#include "detect/call_progress.c"

void late_progress(void *state, uint64_t ms)
{
    tp_call_progress *c = state;
    c->frame_count = ms / (uint64_t)TP_TONE_HOP_MS;
}
#elif LATE == LATE_DTMF
#include "detect/dtmf.c"

void late_dtmf(void *state, uint64_t ms)
{
    tp_dtmf *d = state;
    d->tick_count = ms * (uint64_t)HOP_RATE_HZ / 1000 / HOPS_A_TICK;
}
#endif
