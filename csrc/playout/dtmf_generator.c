#include "talkpath/dtmf_generator.h"

#include <math.h>
#include <string.h>

#include "talkpath/talkpath.h"

#define TWO_PI 6.283185307179586

static const double LOW_HZ[4] = { 697.0, 770.0, 852.0, 941.0 };
static const double HIGH_HZ[4] = { 1209.0, 1336.0, 1477.0, 1633.0 };
static const char KEYS[] = "123A456B789C*0#D";

typedef struct oscillator {
    double coefficient; /* 2·cos(step) */
    double y1, y2;      /* the two newest values */
} oscillator;

struct tp_dtmf_generator {
    tp_dtmf_generator_config config;
    double low_amplitude, high_amplitude; /* in int16 units */
    size_t tone_samples, gap_samples, ramp_samples;
    oscillator low, high;
    size_t at;        /* sample within the present key and its gap */
    size_t keys;      /* keys still to come, the present one included … */
    size_t first_key; /* … in this ring */
    char ring[TP_DTMF_GENERATOR_KEYS];
};

const char *tp_dtmf_generator_check(const tp_dtmf_generator_config *c)
{
    if (c->sample_rate_hz < 8000 || c->sample_rate_hz > 48000)
        return "sample_rate must be 8000 to 48000";
    if (c->tone_ms < 20 || c->tone_ms > 10000)
        return "tone_ms must be 20 to 10000";
    if (c->gap_ms < 0 || c->gap_ms > 10000)
        return "gap_ms must be 0 to 10000";
    if (!(c->level_dbov >= -45.0f && c->level_dbov <= -6.0f))
        return "level_dbov must be -45 to -6";
    if (!(c->twist_db >= -12.0f && c->twist_db <= 12.0f))
        return "twist_db must be -12 to 12";
    return NULL;
}

size_t tp_dtmf_generator_size(const tp_dtmf_generator_config *config)
{
    return tp_dtmf_generator_check(config) ? 0 : sizeof(tp_dtmf_generator);
}

int tp_dtmf_generator_init(tp_dtmf_generator *g, const tp_dtmf_generator_config *config)
{
    if (tp_dtmf_generator_check(config))
        return TP_ECONFIG;
    g->config = *config;
    tp_dtmf_generator_reset(g);
    return TP_OK;
}

void tp_dtmf_generator_reset(tp_dtmf_generator *g)
{
    const tp_dtmf_generator_config config = g->config;
    memset(g, 0, sizeof *g);
    g->config = config;
    const size_t rate_hz = (size_t)config.sample_rate_hz;
    g->tone_samples = (size_t)config.tone_ms * rate_hz / 1000;
    g->gap_samples = (size_t)config.gap_ms * rate_hz / 1000;
    g->ramp_samples = rate_hz / 1000;
    /* Powers low + high = level and high / low = twist; a sine of amplitude a has the power a²/2. */
    const double power = pow(10.0, (double)config.level_dbov / 10.0), twist = pow(10.0, (double)config.twist_db / 10.0);
    g->low_amplitude = 32768.0 * sqrt(2.0 * power / (1.0 + twist));
    g->high_amplitude = 32768.0 * sqrt(2.0 * power * twist / (1.0 + twist));
}

static size_t key_number(char c)
{
    if (c >= 'a' && c <= 'd')
        c = (char)(c - 'a' + 'A');
    const char *found = c ? strchr(KEYS, c) : NULL;
    return found ? (size_t)(found - KEYS) : 16;
}

int tp_dtmf_is_key(char c)
{
    return key_number(c) < 16;
}

int tp_dtmf_generator_start(tp_dtmf_generator *g, const char *keys, size_t n)
{
    if (n > TP_DTMF_GENERATOR_KEYS - g->keys)
        return TP_ELENGTH;
    for (size_t i = 0; i < n; i++)
        if (!tp_dtmf_is_key(keys[i]))
            return TP_EFORMAT;
    for (size_t i = 0; i < n; i++)
        g->ring[(g->first_key + g->keys + i) % TP_DTMF_GENERATOR_KEYS] = keys[i];
    g->keys += n;
    return TP_OK;
}

size_t tp_dtmf_generator_left(const tp_dtmf_generator *g)
{
    return g->keys * (g->tone_samples + g->gap_samples) - g->at;
}

/* Starts at phase 0. */
static void start(oscillator *o, double frequency_hz, double amplitude, int sample_rate_hz)
{
    const double step = TWO_PI * frequency_hz / sample_rate_hz;
    o->coefficient = 2.0 * cos(step);
    o->y1 = -amplitude * sin(step);
    o->y2 = -amplitude * sin(2.0 * step);
}

static double next(oscillator *o)
{
    const double y = o->coefficient * o->y1 - o->y2;
    o->y2 = o->y1;
    o->y1 = y;
    return y;
}

static int16_t to_int16(double v)
{
    const double r = floor(v + 0.5);
    return (int16_t)(r > 32767.0 ? 32767.0 : r < -32768.0 ? -32768.0 : r);
}

/* Raised cosine at both ends of the tone. */
static double ramp(const tp_dtmf_generator *g, size_t at)
{
    const size_t left = g->tone_samples - 1 - at, edge = at < left ? at : left;
    if (edge >= g->ramp_samples)
        return 1.0;
    return 0.5 - 0.5 * cos(0.5 * TWO_PI * ((double)edge + 0.5) / (double)g->ramp_samples);
}

size_t tp_dtmf_generator_process(tp_dtmf_generator *g, int16_t *pcm, size_t n)
{
    size_t written = 0;
    while (written < n && g->keys > 0) {
        if (g->at == 0) {
            const size_t key = key_number(g->ring[g->first_key]);
            start(&g->low, LOW_HZ[key / 4], g->low_amplitude, g->config.sample_rate_hz);
            start(&g->high, HIGH_HZ[key % 4], g->high_amplitude, g->config.sample_rate_hz);
        }
        for (; written < n && g->at < g->tone_samples; g->at++)
            pcm[written++] = to_int16(ramp(g, g->at) * (next(&g->low) + next(&g->high)));
        for (; written < n && g->at >= g->tone_samples && g->at < g->tone_samples + g->gap_samples; g->at++)
            pcm[written++] = 0;
        if (g->at == g->tone_samples + g->gap_samples) {
            g->at = 0;
            g->first_key = (g->first_key + 1) % TP_DTMF_GENERATOR_KEYS;
            g->keys--;
        }
    }
    return written;
}
