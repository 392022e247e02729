/*
 * Calls that do everything a call can do, without Python:   whole_call SECONDS THREADS CALLS [planted | late]
 *
 * Up to four calls (u-law, A-law, L16 at 8 and 16 kHz), each with every switch on, on a line with an echo, noise, losses and reordering. Both
 * parties speak, interrupt each other, press keys; a beep sounds; the configuration changes. With THREADS the calls are shared out, as by a
 * group. Printed: frames, what was allocated while they ran (with COUNT_ALLOCATIONS, else -1), a checksum, and what happened.
 * "planted" allocates once a second, to show that the counter counts. "late" (with LATE_START: late_start.c) lets every count of samples
 * begin 3 s before 2^32: the same calls, hours later.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/simd.h"
#include "talkpath/call.h"
#include "talkpath/g711.h"
#include "talkpath/jitter_buffer.h"
#include "talkpath/l16.h"
#include "talkpath/talkpath.h"

/* --- every allocation of the process, the C library's own included ---------------------------------------------------------- */

#ifdef COUNT_ALLOCATIONS
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static atomic_int counting;
static atomic_long counted, counted_outside;

static void count(void)
{
    atomic_fetch_add(atomic_load(&counting) ? &counted : &counted_outside, 1);
}

void *malloc(size_t n) { count(); return __libc_malloc(n); }
void *calloc(size_t n, size_t size) { count(); return __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { count(); return __libc_realloc(p, n); }
void *memalign(size_t to, size_t n) { count(); return __libc_memalign(to, n); }
void *aligned_alloc(size_t to, size_t n) { count(); return __libc_memalign(to, n); }
void free(void *p) { if (p != NULL) count(); __libc_free(p); }

int posix_memalign(void **p, size_t to, size_t n)
{
    count();
    *p = __libc_memalign(to, n);
    return *p == NULL ? 12 : 0;
}
#endif

#ifdef LATE_START
void late_call(void *call, uint64_t samples);
#endif

/* --- what is heard ------------------------------------------------------------------------------------------------------------ */

enum { CALLS = 4, MAX_FRAME = 320, MAX_PCM = 480, ECHO_SAMPLES = 2560, SOUND_SAMPLES = 16000, EVENT_TYPES = 17, PLAYOUT_KINDS = 16 };

typedef struct party {
    int rate_hz;
    uint32_t dice;
    double phase;
    size_t at;
} party;

static double noise(party *p)
{
    p->dice = p->dice * 1664525u + 1013904223u;
    return (double)(int32_t)p->dice / 2147483648.0;
}

/* A voice: a buzz of 30 harmonics through two formants that move, four syllables a second. */
static void talk(party *p, double pitch_hz, double level, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++, p->at++) {
        const double t = (double)p->at / p->rate_hz, hz = pitch_hz * (1.0 + 0.2 * sin(4.0 * t));
        const double first = 550.0 + 250.0 * sin(10.7 * t), second = 1500.0 + 500.0 * sin(6.9 * t + 1.0);
        const double syllable = fmin(1.0, fmax(0.0, 0.5 + 1.5 * sin(25.1 * t)));
        double y = 0.0;
        p->phase += 6.283185307179586 * hz / p->rate_hz;
        for (int k = 1; k < 30 && k * hz < 3600.0; k++)
            y += (1.0 / hypot(1.0, (k * hz - first) / 60.0) + 0.6 / hypot(1.0, (k * hz - second) / 80.0)) * sin(k * p->phase);
        x[i] += level * (y * syllable + 0.3 * noise(p) * (1.0 - syllable));
    }
}

static void tones(party *p, double low_hz, double high_hz, double level, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++, p->at++) {
        const double t = 6.283185307179586 * (double)p->at / p->rate_hz;
        x[i] += level * (sin(low_hz * t) + (high_hz > 0.0 ? sin(high_hz * t) : 0.0));
    }
}

static int16_t rounded(double x)
{
    return (int16_t)lrint(fmin(32767.0, fmax(-32768.0, x)));
}

/* --- a call ------------------------------------------------------------------------------------------------------------------- */

typedef struct side {
    tp_call_config config;
    tp_call *call;
    tp_jitter_buffer *jitter;
    void *store; /* a bigger one for the queue */
    size_t n;    /* samples of a frame         */
    party agent, caller, line;
    double echo[ECHO_SAMPLES];
    int16_t speech[SOUND_SAMPLES], background[SOUND_SAMPLES];
    uint32_t id, checksum;
    uint16_t sequence;
    long frames;
    uint64_t late; /* samples that its clocks are ahead */
    int speaks;
    long happened[EVENT_TYPES], played[PLAYOUT_KINDS];
} side;

