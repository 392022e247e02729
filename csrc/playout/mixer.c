#include "talkpath/mixer.h"

#include <math.h>
#include <string.h>

#include "dsp/approx.h"
#include "dsp/power.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"

#define FADE_MS 200
#define END_MS 20
#define VOLUME_MS 100
#define SPEECH_POWER 10737u /* -50 dBov in int16 units */
#define DUCK_MS 30.0f
#define RETURN_MS 400.0f
#define KNEE 0.9f
#define MAX_BLOCK 240 /* 5 ms at 48 kHz */

typedef struct voice {
    const int16_t *sound;
    size_t n, at;
    int loops, direction;        /* of the fade: 1 in, -1 out, 0 it is over */
    size_t fade_at, fade_length; /* their ratio is the share of the power   */
} voice;

typedef struct request {
    const int16_t *sound;
    size_t n;
    int loops, waits;
    float volume;
} request;

struct tp_mixer {
    tp_mixer_config config;
    size_t block;
    voice voices[2]; /* [0] is the present one */
    request next;
    float volume, volume_target;
    float ducked, duck, duck_target, duck_step; /* gains */
    float duck_share, return_share;             /* of what is left of the way to the goal, a block */
    uint64_t block_power; /* Σ in² */
    size_t block_at;
    int mixing; /* in this block */
};

const char *tp_mixer_check(const tp_mixer_config *c)
{
    if (c->sample_rate_hz < 8000 || c->sample_rate_hz > 48000)
        return "sample_rate must be 8000 to 48000";
    if (!(c->duck_db >= 0.0f && c->duck_db <= 40.0f))
        return "duck_db must be 0 to 40";
    return NULL;
}

size_t tp_mixer_size(const tp_mixer_config *config)
{
    return tp_mixer_check(config) == NULL ? sizeof(tp_mixer) : 0;
}

int tp_mixer_init(tp_mixer *m, const tp_mixer_config *config)
{
    if (tp_mixer_check(config) != NULL)
        return TP_ECONFIG;
    m->config = *config;
    tp_mixer_reset(m);
    return TP_OK;
}

