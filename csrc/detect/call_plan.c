#include "detect/call_plan.h"

#include <math.h>

#define NA TP_PLAN_NORTH_AMERICA
#define EU TP_PLAN_EUROPE
#define UK TP_PLAN_UK
#define FR TP_PLAN_FRANCE
#define JP TP_PLAN_JAPAN
#define AU TP_PLAN_AUSTRALIA

/* Where two plans share a tone and a cadence, the one listed first is named. */
static const tp_call_entry table[] = {
    /* tone             plan  Hz                        cadence, ms            needs */
    { TP_CALL_DIAL,     NA, { 350, 440 },              { 0 },                  3000 },
    { TP_CALL_RINGBACK, NA, { 440, 480 },              { 2000, 4000 },         2 },
    { TP_CALL_BUSY,     NA, { 480, 620 },              { 500, 500 },           2 },
    { TP_CALL_REORDER,  NA, { 480, 620 },              { 250, 250 },           2 },
    { TP_CALL_WAITING,  NA, { 440 },                   { 300, 9700 },          2 },
    { TP_CALL_HOWLER,   NA, { 1400, 2060, 2450, 2600 }, { 100, 100 },          2 },

    { TP_CALL_DIAL,     EU, { 425 },                   { 0 },                  3000 },
    { TP_CALL_RINGBACK, EU, { 425 },                   { 1000, 4000 },         2 },
    { TP_CALL_RINGBACK, EU, { 425 },                   { 1000, 3000 },         2 },
    { TP_CALL_RINGBACK, EU, { 425 },                   { 1000, 5000 },         2 },
    { TP_CALL_RINGBACK, EU, { 425 },                   { 1500, 3000 },         2 },
    { TP_CALL_BUSY,     EU, { 425 },                   { 500, 500 },           2 },
    { TP_CALL_BUSY,     EU, { 425 },                   { 375, 375 },           2 },
    { TP_CALL_REORDER,  EU, { 425 },                   { 250, 250 },           2 },
    { TP_CALL_REORDER,  EU, { 425 },                   { 200, 200 },           2 },
    { TP_CALL_WAITING,  EU, { 425 },                   { 200, 600, 200, 3000 }, 3 },

    { TP_CALL_DIAL,     UK, { 350, 450 },              { 0 },                  3000 },
    { TP_CALL_RINGBACK, UK, { 400, 450 },              { 400, 200, 400, 2000 }, 2 },
    { TP_CALL_BUSY,     UK, { 400 },                   { 375, 375 },           2 },
    { TP_CALL_REORDER,  UK, { 400 },                   { 400, 350, 225, 525 }, 2 },

    { TP_CALL_DIAL,     FR, { 440 },                   { 0 },                  3000 },
    { TP_CALL_RINGBACK, FR, { 440 },                   { 1500, 3500 },         2 },
    { TP_CALL_BUSY,     FR, { 440 },                   { 500, 500 },           2 },

    { TP_CALL_DIAL,     JP, { 400 },                   { 0 },                  3000 },
    { TP_CALL_RINGBACK, JP, { 400, 420 },              { 1000, 2000 },         2 },
    { TP_CALL_BUSY,     JP, { 400 },                   { 500, 500 },           2 },

    { TP_CALL_DIAL,     AU, { 400, 425, 450 },         { 0 },                  3000 },
    { TP_CALL_RINGBACK, AU, { 400, 425, 450 },         { 400, 200, 400, 2000 }, 2 },

    { TP_CALL_FAX_CNG,  TP_PLAN_ITU, { 1100 },         { 500, 3000 },          2 },
    { TP_CALL_FAX_CED,  TP_PLAN_ITU, { 2100 },         { 0 },                  2400 },
};

/* Special information: ITU-T E.180 gives 950, 1400 and 1800 Hz, each ±50 Hz and 330 ± 70 ms; North America uses two exact
 * values for the first and the second. */
static const tp_call_entry sit_itu = { TP_CALL_SIT, TP_PLAN_ITU, { 950, 1400, 1800 }, { 330 }, 3 };
static const tp_call_entry sit_na = { TP_CALL_SIT, NA, { 950, 1400, 1800 }, { 330 }, 3 };
#define SIT_REACH_HZ 65.0f
#define SIT_MAX_GAP_MS 60.0

#define LINE_TOLERANCE 0.015f
#define CNG_TOLERANCE 0.035f /* T.30: 1100 ± 38 Hz */

/* E.180 recommends 425 Hz, 400 to 450, alone, together or modulated with 16 to 50 Hz; dial, busy and ringback tones of two
 * frequencies reach from 330 to 650. */
#define NETWORK_LOW_HZ 325.0f
#define NETWORK_HIGH_HZ 650.0f
#define SINGLE_LOW_HZ 380.0f
#define SINGLE_HIGH_HZ 500.0f
#define MODULATED_SPAN_HZ 110.0f

static int is_near(double value, double target, double reach)
{
    return fabs(value - target) <= reach;
}

static int line_count(const tp_call_entry *e)
{
    int n = 0;
    while (n < TP_BURST_LINES && e->hz[n] > 0.0f)
        n++;
    return n;
}

