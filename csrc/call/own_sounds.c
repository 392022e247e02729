#include "call/own_sounds.h"

#include <math.h>
#include <string.h>

#include "dsp/block.h"
#include "talkpath/g711.h"

enum {
    KEPT_MS = 1200, /* the slowest echo, the longest head start, and what a detector needs to be sure */
    MIN_FRAME_MS = 10,
    MAX_FRAMES = KEPT_MS / MIN_FRAME_MS,
    DELAY_MS = 600,
    SLACK_MS = 30,  /* of the times that detectors give */
    SAME_MS = 20,
    MAX_AHEAD_MS = 400,
    BLOCK_MS = 16,
    HOP_MS = 8,
    KEPT_HZ = 8000, /* no tone that matters is above 3 kHz */
    BLOCK = KEPT_HZ / 1000 * BLOCK_MS,
    HOP = KEPT_HZ / 1000 * HOP_MS,
    BRIDGED_HOPS = 2, /* a drop-out */
    MIN_HOPS = 3,
    MAX_RUNS = 16,
    MAX_PROBES = 5,
    TAIL_MS = 90, /* so long does an echo ring on */
    VISIBLE_MS = 120,
    USED = 16,
};

#define QUIET 1e-6f       /* -60 dBov: nothing that is softer comes back as a tone */
#define PAIR_SHARE 0.5f   /* of a block's power in both tones of a key … */
#define EACH_SHARE 0.12f  /* … and in either of them                     */
#define TONE_SHARE 0.35f  /* the same for one tone: it may have overtones, a partner or a background */
#define REACH 0.05f       /* of its frequency, which a chirp goes through */
/* An echo is 6 dB below what was sent or less, but in a reverberant path some frequencies stand out by as much. */
#define LOUDEST_KEY_DB -0.7f
#define LOUDEST_TONE_DB 0.5f
#define LOUDEST_AGAIN_DB 4.0f /* of a key that comes as late as the one before it */

/* Frequencies of which any will do. */
typedef struct probes {
    float hz[MAX_PROBES];
    int count;
} probes;

/* A stretch of tone: numbers of the kept samples at its edges, and where the receive path can hear its first. */
typedef struct run {
    uint64_t first, last;
    uint64_t earliest, latest; /* samples of the receive path */
    float power;
    int cut, open; /* it began before what is kept, or goes on at the end of it */
} run;

struct own_sounds {
    int sample_rate_hz;
    size_t step;                    /* samples of the line to one that is kept    */
    size_t frame, max_frames;       /* kept samples of a push; pushes kept        */
    uint64_t count;                 /* frames pushed                              */
    uint64_t silent_from;           /* no echo of anything comes after this       */
    uint64_t used[USED], used_next; /* first samples of keys that explained one   */
    run key;                        /* the last that did, as it was found then, … */
    char digit;
    uint64_t key_start; /* … and where it was heard */
    uint64_t earliest[MAX_FRAMES], latest[MAX_FRAMES];
    uint8_t sounds[MAX_FRAMES]; /* 0: a frame of silence, which is not kept */
    tp_codec codec;
    /* behind the struct: max_frames frames of samples, or of codes */
};

static void *kept(const own_sounds *o)
{
    return (char *)(uintptr_t)o + tp_align_up(sizeof *o);
}

static uint64_t samples(const own_sounds *o, int ms)
{
    return (uint64_t)o->sample_rate_hz * (uint64_t)ms / 1000;
}

size_t own_sounds_size(tp_codec codec)
{
    return tp_align_up(sizeof(own_sounds)) + (size_t)KEPT_HZ * KEPT_MS / 1000 * (codec == TP_CODEC_L16 ? sizeof(int16_t) : 1);
}

void own_sounds_init(own_sounds *o, tp_codec codec, int sample_rate_hz, size_t frame)
{
    memset(o, 0, sizeof *o);
    o->codec = codec;
    o->sample_rate_hz = sample_rate_hz;
    o->step = (size_t)(sample_rate_hz / KEPT_HZ);
    o->frame = frame / o->step;
    o->max_frames = (size_t)KEPT_HZ * KEPT_MS / 1000 / o->frame;
    memset(o->used, 0xff, sizeof o->used);
}

void own_sounds_push(own_sounds *o, const int16_t *sent, const uint8_t *payload, uint64_t received, uint64_t ahead, int sounds)
{
    const size_t at = (size_t)(o->count++ % o->max_frames);
    const uint64_t max = samples(o, MAX_AHEAD_MS);
    int16_t *to = (int16_t *)kept(o) + at * o->frame;
    o->sounds[at] = sounds != 0;
    if (sounds && o->codec != TP_CODEC_L16)
        memcpy((uint8_t *)kept(o) + at * o->frame, payload, o->frame);
    else if (sounds && o->step == 1)
        memcpy(to, sent, o->frame * sizeof *sent);
    else if (sounds)
        for (size_t i = 0; i < o->frame; i++)
            to[i] = (int16_t)((sent[2 * i] + sent[2 * i + 1]) / 2);
    o->earliest[at] = received;
    o->latest[at] = received + samples(o, DELAY_MS + SLACK_MS) + (ahead < max ? ahead : max);
    if (sounds)
        o->silent_from = o->latest[at] + o->step * o->frame + samples(o, TAIL_MS);
}

