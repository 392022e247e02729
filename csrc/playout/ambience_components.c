#include "playout/ambience_components.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.2831853f

static float uniform(component_canvas *c, float low, float high)
{
    c->seed = c->seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(c->seed >> 8) * (1.0f / 16777216.0f);
}

/* Nearly Gaussian, variance 1: the sum of four 16 bit numbers. */
static inline float noise(component_canvas *c)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    const uint64_t r = c->random ^ c->random >> 29;
    const int32_t sum = (int32_t)(r & 0xFFFF) + (int32_t)(r >> 16 & 0xFFFF) + (int32_t)(r >> 32 & 0xFFFF) + (int32_t)(r >> 48);
    return ((float)sum - 131070.0f) * (1.0f / 37837.0f);
}

/* sin(2π·phase), 0 <= phase < 1, within 0.06. */
static inline float sine(float phase)
{
    const float t = 2.0f * phase - 1.0f;
    return -4.0f * t * (1.0f - fabsf(t));
}

static size_t anywhere(component_canvas *c)
{
    return (size_t)uniform(c, 0.0f, (float)c->n - 1.0f);
}

/* A resonator: unit gain at its peak, roughly. */
typedef struct pole_pair {
    float a1, a2, gain, y1, y2;
} pole_pair;

static pole_pair resonator(const component_canvas *c, float hz, float bandwidth_hz)
{
    const float top_hz = 0.46f * c->rate_hz;
    hz = hz < top_hz ? hz : top_hz;
    const float r = expf(-0.5f * TWO_PI * bandwidth_hz / c->rate_hz);
    const float a1 = 2.0f * r * cosf(TWO_PI * hz / c->rate_hz);
    return (pole_pair){ a1, -r * r, (1.0f - r) * sqrtf(1.0f - a1 * a1 / (4.0f * r * r) + 1e-4f) * 2.0f, 0.0f, 0.0f };
}

static inline float ring(pole_pair *p, float x)
{
    const float y = p->gain * x + p->a1 * p->y1 + p->a2 * p->y2;
    p->y2 = p->y1;
    p->y1 = y;
    return y;
}

/* One-pole low-pass. */
static float smoothing(const component_canvas *c, float hz)
{
    return 1.0f - expf(-TWO_PI * hz / c->rate_hz);
}

static float rms(const float *x, size_t n)
{
    double sum = 1e-20;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return (float)sqrt(sum / (double)n);
}

/* Adds the scratch at a level, and clears it. */
static void add_scratch(component_canvas *c, float level)
{
    const float scale = level / rms(c->scratch, c->n);
    for (size_t i = 0; i < c->n; i++)
        c->x[i] += scale * c->scratch[i];
    memset(c->scratch, 0, c->n * sizeof *c->scratch);
}

/* Low-passes the scratch twice, round its end. */
static void soften_scratch(component_canvas *c, float hz)
{
    const float k = smoothing(c, hz);
    const size_t warm = c->n < 8192 ? c->n : 8192;
    float a = 0.0f, b = 0.0f;
    for (size_t i = c->n - warm; i < c->n; i++) {
        a += k * (c->scratch[i] - a);
        b += k * (a - b);
    }
    for (size_t i = 0; i < c->n; i++) {
        a += k * (c->scratch[i] - a);
        b += k * (a - b);
        c->scratch[i] = b;
    }
}

/* A slow swell that goes round: 1 ± depth. */
static float swell(float phase, float a, float b, float depth)
{
    return 1.0f + depth * (0.6f * sinf(TWO_PI * (3.0f * phase + a)) + 0.4f * sinf(TWO_PI * (7.0f * phase + b)));
}

void component_air(component_canvas *c, float level, float corner_hz)
{
    for (size_t i = 0; i < c->n; i++)
        c->scratch[i] = noise(c);
    soften_scratch(c, corner_hz);
    const float a = uniform(c, 0.0f, 1.0f), b = uniform(c, 0.0f, 1.0f);
    float gain = 1.0f;
    for (size_t i = 0; i < c->n; i++) {
        if (i % 64 == 0)
            gain = swell((float)i / (float)c->n, a, b, 0.15f);
        c->scratch[i] *= gain;
    }
    add_scratch(c, level);
}

void component_hum(component_canvas *c, float level, float hz)
{
    const float seconds = (float)c->n / c->rate_hz, whole_hz = rintf(hz * seconds) / seconds;
    for (size_t i = 0; i < c->n; i++) {
        const float phase = TWO_PI * fmodf(whole_hz * (float)i / c->rate_hz, 1.0f);
        c->x[i] += level * (sinf(phase) + 0.4f * sinf(2.0f * phase) + 0.2f * sinf(3.0f * phase));
    }
}

/* --- things that are struck -------------------------------------------------------------------------------------------- */

