#include "talkpath/comfort_noise.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/lpc.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"
#include "wire/comfort_noise_tables.h"

#define WHITE_SAMPLES 160u /* without a filter, made at a time */
#define ORDER TP_SID_MAX_ORDER
#define AVERAGE_BLOCKS 100.0f    /* 2 s */
#define LOUDEST_BLOCK 4.0f       /* a block counts at most 6 dB above the estimate */
#define MIN_POWER 1e-14f       /* below any level that int16 can carry */
#define SID_STEP (258.0f / 32768.0f)
#define STEEPEST 0.98f           /* |k| of a packet: extreme codes must not …                  */
#define MAX_SHAPED 1e-4f        /* … ask for resonances that take minutes to build up: Π(1 - k²) */

typedef struct shape {
    float rms;      /* of the output, ±1.0 scale */
    float k[ORDER]; /* reflection coefficients   */
} shape;

struct tp_comfort_noise {
    tp_comfort_noise_config config;
    uint64_t random;

    shape now, target;
    uint32_t steps_left;            /* samples until now is target             */
    int sounding;                   /* something has been generated            */
    float gain;                     /* of the excitation, int16 scale, for now */
    size_t order;                   /* k beyond it are 0 in now and target     */
    float backward[ORDER + 1];      /* lattice memory                          */

    float r[ORDER + 1];             /* averaged autocorrelation of the background, per sample */
    float blocks;                   /* how many it is the average of                          */
    float block_r[ORDER + 1];
    uint32_t block_filled;
    float recent[ORDER];            /* newest first */
};

static uint32_t block_samples(const tp_comfort_noise *c)
{
    return (uint32_t)c->config.sample_rate_hz / 50;
}

static float rms_of(float level_dbov)
{
    return powf(10.0f, level_dbov / 20.0f);
}

/* What the excitation must be multiplied by; the power that rounding to int16 adds is taken off beforehand. */
static float excitation_gain(const shape *s, size_t order)
{
    const float wanted = s->rms * 32768.0f;
    float power = wanted * wanted - 1.0f / 12.0f;
    power = power > 0.0f ? power : wanted * wanted * 0.5f;
    for (size_t i = 0; i < order; i++)
        power *= 1.0f - s->k[i] * s->k[i];
    return sqrtf(power);
}

static size_t order_of(const shape *s)
{
    size_t order = ORDER;
    while (order > 0 && s->k[order - 1] == 0.0f)
        order--;
    return order;
}

static void arrive(tp_comfort_noise *c)
{
    c->now = c->target;
    c->order = order_of(&c->now);
    c->gain = excitation_gain(&c->now, c->order);
    c->steps_left = 0;
}

/* Goes to a new target over one block; at once when there has been no sound yet. */
static void aim(tp_comfort_noise *c, const shape *target)
{
    const size_t was = order_of(&c->now), is = order_of(target);
    c->target = *target;
    c->order = was > is ? was : is;
    c->steps_left = block_samples(c);
    if (!c->sounding)
        arrive(c);
}

float tp_comfort_noise_divisor_dbov(int divisor)
{
    const float level_dbov = 20.0f * log10f(18918.0f / 32768.0f / (float)(divisor > 1 ? divisor : 1));
    return level_dbov < -127.0f ? -127.0f : level_dbov;
}

const char *tp_comfort_noise_check(const tp_comfort_noise_config *config)
{
    const int rate_hz = config->sample_rate_hz;
    if (rate_hz != 8000 && rate_hz != 16000 && rate_hz != 24000 && rate_hz != 48000)
        return "sample_rate must be 8000, 16000, 24000 or 48000";
    if (!(config->level_dbov >= -127.0f && config->level_dbov <= 0.0f))
        return "level_dbov must be -127 to 0";
    return NULL;
}

size_t tp_comfort_noise_size(const tp_comfort_noise_config *config)
{
    return tp_comfort_noise_check(config) == NULL ? sizeof(tp_comfort_noise) : 0;
}

