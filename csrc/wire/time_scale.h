/*
 * Taking one pitch period out of a signal, or putting one in, so that nobody hears it.
 *
 * How         the period is the lag of the largest normalised correlation between the piece before a point and the piece
 *             after it, 2.5–15 ms; the change is allowed where that correlation is high (voiced, steady) or the signal is
 *             quiet; the pieces are joined by a raised-cosine overlap-add over the whole period (W. Verhelst,
 *             M. Roelands, ICASSP 1993)
 * Units       int16 samples; `pressure` 0 … 1 lowers the correlation asked for from 0.9 to 0.5
 * Aliasing    in place
 */
#ifndef TALKPATH_WIRE_TIME_SCALE_H
#define TALKPATH_WIRE_TIME_SCALE_H

#include <stddef.h>
#include <stdint.h>

/* The longest period: 15 ms. */
size_t tp_time_scale_longest_samples(int sample_rate_hz);

/* Take a period of at most `most` samples out of x[0 … n-1], n >= 2 longest periods: returns the samples removed (the
 * rest moves up), 0 where none may go. */
size_t tp_time_scale_shorten(int16_t *x, size_t n, int sample_rate_hz, size_t max, float pressure);

/* Put a period of at most `most` samples in before x[0 … n-1], n >= 1 longest period, which has room for another one. History: x[-longest … -1] is
 * what was played before. Returns the samples inserted. */
size_t tp_time_scale_lengthen(int16_t *x, size_t n, int sample_rate_hz, size_t max, float pressure);

#endif
