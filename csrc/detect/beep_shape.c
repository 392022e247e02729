#include "detect/beep_shape.h"

#include <math.h>

/*
 * The figures below come from generated beeps and from 3 h of speech, synthetic speech and music (45,000 runs of tone
 * frames). `residual` is what sounds beside the tone, relative to it.
 */

enum {
    LEAST_FRAMES = 7,     /* an 80 ms tone shows in 7 to 10 frames … */
    LEAST_CORE = 4,       /* … of which 4 lie inside it              */
    MOST_FRAMES = 503,    /* 5 s                                     */
    EDGY_FRAMES = 12,
    SHORT_FRAMES = 14,
    LONG_FRAMES = 15,
    SETTLED_FRAMES = 20,
    LOW_LEAST_FRAMES = 9,
    LOWEST_LEAST_FRAMES = 20,
};

#define LEAST_POWER 3.16e-4f      /* -35 dBov */
#define LEAST_HZ 300.0f
#define MOST_HZ 3000.0f
/* Below this, where voiced speech has most of its near-pure tones, more is asked for. */
#define LOW_HZ 440.0f
#define LOWEST_HZ 350.0f
#define PAIR_HIGH_HZ 700.0f
#define HALF_PITCH_HZ 660.0f
#define BEAT_HZ 660.0f
#define MOST_RESIDUAL 0.17f       /* -7.7 dB: noise at 10 dB SNR, and a ramp's quiet end */
#define LOW_MOST_RESIDUAL 0.089f  /* -10.5 dB */
#define LOW_SHORT_RESIDUAL 0.025f /* -16 dB */
#define SHORT_MOST_RESIDUAL 0.13f /* -8.9 dB: of short tones and pairs */
#define CLEAN_RESIDUAL 0.01f      /* -20 dB: µ-law and windowing leave no less at an edge */
#define RESIDUAL_OVER_AFTER 3.16f /* 5 dB: the noise after the tone is the noise during it */
#define SILENCE 6.3e-6f           /* -52 dBov: silent frames are not measured */
/* A beep usually ends in something quieter. Louder noise (a room) may follow a tone that was clean, but no other tone. */
#define MOST_AFTER 0.25f          /* -6 dB */
#define MOST_NOISE_AFTER 4.0f     /* 6 dB */
#define TONE_AFTER 0.03f          /* -15 dB, or, after a clean tone, … */
#define LOUD_TONE_AFTER 0.56f     /* … -2.5 dB */
#define MOST_TONE_AFTER 0.7f      /* share of the strongest tone */
#define MOST_TONAL_AFTER 0.96f    /* share of all tones: notes, where a room has 0.8 */
#define NOISE_RESIDUAL 0.016f     /* -18 dB: what counts as clean … */
#define CLEANER_RESIDUAL 0.063f   /* … -12 dB, for a long tone … */
#define LONG_RESIDUAL 0.005f      /* … -23 dB, for a long low tone */
#define HIGH_HZ 600.0f            /* voices hold no such tone … */
#define HIGH_RESIDUAL 0.08f       /* … with -11 dB beside it … */
#define NOISE_TONE_SHARE 0.45f    /* … and then noise */
#define MOST_LOW 0.12f            /* power below 219 Hz */
#define MOST_DRIFT 0.052f         /* of the frequency, over the whole tone */
#define LOW_MOST_DRIFT 0.012f
#define MOST_RANGE 316.0f         /* 25 dB */
#define DUAL_LEAST_SHARE 0.165f
#define DUAL_MOST_DRIFT 0.005f
#define EXTRA_LEAST_SHARE 0.015f
#define MOST_HARMONICS 1.3f
#define MOST_SPREAD 0.55f
#define MOST_PEAKED 0.35f         /* of what sounds beside the tone, in its strongest tone: noise has 0.1 to 0.2 */

/* A straight line through frequency over time, by least squares, then again without the frames that lie far off. */
typedef struct line {
    float middle, slope, rms;
} line;

static float value_hz(const tp_tone_frame *f, int second)
{
    return second ? f->second_hz : f->main_hz;
}

