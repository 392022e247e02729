/* People talking: glottal pulses and breath through moving formants, in phrases. Nobody says anything. */
#include <math.h>
#include <string.h>

#include "playout/ambience_components.h"

#define TWO_PI 6.2831853f
#define VOWELS 9

/* First three formants of a man's vowels in Hz (G. Peterson, H. Barney, "Control methods used in a study of the vowels",
 * JASA 24, 1952). */
static const float FORMANTS_HZ[VOWELS][3] = {
    { 270, 2290, 3010 }, { 390, 1990, 2550 }, { 530, 1840, 2480 }, { 660, 1720, 2410 }, { 730, 1090, 2440 },
    { 570, 840, 2410 },  { 440, 1020, 2240 }, { 300, 870, 2240 },  { 490, 1350, 1690 },
};

typedef struct voice {
    uint32_t seed;
    float size;     /* formants against a man's: 1 … 1.2    */
    float pitch_hz; /* its middle                            */
    float formant_hz[3], target_hz[3];
    float y[3][2];
    float phase, breath, loudness, loudness_target, pitch, pitch_target;
} voice;

static float draw(voice *v, float low, float high)
{
    v->seed = v->seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(v->seed >> 8) * (1.0f / 16777216.0f);
}

/* A new sound for 50 to 180 ms: mostly vowels, between them fricatives and stops. */
static float next_sound(voice *v, int *left_in_phrase)
{
    if (--*left_in_phrase <= 0) { /* breathe in, listen */
        *left_in_phrase = (int)draw(v, 8.0f, 40.0f);
        v->loudness_target = v->breath = 0.0f;
        v->pitch_target = v->pitch_hz * draw(v, 1.1f, 1.35f);
        return draw(v, 0.25f, 1.6f);
    }
    const int vowel = (int)draw(v, 0.0f, VOWELS - 0.01f);
    for (int k = 0; k < 3; k++)
        v->target_hz[k] = v->size * FORMANTS_HZ[vowel][k];
    const float kind = draw(v, 0.0f, 1.0f);
    v->pitch_target *= draw(v, 0.94f, 1.03f); /* declination, with steps up */
    if (v->pitch_target < 0.8f * v->pitch_hz)
        v->pitch_target = v->pitch_hz * draw(v, 1.0f, 1.25f);
    if (kind < 0.62f) {
        v->loudness_target = draw(v, 0.5f, 1.0f);
        v->breath = 0.03f;
        return draw(v, 0.07f, 0.18f);
    }
    if (kind < 0.85f) { /* nasal, voiced stop */
        v->loudness_target = draw(v, 0.12f, 0.3f);
        v->breath = 0.02f;
        return draw(v, 0.04f, 0.08f);
    }
    v->loudness_target = 0.0f;
    v->breath = kind < 0.94f ? draw(v, 0.10f, 0.35f) : 0.0f;
    return draw(v, 0.04f, 0.10f);
}

static void speak(component_canvas *c, voice *v, float level)
{
    int left_in_phrase = (int)draw(v, 1.0f, 20.0f);
    size_t left = 0;
    float r[3], a1[3];
    const size_t step = 32, overlap = (size_t)(0.4f * c->rate_hz);
    for (int k = 0; k < 3; k++)
        r[k] = expf(-0.5f * TWO_PI * (60.0f + 40.0f * (float)k) / c->rate_hz);
    const float glide = 1.0f - expf(-(float)step / (0.025f * c->rate_hz));
    for (size_t i = 0; i < c->n + overlap; i += step) {
        if (left < step)
            left += (size_t)(next_sound(v, &left_in_phrase) * c->rate_hz);
        left -= step;
        for (int k = 0; k < 3; k++) {
            v->formant_hz[k] += glide * (v->target_hz[k] - v->formant_hz[k]);
            const float top_hz = 0.45f * c->rate_hz;
            a1[k] = 2.0f * r[k] * cosf(TWO_PI * (v->formant_hz[k] < top_hz ? v->formant_hz[k] : top_hz) / c->rate_hz);
        }
        v->loudness += glide * (v->loudness_target - v->loudness);
        v->pitch += 0.3f * glide * (v->pitch_target - v->pitch);
        const float advance = v->pitch * draw(v, 0.985f, 1.015f) / c->rate_hz;
        /* What runs over the end fades into what the beginning had faded in. */
        const float edge = i < overlap ? (float)i / (float)overlap : i > c->n ? 1.0f - (float)(i - c->n) / (float)overlap : 1.0f;
        for (size_t s = 0; s < step; s++) {
            v->phase += advance;
            v->phase -= v->phase >= 1.0f ? 1.0f : 0.0f;
            const float open = v->phase < 0.6f ? v->phase / 0.6f : 0.0f; /* opening slowly, closing at once */
            const float flow = open * open * (1.0f - open) * 6.75f - 0.25f;
            const float source = v->loudness * flow + (v->breath > 0.0f ? v->breath * draw(v, -1.0f, 1.0f) : 0.0f);
            float sum = 0.0f;
            for (int k = 0; k < 3; k++) {
                const float y = source + a1[k] * v->y[k][0] - r[k] * r[k] * v->y[k][1];
                v->y[k][1] = v->y[k][0];
                v->y[k][0] = y;
                sum += (y - v->y[k][1]) * (k == 0 ? 0.05f : k == 1 ? 0.10f : 0.09f);
            }
            c->scratch[(i + s) % c->n] += level * edge * sum;
        }
    }
}

void component_voices(component_canvas *c, int count, float level, float bandwidth_hz)
{
    for (int k = 0; k < count; k++) {
        c->seed = c->seed * 1664525u + 1013904223u;
        voice v = { .seed = c->seed };
        const int man = k % 2 == 0;
        v.size = man ? draw(&v, 0.95f, 1.05f) : draw(&v, 1.10f, 1.20f);
        v.pitch_hz = v.pitch = v.pitch_target = man ? draw(&v, 95.0f, 140.0f) : draw(&v, 170.0f, 230.0f);
        for (int f = 0; f < 3; f++)
            v.formant_hz[f] = v.target_hz[f] = v.size * FORMANTS_HZ[4][f];
        speak(c, &v, draw(&v, 0.4f, 1.0f));
    }
    const float k = 1.0f - expf(-TWO_PI * bandwidth_hz / c->rate_hz);
    float low = 0.0f, sum = 1e-12f;
    for (size_t i = c->n > 4096 ? c->n - 4096 : 0; i < c->n; i++)
        low += k * (c->scratch[i] - low);
    for (size_t i = 0; i < c->n; i++) {
        low += k * (c->scratch[i] - low);
        c->scratch[i] = low;
        sum += low * low;
    }
    const float scale = level / sqrtf(sum / (float)c->n);
    for (size_t i = 0; i < c->n; i++) {
        c->x[i] += scale * c->scratch[i];
        c->scratch[i] = 0.0f;
    }
}
