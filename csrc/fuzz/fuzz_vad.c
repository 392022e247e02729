/* Voice activity: any audio in any cut must give the probabilities of the whole, each within 0 … 1. */
#include "fuzz/fuzz.h"
#include "talkpath/vad.h"

static tp_vad *make(const tp_vad_config *config)
{
    const size_t bytes = tp_vad_size(config);
    tp_vad *v = fuzz_state(bytes);
    if (tp_vad_init(v, config) != TP_OK)
        abort();
    return v;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 11025 };
    if (size < 2)
        return 0;
    const tp_vad_config config = { .sample_rate_hz = rates_hz[data[0] % 3] };
    if ((tp_vad_size(&config) == 0) != (tp_vad_check(&config) != NULL))
        abort();
    if (tp_vad_check(&config))
        return 0;
    size_t cut = data[1], n;
    int16_t *pcm = fuzz_audio(data + 2, size - 2, &n);
    tp_vad *whole = make(&config), *components = make(&config);
    float *want = calloc(TP_VAD_MAX_HOPS(n), sizeof *want), *got = calloc(n + 1, sizeof *got);
    const size_t n_want = tp_vad_process(whole, pcm, n, want);
    if (n_want != n / (size_t)(config.sample_rate_hz / 100))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        n_got += tp_vad_process(components, pcm + at, step, got + n_got);
        at += step;
    }
    if (n_got != n_want || tp_vad_probability(whole) != tp_vad_probability(components))
        abort();
    for (size_t i = 0; i < n_got; i++)
        if (got[i] != want[i] || !(got[i] >= 0.0f && got[i] <= 1.0f))
            abort();
    free(pcm);
    free(whole);
    free(components);
    free(want);
    free(got);
    return 0;
}
