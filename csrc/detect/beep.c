#include "talkpath/beep.h"

#include <math.h>
#include <string.h>

#include "detect/beep_shape.h"
#include "detect/tone_track.h"
#include "talkpath/talkpath.h"

enum {
    MAX_FRAMES = 512, /* of one tone: 5.1 s */
    END_FRAMES = 7,    /* without the tone: it is over. A hole of 60 ms has 5 or 6 */
    SOUNDING_FRAMES = 6,
    FORGET_FRAMES = 500, /* a tone that comes again within this many is a cadence */
    MELODY_FRAMES = 6,   /* a tone that follows another this closely is part of a sequence */
};

#define MIN_SHARE 0.55f   /* of a frame's power that the tones must hold */
#define MIN_POWER 2.5e-5f /* -46 dBov */
#define NEXT_MIN_POWER 0.03f /* a tone that follows another */
#define NEXT_MIN_SHARE 0.9f
#define MIN_FALL 0.1f     /* a tone that falls by 10 dB in 20 ms has ended */

struct tp_beep {
    tp_beep_config config;
    tp_tone_track track;
    uint64_t frame_count;
    /* The tone being heard: frames[0 … length-1], then `gap` frames without it. */
    size_t length, gap;
    uint64_t first_frame; /* number of frames[0] */
    int too_long;
    int heard_any, timed_out;
    /* The last tone that was long enough to be one, whatever became of it. */
    float last_hz;
    uint64_t last_end;
    int had_last;
    tp_tone_frame frames[MAX_FRAMES + END_FRAMES + 1];
};

const char *tp_beep_check(const tp_beep_config *config)
{
    if (config->sample_rate_hz != 8000 && config->sample_rate_hz != 16000)
        return "sample_rate must be 8000 or 16000";
    return config->timeout_ms >= 0 ? NULL : "timeout_ms must not be negative";
}

size_t tp_beep_size(const tp_beep_config *config)
{
    return tp_beep_check(config) ? 0 : sizeof(tp_beep);
}

int tp_beep_init(tp_beep *b, const tp_beep_config *config)
{
    if (tp_beep_check(config))
        return TP_ECONFIG;
    b->config = *config;
    tp_tone_track_init(&b->track, config->sample_rate_hz);
    tp_beep_reset(b);
    return TP_OK;
}

void tp_beep_reset(tp_beep *b)
{
    tp_tone_track_reset(&b->track);
    b->frame_count = b->first_frame = b->last_end = 0;
    b->length = b->gap = 0;
    b->too_long = b->heard_any = b->timed_out = b->had_last = 0;
    b->last_hz = 0.0f;
}

int tp_beep_timed_out(const tp_beep *b)
{
    return b->timed_out;
}

size_t tp_beep_delay_samples(const tp_beep *b)
{
    return (TP_TONE_WINDOW / 2 + END_FRAMES * TP_TONE_HOP + TP_TONE_HOP) * (b->config.sample_rate_hz == 16000 ? 2 : 1);
}

static int is_tonal(const tp_tone_frame *f)
{
    return f->main_power >= MIN_POWER && f->main_power + f->harmonic_power + f->second_power > MIN_SHARE * f->total;
}

/* Does the frame go on with the tone? A pair's tones may change places: then they are put back. */
static int continues(const tp_beep *b, tp_tone_frame *f)
{
    const tp_tone_frame *last = &b->frames[b->length - 1];
    const float steps = (float)(b->gap < 2 ? b->gap : 2) + 1.0f, off = 0.022f * last->main_hz;
    const float reach = (off > 12.0f ? off : 12.0f) * steps;
    if (!is_tonal(f))
        return 0;
    if (fabsf(f->main_hz - last->main_hz) > reach) {
        if (fabsf(f->second_hz - last->main_hz) > reach || f->second_power < 0.2f * f->main_power)
            return 0;
        const float hz = f->main_hz, power = f->main_power;
        f->main_hz = f->second_hz;
        f->main_power = f->second_power;
        f->second_hz = hz;
        f->second_power = power;
    }
    const tp_tone_frame *before = b->length >= 2 ? &b->frames[b->length - 2] : last;
    return f->main_power > MIN_FALL * before->main_power;
}

static double frame_ms(uint64_t first, float frame)
{
    /* The first frame's newest sample is number TP_TONE_HOP - 1; its middle lies half a window back. */
    const double ms = ((double)first + 1.0 + (double)frame) * TP_TONE_HOP_MS - (double)TP_TONE_WINDOW / 16.0;
    return ms > 0.0 ? ms : 0.0;
}

/* Has another tone begun since: two frames of little else? */
static int another_follows(const tp_beep *b)
{
    const tp_tone_frame *f = b->frames + b->length + END_FRAMES - 2;
    const float power = NEXT_MIN_POWER * b->frames[b->length / 2].main_power;
    for (int i = 0; i < 2; i++)
        if (f[i].main_power < power || f[i].main_power < NEXT_MIN_SHARE * f[i].total)
            return 0;
    return fabsf(f[1].main_hz - f[0].main_hz) < 0.022f * f[0].main_hz;
}

