/* Playout queue: any operations in any order. What is played was written, every event is true, one read fills its buffer. */
#include "fuzz/fuzz.h"
#include "talkpath/playout_queue.h"

static void drain(tp_playout_queue *q, uint64_t *written, uint64_t *made)
{
    tp_playout_event e;
    while (tp_playout_queue_next_event(q, &e)) {
        if (e.at > *made + 480 + 240 || e.id > 255)
            abort();
        if (e.position > written[e.id])
            abort();
    }
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const tp_playout_queue_config config = { 8000 * (data[0] % 7), 50 + 10 * data[1] };
    const size_t bytes = tp_playout_queue_size(&config);
    if ((bytes == 0) != (tp_playout_queue_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_playout_queue *q = fuzz_state(bytes);
    if (tp_playout_queue_init(q, &config) != TP_OK)
        abort();
    static int16_t pcm[4096];
    uint64_t written[256] = { 0 }, made = 0;
    uint8_t id = 0, newest = 0;
    int open = 0;
    for (size_t i = 2; i + 1 < size; i += 2) {
        const uint8_t what = data[i] % 10, n = data[i + 1];
        if (id == 255)
            break;
        switch (what) {
        case 0:
            if (tp_playout_queue_begin(q, ++id, n & 1) == TP_OK)
                newest = id, open = 1;
            break;
        case 1:
            for (size_t k = 0; k < 16u * n; k++)
                pcm[k] = (int16_t)((k * 7919u + n * 257u) & 0xFFFF);
            const size_t got = tp_playout_queue_write(q, pcm, 16u * n);
            if (got > 0 && !open)
                abort();
            written[newest] += got;
            break;
        case 2:
            tp_playout_queue_finish(q);
            open = 0;
            break;
        case 3:
            if (tp_playout_queue_dtmf(q, ++id, n & 1, "159D*", n % 6) == TP_OK)
                written[id] = (uint64_t)config.sample_rate_hz / 5 * (n % 6), open = 0;
            break;
        case 4:
            if (tp_playout_queue_silence(q, ++id, n & 1, n) == TP_OK)
                written[id] = n, open = 0;
            break;
        case 5:
            if (tp_playout_queue_checkpoint(q, ++id) == TP_OK)
                open = 0;
            break;
        case 6:
            tp_playout_queue_pause(q);
            break;
        case 7:
            tp_playout_queue_resume(q);
            break;
        case 8:
            tp_playout_queue_clear(q, n & 1);
            open = 1; /* whether the newest source stayed is the queue's to know */
            break;
        default:
            if (tp_playout_queue_read(q, pcm, 8u * n) > 8u * n)
                abort();
            made += 8u * n;
        }
        drain(q, written, &made);
        if (tp_playout_queue_room(q) > (size_t)config.capacity_ms * (size_t)(config.sample_rate_hz / 1000))
            abort();
    }
    tp_playout_queue_clear(q, 1);
    if (tp_playout_queue_read(q, pcm, 2000) > 480 + 240 || tp_playout_queue_free_sources(q) != TP_PLAYOUT_SOURCES)
        abort();
    free(q);
    return 0;
}
