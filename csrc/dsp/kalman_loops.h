/* The loops of dsp/kalman.h, a row of bins at a time. Included once by each simd_*.c, with its name and target. */
#include "dsp/kalman.h"

/* y += h·x */
TP_KALMAN_TARGET
TP_INLINE void predict_row(size_t n, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi, const float *TP_RESTRICT hr,
                           const float *TP_RESTRICT hi, float *TP_RESTRICT yr, float *TP_RESTRICT yi)
{
    for (size_t k = 0; k < n; k++) {
        yr[k] += hr[k] * xr[k] - hi[k] * xi[k];
        yi[k] += hr[k] * xi[k] + hi[k] * xr[k];
    }
}

/* s += p·|x|² */
TP_KALMAN_TARGET
TP_INLINE void uncertainty_row(size_t n, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi, const float *TP_RESTRICT p,
                               float *TP_RESTRICT s)
{
    for (size_t k = 0; k < n; k++)
        s[k] += p[k] * (xr[k] * xr[k] + xi[k] * xi[k]);
}

/* The residual and its power; s becomes 1 / (s + noise). */
TP_KALMAN_TARGET
TP_INLINE void innovate_row(size_t n, const float *TP_RESTRICT mr, const float *TP_RESTRICT mi, const float *TP_RESTRICT yr,
                            const float *TP_RESTRICT yi, float *TP_RESTRICT er, float *TP_RESTRICT ei, float *TP_RESTRICT noise,
                            float *TP_RESTRICT s, float keep, float floor, float least)
{
    for (size_t k = 0; k < n; k++) {
        er[k] = mr[k] - yr[k];
        ei[k] = mi[k] - yi[k];
        const float power = er[k] * er[k] + ei[k] * ei[k];
        const float smooth = keep * noise[k] + (1.0f - keep) * power;
        const float r = smooth > floor ? smooth : floor;
        noise[k] = r;
        const float used = r > least * power ? r : least * power, spread = s[k] > 0.0f ? s[k] : 0.0f;
        s[k] = 1.0f / (spread + used);
    }
}

/* h += p·s·e·conj(x); the variance shrinks by what was learnt and grows by what may have changed. */
TP_KALMAN_TARGET
TP_INLINE void learn_row(size_t n, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi, const float *TP_RESTRICT er,
                         const float *TP_RESTRICT ei, const float *TP_RESTRICT s, float *TP_RESTRICT hr, float *TP_RESTRICT hi,
                         float *TP_RESTRICT p, float forget, float drift)
{
    for (size_t k = 0; k < n; k++) {
        const float gain = p[k] * s[k], learnt = gain * (xr[k] * xr[k] + xi[k] * xi[k]);
        const float nr = hr[k] + gain * (xr[k] * er[k] + xi[k] * ei[k]);
        const float ni = hi[k] + gain * (xr[k] * ei[k] - xi[k] * er[k]);
        hr[k] = nr;
        hi[k] = ni;
        p[k] = (1.0f - forget) * (1.0f - learnt) * p[k] + forget * (nr * nr + ni * ni) + drift;
    }
}

/* One place (i, j) below the diagonal: u_i += P·conj(x_j), u_j += conj(P)·conj(x_i). */
TP_KALMAN_TARGET
TP_INLINE void spread_pair(size_t n, const float *TP_RESTRICT pr, const float *TP_RESTRICT pi, const float *TP_RESTRICT xr,
                           const float *TP_RESTRICT xi, const float *TP_RESTRICT zr, const float *TP_RESTRICT zi,
                           float *TP_RESTRICT ur, float *TP_RESTRICT ui, float *TP_RESTRICT vr, float *TP_RESTRICT vi)
{
    for (size_t k = 0; k < n; k++) {
        ur[k] += pr[k] * zr[k] + pi[k] * zi[k];
        ui[k] += pi[k] * zr[k] - pr[k] * zi[k];
        vr[k] += pr[k] * xr[k] - pi[k] * xi[k];
        vi[k] -= pr[k] * xi[k] + pi[k] * xr[k];
    }
}

/* u += p·conj(x) with real p */
TP_KALMAN_TARGET
TP_INLINE void spread_diagonal(size_t n, const float *TP_RESTRICT p, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi,
                               float *TP_RESTRICT ur, float *TP_RESTRICT ui)
{
    for (size_t k = 0; k < n; k++) {
        ur[k] += p[k] * xr[k];
        ui[k] -= p[k] * xi[k];
    }
}

/* s += Re(x·u) */
TP_KALMAN_TARGET
TP_INLINE void spread_sum(size_t n, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi, const float *TP_RESTRICT ur,
                          const float *TP_RESTRICT ui, float *TP_RESTRICT s)
{
    for (size_t k = 0; k < n; k++)
        s[k] += xr[k] * ur[k] - xi[k] * ui[k];
}

/* gain = u·s; h += gain·e */
TP_KALMAN_TARGET
TP_INLINE void gain_row(size_t n, const float *TP_RESTRICT ur, const float *TP_RESTRICT ui, const float *TP_RESTRICT s,
                        const float *TP_RESTRICT er, const float *TP_RESTRICT ei, float *TP_RESTRICT gr, float *TP_RESTRICT gi,
                        float *TP_RESTRICT hr, float *TP_RESTRICT hi)
{
    for (size_t k = 0; k < n; k++) {
        gr[k] = ur[k] * s[k];
        gi[k] = ui[k] * s[k];
        hr[k] += gr[k] * er[k] - gi[k] * ei[k];
        hi[k] += gr[k] * ei[k] + gi[k] * er[k];
    }
}

