/* What ambiences are made of. Every part adds itself to a loop, round its end. */
#ifndef TALKPATH_PLAYOUT_AMBIENCE_COMPONENTS_H
#define TALKPATH_PLAYOUT_AMBIENCE_COMPONENTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct component_canvas {
    float *x;       /* the loop */
    float *scratch; /* as long  */
    size_t n;
    float rate_hz;
    uint32_t seed;   /* of what is decided …                 */
    uint64_t random; /* … and of noise; both go on           */
} component_canvas;

/* Steady noise, its power below about twice `corner_hz`: ventilation, distant traffic. `level`: its rms. */
void component_air(component_canvas *c, float level, float corner_hz);

/* Mains hum and two harmonics. */
void component_hum(component_canvas *c, float level, float hz);

/* People talking, `count` of them, heard through a low-pass at `bandwidth_hz`. */
void component_voices(component_canvas *c, int count, float level, float bandwidth_hz);

/* Someone types, `keys_per_s` while at it, `share` of the time; the keys' resonance is around `hz`. `level`: peak of a key. */
void component_typing(component_canvas *c, float level, float keys_per_s, float hz, float share);

/* Dull knocks of furniture and crockery. */
void component_knocks(component_canvas *c, int count, float level, float hz, float decay_s);

/* Glasses and cutlery. */
void component_clinks(component_canvas *c, int count, float level);

/* Paper. */
void component_rustle(component_canvas *c, int count, float level);

/* Cars that pass: near, and gone. */
void component_cars(component_canvas *c, int count, float level);

/* Somebody walks by. */
void component_steps(component_canvas *c, float level);

/* Car horns, streets away. */
void component_horns(component_canvas *c, int count, float level);

/* Without what no telephone carries, so that the level counts what is heard. */
void component_telephone(component_canvas *c);

/* The room around all of it; `decay_s`: reverberation time. */
void component_room(component_canvas *c, float decay_s);

#endif
