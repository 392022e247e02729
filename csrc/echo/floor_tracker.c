#include "echo/floor_tracker.h"

#include <string.h>

void tp_floor_tracker_init(tp_floor_tracker *f)
{
    memset(f, 0, sizeof *f);
    for (size_t b = 0; b < FLOOR_BANDS; b++) {
        f->now[b] = 1.0f;
        for (size_t i = 0; i < FLOOR_COMPONENTS; i++)
            f->component[i][b] = 1.0f;
    }
}

void tp_floor_tracker_hop(tp_floor_tracker *f, size_t bands, const float *power, size_t hop, float *floor)
{
    for (size_t b = 0; b < bands; b++) {
        f->smooth[b] = hop == 0 ? power[b] : f->smooth[b] + 0.4f * (power[b] - f->smooth[b]);
        f->now[b] = f->smooth[b] < f->now[b] ? f->smooth[b] : f->now[b];
    }
    if (hop % FLOOR_HOPS == FLOOR_HOPS - 1) {
        memcpy(f->component[hop / FLOOR_HOPS % FLOOR_COMPONENTS], f->now, sizeof f->now);
        memcpy(f->now, f->smooth, sizeof f->now);
    }
    for (size_t b = 0; b < bands; b++) {
        float min = f->now[b];
        for (size_t i = 0; i < FLOOR_COMPONENTS; i++)
            min = f->component[i][b] < min ? f->component[i][b] : min;
        floor[b] = (min > FLOOR_MIN ? min : FLOOR_MIN) * FLOOR_BIAS;
    }
}
