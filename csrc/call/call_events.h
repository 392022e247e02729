/* The ring of a call's events: every part of the call emits into it. */
#ifndef TALKPATH_CALL_CALL_EVENTS_H
#define TALKPATH_CALL_CALL_EVENTS_H

#include "talkpath/call.h"

/* A time before that of the newest event on this clock becomes that one's: a clear's fade ends a little later than what follows it. */
void call_events_emit(tp_call_events *events, tp_call_clock clock, double time_ms, tp_call_event event);

/* Takes the oldest; 0 when there is none. */
int call_events_take(tp_call_events *events, tp_call_event *event);

#endif
