/* Beep: any audio in any cut must give the events of the whole, within their bound; finite numbers only. */
#include "fuzz/fuzz.h"
#include "talkpath/beep.h"

static tp_beep *make(const tp_beep_config *config)
{
    const size_t bytes = tp_beep_size(config);
    tp_beep *b = fuzz_state(bytes);
    if (tp_beep_init(b, config) != TP_OK)
        abort();
    return b;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 44100 };
    if (size < 4)
        return 0;
    const tp_beep_config config = { .sample_rate_hz = rates_hz[data[0] % 3], .timeout_ms = data[1] * 10 - 20 };
    if ((tp_beep_size(&config) == 0) != (tp_beep_check(&config) != NULL))
        abort();
    if (tp_beep_check(&config))
        return 0;
    size_t cut = data[2], n;
    int16_t *pcm = fuzz_audio(data + 3, size - 3, &n);
    tp_beep *whole = make(&config), *components = make(&config);
    tp_beep_event *want = calloc(TP_BEEP_MAX_EVENTS(n), sizeof *want), *got = calloc(n / 80 + 64, sizeof *got);
    const size_t n_want = tp_beep_process(whole, pcm, n, want);
    if (n_want > TP_BEEP_MAX_EVENTS(n))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        n_got += tp_beep_process(components, pcm + at, step, got + n_got);
        at += step;
    }
    tp_beep_tone a, b;
    if (n_got != n_want || tp_beep_sounding(whole, &a) != tp_beep_sounding(components, &b) || tp_beep_timed_out(whole) != tp_beep_timed_out(components))
        abort();
    if (n_got > 0 && memcmp(got, want, n_got * sizeof *got) != 0)
        abort();
    for (size_t i = 0; i < n_got; i++)
        if (!isfinite(got[i].frequency_hz) || !isfinite(got[i].level_dbov) || !(got[i].end_ms > got[i].start_ms))
            abort();
    free(pcm);
    free(whole);
    free(components);
    free(want);
    free(got);
    return 0;
}
