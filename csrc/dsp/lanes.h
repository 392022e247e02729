/*
 * Vectors of floats for loops that every simd_*.c includes: fft_loops.h and kalman_loops.h are written once, over these.
 *
 * TP_LANES             values in a vector: 8 (AVX2), 4 (NEON, SSE2) or 1 (plain C, for all other machines)
 * TP_LANES_TARGET      what a function that uses them must be marked with
 * lanes_load, _store   from and to memory; lanes_load16, _store16 from and to tp_bfloat16
 * at_pairs, put_pairs  complex numbers in sixteen bits whose parts lie next to each other
 * lanes_set(x)         x in all of them
 * lanes_fma(a, b, c)   c + a·b, and lanes_fnma c - a·b: fused where the machine can
 * lanes_reversed(v)    the last one first
 * lanes_turn(v)        v[8] holds TP_LANES rows of eight values; afterwards v[i] holds column i
 *
 * The including file defines TP_LANES_AVX2 for the first; the others follow from the machine.
 */
#ifndef TALKPATH_DSP_LANES_H
#define TALKPATH_DSP_LANES_H

#include "dsp/bfloat16.h"
#include "dsp/cpu.h"

#if defined(TP_LANES_AVX2)
#include <immintrin.h>

#define TP_LANES 8
#define TP_LANES_TARGET TP_TARGET_AVX2
typedef __m256 lanes;
#define lanes_load _mm256_loadu_ps
#define lanes_store _mm256_storeu_ps
#define lanes_set _mm256_set1_ps
#define lanes_add _mm256_add_ps
#define lanes_sub _mm256_sub_ps
#define lanes_mul _mm256_mul_ps
#define lanes_div _mm256_div_ps
#define lanes_max _mm256_max_ps
#define lanes_fma _mm256_fmadd_ps
#define lanes_fnma _mm256_fnmadd_ps
#define lanes_reversed(v) _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0))

TP_LANES_TARGET
TP_INLINE lanes lanes_load16(const tp_bfloat16 *p)
{
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

TP_LANES_TARGET
TP_INLINE void lanes_store16(tp_bfloat16 *p, lanes v)
{
    const __m256i up = _mm256_srai_epi32(_mm256_add_epi32(_mm256_castps_si256(v), _mm256_set1_epi32(0x8000)), 16);
    _mm_storeu_si128((__m128i *)(void *)p, _mm_packs_epi32(_mm256_castsi256_si128(up), _mm256_extracti128_si256(up, 1)));
}

TP_LANES_TARGET
TP_INLINE void lanes_load_pairs(const tp_bfloat16 *p, lanes *re, lanes *im)
{
    const __m256i pairs = _mm256_loadu_si256((const __m256i *)(const void *)p);
    *re = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    *im = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-0x10000)));
}

TP_LANES_TARGET
TP_INLINE void lanes_store_pairs(tp_bfloat16 *p, lanes re, lanes im)
{
    const __m256i half = _mm256_set1_epi32(0x8000);
    const __m256i low = _mm256_srli_epi32(_mm256_add_epi32(_mm256_castps_si256(re), half), 16);
    const __m256i high = _mm256_add_epi32(_mm256_castps_si256(im), half);
    _mm256_storeu_si256((__m256i *)(void *)p, _mm256_blend_epi16(low, high, 0xaa));
}

