#include "detect/beep_shape.h"

#include <math.h>

/*
 * The figures below come from 1,200 generated beeps and 5 h of speech, synthetic speech and music (45,000 runs of tone
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

tp_beep_verdict tp_beep_judge(const tp_tone_frame *frames, size_t n, const tp_tone_frame *follows, tp_beep_shape *shape)
{
    if (n < LEAST_FRAMES || n > MOST_FRAMES)
        return TP_BEEP_SHORT;

    /* Core: the frames whose window lies inside the tone. */
    size_t first = 0, end = n;
    while (end - first > LEAST_CORE && first < 4 && (first < 2 || frames[first].main_power < 0.8f * frames[first + 1].main_power))
        first++;
    while (end - first > LEAST_CORE && n - end < 4
           && (n - end < 2 || frames[end - 1].main_power < 0.8f * frames[end - 2].main_power))
        end--;
    const tp_tone_frame *core = frames + first;
    const size_t size = end - first;

    float total = 0.0f, low = 0.0f, spread = 0.0f, main = 0.0f, harmonics = 0.0f, second = 0.0f, most = 0.0f, least = 1e9f, loudest = 0.0f;
    for (size_t i = 0; i < size; i++) {
        total += core[i].total;
        low += core[i].low;
        spread += core[i].spread / (float)size;
        main += core[i].main_power;
        harmonics += core[i].harmonic_power;
        second += core[i].second_power;
        most = core[i].main_power > most ? core[i].main_power : most;
        least = core[i].main_power < least ? core[i].main_power : least;
    }
    for (size_t i = 0; i < n; i++)
        loudest = frames[i].main_power > loudest ? frames[i].main_power : loudest;

    const line f = fit_line(core, size, 0), f2 = fit_line(core, size, 1);
    const float beside = total > main + harmonics + second ? total - main - harmonics - second : 0.0f;
    const int second_steady = second > 0.005f * main && f2.rms < 0.4f + 0.0005f * f2.middle + 2.0f * sqrtf(beside / second);
    const int dual = second_steady && second > DUAL_LEAST_SHARE * total && f2.middle > LEAST_HZ;
    const float tone = main + harmonics + (dual ? second : 0.0f);
    const float residual = total > tone ? (total - tone) / tone : 0.0f;
    const float after = after_power(follows) / (loudest * tone / main);
    const int is_low = f.middle < LOW_HZ && !(dual && f2.middle > PAIR_HIGH_HZ);

    shape->hz = f.middle;
    shape->second_hz = dual ? f2.middle : 0.0f;
    shape->power = loudest * tone / main;
    const float head = core[0].main_power, tail = core[size - 1].main_power;
    size_t a = first, b = end - 1;
    while (a > 0 && frames[a].main_power > 0.25f * head)
        a--;
    while (b + 1 < n && frames[b].main_power > 0.25f * tail)
        b++;
    shape->start_frame = a < first ? crossing(frames, a, a + 1, head) : (float)a;
    shape->end_frame = b > end - 1 ? crossing(frames, b, b - 1, tail) : (float)b;

    if (shape->power < LEAST_POWER)
        return TP_BEEP_QUIET;
    if (f.middle < LEAST_HZ || f.middle > MOST_HZ)
        return TP_BEEP_VOICE;
    const float most_residual = is_low ? LOW_MOST_RESIDUAL : n < SHORT_FRAMES || dual ? SHORT_MOST_RESIDUAL : MOST_RESIDUAL;
    if (low > MOST_LOW * total || residual > most_residual)
        return TP_BEEP_IMPURE;
    if (residual > CLEAN_RESIDUAL && (total - tone) / (float)size > RESIDUAL_OVER_AFTER * after_power(follows))
        return TP_BEEP_IMPURE;
    if (second_steady && !dual && second > EXTRA_LEAST_SHARE * total)
        return TP_BEEP_IMPURE;
    if (residual > CLEAN_RESIDUAL && !dual && second > MOST_PEAKED * (total - tone) && f2.middle > LEAST_HZ)
        return TP_BEEP_IMPURE;

    /* Noise alone makes the measured frequency wander by this much (rms); the edges of a short tone add to it. */
    const float own_residual = total > tone ? (total - tone) / main : 0.0f;
    const float noise_hz = 0.1f + (n >= SETTLED_FRAMES && is_low ? 6.0f : 3.1f) * sqrtf(own_residual);
    const float edge_hz = (n < EDGY_FRAMES && !is_low ? 0.001f : 0.00065f) * f.middle;
    const float drift = fabsf(f.slope) * (float)n / f.middle;
    if (f.rms > (noise_hz > edge_hz ? noise_hz : edge_hz) || most > MOST_RANGE * least)
        return TP_BEEP_UNSTEADY;
    if (drift > (dual ? DUAL_MOST_DRIFT : is_low && n < LONG_FRAMES ? LOW_MOST_DRIFT : MOST_DRIFT))
        return TP_BEEP_UNSTEADY;
    if (is_low && (n < LOW_LEAST_FRAMES || (n < LONG_FRAMES && residual > LOW_SHORT_RESIDUAL)))
        return TP_BEEP_UNSTEADY;
    if (f.middle < LOWEST_HZ && n < LOWEST_LEAST_FRAMES)
        return TP_BEEP_UNSTEADY;
    /* A hump of n frames bends by (pi/n)² of its amplitude from frame to frame. */
    const float hump = (is_low ? 6.0f : 16.0f) / ((float)n * (float)n);
    if (rough_share(core, size, 0.03f + 0.3f * sqrtf(own_residual) + hump) > 0.4f)
        return TP_BEEP_UNSTEADY;

    if (harmonics > MOST_HARMONICS * main)
        return TP_BEEP_VOICE;
    if (!dual && f.middle < 660.0f && half_pitch_share(core, size) > 0.4f)
        return TP_BEEP_VOICE;
    if (dual && is_voice_pair(f.middle, f2.middle))
        return TP_BEEP_VOICE;
    const float tone_share = after_tone_share(follows);
    const int clean = (!is_low && (residual < NOISE_RESIDUAL || (residual < CLEANER_RESIDUAL && n >= LONG_FRAMES)))
                      || (residual < LONG_RESIDUAL && n >= 2 * LONG_FRAMES)
                      || (f.middle > HIGH_HZ && residual < HIGH_RESIDUAL && tone_share < NOISE_TONE_SHARE);
    if (after > (clean ? MOST_NOISE_AFTER : MOST_AFTER))
        return TP_BEEP_GOES_ON;
    if (after > MOST_AFTER && after_tonal_share(follows) > MOST_TONAL_AFTER)
        return TP_BEEP_GOES_ON;
    if (after > (clean ? LOUD_TONE_AFTER : TONE_AFTER) && tone_share > MOST_TONE_AFTER)
        return TP_BEEP_GOES_ON;
    if (dual && (is_key(f.middle, f2.middle) || is_network_pair(f.middle, f2.middle)))
        return TP_BEEP_NETWORK;
    if (!dual && spread > MOST_SPREAD && f.middle < 660.0f)
        return TP_BEEP_NETWORK; /* ringback and dial tones of two or three tones that beat */
    const float seconds = 0.01f * (shape->end_frame - shape->start_frame);
    if (!dual && (harmonics < 0.6f * (total - main) || harmonics < 0.0005f * main) && most < 1.6f * least && drift < 0.003f && is_network_single(f.middle, seconds))
        return TP_BEEP_NETWORK;
    return TP_BEEP_YES;
}