static int has_lines(const tp_call_entry *e, const tp_call_burst *b)
{
    if (b->lines != line_count(e))
        return 0;
    const float tolerance = e->tone == TP_CALL_FAX_CNG ? CNG_TOLERANCE : LINE_TOLERANCE;
    for (int i = 0; i < b->lines; i++)
        if (fabsf(b->hz[i] - e->hz[i]) > tolerance * e->hz[i])
            return 0;
    return 1;
}

int tp_call_same(const tp_call_burst *a, const tp_call_burst *b)
{
    if (a->lines != b->lines || a->lines == 0)
        return 0;
    for (int i = 0; i < a->lines; i++)
        if (fabsf(a->hz[i] - b->hz[i]) > 0.5f * LINE_TOLERANCE * a->hz[i])
            return 0;
    return 1;
}

/* How far a length is from what the cadence asks for, 1 being the most that passes. */
static double deviation(double ms, double want_ms)
{
    return fabs(ms - want_ms) / (0.1 * want_ms + 25.0);
}

/* Sum of the deviations when the bursts begin with the cadence's burst number `first`; negative if one does not pass. */
static double follow(const tp_call_entry *e, const tp_call_burst *bursts, size_t n, size_t first)
{
    const size_t segments = e->cadence_ms[2] ? 2 : 1;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const size_t segment = (first + i) % segments;
        const double on_ms = bursts[i].end_ms - bursts[i].start_ms, want_ms = e->cadence_ms[2 * segment];
        double off = deviation(on_ms, want_ms);
        if (i == 0 && bursts[i].cut && on_ms < want_ms)
            off = 0.0;
        if (off > 1.0)
            return -1.0;
        sum += off;
        if (i + 1 == n)
            break;
        off = deviation(bursts[i + 1].start_ms - bursts[i].end_ms, e->cadence_ms[2 * segment + 1]);
        if (off > 1.0)
            return -1.0;
        sum += off;
    }
    return sum;
}

const tp_call_entry *tp_call_match(const tp_call_burst *bursts, size_t n)
{
    const tp_call_entry *best = NULL;
    double min = 1e9;
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
        const tp_call_entry *e = &table[k];
        if (e->cadence_ms[0] == 0 || n < e->needs || !has_lines(e, &bursts[n - 1]))
            continue;
        for (size_t first = 0; first < (e->cadence_ms[2] ? 2u : 1u); first++) {
            const double sum = follow(e, bursts + n - e->needs, e->needs, first);
            if (sum >= 0.0 && sum < min) {
                min = sum;
                best = e;
            }
        }
    }
    return best;
}

const tp_call_entry *tp_call_match_steady(const tp_call_burst *burst, double length_ms)
{
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
        if (table[k].cadence_ms[0] == 0 && length_ms >= table[k].needs && has_lines(&table[k], burst))
            return &table[k];
    return NULL;
}

static int is_ratio(float high, float low, float ratio)
{
    return fabsf(high - ratio * low) < 0.01f * high;
}

int tp_call_is_network(const tp_call_burst *b)
{
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
        if (has_lines(&table[k], b))
            return 1;
    if (b->lines == 0 || b->hz[0] < NETWORK_LOW_HZ || b->hz[b->lines - 1] > NETWORK_HIGH_HZ)
        return 0;
    if (b->lines == 1)
        return b->hz[0] > SINGLE_LOW_HZ && b->hz[0] < SINGLE_HIGH_HZ;
    /* Harmonics of a voice whose first one is out of sight. */
    if (b->lines == 2)
        return !is_ratio(b->hz[1], b->hz[0], 1.5f) && !is_ratio(b->hz[1], b->hz[0], 4.0f / 3.0f);
    return b->hz[b->lines - 1] - b->hz[0] < MODULATED_SPAN_HZ;
}

const tp_call_entry *tp_call_match_sit(const tp_call_burst three[3])
{
    for (int i = 0; i < 3; i++) {
        const double ms = three[i].end_ms - three[i].start_ms;
        if (three[i].lines != 1 || !is_near((double)three[i].hz[0], (double)sit_itu.hz[i], (double)SIT_REACH_HZ) || ms < 220.0 || ms > 450.0)
            return NULL;
        if (i > 0 && three[i].start_ms - three[i - 1].end_ms > SIT_MAX_GAP_MS)
            return NULL;
    }
    const double first = (double)three[0].hz[0], second = (double)three[1].hz[0];
    return (is_near(first, 913.8, 9.0) || is_near(first, 985.2, 9.0)) && (is_near(second, 1370.6, 9.0) || is_near(second, 1428.5, 9.0))
               ? &sit_na
               : &sit_itu;
}

const char *tp_call_tone_name(tp_call_tone tone)
{
    static const char *const names[TP_CALL_TONES] = { "dial", "ringback", "busy", "reorder", "call_waiting",
                                                      "sit", "howler", "fax_cng", "fax_ced" };
    return (unsigned)tone < TP_CALL_TONES ? names[tone] : NULL;
}

const char *tp_call_plan_name(tp_call_plan plan)
{
    static const char *const names[TP_PLANS] = { "itu", "north_america", "europe", "uk", "france", "japan", "australia" };
    return (unsigned)plan < TP_PLANS ? names[plan] : NULL;
}
