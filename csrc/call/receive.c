/* The receive path: a wire frame, or its loss, becomes clean PCM and events. */
#include <string.h>

#include "call/call_state.h"
#include "talkpath/g711.h"
#include "talkpath/l16.h"
#include "talkpath/talkpath.h"

#define KEY_TAIL_MS 60

/* What was sent while this frame was heard; what was sent before and no frame will be heard with is the gate's to know. */
static void take_reference(tp_call *c, int16_t *far)
{
    reference_line *reference = component(c, COMPONENT_REFERENCE);
    size_t surplus = reference_surplus(reference, tp_barge_in_echo(component(c, COMPONENT_GATE))->echo_relied_on, c->frame);
    for (; surplus > 0; surplus -= c->frame) {
        reference_take(reference, far, c->frame);
        if (c->config.echo_control)
            tp_barge_in_skip(component(c, COMPONENT_GATE), far, c->frame);
    }
    const size_t known = reference_take(reference, far, c->frame);
    c->metrics.reference_gaps += c->sent > 0 && known < c->frame;
}

static void emit_key(tp_call *c, char digit)
{
    call_emit_received(c, (tp_call_event){ .type = TP_CALL_KEY, .key = { .digit = digit } });
}

/* The agent's own key comes back: it is nobody's, unless it is held longer than it was sent. Returns 1 while the caller presses one. */
static int hear_keys(tp_call *c, const int16_t *x)
{
    tp_dtmf_digit digits[TP_DTMF_MAX_DIGITS(TP_CALL_MAX_FRAME)];
    const size_t n = tp_dtmf_process(component(c, COMPONENT_DTMF), x, c->frame, digits);
    int pressed = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t start = (uint64_t)(digits[i].start_ms * c->config.sample_rate_hz / 1000.0);
        c->own_key_until = own_sounds_key(component(c, COMPONENT_OWN_SOUNDS), digits[i].digit, start, digits[i].level_dbov);
        if (c->own_key_until == 0)
            emit_key(c, digits[i].digit);
        pressed |= c->own_key_until == 0;
    }
    const char held = tp_dtmf_sounding(component(c, COMPONENT_DTMF));
    if (c->own_key_until == 0)
        return pressed || held;
    if (c->own_key_until == UINT64_MAX)
        c->own_key_until = own_sounds_key_end(component(c, COMPONENT_OWN_SOUNDS));
    const int longer = held && c->received > c->own_key_until;
    if (longer)
        emit_key(c, held);
    if (!held || longer)
        c->own_key_until = 0;
    return pressed || longer;
}

/* Switching on or off fades over one frame; the suppressor's delay makes it a fade between two times, 10 ms apart. */
static void suppress_noise(tp_call *c, int16_t *x)
{
    const int was = c->suppressing, is = c->config.noise_cancellation;
    c->suppressing = is;
    if (!was && !is)
        return;
    tp_noise_suppressor *s = component(c, COMPONENT_SUPPRESSOR);
    if (was && is) {
        tp_noise_suppressor_process(s, x, x, c->frame);
        return;
    }
    int16_t wet[TP_CALL_MAX_FRAME];
    if (is)
        tp_noise_suppressor_reset(s);
    tp_noise_suppressor_process(s, x, wet, c->frame);
    for (size_t i = 0; i < c->frame; i++) {
        const int32_t along = (int32_t)(i * 4096 / c->frame), share = is ? along : 4096 - along;
        x[i] = (int16_t)((wet[i] * share + x[i] * (4096 - share)) / 4096);
    }
}

/* A key is no speech, nor is what rings on after it. */
static int key_sounds(tp_call *c)
{
    if (tp_dtmf_sounding(component(c, COMPONENT_DTMF)))
        c->key_until = c->received + (uint64_t)c->config.sample_rate_hz * KEY_TAIL_MS / 1000;
    return c->received <= c->key_until;
}

static void update_turn(tp_call *c, int barge_in, int key)
{
    const tp_barge_in_reading *r = tp_barge_in_read(component(c, COMPONENT_GATE));
    uint32_t id;
    uint64_t position;
    int interruptible = 0;
    tp_playout_queue_current(component(c, COMPONENT_QUEUE), &id, &position, &interruptible);
    const int voice = !key_sounds(c);
    if (!voice)
        tp_barge_in_dismiss(component(c, COMPONENT_GATE));
    interruptible = interruptible && c->config.turn.allow_interruptions;
    const turn_frame frame = {
        .now_ms = ms_of(c, c->received),
        .frame_ms = c->config.frame_ms,
        .probability = voice ? r->speech_probability : 0.0f,
        .barge_in = voice && barge_in,
        .onset_ms = r->onset_samples > 0 ? ms_of(c, r->onset_samples) : -1.0,
        .sound_ms = r->onset_samples > 0 ? ms_of(c, r->sound_samples) : -1.0,
        .key = key,
        .dials = tp_playout_queue_dials(component(c, COMPONENT_QUEUE)),
        .tone = answer_tone_sounds(c),
        .interruptible = interruptible && !c->paused_by_user,
        .paused_by_user = c->paused_by_user,
    };
    call_act(c, turn_hear(&c->turn, &frame));
}

static void hear(tp_call *c, int16_t *x, int16_t *pcm)
{
    int16_t far[TP_CALL_MAX_FRAME];
    tp_barge_in_prefetch(component(c, COMPONENT_GATE));
    c->received += c->frame;
    call_track_level(&c->metrics.received_dbov, x, c->frame);
    take_reference(c, far);
    const int key = hear_keys(c, x);
    answer_hear_line(c, x);
    if (!c->config.echo_control)
        memset(far, 0, sizeof far);
    const int barge_in = tp_barge_in_process(component(c, COMPONENT_GATE), x, far, c->frame, x);
    answer_hear_caller(c, x);
    suppress_noise(c, x);
    update_turn(c, barge_in, key);
    tp_resampler_process(component(c, COMPONENT_RESAMPLER), x, c->frame, pcm);
}

int tp_call_receive(tp_call *c, const uint8_t *payload, size_t bytes, int16_t *pcm)
{
    if (bytes != tp_call_payload_bytes(c))
        return TP_ELENGTH;
    int16_t x[TP_CALL_MAX_FRAME];
    if (c->config.codec == TP_CODEC_ULAW)
        tp_ulaw_decode(payload, x, c->frame);
    else if (c->config.codec == TP_CODEC_ALAW)
        tp_alaw_decode(payload, x, c->frame);
    else
        tp_l16_decode(payload, x, c->frame, TP_LITTLE_ENDIAN);
    c->metrics.received_frames++;
    if (c->config.conceal)
        tp_plc_receive(component(c, COMPONENT_PLC), x, x);
    hear(c, x, pcm);
    return TP_OK;
}

void tp_call_conceal(tp_call *c, int16_t *pcm)
{
    int16_t x[TP_CALL_MAX_FRAME] = { 0 };
    c->metrics.lost_frames++;
    if (c->config.conceal)
        tp_plc_conceal(component(c, COMPONENT_PLC), x);
    hear(c, x, pcm);
}