int tp_comfort_noise_init(tp_comfort_noise *c, const tp_comfort_noise_config *config)
{
    if (tp_comfort_noise_check(config) != NULL)
        return TP_ECONFIG;
    c->config = *config;
    tp_comfort_noise_reset(c);
    return TP_OK;
}

void tp_comfort_noise_reset(tp_comfort_noise *c)
{
    const tp_comfort_noise_config config = c->config;
    memset(c, 0, sizeof *c);
    c->config = config;
    c->random = config.seed * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u;
    c->target.rms = rms_of(config.level_dbov);
    arrive(c);
}

int tp_comfort_noise_set_level_dbov(tp_comfort_noise *c, float level_dbov)
{
    tp_comfort_noise_config config = c->config;
    config.level_dbov = level_dbov;
    if (tp_comfort_noise_check(&config) != NULL)
        return TP_ECONFIG;
    c->config = config;
    aim(c, &(shape){ .rms = rms_of(level_dbov) });
    return TP_OK;
}

/* --- noise ------------------------------------------------------------------------------------------------------ */

static inline uint32_t random_bits(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 32);
}

TP_INLINE float normal_of(uint32_t bits)
{
    const uint32_t cell = bits >> (32 - TP_NORMAL_CELL_BITS);
    const float place = (float)(int32_t)(bits << TP_NORMAL_CELL_BITS >> 8) * (1.0f / 16777216.0f);
    return normal_quantiles[cell] + place * (normal_quantiles[cell + 1] - normal_quantiles[cell]);
}

TP_INLINE int16_t to_int16(float v)
{
    return tp_nearest_int16(tp_clip(v, -32768.0f, 32767.0f));
}

static inline float normal(uint64_t *random)
{
    return normal_of(random_bits(random));
}

TP_INLINE void white_loops(const uint32_t *TP_RESTRICT bits, float gain, int16_t *TP_RESTRICT pcm, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pcm[i] = to_int16(gain * normal_of(bits[i]));
}

TP_WIDE(static, white, (const uint32_t *bits, float gain, int16_t *pcm, size_t n), (bits, gain, pcm, n))

/* One step of the all-pole lattice. */
static float filter(tp_comfort_noise *c, float excitation)
{
    float forward = excitation;
    for (size_t m = c->order; m-- > 0;) {
        forward -= c->now.k[m] * c->backward[m];
        c->backward[m + 1] = c->backward[m] + c->now.k[m] * forward;
    }
    c->backward[0] = forward;
    return forward;
}

static void step_towards_target(tp_comfort_noise *c)
{
    const float share = 1.0f / (float)c->steps_left;
    c->now.rms += (c->target.rms - c->now.rms) * share;
    for (size_t i = 0; i < c->order; i++)
        c->now.k[i] += (c->target.k[i] - c->now.k[i]) * share;
    c->gain = excitation_gain(&c->now, c->order);
    if (--c->steps_left == 0)
        arrive(c);
}

void tp_comfort_noise_generate(tp_comfort_noise *c, int16_t *pcm, size_t n)
{
    size_t i = 0;
    c->sounding |= n > 0;
    for (; i < n && c->steps_left > 0; i++) {
        step_towards_target(c);
        pcm[i] = to_int16(filter(c, c->gain * normal(&c->random)));
    }
    if (c->order == 0) {
        uint32_t bits[WHITE_SAMPLES];
        for (size_t now; i < n; i += now) {
            now = n - i < WHITE_SAMPLES ? n - i : WHITE_SAMPLES;
            for (size_t k = 0; k < now; k++)
                bits[k] = random_bits(&c->random);
            white(bits, c->gain, pcm + i, now);
        }
        return;
    }
    for (; i < n; i++)
        pcm[i] = to_int16(filter(c, c->gain * normal(&c->random)));
    if (c->backward[0] * c->backward[0] < 1e-30f)
        memset(c->backward, 0, sizeof c->backward);
}