static line fit_line(const tp_tone_frame *frames, size_t n, int second)
{
    line l = { 0.0f, 0.0f, 1e9f };
    const float centre = 0.5f * (float)(n - 1);
    for (int pass = 0; pass < 2; pass++) {
        float count = 0.0f, t1 = 0.0f, t2 = 0.0f, y1 = 0.0f, ty = 0.0f;
        const float limit = pass == 0 ? 1e9f : 1.5f * l.rms + 1e-3f;
        /* Values relative to the first frame's: sums of squares in float stay exact enough. */
        const float base = value_hz(&frames[n / 2], second);
        for (size_t i = 0; i < n; i++) {
            const float t = (float)i - centre, y = value_hz(&frames[i], second) - base;
            if (pass == 1 && fabsf(y + base - l.middle - l.slope * t) > limit)
                continue;
            count += 1.0f;
            t1 += t;
            t2 += t * t;
            y1 += y;
            ty += t * y;
        }
        const float det = count * t2 - t1 * t1;
        if (count < 3.0f || det <= 0.0f)
            return l;
        line fit;
        fit.slope = (count * ty - t1 * y1) / det;
        fit.middle = base + (y1 - fit.slope * t1) / count;
        float squares = 0.0f;
        for (size_t i = 0; i < n; i++) {
            const float t = (float)i - centre, off = value_hz(&frames[i], second) - fit.middle - fit.slope * t;
            if (pass == 0 || fabsf(value_hz(&frames[i], second) - l.middle - l.slope * t) <= limit)
                squares += off * off;
        }
        fit.rms = sqrtf(squares / count);
        l = fit;
    }
    return l;
}

/* Part of the frames in which the amplitude bends by more than `limit` of its mean. */
static float rough_share(const tp_tone_frame *core, size_t n, float limit)
{
    float mean = 0.0f;
    size_t rough = 0;
    for (size_t i = 0; i < n; i++)
        mean += sqrtf(core[i].main_power) / (float)n;
    for (size_t i = 1; i + 1 < n; i++) {
        const float bend = sqrtf(core[i - 1].main_power) - 2.0f * sqrtf(core[i].main_power) + sqrtf(core[i + 1].main_power);
        rough += fabsf(bend) > limit * mean;
    }
    return (float)rough / (float)(n - 2);
}

/* Part of the frames in which the second tone lies half-way between multiples of the main one: a voice whose pitch is
 * half of the main tone. */
static float half_pitch_share(const tp_tone_frame *core, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (core[i].main_hz <= 0.0f)
            continue;
        const float ratio = core[i].second_hz / core[i].main_hz, off = ratio - 0.5f - floorf(ratio);
        found += core[i].second_power > 0.002f * core[i].main_power && fabsf(off) < 0.018f;
    }
    return (float)found / (float)n;
}

/* Two overtones of one pitch that are strongest in a voice: 1:2, 1:3, 2:3, and 3:4 of a low voice. */
static int is_voice_pair(float a_hz, float b_hz)
{
    const float low = a_hz < b_hz ? a_hz : b_hz, ratio = (a_hz < b_hz ? b_hz : a_hz) / low;
    if (low < 420.0f && (fabsf(ratio - 2.0f) < 0.03f || fabsf(ratio - 3.0f) < 0.03f))
        return 1;
    return low < 480.0f && (fabsf(ratio - 1.5f) < 0.015f || fabsf(ratio - 4.0f / 3.0f) < 0.012f);
}

/* What follows the tone: its power, and the share that its own strongest tone has of it. */
static float after_power(const tp_tone_frame *after)
{
    const float power = 0.5f * (after[0].total + after[1].total);
    return power > SILENCE ? power : SILENCE;
}

/* A room hums below 300 Hz: that is no other tone. */
static float after_tone_share(const tp_tone_frame *after)
{
    float sum = 0.0f;
    for (int i = 0; i < 2; i++)
        sum += after[i].main_hz > LEAST_HZ ? after[i].main_power : 0.0f;
    return sum / (2.0f * after_power(after));
}