TP_LANES_TARGET
TP_INLINE void lanes_turn(lanes *v)
{
    lanes a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

#elif TP_HAVE_NEON
#include <arm_neon.h>

#define TP_LANES 4
#define TP_LANES_TARGET
typedef float32x4_t lanes;
#define lanes_load vld1q_f32
#define lanes_store vst1q_f32
#define lanes_set vdupq_n_f32
#define lanes_add vaddq_f32
#define lanes_sub vsubq_f32
#define lanes_mul vmulq_f32
#define lanes_div vdivq_f32
#define lanes_max vmaxq_f32
#define lanes_fma(a, b, c) vfmaq_f32(c, a, b)
#define lanes_fnma(a, b, c) vfmsq_f32(c, a, b)
#define lanes_reversed(v) vextq_f32(vrev64q_f32(v), vrev64q_f32(v), 2)
#define lanes_load16(p) vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))
#define lanes_store16(p, v) vst1_u16(p, vshrn_n_u32(vaddq_u32(vreinterpretq_u32_f32(v), vdupq_n_u32(0x8000)), 16))

TP_INLINE void lanes_load_pairs(const tp_bfloat16 *p, lanes *re, lanes *im)
{
    const uint16x4x2_t pairs = vld2_u16(p);
    *re = vreinterpretq_f32_u32(vshll_n_u16(pairs.val[0], 16));
    *im = vreinterpretq_f32_u32(vshll_n_u16(pairs.val[1], 16));
}

TP_INLINE void lanes_store_pairs(tp_bfloat16 *p, lanes re, lanes im)
{
    const uint32x4_t half = vdupq_n_u32(0x8000);
    const uint16x4x2_t pairs = { { vshrn_n_u32(vaddq_u32(vreinterpretq_u32_f32(re), half), 16),
                                   vshrn_n_u32(vaddq_u32(vreinterpretq_u32_f32(im), half), 16) } };
    vst2_u16(p, pairs);
}

TP_INLINE void lanes_turn(lanes *v)
{
    lanes columns[8];
    for (int i = 0; i < 2; i++) {
        const float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(v[i], v[i + 2]));
        const float64x2_t odd01 = vreinterpretq_f64_f32(vtrn2q_f32(v[i], v[i + 2]));
        const float64x2_t even23 = vreinterpretq_f64_f32(vtrn1q_f32(v[i + 4], v[i + 6]));
        const float64x2_t odd23 = vreinterpretq_f64_f32(vtrn2q_f32(v[i + 4], v[i + 6]));
        columns[4 * i] = vreinterpretq_f32_f64(vtrn1q_f64(even01, even23));
        columns[4 * i + 1] = vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23));
        columns[4 * i + 2] = vreinterpretq_f32_f64(vtrn2q_f64(even01, even23));
        columns[4 * i + 3] = vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23));
    }
    for (int i = 0; i < 8; i++)
        v[i] = columns[i];
}

#elif TP_HAVE_AVX2 /* x86-64: SSE2 is its baseline */
#include <emmintrin.h>

#define TP_LANES 4
#define TP_LANES_TARGET
typedef __m128 lanes;
#define lanes_load _mm_loadu_ps
#define lanes_store _mm_storeu_ps
#define lanes_set _mm_set1_ps
#define lanes_add _mm_add_ps
#define lanes_sub _mm_sub_ps
#define lanes_mul _mm_mul_ps
#define lanes_div _mm_div_ps
#define lanes_max _mm_max_ps
#define lanes_fma(a, b, c) _mm_add_ps(c, _mm_mul_ps(a, b))
#define lanes_fnma(a, b, c) _mm_sub_ps(c, _mm_mul_ps(a, b))
#define lanes_reversed(v) _mm_shuffle_ps(v, v, 0x1b)

TP_INLINE lanes lanes_load16(const tp_bfloat16 *p)
{
    const __m128i halves = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
}

TP_INLINE void lanes_store16(tp_bfloat16 *p, lanes v)
{
    const __m128i up = _mm_srai_epi32(_mm_add_epi32(_mm_castps_si128(v), _mm_set1_epi32(0x8000)), 16);
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi32(up, up));
}

TP_INLINE void lanes_load_pairs(const tp_bfloat16 *p, lanes *re, lanes *im)
{
    const __m128i pairs = _mm_loadu_si128((const __m128i *)(const void *)p);
    *re = _mm_castsi128_ps(_mm_slli_epi32(pairs, 16));
    *im = _mm_castsi128_ps(_mm_and_si128(pairs, _mm_set1_epi32(-0x10000)));
}

