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

/* What is written may be anything, for all the compiler knows: what does not change is fetched before. */
TP_LANES_TARGET
static void TP_KALMAN(diagonal)(const tp_kalman *f)
{
    const size_t n = f->bins, taps = f->taps;
    const lanes kept = lanes_set(1.0f - f->forget), forget = lanes_set(f->forget);
    const float *const drift = f->drift;
    for (size_t k = 0; k < n; k += TP_LANES) {
        complex_lanes y = { lanes_set(0.0f), lanes_set(0.0f) };
        lanes spread = lanes_set(0.0f);
        float *hr = f->h_re + k, *hi = f->h_im + k;
        tp_bfloat16 *p = f->p + k;
        for (size_t t = 0; t < taps; t++, hr += n, hi += n, p += n)
            if (f->x_re[t]) {
                const complex_lanes x = at16(f->x_re[t] + k, f->x_im[t] + k);
                y = predicted(y, at(hr, hi), x);
                spread = lanes_fma(lanes_load16(p), power_of(x), spread);
            }
        put(y, f->y_re + k, f->y_im + k);
        const innovation i = innovate(f, k, y, spread);
        const complex_lanes e = i.error;
        hr = f->h_re + k;
        hi = f->h_im + k;
        p = f->p + k;
        for (size_t t = 0; t < taps; t++, hr += n, hi += n, p += n)
            if (f->x_re[t]) {
                const complex_lanes x = at16(f->x_re[t] + k, f->x_im[t] + k);
                const lanes variance = lanes_load16(p), gain = lanes_mul(variance, i.weight);
                /* h += p·conj(x)·e / expected power; the variance loses what was learnt and gains what may have changed. */
                complex_lanes h = at(hr, hi);
                h.re = lanes_fma(gain, lanes_fma(x.re, e.re, lanes_mul(x.im, e.im)), h.re);
                h.im = lanes_fma(gain, lanes_fnma(x.im, e.re, lanes_mul(x.re, e.im)), h.im);
                put(h, hr, hi);
                const lanes left = lanes_fnma(lanes_mul(gain, power_of(x)), variance, variance);
                lanes_store16(p, lanes_fma(kept, left, lanes_fma(forget, power_of(h), lanes_set(drift[t]))));
            }
    }
}

/* P lies in groups of eight bins: of each, the lower triangle row by row; row i begins at 8·i². */
TP_LANES_TARGET
TP_INLINE tp_bfloat16 *covariance_at(const tp_kalman *f, size_t k, size_t i)
{
    return f->p + k / 8 * 8 * f->taps * f->taps + 8 * i * i;
}

/* z + c·conj(x) */
TP_LANES_TARGET
TP_INLINE complex_lanes times_conj(complex_lanes z, complex_lanes c, complex_lanes x)
{
    const complex_lanes s = { lanes_fma(c.im, x.im, lanes_fma(c.re, x.re, z.re)), lanes_fnma(c.re, x.im, lanes_fma(c.im, x.re, z.im)) };
    return s;
}

/* z + conj(c)·conj(x) */
TP_LANES_TARGET
TP_INLINE complex_lanes conj_times_conj(complex_lanes z, complex_lanes c, complex_lanes x)
{
    const complex_lanes s = { lanes_fnma(c.im, x.im, lanes_fma(c.re, x.re, z.re)), lanes_fnma(c.re, x.im, lanes_fnma(c.im, x.re, z.im)) };
    return s;
}

TP_LANES_TARGET
TP_INLINE complex_lanes variance_times_conj(complex_lanes z, const tp_bfloat16 *variance, complex_lanes x)
{
    const lanes v = lanes_load16(variance);
    const complex_lanes s = { lanes_fma(v, x.re, z.re), lanes_fnma(v, x.im, z.im) };
    return s;
}

/* One place of P less gain·conj(u). */
TP_LANES_TARGET
TP_INLINE void learn_place(tp_bfloat16 *q, complex_lanes g, complex_lanes u)
{
    const complex_lanes c = at_pairs(q);
    const complex_lanes left = { lanes_fnma(g.im, u.im, lanes_fnma(g.re, u.re, c.re)), lanes_fma(g.re, u.im, lanes_fnma(g.im, u.re, c.im)) };
    put_pairs(left, q);
}

/* One on its diagonal, which grows with what may have changed. */
TP_LANES_TARGET
TP_INLINE void learn_variance(const tp_kalman *f, tp_bfloat16 *q, size_t i, complex_lanes g, complex_lanes u, complex_lanes h)
{
    const lanes left = lanes_fnma(g.im, u.im, lanes_fnma(g.re, u.re, lanes_load16(q)));
    const lanes grown = lanes_fma(lanes_set(f->forget), power_of(h), lanes_set(f->drift[i]));
    lanes_store16(q, lanes_add(lanes_max(left, lanes_set(0.0f)), grown));
}

