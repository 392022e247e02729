/* Any configuration, then any sequence of generate, observe, encode and decode. */
#include "fuzz/fuzz.h"
#include "talkpath/comfort_noise.h"

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 8)
        return 0;
    tp_comfort_noise_config config = { .sample_rate_hz = (data[0] % 7) * 8000, .seed = data[1] };
    memcpy(&config.level_dbov, data + 2, sizeof config.level_dbov);
    const size_t bytes = tp_comfort_noise_size(&config);
    if ((bytes == 0) != (tp_comfort_noise_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_comfort_noise *c = fuzz_state(bytes);
    if (tp_comfort_noise_init(c, &config) != TP_OK)
        abort();
    int16_t pcm[2048];
    for (size_t at = 8; at < size;) {
        const size_t left = size - at;
        const uint8_t op = data[at++];
        if (op % 4 == 0) {
            tp_comfort_noise_generate(c, pcm, (size_t)op * 8);
        } else if (op % 4 == 1) {
            const size_t n = left / 2 < 2048 ? left / 2 : 2048;
            memcpy(pcm, data + at - (left % 2 == 0), n * 2);
            tp_comfort_noise_observe(c, pcm, n);
            at += n;
        } else if (op % 4 == 2) {
            const size_t n = left - 1 < 20 ? left - 1 : 20;
            if ((tp_comfort_noise_decode_sid(c, data + at, n) == TP_OK) != (n > 0))
                abort();
            at += n;
        } else {
            uint8_t sid[1 + TP_SID_MAX_ORDER];
            const size_t n = tp_comfort_noise_encode_sid(c, op, sid);
            for (size_t i = 1; i < n; i++)
                if (sid[i] == 255)
                    abort();
        }
    }
    free(c);
    return 0;
}
