/* DTMF: any audio in any cut must give the digits of the whole, within their bound. */
#include "fuzz/fuzz.h"
#include "talkpath/dtmf.h"

static tp_dtmf *make(const tp_dtmf_config *config)
{
    const size_t bytes = tp_dtmf_size(config);
    tp_dtmf *d = fuzz_state(bytes);
    if (tp_dtmf_init(d, config) != TP_OK)
        abort();
    return d;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 11025 };
    if (size < 2)
        return 0;
    const tp_dtmf_config config = { .sample_rate_hz = rates_hz[data[0] % 3] };
    if ((tp_dtmf_size(&config) == 0) != (tp_dtmf_check(&config) != NULL))
        abort();
    if (tp_dtmf_check(&config))
        return 0;
    size_t cut = data[1], n;
    int16_t *pcm = fuzz_audio(data + 2, size - 2, &n);
    tp_dtmf *whole = make(&config), *components = make(&config);
    tp_dtmf_digit *want = calloc(TP_DTMF_MAX_DIGITS(n), sizeof *want), *got = calloc(n + 64, sizeof *got);
    const size_t n_want = tp_dtmf_process(whole, pcm, n, want);
    if (n_want > TP_DTMF_MAX_DIGITS(n))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        n_got += tp_dtmf_process(components, pcm + at, step, got + n_got);
        at += step;
    }
    if (n_got != n_want || tp_dtmf_sounding(whole) != tp_dtmf_sounding(components))
        abort();
    for (size_t i = 0; i < n_got; i++)
        if (got[i].digit != want[i].digit || got[i].start_ms != want[i].start_ms || got[i].level_dbov != want[i].level_dbov)
            abort();
    free(pcm);
    free(whole);
    free(components);
    free(want);
    free(got);
    return 0;
}
