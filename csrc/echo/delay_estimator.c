#include "talkpath/delay_estimator.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/block.h"
#include "dsp/fft.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"

/* Everything after the decimator counts in samples of 4 kHz. */
enum {
    RATE_HZ = 4000,
    HOP = 40,           /* 10 ms: one piece of work */
    FFT = 1024,
    BLOCK = 320,        /* near signal */
    SPAN = FFT - BLOCK, /* delays one segment of far signal covers */
    FIRST_BIN = 77,     /* 300 Hz */
    BINS = 408,         /* to 1890 Hz */
    TAPS_PER_PHASE = 12,
    MAX_STEP = 4,
    MAX_TAPS = TAPS_PER_PHASE * MAX_STEP,
    MATCH_BLOCKS = 3,
    MATCH_STEP = BLOCK / 2,
    MATCH_LAGS = 8, /* 2 ms: what is summed of an echo that a room has spread */
    NEAR_KEPT = BLOCK + (MATCH_BLOCKS - 1) * MATCH_STEP,
    MAX_REACH_MS = 1000,
    AGREE = 12, /* 3 ms */
    SILENCE = 8, /* of far signal */
    SLACK_HOPS = 32, /* of far signal: so often it is moved to the front */
};

#define WHITENING 0.8f
/* Share of the cross-spectra kept from one round to the next: searching (rounds of 40 ms), following a delay (80 ms), and
 * following one so plain that a short memory will do, which sees a jump sooner. */
#define MEMORY_SEARCH 0.96f
#define MEMORY_FOLLOW 0.92f
#define MEMORY_PLAIN 0.84f
#define SCORE_PLAIN 11.0f
/* Chance makes high peaks while few rounds have been summed: SCORE_FOUND + nothing from 23 rounds on. */
#define SCORE_FOUND 6.3f
#define SCORE_FEW 30.0f
#define SCORE_KEPT 4.5f
#define CONFIDENCE_LOST 0.03f
#define FAR_ACTIVE 3e-7f
#define NEAR_ACTIVE 1e-9f

struct tp_delay_estimator {
    tp_delay_estimator_config config;
    size_t segments, step;
    float window[BLOCK], taps[MAX_TAPS];

    size_t fill; /* of the decimator's input, in input samples of the hop */
    float near_in[MAX_TAPS + HOP * MAX_STEP], far_in[MAX_TAPS + HOP * MAX_STEP];
    float near[NEAR_KEPT];

    size_t slot;  /* hops into the round        */
    float rounds; /* summed, less those forgotten */
    float memory;
    int round_on, at_rest;
    float block_re[BINS], block_im[BINS];

    float best, energy; /* of the round so far */
    size_t best_lag;
    float score;
    size_t last_lag;
    float last_score;
    size_t lag;
    int found;
    unsigned locks;
    float confidence;
    size_t far_at; /* where the far signal's last far_length samples begin */
    int64_t far_sum; /* of their squares, exact */
    /* behind the struct: far signal (far_length + slack, ±32768), then for each segment BINS real and imaginary parts */
};

static size_t segments_of(size_t delay_ms)
{
    return (delay_ms * RATE_HZ / 1000 + SPAN - 1) / SPAN;
}

/* The longest delay that a match may have. */
static size_t reach_ms(const tp_delay_estimator_config *c)
{
    const size_t ms = (size_t)c->max_delay_ms + TP_DELAY_MATCH_BEYOND_MS;
    return ms < MAX_REACH_MS ? ms : MAX_REACH_MS;
}

/* Of far signal that rounds need, … */
static size_t round_length(const tp_delay_estimator_config *c)
{
    const size_t segments = segments_of((size_t)c->max_delay_ms);
    return segments * SPAN + BLOCK + 2 * segments * HOP;
}

/* … and that is kept. */
static size_t far_length(const tp_delay_estimator_config *c)
{
    const size_t match = segments_of(reach_ms(c)) * SPAN + BLOCK + (MATCH_BLOCKS - 1) * MATCH_STEP, round = round_length(c);
    return match > round ? match : round;
}

static size_t far_bytes(const tp_delay_estimator_config *c)
{
    return tp_align_up((far_length(c) + SLACK_HOPS * HOP) * sizeof(int16_t));
}

static int16_t *far_of(const tp_delay_estimator *d)
{
    return (int16_t *)(void *)((char *)(uintptr_t)d + tp_align_up(sizeof *d));
}