/* The share of all its tones. */
static float after_tonal_share(const tp_tone_frame *after)
{
    float sum = 0.0f;
    for (int i = 0; i < 2; i++)
        sum += after[i].main_hz > LEAST_HZ ? after[i].main_power + after[i].second_power + after[i].harmonic_power : 0.0f;
    return sum / (2.0f * after_power(after));
}

static int is_near(float hz, float target_hz, float tolerance)
{
    return fabsf(hz - target_hz) <= tolerance * target_hz;
}

/* The two tones of a telephone key (ITU-T Q.23). */
static int is_key(float a_hz, float b_hz)
{
    static const float low_hz[4] = { 697.0f, 770.0f, 852.0f, 941.0f }, high_hz[4] = { 1209.0f, 1336.0f, 1477.0f, 1633.0f };
    const float low = a_hz < b_hz ? a_hz : b_hz, high = a_hz < b_hz ? b_hz : a_hz;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            if (is_near(low, low_hz[i], 0.025f) && is_near(high, high_hz[j], 0.025f))
                return 1;
    return 0;
}

/* Pairs of network tones that lie far enough apart to be seen as two; closer ones beat and fail as unsteady. */
static int is_network_pair(float a_hz, float b_hz)
{
    static const float pairs_hz[][2] = { { 350.0f, 440.0f }, { 350.0f, 450.0f }, { 480.0f, 620.0f }, { 440.0f, 480.0f } };
    const float low = a_hz < b_hz ? a_hz : b_hz, high = a_hz < b_hz ? b_hz : a_hz;
    for (size_t i = 0; i < sizeof pairs_hz / sizeof pairs_hz[0]; i++)
        if (is_near(low, pairs_hz[i][0], 0.015f) && is_near(high, pairs_hz[i][1], 0.015f))
            return 1;
    return 0;
}

/* One burst of a network tone of a single frequency sounds like a beep; only its exact frequency, its constant level and
 * its length tell. Given up for it: pure beeps that have all three. */
static int is_network_single(float hz, float seconds)
{
    static const float busy_hz[] = { 400.0f, 425.0f, 440.0f };
    static const float bursts_s[] = { 0.25f, 0.3f, 0.375f, 0.4f, 0.5f, 1.0f, 1.5f, 2.0f };
    for (size_t i = 0; i < sizeof busy_hz / sizeof busy_hz[0]; i++)
        for (size_t j = 0; j < sizeof bursts_s / sizeof bursts_s[0]; j++)
            if (fabsf(hz - busy_hz[i]) <= 1.5f && is_near(seconds, bursts_s[j], 0.1f))
                return 1;
    return fabsf(hz - 1100.0f) <= 12.0f && is_near(seconds, 0.5f, 0.15f); /* ITU-T T.30: 0.5 s ± 15 % */
}

/* Frame (with fraction) at which the power crosses a quarter of `level` between frames a and b. */
static float crossing(const tp_tone_frame *frames, size_t a, size_t b, float level)
{
    const float from = frames[a].main_power, to = frames[b].main_power, step = (float)b - (float)a;
    if (from <= 0.0f || from >= 0.25f * level || to <= from)
        return (float)a;
    return (float)a + step * logf(0.25f * level / from) / logf(to / from);
}

/* What is known of a run of frames; powers are sums over the core. */
typedef struct measures {
    const tp_tone_frame *core; /* the frames whose window lies inside the tone */
    size_t n, size;            /* frames in all, in the core                   */
    float total, low, main, harmonics, second;
    float least, most; /* main power of a frame */
    float spread;
    line f, f2;
    int dual, second_steady;
    int is_low;         /* where voices have their tones     */
    float tone;         /* main, harmonics and, if dual, second */
    float residual;     /* what sounds beside the tone, relative to it …       */
    float own_residual; /* … and relative to the main tone alone               */
    float drift;        /* of the frequency over the whole tone, relative      */
} measures;

