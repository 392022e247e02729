#include "talkpath/call.h"

#include <math.h>
#include <string.h>

#include "call/call_state.h"
#include "dsp/block.h"
#include "dsp/power.h"
#include "talkpath/talkpath.h"

const char *tp_call_check(const tp_call_config *c)
{
    const tp_turn_config *t = &c->turn;
    if (c->codec != TP_CODEC_ULAW && c->codec != TP_CODEC_ALAW && c->codec != TP_CODEC_L16)
        return "codec must be u-law, A-law or L16";
    if (c->sample_rate_hz != 8000 && (c->sample_rate_hz != 16000 || c->codec != TP_CODEC_L16))
        return "sample_rate must be 8000, or 16000 with L16";
    if (c->audio_rate_hz != 8000 && c->audio_rate_hz != 16000 && c->audio_rate_hz != 24000)
        return "audio_rate must be 8000, 16000 or 24000";
    if (!(t->speech_activation_threshold > 0.0f && t->speech_activation_threshold < 1.0f))
        return "speech_activation_threshold must be between 0 and 1";
    if (!(t->incomplete_turn_threshold >= 0.0f && t->incomplete_turn_threshold <= t->completed_turn_threshold
          && t->completed_turn_threshold <= 1.0f))
        return "incomplete_turn_threshold must be 0 to completed_turn_threshold, and that at most 1";
    if (t->completed_turn_delay_ms < 0 || t->incomplete_turn_delay_ms < 0 || t->uncertain_turn_delay_ms < 0
        || t->false_interruption_timeout_ms < 0 || t->min_interruption_words < 0 || t->max_turn_duration_ms < 0
        || t->no_response_timeout_ms < 0 || t->extended_wait_time_ms < 0 || t->max_retries < 0
        || t->wait_for_user_timeout_ms < 0)
        return "times and counts must not be negative";
    const tp_call_components p = tp_call_components_of(c);
    const char *wrong = tp_plc_check(&p.plc);
    wrong = wrong ? wrong : tp_barge_in_check(&p.barge_in);
    wrong = wrong ? wrong : tp_noise_suppressor_check(&p.noise_suppressor);
    wrong = wrong ? wrong : tp_mixer_check(&p.mixer);
    return wrong ? wrong : tp_comfort_noise_check(&p.comfort_noise);
}

static size_t layout(const tp_call_config *config, size_t offsets[COMPONENTS])
{
    const tp_call_components p = tp_call_components_of(config);
    const size_t sizes[COMPONENTS] = {
        [COMPONENT_PLC] = tp_plc_size(&p.plc),
        [COMPONENT_DTMF] = tp_dtmf_size(&p.dtmf),
        [COMPONENT_ANSWER] = config->detect_answer ? tp_amd_size(&p.answering_machine) : 0,
        [COMPONENT_BEEP] = config->detect_beep ? tp_beep_size(&p.beep) : 0,
        [COMPONENT_PROGRESS] = config->detect_answer ? tp_call_progress_size(&p.call_progress) : 0,
        [COMPONENT_GATE] = tp_barge_in_size(&p.barge_in),
        [COMPONENT_SUPPRESSOR] = tp_noise_suppressor_size(&p.noise_suppressor),
        [COMPONENT_RESAMPLER] = tp_resampler_size(&p.resampler),
        [COMPONENT_QUEUE] = tp_playout_queue_size(&p.playout_queue),
        [COMPONENT_MIXER] = tp_mixer_size(&p.mixer),
        [COMPONENT_NOISE] = tp_comfort_noise_size(&p.comfort_noise),
        [COMPONENT_OWN_SOUNDS] = own_sounds_size(config->codec),
        [COMPONENT_OWN_WORDS] = config->detect_answer ? sizeof(own_words) : 0,
        [COMPONENT_REFERENCE] = reference_size(config->sample_rate_hz),
    };
    size_t at = tp_align_up(sizeof(tp_call));
    for (int i = 0; i < COMPONENTS; i++) {
        offsets[i] = at;
        at += tp_align_up(sizes[i]);
    }
    return at;
}

size_t tp_call_size(const tp_call_config *config)
{
    size_t offsets[COMPONENTS];
    return tp_call_check(config) == NULL ? layout(config, offsets) : 0;
}

int tp_call_init(tp_call *c, const tp_call_config *config)
{
    if (tp_call_check(config) != NULL)
        return TP_ECONFIG;
    c->config = *config;
    tp_call_reset(c);
    return TP_OK;
}

