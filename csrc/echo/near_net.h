/* The network of near_end.h: one dense layer, two gated recurrent ones, weights of one byte. */
#ifndef TALKPATH_ECHO_NEAR_NET_H
#define TALKPATH_ECHO_NEAR_NET_H
enum { NEAR_UNITS = 48, NEAR_LAYERS = 2, NEAR_OUTPUTS = 12 };

typedef struct tp_near_net {
    float units[NEAR_LAYERS][NEAR_UNITS];
    float logit, gains[NEAR_OUTPUTS];
} tp_near_net;

void tp_near_net_init(tp_near_net *n);
void tp_near_net_step(tp_near_net *n, const float *features);

#endif
