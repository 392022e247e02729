#include "talkpath/dtmf.h"

#include <math.h>
#include <string.h>

#include "detect/dtmf_tables.h"
#include "detect/half_rate.h"
#include "dsp/block.h"
#include "dsp/cpu.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"

/*
 * Everything runs at 8 kHz. A *hop* is 8 samples (1 ms): each band's filter gives one complex value. A *tick* is 2 hops:
 * their correlations and powers are added up and every decision is taken. A *window* is 16 ticks (32 ms).
 */
enum {
    TAPS = 80,
    HOP = 8,
    HOPS_A_TICK = 2,
    WINDOW_TICKS = 16,
    WINDOW_HOPS = WINDOW_TICKS * HOPS_A_TICK,
    TICK_RING = 32,
    USUAL_SAMPLES = 160, /* of a frame */
    MAX_HOPS = 32, /* looked at together */
    BUFFER = TAPS + MAX_HOPS * HOP,
    ENERGIES_BEFORE = TAPS / HOP - 1, /* hops that the next one's filters look at, too */
    /* The filters look at 80 samples and answer for their middle; whatever is compared with them waits as long. */
    FILTER_DELAY_HOPS = TAPS / 2 / HOP,
    /* A key is over after this many ticks without it: longer than a drop-out (10 ms), shorter than a pause (40 ms). */
    RELEASE_TICKS = 10,
    REST_HOPS = TICK_RING * HOPS_A_TICK, /* without anything to filter, and neither ring holds anything */
    REARM_TICKS = 8, /* between two digits: no two presses are that close (and it bounds TP_DTMF_MAX_DIGITS) */
};

static const float GROUP_HZ[2][4] = { { 697.0f, 770.0f, 852.0f, 941.0f }, { 1209.0f, 1336.0f, 1477.0f, 1633.0f } };
static const char KEYS[4][4] = { "123A", "456B", "789C", "*0#D" };

#define TWO_PI 6.28318531f
#define RATE_HZ 8000.0f
#define HOP_RATE_HZ 1000.0f

/* Half-way, in the measure's noise, between what must be accepted (±1.5 %) and rejected (±3.5 %). */
#define TOLERANCE 0.0245f
/* Weakest tone: a sine of -42 dBm0, 6 dB below the -36 dBm0 that must be found. */
#define MIN_POWER 1.52e-5f /* mean square */
/* Energy of the filters' 80 samples (-59 dBov) below which neither gives a third of what a tick of that needs (|z|² is at most 0.027 of
 * it, in the low band): they are not evaluated. */
#define MIN_ENERGY 1e-4f
#define MIN_TWIST 0.0891f  /* high / low power, -10.5 dB … */
#define MAX_TWIST 4.467f    /* … and 6.5 dB */
/* A tone's weakest tick against its strongest: the half-amplitude points of its edges bound a tone's duration. */
#define MIN_STEADINESS 0.2f
#define MIN_PURITY 0.88f    /* |correlation| / power of one band */
#define MAX_MISFIT 0.15f     /* part of the power that is not one constant sine, both bands together */
#define MIN_SHARE 0.70f     /* part of the power of the differenced signal that is the two tones */

typedef struct band_sum {
    float re, im; /* Σ z[n]·conj(z[n-1]) */
    float power;  /* Σ |z[n]|², z being half of the tone's amplitude */
} band_sum;

typedef struct tick {
    band_sum band[2];
    float total; /* Σ (x[n] - x[n-1])² */
} tick;

typedef struct complex_value {
    float re, im;
} complex_value;

struct tp_dtmf {
    tp_dtmf_config config;
    size_t fill;
    size_t hop_at;                      /* where the next goes */
    size_t still;                       /* hops since the filters were last evaluated; REST_HOPS: that, or more */
    float energies[ENERGIES_BEFORE];    /* Σ x[n]² of the newest hops, oldest first       */
    float totals[FILTER_DELAY_HOPS];    /* Σ (x[n] - x[n-1])² of the newest, oldest first */
    tick now;
    int hops_in_now;
    uint64_t tick_count;
    uint64_t armed_at; /* tick from which the next digit may be reported */
    int run;           /* ticks in a row that could be part of a key */
    char held;
    float held_power[2]; /* of a tick */
    int absent;          /* ticks since the held key was last seen */
    tp_half_rate half_rate;
    float samples[BUFFER];
    complex_value hops[2][WINDOW_HOPS]; /* ring of filter outputs, low and high */
    tick ticks[TICK_RING];
};