static float *cross_of(tp_delay_estimator *d, size_t segment)
{
    return (float *)(void *)((char *)far_of(d) + far_bytes(&d->config)) + segment * 2 * BINS;
}

const char *tp_delay_estimator_check(const tp_delay_estimator_config *c)
{
    if (c->sample_rate_hz != 8000 && c->sample_rate_hz != 16000)
        return "sample_rate must be 8000 or 16000";
    if (c->max_delay_ms < 100 || c->max_delay_ms > 1000)
        return "max_delay_ms must be from 100 to 1000";
    return NULL;
}

size_t tp_delay_estimator_size(const tp_delay_estimator_config *c)
{
    if (tp_delay_estimator_check(c))
        return 0;
    const size_t segments = segments_of((size_t)c->max_delay_ms);
    return tp_align_up(sizeof(tp_delay_estimator)) + far_bytes(c) + tp_align_up(segments * 2 * BINS * sizeof(float));
}

int tp_delay_estimator_init(tp_delay_estimator *d, const tp_delay_estimator_config *config)
{
    if (tp_delay_estimator_check(config))
        return TP_ECONFIG;
    d->config = *config;
    tp_delay_estimator_reset(d);
    return TP_OK;
}

void tp_delay_estimator_reset(tp_delay_estimator *d)
{
    static const double pi = 3.14159265358979323846;
    const tp_delay_estimator_config config = d->config;
    memset(d, 0, tp_delay_estimator_size(&config));
    d->config = config;
    d->segments = segments_of((size_t)config.max_delay_ms);
    d->step = (size_t)config.sample_rate_hz / RATE_HZ;
    d->memory = MEMORY_SEARCH;
    for (size_t i = 0; i < BLOCK; i++) {
        const double s = sin(pi * ((double)i + 0.5) / BLOCK);
        d->window[i] = (float)(s * s);
    }
    /* Low-pass at 1.9 kHz: Hann-windowed sinc over 6 ms. What folds back comes in above 1.9 kHz, which is not used. */
    const size_t taps = TAPS_PER_PHASE * d->step;
    double sum = 0.0, h[MAX_TAPS];
    for (size_t i = 0; i < taps; i++) {
        const double t = ((double)i - 0.5 * (double)(taps - 1)) * 2.0 * 1900.0 / config.sample_rate_hz;
        const double s = sin(pi * ((double)i + 0.5) / (double)taps);
        h[i] = (fabs(t) < 1e-9 ? 1.0 : sin(pi * t) / (pi * t)) * s * s;
        sum += h[i];
    }
    for (size_t i = 0; i < taps; i++)
        d->taps[i % d->step * TAPS_PER_PHASE + i / d->step] = (float)(h[i] / sum);
}

size_t tp_delay_estimator_delay_samples(const tp_delay_estimator *d)
{
    (void)d;
    return 0;
}

tp_delay_estimate tp_delay_estimator_read(const tp_delay_estimator *d)
{
    const tp_delay_estimate e = { d->found, d->locks, (float)d->lag * (1000.0f / RATE_HZ), d->score, d->confidence,
                                  (float)d->last_lag * (1000.0f / RATE_HZ) };
    return e;
}

/* The bins of BLOCK samples, whose last `late` or more count in full but for the very end: of a new sound there are no others. */
static void transform_block(const tp_delay_estimator *d, const float *block, size_t late, float *block_re, float *block_im)
{
    float x[FFT] = { 0 }, re[FFT / 2 + 1], im[FFT / 2 + 1];
    size_t i = 0;
    for (; i < BLOCK - late; i++)
        x[i] = block[i] * d->window[i];
    for (; i < BLOCK - late / 4; i++)
        x[i] = block[i];
    for (; i < BLOCK; i++)
        x[i] = block[i] * d->window[(BLOCK - i) * 4 - 1];
    tp_rfft_forward(FFT, x, re, im);
    memcpy(block_re, re + FIRST_BIN, BINS * sizeof *re);
    memcpy(block_im, im + FIRST_BIN, BINS * sizeof *im);
}

