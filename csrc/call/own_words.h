/*
 * Are the words that were heard the agent's own, come back?
 *
 * What        asked once, when answer detection has judged a greeting: does the course of what was heard follow that of what was sent, at
 *             any delay? Independent of echo control, which needs a while to know a line
 * How         the amplitude in two bands every 10 ms, of both paths; the highest correlation over all delays
 * Limits      echoes up to 600 ms behind what was sent, and 400 ms more where the transmit path runs ahead; the last 6.4 s
 * Units       positions in samples of the receive path
 * Cost        0.1 µs a frame of either path; 20 to 100 µs for the question
 */
#ifndef TALKPATH_CALL_OWN_WORDS_H
#define TALKPATH_CALL_OWN_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define OWN_WORDS_HOPS 640
#define OWN_WORDS_BANDS 2

typedef struct own_course {
    float band[OWN_WORDS_BANDS][OWN_WORDS_HOPS];
    uint64_t hops;
    float last; /* sample before the present one */
} own_course;

typedef struct own_words {
    size_t hop; /* samples */
    own_course sent, heard;
} own_words;

void own_words_reset(own_words *o, int sample_rate_hz);

/* n: a multiple of 10 ms. */
void own_words_sent(own_words *o, const int16_t *x, size_t n);
void own_words_heard(own_words *o, const int16_t *x, size_t n);

/* What was heard from start to end, so many samples before now: how much it is like something that was sent, 0 … 1. */
float own_words_likeness(const own_words *o, uint64_t start_ago, uint64_t end_ago);

#endif
