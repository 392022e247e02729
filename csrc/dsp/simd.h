/*
 * The inner loops that are worth a variant per machine, behind one table of functions.
 *
 * tp_simd_init() picks the best variant once, when the library is loaded; kernels call through tp_simd. Everything that
 * works on integers gives the same bits in every variant. Float loops may differ by the order of their sums:
 * |difference| <= 4e-7 · Σ|a·b| (tests/test_simd.py holds all variants of the machine to that).
 */
#ifndef TALKPATH_DSP_SIMD_H
#define TALKPATH_DSP_SIMD_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/cpu.h"
#include "dsp/kalman.h"

/* A bank of polyphase FIR rows for tp_simd->fir_bank; see wire/resampler.c for how coefficients are split. */
typedef struct tp_fir_rows {
    const int16_t *rows;   /* phases × (taps high halves, then taps low halves) */
    uint32_t taps;         /* multiple of TP_FIR_ALIGN_TAPS                      */
    uint32_t phases;       /* L                                                  */
    uint32_t step_samples; /* M / L: input samples from one output to the next … */
    uint32_t step_phases;  /* M % L: … and phases on top                         */
} tp_fir_rows;

#define TP_FIR_ALIGN_TAPS 16u
#define TP_FIR_MAX_TAPS 1008u /* the AVX2 loop's low sums stay below 2^31; the longest bank (HIFI, 48 → 8 kHz) has 976 */
#define TP_FIR_HIGH_BITS 14 /* high half: units of 2^-14                       */
#define TP_FIR_LOW_BITS 10  /* low half: units of 2^-24, within ±2^9            */

typedef struct tp_simd_ops {
    const char *name; /* "plain", "avx2", "avx512", "neon" */

    /* G.711, n samples; see talkpath/g711.h. */
    void (*ulaw_encode)(const int16_t *pcm, uint8_t *code, size_t n);
    void (*ulaw_decode)(const uint8_t *code, int16_t *pcm, size_t n);
    void (*alaw_encode)(const int16_t *pcm, uint8_t *code, size_t n);
    void (*alaw_decode)(const uint8_t *code, int16_t *pcm, size_t n);

    /* n_out outputs of the bank. Output 0 is the dot product of row `phase` with x[0 .. taps-1]; then phase and x go on
     * by one step. Rounds to nearest, saturates to int16. Exact in every variant. */
    void (*fir_bank)(const tp_fir_rows *bank, uint32_t phase, const int16_t *x, int16_t *y, size_t n_out);

    /* Σ a[i]·b[i] */
    float (*dot)(const float *a, const float *b, size_t n);

    /* r[k] = Σ a[i]·b[i + k], i < n, for k < lags, a multiple of 8: correlation; an FIR filter when a is its reversed
     * impulse response. r must not overlap a or b. */
    void (*correlate)(const float *a, size_t n, const float *b, float *r, size_t lags);

    /* y[i] = x[i] - Σ taps[j]·y[i - j], 1 <= j <= order, for i < n, a multiple of 8; y[-order .. -1] is the past. For
     * tp_lpc_synthesize(): taps[order + 1 .. order + 7] are 0, response[0 .. 7] are 0, response[8 .. 15] start the impulse
     * response. */
    void (*all_pole)(const float *taps, size_t order, const float *response, const float *x, float *y, size_t n);

    /* y[r] = bias[r] + scale[r]·Σ weights[c·rows·2 + 2·r + d]·x[2·c + d], c < columns / 2, d < 2, for r < rows, a multiple of
     * 8: one layer of a network, two columns interleaved. The sums are exact: Σ|weight·x| < 2^31. y must not overlap the rest. */
    void (*affine_pairs)(const int8_t *weights, const float *scale, const float *bias, const int16_t *x, float *y, size_t rows,
                        size_t columns);

    /* For each of n columns, a multiple of 16, the same small network of `units` rectified units, a multiple of 4, and one output:
     * y[k] = base[k] + Σ out[u]·max(0, bias[u] + Σ hidden[u·inputs + i]·x[i·stride + k]). y may be base. */
    void (*two_layers)(const float *hidden, const float *bias, const float *out, size_t units, size_t inputs, const float *x,
                       size_t stride, const float *base, float *y, size_t n);

    /* See dsp/fft.h. The same bits in every variant. */
    void (*rfft_forward)(size_t n, const float *x, float *re, float *im);
    void (*rfft_inverse)(size_t n, const float *re, const float *im, float *x);

    /* Adaptive filters in sub-bands; see dsp/kalman.h. */
    tp_kalman_filter_fn *kalman_filter;
    tp_kalman_diagonal_fn *kalman_diagonal;
    tp_kalman_full_fn *kalman_full;

    int wide; /* functions made by TP_WIDE take their AVX2 half */
} tp_simd_ops;

extern const tp_simd_ops *tp_simd;

/* Chooses the best variant for this machine. Call once, before anything else; calling it again changes nothing. */
void tp_simd_init(void);

/* Defines the function `name` of the TP_INLINE function name_loops: loops that compilers vectorise by themselves, compiled for the
 * baseline and, on x86-64, once more for AVX2. Nothing is fused or reordered: the same bits. `storage` may be static;
 * `parameters` and `arguments` stand in parentheses. */
#if TP_WIDER
#define TP_WIDE(storage, name, parameters, arguments)    \
    TP_TARGET_AVX2 static void name##_wide parameters    \
    {                                                    \
        name##_loops arguments;                          \
    }                                                    \
    storage void name parameters                         \
    {                                                    \
        if (tp_simd->wide)                               \
            name##_wide arguments;                       \
        else                                             \
            name##_loops arguments;                      \
    }
#else
#define TP_WIDE(storage, name, parameters, arguments) \
    storage void name parameters                      \
    {                                                 \
        name##_loops arguments;                       \
    }
#endif

/* Shared by the variants whose compilers do well with it; kernels call through tp_simd. */
void tp_correlate_plain(const float *a, size_t n, const float *b, float *r, size_t lags);
void tp_all_pole_plain(const float *taps, size_t order, const float *response, const float *x, float *y, size_t n);
void tp_affine_pairs_plain(const int8_t *weights, const float *scale, const float *bias, const int16_t *x, float *y, size_t rows,
                          size_t columns);

/* The i-th variant that this machine can run, or NULL when there are no more. Variant 0 is plain C. */
const tp_simd_ops *tp_simd_variant(size_t i);

#endif