const char *tp_dtmf_check(const tp_dtmf_config *config)
{
    return config->sample_rate_hz == 8000 || config->sample_rate_hz == 16000 ? NULL : "sample_rate must be 8000 or 16000";
}

size_t tp_dtmf_size(const tp_dtmf_config *config)
{
    return tp_dtmf_check(config) ? 0 : sizeof(tp_dtmf);
}

int tp_dtmf_init(tp_dtmf *d, const tp_dtmf_config *config)
{
    if (tp_dtmf_check(config))
        return TP_ECONFIG;
    d->config = *config;
    tp_dtmf_reset(d);
    return TP_OK;
}

void tp_dtmf_reset(tp_dtmf *d)
{
    const tp_dtmf_config config = d->config;
    memset(d, 0, sizeof *d);
    d->config = config;
    d->fill = TAPS; /* silence before the first sample */
    tp_half_rate_reset(&d->half_rate);
}

void tp_dtmf_prefetch(const tp_dtmf *d)
{
    tp_prefetch(d, offsetof(tp_dtmf, samples) + (TAPS + USUAL_SAMPLES) * sizeof(float));
}

char tp_dtmf_sounding(const tp_dtmf *d)
{
    return d->held;
}

size_t tp_dtmf_delay_samples(const tp_dtmf *d)
{
    const size_t delay = (WINDOW_HOPS + FILTER_DELAY_HOPS) * HOP;
    return d->config.sample_rate_hz == 16000 ? 2 * (delay + TP_HALF_RATE_DELAY) : delay;
}

/* Frequency of a band's tone. The correlation gives it modulo the hop rate; each band lies within one such period. */
static float frequency_hz(const band_sum *s, int band)
{
    static const float period_start_hz[2] = { 322.0f, 926.0f };
    float f = atan2f(s->im, s->re) * (HOP_RATE_HZ / TWO_PI);
    while (f < period_start_hz[band])
        f += HOP_RATE_HZ;
    return f;
}

/* The column (or row) of the keypad at a frequency, -1 if none is within the tolerance. */
static int key_index(int band, float f_hz, float tolerance)
{
    for (int i = 0; i < 4; i++)
        if (fabsf(f_hz - GROUP_HZ[band][i]) <= tolerance * GROUP_HZ[band][i])
            return i;
    return -1;
}

static int is_pure(const band_sum *s, float purity)
{
    const float limit = purity * s->power;
    return s->re * s->re + s->im * s->im >= limit * limit;
}

/* The newest n ticks together. */
static tick sum_ticks(const tp_dtmf *d, int n)
{
    tick sum = { { { 0 } }, 0 };
    for (int i = n; i > 0; i--) {
        const tick *t = &d->ticks[(d->tick_count - (uint64_t)i) % TICK_RING];
        for (int b = 0; b < 2; b++) {
            sum.band[b].re += t->band[b].re;
            sum.band[b].im += t->band[b].im;
            sum.band[b].power += t->band[b].power;
        }
        sum.total += t->total;
    }
    return sum;
}

/* The part of a band's power in the window that is not one sine of constant frequency, level and phase. */
static float misfit(const tp_dtmf *d, int band, float f_hz)
{
    const float step = TWO_PI * f_hz / HOP_RATE_HZ, c = cosf(step), s = sinf(step);
    float turn_re = 1.0f, turn_im = 0.0f, sum_re = 0.0f, sum_im = 0.0f, power = 0.0f;
    for (size_t i = 0; i < WINDOW_HOPS; i++) {
        const complex_value z = d->hops[band][(d->hop_at + i) % WINDOW_HOPS];
        sum_re += z.re * turn_re + z.im * turn_im;
        sum_im += z.im * turn_re - z.re * turn_im;
        power += z.re * z.re + z.im * z.im;
        const float next = turn_re * c - turn_im * s;
        turn_im = turn_re * s + turn_im * c;
        turn_re = next;
    }
    return 1.0f - (sum_re * sum_re + sum_im * sum_im) / ((float)WINDOW_HOPS * power);
}

