/* x86-64 with AVX2 and FMA; a second table for machines that have AVX-512 as well. */
#include "dsp/cpu.h"
#include "dsp/simd.h"

#if TP_HAVE_AVX2
#include <immintrin.h>
#include <string.h>

#define TP_G711(name) name##_avx2
#define TP_G711_TARGET TP_TARGET_AVX2
#include "dsp/g711_loops.h"

#define TP_LANES_AVX2
#define TP_KALMAN(name) kalman_##name##_avx2
#include "dsp/kalman_loops.h"

#define TP_FFT(name) fft_##name##_avx2
#include "dsp/fft_loops.h"

#define TP_TWO_LAYERS two_layers_avx2
#include "dsp/two_layers_loops.h"

#define MAX_ROW_TAPS 64u /* so many low products (|low| <= 2^9, |x| <= 2^15) stay below 2^30 */

/* Sums of the four accumulators' lanes, as one vector. */
TP_TARGET_AVX2
TP_INLINE __m128i sum_lanes(__m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

/* High accumulators wrap, which is harmless: their total fits (Σ|h| < 4, checked when the bank is made). Low lanes take
 * taps/8 products of at most 2^24 and are folded into the high ones before they are summed. */
TP_TARGET_AVX2
TP_INLINE void fold(__m256i *high, __m256i *low)
{
    *high = _mm256_add_epi32(*high, _mm256_srai_epi32(*low, TP_FIR_LOW_BITS));
    *low = _mm256_and_si256(*low, _mm256_set1_epi32((1 << TP_FIR_LOW_BITS) - 1));
}

/* Two inputs, or two taps, side by side in each lane. */
TP_TARGET_AVX2
TP_INLINE __m256i two_inputs(const int16_t *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* Thirty-two outputs of one row, at inputs side by side: two taps at a time for all of them, so that nothing is summed across lanes. */
TP_TARGET_AVX2
static void fir_row_avx2(const int16_t *row, uint32_t taps, const int16_t *x, int16_t *y)
{
    __m256i h[4], l[4];
    for (int i = 0; i < 4; i++)
        h[i] = l[i] = _mm256_setzero_si256();
    uint32_t k = 0; /* a row begins with zeros, for its length is rounded up */
    while (k + 2 < taps && (row[k] | row[k + 1] | row[taps + k] | row[taps + k + 1]) == 0)
        k += 2;
    do {
        const __m256i ch = two_inputs(row + k), cl = two_inputs(row + taps + k);
        for (int i = 0; i < 2; i++) {
            const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(x + k + 16 * i));
            const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(x + k + 16 * i + 1));
            const __m256i v0 = _mm256_unpacklo_epi16(a, b), v1 = _mm256_unpackhi_epi16(a, b);
            h[2 * i] = _mm256_add_epi32(h[2 * i], _mm256_madd_epi16(v0, ch));
            TP_IN_PLACE(h[2 * i]);
            h[2 * i + 1] = _mm256_add_epi32(h[2 * i + 1], _mm256_madd_epi16(v1, ch));
            TP_IN_PLACE(h[2 * i + 1]);
            l[2 * i] = _mm256_add_epi32(l[2 * i], _mm256_madd_epi16(v0, cl));
            TP_IN_PLACE(l[2 * i]);
            l[2 * i + 1] = _mm256_add_epi32(l[2 * i + 1], _mm256_madd_epi16(v1, cl));
            TP_IN_PLACE(l[2 * i + 1]);
        }
        k += 2;
    } while (k < taps);
    for (int i = 0; i < 4; i++) {
        h[i] = _mm256_add_epi32(h[i], _mm256_srai_epi32(l[i], TP_FIR_LOW_BITS));
        h[i] = _mm256_srai_epi32(_mm256_add_epi32(h[i], _mm256_set1_epi32(1 << (TP_FIR_HIGH_BITS - 1))), TP_FIR_HIGH_BITS);
    }
    for (int i = 0; i < 2; i++)
        _mm256_storeu_si256((__m256i *)(void *)(y + 16 * i), _mm256_packs_epi32(h[2 * i], h[2 * i + 1]));
}

