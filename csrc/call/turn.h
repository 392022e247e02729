/*
 * Who speaks, whose turn it is, when an interruption counts, and when silence has lasted too long. No audio in here: one call a
 * frame with what the detectors heard, events and actions out. The states and their transitions are drawn in docs/turns.md.
 */
#ifndef TALKPATH_CALL_TURN_H
#define TALKPATH_CALL_TURN_H

#include "call/call_events.h"

/* What the playout has to do now. */
enum { TURN_PAUSE = 1, TURN_RESUME = 2, TURN_COMMIT = 4 };

typedef struct turn_frame {
    double now_ms;      /* stream time of the receive path, end of this frame        */
    double frame_ms;
    float probability;  /* that the caller speaks                                     */
    int barge_in;       /* … long enough to interrupt                                 */
    double onset_ms;    /* when this speech began, by the gate; below 0: not known   */
    double sound_ms;    /* end of the newest sound of it; below 0: not known          */
    int tone;           /* a steady tone is heard: no speech begins with it           */
    int key;            /* the caller presses a key                                   */
    int dials;          /* the agent presses keys, or will                            */
    int interruptible;  /* what the agent says now may be interrupted                 */
    int paused_by_user;           /* the orchestrator has paused the agent                      */
} turn_frame;

typedef struct turn {
    tp_turn_config config;
    tp_call_events *events;

    double now_ms;
    tp_user_state user;
    tp_agent_state agent;

    /* the caller's speech */
    int speaking;
    double voiced_ms, gap_ms, onset_ms, last_voice_ms;
    double run_onset_ms;  /* of the sound that goes on now; there may be more of them in one speech, …          */
    double run_before_ms; /* … and so much sound was over the agent in those before it that belong to this one */

    /* the caller's turn */
    int open;
    double start_ms, cut_ms; /* cut for its length: what was said until then is no part of the next */
    float probability; /* of its end, from the orchestrator; below 0: none */
    int text_ends;
    double long_pause_ms; /* a running mean of the caller's pauses, for "auto" */

    /* overlap with the agent */
    int overlap, paused, was_long, overruled; /* overruled: the orchestrator resumed while the caller spoke */
    int protected_overlap;                    /* with what must not be interrupted                          */
    double paused_ms, speech_ended_ms;
    double agent_began_ms, agent_ended_ms;    /* of the receive path, as all times here */
    double interruptible_since_ms;            /* below 0: what the agent says now is not */
    int final_words, interim_words;
    float overlap_probability;

    /* the caller's last speech over the agent that did not interrupt it: an answer, if the agent is done soon */
    struct {
        int any, is_protected, text_ends;
        double onset_ms, ended_ms;
    } early;

    /* silence */
    double quiet_since_ms;   /* below 0: the timer does not run                              */
    double waiting_since_ms; /* for the caller's first word, while nobody has said anything */
    int retries, exhausted, extended, spoke, agent_spoke, waited;

    /* this turn's figures */
    int number, interruptions, false_interruptions, backchannels;
    double decision_ms, perceived_ms, pause_total_ms, turn_ended_ms;
    tp_call_counts total;
} turn;

void turn_reset(turn *t, const tp_turn_config *config, tp_call_events *events);

/* Each returns actions. */
int turn_hear(turn *t, const turn_frame *frame);
int turn_transcript(turn *t, int words, int final, int ends_sentence);

void turn_agent_started(turn *t, double sent_ms);
void turn_agent_finished(turn *t, double sent_ms);
void turn_probability(turn *t, float probability);
void turn_extend_wait(turn *t);
/* The orchestrator lets the agent go on: a pause for the caller is over. */
void turn_resumed(turn *t);
/* The orchestrator interrupts, or clears: the overlap is over. */
void turn_interrupted(turn *t);

#endif
