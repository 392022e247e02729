/* A call: any configuration, any frames and commands in any order. One frame in, one frame out; replaying is the same. */
#include "fuzz/fuzz.h"
#include "talkpath/call.h"

static void command(tp_call *c, uint8_t what, uint8_t n, uint32_t *id, const int16_t *pcm)
{
    tp_playout_queue *q = tp_call_queue(c);
    switch (what % 16) {
    case 0:
        tp_playout_queue_begin(q, ++*id, n & 1);
        break;
    case 1:
    case 2:
        tp_playout_queue_write(q, pcm, 16u * n);
        break;
    case 3:
        tp_playout_queue_finish(q);
        break;
    case 4:
        tp_playout_queue_dtmf(q, ++*id, n & 1, "12#", n % 4);
        break;
    case 5:
        tp_playout_queue_mark(q, ++*id, n % 32);
        break;
    case 6:
        tp_call_pause(c);
        break;
    case 7:
        tp_call_resume(c);
        break;
    case 8:
        tp_call_clear(c, n & 1);
        break;
    case 9:
        tp_call_transcript(c, n % 5, n & 1, n & 2);
        break;
    case 10:
        tp_call_turn_probability(c, (float)n / 255.0f);
        break;
    case 11:
        tp_call_extend_wait(c);
        break;
    case 12:
        tp_mixer_play(tp_call_mixer(c), n & 1 ? pcm : NULL, n & 1 ? 1000 : 0, (float)n / 255.0f, n & 2);
        break;
    case 13:
        tp_call_clear_audio(c);
        break;
    case 15:
        if (n % 8 == 0)
            tp_call_reset(c);
        else if (n % 8 == 1)
            tp_call_discarded(c, n, n & 8);
        else
            tp_call_listen_for_beep(c, n & 8);
        break;
    default:
        break;
    }
}

/* Nothing ends before it began, and every number is one. */
static int is_possible(const tp_call_event *e)
{
    switch (e->type) {
    case TP_CALL_SPEECH_STARTED:
        return e->speech_started.onset_ms >= 0.0;
    case TP_CALL_SPEECH_STOPPED:
        return e->speech_stopped.onset_ms >= 0.0 && e->speech_stopped.duration_ms >= 0.0;
    case TP_CALL_TURN_COMPLETED:
        return e->turn_completed.duration_ms >= 0.0 && e->turn_completed.probability <= 1.0f;
    case TP_CALL_BACKCHANNEL:
        return e->backchannel.onset_ms >= 0.0 && e->backchannel.detection_delay_ms >= 0.0 && e->backchannel.total_duration_ms >= 0.0
            && e->backchannel.probability >= 0.0f && e->backchannel.probability <= 1.0f;
    case TP_CALL_BEEP:
        return e->beep.frequency_hz > 0.0f && e->beep.duration_ms > 0.0;
    case TP_CALL_TURN_METRICS:
        return e->turn_metrics.pause_duration_ms >= 0.0 && !isnan(e->turn_metrics.user_perceived_ms)
            && !isnan(e->turn_metrics.turn_decision_ms);
    default:
        return 1;
    }
}

static tp_call_config config_of(const uint8_t data[12])
{
    static const int FRAMES_MS[] = { 10, 20, 30, 40, 60, 25 };
    return (tp_call_config){
        .codec = (tp_codec)(data[0] % 4),
        .sample_rate_hz = data[0] & 16 ? 16000 : 8000,
        .frame_ms = FRAMES_MS[data[1] % 6],
        .audio_rate_hz = 8000 * (data[2] % 4),
        .conceal = data[3] & 1,
        .echo_control = data[3] & 2,
        .noise_cancellation = data[3] & 4,
        .comfort_noise = data[3] & 8,
        .detect_answer = data[3] & 16,
        .detect_beep = data[3] & 64,
        .normalize_level = data[3] & 32,
        .noise_cancellation_level = 60 + data[4] % 42,
        .warm_up_ms = 10 * data[5],
        .comfort_noise_dbov = -(float)data[6] / 2.0f,
        .duck_db = (float)(data[7] % 42),
        .turn = {
            .speech_activation_threshold = 0.5f,
            .completed_turn_threshold = 0.7f,
            .incomplete_turn_threshold = 0.3f,
            .completed_turn_delay_ms = 10 * data[8],
            .incomplete_turn_delay_ms = 20 * data[8],
            .uncertain_turn_delay_ms = 15 * data[8],
            .min_interruption_duration_ms = 20 + 8 * data[9],
            .min_interruption_words = data[10] % 4,
            .false_interruption_timeout_ms = 4 * data[10],
            .adapts = data[10] & 1,
            .allow_interruptions = data[10] & 2,
            .max_turn_duration_ms = 1000,
            .no_response_timeout_ms = 100 * (data[11] % 16),
            .extended_wait_time_ms = 500,
            .max_retries = data[11] % 3,
            .wait_for_user_timeout_ms = 10 * data[11],
        },
    };
}

