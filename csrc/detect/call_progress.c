#include "talkpath/call_progress.h"

#include <math.h>
#include <string.h>

#include "detect/call_plan.h"
#include "detect/tone_track.h"
#include "dsp/fft.h"
#include "dsp/window.h"
#include "talkpath/talkpath.h"

enum {
    SPECTRUM = 1024,
    BINS = SPECTRUM / 2 + 1,
    FIRST_BIN = 32,  /* 250 Hz  */
    LAST_BIN = 400,  /* 3125 Hz */
    LOBE = 2,
    WINDOW_HOPS = (SPECTRUM + TP_TONE_HOP - 1) / TP_TONE_HOP,
    SPECTRUM_HOPS = 3,   /* one spectrum in so many frames: no multiple of a beat of 20, 25, 40 or 50 Hz … */
    MAX_SPECTRA = 40,   /* … up to this number a burst      */
    END_FRAMES = 3,      /* without the tone: the burst is over; beats of 20 Hz go below the limit for less */
    CHANGE_FRAMES = 2,
    BURSTS = 6,
    MIN_FRAMES = 5,    /* a shorter stretch of tone is none */
    NETWORK_FRAMES = 18,
    STEADY_FRAMES = 200, /* from here on a burst may be a tone without pauses */
};

#define HZ_A_BIN 7.8125f
#define MIN_POWER 2.5e-5f /* -46 dBov */
#define MIN_SHARE 0.4f    /* of a frame's power, in its two strongest tones (a howler has four) */
#define MIN_FALL 0.04f    /* -14 dB: the end of a burst */
#define MIN_PURITY 0.8f   /* of a burst's power, in its lines */
#define MIN_LINE 0.05f    /* -13 dB below the strongest line: a line */
#define SINGLE_SHARE 0.8f   /* of a frame's power in one tone: only such frames can cut a burst by their frequency */
#define SINGLE_SPREAD 0.45f /* bins²: tones that beat reach more */
#define MAX_CHANGE 0.06f
/* One burst alone is a network's only when it is purer than voices are, which have their pitch below 219 Hz. */
#define NETWORK_MIN_PURITY 0.9f
#define NETWORK_MAX_LOW 0.015f
/* A burst seems longer by this much, a pause shorter: a frame still counts when its middle lies 6 ms beyond the edge. */
#define EDGE_MS 6.0
#define LONGEST_PAUSE_MS 12000.0 /* after which a tone is new again */

struct tp_call_progress {
    tp_call_progress_config config;
    tp_tone_track track;
    uint64_t frame_count;
    /* The burst being heard. */
    int on;
    uint64_t first_frame, last_frame;
    float level;   /* loudest frame */
    float main_hz; /* of its newest frame with a single tone, 0 if there was none */
    int changed;   /* frames in a row with another single tone */
    int spectra;
    int steady_reported;
    int network;           /* it is known to be a network's */
    float low, all;        /* power below 219 Hz, and in all, of its frames */
    uint64_t network_first, network_end; /* the newest such burst's first frame, and 1 + its last; 0: none yet */
    /* Bursts of the same lines, oldest first, and the three newest of any lines. */
    tp_call_burst bursts[BURSTS], last[3];
    size_t n_bursts;
    int reported; /* 1 + tone + TP_CALL_TONES · plan of what was reported of the present sequence; 0: nothing yet */
    float sum[LAST_BIN + LOBE + 1]; /* of the burst's power spectra */
    float window[SPECTRUM];
    float samples[SPECTRUM]; /* the newest at the end */
};

const char *tp_call_progress_check(const tp_call_progress_config *config)
{
    return config->sample_rate_hz == 8000 || config->sample_rate_hz == 16000 ? NULL : "sample_rate must be 8000 or 16000";
}

size_t tp_call_progress_size(const tp_call_progress_config *config)
{
    return tp_call_progress_check(config) ? 0 : sizeof(tp_call_progress);
}

int tp_call_progress_init(tp_call_progress *c, const tp_call_progress_config *config)
{
    if (tp_call_progress_check(config))
        return TP_ECONFIG;
    c->config = *config;
    tp_tone_track_init(&c->track, config->sample_rate_hz);
    tp_window_hann(c->window, SPECTRUM);
    tp_call_progress_reset(c);
    return TP_OK;
}

void tp_call_progress_reset(tp_call_progress *c)
{
    tp_tone_track_reset(&c->track);
    c->frame_count = c->first_frame = c->last_frame = 0;
    c->on = c->changed = c->spectra = c->steady_reported = c->network = 0;
    c->low = c->all = 0.0f;
    c->network_first = c->network_end = 0;
    c->level = c->main_hz = 0.0f;
    c->n_bursts = 0;
    c->reported = 0;
    memset(c->bursts, 0, sizeof c->bursts);
    memset(c->last, 0, sizeof c->last);
    memset(c->sum, 0, sizeof c->sum);
    memset(c->samples, 0, sizeof c->samples);
}

