#include "talkpath/level.h"

#include <math.h>
#include <string.h>

#include "talkpath/talkpath.h"

enum {
    BINS = 61,         /* 1 dB each, from -60 dBov */
    BELOW = 16,        /* bins that belong to a voice, below (ITU-T P.56's margin) … */
    ABOVE = 8,         /* … and above the quantile */
    FLOOR_BLOCKS = 32, /* the floor is the quietest block of the last 32 to 64 */
    OTHER_BLOCKS = 5,  /* after so many of another voice it is believed */
    NEW_BLOCKS = 80,   /* of a voice, until the average is slow */
    FIRST_BLOCKS = 50, /* of the stream, in which the gain goes up fastest */
};

#define HIGH_PASS_HZ 20.0f
#define SILENCE_POWER 1e-6f  /* -60 dBov */
#define OVER_FLOOR 6.3f      /* 8 dB: what stands out less is no speech: silence, hiss, hum, a tone that lasts */
#define QUANTILE 0.7f
#define FORGET 1.0204082f    /* the histogram's time constant is 50 blocks of speech */
#define MAX_WEIGHT 1e20f
#define SURPRISE_DB 9.0f     /* louder than the voice by so much: no syllable of it … */
#define SURPRISE_WEIGHT 3.0f
#define OTHER_DB 5.0f        /* another voice */
#define SLOW_BLOCKS 150.0f
#define GAIN_RANGE_DB 15.0f
/* Steps of the gain, dB a block: at the very beginning, with a new voice up and down, then. */
#define FIRST_STEP_DB 0.5f
#define NEW_STEP_DB 0.3f
#define DOWN_STEP_DB 1.0f
#define STEP_DB 0.03f
#define CEILING 0.891f /* -1 dBov */
#define RELEASE_S 0.06f

struct tp_level {
    tp_level_config config;
    size_t block, block_at;
    float pole, last_in, last_out; /* of the high-pass */
    float block_power;
    float low_now, low_before; /* the quietest block of the present and of the last FLOOR_BLOCKS */
    int floor_at;
    float histogram[BINS], total, bin_power[BINS]; /* of the blocks of speech */
    float weight;                                  /* what a block adds: it grows, so that the others shrink */
    float speech_dbov;
    int blocks, other_blocks, heard; /* of this voice; of another; 1: not the first voice */
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
    l->gain = l->limit = l->weight = l->low_now = l->low_before = 1.0f;
    for (int i = 0; i < BINS; i++)
        l->bin_power[i] = powf(10.0f, ((float)(i - (BINS - 1)) + 0.5f) / 10.0f);
}

/* Does a block stand out of the quietest of the last half second? What lasts is no speech, nor is silence. */
static int is_speech(tp_level *l, float power)
{
    l->low_now = power < l->low_now ? power : l->low_now;
    const float floor = l->low_now < l->low_before ? l->low_now : l->low_before;
    if (++l->floor_at == FLOOR_BLOCKS) {
        l->floor_at = 0;
        l->low_before = l->low_now;
        l->low_now = 1.0f;
    }
    return power > SILENCE_POWER && power > OVER_FLOOR * floor;
}

/* Level of the voice that the last half second of speech is mostly of: the mean of what lies around a quantile. A louder
 * voice before, a breath and a click lie outside it. */
static float recent_dbov(const tp_level *l)
{
    float above = 0.0f, count = 0.0f, power = 0.0f;
    int at = BINS - 1;
    while (at > 0 && (above += l->histogram[at]) < (1.0f - QUANTILE) * l->total)
        at--;
    const int first = at > BELOW ? at - BELOW : 0, end = at + ABOVE + 1 < BINS ? at + ABOVE + 1 : BINS;
    for (int i = first; i < end; i++) {
        count += l->histogram[i];
        power += l->histogram[i] * l->bin_power[i];
    }
    return 10.0f * log10f(power / count);
}

static void learn(tp_level *l, float power)
{
    const float dbov = 10.0f * log10f(power);
    const int bin = dbov >= 0.0f ? BINS - 1 : (int)(dbov + (float)(BINS - 1));
    l->weight *= FORGET;
    if (l->weight > MAX_WEIGHT) {
        l->total = 0.0f;
        for (int i = 0; i < BINS; i++)
            l->total += l->histogram[i] /= l->weight;
        l->weight = 1.0f;
    }
    const int is_surprise = l->blocks > 0 && dbov > l->speech_dbov + SURPRISE_DB;
    const float added = is_surprise ? SURPRISE_WEIGHT * l->weight : l->weight;
    l->histogram[bin] += added;
    l->total += added;

    const float recent = recent_dbov(l);
    if (l->blocks < NEW_BLOCKS) {
        l->speech_dbov = recent;
    } else {
        l->other_blocks = fabsf(recent - l->speech_dbov) > OTHER_DB ? l->other_blocks + 1 : 0;
        if (l->other_blocks > OTHER_BLOCKS) {
            l->speech_dbov = recent;
            l->blocks = l->other_blocks = 0;
            l->heard = 1;
        } else {
            l->speech_dbov += (recent - l->speech_dbov) / SLOW_BLOCKS;
        }
    }
    l->blocks += l->blocks < 2 * NEW_BLOCKS;
}

static void move_gain(tp_level *l)
{
    const float wanted_db = l->config.target_dbov - l->speech_dbov;
    const float goal_db = wanted_db > GAIN_RANGE_DB ? GAIN_RANGE_DB : wanted_db < -GAIN_RANGE_DB ? -GAIN_RANGE_DB : wanted_db;
    const int is_new = l->blocks < 2 * NEW_BLOCKS;
    const float up_db = !l->heard && l->blocks <= FIRST_BLOCKS ? FIRST_STEP_DB : is_new ? NEW_STEP_DB : STEP_DB;
    const float down_db = is_new ? DOWN_STEP_DB : STEP_DB, away_db = goal_db - l->gain_db;
    l->gain_db += away_db > up_db ? up_db : away_db < -down_db ? -down_db : away_db;
}

/* A block of 10 ms is over: where the gain goes during the next one. */
static void measure_block(tp_level *l)
{
    const float power = l->block_power / (float)l->block;
    l->block_power = 0.0f;
    l->block_at = 0;
    if (is_speech(l, power)) {
        learn(l, power);
        move_gain(l);
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
            measure_block(l);
    }
}

float tp_level_speech_dbov(const tp_level *l)
{
    return l->blocks > 0 ? l->speech_dbov : -127.0f;
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