static int is_steady(const tp_dtmf *d, int band)
{
    const float newest = d->ticks[(d->tick_count - 1) % TICK_RING].band[band].power;
    float min = newest, max = newest;
    for (uint64_t i = 2; i <= WINDOW_TICKS; i++) {
        const float p = d->ticks[(d->tick_count - i) % TICK_RING].band[band].power;
        min = p < min ? p : min;
        max = p > max ? p : max;
    }
    return min >= MIN_STEADINESS * max;
}

/* The key that has been down for the whole window, 0 if none; *sum receives the window's sums. */
static char key_in_window(const tp_dtmf *d, tick *sum)
{
    if (!is_steady(d, 0) || !is_steady(d, 1))
        return 0;
    *sum = sum_ticks(d, WINDOW_TICKS);
    const float low = sum->band[0].power, high = sum->band[1].power;
    if (high < MIN_TWIST * low || high > MAX_TWIST * low)
        return 0;
    if (!is_pure(&sum->band[0], MIN_PURITY) || !is_pure(&sum->band[1], MIN_PURITY))
        return 0;
    const float low_hz = frequency_hz(&sum->band[0], 0), high_hz = frequency_hz(&sum->band[1], 1);
    const int row = key_index(0, low_hz, TOLERANCE), column = key_index(1, high_hz, TOLERANCE);
    if (row < 0 || column < 0)
        return 0;
    const float ratio = high_hz / low_hz;
    if (fabsf(ratio - 2.0f) < 0.012f || fabsf(ratio - 1.5f) < 0.012f)
        return 0;
    /* |z| is half of the amplitude: 2·|z|² is the tone's power, HOP·2·|z|² its share of a hop's sum of squares; a
     * difference of neighbours scales a tone's power by 2 - 2·cos. */
    const float tones = 2.0f * (float)HOP * (low * (2.0f - 2.0f * cosf(TWO_PI * low_hz / RATE_HZ))
                                             + high * (2.0f - 2.0f * cosf(TWO_PI * high_hz / RATE_HZ)));
    if (tones < MIN_SHARE * sum->total)
        return 0;
    if (misfit(d, 0, low_hz) + misfit(d, 1, high_hz) > MAX_MISFIT)
        return 0;
    return KEYS[row][column];
}

/* Is the held key still there? By level, or, after the level has dropped, by frequency. */
static int is_still_held(const tp_dtmf *d, const tick *t)
{
    const float low = t->band[0].power / d->held_power[0], high = t->band[1].power / d->held_power[1];
    if (low > 0.25f && high > 0.25f)
        return 1;
    if (low < 0.01f || high < 0.01f)
        return 0;
    const tick recent = sum_ticks(d, 4);
    if (!is_pure(&recent.band[0], 0.9f) || !is_pure(&recent.band[1], 0.9f))
        return 0;
    const int row = key_index(0, frequency_hz(&recent.band[0], 0), 0.03f);
    const int column = key_index(1, frequency_hz(&recent.band[1], 1), 0.03f);
    return row >= 0 && column >= 0 && KEYS[row][column] == d->held;
}

/* Could this tick be part of a key? Cheap and generous: it saves the window's checks most of the time. */
static int is_candidate(const tick *t)
{
    const float low = t->band[0].power, high = t->band[1].power;
    const float min = 0.5f * MIN_POWER * (float)HOPS_A_TICK; /* |z|² = power / 2 */
    return low >= min && high >= min && high >= 0.5f * MIN_TWIST * low && high <= 2.0f * MAX_TWIST * low
           && is_pure(&t->band[0], 0.6f) && is_pure(&t->band[1], 0.6f);
}

/* Stream time at which the key of the newest window went down: the window's start or, when it took longer to be sure,
 * the earlier tick at which the level came up. */
static double start_ms(const tp_dtmf *d, const tick *window)
{
    const float low = 0.25f * window->band[0].power / WINDOW_TICKS, high = 0.25f * window->band[1].power / WINDOW_TICKS;
    uint64_t back = WINDOW_TICKS;
    while (back < TICK_RING && back < d->tick_count) {
        const tick *t = &d->ticks[(d->tick_count - back - 1) % TICK_RING];
        if (t->band[0].power < low || t->band[1].power < high)
            break;
        back++;
    }
    const double delay = FILTER_DELAY_HOPS + (d->config.sample_rate_hz == 16000 ? 0.94 : 0.0);
    const double ms = (double)(d->tick_count - back) * HOPS_A_TICK - delay;
    return ms > 0.0 ? ms : 0.0;
}

