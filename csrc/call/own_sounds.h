/*
 * What the agent has sent lately: is a key or a tone that is heard its echo?
 *
 * What        keeps what was sent, and when it can be heard at the earliest and at the latest; finds the stretches in it that hold given
 *             tones. A key or tone that is heard is the agent's own when such a stretch began at the right time before it, lasted as
 *             long, and was louder. A key that was sent explains one key that is heard, no more
 * How         blocks of 16 ms every 8 ms; the power of each frequency by its Fourier sum, against the power of all. Nothing is computed
 *             before something is heard, and nothing then if the agent was silent
 * Limits      echoes up to 600 ms behind what was sent, and as much more as the transmit path runs ahead (at most 400 ms). One on the
 *             loudest frequency of a reverberant path may be hardly softer than what was sent: see LOUDEST_DB in the source
 * Units       positions in samples of the receive path, levels in dBov
 * Latency     0: what was pushed is known
 * Cost        0.05 µs a frame; about 10 µs for each key or tone that is heard while the agent's echo can come
 */
#ifndef TALKPATH_CALL_OWN_SOUNDS_H
#define TALKPATH_CALL_OWN_SOUNDS_H

#include <stddef.h>
#include <stdint.h>

#include "talkpath/call.h"

typedef struct own_sounds own_sounds;

/* frame: samples of every push. G.711 is kept as it is sent. */
size_t own_sounds_size(tp_codec codec);
void own_sounds_init(own_sounds *o, tp_codec codec, int sample_rate_hz, size_t frame);

/* A frame was sent when so much had been received, and before it `ahead` samples more than that (0: none). sounds: it is no silence. */
void own_sounds_push(own_sounds *o, const int16_t *sent, const uint8_t *payload, uint64_t received, uint64_t ahead, int sounds);

/* A key that went down at this position: 0 when it is the caller's; else the position at which an echo of the agent's is over
 * (UINT64_MAX: not known yet, for it is still being sent; ask own_sounds_key_end). */
uint64_t own_sounds_key(own_sounds *o, char digit, uint64_t start, float level_dbov);

/* The same for the key that the last call found. */
uint64_t own_sounds_key_end(const own_sounds *o);

/* 1: a tone heard from start to end (or until now, when it goes on) is the agent's. hz: its frequencies. */
int own_sounds_tone(const own_sounds *o, const float *hz, int count, uint64_t start, uint64_t end, float level_dbov);

#endif