/* The near block of a round, and whether there is anything to compare. */
static void begin_round(tp_delay_estimator *d)
{
    const float *block = d->near + NEAR_KEPT - BLOCK;
    const float near_power = tp_simd->dot(block, block, BLOCK) / BLOCK;
    const float far_power = TP_INT16_SCALE * TP_INT16_SCALE * (float)d->far_sum / (float)round_length(&d->config);
    d->round_on = far_power > FAR_ACTIVE && near_power > NEAR_ACTIVE;
    d->best = d->energy = 0.0f;
    d->best_lag = 0;
    if (d->round_on)
        transform_block(d, block, 0, d->block_re, d->block_im);
}

/* Adds the whitened cross-spectrum of two to keep times what was there. */
TP_INLINE void whiten_loops(const float *TP_RESTRICT fr, const float *TP_RESTRICT fi, const float *TP_RESTRICT mr,
                            const float *TP_RESTRICT mi, float keep, float *TP_RESTRICT cross_re, float *TP_RESTRICT cross_im)
{
    for (size_t i = 0; i < BINS; i++) {
        const float cr = fr[i] * mr[i] + fi[i] * mi[i], ci = fi[i] * mr[i] - fr[i] * mi[i];
        const float w = tp_power_rough(cr * cr + ci * ci + 1e-16f, -0.5f * WHITENING);
        cross_re[i] = keep * cross_re[i] + w * cr;
        cross_im[i] = keep * cross_im[i] + w * ci;
    }
}

TP_WIDE(static, whiten,
        (const float *fr, const float *fi, const float *mr, const float *mi, float keep, float *cross_re, float *cross_im),
        (fr, fi, mr, mi, keep, cross_re, cross_im))

TP_INLINE void floats_of_loops(const int16_t *TP_RESTRICT pcm, size_t n, float *TP_RESTRICT x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = TP_INT16_SCALE * (float)pcm[i];
}

TP_WIDE(static, floats_of, (const int16_t *pcm, size_t n, float *x), (pcm, n, x))

/* Adds keep times what was there, and the whitened cross-spectrum of a near block and FFT samples of far signal. */
static void add_cross(const float *block_re, const float *block_im, const int16_t *far, float keep, float *cross_re, float *cross_im)
{
    float x[FFT], re[FFT / 2 + 1], im[FFT / 2 + 1];
    floats_of(far, FFT, x);
    tp_rfft_forward(FFT, x, re, im);
    whiten(re + FIRST_BIN, im + FIRST_BIN, block_re, block_im, keep, cross_re, cross_im);
}

/* A cross-spectrum as a correlation: x[q] at a lag of SPAN - q, beyond the segment's first. */
static void to_lags(const float *cross_re, const float *cross_im, float *x)
{
    float re[FFT / 2 + 1] = { 0 }, im[FFT / 2 + 1] = { 0 };
    memcpy(re + FIRST_BIN, cross_re, BINS * sizeof *re);
    memcpy(im + FIRST_BIN, cross_im, BINS * sizeof *im);
    tp_rfft_inverse(FFT, re, im, x);
}

/* Magnitude of the largest of n, where it is more than `best`. */
TP_INLINE void largest_loops(const float *TP_RESTRICT x, size_t n, float *best)
{
    float most[8] = { 0 };
    size_t q = 0;
    for (; q + 8 <= n; q += 8)
        for (size_t i = 0; i < 8; i++)
            most[i] = fabsf(x[q + i]) > most[i] ? fabsf(x[q + i]) : most[i];
    for (; q < n; q++)
        most[0] = fabsf(x[q]) > most[0] ? fabsf(x[q]) : most[0];
    for (size_t i = 0; i < 8; i++)
        *best = most[i] > *best ? most[i] : *best;
}

TP_WIDE(static, largest, (const float *x, size_t n, float *best), (x, n, best))

/* Adds one segment's whitened cross-spectrum and looks for the highest lag in it. */
static void correlate_segment(tp_delay_estimator *d, size_t segment, size_t hops_since)
{
    const int16_t *far = far_of(d) + d->far_at + far_length(&d->config) - hops_since * HOP - FFT - segment * SPAN;
    float *cross_re = cross_of(d, segment), *cross_im = cross_re + BINS;
    float x[FFT];
    add_cross(d->block_re, d->block_im, far, d->memory, cross_re, cross_im);
    to_lags(cross_re, cross_im, x);
    d->energy += tp_simd->dot(x, x, SPAN);
    float best = d->best;
    const size_t longest = (size_t)d->config.max_delay_ms * RATE_HZ / 1000, end = (segment + 1) * SPAN;
    size_t q = end > longest ? end - longest : 0;
    if (q >= SPAN)
        return;
    largest(x + q, SPAN - q, &best);
    if (best > d->best) {
        while (fabsf(x[q]) < best)
            q++;
        d->best = best;
        d->best_lag = end - q;
    }
}

