/*
 * Echo canceller for telephone lines: takes the agent's own voice out of what comes back, whatever the delay.
 *
 * What        near in, near without echo out; what it knows about the line, every 10 ms
 * How         spectra every 5 ms (csrc/echo/grid.h); a long sub-band Kalman filter over all delays that needs no delay to
 *             start with, and a short one with full covariances, started where talkpath/delay_estimator.h finds the echo
 *             and replayed over the last 0.4 s; whichever filter would add sound is not used; a recurrent network over both
 *             filters' states (csrc/echo/near_end.h) says whether the caller speaks, and with a second one (csrc/echo/keep_net.h)
 *             how much of each band is to be kept, a third (csrc/echo/keep_bins.h) how much of each bin; what goes leaves the
 *             line's noise behind. No double-talk detector: the filters' noise covariance is the residual itself (G. Enzner,
 *             P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones", Signal
 *             Processing 86, 2006)
 *             While a line has brought nothing but its noise for a while, networks, voice detector and delay search rest in seven hops
 *             of eight. A background under everything that comes back below the line's noise counts as silence of the far side; one
 *             that comes back little louder, or far below a caller, is subtracted and no more: how much comes back at most is
 *             what was heard while the agent spoke
 * Limits      on the 100 stored calls of the evaluation kit (docs/measured.md): 32 dB less echo after 3 s; 10 dB in the first half
 *             second of any of its echoes; PESQ of the caller's speech 2.7 with echo, 3.4 without (untouched: the same); AECMOS
 *             of real double talk at 16 kHz 4.2 (echo) and 3.8 (other); a delay jump is overcome in 0.1 to 0.3 s once its echo is taken for a caller, in about 0.7 s else. In the first 1.2 s
 *             of the agent's voice a line without echo may be touched too, after that it is not. The band from 3.6 kHz
 *             (7.6 kHz at 16 kHz) up and below 125 Hz is suppressed only
 * Units       dB; ms; likelihoods and gains 0 … 1
 * History     max_delay_ms + tail_ms + 0.4 s of both signals
 * Latency     10 ms (tp_echo_canceller_delay_samples)
 * Aliasing    out may be near or far
 * Chunks      any length; the output does not depend on how the stream is cut
 * Cost        44 µs for 20 ms at 8 kHz while the agent speaks, 13 µs while it is silent; 72 and 15 µs at 16 kHz (AVX2, through Python);
 *             up to 90 µs in the four frames after a lock; 153 KB of state at 8 kHz, 229 KB at 16 kHz
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_ECHO_CANCELLER_H
#define TALKPATH_ECHO_CANCELLER_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_echo_canceller tp_echo_canceller;

typedef struct tp_echo_canceller_config {
    int sample_rate_hz; /* 8000 or 16000                                                        */
    int tail_ms;        /* 40 … 160: how long the echo rings                                    */
    int max_delay_ms;   /* 100 … 1000                                                           */
    int suppress;       /* 0: linear cancellation alone; 1: what echo is left is suppressed too */
} tp_echo_canceller_config;

static inline tp_echo_canceller_config tp_echo_canceller_defaults(void)
{
    return (tp_echo_canceller_config){ .sample_rate_hz = 8000, .tail_ms = 128, .max_delay_ms = 600, .suppress = 1 };
}

/* What is known after the newest hop of 10 ms. */
typedef struct tp_echo_state {
    uint64_t hops;          /* complete so far                                              */
    int far_sounds;         /* the far side is not silent in this hop                       */
    int far_active;         /* … or its echo may still come                                 */
    int double_talk;        /* caller and echo at once                                      */
    float delay_ms;         /* of the echo; -1 while none is known                          */
    float delay_confidence; /* 0 … 1                                                        */
    float erl_db;           /* loss from far to its echo; 0 while unknown                   */
    float erle_db;          /* what the linear filter takes off the echo now                */
    float echo_likelihood;  /* 0 … 1: this line returns the agent's voice                   */
    float echo_share;       /* 0 … 1: how much of what is heard is not the caller           */
    float near_probability; /* 0 … 1: the caller speaks in this hop                         */
    float near_logit;       /* the same before the sigmoid                                  */
    float voice_probability; /* 0 … 1: any speech in what the linear filters leave (talkpath/vad.h) */
    float near_level_dbov;   /* of what they leave of this hop, mean of twelve bands; noise that is white up to 4 kHz has its own */
    int echo_open;           /* what sounds like the caller may be the agent's voice at another delay   */
    int echo_relied_on;      /* an echo is where it is expected                                         */
    int echo_settling;       /* it was, and the filters have not caught up                              */
} tp_echo_state;

const char *tp_echo_canceller_check(const tp_echo_canceller_config *config);
size_t tp_echo_canceller_size(const tp_echo_canceller_config *config);
int tp_echo_canceller_init(tp_echo_canceller *e, const tp_echo_canceller_config *config);
void tp_echo_canceller_reset(tp_echo_canceller *e);

/* n samples of near (received) and far (sent in the same slots of time); out takes n samples. near NULL: they were lost,
 * and count as silence that nothing is learnt from. far NULL: what was sent is not known. */
void tp_echo_canceller_process(tp_echo_canceller *e, const int16_t *near, const int16_t *far, size_t n, int16_t *out);

/* n samples, whole hops of 10 ms between whole hops, that were sent while nothing was received: what comes next was received
 * so much later, and the echo of these may be in it. Anything else is ignored. */
void tp_echo_canceller_skip(tp_echo_canceller *e, const int16_t *far, size_t n);

/* Before the first samples of a frame, where many calls share a cache: fetches what their echo will need from memory. Changes nothing. */
void tp_echo_canceller_prefetch(const tp_echo_canceller *e);

const tp_echo_state *tp_echo_canceller_state(const tp_echo_canceller *e);

/* Samples until the next hop of 10 ms is complete. */
size_t tp_echo_canceller_to_hop(const tp_echo_canceller *e);

size_t tp_echo_canceller_delay_samples(const tp_echo_canceller *e);

#endif
