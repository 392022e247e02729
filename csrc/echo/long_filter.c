#include "echo/long_filter.h"

#include <string.h>

#include "dsp/block.h"
#include "dsp/simd.h"

#define VARIANCE 5e-4f
#define BOOST 0.04f
#define BOOST_DECAY 0.6f
#define FORGET 0.0035f
#define DRIFT 7e-8f
#define ACTIVE 1e-7f

enum { BOOST_TAPS = 9, REFRESHED = 6 };

/* Rows of ECHO_LONG_BINS floats: far spectra, filters, variances, noise. */
typedef struct layout {
    float *x, *h_re, *h_im, *p, *noise;
} layout;

static size_t rows_of(size_t taps)
{
    return LONG_SPACING * (taps - 1) + 1;
}

static layout layout_of(const tp_long_filter *f)
{
    layout l;
    l.x = (float *)(void *)((char *)(uintptr_t)f + tp_align_up(sizeof *f));
    l.h_re = l.x + 2 * rows_of(f->taps) * ECHO_LONG_BINS;
    l.h_im = l.h_re + f->taps * ECHO_LONG_BINS;
    l.p = l.h_im + f->taps * ECHO_LONG_BINS;
    l.noise = l.p + f->taps * ECHO_LONG_BINS;
    return l;
}

size_t tp_long_filter_size(size_t taps)
{
    return tp_align_up(sizeof(tp_long_filter)) + tp_align_up((2 * rows_of(taps) + 3 * taps + 1) * ECHO_LONG_BINS * sizeof(float));
}

void tp_long_filter_init(tp_long_filter *f, size_t taps)
{
    memset(f, 0, tp_long_filter_size(taps));
    f->taps = taps;
    const layout l = layout_of(f);
    for (size_t i = 0; i < taps * ECHO_LONG_BINS; i++)
        l.p[i] = VARIANCE;
    for (size_t i = 0; i < ECHO_LONG_BINS; i++)
        l.noise[i] = 1e-6f;
}

void tp_long_filter_boost(tp_long_filter *f, size_t tap)
{
    float *p = layout_of(f).p, boost = BOOST;
    for (size_t t = tap > 0 ? tap - 1 : 0; t < f->taps && t < tap + BOOST_TAPS; t++) {
        for (size_t k = 0; k < ECHO_LONG_BINS; k++)
            p[t * ECHO_LONG_BINS + k] = p[t * ECHO_LONG_BINS + k] > boost ? p[t * ECHO_LONG_BINS + k] : boost;
        boost *= t >= tap ? BOOST_DECAY : 1.0f;
    }
}

int tp_long_filter_hop(tp_long_filter *f, const float *x_re, const float *x_im, const tp_echo_row *m, int learn,
                       tp_echo_row *y)
{
    const layout l = layout_of(f);
    const size_t rows = rows_of(f->taps);
    f->row = (f->row + 1) % rows;
    float *x = l.x + f->row * 2 * ECHO_LONG_BINS;
    memcpy(x, x_re, ECHO_LONG_BINS * sizeof *x);
    memcpy(x + ECHO_LONG_BINS, x_im, ECHO_LONG_BINS * sizeof *x);
    f->activity[f->row] = tp_simd->dot(x, x, 2 * ECHO_LONG_BINS);

    tp_kalman k;
    float drift[TP_KALMAN_MAX_TAPS];
    int any = 0;
    memset(&k, 0, sizeof k);
    k.taps = f->taps;
    k.bins = ECHO_LONG_BINS;
    for (size_t t = 0; t < f->taps; t++) {
        const size_t row = (f->row + rows - LONG_SPACING * t) % rows;
        drift[t] = DRIFT;
        if (f->activity[row] > ACTIVE) {
            k.x_re[t] = l.x + row * 2 * ECHO_LONG_BINS;
            k.x_im[t] = k.x_re[t] + ECHO_LONG_BINS;
            any = 1;
        }
    }
    if (!any) {
        memset(y, 0, sizeof *y);
        return 0;
    }
    k.m_re = m->re;
    k.m_im = m->im;
    k.h_re = l.h_re;
    k.h_im = l.h_im;
    k.p = l.p;
    k.noise = l.noise;
    k.y_re = y->re;
    k.y_im = y->im;
    k.keep = 0.75f;
    k.noise_floor = 1e-7f;
    k.forget = FORGET;
    k.drift = drift;
    if (learn)
        tp_simd->kalman_diagonal(&k);
    else
        tp_simd->kalman_filter(&k);
    for (size_t i = 0; i < REFRESHED; i++) {
        const size_t t = f->refresh;
        const float *hr = l.h_re + t * ECHO_LONG_BINS, *hi = l.h_im + t * ECHO_LONG_BINS;
        f->profile[t] = tp_simd->dot(hr, hr, ECHO_LONG_BINS) + tp_simd->dot(hi, hi, ECHO_LONG_BINS);
        f->refresh = (t + 1) % f->taps;
    }
    return 1;
}

float tp_long_filter_variance(const tp_long_filter *f)
{
    const float *p = layout_of(f).p;
    float sum = 0.0f;
    for (size_t t = 0; t < f->taps; t++)
        sum += p[t * ECHO_LONG_BINS + ECHO_LONG_BINS / 3];
    return sum / (float)f->taps;
}
