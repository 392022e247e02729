/*
 * The table of network tones, and how bursts are matched against it.
 */
#ifndef TALKPATH_DETECT_CALL_PLAN_H
#define TALKPATH_DETECT_CALL_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "talkpath/call_progress.h"

#define TP_BURST_LINES TP_CALL_LINES

/* A stretch of tone: its lines, weakest frequency first; lines == 0: no clean tone. */
typedef struct tp_call_burst {
    double start_ms, end_ms;
    int lines;
    int cut; /* began before the stream did: its length is unknown */
    float hz[TP_BURST_LINES];
} tp_call_burst;

typedef struct tp_call_entry {
    tp_call_tone tone;
    tp_call_plan plan;
    float hz[TP_BURST_LINES];             /* ascending; 0 after the last              */
    uint16_t cadence_ms[TP_CALL_CADENCE]; /* on, off, on, off; 0 after the last; a tone without pauses: {0} */
    uint16_t needs;                       /* bursts; of a tone without pauses: ms     */
} tp_call_entry;

/* Two bursts of the same lines? */
int tp_call_same(const tp_call_burst *a, const tp_call_burst *b);

/* The entry whose cadence the n bursts (n >= 1, oldest first, all of the same lines) follow; NULL if none does. */
const tp_call_entry *tp_call_match(const tp_call_burst *bursts, size_t n);

/* The entry of a tone that has sounded for so long without a pause; NULL if none. */
const tp_call_entry *tp_call_match_steady(const tp_call_burst *burst, double length_ms);

/* Frequencies that a telephone network sends, in any plan: those of the table, and others of the same kind. */
int tp_call_is_network(const tp_call_burst *burst);

/* The entry of three bursts in a row that are special information tones; NULL if they are not. */
const tp_call_entry *tp_call_match_sit(const tp_call_burst three[3]);

#endif
