/*
 * Jitter buffer: packets in, whenever and in whatever order they come; one frame out at every tick.
 *
 * What        sorts by sequence number, drops duplicates and late packets, keeps just enough delay for the line's jitter,
 *             conceals what is missing, and follows the sender's clock
 * How         time is counted in calls of get(): a packet's delay is the tick at which it comes less its timestamp. The
 *             delay to keep is the 97th percentile of the packets' delays over the line's fastest ones of the last
 *             10 s (histogram with exponential forgetting of 5 s; of packets that come in one burst, only the first counts)
 *             plus two frames: one because a packet plays at the next tick at the earliest, one for
 *             the unexpected. When play-out is off by more than half a frame, one pitch period is taken out or put in
 *             by overlap-add, where the signal is periodic or quiet (after W. Verhelst, M. Roelands, "An overlap-add
 *             technique based on waveform similarity", ICASSP 1993). Missing packets are concealed by talkpath/plc.h.
 *             When the buffer runs dry nothing is skipped: concealment goes on until a packet comes
 * Limits      0 … max_ms of delay; never a step in the signal; a stall of 300 ms is made up for within 2 s; drift of
 *             200 ppm without underrun; sequence numbers and timestamps may wrap; a jump of more than 3 s in
 *             either starts anew
 * Units       samples; sequence numbers modulo 2^16, timestamps modulo 2^32, in samples (RTP, RFC 3550)
 * History     max_ms of packets, 40 ms of output
 * Latency     depth_ms of the statistics, tp_jitter_buffer_delay_samples(); two frames at least
 * Aliasing    the buffers must not overlap the state
 * Chunks      one packet is one frame; get() gives one frame
 * Cost        20 ms at 8 kHz: put 0.1 µs, get 0.2 µs; 5 µs when a period goes in or out
 * Errors      TP_ECONFIG from init
 */
#ifndef TALKPATH_JITTER_BUFFER_H
#define TALKPATH_JITTER_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_jitter_buffer_config {
    int sample_rate_hz; /* 8000, 16000, 24000 or 48000 */
    int frame_ms;       /* 10, 20, 30, 40 or 60        */
    int max_ms;         /* 2 frames … 1000: most delay  */
} tp_jitter_buffer_config;

static inline tp_jitter_buffer_config tp_jitter_buffer_defaults(void)
{
    return (tp_jitter_buffer_config){ .sample_rate_hz = 8000, .frame_ms = 20, .max_ms = 200 };
}

/* Every packet that came is one of: received = played + late + duplicates + discarded + buffered.
 * Every packet that was due is one of: played, lost or discarded; late ones are among the lost. */
typedef struct tp_jitter_buffer_stats {
    uint64_t received;   /* packets put                                                        */
    uint64_t played;     /* … and played                                                       */
    uint64_t late;       /* came after their place had been concealed                          */
    uint64_t duplicates; /* came twice                                                         */
    uint64_t discarded;  /* thrown away because there were more than max_ms of them, or at a jump */
    uint64_t buffered;   /* wait to be played                                                  */
    uint64_t lost;       /* were not there when they were due                                  */
    uint64_t underruns;  /* times that the buffer ran dry                                      */
    double concealed_ms; /* played in place of packets                                         */
    double inserted_ms, removed_ms; /* to keep the delay                                       */
    double depth_ms;     /* delay of the buffer now                                            */
    double target_ms;    /* the delay it aims at                                               */
} tp_jitter_buffer_stats;

typedef struct tp_jitter_buffer tp_jitter_buffer;

const char *tp_jitter_buffer_check(const tp_jitter_buffer_config *config);
size_t tp_jitter_buffer_size(const tp_jitter_buffer_config *config);
int tp_jitter_buffer_init(tp_jitter_buffer *j, const tp_jitter_buffer_config *config);
void tp_jitter_buffer_reset(tp_jitter_buffer *j);

size_t tp_jitter_buffer_frame_samples(const tp_jitter_buffer *j);

/* A packet came: one frame of samples. */
void tp_jitter_buffer_put(tp_jitter_buffer *j, const int16_t *pcm, uint16_t sequence, uint32_t timestamp);

/* One frame to play. Silence until the first packet has waited for the target delay. */
void tp_jitter_buffer_get(tp_jitter_buffer *j, int16_t *pcm);

void tp_jitter_buffer_get_stats(const tp_jitter_buffer *j, tp_jitter_buffer_stats *stats);

/* Delay of the buffer now. */
size_t tp_jitter_buffer_delay_samples(const tp_jitter_buffer *j);

#endif
