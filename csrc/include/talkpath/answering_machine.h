/*
 * Answering-machine detector: was a call answered by a person or by a machine? Decides once, from audio alone.
 *
 * What        A person says a word or two and waits; a machine talks on. The detector measures how long the first thing said
 *             lasts and whether silence follows
 * How         the voice activity detector (talkpath/vad.h) gives speech per 10 ms, whatever the line's level and noise. From the
 *             first word on: speech that goes on for greeting_ms, pauses included, is a machine; silence of
 *             after_greeting_silence_ms before that is a person. Something as short as "hello?" (up to 1.1 s) needs two
 *             thirds of that silence, because few recorded greetings begin so. Less than 150 ms of speech in all is no greeting
 * Limits      with initial 3200, greeting 3400, after-greeting 1220 ms, generated calls in five languages (machines 120; people:
 *             ordinary 120, long-winded, in loud rooms, on quiet lines 60 each): right 98 % of machines, 100, 100, 98 and 100 % of
 *             people; 0.88 s (median) from the end of a person's greeting to the decision. On two other draws, one of other
 *             speakers, 96 to 97 % of machines and 97 to 100 % of people, on a third 97 % and 92 to 100 %. A machine that
 *             pauses for 0.9 s after "hello" is taken for a person
 * Units       ms of stream time from the first sample on (or the last restart), which should be the moment of answer
 * History     the VAD's
 * Latency     of the VAD; a decision waits for its evidence
 * Aliasing    not applicable: nothing is written but the result
 * Chunks      any length; the decision and its time do not depend on how the stream is cut
 * Cost        that of the VAD until the decision, then nothing
 * Errors      TP_ECONFIG from init
 */
#ifndef TALKPATH_ANSWERING_MACHINE_H
#define TALKPATH_ANSWERING_MACHINE_H

#include <stddef.h>
#include <stdint.h>

typedef enum tp_amd_result { TP_AMD_UNDECIDED, TP_AMD_HUMAN, TP_AMD_MACHINE, TP_AMD_UNKNOWN } tp_amd_result;

typedef enum tp_amd_reason {
    TP_AMD_NO_REASON,
    TP_AMD_SHORT_GREETING,  /* human: a short greeting, then silence              */
    TP_AMD_LONG_GREETING,   /* machine: speech goes on                            */
    TP_AMD_MAXIMUM_WORDS,   /* machine: too many words                            */
    TP_AMD_INITIAL_SILENCE, /* unknown: nobody spoke                              */
    TP_AMD_TOTAL_TIME,      /* unknown: no rule has applied                       */
    TP_AMD_END_OF_AUDIO,    /* the call ended; human after a short greeting, else unknown */
} tp_amd_reason;

typedef struct tp_amd_config {
    int sample_rate_hz;            /* 8000 or 16000                                            */
    int initial_silence_ms;        /* give up when nobody speaks for so long: 500 … 30000      */
    int greeting_ms;               /* speech of so long, pauses included, is a machine: 500 … 10000 */
    int after_greeting_silence_ms; /* silence of so long after a shorter one is a person: 200 … 5000 */
    int between_words_silence_ms;  /* silence that parts two words: 20 … 1000                  */
    int maximum_words;             /* more words than that are a machine: 1 … 100              */
    int total_ms;                  /* give up after so long: 1000 … 60000                      */
} tp_amd_config;

/* The numbers that the figures in docs/measured.md were measured with. */
static inline tp_amd_config tp_amd_defaults(void)
{
    return (tp_amd_config){
        .sample_rate_hz = 8000, .initial_silence_ms = 3200, .greeting_ms = 3400, .after_greeting_silence_ms = 1220,
        .between_words_silence_ms = 50, .maximum_words = 20, .total_ms = 10000
    };
}

typedef struct tp_amd_decision {
    tp_amd_result result;
    tp_amd_reason reason;
    float confidence; /* share of such decisions that were right in tests; 0.5: a guess */
    double decided_ms;
    double from_ms, to_ms; /* what was said, from its first word to its last; 0: nothing */
} tp_amd_decision;

typedef struct tp_amd tp_amd;

const char *tp_amd_check(const tp_amd_config *config);
size_t tp_amd_size(const tp_amd_config *config);
int tp_amd_init(tp_amd *a, const tp_amd_config *config);
void tp_amd_reset(tp_amd *a);

/* Takes n samples. Returns 1 when the decision fell in them, and writes it. After it, audio is ignored. */
int tp_amd_process(tp_amd *a, const int16_t *pcm, size_t n, tp_amd_decision *decision);

/* 1: what comes now is known to be no speech of whom the decision is about (an echo of one's own); 0: it may be. */
void tp_amd_ignore(tp_amd *a, int ignore);

/* 1 as soon as something was said. */
int tp_amd_has_heard(const tp_amd *a);

/* What was heard until now was not the answer, but the network's tones or the like: the clock starts again, and the voice activity
 * detector goes on. A decision that was made is taken back. */
void tp_amd_restart(tp_amd *a);

/* Nobody has spoken yet, and that is no matter: the clock starts now. Nothing after the first word. */
void tp_amd_wait(tp_amd *a);

/* The call is over: the decision that was made, or the best that can be made now. */
void tp_amd_finish(tp_amd *a, tp_amd_decision *decision);

size_t tp_amd_delay_samples(const tp_amd *a);

#endif