/* Ends a tick; returns 1 and fills *digit if a key became certain with it. */
static int end_tick(tp_dtmf *d, tp_dtmf_digit *digit)
{
    const tick t = d->now;
    d->ticks[d->tick_count++ % TICK_RING] = t;
    memset(&d->now, 0, sizeof d->now);
    if (d->held) {
        d->absent = is_still_held(d, &t) ? 0 : d->absent + 1;
        if (d->absent >= RELEASE_TICKS)
            d->held = 0;
    }
    d->run = is_candidate(&t) ? d->run + 1 : 0;
    if (d->run < WINDOW_TICKS)
        return 0;
    d->run = WINDOW_TICKS;
    if (d->held && d->absent == 0 && d->tick_count % 4 != 0)
        return 0; /* only another key that follows without a pause could come of it: that may wait 6 ms */
    tick window;
    const char key = key_in_window(d, &window);
    if (!key)
        return 0;
    if (key == d->held) {
        for (int b = 0; b < 2; b++) /* follows a level that changes while the key is down */
            d->held_power[b] = fmaxf(0.9f * d->held_power[b], t.band[b].power);
        return 0;
    }
    if (d->tick_count < d->armed_at)
        return 0;
    d->armed_at = d->tick_count + REARM_TICKS;
    d->held = key;
    d->absent = 0;
    for (int b = 0; b < 2; b++)
        d->held_power[b] = window.band[b].power / WINDOW_TICKS;
    digit->digit = key;
    digit->start_ms = start_ms(d, &window);
    digit->level_dbov = 10.0f * log10f(2.0f * (window.band[0].power + window.band[1].power) / WINDOW_HOPS);
    return 1;
}

