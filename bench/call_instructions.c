/* One scene of bench/call_cost.py without Python, for valgrind to count: call_instructions FILE RATE_HZ NOISE BACKGROUND FRAMES
 * FILE holds, a frame of 20 ms each: what the agent says, then what the line brings, int16. */
#include <stdio.h>
#include <stdlib.h>

#include "dsp/simd.h"
#include "talkpath/call.h"
#include "talkpath/g711.h"
#include "talkpath/talkpath.h"

int main(int argc, char **argv)
{
    FILE *file = argc == 6 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL)
        return 2;
    tp_simd_init();
    tp_call_config config = tp_call_defaults();
    config.sample_rate_hz = atoi(argv[2]);
    config.codec = config.sample_rate_hz == 8000 ? TP_CODEC_ULAW : TP_CODEC_L16;
    config.noise_cancellation = atoi(argv[3]);
    const size_t n = (size_t)config.sample_rate_hz / 50;
    tp_call *call = aligned_alloc(TP_ALIGN, (tp_call_size(&config) + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
    int16_t *background = calloc(n * 50, sizeof *background);
    if (call == NULL || background == NULL || tp_call_init(call, &config) != TP_OK)
        return 3;
    for (size_t i = 0; i < n * 50; i++)
        background[i] = (int16_t)(i * 7919 % 2001) - 1000;
    if (atoi(argv[4]))
        tp_mixer_play(tp_call_mixer(call), background, n * 50, 0.2f, 1);
    int16_t said[320], near[320], pcm[480];
    uint8_t payload[640];
    uint32_t id = 0;
    for (long k = 0; k < atol(argv[5]); k++) {
        if (fread(said, 2, n, file) != n || fread(near, 2, n, file) != n)
            return 4;
        int speaks = 0;
        for (size_t i = 0; i < n; i++)
            speaks |= said[i] != 0;
        uint32_t open;
        tp_playout_queue *q = tp_call_queue(call);
        if (speaks) {
            if (!tp_playout_queue_open(q, &open))
                tp_playout_queue_begin(q, ++id, 0);
            tp_playout_queue_write(q, said, n);
        } else {
            tp_playout_queue_finish(q);
        }
        tp_call_transmit(call, payload);
        if (config.codec == TP_CODEC_ULAW)
            tp_ulaw_encode(near, payload, n);
        else
            for (size_t i = 0; i < n; i++) {
                payload[2 * i] = (uint8_t)(near[i] & 0xFF);
                payload[2 * i + 1] = (uint8_t)((near[i] >> 8) & 0xFF);
            }
        if (tp_call_receive(call, payload, tp_call_payload_bytes(call), pcm) != TP_OK)
            return 5;
        tp_call_event event;
        while (tp_call_next_event(call, &event))
            continue;
    }
    fclose(file);
    return 0;
}
