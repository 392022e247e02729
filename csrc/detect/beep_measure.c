#include "detect/beep_measure.h"

#include <math.h>

enum {
    MIN_CORE = 4, /* frames inside a tone of 80 ms */
    MIN_WHOLE = 6,
    MAX_HOLE_FRAMES = 11, /* 60 ms show in 10 */
    MIN_EDGE = 5,         /* disturbed frames at the beginning or the end that more than the edge explains … */
    MAX_EDGE = 15,        /* … and that the rest of a tone and a hole explain */
};

#define DUAL_MIN_SHARE 0.165f
#define PAIR_HIGH_HZ 700.0f
#define HOLE_RESIDUAL 0.02f       /* a frame with so much more beside the tone than usual is disturbed … */
#define HOLE_STEP 0.08f           /* … and two whose amplitude differs by so much are */
#define MAX_DISTURBED 10.0f       /* frames: the edges, one hole … */
#define MAX_DISTURBED_SHARE 0.36f /* … and others */
#define MAX_ADDED 1.3f            /* a hole takes away */
#define MAX_STEP 12.6f            /* 11 dB */
#define TONE_RESIDUAL 0.5f        /* of the tone itself, between a hole and a step */
#define TONE_DRIFT 0.052f

static float value_hz(const tp_tone_frame *f, int second)
{
    return second ? f->second_hz : f->main_hz;
}

static tp_beep_line fit_line(const tp_tone_frame *frames, const uint8_t *whole, size_t n, int second, int passes)
{
    tp_beep_line l = { 0.0f, 0.0f, 1e9f };
    const float centre = 0.5f * (float)(n - 1);
    for (int pass = 0; pass < passes; pass++) {
        float count = 0.0f, t1 = 0.0f, t2 = 0.0f, y1 = 0.0f, ty = 0.0f;
        const float limit = pass == 0 ? 1e9f : 1.5f * l.rms + 1e-3f;
        /* Values relative to the first frame's: sums of squares in float stay exact enough. */
        const float base = value_hz(&frames[n / 2], second);
        for (size_t i = 0; i < n; i++) {
            const float t = (float)i - centre, y = value_hz(&frames[i], second) - base;
            if (!whole[i])
                continue;
            if (pass > 0 && fabsf(y + base - l.middle - l.slope * t) > limit)
                continue;
            count += 1.0f;
            t1 += t;
            t2 += t * t;
            y1 += y;
            ty += t * y;
        }
        const float det = count * t2 - t1 * t1;
        if (count < 3.0f || det <= 0.0f)
            return l;
        tp_beep_line fit;
        fit.slope = (count * ty - t1 * y1) / det;
        fit.middle = base + (y1 - fit.slope * t1) / count;
        float squares = 0.0f;
        for (size_t i = 0; i < n; i++) {
            const float t = (float)i - centre, off = value_hz(&frames[i], second) - fit.middle - fit.slope * t;
            if (whole[i] && (pass == 0 || fabsf(value_hz(&frames[i], second) - l.middle - l.slope * t) <= limit))
                squares += off * off;
        }
        fit.rms = sqrtf(squares / count);
        l = fit;
    }
    return l;
}

/* Frame (with fraction) at which the power crosses a quarter of `level` between frames a and b. */
static float crossing(const tp_tone_frame *frames, size_t a, size_t b, float level)
{
    const float from = frames[a].main_power, to = frames[b].main_power, step = (float)b - (float)a;
    if (from <= 0.0f || from >= 0.25f * level || to <= from)
        return (float)a;
    return (float)a + step * logf(0.25f * level / from) / logf(to / from);
}

static float beside_share(const tp_tone_frame *f)
{
    const float beside = f->total - f->main_power - f->harmonic_power - f->second_power;
    return f->main_power <= 0.0f ? 1e9f : beside > 0.0f ? beside / f->main_power : 0.0f;
}

static int is_close(float hz, float to_hz)
{
    return fabsf(hz - to_hz) <= TONE_DRIFT * to_hz;
}

void tp_beep_trim_edges(const tp_tone_frame *frames, size_t n, uint8_t *whole)
{
    size_t first = 0, end = n;
    while (end - first > MIN_CORE && first < 4
           && (first < 2 || frames[first].main_power < 0.8f * frames[first + 1].main_power))
        first++;
    while (end - first > MIN_CORE && n - end < 4
           && (n - end < 2 || frames[end - 1].main_power < 0.8f * frames[end - 2].main_power))
        end--;
    for (size_t i = 0; i < n; i++)
        whole[i] = i >= first && i < end;
}

