/* Echo delay: any two streams in any cut must give the estimate of the whole, within its range. */
#include "fuzz/fuzz.h"
#include "talkpath/delay_estimator.h"

static tp_delay_estimator *make(const tp_delay_estimator_config *config)
{
    tp_delay_estimator *d = fuzz_state(tp_delay_estimator_size(config));
    if (tp_delay_estimator_init(d, config) != TP_OK)
        abort();
    return d;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    static const int rates_hz[] = { 8000, 16000, 11025 };
    if (size < 4)
        return 0;
    const tp_delay_estimator_config config = { .sample_rate_hz = rates_hz[data[0] % 3], .max_delay_ms = 5 * data[1] };
    if ((tp_delay_estimator_size(&config) == 0) != (tp_delay_estimator_check(&config) != NULL))
        abort();
    if (tp_delay_estimator_check(&config))
        return 0;
    size_t cut = data[2], n;
    int16_t *far = fuzz_audio(data + 3, size - 3, &n);
    int16_t *near = calloc(n + 1, sizeof *near);
    const size_t lag = 37u * data[2];
    for (size_t i = lag; i < n; i++)
        near[i] = (int16_t)(far[i - lag] / 3);
    tp_delay_estimator *whole = make(&config), *components = make(&config);
    tp_delay_estimator_process(whole, near, far, n);
    for (size_t at = 0; at < n;) {
        const size_t step = fuzz_cut(&cut, n - at);
        tp_delay_estimator_process(components, near + at, far + at, step);
        at += step;
    }
    const tp_delay_estimate a = tp_delay_estimator_read(whole), b = tp_delay_estimator_read(components);
    if (a.found != b.found || a.delay_ms != b.delay_ms || a.score != b.score || a.confidence != b.confidence)
        abort();
    if (!(a.delay_ms >= 0.0f && a.delay_ms <= 1100.0f) || !isfinite(a.score) || !(a.confidence >= 0.0f && a.confidence <= 1.0f))
        abort();
    const tp_delay_match m = tp_delay_estimator_match(whole), m2 = tp_delay_estimator_match(components);
    if (m.score != m2.score || m.delay_ms != m2.delay_ms || !isfinite(m.score) || !(m.delay_ms >= 0.0f && m.delay_ms <= 1000.0f))
        abort();
    if (n % (size_t)(config.sample_rate_hz / 100) == 0) {
        tp_delay_estimator_skip(whole, far, n / 2 / (size_t)(config.sample_rate_hz / 100) * (size_t)(config.sample_rate_hz / 100));
        tp_delay_estimator_move(whole, m.delay_ms);
        tp_delay_estimator_process(whole, near, far, n);
        if (!isfinite(tp_delay_estimator_match(whole).score))
            abort();
    }
    free(near);
    free(far);
    free(whole);
    free(components);
    return 0;
}
