#include "talkpath/jitter_buffer.h"

#include <string.h>

#include "dsp/block.h"
#include "talkpath/plc.h"
#include "talkpath/talkpath.h"
#include "wire/time_scale.h"

#define BINS 64u            /* of the delay histogram, a frame each */
#define PERCENTILE 0.97f
#define FORGET_MS 5000.0f   /* time constant of the histogram        */
#define BASE_MS 5000u       /* the fastest packets of 1 to 2 of these */
#define JUMP_MS 3000        /* a jump of more starts anew             */

/*
 * Packets wait in slots, indexed by sequence number. Frames that are due go through the concealer into `fifo`, where
 * periods are taken out and put in, and from there to the caller. Sequence numbers and timestamps are extended to 64
 * bits. "Delay" is always tick·frame - timestamp, in samples, from an origin of no meaning.
 * Behind the struct: the concealer, the FIFO, then the slots.
 */
typedef struct layout {
    uint32_t frame, slots;                /* samples, packets                  */
    uint32_t longest, fifo_room;          /* samples: longest period; FIFO     */
    size_t plc, fifo, headers, pcm, size; /* offsets in the block, and its end */
} layout;

struct tp_jitter_buffer {
    tp_jitter_buffer_config config;
    layout map;

    int started; /* a packet has come   */
    int playing; /* … and waited enough */
    uint64_t ticks;
    int64_t next;         /* sequence number that is due                       */
    int64_t newest;       /* largest sequence number seen                      */
    int64_t newest_time;  /* its timestamp                                     */
    int64_t fifo_time;    /* timestamp of the sample after the FIFO's last one */
    uint32_t fifo_filled;
    uint32_t stalled;     /* frames concealed since the buffer ran dry         */
    int bridge;           /* the next packet does not follow the last one      */
    int correcting;       /* play-out is being moved to the delay aimed at     */

    float histogram[BINS];
    uint32_t target_frames;
    int64_t base[2];       /* least delay of this period and the one before */
    uint64_t base_until;
    uint64_t last_arrival; /* tick and sequence number of the last packet     */
    int64_t last_sequence;

    tp_jitter_buffer_stats stats;
};

typedef struct slot {
    int64_t sequence, timestamp; /* sequence -1: empty */
} slot;

static layout plan(const tp_jitter_buffer_config *config)
{
    layout a = { .frame = (uint32_t)(config->sample_rate_hz / 1000 * config->frame_ms) };
    /* One slot more than max_ms holds, so that a full buffer and an empty one differ. */
    a.slots = (uint32_t)(config->max_ms / config->frame_ms) + 1;
    a.longest = (uint32_t)tp_time_scale_longest_samples(config->sample_rate_hz);
    /* History; what a change looks at or adds; and whole frames on top. */
    a.fifo_room = 4 * a.longest + 2 * a.frame;
    const tp_plc_config plc = { .sample_rate_hz = config->sample_rate_hz, .frame_ms = config->frame_ms };
    a.plc = tp_align_up(sizeof(tp_jitter_buffer));
    a.fifo = a.plc + tp_align_up(tp_plc_size(&plc));
    a.headers = a.fifo + tp_align_up(a.fifo_room * sizeof(int16_t));
    a.pcm = a.headers + tp_align_up(a.slots * sizeof(slot));
    a.size = a.pcm + (size_t)a.slots * a.frame * sizeof(int16_t);
    return a;
}

static void *at(const tp_jitter_buffer *j, size_t offset)
{
    return (unsigned char *)(uintptr_t)j + offset;
}

static tp_plc *plc_of(const tp_jitter_buffer *j)
{
    return at(j, j->map.plc);
}

/* The next sample to play; one longest period of what was played lies before it. */
static int16_t *fifo_of(const tp_jitter_buffer *j)
{
    return (int16_t *)at(j, j->map.fifo) + j->map.longest;
}

static slot *slot_of(const tp_jitter_buffer *j, int64_t sequence)
{
    return (slot *)at(j, j->map.headers) + (uint64_t)sequence % j->map.slots;
}

