#include "detect/beep_shape.h"

#include <math.h>

#include "detect/beep_measure.h"

/*
 * A run is classified as it is, then without the frames that holes and steps disturb: stricter, and only when nothing was
 * added there. The figures below come from generated beeps and from 3 h of speech, synthetic speech and music (45,000 runs of tone
 * frames). `residual` is what sounds beside the tone, relative to it.
 */

enum {
    MIN_FRAMES = 7,   /* an 80 ms tone shows in 7 to 10 frames */
    MAX_FRAMES = 503, /* 5 s                                     */
    EDGY_FRAMES = 12,
    SHORT_FRAMES = 14,
    LONG_FRAMES = 15,
    SETTLED_FRAMES = 20,
    LOW_MIN_FRAMES = 9,
    LOWEST_MIN_FRAMES = 20,
    LOW_MIN_WHOLE = 12,
};

#define MIN_POWER 3.16e-4f        /* -35 dBov */
#define MAX_HZ 3000.0f
#define LOWEST_HZ 350.0f
#define HALF_PITCH_HZ 660.0f
#define BEAT_HZ 660.0f
#define MAX_RESIDUAL 0.17f        /* -7.7 dB: noise at 10 dB SNR, and a ramp's quiet end */
#define LOW_MAX_RESIDUAL 0.089f   /* -10.5 dB */
#define LOW_SHORT_RESIDUAL 0.025f /* -16 dB */
#define SHORT_MAX_RESIDUAL 0.13f  /* -8.9 dB: of short tones and pairs */
#define CLEAN_RESIDUAL 0.01f      /* -20 dB: µ-law and windowing leave no less at an edge */
#define RESIDUAL_OVER_AFTER 3.16f /* 5 dB: the noise after the tone is the noise during it */
#define SILENCE 6.3e-6f           /* -52 dBov: silent frames are not measured */
/* A beep usually ends in something quieter. Louder noise (a room) may follow a tone that was clean, but no other tone. */
#define MAX_AFTER 0.25f           /* -6 dB */
#define MAX_NOISE_AFTER 4.0f      /* 6 dB */
#define TONE_AFTER 0.03f          /* -15 dB, or, after a clean tone, … */
#define LOUD_TONE_AFTER 0.56f     /* … -2.5 dB */
#define MAX_TONE_AFTER 0.7f       /* share of the strongest tone */
#define MAX_TONAL_AFTER 0.96f     /* share of all tones: notes, where a room has 0.8 */
#define NOISE_RESIDUAL 0.016f     /* -18 dB: what counts as clean … */
#define CLEANER_RESIDUAL 0.063f   /* … -12 dB, for a long tone … */
#define LONG_RESIDUAL 0.005f      /* … -23 dB, for a long low tone */
#define HIGH_HZ 600.0f            /* voices hold no such tone … */
#define HIGH_RESIDUAL 0.08f       /* … with -11 dB beside it … */
#define NOISE_TONE_SHARE 0.45f    /* … and then noise */
#define MAX_LOW 0.12f             /* power below 219 Hz */
#define MAX_DRIFT 0.052f          /* of the frequency, over the whole tone */
#define LOW_MAX_DRIFT 0.012f
#define MAX_RANGE 316.0f          /* 25 dB */
#define DUAL_MAX_DRIFT 0.005f
#define EXTRA_MIN_SHARE 0.015f
#define MAX_HARMONICS 1.3f
#define MAX_SPREAD 0.55f
#define MAX_PEAKED 0.35f          /* of what sounds beside the tone, in its strongest tone: noise has 0.1 to 0.2 */

#define CONSTANT_RANGE 1.6f       /* 2 dB */
#define CONSTANT_SHARE 0.88f
#define PAUSE_POWER 0.03f         /* -15 dB */
#define HOLED_RESIDUAL 0.089f     /* -10.5 dB, … */
#define LOW_HOLED_RESIDUAL 0.025f /* … -16 dB */

/* Part of the frames in which the amplitude bends by more than `limit` of its mean. */
static float rough_share(const tp_beep_measures *m, float limit)
{
    float mean = 0.0f;
    size_t rough = 0, count = 0;
    for (size_t i = 0; i < m->span; i++)
        mean += m->whole[i] ? sqrtf(m->core[i].main_power) / (float)m->size : 0.0f;
    for (size_t i = 1; i + 1 < m->span; i++) {
        const tp_tone_frame *f = &m->core[i];
        if (!m->whole[i - 1] || !m->whole[i] || !m->whole[i + 1])
            continue;
        const float bend = sqrtf(f[-1].main_power) - 2.0f * sqrtf(f[0].main_power) + sqrtf(f[1].main_power);
        rough += fabsf(bend) > limit * mean;
        count++;
    }
    return count > 0 ? (float)rough / (float)count : 1.0f;
}

/* Part of the frames in which the second tone lies half-way between multiples of the main one: a voice whose pitch is
 * half of the main tone. */