void tp_call_reset(tp_call *c)
{
    const tp_call_config config = c->config;
    memset(c, 0, sizeof *c);
    c->config = config;
    layout(&config, c->offsets);
    c->frame = (size_t)config.sample_rate_hz * (size_t)config.frame_ms / 1000;
    c->pcm_samples = (size_t)config.audio_rate_hz * (size_t)config.frame_ms / 1000;
    c->metrics.received_dbov = c->metrics.sent_dbov = -100.0f;
    answer_reset(c);
    c->suppressing = config.noise_cancellation;
    reference_reset(component(c, COMPONENT_REFERENCE), config.sample_rate_hz);
    const tp_call_components p = tp_call_components_of(&config);
    tp_plc_init(component(c, COMPONENT_PLC), &p.plc);
    tp_dtmf_init(component(c, COMPONENT_DTMF), &p.dtmf);
    if (config.detect_answer) {
        tp_amd_init(component(c, COMPONENT_ANSWER), &p.answering_machine);
        tp_call_progress_init(component(c, COMPONENT_PROGRESS), &p.call_progress);
        own_words_reset(component(c, COMPONENT_OWN_WORDS), config.sample_rate_hz);
    }
    if (config.detect_beep)
        tp_beep_init(component(c, COMPONENT_BEEP), &p.beep);
    own_sounds_init(component(c, COMPONENT_OWN_SOUNDS), config.codec, config.sample_rate_hz, c->frame);
    tp_barge_in_init(component(c, COMPONENT_GATE), &p.barge_in);
    tp_noise_suppressor_init(component(c, COMPONENT_SUPPRESSOR), &p.noise_suppressor);
    tp_resampler_init(component(c, COMPONENT_RESAMPLER), &p.resampler);
    tp_playout_queue_init(component(c, COMPONENT_QUEUE), &p.playout_queue);
    tp_playout_queue_normalize(component(c, COMPONENT_QUEUE), config.normalize_level);
    tp_mixer_init(component(c, COMPONENT_MIXER), &p.mixer);
    tp_comfort_noise_init(component(c, COMPONENT_NOISE), &p.comfort_noise);
    turn_reset(&c->turn, &config.turn, &c->events);
}

int tp_call_update(tp_call *c, const tp_call_config *config)
{
    const tp_call_config *old = &c->config;
    if (tp_call_check(config) != NULL || config->codec != old->codec || config->sample_rate_hz != old->sample_rate_hz
        || config->frame_ms != old->frame_ms || config->audio_rate_hz != old->audio_rate_hz
        || config->detect_answer != old->detect_answer || config->detect_beep != old->detect_beep
        || config->warm_up_ms != old->warm_up_ms || config->duck_db != old->duck_db || config->seed != old->seed)
        return TP_ECONFIG;
    if (config->turn.min_interruption_duration_ms != old->turn.min_interruption_duration_ms)
        tp_barge_in_set_min_speech_ms(component(c, COMPONENT_GATE), config->turn.min_interruption_duration_ms);
    tp_playout_queue_normalize(component(c, COMPONENT_QUEUE), config->normalize_level);
    if (config->noise_cancellation_level != old->noise_cancellation_level)
        tp_noise_suppressor_set_level(component(c, COMPONENT_SUPPRESSOR), config->noise_cancellation_level);
    if (config->comfort_noise_dbov != old->comfort_noise_dbov)
        tp_comfort_noise_set_level_dbov(component(c, COMPONENT_NOISE), config->comfort_noise_dbov);
    c->config = *config;
    c->turn.config = config->turn;
    return TP_OK;
}

/* --- events ------------------------------------------------------------------------------------------------------------- */

void call_emit_received(tp_call *c, tp_call_event event)
{
    call_events_emit(&c->events, TP_CLOCK_RECEIVE, ms_of(c, c->received), event);
}

void call_emit_sent(tp_call *c, tp_call_event event)
{
    call_events_emit(&c->events, TP_CLOCK_TRANSMIT, ms_of(c, c->sent), event);
}

int tp_call_next_event(tp_call *c, tp_call_event *event)
{
    if (!call_events_take(&c->events, event))
        return 0;
    tp_playout_event e = { 0 };
    if (event->type == TP_CALL_PLAYOUT && tp_playout_queue_next_event(component(c, COMPONENT_QUEUE), &e)) {
        const double sent_ms = ms_of(c, e.at_samples);
        event->time_ms = sent_ms > c->taken_ms ? sent_ms : c->taken_ms;
        event->playout.kind = e.kind;
        event->playout.id = e.id;
        event->playout.position = e.position_samples;
    }
    if (event->clock == TP_CLOCK_TRANSMIT)
        c->taken_ms = event->time_ms;
    return 1;
}

size_t tp_call_event_count(const tp_call *c)
{
    return c->events.count - c->events.runs + c->events.in_queue;
}

void call_take_playout_events(tp_call *c)
{
    tp_playout_queue *q = component(c, COMPONENT_QUEUE);
    tp_playout_event e;
    while (tp_playout_queue_peek_event(q, c->events.in_queue, &e) && call_events_room(&c->events)) {
        const double sent_ms = ms_of(c, e.at_samples);
        if (e.kind == TP_PLAYOUT_STARTED && e.sound)
            turn_agent_started(&c->turn, sent_ms);
        call_events_emit_playout(&c->events, sent_ms);
    }
    if (!tp_playout_queue_speaks(q)) {
        if (c->turn.paused) /* nothing is left to interrupt */
            tp_playout_queue_resume(q);
        turn_agent_finished(&c->turn, ms_of(c, c->sent));
    }
}