static int16_t *pcm_of(const tp_jitter_buffer *j, int64_t sequence)
{
    return (int16_t *)at(j, j->map.pcm) + (uint64_t)sequence % j->map.slots * j->map.frame;
}

const char *tp_jitter_buffer_check(const tp_jitter_buffer_config *config)
{
    const tp_plc_config plc = { .sample_rate_hz = config->sample_rate_hz, .frame_ms = config->frame_ms };
    const char *problem = tp_plc_check(&plc);
    if (problem != NULL)
        return problem;
    if (config->max_ms < 2 * config->frame_ms || config->max_ms > 1000)
        return "max_ms must be two frames to 1000";
    return NULL;
}

size_t tp_jitter_buffer_size(const tp_jitter_buffer_config *config)
{
    return tp_jitter_buffer_check(config) == NULL ? plan(config).size : 0;
}

int tp_jitter_buffer_init(tp_jitter_buffer *j, const tp_jitter_buffer_config *config)
{
    if (tp_jitter_buffer_check(config) != NULL)
        return TP_ECONFIG;
    const tp_plc_config plc = { .sample_rate_hz = config->sample_rate_hz, .frame_ms = config->frame_ms };
    j->config = *config;
    j->map = plan(config);
    tp_plc_init(plc_of(j), &plc);
    tp_jitter_buffer_reset(j);
    return TP_OK;
}

void tp_jitter_buffer_reset(tp_jitter_buffer *j)
{
    const tp_jitter_buffer_config config = j->config;
    const layout map = j->map;
    memset(j, 0, sizeof *j);
    j->config = config;
    j->map = map;
    j->target_frames = 2;
    tp_plc_reset(plc_of(j));
    memset(at(j, map.fifo), 0, map.fifo_room * sizeof(int16_t));
    for (uint32_t i = 0; i < j->map.slots; i++)
        slot_of(j, (int64_t)i)->sequence = -1;
}

size_t tp_jitter_buffer_frame_samples(const tp_jitter_buffer *j)
{
    return j->map.frame;
}

/* --- what the line does --------------------------------------------------------------------------------------------- */

static int64_t extend16(int64_t near, uint16_t value)
{
    return near + (int16_t)(uint16_t)(value - (uint16_t)near);
}

static int64_t extend32(int64_t near, uint32_t value)
{
    return near + (int32_t)(value - (uint32_t)near);
}

static int64_t min_delay(const tp_jitter_buffer *j)
{
    return j->base[0] < j->base[1] ? j->base[0] : j->base[1];
}

static void learn_delay(tp_jitter_buffer *j, int64_t sequence, int64_t timestamp)
{
    const int64_t delay = (int64_t)j->ticks * j->map.frame - timestamp;
    if (j->ticks >= j->base_until) {
        j->base[1] = j->base[0];
        j->base[0] = delay;
        j->base_until = j->ticks + BASE_MS / (uint32_t)j->config.frame_ms;
    }
    j->base[0] = delay < j->base[0] ? delay : j->base[0];

    /* Packets that come at once and in order were held up by one cause, which counts once. */
    const int burst = j->last_arrival == j->ticks && (uint64_t)(sequence - j->last_sequence) <= 1;
    j->last_arrival = j->ticks;
    j->last_sequence = sequence;
    const int64_t above = (delay - min_delay(j) + j->map.frame / 2) / j->map.frame;
    const uint32_t bin = above < (int64_t)BINS - 1 ? (uint32_t)above : BINS - 1;
    if (burst)
        return;
    const float share = (float)j->config.frame_ms / FORGET_MS;
    for (uint32_t i = 0; i < BINS; i++)
        j->histogram[i] -= share * j->histogram[i];
    j->histogram[bin] += share;

    float total = 0.0f, sum = 0.0f;
    for (uint32_t i = 0; i < BINS; i++)
        total += j->histogram[i];
    uint32_t frames = 0;
    while (frames < BINS - 1 && (sum += j->histogram[frames]) < PERCENTILE * total)
        frames++;
    /* One frame because a packet that came during this tick plays at the next at the earliest, one for the unexpected. */
    j->target_frames = frames + 2 < j->map.slots - 1 ? frames + 2 : j->map.slots - 1;
}

