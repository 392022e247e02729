/* Packet-loss concealment: what the past says about the sound that is missing. */
#include <math.h>
#include <string.h>

#include "dsp/simd.h"
#include "talkpath/talkpath.h"
#include "wire/plc_state.h"

/* Pitch: normalised correlation of the newest 10 ms with the past, coarse at 4 kHz, then at 8 kHz. */
#define PITCH_WINDOW_8K 80u
#define COARSE_WINDOW (PITCH_WINDOW_8K / 2)
#define COARSE_MIN (TP_PLC_MIN_LAG_8K / 2)
#define COARSE_LAGS (TP_PLC_MAX_LAG_8K / 2 - COARSE_MIN + 1)
#define COARSE_ROOM ((COARSE_LAGS + 7) / 8 * 8)
#define LONG_LAG_PENALTY (0.07f / 64.0f) /* per lag at 4 kHz: of two equal peaks the shorter lag is right */
#define SUBMULTIPLE_SHARE 0.95f          /* a half or third of the best lag wins with this share of its correlation … */
#define SUBMULTIPLE_MIN 0.4f             /* … and at least this */

/* Voicing rises from 0 to 1 between these correlations. */
#define UNVOICED_BELOW 0.2f
#define VOICED_ABOVE 0.8f

/* Trend: the lag 5 and 10 ms ago, each within 12 %, predicts the lag 10 ms ahead. The weights were fitted to speech. */
#define TREND_STEP_8K 40u
#define TREND_MAX_LAG_8K 152u /* 1.12·136 */
#define TREND_MAX_LAGS 48u
static const float trend_weight[2] = { 1.2f, 0.2f };
#define TREND_BIAS 0.003f /* voices fall: lags grow */
#define TREND_LIMIT 0.1f

#define WHITE_NOISE_FLOOR 1e-5f /* keeps the recursion well conditioned: -50 dB */
#define BANDWIDTH_EXPANSION 0.995f
#define RESIDUAL_RMS_8K 80u

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

void tp_plc_decimate(const float *x, uint32_t factor, float *y, size_t n)
{
    if (factor == 1) {
        memcpy(y, x, n * sizeof *y);
        return;
    }
    /* A triangle of 2·factor - 1 taps: zeros at the multiples of 8 kHz. The last output lacks its right half. */
    const size_t last = n * factor - 1;
    const float scale = 1.0f / (float)(factor * factor);
    for (size_t i = 0; i < n; i++) {
        const size_t centre = i * factor + factor - 1;
        float sum = (float)factor * x[centre];
        for (size_t k = 1; k < factor; k++) {
            const size_t right = centre + k <= last ? centre + k : last;
            sum += (float)(factor - k) * (x[centre - k] + x[right]);
        }
        y[i] = sum * scale;
    }
}

/*
 * score[i] = normalised correlation of the n samples at t with those min_lag + i samples earlier, i < lags.
 * room: lags rounded up to a multiple of 8, which score must have; t[-(min_lag + room - 1)] must exist.
 */
static void correlations(const float *t, size_t n, size_t min_lag, size_t lags, float *score)
{
    float r[COARSE_ROOM > TREND_MAX_LAGS ? COARSE_ROOM : TREND_MAX_LAGS], energy[sizeof r / sizeof *r];
    const size_t room = (lags + 7) / 8 * 8;
    const float *const past = t - min_lag - (room - 1); /* r counts the lags down */
    tp_simd->correlate(t, n, past, r, room);

    /* Energies by recursion, in double: the sound may end in near silence. */
    double e = (double)tp_simd->dot(t - min_lag, t - min_lag, n);
    for (size_t i = 0; i < lags; i++) {
        energy[i] = (float)e;
        const double in = (double)t[-(ptrdiff_t)(min_lag + i + 1)];
        const double out = (double)t[(ptrdiff_t)n - 1 - (ptrdiff_t)(min_lag + i)];
        e += in * in - out * out;
    }
    const float own = tp_simd->dot(t, t, n) + 1e-9f;
    for (size_t i = 0; i < lags; i++) {
        const float other = energy[i] > 0.0f ? energy[i] : 0.0f;
        score[i] = r[room - 1 - i] / sqrtf(own * (other + 1e-9f));
    }
}

/* Where the parabola through score[i] and its neighbours peaks, relative to i. */
static float peak_offset(const float *score, size_t i, size_t lags)
{
    if (i == 0 || i + 1 >= lags)
        return 0.0f;
    const float bend = score[i - 1] - 2.0f * score[i] + score[i + 1];
    return bend < 0.0f ? clamp(0.5f * (score[i - 1] - score[i + 1]) / bend, -0.5f, 0.5f) : 0.0f;
}

