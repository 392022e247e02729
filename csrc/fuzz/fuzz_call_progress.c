/* Call progress: any audio in any cut must give the events of the whole, within their bound. */
#include "fuzz/fuzz.h"
#include "talkpath/call_progress.h"

static tp_call_progress *make(const tp_call_progress_config *config)
{
    const size_t bytes = tp_call_progress_size(config);
    tp_call_progress *c = fuzz_state(bytes);
    if (tp_call_progress_init(c, config) != TP_OK)
        abort();
    return c;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 44100 };
    if (size < 4)
        return 0;
    const tp_call_progress_config config = { .sample_rate_hz = rates_hz[data[0] % 3] };
    if ((tp_call_progress_size(&config) == 0) != (tp_call_progress_check(&config) != NULL))
        abort();
    if (tp_call_progress_check(&config))
        return 0;
    size_t cut = data[2], n;
    int16_t *pcm = fuzz_audio(data + 3, size - 3, &n);
    tp_call_progress *whole = make(&config), *components = make(&config);
    tp_call_progress_event *want = calloc(TP_CALL_PROGRESS_MAX_EVENTS(n), sizeof *want), *got = calloc(n / 80 + 64, sizeof *got);
    const size_t n_want = tp_call_progress_process(whole, pcm, n, want);
    if (n_want > TP_CALL_PROGRESS_MAX_EVENTS(n))
        abort();
    size_t n_got = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        n_got += tp_call_progress_process(components, pcm + at, step, got + n_got);
        at += step;
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
    free(components);
    free(want);
    free(got);
    return 0;
}
