/* Playout queue: any operations in any order, in any store. What is played was written, every item ends once, marks come in their
 * order, a read fills its buffer, and nothing depends on the store: two queues that differ in it alone play the same. */
#include "fuzz/fuzz.h"
#include "talkpath/playout_queue.h"

#define IDS 256

typedef struct model {
    tp_playout_queue *q;
    void *store; /* beside the state; NULL: within it */
    uint64_t written[IDS];
    uint8_t is_mark[IDS], ended[IDS];
    uint32_t newest_mark;
    uint64_t made;
} model;

static int16_t pcm[2][4096], file_pcm[4096];

static void drain(model *m)
{
    tp_playout_event e, same;
    while (tp_playout_queue_peek_event(m->q, 0, &same) && tp_playout_queue_next_event(m->q, &e)) {
        if (memcmp(&e, &same, sizeof e) != 0 || e.at_samples > m->made + 480 + 240 || e.id >= IDS)
            abort();
        if (!m->is_mark[e.id] && e.position_samples > m->written[e.id])
            abort();
        if (e.kind == TP_PLAYOUT_COMPLETED && e.position_samples != m->written[e.id])
            abort();
        if ((e.kind == TP_PLAYOUT_MARK) > m->is_mark[e.id])
            abort();
        if (e.kind == TP_PLAYOUT_MARK) {
            if (e.id <= m->newest_mark)
                abort();
            m->newest_mark = e.id;
        }
        if (e.kind == TP_PLAYOUT_COMPLETED || e.kind == TP_PLAYOUT_INTERRUPTED || e.kind == TP_PLAYOUT_DROPPED
            || e.kind == TP_PLAYOUT_MARK)
            if (m->ended[e.id]++)
                abort();
    }
}

/* Into a store of another size, or back; what does not fit stays where it is. */
static void move(model *m, uint8_t n, const tp_playout_queue_config *config)
{
    const size_t used = tp_playout_queue_items(m->q) - tp_playout_queue_free_items(m->q);
    if (n % 8 == 0) {
        if (tp_playout_queue_move(m->q, NULL, 0, 0) == TP_OK) {
            free(m->store);
            m->store = NULL;
        }
        return;
    }
    const size_t items = 1 + 4u * (n % 16), samples = (size_t)(config->sample_rate_hz / 80) * (1u + n / 4);
    void *store = malloc(tp_playout_queue_store_size(items, samples));
    const int status = tp_playout_queue_move(m->q, store, items, samples);
    if (status == TP_OK && (used > items || tp_playout_queue_capacity(m->q) != samples))
        abort();
    free(status == TP_OK ? m->store : store);
    if (status == TP_OK)
        m->store = store;
}

/* The same for both queues; 0 when a store has no room for it, so that it must not be done to either. */
static int fits(model m[2], size_t items, size_t samples)
{
    for (int k = 0; k < 2; k++)
        if (tp_playout_queue_free_items(m[k].q) < items || tp_playout_queue_room(m[k].q) < samples)
            return 0;
    return 1;
}

static void operate(model *m, uint8_t what, uint8_t n, uint32_t id, int16_t *out)
{
    tp_playout_queue *q = m->q;
    uint32_t open = 0;
    switch (what) {
    case 0:
        tp_playout_queue_begin(q, id, n & 1);
        break;
    case 1: {
        const int is_open = tp_playout_queue_open(q, &open);
        if (tp_playout_queue_write(q, file_pcm, 16u * n) != (is_open ? 16u * n : 0))
            abort();
        m->written[open] += is_open ? 16u * n : 0;
        break;
    }
    case 2:
        tp_playout_queue_finish(q);
        break;
    case 3:
        tp_playout_queue_dtmf(q, id, n & 1, "159D*", n % 6);
        break;
    case 4:
        tp_playout_queue_silence(q, id, n & 1, n);
        m->written[id] = n;
        break;
    case 5:
        tp_playout_queue_mark(q, id, n % 64);
        m->is_mark[id] = 1;
        break;
    case 6:
        tp_playout_queue_pause(q);
        break;
    case 7:
        tp_playout_queue_resume(q);
        break;
    case 8:
        tp_playout_queue_clear(q, n & 1);
        break;
    case 9:
        tp_playout_queue_file(q, id, n & 1, file_pcm, 8u * n);
        m->written[id] = 8u * n;
        break;
    case 10: /* of the file before, if there still is one */
        if (tp_playout_queue_ready(q, id, 16u * n, n & 1) == TP_OK)
            m->written[id] = n & 1 || 16u * n > m->written[id] ? 16u * n : m->written[id];
        break;
    case 11:
        tp_playout_queue_normalize(q, n & 1);
        break;
    default:
        if (tp_playout_queue_read(q, out, 8u * n) > 8u * n)
            abort();
        m->made += 8u * n;
    }
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const tp_playout_queue_config config = { .sample_rate_hz = 8000 * (data[0] % 7), .capacity_ms = 50 + 10 * data[1] };
    const size_t bytes = tp_playout_queue_size(&config);
    if ((bytes == 0) != (tp_playout_queue_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    for (size_t i = 0; i < sizeof file_pcm / sizeof file_pcm[0]; i++)
        file_pcm[i] = (int16_t)(i * 7919u + data[1] * 257u);
    model m[2] = { { .newest_mark = 0 }, { .newest_mark = 0 } };
    for (int k = 0; k < 2; k++) {
        m[k].q = fuzz_state(bytes);
        if (tp_playout_queue_init(m[k].q, &config) != TP_OK)
            abort();
    }
    uint32_t id = 0, file = 0;
    for (size_t i = 2; i + 1 < size && id < IDS - 1; i += 2) {
        const uint8_t what = data[i] % 15, n = data[i + 1];
        if (what == 14) {
            move(&m[0], n, &config);
            continue;
        }
        const int is_new = what == 0 || (what >= 3 && what <= 5) || what == 9;
        if (!fits(m, is_new, what == 1 ? 16u * n : what == 3 ? n % 6 : 0))
            continue;
        id += is_new != 0;
        file = what == 9 ? id : file;
        for (int k = 0; k < 2; k++) {
            operate(&m[k], what, n, what == 10 ? file : id, pcm[k]);
            if (what == 3)
                m[k].written[id] = (uint64_t)config.sample_rate_hz / 5 * (n % 6);
            drain(&m[k]);
        }
        if (what > 11 && memcmp(pcm[0], pcm[1], 8u * n * sizeof(int16_t)) != 0)
            abort();
        if (tp_playout_queue_queued(m[0].q) != tp_playout_queue_queued(m[1].q)
            || tp_playout_queue_speaks(m[0].q) != tp_playout_queue_speaks(m[1].q))
            abort();
    }
    for (int k = 0; k < 2; k++) {
        tp_playout_queue_clear(m[k].q, 1);
        m[k].made += 2000;
        if (tp_playout_queue_read(m[k].q, pcm[k], 2000) > 480 + 240 || tp_playout_queue_queued(m[k].q) != 0
            || tp_playout_queue_free_items(m[k].q) != tp_playout_queue_items(m[k].q)
            || tp_playout_queue_room(m[k].q) != tp_playout_queue_capacity(m[k].q))
            abort();
        drain(&m[k]);
        for (uint32_t i = 1; i <= id; i++)
            if (!m[k].ended[i])
                abort();
        if (tp_playout_queue_move(m[k].q, NULL, 0, 0) != TP_OK)
            abort();
        free(m[k].store);
        free(m[k].q);
    }
    return 0;
}
