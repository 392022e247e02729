/* aarch64: NEON is its baseline, so G.711 needs no second version; the FIR gets one for its widening products. */
#include "dsp/cpu.h"
#include "dsp/simd.h"

#if TP_HAVE_NEON
#include <arm_neon.h>

#define TP_G711(name) name##_neon
#define TP_G711_TARGET
#include "dsp/g711_loops.h"

#define TP_KALMAN(name) kalman_##name##_neon
#include "dsp/kalman_loops.h"

#define TP_FFT(name) fft_##name##_neon
#include "dsp/fft_loops.h"

#define TP_TWO_LAYERS two_layers_neon
#include "dsp/two_layers_loops.h"

/* A lane takes taps/4 low products of at most 2^24: fold before it can overflow. */
#define FOLD_TAPS 256u

static void fir_bank_neon(const tp_fir_rows *bank, uint32_t phase, const int16_t *x, int16_t *y, size_t n_out)
{
    const uint32_t taps = bank->taps;
    for (size_t m = 0; m < n_out; m++) {
        const int16_t *high = bank->rows + (size_t)phase * 2 * taps;
        const int16_t *low = high + taps;
        int32x4_t h0 = vdupq_n_s32(0), h1 = h0, l = h0;
        for (uint32_t start = 0; start < taps; start += FOLD_TAPS) {
            const uint32_t end = taps - start < FOLD_TAPS ? taps : start + FOLD_TAPS;
            for (uint32_t k = start; k < end; k += 8) {
                const int16x8_t v = vld1q_s16(x + k), ch = vld1q_s16(high + k), cl = vld1q_s16(low + k);
                h0 = vmlal_s16(h0, vget_low_s16(v), vget_low_s16(ch));
                h1 = vmlal_high_s16(h1, v, ch);
                l = vmlal_s16(l, vget_low_s16(v), vget_low_s16(cl));
                l = vmlal_high_s16(l, v, cl);
            }
            h0 = vaddq_s32(h0, vshrq_n_s32(l, TP_FIR_LOW_BITS));
            l = vandq_s32(l, vdupq_n_s32((1 << TP_FIR_LOW_BITS) - 1));
        }
        int32_t sum = vaddvq_s32(vaddq_s32(h0, h1)) + (vaddvq_s32(l) >> TP_FIR_LOW_BITS);
        sum = (sum + (1 << (TP_FIR_HIGH_BITS - 1))) >> TP_FIR_HIGH_BITS;
        sum = sum > INT16_MAX ? INT16_MAX : sum;
        sum = sum < INT16_MIN ? INT16_MIN : sum;
        y[m] = (int16_t)sum;

        x += bank->step_samples;
        phase += bank->step_phases;
        if (phase >= bank->phases) {
            phase -= bank->phases;
            x++;
        }
    }
}

static float dot_neon(const float *a, const float *b, size_t n)
{
    float32x4_t s0 = vdupq_n_f32(0.0f), s1 = s0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        s0 = vfmaq_f32(s0, vld1q_f32(a + i), vld1q_f32(b + i));
        s1 = vfmaq_f32(s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));
    }
    float sum = vaddvq_f32(vaddq_f32(s0, s1));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

extern const tp_simd_ops tp_simd_neon;
const tp_simd_ops tp_simd_neon = {
    .name = "neon",
    .ulaw_encode = ulaw_encode_neon,
    .ulaw_decode = ulaw_decode_neon,
    .alaw_encode = alaw_encode_neon,
    .alaw_decode = alaw_decode_neon,
    .fir_bank = fir_bank_neon,
    .dot = dot_neon,
    .correlate = tp_correlate_plain, /* these are eight lanes wide as they are */
    .all_pole = tp_all_pole_plain,
    .affine_pairs = tp_affine_pairs_plain,
    .two_layers = two_layers_neon,
    .rfft_forward = fft_forward_neon,
    .rfft_inverse = fft_inverse_neon,
    .kalman_filter = kalman_filter_neon,
    .kalman_diagonal = kalman_diagonal_neon,
    .kalman_full = kalman_full_neon,
};

#else
typedef int tp_simd_neon_is_empty; /* ISO C wants a declaration in every file */
#endif