static measures measure(const tp_tone_frame *frames, size_t n, tp_beep_shape *shape)
{
    size_t first = 0, end = n;
    while (end - first > LEAST_CORE && first < 4
           && (first < 2 || frames[first].main_power < 0.8f * frames[first + 1].main_power))
        first++;
    while (end - first > LEAST_CORE && n - end < 4
           && (n - end < 2 || frames[end - 1].main_power < 0.8f * frames[end - 2].main_power))
        end--;

    measures m = { .core = frames + first, .n = n, .size = end - first, .least = 1e9f };
    for (size_t i = 0; i < m.size; i++) {
        const tp_tone_frame *f = &m.core[i];
        m.total += f->total;
        m.low += f->low;
        m.main += f->main_power;
        m.harmonics += f->harmonic_power;
        m.second += f->second_power;
        m.spread += f->spread / (float)m.size;
        m.most = f->main_power > m.most ? f->main_power : m.most;
        m.least = f->main_power < m.least ? f->main_power : m.least;
    }
    m.f = fit_line(m.core, m.size, 0);
    m.f2 = fit_line(m.core, m.size, 1);
    const float beside = m.total - m.main - m.harmonics - m.second;
    m.second_steady = m.second > 0.005f * m.main
                      && m.f2.rms < 0.4f + 0.0005f * m.f2.middle + 2.0f * sqrtf((beside > 0.0f ? beside : 0.0f) / m.second);
    m.dual = m.second_steady && m.second > DUAL_LEAST_SHARE * m.total && m.f2.middle > LEAST_HZ;
    m.is_low = m.f.middle < LOW_HZ && !(m.dual && m.f2.middle > PAIR_HIGH_HZ);
    m.tone = m.main + m.harmonics + (m.dual ? m.second : 0.0f);
    m.residual = m.total > m.tone ? (m.total - m.tone) / m.tone : 0.0f;
    m.own_residual = m.total > m.tone ? (m.total - m.tone) / m.main : 0.0f;
    m.drift = fabsf(m.f.slope) * (float)n / m.f.middle;

    float loudest = 0.0f;
    for (size_t i = 0; i < n; i++)
        loudest = frames[i].main_power > loudest ? frames[i].main_power : loudest;
    shape->hz = m.f.middle;
    shape->second_hz = m.dual ? m.f2.middle : 0.0f;
    shape->power = loudest * m.tone / m.main;
    const float head = m.core[0].main_power, tail = m.core[m.size - 1].main_power;
    size_t a = first, b = end - 1;
    while (a > 0 && frames[a].main_power > 0.25f * head)
        a--;
    while (b + 1 < n && frames[b].main_power > 0.25f * tail)
        b++;
    shape->start_frame = a < first ? crossing(frames, a, a + 1, head) : (float)a;
    shape->end_frame = b > end - 1 ? crossing(frames, b, b - 1, tail) : (float)b;
    return m;
}

/* Nothing but noise beside the tone, and no more of it than stays afterwards. */
static int is_pure(const measures *m, const tp_tone_frame *after)
{
    const float most = m->is_low                              ? LOW_MOST_RESIDUAL
                       : m->n < SHORT_FRAMES || m->dual ? SHORT_MOST_RESIDUAL
                                                              : MOST_RESIDUAL;
    if (m->low > MOST_LOW * m->total || m->residual > most)
        return 0;
    if (m->second_steady && !m->dual && m->second > EXTRA_LEAST_SHARE * m->total)
        return 0;
    if (m->residual <= CLEAN_RESIDUAL)
        return 1;
    const float beside = m->total - m->tone;
    if (!m->dual && m->second > MOST_PEAKED * beside && m->f2.middle > LEAST_HZ)
        return 0;
    return beside / (float)m->size <= RESIDUAL_OVER_AFTER * after_power(after);
}

