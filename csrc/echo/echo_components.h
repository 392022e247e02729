/* What an echo canceller is made of, and where it lies in the canceller's one block of memory. */
#ifndef TALKPATH_ECHO_COMPONENTS_H
#define TALKPATH_ECHO_COMPONENTS_H

#include "echo/aligned_filter.h"
#include "echo/grid.h"
#include "echo/long_filter.h"
#include "echo/near_end.h"
#include "talkpath/delay_estimator.h"
#include "talkpath/echo_canceller.h"
#include "talkpath/vad.h"

enum {
    ECHO_REPLAY_HOPS = 40,
    ECHO_LEAD_MS = 10, /* of the aligned filter's first tap, before the estimated delay */
};

typedef struct tp_echo_components {
    int16_t *near, *far; /* rings */
    size_t near_length, far_length;
    tp_long_filter *long_filter;
    tp_aligned_filter *aligned;
    tp_delay_estimator *delay;
    tp_near_end *near_end;
    tp_vad *vad;
} tp_echo_components;

size_t tp_echo_long_taps(const tp_echo_canceller_config *c);
size_t tp_echo_aligned_taps(const tp_echo_canceller_config *c);

size_t tp_echo_components_size(const tp_echo_canceller_config *c);
tp_echo_components tp_echo_components_at(char *base, const tp_echo_canceller_config *c);

#endif
