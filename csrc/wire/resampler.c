#include "talkpath/resampler.h"

#include <string.h>

#include "dsp/block.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"
#include "wire/resampler_tables.h"

/* Coefficients are computed when a resampler is made; equal bits on all machines need every rounding to be the same. */
#if defined(__clang__) || defined(_MSC_VER)
#pragma STDC FP_CONTRACT OFF
#endif

#define BLOCK_SAMPLES 480u /* input taken at a time; bounds the buffer, not the call          */
#define MAX_TURNS 6u       /* 8 → 48 kHz: rows that take turns when every input has all of them … */
#define TURN_SAMPLES 160u  /* … and how many outputs of each are made at a time                */

typedef struct prototype {
    const double *h;      /* h(t) at t = 0, 1, 2 … points of 1/32 sample of the lower rate */
    uint32_t half_points; /* the last of them: the delay                                   */
} prototype;

#define PROTOTYPE(table) { table, sizeof table / sizeof *table - 1 }

static const prototype prototypes[] = {
    [TP_RESAMPLER_LOW_LATENCY] = PROTOTYPE(low_latency),
    [TP_RESAMPLER_VOICE] = PROTOTYPE(voice),
    [TP_RESAMPLER_HIFI] = PROTOTYPE(hifi),
};

static const int rates_hz[] = { 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000 };

/*
 * Time is counted in ticks of 1/L input sample: inputs are L ticks apart, outputs M ticks, with rate_out / rate_in = L / M
 * in lowest terms. Output at tick t·L + p uses inputs up to t and row p of the bank. `position` is the tick of the next
 * output, counted from the next input. The block is followed by the buffer, then by the bank.
 */
typedef struct layout {
    uint32_t l, m, taps, low_hz;
    size_t buffer, rows, size; /* offsets in the block, and its end */
} layout;

struct tp_resampler {
    tp_resampler_config config;
    layout map;
    uint64_t position;
    size_t handed_on[MAX_TURNS]; /* of each row, when every input gives one output of each */
};

static int is_rate(int rate_hz)
{
    for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; i++)
        if (rates_hz[i] == rate_hz)
            return 1;
    return 0;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        const uint32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static layout plan(const tp_resampler_config *config)
{
    const uint32_t in_hz = (uint32_t)config->rate_in_hz, out_hz = (uint32_t)config->rate_out_hz;
    const uint32_t common = gcd(in_hz, out_hz);
    layout a = { .l = out_hz / common, .m = in_hz / common, .low_hz = in_hz < out_hz ? in_hz : out_hz };
    if (a.l != a.m) {
        const uint64_t twice_half = 2u * (uint64_t)prototypes[config->quality].half_points;
        const uint32_t needed = (uint32_t)(twice_half * in_hz / (a.low_hz * (uint64_t)TP_PROTOTYPE_POINTS)) + 1;
        a.taps = (needed + TP_FIR_ALIGN_TAPS - 1) / TP_FIR_ALIGN_TAPS * TP_FIR_ALIGN_TAPS;
    }
    a.buffer = tp_align_up(sizeof(tp_resampler));
    a.rows = a.buffer + tp_align_up((a.taps + BLOCK_SAMPLES) * sizeof(int16_t));
    a.size = a.rows + (a.taps != 0 ? (size_t)a.l * 2 * a.taps * sizeof(int16_t) : 0);
    return a;
}

static int16_t *buffer_of(tp_resampler *r)
{
    return (int16_t *)(void *)((unsigned char *)r + r->map.buffer);
}

static int16_t *rows_of(tp_resampler *r)
{
    return (int16_t *)(void *)((unsigned char *)r + r->map.rows);
}

/* h(|t|) by Lagrange's polynomial through six points of the table; h is even, and 0 beyond its half length. */
static double prototype_at(const prototype *p, double t)
{
    const int last = (int)p->half_points;
    const double x = (t < 0 ? -t : t) * TP_PROTOTYPE_POINTS;
    if (x > last + 1e-9)
        return 0.0;
    int first = (int)x - 2;
    first = first > last - 5 ? last - 5 : first;
    /* 1 / Π (i - j) over j ≠ i */
    static const double scale[6] = { -1.0 / 120, 1.0 / 24, -1.0 / 12, 1.0 / 12, -1.0 / 24, 1.0 / 120 };
    double left[6], right[6]; /* Π (x - j) over j < i, over j > i */
    left[0] = right[5] = 1.0;
    for (int i = 1; i < 6; i++) {
        left[i] = left[i - 1] * (x - (first + i - 1));
        right[5 - i] = right[6 - i] * (x - (first + 6 - i));
    }
    double sum = 0.0;
    for (int i = 0; i < 6; i++) {
        const int at = first + i;
        sum += scale[i] * left[i] * right[i] * p->h[at < 0 ? -at : at];
    }
    return sum;
}

