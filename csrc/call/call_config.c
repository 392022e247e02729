/* What a call is made of: its defaults, and each component's configuration. */
#include "talkpath/call.h"

tp_turn_config tp_turn_defaults(tp_turn_preset preset)
{
    tp_turn_config t = {
        .speech_activation_threshold = 0.5f,
        .completed_turn_threshold = 0.7f,
        .incomplete_turn_threshold = 0.3f,
        .completed_turn_delay_ms = 250,
        .incomplete_turn_delay_ms = 1800,
        .uncertain_turn_delay_ms = 900,
        .min_interruption_duration_ms = 500,
        .min_interruption_words = 0,
        .false_interruption_timeout_ms = 1000,
        .adapts = preset == TP_TURN_AUTO,
        .allow_interruptions = 1,
        .max_turn_duration_ms = 60000,
        .no_response_timeout_ms = 15000,
        .extended_wait_time_ms = 30000,
        .max_retries = 3,
        .wait_for_user_timeout_ms = 5000,
    };
    if (preset == TP_TURN_HIGH) {
        t.completed_turn_delay_ms = 150;
        t.incomplete_turn_delay_ms = 1400;
        t.uncertain_turn_delay_ms = 700;
        t.min_interruption_duration_ms = 300;
        t.false_interruption_timeout_ms = 750;
    } else if (preset == TP_TURN_LOW) {
        t.completed_turn_delay_ms = 500;
        t.incomplete_turn_delay_ms = 2500;
        t.uncertain_turn_delay_ms = 1000;
        t.min_interruption_duration_ms = 600;
        t.false_interruption_timeout_ms = 1200;
    }
    return t;
}

tp_call_config tp_call_defaults(void)
{
    return (tp_call_config){
        .codec = TP_CODEC_ULAW,
        .sample_rate_hz = 8000,
        .frame_ms = tp_plc_defaults().frame_ms,
        .audio_rate_hz = 16000,
        .conceal = 1,
        .echo_control = 1,
        .warm_up_ms = 500, /* Plivo's greeting_interrupt_duration; the gate alone asks for none */
        .noise_cancellation = 0,
        .noise_cancellation_level = tp_noise_suppressor_defaults().level,
        .comfort_noise = 1,
        .comfort_noise_dbov = tp_comfort_noise_defaults().level_dbov,
        .detect_answer = 0,
        .detect_beep = 0,
        .normalize_level = 0,
        .duck_db = tp_mixer_defaults().duck_db,
        .seed = tp_comfort_noise_defaults().seed,
        .turn = tp_turn_defaults(TP_TURN_MEDIUM),
    };
}

/* Every component begins with its own defaults; only what the call decides is changed. */
tp_call_components tp_call_components_of(const tp_call_config *c)
{
    tp_call_components p = {
        .plc = tp_plc_defaults(),
        .dtmf = tp_dtmf_defaults(),
        .answering_machine = tp_amd_defaults(),
        .beep = tp_beep_defaults(),
        .call_progress = tp_call_progress_defaults(),
        .barge_in = tp_barge_in_defaults(),
        .noise_suppressor = tp_noise_suppressor_defaults(),
        .resampler = tp_resampler_defaults(),
        .playout_queue = tp_playout_queue_defaults(),
        .mixer = tp_mixer_defaults(),
        .comfort_noise = tp_comfort_noise_defaults(),
    };
    const int rate_hz = c->sample_rate_hz;
    p.plc.sample_rate_hz = p.dtmf.sample_rate_hz = p.answering_machine.sample_rate_hz = p.beep.sample_rate_hz = rate_hz;
    p.call_progress.sample_rate_hz = p.barge_in.sample_rate_hz = p.noise_suppressor.sample_rate_hz = rate_hz;
    p.playout_queue.sample_rate_hz = p.mixer.sample_rate_hz = p.comfort_noise.sample_rate_hz = rate_hz;
    p.resampler.rate_in_hz = rate_hz;
    p.resampler.rate_out_hz = c->audio_rate_hz;
    p.plc.frame_ms = c->frame_ms;
    p.barge_in.min_speech_ms = c->turn.min_interruption_duration_ms;
    p.barge_in.warm_up_ms = c->warm_up_ms;
    p.noise_suppressor.level = c->noise_cancellation_level;
    p.mixer.duck_db = c->duck_db;
    p.comfort_noise.level_dbov = c->comfort_noise_dbov;
    p.comfort_noise.seed = c->seed;
    return p;
}