static size_t largest(const float *score, size_t from, size_t to)
{
    size_t best = from;
    for (size_t i = from + 1; i < to; i++)
        if (score[i] > score[best])
            best = i;
    return best;
}

/* The lag at 4 kHz resolution, in 8 kHz samples; x is the past at 8 kHz. */
static size_t coarse_lag(const float *x)
{
    float half[TP_PLC_HISTORY_8K / 2], score[COARSE_ROOM], preferred[COARSE_LAGS];
    enum { FIRST = TP_PLC_HISTORY_8K / 2 - (COARSE_WINDOW + COARSE_MIN + COARSE_ROOM) }; /* the part that is needed */
    for (size_t i = FIRST; i < TP_PLC_HISTORY_8K / 2; i++) {
        const size_t c = 2 * i + 1;
        half[i] = 0.5f * x[c] + 0.25f * (x[c - 1] + x[c + 1 < TP_PLC_HISTORY_8K ? c + 1 : c]);
    }
    correlations(half + TP_PLC_HISTORY_8K / 2 - COARSE_WINDOW, COARSE_WINDOW, COARSE_MIN, COARSE_LAGS, score);
    for (size_t i = 0; i < COARSE_LAGS; i++)
        preferred[i] = score[i] - LONG_LAG_PENALTY * (float)(COARSE_MIN + i);
    size_t best = largest(preferred, 0, COARSE_LAGS);
    for (size_t divisor = 2; divisor <= 3; divisor++) {
        const size_t lag = (COARSE_MIN + best + divisor / 2) / divisor;
        if (lag <= COARSE_MIN)
            break;
        const size_t i = largest(score, lag - 1 - COARSE_MIN, lag + 2 - COARSE_MIN);
        if (score[i] > SUBMULTIPLE_SHARE * score[best] && score[i] > SUBMULTIPLE_MIN) {
            best = i;
            break;
        }
    }
    return 2 * (COARSE_MIN + best);
}

/* Relative change of the lag that is to be expected around 10 ms from now; `correlation` is the newest lag's. */
static float predict_trend(const float *end, float lag, float correlation)
{
    float change = TREND_BIAS, current = lag;
    for (size_t k = 0; k < 2; k++) {
        float score[TREND_MAX_LAGS];
        const size_t low = (size_t)(current * 0.88f) > 16 ? (size_t)(current * 0.88f) : 16;
        const size_t high = (size_t)(current * 1.12f) + 2;
        const size_t lags = (high < TREND_MAX_LAG_8K ? high : TREND_MAX_LAG_8K) - low + 1;
        correlations(end - (k + 1) * TREND_STEP_8K - PITCH_WINDOW_8K, PITCH_WINDOW_8K, low, lags, score);
        const size_t best = largest(score, 0, lags);
        const float then = (float)(low + best) + peak_offset(score, best, lags);
        const float trust = clamp((score[best] - 0.6f) / 0.3f, 0.0f, 1.0f);
        change -= trend_weight[k] * trust * clamp(then / lag - 1.0f, -0.1f, 0.1f);
        if (score[best] > 0.5f)
            current = clamp(then, TP_PLC_MIN_LAG_8K, TP_PLC_MAX_LAG_8K);
    }
    return clamp(change * clamp((correlation - 0.6f) / 0.3f, 0.0f, 1.0f), -TREND_LIMIT, TREND_LIMIT);
}

static void find_pitch(tp_plc *p, const float *x)
{
    enum { AROUND = 3, LAGS = 2 * AROUND + 1 };
    const float *const end = x + TP_PLC_HISTORY_8K;
    const size_t low = coarse_lag(x) - AROUND;
    float score[8];
    correlations(end - PITCH_WINDOW_8K, PITCH_WINDOW_8K, low, LAGS, score);
    const size_t best = largest(score, 1, LAGS - 1);
    const float lag = clamp((float)(low + best) + peak_offset(score, best, LAGS), TP_PLC_MIN_LAG_8K, TP_PLC_MAX_LAG_8K);
    p->voicing = clamp((score[best] - UNVOICED_BELOW) / (VOICED_ABOVE - UNVOICED_BELOW), 0.0f, 1.0f);
    p->lag = lag * (float)p->factor;
    p->lag_trend = predict_trend(end, lag, score[best]);
}

