/*
 * 16 kHz in, 8 kHz out: the input stage of the tone detectors, which all work at 8 kHz.
 *
 * How         half-band FIR of 31 taps (firwin with a Kaiser window, beta 3.8), evaluated for every second sample only
 * Limits      0 … 3.3 kHz within 0.06 dB; what would fold below 3.3 kHz (above 4.7 kHz) is 44 dB down
 * Units       in: int16 at 16 kHz; out: float, ±1.0 = ±32768
 * Latency     15 samples at 16 kHz (0.94 ms)
 * Chunks      any length; a left-over sample waits for its partner
 */
#ifndef TALKPATH_DETECT_HALF_RATE_H
#define TALKPATH_DETECT_HALF_RATE_H

#include <stddef.h>
#include <stdint.h>

#define TP_HALF_RATE_BLOCK 256 /* output samples of one call at most      */
#define TP_HALF_RATE_DELAY 7   /* whole output samples of delay, rounded  */

typedef struct tp_half_rate {
    float even[7];   /* the newest even samples … */
    float odd[15];   /* … and odd ones            */
    float waiting;   /* an even sample whose partner is still to come */
    int has_waiting;
} tp_half_rate;

void tp_half_rate_reset(tp_half_rate *h);

/* Reads n < 2·TP_HALF_RATE_BLOCK samples; writes one sample a pair and returns how many. */
size_t tp_half_rate_process(tp_half_rate *h, const int16_t *pcm, size_t n, float *y);

#endif