TP_LANES_TARGET
TP_INLINE complex_lanes learn_tap(const tp_kalman *f, size_t i, size_t k, complex_lanes g, complex_lanes error)
{
    float *hr = f->h_re + i * f->bins + k, *hi = f->h_im + i * f->bins + k;
    const complex_lanes h = predicted(at(hr, hi), g, error);
    put(h, hr, hi);
    return h;
}

/* Rows in pairs: what both need of a column is fetched once. */
TP_LANES_TARGET
static void TP_KALMAN(full)(const tp_kalman *f)
{
    const size_t n = f->bins, taps = f->taps;
    const complex_lanes zero = { lanes_set(0.0f), lanes_set(0.0f) };
    for (size_t k = 0; k < n; k += TP_LANES) {
        const size_t lane = k % 8;
        complex_lanes y = zero, x[TP_KALMAN_FULL_TAPS], u[TP_KALMAN_FULL_TAPS];

        /* u = P·conj(x), from the lower triangle alone: P[j][i] is conj(P[i][j]). */
        for (size_t i = 0; i < taps; i++) {
            x[i] = at16(f->x_re[i] + k, f->x_im[i] + k);
            y = predicted(y, at(f->h_re + i * n + k, f->h_im + i * n + k), x[i]);
        }
        put(y, f->y_re + k, f->y_im + k);
        for (size_t i = 0; i < taps; i += 2) {
            const int alone = i + 1 == taps;
            const tp_bfloat16 *p = covariance_at(f, k, i) + 2 * lane, *p1 = covariance_at(f, k, alone ? i : i + 1) + 2 * lane;
            const complex_lanes x0 = x[i], x1 = alone ? zero : x[i + 1];
            complex_lanes u0 = zero, u1 = zero;
            if (alone) {
                for (size_t j = 0; j < i; j++, p += 16) {
                    const complex_lanes c = at_pairs(p);
                    u0 = times_conj(u0, c, x[j]);
                    u[j] = conj_times_conj(u[j], c, x0);
                }
            } else {
                for (size_t j = 0; j < i; j++, p += 16, p1 += 16) {
                    const complex_lanes c = at_pairs(p), d = at_pairs(p1), xj = x[j];
                    u0 = times_conj(u0, c, xj);
                    u1 = times_conj(u1, d, xj);
                    u[j] = conj_times_conj(conj_times_conj(u[j], c, x0), d, x1);
                }
            }
            u0 = variance_times_conj(u0, p - lane, x0);
            if (!alone) {
                const complex_lanes d = at_pairs(p1);
                u1 = times_conj(u1, d, x0);
                u0 = conj_times_conj(u0, d, x1);
                u[i + 1] = variance_times_conj(u1, p1 + 16 - lane, x1);
            }
            u[i] = u0;
        }
        lanes spread = lanes_set(0.0f);
        for (size_t i = 0; i < taps; i++)
            spread = lanes_fnma(x[i].im, u[i].im, lanes_fma(x[i].re, u[i].re, spread));
        const innovation in = innovate(f, k, y, spread);

        /* gain = u / expected power; h += gain·e; P -= gain·conj(u) */
        for (size_t i = 0; i < taps; i += 2) {
            tp_bfloat16 *q = covariance_at(f, k, i) + 2 * lane;
            const complex_lanes g0 = { lanes_mul(u[i].re, in.weight), lanes_mul(u[i].im, in.weight) };
            const complex_lanes h0 = learn_tap(f, i, k, g0, in.error);
            if (i + 1 == taps) {
                for (size_t j = 0; j < i; j++, q += 16)
                    learn_place(q, g0, u[j]);
                learn_variance(f, q - lane, i, g0, u[i], h0);
                continue;
            }
            tp_bfloat16 *q1 = covariance_at(f, k, i + 1) + 2 * lane;
            const complex_lanes g1 = { lanes_mul(u[i + 1].re, in.weight), lanes_mul(u[i + 1].im, in.weight) };
            const complex_lanes h1 = learn_tap(f, i + 1, k, g1, in.error);
            for (size_t j = 0; j < i; j++, q += 16, q1 += 16) {
                const complex_lanes uj = u[j];
                learn_place(q, g0, uj);
                learn_place(q1, g1, uj);
            }
            learn_variance(f, q - lane, i, g0, u[i], h0);
            learn_place(q1, g1, u[i]);
            learn_variance(f, q1 + 16 - lane, i + 1, g1, u[i + 1], h1);
        }
    }
}
