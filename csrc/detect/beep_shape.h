/*
 * Is a run of tone frames a beep? What the beep detector asks once a tone is over.
 *
 * A beep is a machine's tone: its frequency stands still (or moves along a straight line), its level changes smoothly,
 * nothing else sounds with it but noise, and that noise is all that is left when it ends. Voices and instruments
 * fail one of these: see beep_shape.c. What a bad line does to the tone (drop-outs, concealed frames, steps of the level) is
 * left out of what is classified: see beep_measure.h.
 */
#ifndef TALKPATH_DETECT_BEEP_SHAPE_H
#define TALKPATH_DETECT_BEEP_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "detect/tone_track.h"

typedef enum tp_beep_verdict {
    TP_BEEP_YES,
    TP_BEEP_SHORT,      /* too short to tell, or too long                                */
    TP_BEEP_QUIET,      /* below -35 dBov                                                */
    TP_BEEP_UNSTEADY,   /* frequency or level wander                                     */
    TP_BEEP_IMPURE,     /* something else sounds with it                                 */
    TP_BEEP_GOES_ON,    /* what follows is as loud, or is a tone                         */
    TP_BEEP_VOICE,      /* the overtones are those of a voice                            */
    TP_BEEP_NETWORK,    /* frequency and length of a network tone, or the tones of a key */
} tp_beep_verdict;

typedef struct tp_beep_shape {
    float hz;          /* in the middle of the tone                            */
    float second_hz;   /* of a dual tone, else 0                               */
    float power;       /* loudest frame                                        */
    float start_frame; /* where the level crosses half amplitude, in frames …  */
    float end_frame;   /* … from the first frame's middle                      */
} tp_beep_shape;

/* frames[0 … n-1]: the tone, its own part first in `main_*`; after[0], after[1]: what followed when it was gone. */
tp_beep_verdict tp_beep_judge(const tp_tone_frame *frames, size_t n, const tp_tone_frame *after, tp_beep_shape *shape);

#endif
