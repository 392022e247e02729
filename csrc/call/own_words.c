#include "call/own_words.h"

#include <math.h>
#include <string.h>

enum {
    MAX_DELAY_HOPS = 103,
    MARGIN_HOPS = 10, /* the beginning and the end say most */
    MIN_HOPS = 15,
};

void own_words_reset(own_words *o, int sample_rate_hz)
{
    memset(o, 0, sizeof *o);
    o->hop = (size_t)sample_rate_hz / 100;
}

static void follow(own_course *c, const int16_t *x, size_t n, size_t hop)
{
    for (size_t at = 0; at + hop <= n; at += hop) {
        float all = 0.0f, high = 0.0f;
        for (size_t i = at; i < at + hop; i++) {
            const float now = (float)x[i] / 32768.0f, step = now - c->last;
            all += now * now;
            high += step * step;
            c->last = now;
        }
        /* Between amplitude and loudness: neither the loudest vowel alone counts, nor the noise. */
        c->band[0][c->hops % OWN_WORDS_HOPS] = sqrtf(sqrtf(all));
        c->band[1][c->hops % OWN_WORDS_HOPS] = sqrtf(sqrtf(high));
        c->hops++;
    }
}

void own_words_sent(own_words *o, const int16_t *x, size_t n)
{
    follow(&o->sent, x, n, o->hop);
}

void own_words_heard(own_words *o, const int16_t *x, size_t n)
{
    follow(&o->heard, x, n, o->hop);
}

/* n hops up to the newest but `ago`. */
static void take(const own_course *c, int band, size_t ago, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t back = ago + n - i;
        to[i] = back <= c->hops && back <= OWN_WORDS_HOPS ? c->band[band][(c->hops - back) % OWN_WORDS_HOPS] : 0.0f;
    }
}

static float correlation(const float *a, const float *b, size_t n)
{
    float sa = 0.0f, sb = 0.0f, aa = 0.0f, bb = 0.0f, ab = 0.0f;
    for (size_t i = 0; i < n; i++) {
        sa += a[i];
        sb += b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        ab += a[i] * b[i];
    }
    const float m = (float)n, va = aa - sa * sa / m, vb = bb - sb * sb / m;
    return va > 1e-9f && vb > 1e-9f ? (ab - sa * sb / m) / sqrtf(va * vb) : 0.0f;
}

float own_words_likeness(const own_words *o, uint64_t start_ago, uint64_t end_ago)
{
    float heard[OWN_WORDS_BANDS][OWN_WORDS_HOPS], sent[OWN_WORDS_BANDS][OWN_WORDS_HOPS];
    const size_t max = OWN_WORDS_HOPS - MAX_DELAY_HOPS;
    size_t first = (size_t)(start_ago / o->hop) + MARGIN_HOPS, last = (size_t)(end_ago / o->hop);
    last = last > MARGIN_HOPS ? last - MARGIN_HOPS : 0;
    first = first < max ? first : max;
    if (first < last + MIN_HOPS)
        return 0.0f;
    const size_t n = first - last, all = n + MAX_DELAY_HOPS;
    for (int b = 0; b < OWN_WORDS_BANDS; b++) {
        take(&o->heard, b, last, n, heard[b]);
        take(&o->sent, b, last, all, sent[b]);
    }
    float best = 0.0f;
    for (size_t delay = 0; delay <= MAX_DELAY_HOPS; delay++) {
        float sum = 0.0f;
        for (int b = 0; b < OWN_WORDS_BANDS; b++)
            sum += correlation(heard[b], sent[b] + MAX_DELAY_HOPS - delay, n) / OWN_WORDS_BANDS;
        best = sum > best ? sum : best;
    }
    return best;
}