/* Row p of the bank, newest sample last. */
static void make_row(const tp_resampler *r, uint32_t p, int16_t *high, int16_t *low)
{
    const prototype *proto = &prototypes[r->config.quality];
    const double low_per_in = (double)r->map.low_hz / r->config.rate_in_hz;
    const double half = (double)proto->half_points / TP_PROTOTYPE_POINTS;
    double h[TP_FIR_MAX_TAPS], total = 0.0;
    for (uint32_t k = 0; k < r->map.taps; k++) {
        h[k] = prototype_at(proto, (k + (double)p / r->map.l) * low_per_in - half);
        total += h[k];
    }

    const int32_t one = (int32_t)1 << (TP_FIR_HIGH_BITS + TP_FIR_LOW_BITS);
    int32_t sum = 0, peak = 0;
    uint32_t peak_at = 0;
    for (uint32_t k = 0; k < r->map.taps; k++) {
        const double scaled = h[k] / total * one;
        const int32_t q = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        const uint32_t at = r->map.taps - 1 - k;
        if (q > peak) {
            peak = q;
            peak_at = at;
        }
        sum += q;
        const int32_t high_component = (q + (1 << (TP_FIR_LOW_BITS - 1))) >> TP_FIR_LOW_BITS;
        high[at] = (int16_t)high_component;
        low[at] = (int16_t)(q - high_component * (1 << TP_FIR_LOW_BITS));
    }
    /* What rounding left of the DC gain goes to the largest tap, where it matters least. */
    low[peak_at] = (int16_t)(low[peak_at] + (one - sum));
}

/* A row that only hands on one of its samples: which it is, or the number of taps. Between such rates every L-th output is an input. */
static size_t handed_on(const int16_t *row, uint32_t taps)
{
    size_t at = 0;
    while (at < taps && row[at] == 0)
        at++;
    int others = 0;
    for (size_t k = 0; k < 2 * (size_t)taps; k++)
        others |= k != at && row[k] != 0;
    return at < taps && row[at] == 1 << TP_FIR_HIGH_BITS && !others ? at : taps;
}

const char *tp_resampler_check(const tp_resampler_config *config)
{
    if (!is_rate(config->rate_in_hz))
        return "rate_in must be 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 or 48000";
    if (!is_rate(config->rate_out_hz))
        return "rate_out must be 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 or 48000";
    if ((int)config->quality < 0 || config->quality > TP_RESAMPLER_HIFI)
        return "quality must be 'low_latency', 'voice' or 'hifi'";
    return NULL;
}

size_t tp_resampler_size(const tp_resampler_config *config)
{
    return tp_resampler_check(config) == NULL ? plan(config).size : 0;
}

int tp_resampler_init(tp_resampler *r, const tp_resampler_config *config)
{
    if (tp_resampler_check(config) != NULL)
        return TP_ECONFIG;
    r->config = *config;
    r->map = plan(config);
    for (uint32_t p = 0; p < tp_resampler_phases(r); p++) {
        int16_t *row = rows_of(r) + (size_t)p * 2 * r->map.taps;
        make_row(r, p, row, row + r->map.taps);
        if (p < MAX_TURNS)
            r->handed_on[p] = handed_on(row, r->map.taps);
    }
    tp_resampler_reset(r);
    return TP_OK;
}

void tp_resampler_reset(tp_resampler *r)
{
    r->position = 0;
    memset(buffer_of(r), 0, (r->map.taps + BLOCK_SAMPLES) * sizeof(int16_t));
}

static size_t outputs_before(const tp_resampler *r, uint64_t tick)
{
    return tick > r->position ? (size_t)((tick - r->position + r->map.m - 1) / r->map.m) : 0;
}

size_t tp_resampler_output_samples(const tp_resampler *r, size_t n)
{
    return outputs_before(r, (uint64_t)n * r->map.l);
}

