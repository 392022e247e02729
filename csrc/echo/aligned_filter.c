#include "echo/aligned_filter.h"

#include <string.h>

#include "dsp/block.h"
#include "dsp/simd.h"

enum { REPLAY_STEPS = 6 }; /* hops replayed in one */

#define VARIANCE 0.05f /* of the first taps at the start; later ones decay like a room */
#define DECAY 0.9f /* in 5 ms */
#define DRIFT 0.002f   /* growth of a tap's variance in a hop, of its first value      */
#define FORGET 0.001f
#define ACTIVE 1e-7f   /* power in a far spectrum worth predicting from                */

size_t tp_aligned_filter_offset(size_t t)
{
    static const unsigned char first[10] = { 0, 1, 2, 3, 4, 5, 6, 8, 10, 13 };
    return t < 10 ? first[t] : 13 + 3 * (t - 9);
}

static size_t rows_of(size_t taps)
{
    return tp_aligned_filter_offset(taps - 1) + 1;
}

/* What a tap's variance is at the start. */
static float variance_of(size_t t)
{
    float v = VARIANCE;
    for (size_t s = 4; s < tp_aligned_filter_offset(t); s++)
        v *= DECAY;
    return v;
}

/* Rows of `bins` values: filters (taps), noise; far spectra (rows_of(taps) slots), covariance (taps²) in sixteen bits. */
typedef struct layout {
    float *h_re, *h_im, *noise;
    tp_bfloat16 *x, *p;
} layout;

static layout layout_of(const tp_aligned_filter *f)
{
    layout l;
    const size_t n = f->bins;
    l.h_re = (float *)(void *)((char *)(uintptr_t)f + tp_align_up(sizeof *f));
    l.h_im = l.h_re + f->taps * n;
    l.noise = l.h_im + f->taps * n;
    l.x = (tp_bfloat16 *)(void *)(l.noise + n);
    l.p = l.x + 2 * rows_of(f->taps) * n;
    return l;
}

size_t tp_aligned_filter_size(size_t taps, size_t bins)
{
    const size_t floats = (2 * taps + 1) * bins, halves = (2 * rows_of(taps) + taps * taps) * bins;
    return tp_align_up(sizeof(tp_aligned_filter)) + tp_align_up(floats * sizeof(float) + halves * sizeof(tp_bfloat16));
}

void tp_aligned_filter_init(tp_aligned_filter *f, size_t taps, size_t bins)
{
    memset(f, 0, tp_aligned_filter_size(taps, bins));
    f->taps = taps;
    f->bins = bins;
    for (size_t t = 0; t < taps; t++)
        f->drift[t] = DRIFT * variance_of(t);
}

/* The far spectrum `slots` ago, as its row. */
static tp_bfloat16 *row_of(const tp_aligned_filter *f, size_t slots)
{
    const size_t rows = rows_of(f->taps);
    return layout_of(f).x + (f->row + rows - slots) % rows * 2 * f->bins;
}

TP_INLINE void halve_loops(const float *TP_RESTRICT x, size_t n, tp_bfloat16 *TP_RESTRICT half)
{
    for (size_t k = 0; k < n; k++)
        half[k] = tp_to_bfloat16(x[k]);
}

TP_WIDE(static, halve, (const float *x, size_t n, tp_bfloat16 *half), (x, n, half))

TP_INLINE void doubled_loops(const tp_bfloat16 *TP_RESTRICT half, size_t n, float *TP_RESTRICT x)
{
    for (size_t k = 0; k < n; k++)
        x[k] = tp_from_bfloat16(half[k]);
}

TP_WIDE(static, doubled, (const tp_bfloat16 *half, size_t n, float *x), (half, n, x))

static void load_far(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, uint64_t age, size_t slots)
{
    tp_bfloat16 *x = row_of(f, slots);
    const size_t rows = rows_of(f->taps), n = f->bins;
    tp_echo_row far;
    if (r->end < f->lag + age || r->end - f->lag - age >= r->far_last + g->fft) {
        memset(x, 0, 2 * n * sizeof *x);
        f->activity[(f->row + rows - slots) % rows] = 0.0f;
        return;
    }
    tp_echo_analyse(g, r->far, r->far_length, r->end - f->lag - age, far.re, far.im, NULL);
    f->activity[(f->row + rows - slots) % rows] = tp_simd->dot(far.re, far.re, n) + tp_simd->dot(far.im, far.im, n);
    halve(far.re, n, x);
    halve(far.im, n, x + n);
}