/* Once a delay is known, every other hop rests. */
static int resting(const tp_delay_estimator *d)
{
    return d->found && d->confidence > 0.5f;
}

static void end_round(tp_delay_estimator *d)
{
    if (!d->round_on)
        return;
    d->rounds = d->memory * d->rounds + 1.0f;
    const float rms = sqrtf(d->energy / (float)(d->segments * SPAN)) + 1e-20f;
    d->score = d->best / rms;
    const size_t apart = d->best_lag > d->last_lag ? d->best_lag - d->last_lag : d->last_lag - d->best_lag;
    const int agree = apart <= AGREE && d->last_score > SCORE_KEPT;
    d->last_lag = d->best_lag;
    d->last_score = d->score;
    const size_t moved = d->best_lag > d->lag ? d->best_lag - d->lag : d->lag - d->best_lag;
    const int same = d->found && moved <= AGREE;
    const float few = SCORE_FEW / sqrtf(d->rounds), enough = few > SCORE_FOUND ? few : SCORE_FOUND;
    if (agree && (d->score > enough || (same && d->score > SCORE_KEPT))) {
        d->found = 1;
        d->lag = d->best_lag;
        d->locks++;
        d->confidence += 0.2f * (1.0f - d->confidence);
    } else {
        d->confidence -= 0.1f * d->confidence;
        d->found = d->found && d->confidence > CONFIDENCE_LOST;
    }
    d->memory = MEMORY_SEARCH;
    if (resting(d))
        d->memory = same && d->score > SCORE_PLAIN ? MEMORY_PLAIN : MEMORY_FOLLOW;
}

/* How many of the last n samples of far signal are in hops that sound: only with them can anything be alike. */
static size_t sounding(const tp_delay_estimator *d, size_t n)
{
    const int16_t *far = far_of(d) + d->far_at + far_length(&d->config) - n;
    size_t count = 0;
    for (size_t at = 0; at + HOP <= n; at += HOP) {
        int sounds = 0;
        for (size_t i = 0; i < HOP; i++)
            sounds |= far[at + i] > SILENCE || far[at + i] < -SILENCE;
        count += sounds ? HOP : 0;
    }
    return count;
}

tp_delay_match tp_delay_estimator_match(const tp_delay_estimator *d)
{
    float block_re[MATCH_BLOCKS][BINS], block_im[MATCH_BLOCKS][BINS], total = 1e-30f, best = 0.0f;
    size_t best_lag = 0;
    for (size_t b = 0; b < MATCH_BLOCKS; b++)
        transform_block(d, d->near + NEAR_KEPT - BLOCK - b * MATCH_STEP, MATCH_STEP, block_re[b], block_im[b]);
    const size_t segments = segments_of(reach_ms(&d->config)), longest = reach_ms(&d->config) * RATE_HZ / 1000;
    for (size_t s = 0; s < segments; s++) {
        const int16_t *far = far_of(d) + d->far_at + far_length(&d->config) - FFT - s * SPAN;
        float cross_re[BINS] = { 0 }, cross_im[BINS] = { 0 }, x[FFT], sum = 0.0f;
        for (size_t b = 0; b < MATCH_BLOCKS; b++)
            add_cross(block_re[b], block_im[b], far - b * MATCH_STEP, 1.0f, cross_re, cross_im);
        to_lags(cross_re, cross_im, x);
        const size_t end = (s + 1) * SPAN;
        for (size_t q = 0; q < SPAN; q++) {
            const float old = q >= MATCH_LAGS ? x[q - MATCH_LAGS] : 0.0f;
            total += x[q] * x[q];
            sum += x[q] * x[q] - old * old;
            if (sum > best && end - q <= longest) {
                best = sum;
                best_lag = end - q;
            }
        }
    }
    const size_t alike = sounding(d, segments * SPAN);
    const tp_delay_match m = { best * (float)alike / (MATCH_LAGS * total), (float)best_lag * (1000.0f / RATE_HZ) };
    return m;
}

