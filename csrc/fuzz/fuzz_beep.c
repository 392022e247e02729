/* Beep: any audio in any cut must give the events of the whole, within their bound; finite numbers only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "talkpath/beep.h"
#include "talkpath/talkpath.h"

static tp_beep *make(const tp_beep_config *config)
{
    const size_t bytes = tp_beep_size(config);
    tp_beep *b = aligned_alloc(TP_ALIGN, (bytes + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
    if (tp_beep_init(b, config) != TP_OK)
        abort();
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 44100 };
    if (size < 4)
        return 0;
    const tp_beep_config config = { rates_hz[data[0] % 3], data[1] * 10 - 20 };
    if ((tp_beep_size(&config) == 0) != (tp_beep_check(&config) != NULL))
        abort();
    if (tp_beep_check(&config))
        return 0;
    /* Audio: the bytes themselves or, since random bytes seldom make a tone, sines and silences that they describe. */
    size_t cut = data[2], n;
    int16_t *pcm;
    if (data[3] & 1) {
        n = (size - 4) / 2;
        pcm = malloc(n * sizeof *pcm + 1);
        memcpy(pcm, data + 4, n * sizeof *pcm);
    } else {
        const size_t pieces = (size - 4) / 3 < 40 ? (size - 4) / 3 : 40;
        n = 0;
        pcm = malloc(pieces * 8 * 255 * sizeof *pcm + 1);
        for (size_t i = 0; i < pieces; i++) {
            const uint8_t *d = data + 4 + 3 * i;
            for (int k = 0; k < 8 * d[0]; k++)
                pcm[n++] = (int16_t)(pow(2.0, d[2] / 17.0) * sin(0.012 * d[1] * k));
        }
    }
    tp_beep *whole = make(&config), *parts = make(&config);
    tp_beep_event *want = calloc(TP_BEEP_MAX_EVENTS(n), sizeof *want), *got = calloc(n / 80 + 64, sizeof *got);
    const size_t n_want = tp_beep_process(whole, pcm, n, want);
    if (n_want > TP_BEEP_MAX_EVENTS(n))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = cut % 500 + 1 < n - at ? cut % 500 + 1 : n - at;
        n_got += tp_beep_process(parts, pcm + at, step, got + n_got);
        at += step;
        cut = cut * 31 + 7;
    }
    tp_beep_tone a, b;
    if (n_got != n_want || tp_beep_sounding(whole, &a) != tp_beep_sounding(parts, &b) || tp_beep_timed_out(whole) != tp_beep_timed_out(parts))
        abort();
    if (n_got > 0 && memcmp(got, want, n_got * sizeof *got) != 0)
        abort();
    for (size_t i = 0; i < n_got; i++)
        if (!isfinite(got[i].frequency_hz) || !isfinite(got[i].level_dbov) || !(got[i].end_ms > got[i].start_ms))
            abort();
    free(pcm);
    free(whole);
    free(parts);
    free(want);
    free(got);
    return 0;
}