/* A fixed order of sums that a compiler can still do four or eight at a time. */
TP_INLINE float dot_half(const float *a, const float *b)
{
    float s[8] = { 0 };
    for (size_t i = 0; i < TAPS / 2; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += a[i + k] * b[i + k];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

/* Both bands' outputs for TAPS samples. */
TP_INLINE void filter_loops(const float *x, complex_value z[2])
{
    /* In-phase taps are even about the middle, quadrature taps odd: fold the samples and spare half of the products. */
    float even[TAPS / 2], odd[TAPS / 2];
    for (size_t i = 0; i < TAPS / 2; i++) {
        const float right = x[TAPS / 2 + i], left = x[TAPS / 2 - 1 - i];
        even[i] = right + left;
        odd[i] = right - left;
    }
    z[0].re = dot_half(even, low_even);
    z[0].im = -dot_half(odd, low_odd);
    z[1].re = dot_half(even, high_even);
    z[1].im = -dot_half(odd, high_odd);
}

TP_WIDE(static, filter, (const float *x, complex_value z[2]), (x, z))

/* n sums of neighbours. */
TP_INLINE void add_neighbours(const float *TP_RESTRICT x, size_t n, float *TP_RESTRICT y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[2 * i] + x[2 * i + 1];
}

/* Σ x[n]² and Σ (x[n] - x[n-1])² of each hop. */
TP_INLINE void measure_loops(const float *x, size_t hops, float *energies, float *totals)
{
    float eights[MAX_HOPS * HOP], fours[MAX_HOPS * HOP / 2], twos[MAX_HOPS * HOP / 4];
    for (size_t i = 0; i < hops * HOP; i++)
        eights[i] = x[i] * x[i];
    add_neighbours(eights, 4 * hops, fours);
    add_neighbours(fours, 2 * hops, twos);
    add_neighbours(twos, hops, energies);
    const float *const before = x - 1; /* the sample before is there */
    for (size_t i = 0; i < hops * HOP; i++)
        eights[i] = (x[i] - before[i]) * (x[i] - before[i]);
    add_neighbours(eights, 4 * hops, fours);
    add_neighbours(fours, 2 * hops, twos);
    add_neighbours(twos, hops, totals);
}

TP_WIDE(static, measure, (const float *x, size_t hops, float *energies, float *totals), (x, hops, energies, totals))

/* The newest TAPS samples, their energy, and the total of the hop that the filters answer for. */
static int hop(tp_dtmf *d, const float *x, float energy, float total, tp_dtmf_digit *digit)
{
    complex_value z[2] = { { 0.0f, 0.0f }, { 0.0f, 0.0f } };
    if (energy >= MIN_ENERGY) {
        filter(x, z);
        d->still = 0;
    } else {
        d->still += d->still < REST_HOPS;
    }
    const size_t before = (d->hop_at + WINDOW_HOPS - 1) % WINDOW_HOPS;
    for (int b = 0; b < 2; b++) {
        const complex_value last = d->hops[b][before];
        d->now.band[b].re += z[b].re * last.re + z[b].im * last.im;
        d->now.band[b].im += z[b].im * last.re - z[b].re * last.im;
        d->now.band[b].power += z[b].re * z[b].re + z[b].im * z[b].im;
        d->hops[b][d->hop_at] = z[b];
    }
    d->hop_at = (d->hop_at + 1) % WINDOW_HOPS;
    d->now.total += total;
    if (++d->hops_in_now < HOPS_A_TICK)
        return 0;
    d->hops_in_now = 0;
    return end_tick(d, digit);
}

/* Hops with nothing to filter after many of that kind: nothing but time goes on. */
static void rest(tp_dtmf *d, size_t hops, const float *totals)
{
    d->tick_count += ((size_t)d->hops_in_now + hops) / HOPS_A_TICK;
    const int in_now = (int)(((size_t)d->hops_in_now + hops) % HOPS_A_TICK);
    d->now.total = in_now == 0 ? 0.0f : hops > 0 ? totals[hops - 1] : d->now.total;
    d->hops_in_now = in_now;
}

/* All hops in the buffer. Returns the number of digits. */
static size_t look(tp_dtmf *d, size_t hops, tp_dtmf_digit *digits)
{
    float energies[ENERGIES_BEFORE + MAX_HOPS], totals[FILTER_DELAY_HOPS + MAX_HOPS], windows[MAX_HOPS], most = 0.0f;
    memcpy(energies, d->energies, sizeof d->energies);
    memcpy(totals, d->totals, sizeof d->totals);
    measure(d->samples + TAPS, hops, energies + ENERGIES_BEFORE, totals + FILTER_DELAY_HOPS);
    memcpy(d->energies, energies + hops, sizeof d->energies);
    memcpy(d->totals, totals + hops, sizeof d->totals);
    for (size_t h = 0; h < hops; h++) {
        float sum = 0.0f;
        for (size_t i = 0; i <= ENERGIES_BEFORE; i++)
            sum += energies[h + i];
        windows[h] = sum;
        most = sum > most ? sum : most;
    }
    if (most < MIN_ENERGY && d->still == REST_HOPS) {
        rest(d, hops, totals);
        return 0;
    }
    size_t found = 0;
    for (size_t h = 0; h < hops; h++)
        found += (size_t)hop(d, d->samples + (h + 1) * HOP, windows[h], totals[h], digits + found);
    return found;
}

size_t tp_dtmf_process(tp_dtmf *d, const int16_t *pcm, size_t n, tp_dtmf_digit *digits)
{
    size_t found = 0;
    const size_t step = d->config.sample_rate_hz == 16000 ? 2 : 1;
    while (n > 0) {
        /* Room for at least one more sample: what is left below is less than TAPS + HOP. */
        size_t take = (BUFFER - d->fill) * step - (step - 1);
        take = take < n ? take : n;
        float *to = d->samples + d->fill;
        if (step == 2) {
            d->fill += tp_half_rate_process(&d->half_rate, pcm, take, to);
        } else {
            for (size_t i = 0; i < take; i++)
                to[i] = TP_INT16_SCALE * (float)pcm[i];
            d->fill += take;
        }
        pcm += take;
        n -= take;

        const size_t hops = (d->fill - TAPS) / HOP;
        if (hops == 0)
            continue;
        found += look(d, hops, digits + found);
        memmove(d->samples, d->samples + hops * HOP, (d->fill - hops * HOP) * sizeof d->samples[0]);
        d->fill -= hops * HOP;
    }
    return found;
}
