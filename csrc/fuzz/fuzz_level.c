/* Outgoing level: any configuration, any audio, any cut. */
#include "fuzz/fuzz.h"
#include "talkpath/level.h"

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const tp_level_config config = { .sample_rate_hz = 1000 * (data[0] % 50), .target_dbov = -(float)(data[1] % 40) };
    const size_t bytes = tp_level_size(&config);
    if ((bytes == 0) != (tp_level_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_level *whole = fuzz_state(bytes), *cut = fuzz_state(bytes);
    if (tp_level_init(whole, &config) != TP_OK || tp_level_init(cut, &config) != TP_OK)
        abort();
    size_t n, seed = data[2];
    int16_t *pcm = fuzz_audio(data + 3, size - 3, &n);
    int16_t *a = malloc(n * sizeof *a + 1), *b = malloc(n * sizeof *b + 1);
    tp_level_process(whole, pcm, n, a);
    for (size_t at = 0; at < n;) {
        const size_t now = fuzz_cut(&seed, n - at);
        tp_level_process(cut, pcm + at, now, b + at);
        at += now;
    }
    if (n > 0 && memcmp(a, b, n * sizeof *a) != 0)
        abort();
    const float gain_db = tp_level_gain_db(whole);
    if (!(gain_db >= -15.001f && gain_db <= 15.001f))
        abort();
    free(whole);
    free(cut);
    free(pcm);
    free(a);
    free(b);
    return 0;
}
