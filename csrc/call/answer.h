/*
 * Who answered: a person or a machine, and when the machine's beep is over.
 *
 * What        the network's tones, the verdict on who answered, the beep that ends a machine's greeting; as events
 * How         talkpath/beep.h hears the line as it is (echo control does a short tone more harm than the agent's echo does);
 *             talkpath/call_progress.h and talkpath/answering_machine.h hear what echo control leaves of it. The verdict's clock starts with the first word: silence and network tones before it do not count.
 *             What the agent has sent itself (call/own_sounds.h) is nobody's tone, beep or greeting
 *             After a person's verdict the beep is waited for a while longer: a short greeting is a person's until it beeps, and then
 *             the verdict is corrected. Somebody who answers what the agent has said is no machine
 * Limits      "unknown" after 10 s without a word or a tone of the network; a voice after it is judged all the same
 * Units       samples of the receive path
 */
#ifndef TALKPATH_CALL_ANSWER_H
#define TALKPATH_CALL_ANSWER_H

#include <stdint.h>

#include "talkpath/call.h"

typedef struct answer {
    tp_amd_result verdict; /* that was emitted last                                    */
    int decided;           /* a person or a machine, or nothing more can come          */
    double network_from_ms, network_ms; /* the newest network tone, as far as it is known  */
    uint64_t network_until; /* it still sounds, or its end is not known yet             */
    uint64_t word_at;      /* the first word was found; 0: none yet                    */
    uint64_t quiet_since;  /* a word or a network tone was heard last                  */
    int beep_wanted;
    uint64_t beep_from;    /* the beep detector's first sample                         */
    uint64_t beep_until;   /* 0: without end                                           */

    /* who speaks in turns is a person */
    uint64_t agent_spoke;  /* without a word of the caller's in between                */
    int overlapped;        /* the caller spoke into it                                 */
    int asked;             /* the agent has spoken and is silent                       */
    uint64_t replied;      /* so long has the caller spoken since                      */
} answer;

void answer_reset(tp_call *c);

/* line: as it was received; clean: what echo control left of it. */
void answer_hear_line(tp_call *c, const int16_t *line);
void answer_hear_caller(tp_call *c, const int16_t *clean);

/* Until a beep is found, or no longer. */
void answer_listen_for_beep(tp_call *c, int listen);

/* A tone that may become the beep sounds. */
int answer_tone_sounds(tp_call *c);

#endif
