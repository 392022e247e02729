#include "talkpath/ambience.h"

#include <math.h>
#include <string.h>

#include "playout/ambience_components.h"
#include "talkpath/talkpath.h"

#define LEVEL_DBOV -26.0f
#define PEAK 0.7f

typedef struct scene {
    const char *name;
    float seconds;
    void (*compose)(component_canvas *c);
} scene;

static void office(component_canvas *c)
{
    component_air(c, 0.016f, 420.0f);
    component_hum(c, 0.002f, 120.0f);
    component_voices(c, 3, 0.028f, 1500.0f);
    component_typing(c, 0.110f, 5.5f, 1800.0f, 0.6f);
    component_knocks(c, 6, 0.10f, 240.0f, 0.040f); /* cups, drawers, chairs */
    component_rustle(c, 4, 0.022f);
    component_room(c, 0.42f);
}

static void city_street(component_canvas *c)
{
    component_air(c, 0.045f, 260.0f);
    component_cars(c, 7, 0.110f);
    component_steps(c, 0.120f);
    component_voices(c, 2, 0.012f, 1800.0f);
    component_horns(c, 2, 0.045f);
    component_room(c, 0.30f);
}

static void crowded_room(component_canvas *c)
{
    component_air(c, 0.010f, 300.0f);
    component_voices(c, 10, 0.075f, 2600.0f);
    component_clinks(c, 14, 0.090f);
    component_knocks(c, 7, 0.04f, 160.0f, 0.040f);
    component_room(c, 0.55f);
}

static void call_center(component_canvas *c)
{
    component_air(c, 0.012f, 350.0f);
    component_voices(c, 7, 0.055f, 3000.0f);
    component_typing(c, 0.130f, 6.0f, 2200.0f, 0.8f);
    component_typing(c, 0.080f, 5.0f, 1800.0f, 0.6f);
    component_room(c, 0.36f);
}

static void typing(component_canvas *c)
{
    component_air(c, 0.0012f, 350.0f);
    component_typing(c, 0.200f, 7.0f, 3000.0f, 0.75f);
    component_room(c, 0.18f);
}

static void typing_short(component_canvas *c)
{
    component_air(c, 0.0012f, 350.0f);
    component_typing(c, 0.200f, 8.0f, 3000.0f, 1.0f);
    component_room(c, 0.18f);
}

static const scene SCENES[TP_AMBIENCE_SOUNDS] = {
    { "office", 16.0f, office },           { "city-street", 18.0f, city_street }, { "crowded-room", 14.0f, crowded_room },
    { "call-center", 16.0f, call_center }, { "typing", 12.0f, typing },           { "typing-short", 2.6f, typing_short },
};

static int known(int sound, int sample_rate_hz)
{
    return sound >= 0 && sound < TP_AMBIENCE_SOUNDS
           && (sample_rate_hz == 8000 || sample_rate_hz == 16000 || sample_rate_hz == 24000 || sample_rate_hz == 48000);
}

const char *tp_ambience_name(int sound)
{
    return known(sound, 8000) ? SCENES[sound].name : NULL;
}

size_t tp_ambience_samples(int sound, int sample_rate_hz)
{
    return known(sound, sample_rate_hz) ? (size_t)(SCENES[sound].seconds * (float)sample_rate_hz) : 0;
}

/* Mean power of the 20 ms blocks within 20 dB of the loudest. */
static float active_power(const float *x, size_t n, size_t block)
{
    float loudest = 0.0f, sum = 0.0f;
    size_t blocks = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t b = 0; b + block <= n; b += block) {
            float power = 1e-12f;
            for (size_t i = 0; i < block; i++)
                power += x[b + i] * x[b + i] / (float)block;
            if (pass == 0)
                loudest = power > loudest ? power : loudest;
            else if (power > 0.01f * loudest) {
                sum += power;
                blocks++;
            }
        }
    return sum / (float)blocks;
}

int tp_ambience_generate(int sound, int sample_rate_hz, int16_t *loop, float *work)
{
    if (!known(sound, sample_rate_hz))
        return TP_ECONFIG;
    component_canvas c = { work, work + tp_ambience_samples(sound, sample_rate_hz), tp_ambience_samples(sound, sample_rate_hz),
                      (float)sample_rate_hz, 0x5EEDu + (uint32_t)sound, 0x5EEDu };
    memset(c.x, 0, 2 * c.n * sizeof *c.x);
    SCENES[sound].compose(&c);
    component_telephone(&c);
    const float scale = powf(10.0f, LEVEL_DBOV / 20.0f) / sqrtf(active_power(c.x, c.n, (size_t)(c.rate_hz / 50.0f)));
    for (size_t i = 0; i < c.n; i++) {
        float v = c.x[i] * scale;
        const float beyond = (fabsf(v) - 0.5f * PEAK) / (0.5f * PEAK); /* the few peaks above half of PEAK are bent below it */
        if (beyond > 0.0f)
            v = copysignf(0.5f * PEAK * (1.0f + beyond / (1.0f + beyond)), v);
        loop[i] = (int16_t)lrintf(v * 32768.0f);
    }
    return TP_OK;
}
