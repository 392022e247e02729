/* The ring of a call's events: every part of the call emits into it. */
#ifndef TALKPATH_CALL_CALL_EVENTS_H
#define TALKPATH_CALL_CALL_EVENTS_H

#include "talkpath/call.h"

/* A time before that of the newest event on this clock becomes that one's: a clear's fade ends a little later than what follows it. */
void call_events_emit(tp_call_events *events, tp_call_clock clock, double time_ms, tp_call_event event);

/* 0: a playout event and what it makes the turn logic say would not find room. */
int call_events_room(const tp_call_events *events);

/* The playout queue's next event comes now, in the order of the others; it stays in the queue until it is taken. */
void call_events_emit_playout(tp_call_events *events, double time_ms);

/* Takes the oldest; 0 when there is none. */
int call_events_take(tp_call_events *events, tp_call_event *event);

#endif