/* The tone is over: frames[length … length + END_FRAMES - 1] are what followed. */
static int classify(tp_beep *b, tp_beep_event *event)
{
    tp_beep_shape shape;
    tp_beep_verdict verdict = tp_beep_judge(b->frames, b->length, b->frames + b->length + 1, &shape);
    const uint64_t end = b->first_frame + b->length;
    if (verdict == TP_BEEP_SHORT && !b->too_long)
        return 0;
    if (b->too_long || verdict == TP_BEEP_SHORT)
        shape.hz = b->frames[b->length - 1].main_hz;
    if (verdict == TP_BEEP_YES && another_follows(b))
        verdict = TP_BEEP_GOES_ON;
    const int is_machine = verdict == TP_BEEP_YES || verdict == TP_BEEP_NETWORK || verdict == TP_BEEP_GOES_ON || b->too_long;
    const int follows = b->had_last && b->first_frame < b->last_end + MELODY_FRAMES;
    const int repeats = b->had_last && b->first_frame < b->last_end + FORGET_FRAMES
                        && fabsf(shape.hz - b->last_hz) < 0.006f * shape.hz;
    const int is_beep = verdict == TP_BEEP_YES && !b->too_long && !follows && !repeats;
    if (is_machine) {
        b->had_last = 1;
        b->last_hz = shape.hz;
        b->last_end = end;
    }
    if (!is_beep)
        return 0;
    event->frequency_hz = shape.hz;
    event->level_dbov = 10.0f * log10f(shape.power);
    event->start_ms = frame_ms(b->first_frame, shape.start_frame);
    event->end_ms = frame_ms(b->first_frame, shape.end_frame);
    return 1;
}

/* Adds a frame to the buffer and looks whether a tone starts, goes on or ends. */
static int take_frame(tp_beep *b, const tp_tone_frame *frame, tp_beep_event *event)
{
    tp_tone_frame f = *frame;
    if (b->length == 0) {
        if (is_tonal(&f)) {
            b->frames[0] = f;
            b->length = 1;
            b->gap = 0;
            b->too_long = 0;
            b->first_frame = b->frame_count;
        }
        return 0;
    }
    if (continues(b, &f)) {
        b->length += b->gap;
        b->gap = 0;
        if (b->length >= MAX_FRAMES) { /* keeps the newest second: enough to follow the tone */
            b->too_long = 1;
            memmove(b->frames, b->frames + 100, (b->length - 100) * sizeof b->frames[0]);
            b->length -= 100;
            b->first_frame += 100;
        }
        b->frames[b->length++] = f;
        return 0;
    }
    b->frames[b->length + b->gap++] = *frame;
    if (b->gap < END_FRAMES)
        return 0;
    const int found = classify(b, event);
    /* What followed may be the start of the next tone. */
    tp_tone_frame rest[END_FRAMES];
    memcpy(rest, b->frames + b->length, sizeof rest);
    b->length = b->gap = 0;
    const uint64_t now = b->frame_count;
    for (size_t i = 0; i < END_FRAMES; i++) {
        b->frame_count = now + 1 + i - END_FRAMES;
        take_frame(b, &rest[i], event); /* so few frames cannot end a tone */
    }
    b->frame_count = now;
    return found;
}

size_t tp_beep_process(tp_beep *b, const int16_t *pcm, size_t n, tp_beep_event *events)
{
    size_t found = 0;
    while (n > 0 && !b->timed_out) {
        tp_tone_frame frame;
        int ready;
        const size_t used = tp_tone_track_read(&b->track, pcm, n, &frame, &ready);
        pcm += used;
        n -= used;
        if (!ready)
            continue;
        found += (size_t)take_frame(b, &frame, events + found);
        b->frame_count++;
        b->heard_any |= found > 0;
        if (b->config.timeout_ms > 0 && !b->heard_any && b->length == 0) /* a tone that lasts is waited for */
            b->timed_out = (double)b->frame_count * TP_TONE_HOP_MS >= b->config.timeout_ms;
    }
    return found;
}

int tp_beep_sounding(const tp_beep *b, tp_beep_tone *tone)
{
    if (b->length < SOUNDING_FRAMES || b->gap > 0)
        return 0;
    const tp_tone_frame *last = &b->frames[b->length - 1];
    const float moved = fabsf(last->main_hz - b->frames[b->length - SOUNDING_FRAMES / 2].main_hz);
    if (moved > 0.01f * last->main_hz)
        return 0;
    tone->frequency_hz = last->main_hz;
    tone->level_dbov = 10.0f * log10f(last->main_power);
    tone->start_ms = frame_ms(b->first_frame, 0.0f);
    return 1;
}
