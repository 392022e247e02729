/* Any packets in any order, with any numbers, between any gets; the books must balance at all times. */
#include "fuzz/fuzz.h"
#include "talkpath/jitter_buffer.h"

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 24000, 48000, 11025 }, frames_ms[] = { 10, 20, 30, 40, 60, 25 };
    if (size < 4)
        return 0;
    const tp_jitter_buffer_config config = { .sample_rate_hz = rates_hz[data[0] % 5],
                                             .frame_ms = frames_ms[data[1] % 6], .max_ms = data[2] * 5 };
    const size_t bytes = tp_jitter_buffer_size(&config);
    if ((bytes == 0) != (tp_jitter_buffer_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_jitter_buffer *j = fuzz_state(bytes);
    if (tp_jitter_buffer_init(j, &config) != TP_OK)
        abort();
    const size_t frame = tp_jitter_buffer_frame_samples(j);
    int16_t *pcm = malloc(frame * sizeof *pcm);
    uint16_t sequence = 65530;
    for (size_t i = 4; i < size; i++) {
        const uint8_t op = data[i];
        if (op < 110) {
            sequence = (uint16_t)(sequence + (op < 90 ? 1 : op - 100)); /* mostly in order */
            for (size_t k = 0; k < frame; k++)
                pcm[k] = (int16_t)((k * 2654435761u >> (op % 13)) * (op & 1 ? 1u : data[k % size]));
            tp_jitter_buffer_put(j, pcm, sequence, (uint32_t)sequence * (uint32_t)frame);
        } else if (op < 120 && i + 6 < size) {
            uint32_t time;
            memcpy(&sequence, data + i + 1, 2);
            memcpy(&time, data + i + 3, 4);
            tp_jitter_buffer_put(j, pcm, sequence, time);
            i += 6;
        } else {
            tp_jitter_buffer_get(j, pcm);
        }
        tp_jitter_buffer_stats s;
        tp_jitter_buffer_get_stats(j, &s);
        if (s.received != s.played + s.late + s.duplicates + s.discarded + s.buffered)
            abort();
        /* All of max_ms in slots, and the FIFO's room: more would mean that it ran over inside the state's block. */
        if (tp_jitter_buffer_delay_samples(j) > (size_t)config.sample_rate_hz / 1000 * (size_t)(config.max_ms + 45 + 2 * config.frame_ms))
            abort();
    }
    free(pcm);
    free(j);
    return 0;
}