int tp_beep_find_holes(const tp_tone_frame *frames, size_t n, uint8_t *whole)
{
    /* What sounds beside the tone where nothing disturbs it: the mean of the frames below the mean. */
    float usual = 1e9f;
    for (int pass = 0; pass < 3; pass++) {
        float sum = 0.0f, count = 0.0f;
        for (size_t i = 0; i < n; i++)
            if (beside_share(&frames[i]) <= usual) {
                sum += beside_share(&frames[i]);
                count += 1.0f;
            }
        usual = count > 0.0f ? sum / count : usual;
    }
    for (size_t i = 0; i < n; i++)
        whole[i] = i >= 2 && i + 2 < n && beside_share(&frames[i]) <= HOLE_RESIDUAL + 3.0f * usual;
    for (size_t i = 0; i + 1 < n; i++) {
        const float a = sqrtf(frames[i].main_power), b = sqrtf(frames[i + 1].main_power);
        if (fabsf(a - b) > HOLE_STEP * (a > b ? a : b))
            whole[i] = whole[i + 1] = 0;
    }
    size_t first = n, last = 0, count = 0;
    float loudest = 0.0f;
    for (size_t i = 2; i + 2 < n; i++) {
        whole[i] = whole[i] && (whole[i - 1] || whole[i + 1]);
        if (whole[i]) {
            first = i < first ? i : first;
            last = i;
            count++;
            loudest = frames[i].total > loudest ? frames[i].total : loudest;
        }
    }
    if (count < MIN_WHOLE || (float)(n - count) > MAX_DISTURBED + MAX_DISTURBED_SHARE * (float)n)
        return 0;
    if (first > MAX_EDGE || n - last > MAX_EDGE || (first < MIN_EDGE && n - last <= MIN_EDGE && count == last - first + 1))
        return 0;
    size_t run = 0;
    for (size_t i = 0; i < n; i++) {
        run = whole[i] ? 0 : run + 1;
        if (i > first && i < last && run > MAX_HOLE_FRAMES)
            return 0;
        /* Louder may only be the tone itself, before a step. */
        const int is_tone = beside_share(&frames[i]) < TONE_RESIDUAL
                            && (is_close(frames[i].main_hz, frames[first].main_hz)
                                || is_close(frames[i].main_hz, frames[first].second_hz));
        if (frames[i].total > (is_tone ? MAX_STEP : MAX_ADDED) * loudest)
            return 0;
    }
    return 1;
}

tp_beep_measures tp_beep_measure(const tp_tone_frame *frames, size_t n, const uint8_t *whole, int passes, tp_beep_shape *shape)
{
    size_t first = 0, end = n;
    while (!whole[first])
        first++;
    while (!whole[end - 1])
        end--;
    tp_beep_measures m = { .core = frames + first, .whole = whole + first, .n = n, .span = end - first, .min = 1e9f };
    for (size_t i = 0; i < m.span; i++)
        m.size += m.whole[i];
    for (size_t i = 0; i < m.span; i++) {
        const tp_tone_frame *f = &m.core[i];
        if (!m.whole[i])
            continue;
        m.total += f->total;
        m.low += f->low;
        m.main += f->main_power;
        m.harmonics += f->harmonic_power;
        m.second += f->second_power;
        m.spread += f->spread / (float)m.size;
        m.max = f->main_power > m.max ? f->main_power : m.max;
        m.min = f->main_power < m.min ? f->main_power : m.min;
    }
    m.f = fit_line(m.core, m.whole, m.span, 0, passes);
    m.f2 = fit_line(m.core, m.whole, m.span, 1, passes);
    const float beside = m.total - m.main - m.harmonics - m.second;
    m.second_steady = m.second > 0.005f * m.main
                      && m.f2.rms < 0.4f + 0.0005f * m.f2.middle + 2.0f * sqrtf((beside > 0.0f ? beside : 0.0f) / m.second);
    m.dual = m.second_steady && m.second > DUAL_MIN_SHARE * m.total && m.f2.middle > TP_BEEP_MIN_HZ;
    m.is_low = m.f.middle < TP_BEEP_LOW_HZ && !(m.dual && m.f2.middle > PAIR_HIGH_HZ);
    m.tone = m.main + m.harmonics + (m.dual ? m.second : 0.0f);
    m.residual = m.total > m.tone ? (m.total - m.tone) / m.tone : 0.0f;
    m.own_residual = m.total > m.tone ? (m.total - m.tone) / m.main : 0.0f;
    m.drift = fabsf(m.f.slope) * (float)n / m.f.middle;

    float loudest = 0.0f;
    for (size_t i = 0; i < n; i++)
        loudest = frames[i].main_power > loudest ? frames[i].main_power : loudest;
    shape->hz = m.f.middle;
    shape->second_hz = m.dual ? m.f2.middle : 0.0f;
    shape->power = loudest * m.tone / m.main;
    const float head = frames[first].main_power, tail = frames[end - 1].main_power;
    size_t a = 0, b = n - 1;
    while (a < first && frames[a].main_power <= 0.25f * head)
        a++;
    while (b >= end && frames[b].main_power <= 0.25f * tail)
        b--;
    shape->start_frame = a > 0 ? crossing(frames, a - 1, a, head) : 0.0f;
    shape->end_frame = b + 1 < n ? crossing(frames, b + 1, b, tail) : (float)b;
    return m;
}