TP_TARGET_AVX2
static void fir_bank_avx2(const tp_fir_rows *bank, uint32_t phase, const int16_t *x, int16_t *y, size_t n_out)
{
    const uint32_t taps = bank->taps;
    if (bank->phases == 1 && bank->step_samples == 1 && taps <= MAX_ROW_TAPS)
        for (; n_out >= 32; n_out -= 32, x += 32, y += 32)
            fir_row_avx2(bank->rows, taps, x, y);
    for (size_t m = 0; m < n_out; m += 4) {
        const int16_t *row[4], *in[4];
        const size_t here = n_out - m < 4 ? n_out - m : 4;
        for (size_t j = 0; j < 4; j++) {
            row[j] = bank->rows + (size_t)phase * 2 * taps;
            in[j] = x;
            if (j + 1 < here || here == 4) {
                x += bank->step_samples;
                phase += bank->step_phases;
                if (phase >= bank->phases) {
                    phase -= bank->phases;
                    x++;
                }
            }
        }
        __m256i h0 = _mm256_setzero_si256(), h1 = h0, h2 = h0, h3 = h0, l0 = h0, l1 = h0, l2 = h0, l3 = h0;
        for (uint32_t k = 0; k < taps; k += 16) {
#define TP_STEP(j)                                                                                                     \
    do {                                                                                                               \
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(in[j] + k));                              \
        const __m256i ch = _mm256_loadu_si256((const __m256i *)(const void *)(row[j] + k));                            \
        const __m256i cl = _mm256_loadu_si256((const __m256i *)(const void *)(row[j] + taps + k));                     \
        h##j = _mm256_add_epi32(h##j, _mm256_madd_epi16(v, ch));                                                       \
        l##j = _mm256_add_epi32(l##j, _mm256_madd_epi16(v, cl));                                                       \
    } while (0)
            TP_STEP(0);
            TP_STEP(1);
            TP_STEP(2);
            TP_STEP(3);
#undef TP_STEP
        }
        fold(&h0, &l0);
        fold(&h1, &l1);
        fold(&h2, &l2);
        fold(&h3, &l3);
        __m128i sum = sum_lanes(h0, h1, h2, h3);
        sum = _mm_add_epi32(sum, _mm_srai_epi32(sum_lanes(l0, l1, l2, l3), TP_FIR_LOW_BITS));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (TP_FIR_HIGH_BITS - 1))), TP_FIR_HIGH_BITS);
        int16_t out[8];
        _mm_storeu_si128((__m128i *)(void *)out, _mm_packs_epi32(sum, sum));
        for (size_t j = 0; j < here; j++)
            y[m + j] = out[j];
    }
}

TP_TARGET_AVX2
static float dot_avx2(const float *a, const float *b, size_t n)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    }
    s0 = _mm256_add_ps(s0, s1);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(s0), _mm256_extractf128_ps(s0, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_movehdup_ps(s));
    float sum = _mm_cvtss_f32(s);
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

TP_TARGET_AVX2
static void correlate_avx2(const float *a, size_t n, const float *b, float *r, size_t lags)
{
    size_t k = 0;
    for (; k + 32 <= lags; k += 32) {
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
        const float *x = b + k;
        for (size_t i = 0; i < n; i++, x++) {
            const __m256 v = _mm256_broadcast_ss(a + i);
            s0 = _mm256_fmadd_ps(v, _mm256_loadu_ps(x), s0);
            s1 = _mm256_fmadd_ps(v, _mm256_loadu_ps(x + 8), s1);
            s2 = _mm256_fmadd_ps(v, _mm256_loadu_ps(x + 16), s2);
            s3 = _mm256_fmadd_ps(v, _mm256_loadu_ps(x + 24), s3);
        }
        _mm256_storeu_ps(r + k, s0);
        _mm256_storeu_ps(r + k + 8, s1);
        _mm256_storeu_ps(r + k + 16, s2);
        _mm256_storeu_ps(r + k + 24, s3);
    }
    for (; k < lags; k += 8) {
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
        const float *x = b + k;
        size_t i = 0;
        for (; i + 4 <= n; i += 4, x += 4) {
            s0 = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i), _mm256_loadu_ps(x), s0);
            s1 = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i + 1), _mm256_loadu_ps(x + 1), s1);
            s2 = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i + 2), _mm256_loadu_ps(x + 2), s2);
            s3 = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i + 3), _mm256_loadu_ps(x + 3), s3);
        }
        for (; i < n; i++, x++)
            s0 = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i), _mm256_loadu_ps(x), s0);
        _mm256_storeu_ps(r + k, _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
    }
}