/* Frequency and level as a machine makes them. */
static int is_steady(const measures *m)
{
    /* Noise alone makes the measured frequency wander by this much (rms); the edges of a short tone add to it. */
    const float noise_hz = 0.1f + (m->n >= SETTLED_FRAMES && m->is_low ? 6.0f : 3.1f) * sqrtf(m->own_residual);
    const float edge_hz = (m->n < EDGY_FRAMES && !m->is_low ? 0.001f : 0.00065f) * m->f.middle;
    if (m->f.rms > (noise_hz > edge_hz ? noise_hz : edge_hz) || m->most > MOST_RANGE * m->least)
        return 0;
    if (m->drift > (m->dual ? DUAL_MOST_DRIFT : m->is_low && m->n < LONG_FRAMES ? LOW_MOST_DRIFT : MOST_DRIFT))
        return 0;
    if (m->is_low && (m->n < LOW_LEAST_FRAMES || (m->n < LONG_FRAMES && m->residual > LOW_SHORT_RESIDUAL)))
        return 0;
    if (m->f.middle < LOWEST_HZ && m->n < LOWEST_LEAST_FRAMES)
        return 0;
    /* A hump of n frames bends by (pi/n)² of its amplitude from frame to frame. */
    const float hump = (m->is_low ? 6.0f : 16.0f) / ((float)m->n * (float)m->n);
    return rough_share(m->core, m->size, 0.03f + 0.3f * sqrtf(m->own_residual) + hump) <= 0.4f;
}

static int is_voice(const measures *m)
{
    if (m->harmonics > MOST_HARMONICS * m->main)
        return 1;
    if (m->dual)
        return is_voice_pair(m->f.middle, m->f2.middle);
    return m->f.middle < HALF_PITCH_HZ && half_pitch_share(m->core, m->size) > 0.4f;
}

/* Does something as loud, or another tone, follow? */
static int goes_on(const measures *m, const tp_tone_frame *after, float power)
{
    const float level = after_power(after) / power, tone_share = after_tone_share(after);
    const int clean = (!m->is_low && (m->residual < NOISE_RESIDUAL || (m->residual < CLEANER_RESIDUAL && m->n >= LONG_FRAMES)))
                      || (m->residual < LONG_RESIDUAL && m->n >= 2 * LONG_FRAMES)
                      || (m->f.middle > HIGH_HZ && m->residual < HIGH_RESIDUAL && tone_share < NOISE_TONE_SHARE);
    return level > (clean ? MOST_NOISE_AFTER : MOST_AFTER)
           || (level > MOST_AFTER && after_tonal_share(after) > MOST_TONAL_AFTER)
           || (level > (clean ? LOUD_TONE_AFTER : TONE_AFTER) && tone_share > MOST_TONE_AFTER);
}

static int is_network(const measures *m, float seconds)
{
    if (m->dual)
        return is_key(m->f.middle, m->f2.middle) || is_network_pair(m->f.middle, m->f2.middle);
    if (m->spread > MOST_SPREAD && m->f.middle < BEAT_HZ)
        return 1; /* ringback and dial tones of two or three tones that beat */
    /* Networks send sines of constant level. */
    const int is_sine = m->harmonics < 0.6f * (m->total - m->main) || m->harmonics < 0.0005f * m->main;
    return is_sine && m->most < 1.6f * m->least && m->drift < 0.003f && is_network_single(m->f.middle, seconds);
}

tp_beep_verdict tp_beep_judge(const tp_tone_frame *frames, size_t n, const tp_tone_frame *after, tp_beep_shape *shape)
{
    if (n < LEAST_FRAMES || n > MOST_FRAMES)
        return TP_BEEP_SHORT;
    const measures m = measure(frames, n, shape);
    if (shape->power < LEAST_POWER)
        return TP_BEEP_QUIET;
    if (m.f.middle < LEAST_HZ || m.f.middle > MOST_HZ)
        return TP_BEEP_VOICE;
    if (!is_pure(&m, after))
        return TP_BEEP_IMPURE;
    if (!is_steady(&m))
        return TP_BEEP_UNSTEADY;
    if (is_voice(&m))
        return TP_BEEP_VOICE;
    if (goes_on(&m, after, shape->power))
        return TP_BEEP_GOES_ON;
    if (is_network(&m, 0.01f * (shape->end_frame - shape->start_frame)))
        return TP_BEEP_NETWORK;
    return TP_BEEP_YES;
}
