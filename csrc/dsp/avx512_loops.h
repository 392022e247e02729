/*
 * What is worth a variant for AVX-512 and its products of bytes (VNNI): the networks' layers. Included by simd_avx2.c; the sums are
 * those of AVX2, in the same order.
 */
#include <immintrin.h>
#include <string.h>

#include "dsp/cpu.h"

/* Sixteen rows: weights of two columns, as words. */
TP_TARGET_AVX512
TP_INLINE __m512i thirty_two_bytes(const int8_t *w)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w));
}

TP_TARGET_AVX512
TP_INLINE __m512i two_inputs_512(const int16_t *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
}

TP_TARGET_AVX512
TP_INLINE void affine_out_512(__m512i sum, const float *scale, const float *bias, float *y)
{
    const __m512 product = _mm512_mul_ps(_mm512_loadu_ps(scale), _mm512_cvtepi32_ps(sum));
    _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(bias), product));
}

/* 16·n rows, n known when it is compiled; even and odd pairs of columns apart: few sums would wait for each other. */
TP_TARGET_AVX512
TP_INLINE void affine_rows_512(size_t n, const int8_t *w, const float *scale, const float *bias, const int16_t *x, float *y,
                               size_t rows, size_t columns)
{
    __m512i s[4], t[4];
    for (size_t i = 0; i < n; i++)
        s[i] = t[i] = _mm512_setzero_si512();
    size_t c = 0;
    for (; c + 4 <= columns; c += 4, w += 4 * rows) {
        const __m512i v0 = two_inputs_512(x + c), v1 = two_inputs_512(x + c + 2);
        for (size_t i = 0; i < n; i++) {
            s[i] = _mm512_dpwssd_epi32(s[i], v0, thirty_two_bytes(w + 32 * i));
            TP_IN_PLACE(s[i]);
            t[i] = _mm512_dpwssd_epi32(t[i], v1, thirty_two_bytes(w + 2 * rows + 32 * i));
            TP_IN_PLACE(t[i]);
        }
    }
    if (c < columns)
        for (size_t i = 0; i < n; i++)
            s[i] = _mm512_dpwssd_epi32(s[i], two_inputs_512(x + c), thirty_two_bytes(w + 32 * i));
    for (size_t i = 0; i < n; i++)
        affine_out_512(_mm512_add_epi32(s[i], t[i]), scale + 16 * i, bias + 16 * i, y + 16 * i);
}

TP_TARGET_AVX512
static void affine_pairs_avx512(const int8_t *weights, const float *scale, const float *bias, const int16_t *x, float *y,
                                size_t rows, size_t columns)
{
    size_t r = 0;
    if (rows % 48 == 0)
        for (; r < rows; r += 48)
            affine_rows_512(3, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 64 <= rows; r += 64)
        affine_rows_512(4, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 32 <= rows; r += 32)
        affine_rows_512(2, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r + 16 <= rows; r += 16)
        affine_rows_512(1, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
    for (; r < rows; r += 8)
        affine_rows(1, weights + 2 * r, scale + r, bias + r, x, y + r, rows, columns);
}

TP_TARGET_AVX512
static void two_layers_avx512(const float *hidden, const float *bias, const float *out, size_t units, size_t inputs, const float *x,
                              size_t stride, const float *base, float *y, size_t n)
{
    const __m512 zero = _mm512_setzero_ps();
    for (size_t k = 0; k < n; k += 16) {
        __m512 sum = _mm512_loadu_ps(base + k);
        for (size_t u = 0; u < units; u += 4) {
            const float *w = hidden + u * inputs, *in = x + k;
            __m512 s[4];
            for (size_t i = 0; i < 4; i++)
                s[i] = _mm512_set1_ps(bias[u + i]);
            for (size_t m = 0; m < inputs; m++, in += stride) {
                const __m512 v = _mm512_loadu_ps(in);
                for (size_t i = 0; i < 4; i++)
                    s[i] = _mm512_fmadd_ps(_mm512_set1_ps(w[i * inputs + m]), v, s[i]);
            }
            for (size_t i = 0; i < 4; i++)
                sum = _mm512_fmadd_ps(_mm512_set1_ps(out[u + i]), _mm512_max_ps(s[i], zero), sum);
        }
        _mm512_storeu_ps(y + k, sum);
    }
}
