/* Echo cancellation: any two streams, with losses, in any cut must give the output of the whole; every number stays finite. */
#include "fuzz/fuzz.h"
#include "talkpath/echo_canceller.h"

static tp_echo_canceller *make(const tp_echo_canceller_config *config)
{
    tp_echo_canceller *e = fuzz_state(tp_echo_canceller_size(config));
    if (tp_echo_canceller_init(e, config) != TP_OK)
        abort();
    return e;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 11025 };
    if (size < 6)
        return 0;
    const tp_echo_canceller_config config = { .sample_rate_hz = rates_hz[data[0] % 3], .tail_ms = 30 + data[1],
                                              .max_delay_ms = 90 + 4 * data[2], .suppress = data[3] & 1 };
    if ((tp_echo_canceller_size(&config) == 0) != (tp_echo_canceller_check(&config) != NULL))
        abort();
    if (tp_echo_canceller_check(&config))
        return 0;
    size_t cut = data[4], n;
    int16_t *far = fuzz_audio(data + 5, size - 5, &n);
    int16_t *near = calloc(n + 1, sizeof *near), *want = calloc(n + 1, sizeof *want), *got = calloc(n + 1, sizeof *got);
    const size_t lag = 37u * data[4];
    for (size_t i = 0; i < n; i++)
        near[i] = (int16_t)((i >= lag ? far[i - lag] / 3 : 0) + far[n - 1 - i] / 4);
    tp_echo_canceller *whole = make(&config), *components = make(&config);
    const size_t gap = n / 2 < 400 ? n / 2 : 400; /* lost on one side, at the start */
    const int16_t *lost_near = data[3] & 2 ? NULL : near, *lost_far = data[3] & 4 ? NULL : far;
    tp_echo_canceller_process(whole, lost_near, lost_far, gap, want);
    tp_echo_canceller_process(whole, near + gap, far + gap, n - gap, want + gap);
    for (size_t at = 0; at < n;) {
        size_t step = fuzz_cut(&cut, n - at);
        if (at < gap && at + step > gap)
            step = gap - at;
        tp_echo_canceller_process(components, at < gap && !lost_near ? NULL : near + at, at < gap && !lost_far ? NULL : far + at,
                                  step, got + at);
        at += step;
    }
    if (memcmp(want, got, n * sizeof *want) != 0)
        abort();
    const size_t hop = (size_t)config.sample_rate_hz / 100, ahead = n / 3 / hop * hop;
    const size_t rest = tp_echo_canceller_to_hop(whole) < n ? tp_echo_canceller_to_hop(whole) : n;
    tp_echo_canceller_process(whole, near, far, rest, got);
    tp_echo_canceller_skip(whole, far, ahead); /* sent while nothing was received */
    tp_echo_canceller_process(whole, near, far, n, got);
    const tp_echo_state *s = tp_echo_canceller_state(whole);
    if (!isfinite(s->erl_db) || !isfinite(s->erle_db) || !isfinite(s->near_logit) || !isfinite(s->echo_share)
        || !(s->echo_likelihood >= 0.0f && s->echo_likelihood <= 1.0f))
        abort();
    free(near);
    free(far);
    free(want);
    free(got);
    free(whole);
    free(components);
    return 0;
}