size_t tp_call_progress_delay_samples(const tp_call_progress *c)
{
    return (TP_TONE_WINDOW / 2 + END_FRAMES * TP_TONE_HOP) * (c->config.sample_rate_hz == 16000 ? 2 : 1);
}

static void add_spectrum(tp_call_progress *c)
{
    float x[SPECTRUM], re[BINS], im[BINS];
    for (size_t i = 0; i < SPECTRUM; i++)
        x[i] = c->samples[i] * c->window[i];
    tp_rfft_forward(SPECTRUM, x, re, im);
    for (int k = 0; k <= LAST_BIN + LOBE; k++)
        c->sum[k] += re[k] * re[k] + im[k] * im[k];
    c->spectra++;
}

static float line_hz(const float *power, int k)
{
    const float side = power[k + 1] > power[k - 1] ? 1.0f : -1.0f;
    const float a = sqrtf((side > 0.0f ? power[k + 1] : power[k - 1]) / power[k]);
    const float offset = (2.0f * a - 1.0f) / (a + 1.0f);
    return HZ_A_BIN * ((float)k + side * (offset > 0.0f ? offset : 0.0f));
}

/* The lines of the summed spectra, by frequency; none when they do not hold most of the power, of which the share is returned. */
static float find_lines(const tp_call_progress *c, tp_call_burst *b)
{
    float total = 0.0f, max = 0.0f, in_lines = 0.0f;
    b->lines = 0;
    for (int k = FIRST_BIN; k <= LAST_BIN; k++) {
        total += c->sum[k];
        max = c->sum[k] > max ? c->sum[k] : max;
    }
    int next = FIRST_BIN; /* first bin that is in no line's lobe yet */
    for (int k = FIRST_BIN; k <= LAST_BIN; k++) {
        if (c->sum[k] < MIN_LINE * max || c->sum[k] <= c->sum[k - 1] || c->sum[k] < c->sum[k + 1])
            continue;
        if (b->lines == TP_BURST_LINES) {
            b->lines = 0;
            return 0.0f;
        }
        b->hz[b->lines++] = line_hz(c->sum, k);
        for (int i = k - LOBE > next ? k - LOBE : next; i <= k + LOBE; i++)
            in_lines += c->sum[i];
        next = k + LOBE + 1;
    }
    if (in_lines < MIN_PURITY * total || max <= 0.0f)
        b->lines = 0;
    return total > 0.0f ? in_lines / total : 0.0f;
}

static double middle_ms(uint64_t frame)
{
    return ((double)frame + 1.0) * TP_TONE_HOP_MS - TP_TONE_WINDOW / 16.0;
}

static double burst_start_ms(const tp_call_progress *c)
{
    return middle_ms(c->first_frame) + EDGE_MS;
}

static double burst_end_ms(const tp_call_progress *c)
{
    return middle_ms(c->last_frame) - EDGE_MS;
}

double tp_call_progress_network_ms(const tp_call_progress *c, double *start_ms)
{
    *start_ms = c->network_end > 0 ? middle_ms(c->network_first) : -1.0;
    return c->network_end > 0 ? middle_ms(c->network_end - 1) : -1.0;
}

static void fill_event(const tp_call_progress *c, const tp_call_entry *entry, double start_ms, tp_call_progress_event *event)
{
    event->tone = entry->tone;
    event->plan = entry->plan;
    event->start_ms = start_ms > 0.0 ? start_ms : 0.0;
    memcpy(event->cadence_ms, entry->cadence_ms, sizeof event->cadence_ms);
    memcpy(event->hz, entry->hz, sizeof event->hz);
    event->burst_start_ms = burst_start_ms(c);
    event->burst_end_ms = burst_end_ms(c);
    event->level_dbov = 10.0f * log10f(c->level);
}

/* A tone is reported once for as long as it goes on. */
static int is_news(tp_call_progress *c, const tp_call_entry *entry)
{
    const int id = 1 + (int)entry->tone + TP_CALL_TONES * (int)entry->plan, news = id != c->reported;
    c->reported = id;
    return news;
}

static void start_burst(tp_call_progress *c, uint64_t frame)
{
    c->on = 1;
    c->first_frame = c->last_frame = frame;
    c->level = c->main_hz = 0.0f;
    c->changed = c->spectra = c->steady_reported = c->network = 0;
    c->low = c->all = 0.0f;
    memset(c->sum, 0, sizeof c->sum);
}

/* Is it one that a network sends? */
static void note_network(tp_call_progress *c, const tp_call_burst *b, float purity)
{
    c->network = purity >= NETWORK_MIN_PURITY && c->low < NETWORK_MAX_LOW * c->all && tp_call_is_network(b);
    if (!c->network)
        return;
    c->network_first = c->first_frame;
    c->network_end = c->last_frame + 1;
}

