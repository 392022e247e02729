/*
 * Voice activity: is that speech?
 *
 * What        a speech probability for every 10 ms, from audio alone
 * How         band powers on the mel scale, the same over each band's tracked floor, and a pitch measure from the inverse
 *             transform of the magnitude spectrum (T. Tolonen, M. Karjalainen, "A computationally efficient multipitch
 *             analysis model", IEEE Trans. SAP 8, 2000) go through one dense layer and two gated recurrent layers of 32
 *             units (K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; 13.8 thousand
 *             int8 weights), trained by training/detect/train_vad.py on prompts, synthesis and noises of Debian packages
 * Limits      on 15 hand-labelled files of the TEN-VAD test set, through a telephone channel with µ-law (none in training):
 *             ROC-AUC .946, .939 with ambience at 10 dB SNR, .916 at 5 dB; F1 at 0.5 .928, .922, .902
 *             onset found 33 ms after the label, end 60 ms (medians); 16 kHz input within .001 of that
 *             false speech: 3 % of five pieces of hold music (11 % of the worst), 0.2 % of network tones (0.7 %), 1 % of typing and
 *             office noise; loud hum from the first sample on is taken for speech for up to 0.5 s, and a voice 30 dB
 *             below a full-scale buzz that went before is heard after 2 s; vowels held for seconds without a consonant count as a hum
 * Units       probability 0 … 1; 0.5 is the operating point the network was trained for
 * History     32 ms of samples, floors over some seconds, and what the recurrent layers keep; no look-ahead
 * Latency     the analysis window's middle lies 8 ms behind the newest sample (tp_vad_delay_samples)
 * Aliasing    pcm is only read
 * Chunks      any length; the hops and their probabilities do not depend on how the stream is cut
 * Cost        about 3.3 µs for 20 ms at 8 kHz, 3.5 µs at 16 kHz (AVX2, in one call)
 * Errors      TP_ECONFIG from init; no audio fails
 */
#ifndef TALKPATH_VAD_H
#define TALKPATH_VAD_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_vad tp_vad;

typedef struct tp_vad_config {
    int sample_rate_hz; /* 8000 or 16000 */
} tp_vad_config;

static inline tp_vad_config tp_vad_defaults(void)
{
    return (tp_vad_config){ .sample_rate_hz = 8000 };
}

#define TP_VAD_HOP_MS 10

/* Room for the hops that n samples can complete at most, at either rate. */
#define TP_VAD_MAX_HOPS(n) ((n) / 80 + 1)

const char *tp_vad_check(const tp_vad_config *config);
size_t tp_vad_size(const tp_vad_config *config);
int tp_vad_init(tp_vad *v, const tp_vad_config *config);
void tp_vad_reset(tp_vad *v);

/* Returns the number of hops of 10 ms that these n samples completed. `probabilities` takes one value for each, oldest
 * first, and holds TP_VAD_MAX_HOPS(n); it may be NULL. */
size_t tp_vad_process(tp_vad *v, const int16_t *pcm, size_t n, float *probabilities);

/* While it rests, samples are taken, and the probability stays what it was: for who knows that they are the line's noise. */
void tp_vad_rest(tp_vad *v, int rest);

/* Of the newest complete hop; 0 before the first. */
float tp_vad_probability(const tp_vad *v);

size_t tp_vad_delay_samples(const tp_vad *v);

#endif