/* --- learning ----------------------------------------------------------------------------------------------------- */

static void finish_block(tp_comfort_noise *c)
{
    const float per_sample = 1.0f / (float)block_samples(c);
    const float power = c->block_r[0] * per_sample;
    float weight = per_sample;
    if (c->blocks > 0.0f && power > LOUDEST_BLOCK * (c->r[0] + MIN_POWER))
        weight *= LOUDEST_BLOCK * (c->r[0] + MIN_POWER) / power;
    c->blocks += c->blocks < AVERAGE_BLOCKS ? 1.0f : 0.0f;
    for (size_t i = 0; i <= ORDER; i++) {
        c->r[i] += (weight * c->block_r[i] - c->r[i]) / c->blocks;
        c->block_r[i] = 0.0f;
    }
    c->block_filled = 0;

    shape learned;
    learned.rms = sqrtf(c->r[0] > MIN_POWER ? c->r[0] : MIN_POWER);
    float r[ORDER + 1], a[ORDER + 1];
    memcpy(r, c->r, sizeof r);
    r[0] = r[0] * 1.0001f + 1e-15f; /* a floor 40 dB down keeps pure tones and silence from giving |k| = 1 */
    tp_lpc_from_autocorrelation(r, ORDER, a, learned.k);
    aim(c, &learned);
}

void tp_comfort_noise_observe(tp_comfort_noise *c, const int16_t *pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float x = (float)pcm[i] * TP_INT16_SCALE;
        c->block_r[0] += x * x;
        for (size_t m = 0; m < ORDER; m++)
            c->block_r[m + 1] += x * c->recent[m];
        memmove(c->recent + 1, c->recent, (ORDER - 1) * sizeof *c->recent);
        c->recent[0] = x;
        if (++c->block_filled == block_samples(c))
            finish_block(c);
    }
}

/* --- RFC 3389 ------------------------------------------------------------------------------------------------------- */

size_t tp_comfort_noise_encode_sid(const tp_comfort_noise *c, size_t order, uint8_t *data)
{
    order = order < ORDER ? order : ORDER;
    const long level = lrintf(-tp_comfort_noise_level_dbov(c));
    data[0] = (uint8_t)(level < 0 ? 0 : level > 127 ? 127 : level);
    for (size_t i = 0; i < order; i++) {
        const long code = 127 + lrintf(c->target.k[i] / SID_STEP);
        data[1 + i] = (uint8_t)(code < 0 ? 0 : code > 254 ? 254 : code);
    }
    return 1 + order;
}

int tp_comfort_noise_decode_sid(tp_comfort_noise *c, const uint8_t *data, size_t size)
{
    if (size == 0)
        return TP_EFORMAT;
    shape described = { .rms = rms_of(-(float)(data[0] & 0x7F)) };
    float left = 1.0f;
    for (size_t i = 0; i + 1 < size && i < ORDER; i++) {
        const int code = data[1 + i] < 254 ? data[1 + i] : 254;
        float k = SID_STEP * (float)(code - 127);
        k = k > STEEPEST ? STEEPEST : k < -STEEPEST ? -STEEPEST : k;
        left *= 1.0f - k * k;
        if (left < MAX_SHAPED)
            break; /* RFC 3389: a receiver may use fewer */
        described.k[i] = k;
    }
    aim(c, &described);
    return TP_OK;
}

float tp_comfort_noise_level_dbov(const tp_comfort_noise *c)
{
    return 20.0f * log10f(c->target.rms);
}

void tp_comfort_noise_reflection(const tp_comfort_noise *c, float *k)
{
    memcpy(k, c->target.k, sizeof c->target.k);
}

size_t tp_comfort_noise_delay_samples(const tp_comfort_noise *c)
{
    (void)c;
    return 0;
}
