/* The power of the noise in some bands: minimum statistics, raised to what the mean would be. */
#ifndef TALKPATH_ECHO_FLOOR_TRACKER_H
#define TALKPATH_ECHO_FLOOR_TRACKER_H

#include <stddef.h>

enum {
    FLOOR_BANDS = 12,
    FLOOR_COMPONENTS = 8, /* the noise floor is the least of so many … */
    FLOOR_HOPS = 20, /* … times so many hops                      */
};

#define FLOOR_BIAS 3.0f
#define FLOOR_MIN 1e-8f

typedef struct tp_floor_tracker {
    float smooth[FLOOR_BANDS], now[FLOOR_BANDS], component[FLOOR_COMPONENTS][FLOOR_BANDS];
} tp_floor_tracker;

void tp_floor_tracker_init(tp_floor_tracker *f);

/* One hop, the `hop`-th; power and floor of `bands`. */
void tp_floor_tracker_hop(tp_floor_tracker *f, size_t bands, const float *power, size_t hop, float *floor);

#endif
