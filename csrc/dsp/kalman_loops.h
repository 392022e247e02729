/*
 * The loops of dsp/kalman.h. Included once by each simd_*.c, with its name. A vector of bins goes through the whole step before
 * the next one does: what a step needs of them fits the first cache, and is fetched once.
 */
#include "dsp/kalman.h"
#include "dsp/lanes.h"

/* What no filter explains, and one over its expected power: `spread` is what the filter's own uncertainty makes of it. */
typedef struct innovation {
    complex_lanes error;
    lanes weight;
} innovation;

TP_LANES_TARGET
TP_INLINE innovation innovate(const tp_kalman *f, size_t k, complex_lanes y, lanes spread)
{
    const complex_lanes m = at(f->m_re + k, f->m_im + k);
    const complex_lanes e = { lanes_sub(m.re, y.re), lanes_sub(m.im, y.im) };
    const lanes power = lanes_fma(e.re, e.re, lanes_mul(e.im, e.im));
    const lanes smooth = lanes_fma(lanes_set(f->keep), lanes_load(f->noise + k), lanes_mul(lanes_set(1.0f - f->keep), power));
    const lanes noise = lanes_max(smooth, lanes_set(f->noise_floor));
    lanes_store(f->noise + k, noise);
    const lanes used = lanes_max(noise, lanes_mul(lanes_set(f->min), power));
    const innovation i = { e, lanes_div(lanes_set(1.0f), lanes_add(lanes_max(spread, lanes_set(0.0f)), used)) };
    return i;
}

/* y + h·x */
TP_LANES_TARGET
TP_INLINE complex_lanes predicted(complex_lanes y, complex_lanes h, complex_lanes x)
{
    const complex_lanes z = { lanes_fnma(h.im, x.im, lanes_fma(h.re, x.re, y.re)), lanes_fma(h.im, x.re, lanes_fma(h.re, x.im, y.im)) };
    return z;
}

TP_LANES_TARGET
TP_INLINE lanes power_of(complex_lanes z)
{
    return lanes_fma(z.re, z.re, lanes_mul(z.im, z.im));
}

TP_LANES_TARGET
static void TP_KALMAN(filter)(const tp_kalman *f)
{
    const size_t n = f->bins;
    for (size_t k = 0; k < n; k += TP_LANES) {
        complex_lanes y = { lanes_set(0.0f), lanes_set(0.0f) };
        for (size_t t = 0; t < f->taps; t++)
            if (f->x_re[t])
                y = predicted(y, at(f->h_re + t * n + k, f->h_im + t * n + k), at16(f->x_re[t] + k, f->x_im[t] + k));
        put(y, f->y_re + k, f->y_im + k);
    }
}

TP_LANES_TARGET
static void TP_KALMAN(diagonal)(const tp_kalman *f)
{
    const size_t n = f->bins;
    const lanes kept = lanes_set(1.0f - f->forget), forget = lanes_set(f->forget);
    for (size_t k = 0; k < n; k += TP_LANES) {
        complex_lanes y = { lanes_set(0.0f), lanes_set(0.0f) };
        lanes spread = lanes_set(0.0f);
        for (size_t t = 0; t < f->taps; t++)
            if (f->x_re[t]) {
                const complex_lanes x = at16(f->x_re[t] + k, f->x_im[t] + k);
                y = predicted(y, at(f->h_re + t * n + k, f->h_im + t * n + k), x);
                spread = lanes_fma(lanes_load16(f->p + t * n + k), power_of(x), spread);
            }
        put(y, f->y_re + k, f->y_im + k);
        const innovation i = innovate(f, k, y, spread);
        for (size_t t = 0; t < f->taps; t++)
            if (f->x_re[t]) {
                float *hr = f->h_re + t * n + k, *hi = f->h_im + t * n + k;
                tp_bfloat16 *p = f->p + t * n + k;
                const complex_lanes x = at16(f->x_re[t] + k, f->x_im[t] + k), e = i.error;
                const lanes variance = lanes_load16(p), gain = lanes_mul(variance, i.weight);
                /* h += p·conj(x)·e / expected power; the variance loses what was learnt and gains what may have changed. */
                complex_lanes h = at(hr, hi);
                h.re = lanes_fma(gain, lanes_fma(x.re, e.re, lanes_mul(x.im, e.im)), h.re);
                h.im = lanes_fma(gain, lanes_fnma(x.im, e.re, lanes_mul(x.re, e.im)), h.im);
                put(h, hr, hi);
                const lanes left = lanes_fnma(lanes_mul(gain, power_of(x)), variance, variance);
                lanes_store16(p, lanes_fma(kept, left, lanes_fma(forget, power_of(h), lanes_set(f->drift[t]))));
            }
    }
}

