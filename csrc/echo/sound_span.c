#include "echo/sound_span.h"

#include <string.h>

#include "dsp/approx.h"

enum {
    GAP_HOPS = 8,      /* silence within a word: closures, …     */
    PAUSE_HOPS = 45,   /* … and between words that belong together */
    SETTLE_HOPS = 12,  /* so long after its first sound, how loud a word is has been heard */
};

#define OVER_FLOOR_DB 5.0f
#define UNDER_PEAK_DB 34.0f  /* the softest consonants */
#define SOFTEST_DBOV -60.0f
#define FIRST_FLOOR_DBOV -70.0f
#define ECHO_DB 10.0f        /* more than that was taken off: what is left is not the caller … */
#define CLEAR_DB 20.0f       /* … unless it is as loud as the caller's vowels */
#define NOTHING_DBOV -120.0f
#define FALL 0.2f            /* of the floor, a hop, … */
#define RISE 0.05f           /* … and where nobody speaks */
#define RISE_DB 0.01f        /* … where somebody may      */

void tp_sound_span_init(tp_sound_span *s)
{
    memset(s, 0, sizeof *s);
    s->near_dbov = s->peak_dbov = NOTHING_DBOV;
    s->floor_dbov = FIRST_FLOOR_DBOV;
    for (size_t i = 0; i < SOUND_SPAN_HOPS; i++)
        s->levels_dbov[i] = NOTHING_DBOV;
}

static void add(const int16_t *pcm, size_t n, uint64_t *squares, int64_t *sum)
{
    uint64_t more_squares = 0;
    int64_t more = 0;
    for (size_t i = 0; i < n; i++) {
        more_squares += (uint32_t)(pcm[i] * pcm[i]);
        more += pcm[i];
    }
    *squares += more_squares;
    *sum += more;
}

void tp_sound_span_near(tp_sound_span *s, const int16_t *pcm, size_t n)
{
    add(pcm, n, &s->near.squares, &s->near.sum);
}

void tp_sound_span_out(tp_sound_span *s, const int16_t *pcm, size_t n)
{
    add(pcm, n, &s->out.squares, &s->out.sum);
}

/* A constant is no sound. */
static float dbov_of(uint64_t squares, int64_t sum, size_t n)
{
    const float mean = (float)sum / (float)n, power = (float)squares / (float)n - mean * mean;
    return 4.3429448f * tp_log_near((power > 0.0f ? power : 0.0f) / 1073741824.0f + 1e-12f);
}

static float softest(const tp_sound_span *s)
{
    float db = s->floor_dbov + OVER_FLOOR_DB;
    db = db > s->peak_dbov - UNDER_PEAK_DB ? db : s->peak_dbov - UNDER_PEAK_DB;
    return db > SOFTEST_DBOV ? db : SOFTEST_DBOV;
}

/* Back from the newest hop of the output to the first sound of this run. */
static uint64_t first_sound(const tp_sound_span *s, uint64_t newest)
{
    const float limit = softest(s);
    uint64_t first = newest;
    for (uint64_t h = newest; h > 0 && newest - h < SOUND_SPAN_HOPS && first - h <= GAP_HOPS; h--)
        if (s->levels_dbov[h % SOUND_SPAN_HOPS] > limit)
            first = h;
    return first;
}

void tp_sound_span_hop(tp_sound_span *s, size_t n, int begins, int speech, int quiet)
{
    const float was_dbov = s->near_dbov, left_dbov = dbov_of(s->out.squares, s->out.sum, n);
    /* What a filter that has gone astray adds was never heard. */
    const float out_dbov = left_dbov < was_dbov ? left_dbov : was_dbov;
    s->near_dbov = dbov_of(s->near.squares, s->near.sum, n);
    memset(&s->near, 0, sizeof s->near);
    memset(&s->out, 0, sizeof s->out);
    if (out_dbov < s->floor_dbov)
        s->floor_dbov += FALL * (out_dbov - s->floor_dbov);
    else
        s->floor_dbov += quiet ? RISE * (out_dbov - s->floor_dbov) : RISE_DB;
    const uint64_t newest = s->hops++; /* of the output, which is one hop late */
    if (begins) {
        s->before_hops = tp_sound_span_length(s) - (uint64_t)s->goes_on;
        s->before_end_hop = s->end_hop;
        s->peak_dbov = NOTHING_DBOV;
    }
    const int echo = out_dbov < was_dbov - ECHO_DB && out_dbov < s->peak_dbov - CLEAR_DB;
    s->levels_dbov[newest % SOUND_SPAN_HOPS] = echo ? NOTHING_DBOV : out_dbov;
    s->goes_on = 0;
    if (quiet)
        return;
    s->peak_dbov = out_dbov > s->peak_dbov ? out_dbov : s->peak_dbov;
    if (begins || newest < s->onset_hop + SETTLE_HOPS) {
        const uint64_t first = first_sound(s, newest);
        s->onset_hop = first > 0 ? first - 1 : 0;
    }
    const float limit = softest(s);
    const int sounds = speech && !echo && out_dbov > limit;
    if (sounds)
        s->end_hop = newest;
    s->goes_on = sounds && s->near_dbov > limit;
}

void tp_sound_span_dismiss(tp_sound_span *s)
{
    s->onset_hop = s->end_hop = s->hops;
    s->before_hops = s->before_end_hop = 0;
    s->goes_on = 0;
    s->peak_dbov = NOTHING_DBOV;
    for (size_t i = 0; i < SOUND_SPAN_HOPS; i++)
        s->levels_dbov[i] = NOTHING_DBOV;
}

uint64_t tp_sound_span_length(const tp_sound_span *s)
{
    const uint64_t now = s->end_hop > s->onset_hop ? s->end_hop - s->onset_hop + (uint64_t)s->goes_on : 0;
    if (s->onset_hop > s->before_end_hop + PAUSE_HOPS)
        return now;
    const uint64_t twice = s->before_end_hop > s->onset_hop ? s->before_end_hop - s->onset_hop : 0;
    return now + (s->before_hops > twice ? s->before_hops - twice : 0);
}
