/*
 * A call: both paths between a telephone line and a speech pipeline, and what happened on it.
 *
 * What        receive: wire frame (or its loss) in, clean PCM and events out. transmit: exactly one wire frame out, from the
 *             playout queue, ambience or comfort noise. Between them the reference line, so that echo never counts as the
 *             caller's speech; turns, interruptions, silence and answering machines become events
 * How         the kernels of this library, in the order of docs/calls.md: codec, concealment, tone detectors, echo control with
 *             the barge-in gate, noise suppression, turn logic, resampler; queue (speech levelled), ambience, comfort noise, codec
 * Limits      one frame in, one frame out; the reference line holds 400 ms
 * Units       samples and ms of stream time: of the receive path for what is heard, of the transmit path for what is said
 * History     as its kernels
 * Latency     receive: resampler 2.5 ms, echo control 10 ms, noise suppression 10 ms if on. transmit: 0
 * Aliasing    buffers must not overlap
 * Chunks      one wire frame a call
 * Cost        see docs/measured.md
 * Errors      TP_ECONFIG from init and the setters; TP_ELENGTH for a payload that is not one frame: nothing was processed
 */
#ifndef TALKPATH_CALL_H
#define TALKPATH_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "talkpath/answering_machine.h"
#include "talkpath/barge_in.h"
#include "talkpath/beep.h"
#include "talkpath/call_progress.h"
#include "talkpath/comfort_noise.h"
#include "talkpath/dtmf.h"
#include "talkpath/mixer.h"
#include "talkpath/noise_suppressor.h"
#include "talkpath/playout_queue.h"
#include "talkpath/plc.h"
#include "talkpath/resampler.h"

typedef struct tp_call tp_call;

typedef enum tp_codec { TP_CODEC_ULAW, TP_CODEC_ALAW, TP_CODEC_L16 } tp_codec;
typedef enum tp_user_state { TP_USER_LISTENING, TP_USER_SPEAKING, TP_USER_AWAY } tp_user_state;
/* IDLE: it has not spoken yet, and nobody has spoken to it. */
typedef enum tp_agent_state { TP_AGENT_IDLE, TP_AGENT_LISTENING, TP_AGENT_THINKING, TP_AGENT_SPEAKING } tp_agent_state;
/* What ends a turn. */
typedef enum tp_turn_trigger { TP_TRIGGER_SILENCE, TP_TRIGGER_MAX_DURATION, TP_TRIGGER_TEXT } tp_turn_trigger;
/* What chose the silence that ends it: the orchestrator's model, the sound of the speech, its text, or none of these. */
typedef enum tp_turn_method { TP_METHOD_MODEL, TP_METHOD_SOUND, TP_METHOD_TEXT, TP_METHOD_SILENCE } tp_turn_method;
typedef enum tp_idle_reason { TP_IDLE_NO_RESPONSE, TP_IDLE_MAX_RETRIES_EXHAUSTED, TP_IDLE_WAIT_FOR_USER } tp_idle_reason;
typedef enum tp_answer_method { TP_ANSWER_BY_AUDIO, TP_ANSWER_BY_BEEP } tp_answer_method;
/* Whose stream time an event has. */
typedef enum tp_call_clock { TP_CLOCK_RECEIVE, TP_CLOCK_TRANSMIT, TP_CLOCKS } tp_call_clock;

typedef struct tp_turn_config {
    float speech_activation_threshold; /* probability from which a frame is speech              */
    float completed_turn_threshold, incomplete_turn_threshold;
    int completed_turn_delay_ms, incomplete_turn_delay_ms, uncertain_turn_delay_ms;
    int min_interruption_duration_ms, min_interruption_words, false_interruption_timeout_ms;
    int adapts;                        /* "auto": longer delays for a caller who pauses long    */
    int allow_interruptions;
    int max_turn_duration_ms;          /* 0: none                                               */
    int no_response_timeout_ms, extended_wait_time_ms, max_retries; /* no_response_timeout_ms 0: no idle events */
    int wait_for_user_timeout_ms;      /* 0: never                                              */
} tp_turn_config;