/* A damped resonance with a noisy attack, from sample `at` on. */
static void strike(component_canvas *c, size_t at, float hz, float decay_s, float attack_noise, float level)
{
    pole_pair body = resonator(c, hz, 1.0f / decay_s);
    const size_t length = (size_t)(6.0f * decay_s * c->rate_hz), attack = (size_t)(0.004f * c->rate_hz);
    float peak = 1e-9f;
    const size_t from = length < c->n ? length : c->n;
    for (size_t i = 0; i < from; i++) {
        const float left = i < attack ? 1.0f - (float)i / (float)attack : 0.0f;
        const float hit = left * left * noise(c);
        const float v = ring(&body, hit) + attack_noise * body.gain * hit;
        c->scratch[i] = v;
        peak = fabsf(v) > peak ? fabsf(v) : peak;
    }
    for (size_t i = 0; i < from; i++) {
        c->x[(at + i) % c->n] += level / peak * c->scratch[i];
        c->scratch[i] = 0.0f;
    }
}

static void key(component_canvas *c, size_t at, float hz, float level)
{
    const float heavy = uniform(c, 0.0f, 1.0f) < 0.15f ? 1.5f : 1.0f; /* space and return */
    strike(c, at, hz * uniform(c, 0.8f, 1.25f) / heavy, 0.004f, 1.5f, level * heavy * uniform(c, 0.5f, 1.0f));
    strike(c, at + (size_t)(0.002f * c->rate_hz), uniform(c, 240.0f, 420.0f) / heavy, 0.012f, 0.1f, 0.5f * level * heavy);
    const size_t release = at + (size_t)(uniform(c, 0.060f, 0.110f) * c->rate_hz);
    strike(c, release, hz * uniform(c, 1.1f, 1.5f), 0.003f, 1.5f, 0.35f * level * uniform(c, 0.5f, 1.0f));
}

void component_typing(component_canvas *c, float level, float keys_per_s, float hz, float share)
{
    float t = uniform(c, 0.05f, 0.3f);
    const float end = (float)c->n / c->rate_hz - 0.2f;
    while (t < end) {
        for (int left = (int)uniform(c, 4.0f, 18.0f); left > 0 && t < end; left--) {
            key(c, (size_t)(t * c->rate_hz), hz, level);
            const float u = uniform(c, 0.0f, 1.0f);
            t += (0.45f + 0.6f * u + 0.9f * u * u * u) / keys_per_s;
        }
        const float pause = uniform(c, 0.3f, 1.1f);
        t += pause + (1.0f - share) * 4.0f * pause;
    }
}

void component_knocks(component_canvas *c, int count, float level, float hz, float decay_s)
{
    while (count-- > 0)
        strike(c, anywhere(c), hz * uniform(c, 0.6f, 2.2f), decay_s * uniform(c, 0.5f, 1.0f), 0.3f,
               level * uniform(c, 0.3f, 1.0f));
}

void component_clinks(component_canvas *c, int count, float level)
{
    while (count-- > 0) {
        const size_t at = anywhere(c);
        const float hz = uniform(c, 1700.0f, 3300.0f), loud = level * uniform(c, 0.2f, 1.0f);
        strike(c, at, hz, uniform(c, 0.015f, 0.060f), 0.1f, loud);
        strike(c, at, hz * 1.47f, uniform(c, 0.010f, 0.030f), 0.1f, 0.5f * loud);
    }
}

void component_rustle(component_canvas *c, int count, float level)
{
    while (count-- > 0) {
        const size_t at = anywhere(c), length = (size_t)(uniform(c, 0.3f, 0.8f) * c->rate_hz);
        const float crackle = smoothing(c, 60.0f), top = smoothing(c, 900.0f);
        float grain = 0.0f, low = 0.0f;
        for (size_t i = 0; i < length; i++) {
            const float along = (float)i / (float)length, w = noise(c);
            grain += crackle * (fabsf(noise(c)) - grain);
            low += top * (w - low);
            c->x[(at + i) % c->n] += level * (w - low) * grain * sinf(0.5f * TWO_PI * along) * (along < 0.5f ? 1.0f : 0.6f);
        }
    }
}

void component_steps(component_canvas *c, float level)
{
    const float seconds = (float)c->n / c->rate_hz;
    const int steps = (int)(seconds / 0.55f);
    const float first = uniform(c, 0.0f, seconds);
    for (int k = 0; k < steps; k++) {
        const float near = sinf(0.5f * TWO_PI * ((float)k + 0.5f) / (float)steps); /* comes, and goes */
        const float at_s = fmodf(first + (float)k * 0.55f + uniform(c, -0.02f, 0.02f), seconds);
        const size_t at = (size_t)(at_s * c->rate_hz) % c->n;
        strike(c, at, uniform(c, 110.0f, 160.0f), 0.018f, 0.4f, level * near * near);
        strike(c, at + (size_t)(0.03f * c->rate_hz), uniform(c, 900.0f, 1500.0f), 0.006f, 1.0f, 0.3f * level * near * near);
    }
}