/* --- tones in what was sent ----------------------------------------------------------------------------------------------------- */

/* Complex exponentials of one frequency over a block. */
typedef struct wave {
    float re[BLOCK], im[BLOCK];
} wave;

static void make_wave(wave *w, float hz)
{
    const double step = 6.283185307179586 * (double)hz / KEPT_HZ, c = cos(step), s = sin(step);
    double re = 1.0, im = 0.0;
    for (size_t i = 0; i < BLOCK; i++) {
        w->re[i] = (float)re;
        w->im[i] = (float)im;
        const double next = re * c - im * s;
        im = im * c + re * s;
        re = next;
    }
}

static float power_at(const wave *w, const float *x)
{
    float re[8] = { 0 }, im[8] = { 0 };
    for (size_t i = 0; i < BLOCK; i += 8)
        for (size_t k = 0; k < 8; k++) {
            re[k] += x[i + k] * w->re[i + k];
            im[k] += x[i + k] * w->im[i + k];
        }
    const float a = ((re[0] + re[4]) + (re[1] + re[5])) + ((re[2] + re[6]) + (re[3] + re[7]));
    const float b = ((im[0] + im[4]) + (im[1] + im[5])) + ((im[2] + im[6]) + (im[3] + im[7]));
    return 2.0f * (a * a + b * b) / ((float)BLOCK * (float)BLOCK);
}

/* A block from sample number `first`; its mean square. */
static float read_block(const own_sounds *o, uint64_t first, float *x)
{
    const size_t size = o->max_frames * o->frame;
    int16_t pcm[BLOCK];
    float sum = 0.0f;
    size_t at = (size_t)(first % size);
    for (size_t done = 0, now; done < BLOCK; done += now, at = (at + now) % size) {
        const size_t left = o->frame - at % o->frame;
        now = left < BLOCK - done ? left : BLOCK - done;
        if (!o->sounds[at / o->frame])
            memset(pcm + done, 0, now * sizeof *pcm);
        else if (o->codec == TP_CODEC_ULAW)
            tp_ulaw_decode((const uint8_t *)kept(o) + at, pcm + done, now);
        else if (o->codec == TP_CODEC_ALAW)
            tp_alaw_decode((const uint8_t *)kept(o) + at, pcm + done, now);
        else
            memcpy(pcm + done, (const int16_t *)kept(o) + at, now * sizeof *pcm);
    }
    for (size_t i = 0; i < BLOCK; i++) {
        x[i] = (float)pcm[i] / 32768.0f;
        sum += x[i] * x[i];
    }
    return sum / (float)BLOCK;
}

/* The power of the tones in a block; 0 when they are not what sounds in it. */
static float tones_in(const own_sounds *o, uint64_t first, wave waves[][MAX_PROBES], const probes *tones, int count)
{
    float x[BLOCK], sum = 0.0f;
    const float total = read_block(o, first, x);
    if (total < QUIET)
        return 0.0f;
    for (int t = 0; t < count; t++) {
        float max = 0.0f;
        for (int p = 0; p < tones[t].count; p++) {
            const float power = power_at(&waves[t][p], x);
            max = power > max ? power : max;
        }
        if (max < EACH_SHARE * total)
            return 0.0f;
        sum += max;
    }
    return sum >= (count > 1 ? PAIR_SHARE : TONE_SHARE) * total ? sum : 0.0f;
}

/* The stretches that hold one of each of the probes, oldest first. */
static size_t find_runs(const own_sounds *o, const probes *tones, int count, run runs[MAX_RUNS])
{
    wave waves[2][MAX_PROBES];
    const uint64_t end = o->count * o->frame;
    const uint64_t oldest = o->count > o->max_frames ? (o->count - o->max_frames) * o->frame : 0;
    size_t found = 0, hops = 0, gap = 0;
    for (int t = 0; t < count; t++)
        for (int p = 0; p < tones[t].count; p++)
            make_wave(&waves[t][p], tones[t].hz[p]);
    for (uint64_t at = oldest; at + BLOCK <= end && found < MAX_RUNS; at += HOP) {
        const float power = tones_in(o, at, waves, tones, count);
        run *r = &runs[found];
        if (power > 0.0f) {
            if (hops == 0)
                *r = (run){ .first = at + BLOCK / 4, .cut = at == oldest && oldest > 0 };
            hops += gap + 1;
            gap = 0;
            r->last = at + 3 * BLOCK / 4;
            r->power = power > r->power ? power : r->power;
            r->open = at + BLOCK + 2 * HOP > end;
        } else if (hops > 0 && ++gap > BRIDGED_HOPS) {
            found += hops >= MIN_HOPS;
            hops = gap = 0;
        }
    }
    found += hops >= MIN_HOPS && found < MAX_RUNS;
    for (size_t i = 0; i < found; i++) {
        const size_t frame = (size_t)(runs[i].first / o->frame % o->max_frames), into = (size_t)(runs[i].first % o->frame) * o->step;
        runs[i].earliest = o->earliest[frame] + into;
        runs[i].latest = o->latest[frame] + into;
    }
    return found;
}

