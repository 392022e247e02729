/*
 * The barge-in gate: is that the caller, talking while the agent talks? Its own echo never counts.
 *
 * What        near without echo; every 10 ms whether the caller speaks, since when, and whether that is enough to interrupt
 * How         talkpath/echo_canceller.h, whose network gives the log-odds of the caller's speech; they are summed with a leak,
 *             from the estimated onset on (A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical
 *             Statistics 16, 1945), and the sum has to reach a threshold: strong evidence is enough at once, weak evidence
 *             takes longer, short gaps are bridged. What is much fainter than the caller has been needs more. Before the first pause
 *             of a call that begins with speech talkpath/vad.h is believed as well
 * Limits      on 2,900 calls with agents and callers that the training has not heard, at min_speech_ms = 100: callers found within
 *             300 / 500 / 1000 ms in 91 / 97 / 99 % of barge-ins on lines with echo, 94 / 99 / 99 % without; 0.08 and 0.05 false
 *             interruptions a minute of the agent's speech (0.04 and 0.05 at 300), most of them crowds behind the caller. More than
 *             100 ms are counted over what sounds: 10 to 30 ms after min_speech_ms of speech it interrupts, and not before. Onset
 *             and end are true to 10 ms on average, 20 ms where echo covers the first sound; sound below the noise, or more
 *             than 10 dB below the echo, is not heard. Somebody who speaks 20 dB more softly than the caller before may not be
 *             heard. A back-channel is speech, and counts if it lasts
 * Units       samples of stream time, ms, probabilities 0 … 1; evidence: 1 is enough
 * History     as the echo canceller
 * Latency     10 ms of the sound (tp_barge_in_delay_samples); decisions hear the newest sample
 * Aliasing    out may be near or far
 * Chunks      any length; neither the output nor the decisions depend on how the stream is cut
 * Cost        the echo canceller's
 * Errors      TP_ECONFIG from init and tp_barge_in_set_min_speech_ms; no audio fails
 */
#ifndef TALKPATH_BARGE_IN_H
#define TALKPATH_BARGE_IN_H

#include <stddef.h>
#include <stdint.h>

#include "talkpath/echo_canceller.h"

typedef struct tp_barge_in tp_barge_in;

typedef struct tp_barge_in_config {
    int sample_rate_hz; /* 8000 or 16000                                                              */
    int min_speech_ms;  /* 20 … 2000: least length of speech, over what sounds, that interrupts        */
    int warm_up_ms;     /* 0 … 5000: after the agent began to speak, this long, more evidence is asked */
    int tail_ms;        /* as the echo canceller's                                                    */
    int max_delay_ms;
} tp_barge_in_config;

static inline tp_barge_in_config tp_barge_in_defaults(void)
{
    return (tp_barge_in_config){
        .sample_rate_hz = 8000, .min_speech_ms = 300, .warm_up_ms = 0, .tail_ms = 128, .max_delay_ms = 600
    };
}

typedef struct tp_barge_in_reading {
    int barge_in;             /* the caller has spoken for min_speech_ms, and still does */
    int near_end_active;      /* the caller speaks                                       */
    float speech_probability; /* of the caller, in the newest hop                        */
    float echo_probability;   /* what is heard in the newest hop is echo                 */
    float evidence;           /* summed: 1 is enough to interrupt                        */
    uint64_t onset_samples;   /* stream time at which this speech began, to 10 ms; 0: none         */
    uint64_t sound_samples;   /* stream time at which the newest sound of the caller's speech ended */
    uint64_t samples;         /* stream time of the newest complete hop                  */
    float level_dbov;         /* loudest hop since the onset, or the newest: tp_echo_state's near_level_dbov */
    float caller_dbov;        /* the same of the caller so far, 0.2 dB less every second; below -100: not heard, or long ago */
} tp_barge_in_reading;

const char *tp_barge_in_check(const tp_barge_in_config *config);
size_t tp_barge_in_size(const tp_barge_in_config *config);
int tp_barge_in_init(tp_barge_in *g, const tp_barge_in_config *config);
void tp_barge_in_reset(tp_barge_in *g);

/* As tp_echo_canceller_process. Returns 1 if the decision to interrupt held after any of the hops that these samples
 * completed (or holds, when they completed none). */
int tp_barge_in_process(tp_barge_in *g, const int16_t *near, const int16_t *far, size_t n, int16_t *out);

/* As tp_echo_canceller_skip. */
void tp_barge_in_skip(tp_barge_in *g, const int16_t *far, size_t n);

/* What sounds now is known to be no speech (a key): evidence and length of speech begin anew with what comes next. */
void tp_barge_in_dismiss(tp_barge_in *g);

/* As tp_echo_canceller_prefetch. */
void tp_barge_in_prefetch(const tp_barge_in *g);

const tp_barge_in_reading *tp_barge_in_read(const tp_barge_in *g);
const tp_echo_state *tp_barge_in_echo(const tp_barge_in *g);

/* From the next hop on. */
int tp_barge_in_set_min_speech_ms(tp_barge_in *g, int min_speech_ms);

size_t tp_barge_in_delay_samples(const tp_barge_in *g);

#endif