TP_INLINE void lanes_store_pairs(tp_bfloat16 *p, lanes re, lanes im)
{
    const __m128i half = _mm_set1_epi32(0x8000);
    const __m128i low = _mm_srli_epi32(_mm_add_epi32(_mm_castps_si128(re), half), 16);
    const __m128i high = _mm_and_si128(_mm_add_epi32(_mm_castps_si128(im), half), _mm_set1_epi32(-0x10000));
    _mm_storeu_si128((__m128i *)(void *)p, _mm_or_si128(low, high));
}

TP_INLINE void lanes_turn(lanes *v)
{
    lanes columns[8];
    for (int i = 0; i < 2; i++) {
        const lanes low01 = _mm_unpacklo_ps(v[i], v[i + 2]), high01 = _mm_unpackhi_ps(v[i], v[i + 2]);
        const lanes low23 = _mm_unpacklo_ps(v[i + 4], v[i + 6]), high23 = _mm_unpackhi_ps(v[i + 4], v[i + 6]);
        columns[4 * i] = _mm_movelh_ps(low01, low23);
        columns[4 * i + 1] = _mm_movehl_ps(low23, low01);
        columns[4 * i + 2] = _mm_movelh_ps(high01, high23);
        columns[4 * i + 3] = _mm_movehl_ps(high23, high01);
    }
    for (int i = 0; i < 8; i++)
        v[i] = columns[i];
}

#else

#define TP_LANES 1
#define TP_LANES_TARGET
typedef float lanes;
#define lanes_load(p) (*(p))
#define lanes_store(p, v) (*(p) = (v))
#define lanes_set(x) (x)
#define lanes_add(a, b) ((a) + (b))
#define lanes_sub(a, b) ((a) - (b))
#define lanes_mul(a, b) ((a) * (b))
#define lanes_div(a, b) ((a) / (b))
#define lanes_max(a, b) ((a) > (b) ? (a) : (b))
#define lanes_fma(a, b, c) ((c) + (a) * (b))
#define lanes_fnma(a, b, c) ((c) - (a) * (b))
#define lanes_reversed(v) (v)
#define lanes_load16(p) tp_from_bfloat16(*(p))
#define lanes_store16(p, v) (*(p) = tp_to_bfloat16(v))
#define lanes_load_pairs(p, re, im) (*(re) = tp_from_bfloat16((p)[0]), *(im) = tp_from_bfloat16((p)[1]))
#define lanes_store_pairs(p, re, im) ((p)[0] = tp_to_bfloat16(re), (p)[1] = tp_to_bfloat16(im))
#define lanes_turn(v) ((void)(v))

#endif

/* Complex numbers, a vector of real and one of imaginary parts. */
typedef struct complex_lanes {
    lanes re, im;
} complex_lanes;

TP_LANES_TARGET
TP_INLINE complex_lanes at(const float *re, const float *im)
{
    const complex_lanes z = { lanes_load(re), lanes_load(im) };
    return z;
}

TP_LANES_TARGET
TP_INLINE complex_lanes at16(const tp_bfloat16 *re, const tp_bfloat16 *im)
{
    const complex_lanes z = { lanes_load16(re), lanes_load16(im) };
    return z;
}

TP_LANES_TARGET
TP_INLINE complex_lanes at_pairs(const tp_bfloat16 *p)
{
    complex_lanes z;
    lanes_load_pairs(p, &z.re, &z.im);
    return z;
}

TP_LANES_TARGET
TP_INLINE void put_pairs(complex_lanes z, tp_bfloat16 *p)
{
    lanes_store_pairs(p, z.re, z.im);
}

TP_LANES_TARGET
TP_INLINE void put(complex_lanes z, float *re, float *im)
{
    lanes_store(re, z.re);
    lanes_store(im, z.im);
}

#endif