/* --- whose is it? --------------------------------------------------------------------------------------------------------------- */

static int in_time(const own_sounds *o, const run *r, uint64_t start)
{
    return start + samples(o, SLACK_MS) >= r->earliest && start <= r->latest;
}

static float dbov(float power)
{
    return 10.0f * log10f(power);
}

/* As far behind what was sent as the last echo of a key? */
static int is_as_late(const own_sounds *o, const run *r, uint64_t start)
{
    if (!o->digit)
        return 0;
    const int64_t late = (int64_t)(start - r->earliest) - (int64_t)(o->key_start - o->key.earliest), same = (int64_t)samples(o, SAME_MS);
    return late <= same && late >= -same;
}

static int key_tones(char digit, probes tones[2])
{
    static const char keys[] = "123A456B789C*0#D";
    static const float low[4] = { 697.0f, 770.0f, 852.0f, 941.0f }, high[4] = { 1209.0f, 1336.0f, 1477.0f, 1633.0f };
    const char *at = digit ? strchr(keys, digit) : NULL;
    if (!at)
        return 0;
    tones[0] = (probes){ .hz = { low[(at - keys) / 4] }, .count = 1 };
    tones[1] = (probes){ .hz = { high[(at - keys) % 4] }, .count = 1 };
    return 1;
}

static int is_used(const own_sounds *o, const run *r)
{
    const uint64_t near = 2 * HOP;
    for (size_t i = 0; i < USED; i++)
        if (o->used[i] != UINT64_MAX && o->used[i] + near >= r->first && o->used[i] <= r->first + near)
            return 1;
    return 0;
}

static uint64_t end_of(const own_sounds *o, const run *r, uint64_t start)
{
    return r->open ? UINT64_MAX : start + (r->last - r->first) * o->step + samples(o, TAIL_MS);
}

uint64_t own_sounds_key(own_sounds *o, char digit, uint64_t start, float level_dbov)
{
    probes tones[2];
    run runs[MAX_RUNS];
    if (start >= o->silent_from || !key_tones(digit, tones))
        return 0;
    const size_t found = find_runs(o, tones, 2, runs);
    for (size_t i = 0; i < found; i++) {
        const float loudest_db = is_as_late(o, &runs[i], start) ? LOUDEST_AGAIN_DB : LOUDEST_KEY_DB;
        if (runs[i].cut || is_used(o, &runs[i]) || !in_time(o, &runs[i], start) || level_dbov > dbov(runs[i].power) + loudest_db)
            continue;
        o->used[o->used_next++ % USED] = runs[i].first;
        o->key = runs[i];
        o->digit = digit;
        o->key_start = start;
        return end_of(o, &o->key, start);
    }
    return 0;
}

uint64_t own_sounds_key_end(const own_sounds *o)
{
    probes tones[2];
    run runs[MAX_RUNS];
    if (!key_tones(o->digit, tones))
        return 0;
    const size_t found = find_runs(o, tones, 2, runs);
    for (size_t i = 0; i < found; i++)
        if (runs[i].last >= o->key.last && runs[i].first <= o->key.last)
            return end_of(o, &(run){ .first = o->key.first, .last = runs[i].last, .open = runs[i].open }, o->key_start);
    return end_of(o, &(run){ .first = o->key.first, .last = o->key.last }, o->key_start);
}

int own_sounds_tone(const own_sounds *o, const float *hz, int count, uint64_t start, uint64_t end, float level_dbov)
{
    if (start >= o->silent_from)
        return 0;
    probes tone = { .count = 0 };
    for (int i = 0; i < count && i < MAX_PROBES; i++)
        tone.hz[tone.count++] = hz[i];
    if (count == 1)
        for (int k = -2; k <= 2; k++) {
            tone.hz[k + 2] = hz[0] * (1.0f + 0.5f * REACH * (float)k);
            tone.count = MAX_PROBES;
        }
    run runs[MAX_RUNS];
    const size_t found = find_runs(o, &tone, 1, runs);
    const uint64_t lasted = end - start, near = samples(o, 60) + lasted / 5;
    for (size_t i = 0; i < found; i++) {
        const run *r = &runs[i];
        const uint64_t length = (r->last - r->first) * o->step;
        if (level_dbov > dbov(r->power) + LOUDEST_TONE_DB)
            continue;
        if (r->cut || r->open) { /* all that is kept of it sounds */
            if (length + near >= (lasted < samples(o, VISIBLE_MS) ? lasted : samples(o, VISIBLE_MS)))
                return 1;
        } else if (in_time(o, r, start) && length <= lasted + near && lasted <= length + near) {
            return 1;
        }
    }
    return 0;
}