/* Another configuration in the middle of the call: bytes 3 to 11 as `n` makes them; what must stay the same mostly does,
 * else the call must refuse and go on as it was. */
static int update(tp_call *c, const uint8_t data[12], uint8_t n)
{
    uint8_t other[12];
    memcpy(other, data, 12);
    for (size_t i = 3; i < 12; i++)
        other[i] = (uint8_t)(other[i] + n * (i + 1) * (n >> (i % 8) & 1));
    if (n % 8)
        other[3] = (uint8_t)((other[3] & ~82) | (data[3] & 82));
    if (n % 8) {
        other[5] = data[5];
        other[7] = data[7];
    } else
        other[n / 8 % 3] ^= 1;
    const tp_call_config config = config_of(other);
    const int code = tp_call_update(c, &config);
    if (code != TP_OK && code != TP_ECONFIG)
        abort();
    if (code == TP_OK && tp_call_check(&config) != NULL)
        abort();
    return code;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 12)
        return 0;
    const tp_call_config config = config_of(data);
    const size_t bytes = tp_call_size(&config);
    if ((bytes == 0) != (tp_call_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    static int16_t pcm[4096], heard[2][1440];
    static uint8_t sent[2][1920], payload[1920];
    for (size_t i = 0; i < 4096; i++)
        pcm[i] = (int16_t)((i * 7919u) & 0xFFFF);
    tp_call *calls[2] = { fuzz_state(bytes), fuzz_state(bytes) };
    for (int k = 0; k < 2; k++) {
        memset(calls[k], 0xA5 + k, bytes); /* whatever was in the memory before */
        if (tp_call_init(calls[k], &config) != TP_OK)
            abort();
    }
    const size_t frame = tp_call_payload_bytes(calls[0]);
    uint32_t ids[2] = { 0, 0 };
    int codes[2] = { TP_OK, TP_OK };
    double newest_ms[2][TP_CLOCKS] = { { 0.0 } };
    if (tp_call_receive(calls[0], payload, frame + 1, heard[0]) != TP_ELENGTH)
        abort();
    for (size_t i = 12; i + 1 < size && i < 12 + 400; i += 2) {
        for (size_t b = 0; b < frame; b++)
            payload[b] = (uint8_t)(data[i + 1] * (b % (1u + data[i] % 97u)) + data[i]);
        for (int k = 0; k < 2; k++) {
            command(calls[k], data[i], data[i + 1], &ids[k], pcm);
            if (data[i] % 16 == 15 && data[i + 1] % 8 == 0) /* reset: its clocks start anew */
                memset(newest_ms[k], 0, sizeof newest_ms[k]);
            if (data[i] % 16 == 14)
                codes[k] = update(calls[k], data, data[i + 1]);
            tp_call_transmit(calls[k], sent[k]);
            if (data[i] == 255)
                tp_call_conceal(calls[k], heard[k]);
            else if (tp_call_receive(calls[k], payload, frame, heard[k]) != TP_OK)
                abort();
            tp_call_event e[1];
            while (data[i] % 3 && tp_call_next_event(calls[k], e)) {
                if (!(e->time_ms >= newest_ms[k][e->clock]) || !is_possible(e))
                    abort();
                newest_ms[k][e->clock] = e->time_ms;
            }
        }
        if (codes[0] != codes[1] || memcmp(sent[0], sent[1], frame) != 0
            || memcmp(heard[0], heard[1], tp_call_pcm_samples(calls[0]) * sizeof(int16_t)) != 0)
            abort();
    }
    const tp_call_metrics metrics = tp_call_read_metrics(calls[0]);
    if (!isfinite(metrics.received_dbov) || !isfinite(metrics.sent_dbov) || !(tp_call_delay_ms(calls[0]) >= 0.0))
        abort();
    free(calls[0]);
    free(calls[1]);
    return 0;
}
