#include "echo/echo_components.h"

#include "dsp/block.h"
#include "dsp/kalman.h"

/* In bytes from the start. */
typedef struct layout {
    size_t near_length, far_length;
    size_t far, delay, long_filter, aligned, near_end, vad, size;
} layout;

size_t tp_echo_long_taps(const tp_echo_canceller_config *c)
{
    const size_t taps = (size_t)(c->max_delay_ms + 20) / (10 * LONG_SPACING) + 1;
    return taps < TP_KALMAN_MAX_TAPS ? taps : TP_KALMAN_MAX_TAPS;
}

size_t tp_echo_aligned_taps(const tp_echo_canceller_config *c)
{
    /* The window's own length covers what the taps leave at both ends; the last 26 ms of the tail are covered in part. */
    size_t taps = 6;
    while (taps < TP_KALMAN_FULL_TAPS && 5 * (int)tp_aligned_filter_offset(taps - 1) - ECHO_LEAD_MS + 32 < c->tail_ms - 26)
        taps++;
    return taps;
}

static layout layout_of(const tp_echo_canceller_config *c)
{
    layout l;
    const tp_delay_estimator_config delay = { .sample_rate_hz = c->sample_rate_hz, .max_delay_ms = c->max_delay_ms };
    const tp_vad_config vad = { .sample_rate_hz = c->sample_rate_hz };
    const size_t ms = (size_t)c->sample_rate_hz / 1000, bins = c->sample_rate_hz == 16000 ? ECHO_MAX_BINS : ECHO_BINS;
    l.near_length = (10 * (ECHO_REPLAY_HOPS + 2) + 40) * ms;
    l.far_length = l.near_length + (size_t)(c->max_delay_ms + TP_DELAY_MATCH_BEYOND_MS + c->tail_ms) * ms;
    l.far = tp_align_up(l.near_length * sizeof(int16_t));
    l.delay = l.far + tp_align_up(l.far_length * sizeof(int16_t));
    l.long_filter = l.delay + tp_align_up(tp_delay_estimator_size(&delay));
    l.aligned = l.long_filter + tp_long_filter_size(tp_echo_long_taps(c));
    l.near_end = l.aligned + tp_aligned_filter_size(tp_echo_aligned_taps(c), bins);
    l.vad = l.near_end + tp_align_up(tp_near_end_size());
    l.size = l.vad + tp_align_up(tp_vad_size(&vad));
    return l;
}

size_t tp_echo_components_size(const tp_echo_canceller_config *c)
{
    return layout_of(c).size;
}

tp_echo_components tp_echo_components_at(char *base, const tp_echo_canceller_config *c)
{
    const layout l = layout_of(c);
    const tp_echo_components p = {
        .near = (int16_t *)(void *)base,
        .far = (int16_t *)(void *)(base + l.far),
        .near_length = l.near_length,
        .far_length = l.far_length,
        .long_filter = (tp_long_filter *)(void *)(base + l.long_filter),
        .aligned = (tp_aligned_filter *)(void *)(base + l.aligned),
        .delay = (tp_delay_estimator *)(void *)(base + l.delay),
        .near_end = (tp_near_end *)(void *)(base + l.near_end),
        .vad = (tp_vad *)(void *)(base + l.vad),
    };
    return p;
}
