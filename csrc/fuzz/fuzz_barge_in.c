/* The barge-in gate: any two streams in any cut must give the output and the decisions of the whole. */
#include "fuzz/fuzz.h"
#include "talkpath/barge_in.h"

static tp_barge_in *make(const tp_barge_in_config *config)
{
    tp_barge_in *g = fuzz_state(tp_barge_in_size(config));
    if (tp_barge_in_init(g, config) != TP_OK)
        abort();
    return g;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 11025 };
    if (size < 6)
        return 0;
    const tp_barge_in_config config = { .sample_rate_hz = rates_hz[data[0] % 3], .min_speech_ms = 10 * data[1],
                                        .warm_up_ms = 21 * data[2], .tail_ms = 128, .max_delay_ms = 300 };
    if ((tp_barge_in_size(&config) == 0) != (tp_barge_in_check(&config) != NULL))
        abort();
    if (tp_barge_in_check(&config))
        return 0;
    size_t cut = data[3], n;
    int16_t *near = fuzz_audio(data + 4, size - 4, &n);
    int16_t *far = calloc(n + 1, sizeof *far), *want = calloc(n + 1, sizeof *want), *got = calloc(n + 1, sizeof *got);
    for (size_t i = 0; i < n; i++)
        far[i] = data[3] & 1 ? near[n - 1 - i] : near[i];
    tp_barge_in *whole = make(&config), *components = make(&config);
    const int held = tp_barge_in_process(whole, near, far, n, want);
    int any = 0;
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        any |= tp_barge_in_process(components, near + at, far + at, step, got + at);
        at += step;
    }
    const tp_barge_in_reading *a = tp_barge_in_read(whole), *b = tp_barge_in_read(components);
    if (memcmp(want, got, n * sizeof *want) != 0 || memcmp(a, b, sizeof *a) != 0 || held != any)
        abort();
    if (!(a->evidence >= 0.0f && a->evidence < 3.1f) || !(a->speech_probability >= 0.0f && a->speech_probability <= 1.0f)
        || !(a->echo_probability >= 0.0f && a->echo_probability <= 1.0f) || a->onset_samples > a->samples)
        abort();
    if (tp_barge_in_set_min_speech_ms(whole, 5) != TP_ECONFIG || tp_barge_in_set_min_speech_ms(whole, 300) != TP_OK)
        abort();
    free(near);
    free(far);
    free(want);
    free(got);
    free(whole);
    free(components);
    return 0;
}