void tp_mixer_reset(tp_mixer *m)
{
    const tp_mixer_config config = m->config;
    memset(m, 0, sizeof *m);
    m->config = config;
    m->block = (size_t)config.sample_rate_hz / 200;
    m->ducked = powf(10.0f, -config.duck_db / 20.0f);
    m->duck_share = 1.0f - expf(-5.0f / DUCK_MS);
    m->return_share = 1.0f - expf(-5.0f / RETURN_MS);
    m->duck = m->duck_target = 1.0f;
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static size_t samples(const tp_mixer *m, int ms)
{
    return (size_t)m->config.sample_rate_hz * (size_t)ms / 1000;
}

/* From where it is; a sound that is played once has no longer than to its end. */
static void fade_out(voice *d, size_t length)
{
    if (!d->loops && d->n - d->at < length)
        length = d->n - d->at;
    d->fade_at = d->fade_length > 0 ? d->fade_at * length / d->fade_length : 0;
    d->fade_length = length;
    d->direction = -1;
}

static int idle(const voice *d)
{
    return d->sound == NULL;
}

static void begin(tp_mixer *m)
{
    const request r = m->next;
    m->next.waits = 0;
    m->voices[1] = m->voices[0];
    fade_out(&m->voices[1], samples(m, FADE_MS));
    m->voices[0] = (voice){ r.n > 0 ? r.sound : NULL, r.n, 0, r.loops, 1, 0, samples(m, FADE_MS) };
    m->mixing = 1;
    if (r.n > 0)
        m->volume_target = r.volume;
    if (idle(&m->voices[1]))
        m->volume = m->volume_target;
}

void tp_mixer_play(tp_mixer *m, const int16_t *sound, size_t n, float volume, int loops)
{
    volume = volume > 0.0f ? volume < 1.0f ? volume : 1.0f : 0.0f;
    m->next = (request){ sound, n, loops, 1, volume };
    if (idle(&m->voices[1]))
        begin(m);
}

void tp_mixer_set_volume(tp_mixer *m, float volume)
{
    volume = volume > 0.0f ? volume < 1.0f ? volume : 1.0f : 0.0f;
    m->volume_target = m->next.volume = volume;
    if (idle(&m->voices[0]) && idle(&m->voices[1]))
        m->volume = volume;
}

int tp_mixer_active(const tp_mixer *m)
{
    return !idle(&m->voices[0]) || !idle(&m->voices[1]) || m->next.waits;
}

int tp_mixer_uses(const tp_mixer *m, const int16_t *sound)
{
    return m->voices[0].sound == sound || m->voices[1].sound == sound || (m->next.waits && m->next.sound == sound);
}

/* --- sound ---------------------------------------------------------------------------------------------------------------- */

/* Adds n <= MAX_BLOCK samples of a voice. */
static void add_voice(const tp_mixer *m, voice *d, float *sum, size_t n)
{
    const size_t end = samples(m, END_MS);
    while (n > 0 && !idle(d)) {
        const size_t left = d->n - d->at;
        size_t run = left < n ? left : n;
        if (!d->loops && d->direction >= 0) {
            if (left <= end)
                fade_out(d, left);
            else if (left - run < end)
                run = left - end;
        }
        if (d->direction == 0) {
            for (size_t i = 0; i < run; i++)
                sum[i] += (float)d->sound[d->at + i];
        } else {
            const size_t to_end = d->direction > 0 ? d->fade_length - d->fade_at : d->fade_at;
            run = to_end < run ? to_end : run;
            const float scale = 1.0f / (float)d->fade_length, sign = (float)d->direction, from = (float)d->fade_at;
            for (size_t i = 0; i < run; i++)
                sum[i] += (float)d->sound[d->at + i] * sqrtf((from + sign * (float)i) * scale);
            d->fade_at = d->direction > 0 ? d->fade_at + run : d->fade_at - run;
            if (d->direction < 0 && d->fade_at == 0)
                d->sound = NULL;
            else if (d->fade_at == d->fade_length)
                d->direction = 0;
        }
        d->at += run;
        if (d->at == d->n) {
            d->at = 0;
            if (!d->loops)
                d->sound = NULL;
        }
        sum += run;
        n -= run;
    }
}

/* A 5 ms block is over: its power says whether there is speech. */
static void update_duck(tp_mixer *m)
{
    const int speech = m->block_power > (uint64_t)SPEECH_POWER * m->block;
    m->block_power = 0;
    m->block_at = 0;
    m->duck = m->duck_target;
    const float goal = speech ? m->ducked : 1.0f;
    m->duck_target += (speech ? m->duck_share : m->return_share) * (goal - m->duck_target);
    if (fabsf(goal - m->duck_target) < 1e-3f)
        m->duck_target = goal;
    m->duck_step = (m->duck_target - m->duck) / (float)m->block;
}

/* Speech and background together; above the knee, bent so that nothing is clipped. */
TP_INLINE void bend_loops(const int16_t *TP_RESTRICT in, const float *TP_RESTRICT gain, const float *TP_RESTRICT sum, size_t n,
                          int16_t *TP_RESTRICT out)
{
    for (size_t i = 0; i < n; i++) {
        const float v = (float)in[i] + gain[i] * sum[i], size = fabsf(v) * TP_INT16_SCALE;
        const float u = (size > KNEE ? size - KNEE : 0.0f) / (1.0f - KNEE);
        const float bent = copysignf(32767.0f * (KNEE + (1.0f - KNEE) * u / (1.0f + u)), v);
        out[i] = tp_nearest_int16(size > KNEE ? bent : v);
    }
}

TP_WIDE(static, bend, (const int16_t *in, const float *gain, const float *sum, size_t n, int16_t *out), (in, gain, sum, n, out))

/* n samples within one block of 5 ms. */
static void mix(tp_mixer *m, const int16_t *in, size_t n, int16_t *out)
{
    float sum[MAX_BLOCK] = { 0.0f };
    for (size_t k = 2; k-- > 0;)
        add_voice(m, &m->voices[k], sum, n);
    float gain[MAX_BLOCK];
    const int32_t first = (int32_t)m->block_at, count = (int32_t)n;
    for (int32_t i = 0; i < count; i++)
        gain[i] = m->duck + m->duck_step * (float)(first + i);
    if (m->volume == m->volume_target) {
        for (size_t i = 0; i < n; i++)
            gain[i] *= m->volume;
    } else {
        const float slew = 1.0f / (float)samples(m, VOLUME_MS);
        for (size_t i = 0; i < n; i++) {
            const float away = m->volume_target - m->volume;
            m->volume += away > slew ? slew : away < -slew ? -slew : away;
            gain[i] *= m->volume;
        }
    }
    int16_t both[MAX_BLOCK]; /* out may be in */
    bend(in, gain, sum, n, both);
    memcpy(out, both, n * sizeof *out);
}

/* No background, and silence on top of silence: no gain moves. */
static int rests(const tp_mixer *m, const int16_t *in, size_t n)
{
    return !m->mixing && m->duck == 1.0f && m->duck_target == 1.0f && m->duck_step == 0.0f && m->block_power == 0 && m->block_at == 0
           && n % m->block == 0 && !m->next.waits && tp_all_zero(in, n);
}

void tp_mixer_process(tp_mixer *m, const int16_t *in, size_t n, int16_t *out)
{
    if (rests(m, in, n)) {
        memmove(out, in, n * sizeof *out);
        return;
    }
    while (n > 0) {
        const size_t left = m->block - m->block_at, now = left < n ? left : n;
        m->block_power += tp_sum_of_squares(in, now);
        if (m->mixing)
            mix(m, in, now, out);
        else
            memmove(out, in, now * sizeof *out);
        m->block_at += now;
        if (m->block_at == m->block) {
            update_duck(m);
            if (m->next.waits && idle(&m->voices[1]))
                begin(m);
            m->mixing = tp_mixer_active(m);
        }
        in += now;
        out += now;
        n -= now;
    }
}

size_t tp_mixer_delay_samples(const tp_mixer *m)
{
    (void)m;
    return 0;
}
