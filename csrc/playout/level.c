#include "talkpath/level.h"

#include <math.h>
#include <string.h>

#include "talkpath/talkpath.h"

#define HIGH_PASS_HZ 20.0f
#define SILENCE_POWER 1e-6f /* -60 dBov */
#define MARGIN 0.025f       /* -16 dB */
#define AVERAGE_BLOCKS 200.0f
#define GAIN_RANGE_DB 15.0f
#define FIRST_BLOCKS 50.0f /* of speech in which the gain follows quickly */
#define CEILING 0.891f     /* -1 dBov */
#define RELEASE_S 0.06f

struct tp_level {
    tp_level_config config;
    size_t block, block_at;
    float pole, last_in, last_out; /* of the high-pass */
    float block_power;
    float power, blocks; /* of active speech, and how many blocks it is the average of */
    float gain_db, gain, gain_step;
    float limit, release; /* the limiter's gain, and what it keeps of its reduction a sample */
};

const char *tp_level_check(const tp_level_config *c)
{
    if (c->sample_rate_hz < 8000 || c->sample_rate_hz > 48000)
        return "sample_rate must be 8000 to 48000";
    if (!(c->target_dbov >= -35.0f && c->target_dbov <= -10.0f))
        return "target_dbov must be -35 to -10";
    return NULL;
}

size_t tp_level_size(const tp_level_config *config)
{
    return tp_level_check(config) == NULL ? sizeof(tp_level) : 0;
}

int tp_level_init(tp_level *l, const tp_level_config *config)
{
    if (tp_level_check(config) != NULL)
        return TP_ECONFIG;
    l->config = *config;
    tp_level_reset(l);
    return TP_OK;
}

void tp_level_reset(tp_level *l)
{
    const tp_level_config config = l->config;
    memset(l, 0, sizeof *l);
    l->config = config;
    const float rate_hz = (float)config.sample_rate_hz;
    l->block = (size_t)config.sample_rate_hz / 100;
    l->pole = 1.0f - 6.2831853f * HIGH_PASS_HZ / rate_hz;
    l->release = expf(-1.0f / (RELEASE_S * rate_hz));
    l->gain = l->limit = 1.0f;
}

/* A block of 10 ms is over: where the gain goes during the next one. */
static void judge(tp_level *l)
{
    const float power = l->block_power / (float)l->block;
    l->block_power = 0.0f;
    l->block_at = 0;
    if (power > SILENCE_POWER && power > MARGIN * l->power) {
        l->blocks += l->blocks < AVERAGE_BLOCKS ? 1.0f : 0.0f;
        /* A louder voice than the onset that began the average starts it anew. */
        if (power > l->power * 40.0f)
            l->blocks = 1.0f;
        l->power += (power - l->power) / l->blocks;
        const float wanted_db = l->config.target_dbov - 10.0f * log10f(l->power);
        const float goal_db = wanted_db > GAIN_RANGE_DB ? GAIN_RANGE_DB : wanted_db < -GAIN_RANGE_DB ? -GAIN_RANGE_DB : wanted_db;
        const float most_db = l->blocks < FIRST_BLOCKS ? 0.5f : 0.03f, away_db = goal_db - l->gain_db;
        l->gain_db += away_db > most_db ? most_db : away_db < -most_db ? -most_db : away_db;
    }
    l->gain_step = (powf(10.0f, l->gain_db / 20.0f) - l->gain) / (float)l->block;
}

void tp_level_process(tp_level *l, const int16_t *in, size_t n, int16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const float x = (float)in[i] * TP_INT16_SCALE;
        float y = x - l->last_in + l->pole * l->last_out;
        if (fabsf(y) < 1e-12f)
            y = 0.0f;
        l->last_in = x;
        l->last_out = y;
        l->block_power += y * y;
        l->gain += l->gain_step;
        const float v = y * l->gain;
        l->limit = 1.0f - (1.0f - l->limit) * l->release;
        if (fabsf(v) * l->limit > CEILING)
            l->limit = CEILING / fabsf(v);
        out[i] = (int16_t)lrintf(v * l->limit * 32768.0f);
        if (++l->block_at == l->block)
            judge(l);
    }
}

float tp_level_speech_dbov(const tp_level *l)
{
    return l->blocks > 0.0f ? 10.0f * log10f(l->power) : -127.0f;
}

float tp_level_gain_db(const tp_level *l)
{
    return l->gain_db;
}

size_t tp_level_delay_samples(const tp_level *l)
{
    (void)l;
    return 0;
}
