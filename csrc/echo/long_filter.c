#include "echo/long_filter.h"

#include <string.h>

#include "dsp/block.h"
#include "dsp/simd.h"

#define VARIANCE 5e-4f
#define BOOST 0.04f
#define BOOST_DECAY 0.6f
#define FORGET 0.0035f
#define DRIFT 7e-8f
#define ACTIVE 5e-8f /* power in a far spectrum worth predicting from */

enum { BOOST_TAPS = 9, REFRESHED = 6 };

/* Rows of ECHO_LONG_BINS values: filters, noise; far spectra and variances in sixteen bits. */
typedef struct layout {
    float *h_re, *h_im, *noise;
    tp_bfloat16 *x, *p;
} layout;

static size_t rows_of(size_t taps)
{
    return LONG_SPACING * (taps - 1) + 1;
}

static layout layout_of(const tp_long_filter *f)
{
    layout l;
    l.h_re = (float *)(void *)((char *)(uintptr_t)f + tp_align_up(sizeof *f));
    l.h_im = l.h_re + f->taps * ECHO_LONG_BINS;
    l.noise = l.h_im + f->taps * ECHO_LONG_BINS;
    l.x = (tp_bfloat16 *)(void *)(l.noise + ECHO_LONG_BINS);
    l.p = l.x + 2 * rows_of(f->taps) * ECHO_LONG_BINS;
    return l;
}

size_t tp_long_filter_size(size_t taps)
{
    const size_t floats = (2 * taps + 1) * ECHO_LONG_BINS, halves = (2 * rows_of(taps) + taps) * ECHO_LONG_BINS;
    return tp_align_up(sizeof(tp_long_filter)) + tp_align_up(floats * sizeof(float) + halves * sizeof(tp_bfloat16));
}

void tp_long_filter_init(tp_long_filter *f, size_t taps)
{
    memset(f, 0, tp_long_filter_size(taps));
    f->taps = taps;
    const layout l = layout_of(f);
    for (size_t i = 0; i < taps * ECHO_LONG_BINS; i++)
        l.p[i] = tp_to_bfloat16(VARIANCE);
    for (size_t i = 0; i < ECHO_LONG_BINS; i++)
        l.noise[i] = 1e-6f;
}

void tp_long_filter_boost(tp_long_filter *f, size_t tap)
{
    float boost = BOOST;
    for (size_t t = tap > 0 ? tap - 1 : 0; t < f->taps && t < tap + BOOST_TAPS; t++) {
        tp_bfloat16 *p = layout_of(f).p + t * ECHO_LONG_BINS;
        for (size_t k = 0; k < ECHO_LONG_BINS; k++)
            p[k] = tp_from_bfloat16(p[k]) > boost ? p[k] : tp_to_bfloat16(boost);
        boost *= t >= tap ? BOOST_DECAY : 1.0f;
    }
}

/* The far spectrum's row, and its power. */
static void push_far(tp_long_filter *f, const tp_echo_row *far)
{
    const size_t rows = rows_of(f->taps);
    f->row = (f->row + 1) % rows;
    tp_bfloat16 *x = layout_of(f).x + f->row * 2 * ECHO_LONG_BINS;
    float power = 0.0f;
    if (!far)
        memset(x, 0, 2 * ECHO_LONG_BINS * sizeof *x);
    for (size_t i = 0; far && i < ECHO_LONG_BINS; i++) {
        const float re = far->re[2 * i], im = far->im[2 * i];
        power += re * re + im * im;
        x[i] = tp_to_bfloat16(re);
        x[ECHO_LONG_BINS + i] = tp_to_bfloat16(im);
    }
    f->activity[f->row] = power;
}

void tp_long_filter_skip(tp_long_filter *f, const tp_echo_row *far)
{
    push_far(f, far);
}

int tp_long_filter_hop(tp_long_filter *f, const tp_echo_row *far, const tp_echo_row *near, int learn, tp_long_row *echo,
                       tp_long_row *residual)
{
    const layout l = layout_of(f);
    const size_t rows = rows_of(f->taps);
    push_far(f, far);
    tp_long_row m;
    for (size_t i = 0; i < ECHO_LONG_BINS; i++) {
        m.re[i] = near->re[2 * i];
        m.im[i] = near->im[2 * i];
    }

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
        memset(echo, 0, sizeof *echo);
        *residual = m;
        return 0;
    }
    k.m_re = m.re;
    k.m_im = m.im;
    k.h_re = l.h_re;
    k.h_im = l.h_im;
    k.p = l.p;
    k.noise = l.noise;
    k.y_re = echo->re;
    k.y_im = echo->im;
    k.keep = 0.75f;
    k.noise_floor = 1e-7f;
    k.forget = FORGET;
    k.drift = drift;
    if (learn)
        tp_simd->kalman_diagonal(&k);
    else
        tp_simd->kalman_filter(&k);
    for (size_t i = 0; i < ECHO_LONG_BINS; i++) {
        residual->re[i] = m.re[i] - echo->re[i];
        residual->im[i] = m.im[i] - echo->im[i];
    }
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
    const tp_bfloat16 *p = layout_of(f).p;
    float sum = 0.0f;
    for (size_t t = 0; t < f->taps; t++)
        sum += tp_from_bfloat16(p[t * ECHO_LONG_BINS + ECHO_LONG_BINS / 3]);
    return sum / (float)f->taps;
}
