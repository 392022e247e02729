/* The reference variant: plain C, which the compiler vectorises for its baseline; where loops want vectors by hand, those of
 * that baseline (lanes.h). */
#include "dsp/cpu.h"
#include "dsp/simd.h"

#define TP_G711(name) name##_plain
#define TP_G711_TARGET
#include "dsp/g711_loops.h"

#define TP_KALMAN(name) kalman_##name##_plain
#include "dsp/kalman_loops.h"

#define TP_FFT(name) fft_##name##_plain
#include "dsp/fft_loops.h"

#define TP_TWO_LAYERS two_layers_plain
#include "dsp/two_layers_loops.h"

/* Sums of at most 64 low products (|low| <= 2^9, |x| <= 2^15) stay below 2^30. */
#define BLOCK_TAPS 64u

static void fir_bank_plain(const tp_fir_rows *bank, uint32_t phase, const int16_t *x, int16_t *y, size_t n_out)
{
    const uint32_t taps = bank->taps;
    for (size_t m = 0; m < n_out; m++) {
        const int16_t *high = bank->rows + (size_t)phase * 2 * taps;
        const int16_t *low = high + taps;
        int64_t high_sum = 0, low_sum = 0;
        for (uint32_t k = 0; k < taps; k += BLOCK_TAPS) {
            const uint32_t end = taps - k < BLOCK_TAPS ? taps - k : BLOCK_TAPS;
            int32_t h = 0, l = 0;
            for (uint32_t i = 0; i < end; i++) {
                h += (int32_t)x[k + i] * high[k + i];
                l += (int32_t)x[k + i] * low[k + i];
            }
            high_sum += h;
            low_sum += l;
        }
        const int64_t sum = high_sum * (1 << TP_FIR_LOW_BITS) + low_sum;
        const int64_t half = (int64_t)1 << (TP_FIR_HIGH_BITS + TP_FIR_LOW_BITS - 1);
        int64_t v = (sum + half) >> (TP_FIR_HIGH_BITS + TP_FIR_LOW_BITS);
        v = v > INT16_MAX ? INT16_MAX : v;
        v = v < INT16_MIN ? INT16_MIN : v;
        y[m] = (int16_t)v;

        x += bank->step_samples;
        phase += bank->step_phases;
        if (phase >= bank->phases) {
            phase -= bank->phases;
            x++;
        }
    }
}

static float dot_plain(const float *a, const float *b, size_t n)
{
    float s[8] = { 0 };
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += a[i + k] * b[i + k];
    float rest = 0.0f;
    for (; i < n; i++)
        rest += a[i] * b[i];
    return (((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))) + rest;
}

/* The loop over lags is the inner one: it vectorises without shuffles, on every compiler. */
static void add_correlation(const float *TP_RESTRICT a, const float *TP_RESTRICT b, float *TP_RESTRICT r, size_t lags)
{
    const float a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    for (size_t k = 0; k < lags; k++)
        r[k] += (a0 * b[k] + a1 * b[k + 1]) + (a2 * b[k + 2] + a3 * b[k + 3]);
}

void tp_correlate_plain(const float *a, size_t n, const float *b, float *r, size_t lags)
{
    for (size_t k = 0; k < lags; k++)
        r[k] = 0.0f;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        add_correlation(a + i, b + i, r, lags);
    for (; i < n; i++)
        for (size_t k = 0; k < lags; k++)
            r[k] += a[i] * b[i + k];
}

/* Eight outputs at a time: first what each output before the block adds to all eight; then the recursion inside the block,
 * as a product with the first eight samples of the filter's impulse response. */
void tp_all_pole_plain(const float *taps, size_t order, const float *response, const float *x, float *y, size_t n)
{
    for (size_t start = 0; start < n; start += 8) {
        float s[8], t[8] = { 0 };
        for (size_t i = 0; i < 8; i++)
            s[i] = x[start + i];
        for (size_t j = order; j >= 1; j--) {
            const float past = y[(ptrdiff_t)start - (ptrdiff_t)j];
            for (size_t i = 0; i < 8; i++)
                s[i] -= taps[j + i] * past;
        }
        for (size_t j = 0; j < 8; j++)
            for (size_t i = 0; i < 8; i++)
                t[i] += s[j] * response[8 + i - j];
        for (size_t i = 0; i < 8; i++)
            y[start + i] = t[i];
    }
}

void tp_affine_pairs_plain(const int8_t *weights, const float *scale, const float *bias, const int16_t *x, float *y, size_t rows,
                          size_t columns)
{
    for (size_t r = 0; r < rows; r += 8) {
        int32_t s[8] = { 0 };
        const int8_t *w = weights + 2 * r;
        for (size_t c = 0; c < columns; c += 2, w += 2 * rows)
            for (size_t i = 0; i < 8; i++)
                s[i] += w[2 * i] * x[c] + w[2 * i + 1] * x[c + 1];
        for (size_t i = 0; i < 8; i++)
            y[r + i] = bias[r + i] + scale[r + i] * (float)s[i];
    }
}

extern const tp_simd_ops tp_simd_plain;
const tp_simd_ops tp_simd_plain = {
    .name = "plain",
    .ulaw_encode = ulaw_encode_plain,
    .ulaw_decode = ulaw_decode_plain,
    .alaw_encode = alaw_encode_plain,
    .alaw_decode = alaw_decode_plain,
    .fir_bank = fir_bank_plain,
    .dot = dot_plain,
    .correlate = tp_correlate_plain,
    .all_pole = tp_all_pole_plain,
    .affine_pairs = tp_affine_pairs_plain,
    .two_layers = two_layers_plain,
    .rfft_forward = fft_forward_plain,
    .rfft_inverse = fft_inverse_plain,
    .kalman_filter = kalman_filter_plain,
    .kalman_diagonal = kalman_diagonal_plain,
    .kalman_full = kalman_full_plain,
};