/* How eager the agent is to answer and to be interrupted: the presets of Plivo's agent stack. "auto" begins as medium, and adapts. */
typedef enum tp_turn_preset { TP_TURN_HIGH, TP_TURN_MEDIUM, TP_TURN_LOW, TP_TURN_AUTO, TP_TURN_PRESETS } tp_turn_preset;
tp_turn_config tp_turn_defaults(tp_turn_preset preset);

typedef struct tp_call_config {
    tp_codec codec;
    int sample_rate_hz; /* of the wire: 8000; 16000 for L16 */
    int frame_ms;       /* 10, 20, 30, 40, 60               */
    int audio_rate_hz;  /* 8000, 16000, 24000               */
    int conceal;        /* lost frames; else they are silence */
    int echo_control;
    int warm_up_ms;     /* more evidence for a barge-in, so long after the agent began to speak */
    int noise_cancellation, noise_cancellation_level;
    int comfort_noise;
    float comfort_noise_dbov;
    int detect_answer;  /* a person or a machine, network tones */
    int detect_beep;    /* … and the beep, which may be wanted alone */
    int normalize_level;
    float duck_db;
    uint32_t seed;      /* of the comfort noise */
    tp_turn_config turn;
} tp_call_config;

/* 20 ms of u-law at 8 kHz, everything at its kernel's own default, turns as TP_TURN_MEDIUM. */
tp_call_config tp_call_defaults(void);

/* What each component of such a call is configured with. */
typedef struct tp_call_components {
    tp_plc_config plc;
    tp_dtmf_config dtmf;
    tp_amd_config answering_machine;
    tp_beep_config beep;
    tp_call_progress_config call_progress;
    tp_barge_in_config barge_in;
    tp_noise_suppressor_config noise_suppressor;
    tp_resampler_config resampler;
    tp_playout_queue_config playout_queue;
    tp_mixer_config mixer;
    tp_comfort_noise_config comfort_noise;
} tp_call_components;
tp_call_components tp_call_components_of(const tp_call_config *config);

typedef enum tp_call_event_type {
    TP_CALL_SPEECH_STARTED,
    TP_CALL_SPEECH_STOPPED,
    TP_CALL_TURN_COMPLETED,
    TP_CALL_USER_STATE,
    TP_CALL_AGENT_STATE,
    TP_CALL_SPEECH_PAUSED,       /* no fields */
    TP_CALL_FALSE_INTERRUPTION,
    TP_CALL_BACKCHANNEL,
    TP_CALL_IDLE,
    TP_CALL_KEY,
    TP_CALL_ANSWERED,
    TP_CALL_BEEP,
    TP_CALL_LINE_TONE,
    TP_CALL_TURN_METRICS,
    TP_CALL_PLAYOUT,
    TP_CALL_AUDIO_CLEARED,       /* no fields: tp_call_clear_audio was called                                */
    TP_CALL_SPEECH_DISCARDED     /* no fields: tp_call_discarded was called, of another utterance            */
} tp_call_event_type;

/* Times are ms of the event's clock; those of what the caller said are of the receive path. */
typedef struct tp_call_event {
    tp_call_event_type type;
    tp_call_clock clock;
    double time_ms; /* never goes back on one clock */
    union {
        struct {
            double onset_ms;
        } speech_started;
        struct {
            double onset_ms, duration_ms;
        } speech_stopped;
        struct {
            tp_turn_trigger trigger;
            tp_turn_method method;
            double duration_ms;
            float probability; /* by the orchestrator's model; below 0: none was given */
        } turn_completed;
        struct {
            tp_user_state old_state, new_state;
        } user_state;
        struct {
            tp_agent_state old_state, new_state;
        } agent_state;
        struct {
            int resumed; /* 0: the orchestrator has paused the agent */
        } false_interruption;
        struct {
            int is_interruption;
            float probability; /* that it was meant to interrupt */
            double onset_ms, detection_delay_ms, total_duration_ms;
        } backchannel;
        struct {
            int retry_count;
            tp_idle_reason reason;
        } idle;
        struct {
            char digit;
        } key;
        struct {
            tp_amd_result result;
            tp_answer_method method;
        } answered;
        struct {
            float frequency_hz;
            double duration_ms;
        } beep;
        struct {
            tp_call_tone tone;
            tp_call_plan plan;
        } line_tone;
        struct {
            int turn_number, interruptions, false_interruptions, backchannels;
            double user_perceived_ms, turn_decision_ms; /* below 0: none */
            double pause_duration_ms;
        } turn_metrics;
        struct {
            tp_playout_event_kind kind;
            uint32_t id;
            uint64_t position;
        } playout;
        size_t run; /* within the ring below: so many of the playout queue's events, which wait there */
    };
} tp_call_event;

