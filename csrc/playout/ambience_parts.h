/* What ambiences are made of. Every part adds itself to a loop, round its end. */
#ifndef TALKPATH_PLAYOUT_AMBIENCE_PARTS_H
#define TALKPATH_PLAYOUT_AMBIENCE_PARTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct part_canvas {
    float *x;       /* the loop */
    float *scratch; /* as long  */
    size_t n;
    float rate_hz;
    uint32_t seed;   /* of what is decided …                 */
    uint64_t random; /* … and of noise; both go on           */
} part_canvas;

/* Steady noise, its power below about twice `corner_hz`: ventilation, distant traffic. `level`: its rms. */
void part_air(part_canvas *c, float level, float corner_hz);

/* Mains hum and two harmonics. */
void part_hum(part_canvas *c, float level, float hz);

/* People talking, `count` of them, heard through a low-pass at `bandwidth_hz`. */
void part_voices(part_canvas *c, int count, float level, float bandwidth_hz);

/* Someone types, `keys_per_s` while at it, `share` of the time; the keys' resonance is around `hz`. `level`: peak of a key. */
void part_typing(part_canvas *c, float level, float keys_per_s, float hz, float share);

/* Dull knocks of furniture and crockery. */
void part_knocks(part_canvas *c, int count, float level, float hz, float decay_s);

/* Glasses and cutlery. */
void part_clinks(part_canvas *c, int count, float level);

/* Paper. */
void part_rustle(part_canvas *c, int count, float level);

/* Cars that pass: near, and gone. */
void part_cars(part_canvas *c, int count, float level);

/* Somebody walks by. */
void part_steps(part_canvas *c, float level);

/* Car horns, streets away. */
void part_horns(part_canvas *c, int count, float level);

/* Without what no telephone carries, so that the level counts what is heard. */
void part_telephone(part_canvas *c);

/* The room around all of it; `decay_s`: reverberation time. */
void part_room(part_canvas *c, float decay_s);

#endif