/* P -= gain·conj(u) */
TP_KALMAN_TARGET
TP_INLINE void shrink_pair(size_t n, const float *TP_RESTRICT gr, const float *TP_RESTRICT gi, const float *TP_RESTRICT ur,
                           const float *TP_RESTRICT ui, float *TP_RESTRICT pr, float *TP_RESTRICT pi)
{
    for (size_t k = 0; k < n; k++) {
        pr[k] -= gr[k] * ur[k] + gi[k] * ui[k];
        pi[k] -= gi[k] * ur[k] - gr[k] * ui[k];
    }
}

TP_KALMAN_TARGET
TP_INLINE void shrink_diagonal(size_t n, const float *TP_RESTRICT gr, const float *TP_RESTRICT gi, const float *TP_RESTRICT ur,
                               const float *TP_RESTRICT ui, const float *TP_RESTRICT hr, const float *TP_RESTRICT hi,
                               float *TP_RESTRICT p, float forget, float drift)
{
    for (size_t k = 0; k < n; k++) {
        const float left = p[k] - (gr[k] * ur[k] + gi[k] * ui[k]);
        p[k] = (left > 0.0f ? left : 0.0f) + forget * (hr[k] * hr[k] + hi[k] * hi[k]) + drift;
    }
}

TP_INLINE void clear_row(size_t n, float *x)
{
    for (size_t k = 0; k < n; k++)
        x[k] = 0.0f;
}

TP_KALMAN_TARGET
static void TP_KALMAN(filter)(const tp_kalman *f)
{
    const size_t n = f->bins;
    clear_row(n, f->y_re);
    clear_row(n, f->y_im);
    for (size_t t = 0; t < f->taps; t++)
        if (f->x_re[t])
            predict_row(n, f->x_re[t], f->x_im[t], f->h_re + t * n, f->h_im + t * n, f->y_re, f->y_im);
}

TP_KALMAN_TARGET
static void TP_KALMAN(diagonal)(const tp_kalman *f)
{
    const size_t n = f->bins;
    float er[TP_KALMAN_MAX_BINS], ei[TP_KALMAN_MAX_BINS], s[TP_KALMAN_MAX_BINS];
    clear_row(n, s);
    clear_row(n, f->y_re);
    clear_row(n, f->y_im);
    for (size_t t = 0; t < f->taps; t++)
        if (f->x_re[t]) {
            predict_row(n, f->x_re[t], f->x_im[t], f->h_re + t * n, f->h_im + t * n, f->y_re, f->y_im);
            uncertainty_row(n, f->x_re[t], f->x_im[t], f->p + t * n, s);
        }
    innovate_row(n, f->m_re, f->m_im, f->y_re, f->y_im, er, ei, f->noise, s, f->keep, f->noise_floor, f->least);
    for (size_t t = 0; t < f->taps; t++)
        if (f->x_re[t])
            learn_row(n, f->x_re[t], f->x_im[t], er, ei, s, f->h_re + t * n, f->h_im + t * n, f->p + t * n, f->forget,
                      f->drift[t]);
}

TP_KALMAN_TARGET
static void TP_KALMAN(full)(const tp_kalman *f)
{
    const size_t n = f->bins, taps = f->taps;
    float er[TP_KALMAN_MAX_BINS], ei[TP_KALMAN_MAX_BINS], s[TP_KALMAN_MAX_BINS], gr[TP_KALMAN_MAX_BINS], gi[TP_KALMAN_MAX_BINS];
    float ur[TP_KALMAN_FULL_TAPS][TP_KALMAN_MAX_BINS], ui[TP_KALMAN_FULL_TAPS][TP_KALMAN_MAX_BINS];
    TP_KALMAN(filter)(f);

    /* u = P·conj(x), from the lower triangle alone: P[j][i] is conj(P[i][j]). */
    const float *p = f->p;
    for (size_t i = 0; i < taps; i++) {
        clear_row(n, ur[i]);
        clear_row(n, ui[i]);
        for (size_t j = 0; j < i; j++, p += 2 * n)
            spread_pair(n, p, p + n, f->x_re[i], f->x_im[i], f->x_re[j], f->x_im[j], ur[i], ui[i], ur[j], ui[j]);
        spread_diagonal(n, p, f->x_re[i], f->x_im[i], ur[i], ui[i]);
        p += n;
    }
    clear_row(n, s);
    for (size_t i = 0; i < taps; i++)
        spread_sum(n, f->x_re[i], f->x_im[i], ur[i], ui[i], s);
    innovate_row(n, f->m_re, f->m_im, f->y_re, f->y_im, er, ei, f->noise, s, f->keep, f->noise_floor, f->least);

    float *q = f->p;
    for (size_t i = 0; i < taps; i++) {
        float *hr = f->h_re + i * n, *hi = f->h_im + i * n;
        gain_row(n, ur[i], ui[i], s, er, ei, gr, gi, hr, hi);
        for (size_t j = 0; j < i; j++, q += 2 * n)
            shrink_pair(n, gr, gi, ur[j], ui[j], q, q + n);
        shrink_diagonal(n, gr, gi, ur[i], ui[i], hr, hi, q, f->forget, f->drift[i]);
        q += n;
    }
}