#define TP_CALL_EVENTS 256

/* A ring: the newest are lost when nobody takes them. */
typedef struct tp_call_events {
    tp_call_event ring[TP_CALL_EVENTS];
    size_t first, count;
    double newest_ms[TP_CLOCKS];
    size_t runs, in_queue; /* entries that are runs, and what they stand for */
} tp_call_events;

typedef struct tp_call_counts {
    uint64_t turns, interruptions, false_interruptions, backchannels;
} tp_call_counts;

typedef struct tp_call_metrics {
    uint64_t received_frames, lost_frames, sent_frames, underruns;
    uint64_t discarded_chunks, discarded_samples; /* of speech that came after its utterance was interrupted */
    uint64_t reference_gaps; /* frames heard without knowing what was sent meanwhile */
    float received_dbov, sent_dbov; /* smoothed over about 1 s */
    tp_call_counts counts;
} tp_call_metrics;

const char *tp_call_check(const tp_call_config *config);
size_t tp_call_size(const tp_call_config *config);
int tp_call_init(tp_call *c, const tp_call_config *config);
void tp_call_reset(tp_call *c);

/* Wire, frame and audio format, detectors and echo control stay; everything else may change between two frames. */
int tp_call_update(tp_call *c, const tp_call_config *config);

/* For who goes through many calls, so that they are in no cache: begin to fetch what a frame needs of everything but the gate. The first
 * reads nothing that changes: for the next call, before the present one's frame, whoever is at work on it; the second: where this frame's
 * places in the rings are. */
void tp_call_prefetch(const tp_call *c);
void tp_call_prefetch_rings(const tp_call *c);

size_t tp_call_payload_bytes(const tp_call *c); /* of a wire frame              */
size_t tp_call_pcm_samples(const tp_call *c);   /* that receive() writes, always */

int tp_call_receive(tp_call *c, const uint8_t *payload, size_t bytes, int16_t *pcm);
/* The frame is lost. */
void tp_call_conceal(tp_call *c, int16_t *pcm);
void tp_call_transmit(tp_call *c, uint8_t *payload);

/* What is said: write to it, but pause, resume, clear and take events through the call. */
tp_playout_queue *tp_call_queue(tp_call *c);
/* 0: what is said now must not be interrupted. */
int tp_call_pause(tp_call *c);
void tp_call_resume(tp_call *c);
/* `everything` as for tp_playout_queue_clear. */
void tp_call_clear(tp_call *c, int everything);
/* As tp_call_clear of everything, and TP_CALL_AUDIO_CLEARED. */
void tp_call_clear_audio(tp_call *c);

/* Speech of an interrupted utterance came too late, and was not written; `first`: of this one, so an event says so. */
void tp_call_discarded(tp_call *c, size_t samples, int first);

/* What mixes the background in: for tp_mixer_play and tp_mixer_uses. */
tp_mixer *tp_call_mixer(tp_call *c);

/* Words that the STT heard: of the present segment so far, or all of it (final). */
void tp_call_transcript(tp_call *c, int words, int final, int ends_sentence);
void tp_call_turn_probability(tp_call *c, float probability);
void tp_call_extend_wait(tp_call *c);
/* The beep is waited for (1), without end, or no longer (0). Only where the configuration has detect_beep; else TP_ECONFIG. */
int tp_call_listen_for_beep(tp_call *c, int listen);

int tp_call_next_event(tp_call *c, tp_call_event *event);
size_t tp_call_event_count(const tp_call *c);

tp_user_state tp_call_user_state(const tp_call *c);
tp_agent_state tp_call_agent_state(const tp_call *c);
double tp_call_received_ms(const tp_call *c);
double tp_call_sent_ms(const tp_call *c);
tp_call_metrics tp_call_read_metrics(const tp_call *c);
const tp_barge_in *tp_call_gate(const tp_call *c);

/* Of the receive path. */
double tp_call_delay_ms(const tp_call *c);

#endif