/* The burst ended with frame c->last_frame; returns 1 and fills *event if that made a tone certain. */
static int end_burst(tp_call_progress *c, tp_call_progress_event *event)
{
    c->on = 0;
    if (c->last_frame + 1 < c->first_frame + MIN_FRAMES)
        return 0;
    if (c->spectra == 0)
        add_spectrum(c); /* shorter than a spectrum: silence and tone together */
    tp_call_burst b;
    memset(&b, 0, sizeof b);
    const float purity = find_lines(c, &b);
    b.start_ms = burst_start_ms(c);
    b.end_ms = burst_end_ms(c);
    b.cut = c->first_frame < 3;
    if (c->last_frame + 1 >= c->first_frame + NETWORK_FRAMES)
        note_network(c, &b, purity);

    c->last[0] = c->last[1];
    c->last[1] = c->last[2];
    c->last[2] = b;
    const tp_call_entry *sit = tp_call_match_sit(c->last);
    if (sit) {
        c->n_bursts = 0;
        c->reported = 0;
        c->network_first = c->first_frame;
        c->network_end = c->last_frame + 1;
        fill_event(c, sit, c->last[0].start_ms, event);
        return 1;
    }
    const tp_call_burst *before = &c->bursts[c->n_bursts > 0 ? c->n_bursts - 1 : 0];
    if (c->n_bursts == 0 || !tp_call_same(before, &b) || b.start_ms - before->end_ms > LONGEST_PAUSE_MS) {
        c->n_bursts = 0;
        if (!c->steady_reported)
            c->reported = 0;
    }
    if (b.lines == 0)
        return 0;
    if (c->n_bursts == BURSTS)
        memmove(c->bursts, c->bursts + 1, --c->n_bursts * sizeof c->bursts[0]);
    c->bursts[c->n_bursts++] = b;
    const tp_call_entry *entry = tp_call_match(c->bursts, c->n_bursts);
    if (!entry || !is_news(c, entry))
        return 0;
    fill_event(c, entry, c->bursts[c->n_bursts - entry->needs].start_ms, event);
    return 1;
}

/* What is known of a burst before its end: a tone without pauses needs none. */
static int check_burst(tp_call_progress *c, tp_call_progress_event *event)
{
    tp_call_burst b;
    memset(&b, 0, sizeof b);
    note_network(c, &b, find_lines(c, &b));
    if (c->last_frame + 1 < c->first_frame + STEADY_FRAMES || c->steady_reported)
        return 0;
    const double start_ms = burst_start_ms(c);
    const tp_call_entry *entry = tp_call_match_steady(&b, middle_ms(c->last_frame) - start_ms);
    if (!entry)
        return 0;
    c->steady_reported = 1;
    if (!is_news(c, entry))
        return 0;
    fill_event(c, entry, start_ms, event);
    return 1;
}

static int take_frame(tp_call_progress *c, const tp_tone_frame *f, tp_call_progress_event *event)
{
    const uint64_t now = c->frame_count;
    const float power = f->main_power + f->second_power;
    const int is_tone = power >= MIN_POWER && power >= MIN_SHARE * f->total;
    if (!c->on) {
        if (!is_tone)
            return 0;
        start_burst(c, now);
    }
    const int is_single = is_tone && f->main_power > SINGLE_SHARE * f->total && f->spread < SINGLE_SPREAD;
    if (!is_tone || power < MIN_FALL * c->level)
        return now - c->last_frame >= END_FRAMES ? end_burst(c, event) : 0;
    if (is_single && c->main_hz > 0.0f && fabsf(f->main_hz - c->main_hz) > MAX_CHANGE * c->main_hz) {
        if (++c->changed < CHANGE_FRAMES)
            return 0;
        const int found = end_burst(c, event);
        start_burst(c, now + 1 - CHANGE_FRAMES);
        c->last_frame = now;
        c->level = power;
        c->main_hz = f->main_hz;
        return found;
    }
    c->changed = 0;
    c->last_frame = now;
    c->low += f->low;
    c->all += f->low + f->total;
    if (c->network)
        c->network_end = now + 1;
    c->level = power > c->level ? power : c->level;
    if (is_single)
        c->main_hz = f->main_hz;
    const uint64_t length = now - c->first_frame;
    if (length >= WINDOW_HOPS && length % SPECTRUM_HOPS == 0 && c->spectra < MAX_SPECTRA)
        add_spectrum(c);
    return length >= NETWORK_FRAMES && length % 10 == 0 && c->spectra > 0 ? check_burst(c, event) : 0;
}

size_t tp_call_progress_process(tp_call_progress *c, const int16_t *pcm, size_t n, tp_call_progress_event *events)
{
    size_t found = 0;
    while (n > 0) {
        tp_tone_frame frame;
        int ready;
        const size_t used = tp_tone_track_read(&c->track, pcm, n, &frame, &ready);
        pcm += used;
        n -= used;
        if (!ready)
            continue;
        memmove(c->samples, c->samples + TP_TONE_HOP, (SPECTRUM - TP_TONE_HOP) * sizeof c->samples[0]);
        memcpy(c->samples + SPECTRUM - TP_TONE_HOP, tp_tone_track_newest(&c->track), TP_TONE_HOP * sizeof c->samples[0]);
        found += (size_t)take_frame(c, &frame, events + found);
        c->frame_count++;
    }
    return found;
}