/* --- things that pass, and the room ------------------------------------------------------------------------------------- */

void component_cars(component_canvas *c, int count, float level)
{
    while (count-- > 0) {
        const float seconds = uniform(c, 5.0f, 9.0f), near = level * uniform(c, 0.25f, 1.0f);
        const size_t length = (size_t)(seconds * c->rate_hz), at = anywhere(c);
        const float engine_hz = uniform(c, 55.0f, 110.0f);
        float low = 0.0f, soft = 0.0f, lower = 0.0f, phase = 0.0f, k = 0.0f, gain = 0.0f, advance = 0.0f;
        for (size_t i = 0; i < length; i++) {
            if (i % 32 == 0) {
                const float t = ((float)i / (float)length - 0.5f) * seconds; /* 0: it is here */
                const float distance = 1.0f + 2.2f * t * t;
                k = smoothing(c, 500.0f + 1300.0f / distance); /* the farther, the duller */
                gain = near * sinf(0.5f * TWO_PI * (float)i / (float)length) / distance;
                advance = engine_hz * (1.0f - 0.06f * t / sqrtf(0.5f + t * t)) / c->rate_hz; /* Doppler */
            }
            low += k * (noise(c) - low);
            soft += k * (low - soft);
            lower += 0.05f * (soft - lower);
            phase += advance;
            phase -= floorf(phase);
            const float third = 3.0f * phase - floorf(3.0f * phase), second = 2.0f * phase - floorf(2.0f * phase);
            const float engine = sine(phase) + 0.6f * sine(second) + 0.5f * sine(third);
            c->x[(at + i) % c->n] += gain * (2.4f * (soft - lower) + 0.12f * engine);
        }
    }
}

void component_horns(component_canvas *c, int count, float level)
{
    while (count-- > 0) {
        const size_t at = anywhere(c), length = (size_t)(uniform(c, 0.25f, 0.7f) * c->rate_hz);
        const float hz = uniform(c, 330.0f, 420.0f), k = smoothing(c, 900.0f);
        float low = 0.0f;
        for (size_t i = 0; i < length; i++) {
            const float t = (float)i / c->rate_hz, left = (float)(length - i) / c->rate_hz;
            const float edge = fminf(1.0f, fminf(t, left) / 0.04f);
            const float reeds = fmodf(hz * t, 1.0f) + fmodf(1.26f * hz * t, 1.0f) - 1.0f;
            low += k * (reeds - low);
            c->x[(at + i) % c->n] += level * edge * low;
        }
    }
}

void component_telephone(component_canvas *c)
{
    const float k = smoothing(c, 160.0f);
    for (int pass = 0; pass < 2; pass++) {
        float low = 0.0f;
        for (size_t i = c->n > 4096 ? c->n - 4096 : 0; i < c->n; i++)
            low += k * (c->x[i] - low);
        for (size_t i = 0; i < c->n; i++) {
            low += k * (c->x[i] - low);
            c->x[i] -= low;
        }
    }
}

/* Four combs and two all-passes on what is there, run twice round so that the loop has no beginning. */
void component_room(component_canvas *c, float decay_s)
{
    static const float COMB_S[4] = { 0.0297f, 0.0371f, 0.0411f, 0.0437f };
    static const float ALL_PASS_S[2] = { 0.0050f, 0.0017f };
    float *wet = c->scratch;
    memset(wet, 0, c->n * sizeof *wet);
    for (int k = 0; k < 4; k++) {
        const size_t delay = (size_t)(COMB_S[k] * c->rate_hz);
        const float gain = powf(10.0f, -3.0f * COMB_S[k] / decay_s), damp = smoothing(c, 2600.0f);
        float line[2400] = { 0 }, low = 0.0f; /* 48 kHz · 45 ms */
        for (size_t i = 0; i < 2 * c->n; i++) {
            const size_t at = i % c->n, slot = i % delay;
            low += damp * (line[slot] - low);
            if (i >= c->n)
                wet[at] += line[slot];
            line[slot] = c->x[at] + gain * low;
        }
    }
    for (int k = 0; k < 2; k++) {
        const size_t delay = (size_t)(ALL_PASS_S[k] * c->rate_hz);
        float line[256] = { 0 };
        for (size_t i = 0; i < c->n + 4096; i++) { /* the first 4096 only fill the line */
            const size_t at = (i + c->n - 4096 % c->n) % c->n, slot = i % delay;
            const float in = wet[at], out = line[slot] - 0.6f * in;
            line[slot] = in + 0.6f * out;
            if (i >= 4096)
                wet[at] = out;
        }
    }
    for (size_t i = 0; i < c->n; i++)
        c->x[i] = 0.75f * c->x[i] + 0.18f * wet[i];
    memset(wet, 0, c->n * sizeof *wet);
}
