/* Within the turn logic: turn.c has whose turn it is and silence, turn_speech.c the caller's speech and its overlap with the agent's. */
#ifndef TALKPATH_CALL_TURN_SPEECH_H
#define TALKPATH_CALL_TURN_SPEECH_H

#include "call/turn.h"

/* Of turn.c. */
void turn_emit(turn *t, tp_call_event e);
void turn_set_user(turn *t, tp_user_state state);
/* Silence that ends the turn, by what is known of it. */
double turn_delay_ms(const turn *t);
/* The caller's style: a pause within a turn. */
void turn_note_pause(turn *t, double pause_ms);
void turn_open(turn *t, double start_ms);

/* Of turn_speech.c. */
void turn_hear_voice(turn *t, const turn_frame *f);
/* Caller and agent speak at once, from now on. */
void turn_begin_overlap(turn *t);
/* Returns actions, as the next. */
int turn_judge_overlap(turn *t, const turn_frame *f);
int turn_commit(turn *t);
int turn_enough_words(const turn *t);

static inline double turn_min(double a, double b)
{
    return a < b ? a : b;
}

#endif
