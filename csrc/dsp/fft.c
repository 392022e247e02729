#include "dsp/fft.h"

#include "dsp/cpu.h"
#include "dsp/fft_tables.h"

#define HALF_MAX (TP_FFT_MAX / 2)

/* One radix-4 Stockham pass: `n` points left to transform, `s` interleaved sub-sequences (n·s = length of the FFT). */
TP_INLINE void pass4(size_t n, size_t s, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi,
                     float *TP_RESTRICT yr, float *TP_RESTRICT yi)
{
    const size_t quarter = n / 4, stride = TP_FFT_MAX / n, block = s * quarter;
    for (size_t p = 0; p < quarter; p++) {
        const size_t t1 = p * stride, t2 = 2 * t1, t3 = 3 * t1;
        const float c1 = tp_fft_cos[t1], s1 = -tp_fft_sin[t1];
        const float c2 = tp_fft_cos[t2], s2 = -tp_fft_sin[t2];
        const float c3 = tp_fft_cos[t3], s3 = -tp_fft_sin[t3];
        const float *ar = xr + s * p, *ai = xi + s * p;
        float *br = yr + s * 4 * p, *bi = yi + s * 4 * p;
        for (size_t q = 0; q < s; q++) {
            const float e0r = ar[q] + ar[q + 2 * block], e0i = ai[q] + ai[q + 2 * block];
            const float e1r = ar[q] - ar[q + 2 * block], e1i = ai[q] - ai[q + 2 * block];
            const float o0r = ar[q + block] + ar[q + 3 * block], o0i = ai[q + block] + ai[q + 3 * block];
            const float o1r = ar[q + block] - ar[q + 3 * block], o1i = ai[q + block] - ai[q + 3 * block];
            const float z1r = e1r + o1i, z1i = e1i - o1r;
            const float z2r = e0r - o0r, z2i = e0i - o0i;
            const float z3r = e1r - o1i, z3i = e1i + o1r;
            br[q] = e0r + o0r;
            bi[q] = e0i + o0i;
            br[q + s] = z1r * c1 - z1i * s1;
            bi[q + s] = z1r * s1 + z1i * c1;
            br[q + 2 * s] = z2r * c2 - z2i * s2;
            bi[q + 2 * s] = z2r * s2 + z2i * c2;
            br[q + 3 * s] = z3r * c3 - z3i * s3;
            bi[q + 3 * s] = z3r * s3 + z3i * c3;
        }
    }
}

static void pass2(size_t s, const float *TP_RESTRICT xr, const float *TP_RESTRICT xi, float *TP_RESTRICT yr,
                  float *TP_RESTRICT yi)
{
    for (size_t q = 0; q < s; q++) {
        yr[q] = xr[q] + xr[q + s];
        yi[q] = xi[q] + xi[q + s];
        yr[q + s] = xr[q] - xr[q + s];
        yi[q + s] = xi[q] - xi[q + s];
    }
}

/* Forward complex FFT of a[0 … n-1]; returns 0 when the result is in a, 1 when it is in b. */
static int complex_forward(size_t n, float *ar, float *ai, float *br, float *bi)
{
    int in_b = 0;
    size_t s = 1;
    for (size_t left = n; left > 1; in_b ^= 1) {
        float *xr = in_b ? br : ar, *xi = in_b ? bi : ai, *yr = in_b ? ar : br, *yi = in_b ? ai : bi;
        if (left == 2) {
            pass2(s, xr, xi, yr, yi);
            left = 1;
        } else {
            /* Constant widths let the compiler unroll the first two passes, where the inner loop is short. */
            if (s == 1)
                pass4(left, 1, xr, xi, yr, yi);
            else if (s == 4)
                pass4(left, 4, xr, xi, yr, yi);
            else
                pass4(left, s, xr, xi, yr, yi);
            left /= 4;
            s *= 4;
        }
    }
    return in_b;
}

const float *tp_fft_cosines(void)
{
    return tp_fft_cos;
}

void tp_rfft_forward(size_t n, const float *x, float *re, float *im)
{
    float ar[HALF_MAX], ai[HALF_MAX], br[HALF_MAX], bi[HALF_MAX];
    const size_t half = n / 2, stride = TP_FFT_MAX / n;
    for (size_t i = 0; i < half; i++) {
        ar[i] = x[2 * i];
        ai[i] = x[2 * i + 1];
    }
    const int in_b = complex_forward(half, ar, ai, br, bi);
    const float *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
    re[0] = zr[0] + zi[0];
    im[0] = 0.0f;
    re[half] = zr[0] - zi[0];
    im[half] = 0.0f;
    for (size_t k = 1; k < half; k++) {
        const float evr = 0.5f * (zr[k] + zr[half - k]), evi = 0.5f * (zi[k] - zi[half - k]);
        const float odr = 0.5f * (zi[k] + zi[half - k]), odi = 0.5f * (zr[half - k] - zr[k]);
        const float c = tp_fft_cos[k * stride], s = -tp_fft_sin[k * stride];
        re[k] = evr + (odr * c - odi * s);
        im[k] = evi + (odr * s + odi * c);
    }
}

void tp_rfft_inverse(size_t n, const float *re, const float *im, float *x)
{
    float ar[HALF_MAX], ai[HALF_MAX], br[HALF_MAX], bi[HALF_MAX];
    const size_t half = n / 2, stride = TP_FFT_MAX / n;
    const float scale = 1.0f / (float)n;
    /* The packed spectrum Z = E + i·O, conjugated: a forward FFT of conj(Z), conjugated again, is the inverse. */
    ar[0] = scale * (re[0] + re[half]);
    ai[0] = -scale * (re[0] - re[half]);
    for (size_t k = 1; k < half; k++) {
        const float evr = re[k] + re[half - k], evi = im[k] - im[half - k];
        const float dr = re[k] - re[half - k], di = im[k] + im[half - k];
        const float c = tp_fft_cos[k * stride], s = tp_fft_sin[k * stride];
        const float odr = dr * c - di * s, odi = dr * s + di * c;
        ar[k] = scale * (evr - odi);
        ai[k] = -scale * (evi + odr);
    }
    const int in_b = complex_forward(half, ar, ai, br, bi);
    const float *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
    for (size_t i = 0; i < half; i++) {
        x[2 * i] = zr[i];
        x[2 * i + 1] = -zi[i];
    }
}
