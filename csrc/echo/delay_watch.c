#include "echo/delay_watch.h"

#include <math.h>
#include <string.h>

enum {
    FIRST_LOOK = 4, /* hops of a caller */
    LOOK_EVERY = 2,
    MAX_LOOKS = 24,
    QUIET_HOPS = 12, /* without a caller: another sound begins */
    SETTLE_HOPS = 6,
    MAX_SETTLE_HOPS = 20,
};

#define PLAIN 22.0f
#define LIKELY 11.0f
#define AGREE_MS 3.0f

static void forget_sound(tp_delay_watch *w)
{
    w->heard = w->quiet = w->looks = 0;
    w->last_ms = -1.0f;
    w->open = 0;
}

void tp_delay_watch_init(tp_delay_watch *w)
{
    memset(w, 0, sizeof *w);
    w->since_move = MAX_SETTLE_HOPS;
    w->last_ms = -1.0f;
}

/* After a move. */
static void settle(tp_delay_watch *w, const tp_delay_estimator *d)
{
    w->since_move++;
    if (w->since_move <= SETTLE_HOPS)
        return;
    if (w->since_move % LOOK_EVERY == 0 && w->settling) {
        const tp_delay_match m = tp_delay_estimator_match(d);
        w->settling = m.score > PLAIN && fabsf(m.delay_ms - w->moved_ms) < AGREE_MS;
    }
    w->settling = w->settling && w->since_move < MAX_SETTLE_HOPS;
}

float tp_delay_watch_hop(tp_delay_watch *w, const tp_delay_estimator *d, int heard, float from_ms, float to_ms)
{
    if (w->settling) {
        settle(w, d);
        return -1.0f;
    }
    w->quiet = heard ? 0 : w->quiet + 1;
    if (w->quiet >= QUIET_HOPS) {
        forget_sound(w);
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
    if (!w->open) {
        w->last_ms = -1.0f;
        return -1.0f;
    }
    const int again = w->last_ms >= 0.0f && fabsf(m.delay_ms - w->last_ms) < AGREE_MS;
    w->last_ms = m.delay_ms;
    if (m.score < PLAIN && !again)
        return -1.0f;
    forget_sound(w);
    w->since_move = 0;
    w->settling = 1;
    w->moved_ms = m.delay_ms;
    return m.delay_ms;
}