/* P lies in groups of eight bins: of each, the lower triangle row by row. */
TP_LANES_TARGET
TP_INLINE tp_bfloat16 *covariance_at(const tp_kalman *f, size_t k)
{
    return f->p + k / 8 * 8 * f->taps * f->taps + k % 8;
}

TP_LANES_TARGET
static void TP_KALMAN(full)(const tp_kalman *f)
{
    const size_t n = f->bins, taps = f->taps;
    for (size_t k = 0; k < n; k += TP_LANES) {
        complex_lanes y = { lanes_set(0.0f), lanes_set(0.0f) }, x[TP_KALMAN_FULL_TAPS], u[TP_KALMAN_FULL_TAPS];

        /* u = P·conj(x), from the lower triangle alone: P[j][i] is conj(P[i][j]). */
        const tp_bfloat16 *p = covariance_at(f, k);
        for (size_t i = 0; i < taps; i++) {
            const complex_lanes xi = at16(f->x_re[i] + k, f->x_im[i] + k);
            y = predicted(y, at(f->h_re + i * n + k, f->h_im + i * n + k), xi);
            complex_lanes ui = { lanes_set(0.0f), lanes_set(0.0f) };
            for (size_t j = 0; j < i; j++, p += 16) {
                const complex_lanes c = at16(p, p + 8), xj = x[j];
                ui.re = lanes_fma(c.im, xj.im, lanes_fma(c.re, xj.re, ui.re));
                ui.im = lanes_fnma(c.re, xj.im, lanes_fma(c.im, xj.re, ui.im));
                u[j].re = lanes_fnma(c.im, xi.im, lanes_fma(c.re, xi.re, u[j].re));
                u[j].im = lanes_fnma(c.re, xi.im, lanes_fnma(c.im, xi.re, u[j].im));
            }
            const lanes variance = lanes_load16(p);
            p += 8;
            ui.re = lanes_fma(variance, xi.re, ui.re);
            ui.im = lanes_fnma(variance, xi.im, ui.im);
            x[i] = xi;
            u[i] = ui;
        }
        put(y, f->y_re + k, f->y_im + k);
        lanes spread = lanes_set(0.0f);
        for (size_t i = 0; i < taps; i++)
            spread = lanes_fnma(x[i].im, u[i].im, lanes_fma(x[i].re, u[i].re, spread));
        const innovation in = innovate(f, k, y, spread);

        /* gain = u / expected power; h += gain·e; P -= gain·conj(u) */
        tp_bfloat16 *q = covariance_at(f, k);
        for (size_t i = 0; i < taps; i++) {
            float *hr = f->h_re + i * n + k, *hi = f->h_im + i * n + k;
            const complex_lanes g = { lanes_mul(u[i].re, in.weight), lanes_mul(u[i].im, in.weight) };
            const complex_lanes h = predicted(at(hr, hi), g, in.error);
            put(h, hr, hi);
            for (size_t j = 0; j < i; j++, q += 16) {
                const complex_lanes c = at16(q, q + 8);
                lanes_store16(q, lanes_fnma(g.im, u[j].im, lanes_fnma(g.re, u[j].re, c.re)));
                lanes_store16(q + 8, lanes_fma(g.re, u[j].im, lanes_fnma(g.im, u[j].re, c.im)));
            }
            const lanes left = lanes_fnma(g.im, u[i].im, lanes_fnma(g.re, u[i].re, lanes_load16(q)));
            const lanes grown = lanes_fma(lanes_set(f->forget), power_of(h), lanes_set(f->drift[i]));
            lanes_store16(q, lanes_add(lanes_max(left, lanes_set(0.0f)), grown));
            q += 8;
        }
    }
}
