#include "call/call_events.h"

void call_events_emit(tp_call_events *events, tp_call_clock clock, double time_ms, tp_call_event event)
{
    if (events->count == TP_CALL_EVENTS)
        return;
    if (time_ms > events->newest_ms[clock])
        events->newest_ms[clock] = time_ms;
    event.clock = clock;
    event.time_ms = events->newest_ms[clock];
    events->ring[(events->first + events->count++) % TP_CALL_EVENTS] = event;
}

int call_events_take(tp_call_events *events, tp_call_event *event)
{
    if (events->count == 0)
        return 0;
    *event = events->ring[events->first];
    events->first = (events->first + 1) % TP_CALL_EVENTS;
    events->count--;
    return 1;
}
