/* Every kernel alone, for valgrind to count: kernel_instructions FILE_8K FILE_16K [NAME]
 * The files hold, a frame of 20 ms each: what the agent says, then what the line brings, int16. A dump of callgrind's ends each kernel's share;
 * its name and its frames are in the dump's description. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "dsp/simd.h"
#include "talkpath/ambience.h"
#include "talkpath/answering_machine.h"
#include "talkpath/barge_in.h"
#include "talkpath/beep.h"
#include "talkpath/call_progress.h"
#include "talkpath/comfort_noise.h"
#include "talkpath/delay_estimator.h"
#include "talkpath/dtmf.h"
#include "talkpath/dtmf_generator.h"
#include "talkpath/echo_canceller.h"
#include "talkpath/g711.h"
#include "talkpath/jitter_buffer.h"
#include "talkpath/l16.h"
#include "talkpath/level.h"
#include "talkpath/media_message.h"
#include "talkpath/mixer.h"
#include "talkpath/noise_suppressor.h"
#include "talkpath/playout_queue.h"
#include "talkpath/plc.h"
#include "talkpath/resampler.h"
#include "talkpath/talkpath.h"
#include "talkpath/vad.h"

enum { WARM_UP = 100, COUNTED = 300, FRAMES = WARM_UP + COUNTED, MOST = 960 };

static int16_t said[2][FRAMES][320], near[2][FRAMES][320]; /* at 8 and at 16 kHz */
static int16_t loud[FRAMES][MOST];                         /* for rates that the files do not have */
static const int16_t quiet[320];
static int16_t out[2 * MOST];
static uint8_t code[2 * MOST], message[1024];
static float probabilities[8];
static _Alignas(64) char events[4096];
static void *state;

