#include "echo/delay_watch.h"

#include <math.h>
#include <string.h>

enum {
    FIRST_LOOK = 4,  /* hops of a caller */
    LOOK_EVERY = 2,
    MAX_LOOKS = 24,
    QUIET_HOPS = 12, /* without a caller: another sound begins */
};

#define PLAIN 22.0f
#define LIKELY 11.0f
#define AGREE_MS 3.0f

void tp_delay_watch_init(tp_delay_watch *w)
{
    memset(w, 0, sizeof *w);
    w->last_ms = -1.0f;
}

float tp_delay_watch_hop(tp_delay_watch *w, const tp_delay_estimator *d, int heard, int missing, float from_ms, float to_ms)
{
    w->quiet = heard ? 0 : w->quiet + 1;
    if (w->quiet >= QUIET_HOPS) {
        tp_delay_watch_init(w);
        return -1.0f;
    }
    w->heard += heard != 0;
    if (!heard || w->heard < FIRST_LOOK || w->heard % LOOK_EVERY != 0 || w->looks >= MAX_LOOKS) {
        w->open = w->open && w->looks < MAX_LOOKS;
        return -1.0f;
    }
    w->looks++;
    const tp_delay_match m = tp_delay_estimator_match(d);
    const int expected = from_ms >= 0.0f && m.delay_ms > from_ms && m.delay_ms < to_ms;
    w->open = !expected && m.score > LIKELY;
    (void)missing;
    if (!w->open) {
        w->last_ms = -1.0f;
        return -1.0f;
    }
    const int again = w->last_ms >= 0.0f && fabsf(m.delay_ms - w->last_ms) < AGREE_MS;
    w->last_ms = m.delay_ms;
    if (m.score < PLAIN && !again)
        return -1.0f;
    tp_delay_watch_init(w);
    return m.delay_ms;
}