void call_act(tp_call *c, int actions)
{
    tp_playout_queue *q = component(c, COMPONENT_QUEUE);
    if (actions & TURN_PAUSE)
        tp_playout_queue_pause(q);
    if (actions & TURN_RESUME)
        tp_playout_queue_resume(q);
    if (actions & TURN_COMMIT) {
        tp_playout_queue_clear(q, 0);
        call_take_playout_events(c);
    }
}

void call_track_level(float *dbov, const int16_t *pcm, size_t n)
{
    const float power = (float)((double)tp_sum_of_squares(pcm, n) / ((double)n * 1073741824.0));
    const float now_dbov = power > 1e-10f ? 10.0f * log10f(power) : -100.0f;
    *dbov += 0.02f * (now_dbov - *dbov);
}

/* --- from the orchestrator -------------------------------------------------------------------------------------------------- */

int tp_call_pause(tp_call *c)
{
    c->paused_by_user = tp_playout_queue_pause(component(c, COMPONENT_QUEUE));
    if (c->paused_by_user)
        call_emit_sent(c, (tp_call_event){ .type = TP_CALL_SPEECH_PAUSED });
    return c->paused_by_user;
}

void tp_call_resume(tp_call *c)
{
    c->paused_by_user = 0;
    turn_resumed(&c->turn);
    tp_playout_queue_resume(component(c, COMPONENT_QUEUE));
}

void tp_call_clear(tp_call *c, int everything)
{
    c->paused_by_user = 0;
    turn_interrupted(&c->turn);
    tp_playout_queue_clear(component(c, COMPONENT_QUEUE), everything);
    call_take_playout_events(c);
}

void tp_call_clear_audio(tp_call *c)
{
    tp_call_clear(c, 1);
    call_emit_sent(c, (tp_call_event){ .type = TP_CALL_AUDIO_CLEARED });
}

void tp_call_discarded(tp_call *c, size_t samples, int first)
{
    c->metrics.discarded_chunks++;
    c->metrics.discarded_samples += samples;
    if (first)
        call_emit_sent(c, (tp_call_event){ .type = TP_CALL_SPEECH_DISCARDED });
}

void tp_call_transcript(tp_call *c, int words, int final, int ends_sentence)
{
    call_act(c, turn_transcript(&c->turn, words, final, ends_sentence));
}

void tp_call_turn_probability(tp_call *c, float probability)
{
    turn_probability(&c->turn, probability);
}

void tp_call_extend_wait(tp_call *c)
{
    turn_extend_wait(&c->turn);
}

int tp_call_listen_for_beep(tp_call *c, int listen)
{
    if (!c->config.detect_beep)
        return TP_ECONFIG;
    answer_listen_for_beep(c, listen);
    return TP_OK;
}

/* --- what there is ------------------------------------------------------------------------------------------------------------ */

size_t tp_call_payload_bytes(const tp_call *c)
{
    return c->frame * (c->config.codec == TP_CODEC_L16 ? 2 : 1);
}

size_t tp_call_pcm_samples(const tp_call *c)
{
    return c->pcm_samples;
}

tp_mixer *tp_call_mixer(tp_call *c)
{
    return component(c, COMPONENT_MIXER);
}

tp_playout_queue *tp_call_queue(tp_call *c)
{
    return component(c, COMPONENT_QUEUE);
}

const tp_barge_in *tp_call_gate(const tp_call *c)
{
    return const_component(c, COMPONENT_GATE);
}

tp_user_state tp_call_user_state(const tp_call *c)
{
    return c->turn.user;
}

tp_agent_state tp_call_agent_state(const tp_call *c)
{
    return c->turn.agent;
}

double tp_call_received_ms(const tp_call *c)
{
    return ms_of(c, c->received);
}

double tp_call_sent_ms(const tp_call *c)
{
    return ms_of(c, c->sent);
}

tp_call_metrics tp_call_read_metrics(const tp_call *c)
{
    tp_call_metrics m = c->metrics;
    m.underruns = tp_playout_queue_underruns(const_component(c, COMPONENT_QUEUE));
    m.counts = c->turn.total;
    return m;
}

double tp_call_delay_ms(const tp_call *c)
{
    double delay_ms = tp_resampler_delay_ms(const_component(c, COMPONENT_RESAMPLER));
    delay_ms += ms_of(c, tp_barge_in_delay_samples(const_component(c, COMPONENT_GATE)));
    if (c->config.noise_cancellation)
        delay_ms += ms_of(c, tp_noise_suppressor_delay_samples(const_component(c, COMPONENT_SUPPRESSOR)));
    return delay_ms;
}
