/*
 * Voice activity: is that speech?
 *
 * What        a speech probability for every 10 ms, from audio alone
 * How         band powers on the mel scale, the same over each band's tracked floor, and a pitch measure from the inverse
 *             transform of the magnitude spectrum (T. Tolonen, M. Karjalainen, "A computationally efficient multipitch
 *             analysis model", IEEE Trans. SAP 8, 2000) go through one dense layer and two gated recurrent layers of 32
 *             units (K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; 13.8 thousand
 *             weights), trained by csrc/detect/train/train_vad.py on prompts, synthesis and noises of Debian packages
 * Limits      TEN-VAD's hand-labelled test set (15 of its files) through a telephone channel with µ-law:
 *             ROC-AUC .923, .928 with ambience at 10 dB, .887 at 5 dB; F1 at 0.5 .905
 *             onset found after 34 ms, end after 25 ms (medians)
 *             false speech: 15 % of one hold music, 32 % of five others, below 0.6 % of network tones
 * Units       probability 0 … 1; 0.5 is the operating point the network was trained for
 * History     32 ms of samples, floors over some seconds, and what the recurrent layers keep; no look-ahead
 * Latency     the analysis window's middle lies 8 ms behind the newest sample (tp_vad_delay_samples)
 * Aliasing    pcm is only read
 * Chunks      any length; the hops and their probabilities do not depend on how the stream is cut
 * Cost        about 5 µs for 20 ms at 8 kHz, 5.6 µs at 16 kHz (AVX2)
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

/* Of the newest complete hop; 0 before the first. */
float tp_vad_probability(const tp_vad *v);

size_t tp_vad_delay_samples(const tp_vad *v);

#endif