/* See tp_all_pole_plain. */
TP_TARGET_AVX2
static void all_pole_avx2(const float *taps, size_t order, const float *response, const float *x, float *y, size_t n)
{
    for (size_t start = 0; start < n; start += 8) {
        __m256 s0 = _mm256_loadu_ps(x + start), s1 = _mm256_setzero_ps(), s2 = s1, s3 = s1;
        const float *const now = y + start;
        ptrdiff_t j = (ptrdiff_t)order;
        for (; j >= 4; j -= 4) {
            s0 = _mm256_fnmadd_ps(_mm256_broadcast_ss(now - j), _mm256_loadu_ps(taps + j), s0);
            s1 = _mm256_fnmadd_ps(_mm256_broadcast_ss(now - j + 1), _mm256_loadu_ps(taps + j - 1), s1);
            s2 = _mm256_fnmadd_ps(_mm256_broadcast_ss(now - j + 2), _mm256_loadu_ps(taps + j - 2), s2);
            s3 = _mm256_fnmadd_ps(_mm256_broadcast_ss(now - j + 3), _mm256_loadu_ps(taps + j - 3), s3);
        }
        for (; j >= 1; j--)
            s0 = _mm256_fnmadd_ps(_mm256_broadcast_ss(now - j), _mm256_loadu_ps(taps + j), s0);
        const __m256 s = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));

        const __m256 low = _mm256_permute2f128_ps(s, s, 0x00), high = _mm256_permute2f128_ps(s, s, 0x11);
        const float *const h = response + 8;
        __m256 t0 = _mm256_mul_ps(_mm256_permute_ps(low, 0x00), _mm256_loadu_ps(h));
        __m256 t1 = _mm256_mul_ps(_mm256_permute_ps(low, 0x55), _mm256_loadu_ps(h - 1));
        t0 = _mm256_fmadd_ps(_mm256_permute_ps(low, 0xaa), _mm256_loadu_ps(h - 2), t0);
        t1 = _mm256_fmadd_ps(_mm256_permute_ps(low, 0xff), _mm256_loadu_ps(h - 3), t1);
        t0 = _mm256_fmadd_ps(_mm256_permute_ps(high, 0x00), _mm256_loadu_ps(h - 4), t0);
        t1 = _mm256_fmadd_ps(_mm256_permute_ps(high, 0x55), _mm256_loadu_ps(h - 5), t1);
        t0 = _mm256_fmadd_ps(_mm256_permute_ps(high, 0xaa), _mm256_loadu_ps(h - 6), t0);
        t1 = _mm256_fmadd_ps(_mm256_permute_ps(high, 0xff), _mm256_loadu_ps(h - 7), t1);
        _mm256_storeu_ps(y + start, _mm256_add_ps(t0, t1));
    }
}

/* Eight rows: weights of two columns, as words. */
TP_TARGET_AVX2
TP_INLINE __m256i sixteen_bytes(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
}

TP_TARGET_AVX2
TP_INLINE void affine_out(__m256i sum, const float *scale, const float *bias, float *y)
{
    const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(scale), _mm256_cvtepi32_ps(sum));
    _mm256_storeu_ps(y, _mm256_add_ps(_mm256_loadu_ps(bias), product));
}

/* 8·n rows, n known when it is compiled. */
TP_TARGET_AVX2
TP_INLINE void affine_rows(size_t n, const int8_t *w, const float *scale, const float *bias, const int16_t *x, float *y, size_t rows,
                           size_t columns)
{
    __m256i s[8];
    for (size_t i = 0; i < n; i++)
        s[i] = _mm256_setzero_si256();
    for (size_t c = 0; c < columns; c += 2, w += 2 * rows) {
        const __m256i v = two_inputs(x + c);
        for (size_t i = 0; i < n; i++) {
            s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(v, sixteen_bytes(w + 16 * i)));
            TP_IN_PLACE(s[i]);
        }
    }
    for (size_t i = 0; i < n; i++)
        affine_out(s[i], scale + 8 * i, bias + 8 * i, y + 8 * i);
}

TP_TARGET_AVX2
static void affine_pairs_avx2(const int8_t *weights, const float *scale, const float *bias, const int16_t *x, float *y,
                              size_t rows, size_t columns)
{
    size_t r = 0;
    if (rows % 48 == 0)
        for (; r < rows; r += 48)
            affine_rows(6, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 64 <= rows; r += 64)
        affine_rows(8, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 32 <= rows; r += 32)
        affine_rows(4, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 16 <= rows; r += 16)
        affine_rows(2, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r < rows; r += 8)
        affine_rows(1, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
}

#include "dsp/avx512_loops.h"

#define SHARED                                                                                                                  \
    .ulaw_encode = ulaw_encode_avx2, .ulaw_decode = ulaw_decode_avx2, .alaw_encode = alaw_encode_avx2,                        \
    .alaw_decode = alaw_decode_avx2, .fir_bank = fir_bank_avx2, .dot = dot_avx2, .correlate = correlate_avx2,                 \
    .all_pole = all_pole_avx2, .rfft_forward = fft_forward_avx2,                             \
    .rfft_inverse = fft_inverse_avx2, .kalman_filter = kalman_filter_avx2, .kalman_diagonal = kalman_diagonal_avx2,           \
    .kalman_full = kalman_full_avx2, .wide = 1

extern const tp_simd_ops tp_simd_avx2, tp_simd_avx512;
const tp_simd_ops tp_simd_avx2 = { .name = "avx2", .affine_pairs = affine_pairs_avx2, .two_layers = two_layers_avx2, SHARED };
const tp_simd_ops tp_simd_avx512 = { .name = "avx512", .affine_pairs = affine_pairs_avx512, .two_layers = two_layers_avx512, SHARED };

#else
typedef int tp_simd_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
