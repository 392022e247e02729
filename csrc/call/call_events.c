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

int call_events_room(const tp_call_events *events)
{
    return events->count + 4 <= TP_CALL_EVENTS;
}

void call_events_emit_playout(tp_call_events *events, double time_ms)
{
    tp_call_event *newest = &events->ring[(events->first + events->count + TP_CALL_EVENTS - 1) % TP_CALL_EVENTS];
    if (events->count == 0 || newest->type != TP_CALL_PLAYOUT) {
        call_events_emit(events, TP_CLOCK_TRANSMIT, time_ms, (tp_call_event){ .type = TP_CALL_PLAYOUT });
        newest = &events->ring[(events->first + events->count - 1) % TP_CALL_EVENTS];
        events->runs++;
    }
    if (time_ms > events->newest_ms[TP_CLOCK_TRANSMIT])
        events->newest_ms[TP_CLOCK_TRANSMIT] = time_ms;
    newest->run++;
    events->in_queue++;
}

int call_events_take(tp_call_events *events, tp_call_event *event)
{
    if (events->count == 0)
        return 0;
    tp_call_event *oldest = &events->ring[events->first];
    *event = *oldest;
    if (oldest->type == TP_CALL_PLAYOUT) {
        events->in_queue--;
        if (--oldest->run > 0)
            return 1;
        events->runs--;
    }
    events->first = (events->first + 1) % TP_CALL_EVENTS;
    events->count--;
    return 1;
}
