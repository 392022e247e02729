/* DTMF generator: any configuration, any characters, any cut. */
#include "fuzz/fuzz.h"
#include "talkpath/dtmf_generator.h"

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 6)
        return 0;
    const tp_dtmf_generator_config config = { .sample_rate_hz = 8000 * (data[0] % 7), .tone_ms = 15 + data[1] % 64,
                                              .gap_ms = data[2] % 64 - 1, .level_dbov = -(float)(data[3] % 50),
                                              .twist_db = (float)(data[4] % 28) - 14.0f };
    const size_t bytes = tp_dtmf_generator_size(&config);
    if ((bytes == 0) != (tp_dtmf_generator_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_dtmf_generator *g = fuzz_state(bytes);
    if (tp_dtmf_generator_init(g, &config) != TP_OK)
        abort();
    size_t cut = data[5], n = 0, good = 0;
    const char *keys = (const char *)data + 6;
    size -= 6;
    while (good < size && tp_dtmf_is_key(keys[good]))
        good++;
    const int status = tp_dtmf_generator_start(g, keys, size);
    if (status != (size > TP_DTMF_GENERATOR_KEYS ? TP_ELENGTH : good < size ? TP_EFORMAT : TP_OK))
        abort();
    if (status != TP_OK) {
        size = good < TP_DTMF_GENERATOR_KEYS ? good : TP_DTMF_GENERATOR_KEYS;
        if (tp_dtmf_generator_left(g) != 0 || tp_dtmf_generator_start(g, keys, size) != TP_OK)
            abort();
    }
    const size_t total = tp_dtmf_generator_left(g);
    int16_t *whole = malloc(total * sizeof *whole + 1), *components = malloc(total * sizeof *components + 1);
    if (tp_dtmf_generator_process(g, whole, total) != total || tp_dtmf_generator_left(g) != 0)
        abort();
    if (size > 0 && tp_dtmf_generator_start(g, keys, size) != TP_OK)
        abort();
    while (n < total) {
        const size_t want = cut % 700 + 1, got = tp_dtmf_generator_process(g, components + n, want < total - n ? want : total - n);
        if (got != (want < total - n ? want : total - n))
            abort();
        n += got;
        cut = cut * 31 + 7;
    }
    if (total > 0 && memcmp(whole, components, total * sizeof *whole) != 0)
        abort();
    free(whole);
    free(components);
    free(g);
    return 0;
}