static void *made(size_t bytes)
{
    void *p = aligned_alloc(TP_ALIGN, (bytes + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
    if (bytes == 0 || p == NULL)
        exit(3);
    return p;
}

/* MAKE: a state with the defaults but for one field. */
#define MAKE(kernel, field, value)                                \
    do {                                                          \
        tp_##kernel##_config config = tp_##kernel##_defaults();   \
        config.field = (value);                                   \
        state = made(tp_##kernel##_size(&config));                \
        if (tp_##kernel##_init(state, &config) != TP_OK)          \
            exit(3);                                              \
    } while (0)
#define RATE(at) ((at) ? 16000 : 8000)
#define N(at) ((size_t)RATE(at) / 50)

static void no_state(int at) { (void)at; }
static void ulaw_encode(int at, int k) { tp_ulaw_encode(near[at][k], code, N(at)); }
static void ulaw_decode(int at, int k) { tp_ulaw_decode((const uint8_t *)near[at][k], out, N(at)); }
static void alaw_encode(int at, int k) { tp_alaw_encode(near[at][k], code, N(at)); }
static void alaw_decode(int at, int k) { tp_alaw_decode((const uint8_t *)near[at][k], out, N(at)); }
static void l16_encode(int at, int k) { tp_l16_encode(near[at][k], code, N(at), TP_BIG_ENDIAN); }
static void l16_decode(int at, int k) { tp_l16_decode((const uint8_t *)near[at][k], out, N(at), TP_BIG_ENDIAN); }

static void make_resampler(int in_hz, int out_hz)
{
    const tp_resampler_config config = { .rate_in_hz = in_hz, .rate_out_hz = out_hz, .quality = TP_RESAMPLER_VOICE };
    state = made(tp_resampler_size(&config));
    if (tp_resampler_init(state, &config) != TP_OK)
        exit(3);
}
static void make_8_to_16(int at) { (void)at; make_resampler(8000, 16000); }
static void make_16_to_8(int at) { (void)at; make_resampler(16000, 8000); }
static void make_24_to_8(int at) { (void)at; make_resampler(24000, 8000); }
static void make_44_to_16(int at) { (void)at; make_resampler(44100, 16000); }
static void resample_160(int at, int k) { tp_resampler_process(state, near[at][k], 160, out); }
static void resample_320(int at, int k) { tp_resampler_process(state, near[at][k], 320, out); }
static void resample_480(int at, int k) { (void)at; tp_resampler_process(state, loud[k], 480, out); }
static void resample_882(int at, int k) { (void)at; tp_resampler_process(state, loud[k], 882, out); }

static void make_plc(int at) { MAKE(plc, sample_rate_hz, RATE(at)); }
static void plc_good(int at, int k) { tp_plc_receive(state, said[at][k], out); }
static void plc_lossy(int at, int k)
{
    if (k % 4 == 3)
        tp_plc_conceal(state, out);
    else
        tp_plc_receive(state, said[at][k], out);
}
static void make_jitter_buffer(int at) { MAKE(jitter_buffer, sample_rate_hz, RATE(at)); }
static void jitter_buffer(int at, int k)
{
    tp_jitter_buffer_put(state, said[at][k], (uint16_t)k, (uint32_t)k * (uint32_t)N(at));
    tp_jitter_buffer_get(state, out);
}
static void make_comfort_noise(int at) { MAKE(comfort_noise, sample_rate_hz, RATE(at)); }
static void comfort_noise(int at, int k) { (void)k; tp_comfort_noise_generate(state, out, N(at)); }

static void make_dtmf(int at) { MAKE(dtmf, sample_rate_hz, RATE(at)); }
static void dtmf(int at, int k) { tp_dtmf_process(state, said[at][k], N(at), (tp_dtmf_digit *)(void *)events); }
static void make_beep(int at) { MAKE(beep, sample_rate_hz, RATE(at)); }
static void beep(int at, int k) { tp_beep_process(state, said[at][k], N(at), (tp_beep_event *)(void *)events); }
static void make_amd(int at) { MAKE(amd, sample_rate_hz, RATE(at)); }
static void amd(int at, int k) { tp_amd_process(state, near[at][k], N(at), (tp_amd_decision *)(void *)events); }
static void make_call_progress(int at) { MAKE(call_progress, sample_rate_hz, RATE(at)); }
static void call_progress(int at, int k)
{
    tp_call_progress_process(state, said[at][k], N(at), (tp_call_progress_event *)(void *)events);
}
static void make_vad(int at) { MAKE(vad, sample_rate_hz, RATE(at)); }
static void vad(int at, int k) { tp_vad_process(state, said[at][k], N(at), probabilities); }
static void vad_silence(int at, int k) { (void)k; tp_vad_process(state, quiet, N(at), probabilities); }
static void make_noise_suppressor(int at) { MAKE(noise_suppressor, sample_rate_hz, RATE(at)); }
static void noise_suppressor(int at, int k) { tp_noise_suppressor_process(state, near[at][k], out, N(at)); }

static void make_delay_estimator(int at) { MAKE(delay_estimator, sample_rate_hz, RATE(at)); }
static void delay_estimator(int at, int k) { tp_delay_estimator_process(state, near[at][k], said[at][k], N(at)); }
static void make_echo_canceller(int at) { MAKE(echo_canceller, sample_rate_hz, RATE(at)); }
static void echo_canceller(int at, int k) { tp_echo_canceller_process(state, near[at][k], said[at][k], N(at), out); }
static void make_barge_in(int at) { MAKE(barge_in, sample_rate_hz, RATE(at)); }
static void barge_in(int at, int k) { tp_barge_in_process(state, near[at][k], said[at][k], N(at), out); }
static void barge_in_silent(int at, int k) { tp_barge_in_process(state, near[at][k], quiet, N(at), out); }

static void make_playout_queue(int at)
{
    MAKE(playout_queue, sample_rate_hz, RATE(at));
    tp_playout_queue_begin(state, 1, 1);
}
static void playout_queue(int at, int k)
{
    tp_playout_queue_write(state, said[at][k], N(at));
    tp_playout_queue_read(state, out, N(at));
}
static void make_mixer(int at)
{
    MAKE(mixer, sample_rate_hz, RATE(at));
    tp_mixer_play(state, loud[0], FRAMES * MOST, 0.3f, 1);
}
static void mixer(int at, int k) { tp_mixer_process(state, said[at][k], N(at), out); }
static void make_level(int at) { MAKE(level, sample_rate_hz, RATE(at)); }
static void level(int at, int k) { tp_level_process(state, said[at][k], N(at), out); }
static void make_dtmf_generator(int at) { MAKE(dtmf_generator, sample_rate_hz, RATE(at)); }
static void dtmf_generator(int at, int k)
{
    if (k % 10 == 0)
        tp_dtmf_generator_start(state, "5", 1);
    tp_dtmf_generator_process(state, out, N(at));
}
static void ambience(int at, int k)
{
    static int16_t *loop;
    static float *work;
    if (loop == NULL) {
        const size_t samples = tp_ambience_samples(1, 16000);
        loop = made(samples * sizeof *loop);
        work = made(samples * sizeof *work);
    }
    if (k % 150 == 0)
        tp_ambience_generate(1, RATE(at), loop, work);
}

#define PIECE(text_, slot_) { .text = text_, .size = sizeof text_ - 1, .slot = slot_ }
static const tp_media_piece pieces[] = {
    PIECE("{\"event\":\"media\",\"streamSid\":\"MZ18ad3ab5a668481ce02b83e7395059f0\",\"media\":{\"payload\":\"", TP_MEDIA_BASE64),
    PIECE("\"}}", TP_MEDIA_END),
};
static void media_message(int at, int k)
{
    static const tp_media_shape shape = {
        .object = "media", .object_size = 5, .n_fields = 2,
        .fields = { { .key = "event", .key_size = 5, .token = "\"media\"", .token_size = 7, .kind = TP_MEDIA_TOKEN },
                    { .key = "payload", .key_size = 7, .kind = TP_MEDIA_PAYLOAD, .nested = 1, .required = 1 } },
    };
    tp_media_value values[TP_MEDIA_FIELDS];
    size_t written = 0;
    const size_t n = tp_media_message_build(pieces, 2, (const uint8_t *)near[at][k], N(at), NULL, message);
    if (tp_media_message_scan(&shape, message, n, values) != TP_OK
        || tp_base64_decode(values[1].text, values[1].size, code, &written) != TP_OK || written != N(at))
        exit(5);
}

typedef struct kernel {
    const char *name;
    void (*make)(int at);
    void (*step)(int at, int k);
    int at; /* 0: 8 kHz, 1: 16 kHz */
} kernel;

static const kernel kernels[] = {
    { "g711 µ-law encode", no_state, ulaw_encode, 0 },
    { "g711 µ-law decode", no_state, ulaw_decode, 0 },
    { "g711 A-law encode", no_state, alaw_encode, 0 },
    { "g711 A-law decode", no_state, alaw_decode, 0 },
    { "l16 encode, 16 kHz", no_state, l16_encode, 1 },
    { "l16 decode, 16 kHz", no_state, l16_decode, 1 },
    { "media_message built and read", no_state, media_message, 0 },
    { "resampler 8 to 16 kHz", make_8_to_16, resample_160, 0 },
    { "resampler 16 to 8 kHz", make_16_to_8, resample_320, 1 },
    { "resampler 24 to 8 kHz", make_24_to_8, resample_480, 0 },
    { "resampler 44.1 to 16 kHz", make_44_to_16, resample_882, 0 },
    { "plc, nothing lost", make_plc, plc_good, 0 },
    { "plc, one in four lost", make_plc, plc_lossy, 0 },
    { "jitter_buffer", make_jitter_buffer, jitter_buffer, 0 },
    { "comfort_noise", make_comfort_noise, comfort_noise, 0 },
    { "dtmf", make_dtmf, dtmf, 0 },
    { "beep", make_beep, beep, 0 },
    { "answering_machine", make_amd, amd, 0 },
    { "call_progress", make_call_progress, call_progress, 0 },
    { "vad", make_vad, vad, 0 },
    { "vad, 16 kHz", make_vad, vad, 1 },
    { "vad, silence", make_vad, vad_silence, 0 },
    { "noise_suppressor", make_noise_suppressor, noise_suppressor, 0 },
    { "noise_suppressor, 16 kHz", make_noise_suppressor, noise_suppressor, 1 },
    { "delay_estimator", make_delay_estimator, delay_estimator, 0 },
    { "echo_canceller", make_echo_canceller, echo_canceller, 0 },
    { "echo_canceller, 16 kHz", make_echo_canceller, echo_canceller, 1 },
    { "barge_in", make_barge_in, barge_in, 0 },
    { "barge_in, 16 kHz", make_barge_in, barge_in, 1 },
    { "barge_in, the agent silent", make_barge_in, barge_in_silent, 0 },
    { "playout_queue", make_playout_queue, playout_queue, 0 },
    { "mixer", make_mixer, mixer, 0 },
    { "level", make_level, level, 0 },
    { "dtmf_generator", make_dtmf_generator, dtmf_generator, 0 },
    { "ambience, made anew every 3 s", no_state, ambience, 0 },
};

static void read_sides(const char *path, int at)
{
    FILE *file = fopen(path, "rb");
    for (int k = 0; file != NULL && k < FRAMES; k++)
        if (fread(said[at][k], 2, N(at), file) != N(at) || fread(near[at][k], 2, N(at), file) != N(at))
            exit(4);
    if (file == NULL)
        exit(4);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    tp_simd_init();
    for (int at = 0; at < 2; at++)
        read_sides(argv[1 + at], at);
    uint32_t draw = 1;
    for (int k = 0; k < FRAMES; k++)
        for (int i = 0; i < MOST; i++)
            loud[k][i] = (int16_t)((draw = draw * 1664525u + 1013904223u) >> 18);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        const kernel *x = &kernels[i];
        if (argc > 3 && strcmp(argv[3], x->name) != 0)
            continue;
        x->make(x->at);
        for (int k = 0; k < WARM_UP; k++)
            x->step(x->at, k);
        CALLGRIND_ZERO_STATS;
        for (int k = WARM_UP; k < FRAMES; k++)
            x->step(x->at, k);
        char label[128];
        snprintf(label, sizeof label, "%s|%d", x->name, COUNTED);
        CALLGRIND_DUMP_STATS_AT(label);
        free(state);
        state = NULL;
    }
    return 0;
}