static float half_pitch_share(const tp_beep_measures *m)
{
    size_t found = 0;
    for (size_t i = 0; i < m->span; i++) {
        const tp_tone_frame *f = &m->core[i];
        if (!m->whole[i] || f->main_hz <= 0.0f)
            continue;
        const float ratio = f->second_hz / f->main_hz, off = ratio - 0.5f - floorf(ratio);
        found += f->second_power > 0.002f * f->main_power && fabsf(off) < 0.018f;
    }
    return (float)found / (float)m->size;
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
        sum += after[i].main_hz > TP_BEEP_MIN_HZ ? after[i].main_power : 0.0f;
    return sum / (2.0f * after_power(after));
}

/* The share of all its tones. */
static float after_tonal_share(const tp_tone_frame *after)
{
    float sum = 0.0f;
    for (int i = 0; i < 2; i++)
        sum += after[i].main_hz > TP_BEEP_MIN_HZ ? after[i].main_power + after[i].second_power + after[i].harmonic_power : 0.0f;
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
        if (is_near(low, pairs_hz[i][0], 0.025f) && is_near(high, pairs_hz[i][1], 0.025f))
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

/* Nothing but noise beside the tone, and no more of it than stays afterwards. */
static int is_pure(const tp_beep_measures *m, const tp_tone_frame *after)
{
    const float max = m->is_low                        ? LOW_MAX_RESIDUAL
                       : m->n < SHORT_FRAMES || m->dual ? SHORT_MAX_RESIDUAL
                                                        : MAX_RESIDUAL;
    if (m->low > MAX_LOW * m->total || m->residual > max)
        return 0;
    if (m->second_steady && !m->dual && m->second > EXTRA_MIN_SHARE * m->total)
        return 0;
    if (m->residual <= CLEAN_RESIDUAL)
        return 1;
    const float beside = m->total - m->tone;
    if (!m->dual && m->second > MAX_PEAKED * beside && m->f2.middle > TP_BEEP_MIN_HZ)
        return 0;
    return beside / (float)m->size <= RESIDUAL_OVER_AFTER * after_power(after);
}

/* Frequency and level as a machine makes them. */
static int is_steady(const tp_beep_measures *m)
{
    /* Noise alone makes the measured frequency wander by this much (rms); the edges of a short tone add to it. */
    const float noise_hz = 0.1f + (m->n >= SETTLED_FRAMES && m->is_low ? 6.0f : 3.1f) * sqrtf(m->own_residual);
    const float edge_hz = (m->n < EDGY_FRAMES && !m->is_low ? 0.001f : 0.00065f) * m->f.middle;
    if (m->f.rms > (noise_hz > edge_hz ? noise_hz : edge_hz) || m->max > MAX_RANGE * m->min)
        return 0;
    if (m->drift > (m->dual ? DUAL_MAX_DRIFT : m->is_low && m->n < LONG_FRAMES ? LOW_MAX_DRIFT : MAX_DRIFT))
        return 0;
    if (m->is_low && (m->n < LOW_MIN_FRAMES || (m->n < LONG_FRAMES && m->residual > LOW_SHORT_RESIDUAL)))
        return 0;
    if (m->f.middle < LOWEST_HZ && m->n < LOWEST_MIN_FRAMES)
        return 0;
    /* A hump of n frames bends by (pi/n)² of its amplitude from frame to frame. */
    const float hump = (m->is_low ? 6.0f : 16.0f) / ((float)m->n * (float)m->n);
    return rough_share(m, 0.03f + 0.3f * sqrtf(m->own_residual) + hump) <= 0.4f;
}

static int is_voice(const tp_beep_measures *m)
{
    if (m->harmonics > MAX_HARMONICS * m->main)
        return 1;
    if (m->dual)
        return is_voice_pair(m->f.middle, m->f2.middle);
    return m->f.middle < HALF_PITCH_HZ && half_pitch_share(m) > 0.4f;
}

/* Does something as loud, or another tone, follow? */
static int goes_on(const tp_beep_measures *m, const tp_tone_frame *after, float power)
{
    const float level = after_power(after) / power, tone_share = after_tone_share(after);
    const int clean = (!m->is_low && (m->residual < NOISE_RESIDUAL || (m->residual < CLEANER_RESIDUAL && m->n >= LONG_FRAMES)))
                      || (m->residual < LONG_RESIDUAL && m->n >= 2 * LONG_FRAMES)
                      || (m->f.middle > HIGH_HZ && m->residual < HIGH_RESIDUAL && tone_share < NOISE_TONE_SHARE);
    return level > (clean ? MAX_NOISE_AFTER : MAX_AFTER)
           || (level > MAX_AFTER && after_tonal_share(after) > MAX_TONAL_AFTER)
           || (level > (clean ? LOUD_TONE_AFTER : TONE_AFTER) && tone_share > MAX_TONE_AFTER);
}

/* One level, or two with a step between, in nearly all frames. */
static int has_constant_levels(const tp_beep_measures *m)
{
    float max = m->max;
    size_t found = 0;
    for (int level = 0; level < 2; level++) {
        float next = 0.0f;
        for (size_t i = 0; i < m->span; i++) {
            const float power = m->whole[i] ? m->core[i].main_power : 0.0f;
            if (power > max || power <= 0.0f)
                continue;
            if (power * CONSTANT_RANGE > max)
                found++;
            else
                next = power > next ? power : next;
        }
        max = next;
    }
    return (float)found >= CONSTANT_SHARE * (float)m->size;
}

static int is_network(const tp_beep_measures *m, float seconds)
{
    if (m->dual)
        return is_key(m->f.middle, m->f2.middle) || is_network_pair(m->f.middle, m->f2.middle);
    if (m->spread > MAX_SPREAD && m->f.middle < BEAT_HZ)
        return 1; /* ringback and dial tones of two or three tones that beat */
    /* Networks send sines of constant level. */
    if (!has_constant_levels(m))
        return 0;
    const int is_sine = m->harmonics < 0.6f * (m->total - m->main) || m->harmonics < 0.0005f * m->main;
    return is_sine && m->drift < 0.003f && is_network_single(m->f.middle, seconds);
}

/* What a tone is that nothing disturbs but noise. */
static tp_beep_verdict assess(const tp_beep_measures *m, const tp_tone_frame *after, const tp_beep_shape *shape)
{
    if (shape->power < MIN_POWER)
        return TP_BEEP_QUIET;
    if (m->f.middle < TP_BEEP_MIN_HZ || m->f.middle > MAX_HZ)
        return TP_BEEP_VOICE;
    if (!is_pure(m, after))
        return TP_BEEP_IMPURE;
    if (!is_steady(m))
        return TP_BEEP_UNSTEADY;
    if (is_voice(m))
        return TP_BEEP_VOICE;
    if (goes_on(m, after, shape->power))
        return TP_BEEP_GOES_ON;
    if (is_network(m, 0.01f * (shape->end_frame - shape->start_frame)))
        return TP_BEEP_NETWORK;
    return TP_BEEP_YES;
}

/* The same, where holes and steps disturb it; `verdict` is what the tone is when they count. */
static tp_beep_verdict assess_holed(const tp_tone_frame *frames, size_t n, const tp_tone_frame *after, tp_beep_verdict verdict,
                                    tp_beep_shape *shape)
{
    uint8_t whole[MAX_FRAMES];
    tp_beep_shape mended_shape;
    if (!tp_beep_find_holes(frames, n, whole))
        return verdict;
    const tp_beep_measures m = tp_beep_measure(frames, n, whole, 3, &mended_shape);
    if (m.f.middle < LOWEST_HZ || m.residual > (m.is_low ? LOW_HOLED_RESIDUAL : HOLED_RESIDUAL)
        || (m.is_low && m.size < (m.drift > LOW_MAX_DRIFT ? LONG_FRAMES : LOW_MIN_WHOLE)))
        return verdict;
    const tp_beep_verdict mended = assess(&m, after, &mended_shape);
    if (verdict == TP_BEEP_YES && mended != TP_BEEP_NETWORK)
        return verdict;
    *shape = mended_shape;
    return mended;
}

/* First frame after the last pause inside the tone, 0 when there is none: a beep of two parts, each with its own chirp. */
static size_t last_component(const tp_tone_frame *frames, size_t n)
{
    float loudest = 0.0f;
    for (size_t i = 0; i < n; i++)
        loudest = frames[i].total > loudest ? frames[i].total : loudest;
    for (size_t i = n - MIN_FRAMES; i >= MIN_FRAMES && i < n; i--)
        if (frames[i].total < PAUSE_POWER * loudest)
            return i + 1;
    return 0;
}

tp_beep_verdict tp_beep_judge(const tp_tone_frame *frames, size_t n, const tp_tone_frame *after, tp_beep_shape *shape)
{
    if (n < MIN_FRAMES || n > MAX_FRAMES)
        return TP_BEEP_SHORT;
    uint8_t whole[MAX_FRAMES];
    tp_beep_trim_edges(frames, n, whole);
    const tp_beep_measures m = tp_beep_measure(frames, n, whole, 2, shape);
    tp_beep_verdict verdict = assess(&m, after, shape);
    if (verdict == TP_BEEP_YES || verdict == TP_BEEP_IMPURE || verdict == TP_BEEP_UNSTEADY)
        verdict = assess_holed(frames, n, after, verdict, shape);
    const size_t component = verdict == TP_BEEP_UNSTEADY ? last_component(frames, n) : 0;
    if (component > 0 && n - component >= MIN_FRAMES) {
        tp_beep_shape second;
        tp_beep_trim_edges(frames + component, n - component, whole);
        const tp_beep_measures p = tp_beep_measure(frames + component, n - component, whole, 2, &second);
        if (assess(&p, after, &second) == TP_BEEP_YES) {
            second.start_frame = shape->start_frame;
            second.end_frame += (float)component;
            *shape = second;
            return TP_BEEP_YES;
        }
    }
    return verdict;
}
