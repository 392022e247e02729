#include "echo/delay_watch.h"

#include <math.h>
#include <string.h>

enum {
    FIRST_LOOK = 2, /* hops of a caller */
    LOOK_EVERY = 2,
    MAX_LOOKS = 24,
    QUIET_HOPS = 12, /* without a caller: another sound begins */
    SETTLE_HOPS = 6,
    MAX_SETTLE_HOPS = 20,
    ASTRAY = 1,      /* looks elsewhere, one after another */
};

#define PLAIN 22.0f
#define SURE 40.0f
#define CERTAIN 66.0f
#define LIKELY 11.0f
#define FAINT 7.5f
#define AGREE_MS 3.0f

static void forget_sound(tp_delay_watch *w)
{
    w->heard = w->quiet = w->looks = w->astray = 0;
    w->sum = 0.0f;
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

/* Chance makes matches, too, the more the louder a caller is: what looks at one place have to sum up to. While the filters know the echo,
 * it has to be missing where they expect it, or they may have begun to learn what has moved. */
static float enough(const tp_watch_echo *echo)
{
    if (echo->known)
        return echo->missing ? PLAIN : CERTAIN;
    return echo->from_ms < 0.0f ? PLAIN : SURE; /* nothing can be lost, or what has been learnt */
}

float tp_delay_watch_hop(tp_delay_watch *w, const tp_delay_estimator *d, int heard, const tp_watch_echo *echo)
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
    if (echo->known && echo->louder) { /* no echo is */
        w->open = 0;
        return -1.0f;
    }
    w->looks++;
    const tp_delay_match m = tp_delay_estimator_match(d);
    const int expected = echo->from_ms >= 0.0f && m.delay_ms > echo->from_ms && m.delay_ms < echo->to_ms;
    const int again = w->last_ms >= 0.0f && fabsf(m.delay_ms - w->last_ms) < AGREE_MS;
    if (!expected && again && m.score > FAINT) {
        w->sum += m.score;
        w->astray = 0;
    } else if (w->last_ms >= 0.0f && w->astray < ASTRAY && m.score < w->sum) {
        w->astray++; /* a vowel's period away, or little to hear: the next look may agree again */
    } else {
        w->astray = 0;
        w->sum = !expected && m.score > LIKELY ? m.score : 0.0f;
        w->last_ms = w->sum > 0.0f ? m.delay_ms : -1.0f;
    }
    const float need = enough(echo);
    w->open = !expected && w->sum > LIKELY && (!echo->present || w->sum > PLAIN);
    if (expected || w->astray > 0 || w->sum < need)
        return -1.0f;
    forget_sound(w);
    w->since_move = 0;
    w->settling = 1;
    w->moved_ms = m.delay_ms;
    return m.delay_ms;
}
