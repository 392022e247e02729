/* The transmit path: one wire frame, from whatever there is to be heard. */
#include <string.h>

#include "call/call_state.h"
#include "talkpath/g711.h"
#include "talkpath/l16.h"

static void add_comfort_noise(tp_call *c, int16_t *x)
{
    int16_t noise[TP_CALL_MAX_FRAME];
    tp_comfort_noise_generate(component(c, COMPONENT_NOISE), noise, c->frame);
    for (size_t i = 0; i < c->frame; i++) { /* in sixteen bits, so that many are done at once: a sum that has gone round has another sign */
        const int16_t sum = (int16_t)(uint16_t)((uint16_t)x[i] + (uint16_t)noise[i]), over = (x[i] ^ sum) & (noise[i] ^ sum);
        const int16_t limit = (int16_t)((x[i] >> 15) ^ 32767);
        x[i] = over < 0 ? limit : sum;
    }
}

static void encode(tp_call *c, int16_t *x, uint8_t *payload)
{
    if (c->config.codec == TP_CODEC_ULAW) {
        tp_ulaw_encode(x, payload, c->frame);
        tp_ulaw_decode(payload, x, c->frame);
    } else if (c->config.codec == TP_CODEC_ALAW) {
        tp_alaw_encode(x, payload, c->frame);
        tp_alaw_decode(payload, x, c->frame);
    } else {
        tp_l16_encode(x, payload, c->frame, TP_LITTLE_ENDIAN);
    }
}

void tp_call_transmit(tp_call *c, uint8_t *payload)
{
    int16_t x[TP_CALL_MAX_FRAME];
    const size_t sounding = tp_playout_queue_read(component(c, COMPONENT_QUEUE), x, c->frame);
    const int background = tp_mixer_active(component(c, COMPONENT_MIXER));
    tp_mixer_process(component(c, COMPONENT_MIXER), x, c->frame, x);
    const int quiet = sounding == 0 && !background;
    if (quiet && c->config.comfort_noise)
        add_comfort_noise(c, x);
    encode(c, x, payload);
    call_track_level(&c->metrics.sent_dbov, x, c->frame);
    if (quiet) /* the echo of comfort noise is not worth a canceller's work, and must not count as the agent's speech */
        memset(x, 0, c->frame * sizeof *x);
    reference_push(component(c, COMPONENT_REFERENCE), x, c->frame);
    const uint64_t ahead = c->sent > c->received ? c->sent - c->received : 0;
    own_sounds_push(component(c, COMPONENT_OWN_SOUNDS), x, payload, c->received, ahead, !quiet);
    if (!c->answer.decided)
        own_words_sent(component(c, COMPONENT_OWN_WORDS), x, c->frame);
    c->sent += c->frame;
    c->metrics.sent_frames++;
    call_take_playout_events(c);
}