void tp_aligned_filter_start(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, uint64_t lag, size_t replay)
{
    const layout l = layout_of(f);
    const size_t n = f->bins, taps = f->taps;
    tp_aligned_filter_init(f, taps, n);
    f->started = 1;
    f->lag = lag;
    f->behind = replay;
    tp_bfloat16 *p = l.p;
    for (size_t group = 0; group < n / 8; group++)
        for (size_t i = 0; i < taps; i++) {
            p += 16 * i;
            for (size_t k = 0; k < 8; k++)
                *p++ = tp_to_bfloat16(variance_of(i));
        }
    for (size_t k = 0; k < n; k++)
        l.noise[k] = 1e-6f;
    for (size_t s = 0; s < rows_of(taps); s++)
        load_far(f, g, r, (2 * replay + s) * g->slot, s);
}

void tp_aligned_filter_reload(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r)
{
    for (size_t s = 0; f->started && s < rows_of(f->taps); s++)
        load_far(f, g, r, (2 * f->behind + s) * g->slot, s);
}

static int fill(const tp_aligned_filter *f, tp_kalman *k, tp_echo_row *y)
{
    const layout l = layout_of(f);
    const size_t rows = rows_of(f->taps);
    float activity = 0.0f;
    memset(k, 0, sizeof *k);
    k->taps = f->taps;
    k->bins = f->bins;
    for (size_t t = 0; t < f->taps; t++) {
        const size_t slots = tp_aligned_filter_offset(t);
        k->x_re[t] = row_of(f, slots);
        k->x_im[t] = k->x_re[t] + f->bins;
        activity += f->activity[(f->row + rows - slots) % rows];
    }
    k->h_re = l.h_re;
    k->h_im = l.h_im;
    k->p = l.p;
    k->noise = l.noise;
    k->y_re = y->re;
    k->y_im = y->im;
    k->keep = 0.7f;
    k->noise_floor = 1e-7f;
    k->min = 0.5f;
    k->forget = FORGET;
    k->drift = f->drift;
    return activity > ACTIVE;
}

/* One hop of the past: its far spectrum, then what the microphone heard. */
static void replay(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, int learn, tp_echo_row *y)
{
    const uint64_t age = (f->behind - 1) * 2 * g->slot;
    tp_kalman k;
    tp_echo_row m;
    f->row = (f->row + 2) % rows_of(f->taps);
    load_far(f, g, r, age, 0);
    load_far(f, g, r, age + g->slot, 1);
    tp_echo_analyse(g, r->near, r->near_length, r->end - age, m.re, m.im, NULL);
    if (fill(f, &k, y) && learn) {
        k.m_re = m.re;
        k.m_im = m.im;
        tp_simd->kalman_full(&k);
        f->hops++;
    } else {
        memset(y, 0, sizeof *y);
    }
    f->behind--;
}

int tp_aligned_filter_slot(tp_aligned_filter *f, const tp_echo_grid *g, const tp_echo_rings *r, const tp_echo_row *m,
                           int ends_hop, int learn, tp_echo_row *y)
{
    tp_kalman k;
    if (!f->started)
        return 0;
    if (f->behind > 0) {
        if (!ends_hop)
            return 0;
        f->behind++;
        for (int i = 0; i < REPLAY_STEPS && f->behind > 0; i++)
            replay(f, g, r, learn, y);
        return f->behind == 0;
    }
    f->row = (f->row + 1) % rows_of(f->taps);
    load_far(f, g, r, 0, 0);
    if (!fill(f, &k, y))
        return 0;
    if (ends_hop && learn) {
        k.m_re = m->re;
        k.m_im = m->im;
        tp_simd->kalman_full(&k);
        f->hops++;
    } else {
        tp_simd->kalman_filter(&k);
    }
    return 1;
}

void tp_aligned_filter_far(const tp_aligned_filter *f, size_t slots, tp_echo_row *far)
{
    const tp_bfloat16 *x = row_of(f, slots);
    doubled(x, f->bins, far->re);
    doubled(x + f->bins, f->bins, far->im);
}

float tp_aligned_filter_variance(const tp_aligned_filter *f)
{
    const tp_bfloat16 *p = layout_of(f).p;
    float sums[8] = { 0 }, sum = 0.0f;
    for (size_t k = 0; k < ECHO_BINS; k += 8)
        for (size_t i = 0; i < 8; i++)
            sums[i] += tp_from_bfloat16(p[k * f->taps * f->taps + i]);
    for (size_t i = 0; i < 8; i++)
        sum += sums[i];
    return sum / ECHO_BINS;
}