/* L outputs for every one of n inputs: each row by itself, then in turn. */
static void interpolate(const tp_resampler *r, const int16_t *rows, const int16_t *x, size_t n, int16_t *out)
{
    int16_t made[MAX_TURNS * TURN_SAMPLES];
    const uint32_t taps = r->map.taps, l = r->map.l;
    const tp_fir_rows one = { .taps = taps, .phases = 1, .step_samples = 1 };
    for (size_t at = 0, now; at < n; at += now, x += now, out += now * l) {
        const int16_t *in[MAX_TURNS];
        now = n - at < TURN_SAMPLES ? n - at : TURN_SAMPLES;
        for (uint32_t p = 0; p < l; p++) {
            tp_fir_rows row = one;
            row.rows = rows + (size_t)p * 2 * taps;
            if (r->handed_on[p] < taps) {
                in[p] = x + r->handed_on[p];
                continue;
            }
            tp_simd->fir_bank(&row, 0, x, made + p * TURN_SAMPLES, now);
            in[p] = made + p * TURN_SAMPLES;
        }
        if (l == 2)
            for (size_t k = 0; k < now; k++) {
                out[2 * k] = in[0][k];
                out[2 * k + 1] = in[1][k];
            }
        else
            for (size_t k = 0; k < now; k++)
                for (uint32_t p = 0; p < l; p++)
                    out[k * l + p] = in[p][k];
    }
}

/* Takes n samples (zeros when in is NULL) and writes at most n_out. */
static void run(tp_resampler *r, const int16_t *in, size_t n, int16_t *out, size_t n_out)
{
    int16_t *buffer = buffer_of(r);
    const size_t history = r->map.taps - 1;
    const tp_fir_rows bank = { .rows = rows_of(r), .taps = r->map.taps, .phases = r->map.l,
                               .step_samples = r->map.m / r->map.l, .step_phases = r->map.m % r->map.l };
    while (n > 0) {
        const size_t take = n < BLOCK_SAMPLES ? n : BLOCK_SAMPLES;
        if (in != NULL) {
            memcpy(buffer + history, in, take * sizeof(int16_t));
            in += take;
        } else {
            memset(buffer + history, 0, take * sizeof(int16_t));
        }
        size_t count = tp_resampler_output_samples(r, take);
        count = count < n_out ? count : n_out;
        if (r->map.m == 1 && r->map.l <= MAX_TURNS && r->position == 0 && count == take * r->map.l)
            interpolate(r, bank.rows, buffer, take, out);
        else
            tp_simd->fir_bank(&bank, (uint32_t)(r->position % r->map.l), buffer + r->position / r->map.l, out, count);
        out += count;
        n_out -= count;
        r->position += (uint64_t)count * r->map.m;
        r->position = r->position > (uint64_t)take * r->map.l ? r->position - (uint64_t)take * r->map.l : 0;
        memmove(buffer, buffer + take, history * sizeof(int16_t));
        n -= take;
    }
}

size_t tp_resampler_process(tp_resampler *r, const int16_t *in, size_t n, int16_t *out)
{
    const size_t count = tp_resampler_output_samples(r, n);
    if (r->map.l == r->map.m)
        memcpy(out, in, n * sizeof(int16_t));
    else
        run(r, in, n, out, count);
    return count;
}

/* The delay in ticks, rounded up. */
static uint64_t delay_ticks(const tp_resampler *r)
{
    if (r->map.l == r->map.m)
        return 0;
    const uint64_t half_points = prototypes[r->config.quality].half_points;
    const uint64_t points_per_s = (uint64_t)TP_PROTOTYPE_POINTS * r->map.low_hz;
    return (half_points * (uint64_t)r->config.rate_in_hz * r->map.l + points_per_s - 1) / points_per_s;
}

size_t tp_resampler_flush_samples(const tp_resampler *r)
{
    return outputs_before(r, delay_ticks(r));
}

size_t tp_resampler_flush(tp_resampler *r, int16_t *out)
{
    const size_t count = tp_resampler_flush_samples(r);
    if (count > 0)
        run(r, NULL, (size_t)(delay_ticks(r) / r->map.l + 1), out, count);
    tp_resampler_reset(r);
    return count;
}

double tp_resampler_delay_ms(const tp_resampler *r)
{
    if (r->map.l == r->map.m)
        return 0.0;
    return 1000.0 * prototypes[r->config.quality].half_points / ((double)TP_PROTOTYPE_POINTS * r->map.low_hz);
}

void tp_resampler_coefficients(const tp_resampler *r, uint32_t phase, double *row)
{
    const int16_t *high = (const int16_t *)(const void *)((const unsigned char *)r + r->map.rows) +
                          (size_t)phase * 2 * r->map.taps;
    for (uint32_t k = 0; k < r->map.taps; k++)
        row[k] = (high[k] * (double)(1 << TP_FIR_LOW_BITS) + high[r->map.taps + k]) /
                 (double)(1 << (TP_FIR_HIGH_BITS + TP_FIR_LOW_BITS));
}

uint32_t tp_resampler_phases(const tp_resampler *r)
{
    return r->map.taps != 0 ? r->map.l : 0;
}

uint32_t tp_resampler_taps(const tp_resampler *r)
{
    return r->map.taps;
}
