/*
 * Is what sounds like the caller only the agent's voice, come back later or earlier than before?
 *
 * How: while the network hears a caller and the agent's voice may be in the air, the last 160 ms are looked for in all that was
 * sent (tp_delay_estimator_match), every 20 ms. Looks at one place add up; how high the sum must be before the echo counts as
 * moved depends on what the filters know of it. Below that it is open, and a decision had better wait for the next looks.
 * After a move the filters have to settle; until then nothing is to be made of what they leave.
 */
#ifndef TALKPATH_ECHO_DELAY_WATCH_H
#define TALKPATH_ECHO_DELAY_WATCH_H

#include "talkpath/delay_estimator.h"

typedef struct tp_delay_watch {
    unsigned heard, quiet, looks; /* hops with a caller, hops without, looks at this sound */
    unsigned since_move;          /* hops                                                  */
    float last_ms;                /* where looks have found something; below 0: nowhere    */
    float sum;                    /* of the scores of all that found it there              */
    unsigned astray;              /* looks since that did not                              */
    float moved_ms;
    int open, settling;
} tp_delay_watch;

/* What the filters know of the echo. */
typedef struct tp_watch_echo {
    float from_ms, to_ms; /* where it is expected; from_ms below 0: nowhere        */
    int known;            /* it has always been there                              */
    int missing, present; /* it is not there now, it is; neither: that cannot be said */
    int louder;           /* what is heard is louder than it ever was             */
} tp_watch_echo;

void tp_delay_watch_init(tp_delay_watch *w);

/* One hop. heard: the network hears the caller. Returns the new delay, or below 0 when nothing has moved. */
float tp_delay_watch_hop(tp_delay_watch *w, const tp_delay_estimator *d, int heard, const tp_watch_echo *echo);

#endif
