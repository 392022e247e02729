/* Call progress: any audio in any cut must give the events of the whole, within their bound. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "talkpath/call_progress.h"
#include "talkpath/talkpath.h"

static tp_call_progress *make(const tp_call_progress_config *config)
{
    const size_t bytes = tp_call_progress_size(config);
    tp_call_progress *c = aligned_alloc(TP_ALIGN, (bytes + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
    if (tp_call_progress_init(c, config) != TP_OK)
        abort();
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 44100 };
    if (size < 4)
        return 0;
    const tp_call_progress_config config = { rates_hz[data[0] % 3] };
    if ((tp_call_progress_size(&config) == 0) != (tp_call_progress_check(&config) != NULL))
        abort();
    if (tp_call_progress_check(&config))
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
    tp_call_progress *whole = make(&config), *parts = make(&config);
    tp_call_progress_event *want = calloc(TP_CALL_PROGRESS_MAX_EVENTS(n), sizeof *want), *got = calloc(n / 80 + 64, sizeof *got);
    const size_t n_want = tp_call_progress_process(whole, pcm, n, want);
    if (n_want > TP_CALL_PROGRESS_MAX_EVENTS(n))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = cut % 500 + 1 < n - at ? cut % 500 + 1 : n - at;
        n_got += tp_call_progress_process(parts, pcm + at, step, got + n_got);
        at += step;
        cut = cut * 31 + 7;
    }
    if (n_got != n_want)
        abort();
    for (size_t i = 0; i < n_got; i++) {
        const tp_call_progress_event *g = &got[i], *w = &want[i];
        if (g->tone != w->tone || g->plan != w->plan || g->start_ms != w->start_ms || !(g->start_ms >= 0.0)
            || memcmp(g->cadence_ms, w->cadence_ms, sizeof g->cadence_ms) != 0)
            abort();
        if (!tp_call_tone_name(g->tone) || !tp_call_plan_name(g->plan))
            abort();
    }
    free(pcm);
    free(whole);
    free(parts);
    free(want);
    free(got);
    return 0;
}