static void drop(tp_jitter_buffer *j, int64_t sequence)
{
    slot *s = slot_of(j, sequence);
    if (s->sequence == sequence) {
        s->sequence = -1;
        j->stats.buffered--;
        j->stats.discarded++;
    } else {
        j->stats.lost++;
    }
}

/* The stream jumped: throw away what waits, and go on from here. */
static void start_anew(tp_jitter_buffer *j, int64_t sequence, int64_t timestamp)
{
    for (int64_t s = j->next; j->started && s <= j->newest; s++)
        if (slot_of(j, s)->sequence == s)
            drop(j, s);
    j->bridge = j->playing;
    j->started = 1;
    j->next = j->newest = sequence;
    j->newest_time = timestamp;
    j->base[0] = j->base[1] = (int64_t)j->ticks * j->map.frame - timestamp;
    j->base_until = j->ticks + BASE_MS / (uint32_t)j->config.frame_ms;
    j->last_arrival = UINT64_MAX;
}

void tp_jitter_buffer_put(tp_jitter_buffer *j, const int16_t *pcm, uint16_t sequence, uint32_t timestamp)
{
    j->stats.received++;
    /* The origin keeps extended numbers positive for longer than any call. */
    int64_t s = j->started ? extend16(j->newest, sequence) : ((int64_t)1 << 32) + sequence;
    int64_t time = j->started ? extend32(j->newest_time, timestamp) : (int64_t)timestamp;
    const int64_t jump = JUMP_MS / j->config.frame_ms;
    const int64_t off = time - (j->newest_time + (s - j->newest) * j->map.frame);
    if (!j->started || s > j->newest + jump || s < j->newest - jump || off > jump * j->map.frame || off < -jump * j->map.frame)
        start_anew(j, s, time);
    learn_delay(j, s, time);
    if (s < j->next) {
        j->stats.late++;
        return;
    }
    if (slot_of(j, s)->sequence == s) {
        j->stats.duplicates++;
        return;
    }
    /* Full: the oldest make room. */
    for (; s - j->next >= (int64_t)j->map.slots - 1; j->next++) {
        drop(j, j->next);
        j->bridge = 1;
    }
    slot *place = slot_of(j, s);
    place->sequence = s;
    place->timestamp = time;
    memcpy(pcm_of(j, s), pcm, j->map.frame * sizeof *pcm);
    j->stats.buffered++;
    if (s > j->newest) {
        j->newest = s;
        j->newest_time = time;
    }
}

/* --- what is played --------------------------------------------------------------------------------------------------- */

static void conceal(tp_jitter_buffer *j, int16_t *out)
{
    tp_plc_conceal(plc_of(j), out);
    j->stats.concealed_ms += j->config.frame_ms;
    j->fifo_time += j->map.frame;
}

/* The next frame of the stream goes to the end of the FIFO. */
static void pull(tp_jitter_buffer *j)
{
    int16_t *out = fifo_of(j) + j->fifo_filled;
    j->fifo_filled += j->map.frame;
    if (j->stats.buffered == 0) {
        /* Late or lost? Nothing says so yet: bridge the gap, and skip nothing. */
        j->stats.underruns += j->stalled == 0;
        j->stalled++;
        conceal(j, out);
        j->fifo_time -= j->map.frame;
        return;
    }
    /* Frames that were bridged while waiting for them, and are lost: they are paid for. */
    while (j->stalled > 0 && slot_of(j, j->next)->sequence != j->next) {
        j->stats.lost++;
        j->next++;
        j->stalled--;
    }
    slot *s = slot_of(j, j->next);
    if (s->sequence != j->next) {
        j->stats.lost++;
        j->next++;
        conceal(j, out);
        return;
    }
    if (j->bridge && tp_plc_lost_samples(plc_of(j)) == 0) {
        /* This packet does not follow what was played last: a concealed frame between them makes it a soft change. */
        drop(j, j->next++);
        conceal(j, out);
        j->fifo_time = s->timestamp + j->map.frame;
        j->bridge = 0;
        return;
    }
    tp_plc_receive(plc_of(j), pcm_of(j, j->next), out);
    j->fifo_time = s->timestamp + j->map.frame;
    s->sequence = -1;
    j->stats.buffered--;
    j->stats.played++;
    j->next++;
    j->stalled = 0;
    j->bridge = 0;
}