void tp_delay_estimator_move(tp_delay_estimator *d, float delay_ms)
{
    d->found = 1;
    d->lag = (size_t)(delay_ms * (RATE_HZ / 1000.0f) + 0.5f);
    d->locks++;
    memset(cross_of(d, 0), 0, d->segments * 2 * BINS * sizeof(float));
    d->rounds = 0.0f;
    d->slot = 0;
    d->last_score = 0.0f;
    d->memory = MEMORY_SEARCH;
}

static void hop(tp_delay_estimator *d)
{
    const size_t hops = resting(d) ? 2 : 1;
    if (d->slot == 0 && d->at_rest)
        return;
    if (d->slot == 0)
        begin_round(d);
    if (d->round_on && d->slot % hops == 0 && d->slot / hops < d->segments)
        correlate_segment(d, d->slot / hops, d->slot);
    d->slot++;
    if (d->slot >= hops * d->segments || (!d->round_on && d->slot >= d->segments)) {
        end_round(d);
        d->slot = 0;
    }
}

/* Every step-th sample. */
TP_INLINE void every(const float *TP_RESTRICT x, size_t step, size_t n, float *TP_RESTRICT y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i * step];
}

/* One channel of the hop through the decimator, whose taps lie phase by phase. */
static void decimate(const tp_delay_estimator *d, float *in, float *out)
{
    const size_t taps = TAPS_PER_PHASE * d->step;
    memset(out, 0, HOP * sizeof *out);
    for (size_t p = 0; p < d->step; p++) {
        float phase[TAPS_PER_PHASE + HOP], sums[HOP];
        if (d->step == 2)
            every(in + d->step + p, 2, TAPS_PER_PHASE + HOP - 1, phase);
        else
            every(in + d->step + p, d->step, TAPS_PER_PHASE + HOP - 1, phase);
        tp_simd->correlate(d->taps + p * TAPS_PER_PHASE, TAPS_PER_PHASE, phase, sums, HOP);
        for (size_t i = 0; i < HOP; i++)
            out[i] += sums[i];
    }
    memmove(in, in + HOP * d->step, taps * sizeof *in);
}

/* The far signal's newest hop; what is kept of it slides through its buffer, so that little of it is touched. */
static void keep_far(tp_delay_estimator *d, const float *x)
{
    int16_t *far = far_of(d);
    const size_t length = far_length(&d->config);
    if (d->far_at == SLACK_HOPS * HOP) {
        memmove(far, far + d->far_at, length * sizeof *far);
        d->far_at = 0;
    }
    const int16_t *oldest = far + d->far_at + length - round_length(&d->config); /* of what rounds need */
    int16_t *newest = far + d->far_at + length;
    TP_ROLLED
    for (size_t i = 0; i < HOP; i++) {
        newest[i] = tp_to_int16(x[i]);
        d->far_sum += (int32_t)newest[i] * newest[i] - (int32_t)oldest[i] * oldest[i];
    }
    d->far_at += HOP;
}

void tp_delay_estimator_rest(tp_delay_estimator *d, int rest)
{
    d->at_rest = rest;
}

void tp_delay_estimator_skip(tp_delay_estimator *d, const int16_t *far, size_t n)
{
    const size_t taps = TAPS_PER_PHASE * d->step, full = HOP * d->step;
    for (size_t at = 0; at + full <= n; at += full) {
        float x[HOP];
        floats_of(far + at, full, d->far_in + taps);
        decimate(d, d->far_in, x);
        keep_far(d, x);
    }
    d->slot = 0; /* a round begun would compare across the gap */
}

void tp_delay_estimator_process(tp_delay_estimator *d, const int16_t *near, const int16_t *far, size_t n)
{
    const size_t taps = TAPS_PER_PHASE * d->step, full = HOP * d->step;
    while (n > 0) {
        const size_t take = full - d->fill < n ? full - d->fill : n;
        floats_of(near, take, d->near_in + taps + d->fill);
        floats_of(far, take, d->far_in + taps + d->fill);
        d->fill += take;
        near += take;
        far += take;
        n -= take;
        if (d->fill == full) {
            d->fill = 0;
            float x[HOP];
            decimate(d, d->near_in, x);
            memmove(d->near, d->near + HOP, (NEAR_KEPT - HOP) * sizeof *d->near);
            memcpy(d->near + NEAR_KEPT - HOP, x, sizeof x);
            decimate(d, d->far_in, x);
            keep_far(d, x);
            hop(d);
        }
    }
}