void tp_plc_analyse(tp_plc *p)
{
    float x[TP_PLC_MAX_HISTORY], scratch[TP_PLC_MAX_HISTORY + TP_PLC_ORDER + 8], r[TP_PLC_ORDER + 8];
    const int16_t *const history = tp_plc_history(p);
    const size_t n = p->history_samples, window = TP_PLC_WINDOW_8K * p->factor;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)history[i] * TP_INT16_SCALE;

    const float *const w = tp_plc_window(p);
    for (size_t i = 0; i < window; i++)
        scratch[i] = x[n - window + i] * w[i];
    memset(scratch + window, 0, (TP_PLC_ORDER + 8) * sizeof *scratch);
    tp_simd->correlate(scratch, window, scratch, r, TP_PLC_ORDER + 8);
    r[0] = r[0] * (1.0f + WHITE_NOISE_FLOOR) + 1e-9f;
    tp_lpc_from_autocorrelation(r, TP_PLC_ORDER, p->a, NULL);
    tp_lpc_expand(p->a, TP_PLC_ORDER, BANDWIDTH_EXPANSION);

    /* The residual, by correlation with the reversed filter. */
    float reversed[TP_PLC_ORDER + 1];
    for (size_t j = 0; j <= TP_PLC_ORDER; j++)
        reversed[j] = p->a[TP_PLC_ORDER - j];
    float *const e = tp_plc_excitation(p);
    const size_t kept = TP_PLC_EXCITATION_8K * p->factor, rms_n = RESIDUAL_RMS_8K * p->factor;
    tp_simd->correlate(reversed, TP_PLC_ORDER + 1, x + n - kept - TP_PLC_ORDER, e, kept);
    p->residual_rms = sqrtf(tp_simd->dot(e + kept - rms_n, e + kept - rms_n, rms_n) / (float)rms_n);
    memcpy(p->memory, x + n - TP_PLC_ORDER, sizeof p->memory);

    tp_plc_decimate(x, p->factor, scratch, TP_PLC_HISTORY_8K);
    find_pitch(p, scratch);
}

void tp_plc_analyse_background(tp_plc *p)
{
    /* -74.3 dBov, what telephone systems play by default, where nothing fainter was heard; never louder than -40 dBov:
     * the quietest frame so far may have been speech. */
    const float faintest = 6.3f * TP_INT16_SCALE, loudest = 0.01f;
    const unsigned char *const base = (const unsigned char *)p;
    const tp_plc_offsets at = tp_plc_layout(&p->config);
    const size_t which = p->quiet[1].samples != 0 && p->quiet[1].level < p->quiet[0].level;
    const size_t n = p->quiet[which].samples;
    float x[TP_PLC_BACKGROUND_8K * TP_PLC_MAX_FACTOR + TP_PLC_NOISE_ORDER + 8] = { 0 }, r[16] = { 0 };
    if (n != 0) {
        const int16_t *const frame = (const int16_t *)(const void *)(base + at.quiet[which]);
        for (size_t i = 0; i < n; i++)
            x[i] = (float)frame[i] * TP_INT16_SCALE;
        tp_simd->correlate(x, n, x, r, 16);
    }
    const float rms = n != 0 ? sqrtf(r[0] / (float)n) : 0.0f;
    /* The floor makes the faintest backgrounds white: below it the samples are rounding noise anyway. */
    r[0] = r[0] * (1.0f + 1e-3f) + (float)n * TP_INT16_SCALE * TP_INT16_SCALE * 4.0f + 1e-9f;
    const float error = tp_lpc_from_autocorrelation(r, TP_PLC_NOISE_ORDER, p->background_a, NULL);
    p->background_rms = clamp(rms, faintest, loudest) * sqrtf(error / r[0]);
    memset(p->background_memory, 0, sizeof p->background_memory);
}

int tp_plc_best_shift(const float *x, const float *y, size_t n, int reach, float *match)
{
    float r[40];
    const size_t shifts = 2 * (size_t)reach + 1;
    tp_simd->correlate(y, n, x, r, (shifts + 7) / 8 * 8);
    int best = 0;
    float best_score = -1e9f, best_plain = 0.0f;
    double e = (double)tp_simd->dot(x, x, n);
    for (size_t i = 0; i < shifts; i++) {
        const int shift = (int)i - reach;
        const float plain = r[i] / sqrtf((e > 0.0 ? (float)e : 0.0f) + 1e-9f);
        const float score = plain * (1.0f - 0.3f * (float)(shift < 0 ? -shift : shift) / (float)reach);
        if (score > best_score) {
            best_score = score;
            best_plain = plain;
            best = shift;
        }
        e += (double)x[n + i] * (double)x[n + i] - (double)x[i] * (double)x[i];
    }
    *match = best_plain / sqrtf(tp_simd->dot(y, y, n) + 1e-9f);
    return best;
}