/* Samples by which play-out is behind (+) or ahead (-) of the delay aimed at. */
static int64_t excess(const tp_jitter_buffer *j)
{
    const int64_t playing = j->fifo_time - j->fifo_filled;
    const int64_t due = (int64_t)j->ticks * j->map.frame - min_delay(j) - (int64_t)j->target_frames * j->map.frame;
    return due - playing;
}

/* Pulls frames that have come until the FIFO holds n samples; 1 when it does. */
static int gather(tp_jitter_buffer *j, uint32_t n)
{
    while (j->fifo_filled < n && j->stats.buffered > 0)
        pull(j);
    return j->fifo_filled >= n;
}

static void follow_clock(tp_jitter_buffer *j)
{
    /* Begins when play-out is off by half a frame and goes on to a quarter, or drift would eat up the margin. */
    const int64_t off = excess(j), tolerance = j->correcting ? j->map.frame / 4 : j->map.frame / 2;
    j->correcting = off > tolerance || off < -tolerance;
    const double ms_per_sample = 1000.0 / j->config.sample_rate_hz;
    const float far = (float)((off < 0 ? -off : off) - tolerance) / (float)(4 * j->map.frame);
    const float pressure = far < 1.0f ? far : 1.0f;
    /* A period of more than twice the error would leave play-out further off than it is. */
    const size_t max = 2 * (size_t)(off < 0 ? -off : off);
    /* Shortened only where enough waits to play a frame afterwards. */
    if (off > tolerance && gather(j, 2 * j->map.longest + j->map.frame)) {
        const size_t gone = tp_time_scale_shorten(fifo_of(j), j->fifo_filled, j->config.sample_rate_hz, max, pressure);
        j->fifo_filled -= (uint32_t)gone;
        j->stats.removed_ms += (double)gone * ms_per_sample;
    } else if (off < -tolerance && j->fifo_filled < 2 * j->map.longest && gather(j, j->map.longest)) {
        const size_t more = tp_time_scale_lengthen(fifo_of(j), j->fifo_filled, j->config.sample_rate_hz, max, pressure);
        j->fifo_filled += (uint32_t)more;
        j->stats.inserted_ms += (double)more * ms_per_sample;
    }
}

void tp_jitter_buffer_get(tp_jitter_buffer *j, int16_t *pcm)
{
    j->ticks++;
    if (!j->playing) {
        const int64_t waited = (int64_t)j->ticks * j->map.frame - min_delay(j) - (j->newest_time - (j->newest - j->next) * j->map.frame);
        if (!j->started || waited < (int64_t)j->target_frames * j->map.frame) {
            memset(pcm, 0, j->map.frame * sizeof *pcm);
            return;
        }
        j->playing = 1;
        j->fifo_time = j->newest_time - (j->newest - j->next) * j->map.frame;
    }
    if (!j->bridge) /* what the FIFO holds then is of the old stream, and has other timestamps */
        follow_clock(j);
    while (j->fifo_filled < j->map.frame)
        pull(j);
    int16_t *fifo = fifo_of(j);
    memcpy(pcm, fifo, j->map.frame * sizeof *pcm);
    j->fifo_filled -= j->map.frame;
    int16_t *history = fifo - j->map.longest;
    memmove(history, history + j->map.frame, (j->map.longest + j->fifo_filled) * sizeof *fifo);
}

size_t tp_jitter_buffer_delay_samples(const tp_jitter_buffer *j)
{
    if (!j->started)
        return 0;
    const int64_t waiting = j->newest - j->next + 1;
    return j->fifo_filled + (waiting > 0 ? (size_t)waiting * j->map.frame : 0);
}

void tp_jitter_buffer_get_stats(const tp_jitter_buffer *j, tp_jitter_buffer_stats *stats)
{
    *stats = j->stats;
    stats->depth_ms = (double)tp_jitter_buffer_delay_samples(j) * 1000.0 / j->config.sample_rate_hz;
    stats->target_ms = (double)j->target_frames * j->config.frame_ms;
}
