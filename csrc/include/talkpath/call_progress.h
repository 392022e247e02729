/*
 * Call progress: which tone of the telephone network is heard.
 *
 * What        dial tone, ringback, busy, reorder (congestion), call waiting, special information tones, howler, fax
 *             calling and answering tones, of the North American, European, British, French, Japanese and Australian
 *             plans and of the ITU, named once while they last
 * How         detect/tone_track.h every 10 ms cuts the stream into bursts; a 1024-point spectrum averaged over each burst
 *             (7.8 Hz a bin: tells 400+425+450 Hz from 400+450) gives its lines; bursts of equal lines are matched
 *             against the cadences of one table (detect/call_plan.c: ITU-T E.180 and its Supplement 2, Q.35, T.30, ANSI T1.401)
 * Limits      frequencies within ±1.5 % (special information ±50 Hz, fax calling ±38 Hz), on and off within ±10 % ± 25 ms, lines
 *             within 10 dB of each other, noise 12 dB below the tone, levels from -42 dBov. A repeated tone is named
 *             after its second burst, dial tone after 3 s, fax answering tone after 2.4 s, special information tones
 *             after the third. No event in 4.3 h of speech, synthetic speech and music
 * Units       times from the first sample, cadence in ms: on, off, on, off …
 * History     6 bursts; look-ahead: none
 * Latency     40 ms after what decides (tp_call_progress_delay_samples)
 * Aliasing    pcm is only read
 * Chunks      any length; events do not depend on how the stream is cut
 * Cost        0.3 to 2 µs for 20 ms at 8 kHz, up to 4 µs while a tone is being judged, 0.3 µs more at 16 kHz
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_CALL_PROGRESS_H
#define TALKPATH_CALL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_call_progress tp_call_progress;

typedef enum tp_call_tone {
    TP_CALL_DIAL,
    TP_CALL_RINGBACK,
    TP_CALL_BUSY,
    TP_CALL_REORDER, /* all circuits busy: "congestion" outside North America */
    TP_CALL_WAITING,
    TP_CALL_SIT,     /* special information: an announcement follows */
    TP_CALL_HOWLER,  /* receiver off hook */
    TP_CALL_FAX_CNG, /* a fax machine calls */
    TP_CALL_FAX_CED, /* a fax machine answers */
    TP_CALL_TONES,
} tp_call_tone;

typedef enum tp_call_plan {
    TP_PLAN_ITU,
    TP_PLAN_NORTH_AMERICA,
    TP_PLAN_EUROPE, /* 425 Hz: most of Europe, and much of the world */
    TP_PLAN_UK,
    TP_PLAN_FRANCE,
    TP_PLAN_JAPAN,
    TP_PLAN_AUSTRALIA,
    TP_PLANS,
} tp_call_plan;

typedef struct tp_call_progress_config {
    int sample_rate_hz; /* 8000 or 16000 */
} tp_call_progress_config;

static inline tp_call_progress_config tp_call_progress_defaults(void)
{
    return (tp_call_progress_config){ .sample_rate_hz = 8000 };
}

#define TP_CALL_CADENCE 4
#define TP_CALL_LINES 4

typedef struct tp_call_progress_event {
    tp_call_tone tone;
    tp_call_plan plan;
    double start_ms;                     /* of the first burst that counted        */
    uint16_t cadence_ms[TP_CALL_CADENCE]; /* the plan's, on and off; 0 after the last */
    float hz[TP_CALL_LINES];             /* the plan's frequencies; 0 after the last  */
    double burst_start_ms, burst_end_ms; /* of the newest burst: it ended, or goes on */
    float level_dbov;                    /* of its loudest frame                      */
} tp_call_progress_event;

/* Room for the events that n samples can hold at most. */
#define TP_CALL_PROGRESS_MAX_EVENTS(n) ((n) / 320 + 1)

/* "dial", "ringback" …; "north_america", "europe" …; NULL for what is none. */
const char *tp_call_tone_name(tp_call_tone tone);
const char *tp_call_plan_name(tp_call_plan plan);

const char *tp_call_progress_check(const tp_call_progress_config *config);
size_t tp_call_progress_size(const tp_call_progress_config *config);
int tp_call_progress_init(tp_call_progress *c, const tp_call_progress_config *config);
void tp_call_progress_reset(tp_call_progress *c);

/* Returns the number of tones that became certain within these n samples. */
size_t tp_call_progress_process(tp_call_progress *c, const int16_t *pcm, size_t n, tp_call_progress_event *events);

/* The newest tone that only a telephone network sends, by its frequencies, whatever its cadence and plan (known from its first 200 ms
 * on): returns the stream time until which it was heard, and writes when it began; below 0: none yet. */
double tp_call_progress_network_ms(const tp_call_progress *c, double *start_ms);

size_t tp_call_progress_delay_samples(const tp_call_progress *c);

#endif
