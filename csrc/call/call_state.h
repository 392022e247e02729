/* What a call holds: its kernels, one behind the other in one block. Shared by call.c (set-up), receive.c and transmit.c. */
#ifndef TALKPATH_CALL_CALL_STATE_H
#define TALKPATH_CALL_CALL_STATE_H

#include "call/answer.h"
#include "call/own_sounds.h"
#include "call/own_words.h"
#include "call/reference.h"
#include "call/turn.h"
#include "talkpath/call.h"

#define TP_CALL_MAX_FRAME 960 /* 60 ms at 16 kHz */

enum {
    COMPONENT_PLC,
    COMPONENT_DTMF,
    COMPONENT_ANSWER,
    COMPONENT_BEEP,
    COMPONENT_PROGRESS,
    COMPONENT_GATE,
    COMPONENT_SUPPRESSOR,
    COMPONENT_RESAMPLER,
    COMPONENT_QUEUE,
    COMPONENT_MIXER,
    COMPONENT_NOISE,
    COMPONENT_OWN_SOUNDS,
    COMPONENT_OWN_WORDS,
    COMPONENT_REFERENCE,
    COMPONENTS
};

struct tp_call {
    tp_call_config config;
    size_t frame, pcm_samples;
    size_t offsets[COMPONENTS];
    tp_call_events events;
    double taken_ms; /* time of the newest of the transmit path's that was taken */
    turn turn;

    uint64_t received, sent; /* samples */
    tp_call_metrics metrics;

    int paused_by_user;                  /* the orchestrator has paused the agent */
    answer answer;
    uint64_t key_until;        /* a key sounded: samples received until it counts as over */
    uint64_t own_key_until;    /* an echo of the agent's own sounds until then; 0: none does */
    int suppressing;           /* noise suppression was on in the last frame */
};

static inline void *component(tp_call *c, int which)
{
    return (char *)c + c->offsets[which];
}

static inline const void *const_component(const tp_call *c, int which)
{
    return (const char *)c + c->offsets[which];
}

static inline double ms_of(const tp_call *c, uint64_t samples)
{
    return (double)samples * 1000.0 / c->config.sample_rate_hz;
}

/* An event of this path, at its present time. */
void call_emit_received(tp_call *c, tp_call_event event);
void call_emit_sent(tp_call *c, tp_call_event event);

/* Does what the turn logic asks for. */
void call_act(tp_call *c, int actions);

/* Takes the queue's events: to the turn logic, and on to the caller of this library. */
void call_take_playout_events(tp_call *c);

/* Power of a frame into a smoothed level. */
void call_track_level(float *dbov, const int16_t *pcm, size_t n);

#endif
