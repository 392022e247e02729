/* Noise suppression: any audio in any cut, with the level changed on the way, must give the output of the whole. */
#include "fuzz/fuzz.h"
#include "talkpath/noise_suppressor.h"

static tp_noise_suppressor *make(const tp_noise_suppressor_config *config)
{
    tp_noise_suppressor *s = fuzz_state(tp_noise_suppressor_size(config));
    if (tp_noise_suppressor_init(s, config) != TP_OK)
        abort();
    return s;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 48000 };
    if (size < 4)
        return 0;
    const tp_noise_suppressor_config config = { .sample_rate_hz = rates_hz[data[0] % 3], .level = 55 + data[1] % 50 };
    if ((tp_noise_suppressor_size(&config) == 0) != (tp_noise_suppressor_check(&config) != NULL))
        abort();
    if (tp_noise_suppressor_check(&config))
        return 0;
    const int other_level = 55 + data[2] % 50;
    size_t cut = data[3], n;
    int16_t *pcm = fuzz_audio(data + 4, size - 4, &n);
    int16_t *want = calloc(n + 1, sizeof *want);
    tp_noise_suppressor *whole = make(&config), *components = make(&config);
    tp_noise_suppressor_process(whole, pcm, want, n / 2);
    const int changed = tp_noise_suppressor_set_level(whole, other_level) == TP_OK;
    if (changed != (other_level >= 60 && other_level <= 100) || tp_noise_suppressor_level(whole) != (changed ? other_level : config.level))
        abort();
    tp_noise_suppressor_process(whole, pcm + n / 2, want + n / 2, n - n / 2);
    for (size_t at = 0; at < n;) { /* in place */
        if (at == n / 2)
            (void)tp_noise_suppressor_set_level(components, other_level);
        const size_t step = fuzz_cut(&cut, (at < n / 2 ? n / 2 : n) - at);
        tp_noise_suppressor_process(components, pcm + at, pcm + at, step);
        at += step;
    }
    if (memcmp(pcm, want, n * sizeof *pcm) != 0)
        abort();
    free(pcm);
    free(want);
    free(whole);
    free(components);
    return 0;
}