static void *state(size_t bytes)
{
    void *p = aligned_alloc(TP_ALIGN, (bytes + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
    if (p == NULL)
        abort();
    return p;
}

static void begin(side *s, int which, int late)
{
    memset(s, 0, sizeof *s);
    s->config = tp_call_defaults();
    s->config.codec = which == 0 ? TP_CODEC_ULAW : which == 1 ? TP_CODEC_ALAW : TP_CODEC_L16;
    s->config.sample_rate_hz = which == 3 ? 16000 : 8000;
    s->config.audio_rate_hz = which == 2 ? 24000 : 16000;
    s->config.noise_cancellation = s->config.normalize_level = s->config.detect_answer = s->config.detect_beep = 1;
    s->config.turn.no_response_timeout_ms = 2000;
    s->config.turn.max_turn_duration_ms = 2000;
    s->config.seed = (uint32_t)which;
    s->n = (size_t)s->config.sample_rate_hz / 50;
    s->call = state(tp_call_size(&s->config));
    if (tp_call_init(s->call, &s->config) != TP_OK)
        abort();
    s->late = late ? ((uint64_t)1 << 32) / s->n * s->n - 150 * s->n : 0;
#ifdef LATE_START
    if (late)
        late_call(s->call, s->late);
#endif
    const tp_jitter_buffer_config jitter = { .sample_rate_hz = s->config.sample_rate_hz, .frame_ms = 20, .max_ms = 200 };
    s->jitter = state(tp_jitter_buffer_size(&jitter));
    if (tp_jitter_buffer_init(s->jitter, &jitter) != TP_OK)
        abort();
    s->store = state(tp_playout_queue_store_size(512, 160000));
    s->agent.rate_hz = s->caller.rate_hz = s->line.rate_hz = s->config.sample_rate_hz;
    s->caller.dice = 7u + (uint32_t)which;
    for (size_t i = 0; i < SOUND_SAMPLES; i++)
        s->background[i] = rounded(3000.0 * noise(&s->line));
    double x[SOUND_SAMPLES] = { 0 };
    talk(&s->agent, 120.0, 3000.0, SOUND_SAMPLES, x);
    for (size_t i = 0; i < SOUND_SAMPLES; i++)
        s->speech[i] = rounded(x[i]);
}

static void end(side *s)
{
    free(s->call);
    free(s->jitter);
    free(s->store);
}

/* What the orchestrator does in this frame of a round of 20 s. */
static void command(side *s, long frame)
{
    tp_playout_queue *q = tp_call_queue(s->call);
    const size_t second = (size_t)s->config.sample_rate_hz;
    switch (frame) {
    case 5:
        if (tp_playout_queue_move(q, s->frames < 1000 ? s->store : NULL, s->frames < 1000 ? 512 : 0, s->frames < 1000 ? 160000 : 0))
            s->played[PLAYOUT_KINDS - 1]++; /* the other one was fuller than the state's own: it stays */
        break;
    case 10: /* speech, in pieces as a synthesiser's */
        tp_playout_queue_begin(q, ++s->id, 1);
        s->speaks = 60;
        break;
    case 80:
        tp_mixer_play(tp_call_mixer(s->call), s->background, SOUND_SAMPLES, 0.3f, 1);
        break;
    case 200:
        tp_playout_queue_dtmf(q, ++s->id, 1, "12#", 3);
        tp_playout_queue_silence(q, ++s->id, 1, second / 4);
        tp_playout_queue_mark(q, ++s->id, 0);
        break;
    case 330:
        tp_mixer_play(tp_call_mixer(s->call), NULL, 0, 0.0f, 0);
        break;
    case 340: /* a file, of which the rest comes later */
        tp_playout_queue_file(q, ++s->id, 1, s->speech, SOUND_SAMPLES);
        tp_playout_queue_ready(q, s->id, SOUND_SAMPLES / 2, 0);
        break;
    case 350:
        tp_playout_queue_ready(q, s->id, SOUND_SAMPLES, 1);
        break;
    case 470:
        s->config.noise_cancellation ^= 1;
        s->config.turn.completed_turn_delay_ms ^= 64;
        s->config.turn.min_interruption_words ^= 2;
        if (tp_call_update(s->call, &s->config) != TP_OK)
            abort();
        break;
    case 500:
        tp_call_listen_for_beep(s->call, 1);
        break;
    case 610: /* spoken, and taken back */
        tp_playout_queue_begin(q, ++s->id, 1);
        s->speaks = 40;
        break;
    case 625:
        tp_call_pause(s->call);
        break;
    case 640:
        tp_call_resume(s->call);
        break;
    case 650:
        s->speaks = 0;
        tp_call_clear(s->call, 0);
        tp_call_discarded(s->call, 320, 1);
        break;
    case 655:
        tp_call_transcript(s->call, 2, 0, 0);
        tp_call_transcript(s->call, 3, 1, 1);
        tp_call_turn_probability(s->call, 0.9f);
        break;
    case 660:
        tp_call_extend_wait(s->call);
        tp_call_clear_audio(s->call);
        break;
    case 670: /* what nobody's words interrupt goes on */
        tp_playout_queue_begin(q, ++s->id, 1);
        s->speaks = 60;
        break;
    default:
        break;
    }
    if (s->speaks > 0) {
        const size_t at = (size_t)(s->speaks * 311) % (SOUND_SAMPLES - 3 * MAX_FRAME);
        tp_playout_queue_write(q, s->speech + at, 3 * s->n); /* faster than it is played */
        if (--s->speaks == 0)
            tp_playout_queue_finish(q);
    }
}

/* What the other end does meanwhile. */
static void near_end(side *s, long frame, double *x)
{
    if (frame >= 45 && frame < 130) /* over the agent */
        talk(&s->caller, 190.0, 3000.0, s->n, x);
    else if (frame >= 170 && frame < 190)
        tones(&s->caller, 770.0, 1336.0, 4000.0, s->n, x);
    else if (frame >= 360 && frame < 370) /* a nod */
        talk(&s->caller, 190.0, 3000.0, s->n, x);
    else if (frame >= 520 && frame < 560)
        tones(&s->caller, 1000.0, 0.0, 4000.0, s->n, x);
    else if (frame >= 700 && frame < 740)
        talk(&s->caller, 190.0, 3000.0, s->n, x);
    else if (frame < 40 || (frame >= 250 && frame < 330))
        tones(&s->caller, 425.0, 0.0, 1500.0, s->n, x);
    else if (frame >= 860 && frame < 995) /* longer than a turn may last */
        talk(&s->caller, 170.0, 2500.0, s->n, x);
    for (size_t i = 0; i < s->n; i++)
        x[i] += 10.0 * noise(&s->line) + 0.1 * s->echo[(size_t)s->frames * s->n % ECHO_SAMPLES + i];
}

static void to_wire(const side *s, const int16_t *pcm, uint8_t *payload)
{
    if (s->config.codec == TP_CODEC_ULAW)
        tp_ulaw_encode(pcm, payload, s->n);
    else if (s->config.codec == TP_CODEC_ALAW)
        tp_alaw_encode(pcm, payload, s->n);
    else
        tp_l16_encode(pcm, payload, s->n, TP_LITTLE_ENDIAN);
}

static void from_wire(const side *s, const uint8_t *payload, int16_t *pcm)
{
    if (s->config.codec == TP_CODEC_ULAW)
        tp_ulaw_decode(payload, pcm, s->n);
    else if (s->config.codec == TP_CODEC_ALAW)
        tp_alaw_decode(payload, pcm, s->n);
    else
        tp_l16_decode(payload, pcm, s->n, TP_LITTLE_ENDIAN);
}

static void add(side *s, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->checksum = (s->checksum ^ ((const uint8_t *)bytes)[i]) * 16777619u;
}

static void frame(side *s, int planted)
{
    const long at = s->frames % 1000;
    uint8_t payload[2 * MAX_FRAME];
    int16_t pcm[MAX_PCM], x[MAX_FRAME];
    double near[MAX_FRAME] = { 0 };
    if (planted && s->frames % 50 == 49) {
        void *volatile p = malloc(16); /* volatile: or the compiler leaves both out */
        free(p);
    }
    command(s, at);
    tp_call_transmit(s->call, payload);
    const size_t bytes = tp_call_payload_bytes(s->call);
    add(s, payload, bytes);
    near_end(s, at, near);
    from_wire(s, payload, x);
    for (size_t i = 0; i < s->n; i++) {
        s->echo[(size_t)s->frames * s->n % ECHO_SAMPLES + i] = x[i]; /* comes back when the ring has gone round */
        x[i] = rounded(near[i]);
    }
    if (s->frames % 23 != 7) /* else it is lost; and some packets come twice */
        tp_jitter_buffer_put(s->jitter, x, s->sequence, (uint32_t)(s->sequence * s->n));
    if (s->frames % 61 == 9)
        tp_jitter_buffer_put(s->jitter, x, s->sequence, (uint32_t)(s->sequence * s->n));
    s->sequence++;
    tp_jitter_buffer_get(s->jitter, x);
    to_wire(s, x, payload);
    if (s->frames % 37 < 2 && s->frames > 100)
        tp_call_conceal(s->call, pcm);
    else if (tp_call_receive(s->call, payload, bytes, pcm) != TP_OK)
        abort();
    add(s, pcm, tp_call_pcm_samples(s->call) * sizeof *pcm);
    tp_call_event e;
    while (tp_call_next_event(s->call, &e)) {
        s->happened[e.type]++;
        if (e.type == TP_CALL_PLAYOUT)
            s->played[e.playout.kind]++;
        const double when_ms = e.time_ms - (double)s->late * 1000.0 / s->config.sample_rate_hz;
        const double length_ms = e.type == TP_CALL_SPEECH_STOPPED ? e.speech_stopped.duration_ms
            : e.type == TP_CALL_BEEP ? e.beep.duration_ms : e.type == TP_CALL_TURN_COMPLETED ? e.turn_completed.duration_ms : 0.0;
        add(s, &when_ms, sizeof when_ms);
        add(s, &length_ms, sizeof length_ms);
        add(s, &e.type, sizeof e.type);
    }
    const tp_call_metrics m = tp_call_read_metrics(s->call);
    if (!isfinite(m.received_dbov) || !isfinite(m.sent_dbov))
        abort();
    s->frames++;
}

/* --- all of them, on as many threads as asked for ------------------------------------------------------------------------------ */

static side sides[CALLS];
static atomic_int next_side;
static pthread_barrier_t barrier;
static long frames_each;
static int is_planted, calls;

/* As a group does: every tick each call is taken by whichever thread comes first. */
static void *work(void *unused)
{
    (void)unused;
    for (long k = 0; k < frames_each; k++) {
        pthread_barrier_wait(&barrier);
        for (int i; (i = atomic_fetch_add(&next_side, 1)) < calls;)
            frame(&sides[i], is_planted);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_store(&next_side, 0);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const int threads = atoi(argv[2]);
    frames_each = atol(argv[1]) * 50;
    calls = atoi(argv[3]) < CALLS ? atoi(argv[3]) : CALLS;
    is_planted = argc > 4 && strcmp(argv[4], "planted") == 0;
    const int late = argc > 4 && strcmp(argv[4], "late") == 0;
    tp_simd_init();
    for (int i = 0; i < calls; i++)
        begin(&sides[i], i, late);
    pthread_t others[16];
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 1; i < threads && i < 16; i++)
        if (pthread_create(&others[i], NULL, work, NULL) != 0)
            return 3;
    long allocations = -1, outside = -1;
#ifdef COUNT_ALLOCATIONS
    atomic_store(&counting, 1);
#endif
    work(NULL);
#ifdef COUNT_ALLOCATIONS
    atomic_store(&counting, 0);
    allocations = atomic_load(&counted);
    outside = atomic_load(&counted_outside);
#endif
    for (int i = 1; i < threads && i < 16; i++)
        pthread_join(others[i], NULL);
    pthread_barrier_destroy(&barrier);
    uint32_t checksum = 0;
    int past = 0; /* 2^32 */
    long happened[EVENT_TYPES] = { 0 }, played[PLAYOUT_KINDS] = { 0 };
    for (int i = 0; i < calls; i++) {
        checksum ^= sides[i].checksum + (uint32_t)i;
        for (int k = 0; k < EVENT_TYPES; k++)
            happened[k] += sides[i].happened[k];
        for (int k = 0; k < PLAYOUT_KINDS; k++)
            played[k] += sides[i].played[k];
        past |= tp_call_received_ms(sides[i].call) * sides[i].config.sample_rate_hz / 1000.0 > 4294967296.0;
        end(&sides[i]);
    }
    printf("{\"past\": %d, \"frames\": %ld, \"allocations\": %ld, \"outside\": %ld, \"checksum\": %u, \"events\": [", past, calls * frames_each, allocations,
           outside, checksum);
    for (int k = 0; k < EVENT_TYPES; k++)
        printf("%s%ld", k ? ", " : "", happened[k]);
    printf("], \"playout\": [");
    for (int k = 0; k < PLAYOUT_KINDS; k++)
        printf("%s%ld", k ? ", " : "", played[k]);
    printf("]}\n");
    return 0;
}
