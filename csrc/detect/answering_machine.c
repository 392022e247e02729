#include "talkpath/answering_machine.h"

#include <string.h>

#include "dsp/block.h"
#include "talkpath/talkpath.h"
#include "talkpath/vad.h"

#define HOP_MS TP_VAD_HOP_MS
#define SPEECH 0.8f            /* a word begins above …                                      */
#define SILENCE 0.6f           /* … and pauses below                                         */
#define SHORTEST_WORD_MS 60    /* less is a click                                            */
#define MIN_SPEECH_MS 150    /* less in all, and then silence, was no greeting            */
#define ONSET_POWER 8.0f       /* a hop 9 dB over the silence before it may be the next word … */
#define ONSET_HOLD_MS 150      /* … which holds a decision back for so long                 */
#define MAX_SILENCE_POWER 0.3f /* what follows a person's greeting is 5 dB softer at least: else it is music, and was no greeting */
#define SHORT_GREETING_MS 1100 /* "hello?", "yes, Miller": two thirds of the silence do*/

/* Shares of right decisions of each kind, measured on 1,260 generated calls, people and machines equally likely. */
#define CONFIDENCE_SHORT 0.94f
#define CONFIDENCE_LONGER 0.99f
#define CONFIDENCE_MACHINE 0.99f
#define CONFIDENCE_GUESS 0.50f

/* The VAD follows the struct. */
struct tp_amd {
    tp_amd_config config;
    size_t vad_offset;

    int64_t now_ms;
    int ignoring;        /* somebody else's speech              */
    int speaking;        /* with hysteresis                     */
    int run_ms;          /* speech without a pause              */
    int spoken_ms;       /* speech in all                       */
    int64_t first_ms;    /* the first word began; -1: none yet  */
    int64_t last_ms;     /* speech was heard last               */
    int words;
    int in_word;
    size_t hop_filled;   /* samples of the present hop          */
    float hop_power;     /* their sum of squares                */
    float silence_power; /* the same of the hops since the last speech, averaged */
    int64_t onset_ms;    /* a hop stood out of the silence last */
    double run_energy, spoken_energy, silent_energy; /* hop powers summed: of this run, of the words, since the last */
    tp_amd_decision decision;
};

static tp_vad *vad_of(const tp_amd *a)
{
    return (tp_vad *)(void *)((unsigned char *)(uintptr_t)a + a->vad_offset);
}

static tp_vad_config vad_config(const tp_amd_config *config)
{
    return (tp_vad_config) { .sample_rate_hz = config->sample_rate_hz };
}

static int within(int value, int min, int max)
{
    return value >= min && value <= max;
}

const char *tp_amd_check(const tp_amd_config *config)
{
    if (config->sample_rate_hz != 8000 && config->sample_rate_hz != 16000)
        return "sample_rate must be 8000 or 16000";
    if (!within(config->initial_silence_ms, 500, 30000))
        return "initial_silence_ms must be 500 to 30000";
    if (!within(config->greeting_ms, 500, 10000))
        return "greeting_ms must be 500 to 10000";
    if (!within(config->after_greeting_silence_ms, 200, 5000))
        return "after_greeting_silence_ms must be 200 to 5000";
    if (!within(config->between_words_silence_ms, 20, 1000))
        return "between_words_silence_ms must be 20 to 1000";
    if (!within(config->maximum_words, 1, 100))
        return "maximum_words must be 1 to 100";
    if (!within(config->total_ms, 1000, 60000))
        return "total_ms must be 1000 to 60000";
    return NULL;
}

size_t tp_amd_size(const tp_amd_config *config)
{
    if (tp_amd_check(config) != NULL)
        return 0;
    const tp_vad_config vad = vad_config(config);
    return tp_align_up(sizeof(tp_amd)) + tp_vad_size(&vad);
}

int tp_amd_init(tp_amd *a, const tp_amd_config *config)
{
    if (tp_amd_check(config) != NULL)
        return TP_ECONFIG;
    const tp_vad_config vad = vad_config(config);
    a->config = *config;
    a->vad_offset = tp_align_up(sizeof(tp_amd));
    tp_vad_init(vad_of(a), &vad);
    tp_amd_reset(a);
    return TP_OK;
}

void tp_amd_reset(tp_amd *a)
{
    const tp_amd_config config = a->config;
    const size_t vad_offset = a->vad_offset;
    memset(a, 0, sizeof *a);
    a->config = config;
    a->vad_offset = vad_offset;
    a->first_ms = -1;
    a->onset_ms = -ONSET_HOLD_MS;
    tp_vad_reset(vad_of(a));
}

static int decide(tp_amd *a, tp_amd_result result, tp_amd_reason reason, float confidence)
{
    const int heard = a->first_ms >= 0;
    a->decision = (tp_amd_decision){ .result = result, .reason = reason, .confidence = confidence, .decided_ms = (double)a->now_ms,
                                     .from_ms = heard ? (double)a->first_ms : 0.0, .to_ms = heard ? (double)a->last_ms : 0.0 };
    return 1;
}

static int64_t greeting_so_far_ms(const tp_amd *a)
{
    return a->last_ms - a->first_ms;
}

/* Silence that makes what was said a person's greeting. */
static int64_t silence_needed_ms(const tp_amd *a)
{
    const int64_t whole = a->config.after_greeting_silence_ms;
    return greeting_so_far_ms(a) <= SHORT_GREETING_MS ? whole * 2 / 3 : whole;
}

static float human_confidence(const tp_amd *a)
{
    return greeting_so_far_ms(a) <= SHORT_GREETING_MS ? CONFIDENCE_SHORT : CONFIDENCE_LONGER;
}

/* The network needs some 30 ms to see a word begin; power alone is quicker, if less sure. */
static void watch_for_onset(tp_amd *a)
{
    if (a->speaking || a->now_ms - a->last_ms <= 5 * HOP_MS) {
        a->silence_power = a->hop_power;
        return;
    }
    if (a->hop_power > ONSET_POWER * a->silence_power)
        a->onset_ms = a->now_ms;
    /* Noise that has come to stay is the silence of a few hops later, or it would hold the decision back for ever. */
    a->silence_power += 0.1f * (a->hop_power - a->silence_power);
}

/* Is what follows the words as loud as they were? */
static int goes_on(const tp_amd *a, int64_t silence_ms)
{
    return a->silent_energy / (double)silence_ms > (double)MAX_SILENCE_POWER * a->spoken_energy / (double)a->spoken_ms;
}

static void forget_words(tp_amd *a)
{
    a->first_ms = -1;
    a->spoken_ms = a->words = 0;
    a->spoken_energy = a->silent_energy = 0.0;
}

/* 10 ms on; 1 when that decides. */
static int step(tp_amd *a, float speech_probability)
{
    a->now_ms += HOP_MS;
    a->speaking = speech_probability > (a->speaking ? SILENCE : SPEECH);
    if (a->speaking) {
        a->run_ms += HOP_MS;
        a->run_energy += (double)a->hop_power;
        if (a->run_ms >= SHORTEST_WORD_MS) {
            if (a->first_ms < 0)
                a->first_ms = a->now_ms - a->run_ms;
            a->spoken_ms += a->in_word ? HOP_MS : a->run_ms;
            a->words += !a->in_word;
            a->in_word = 1;
            a->last_ms = a->now_ms;
            a->spoken_energy += a->run_energy;
            a->run_energy = 0.0;
            a->silent_energy = 0.0;
        }
    } else {
        a->run_ms = 0;
        a->run_energy = 0.0;
        a->silent_energy += (double)a->hop_power;
    }
    const int64_t silence_ms = a->now_ms - a->last_ms;
    if (silence_ms >= a->config.between_words_silence_ms)
        a->in_word = 0;

    watch_for_onset(a);

    if (a->first_ms >= 0 && silence_ms >= silence_needed_ms(a) && (a->spoken_ms < MIN_SPEECH_MS || goes_on(a, silence_ms)))
        forget_words(a);
    if (a->first_ms < 0) {
        if (a->now_ms >= a->config.initial_silence_ms)
            return decide(a, TP_AMD_UNKNOWN, TP_AMD_INITIAL_SILENCE, CONFIDENCE_GUESS);
    } else if (greeting_so_far_ms(a) >= a->config.greeting_ms) {
        return decide(a, TP_AMD_MACHINE, TP_AMD_LONG_GREETING, CONFIDENCE_MACHINE);
    } else if (a->words > a->config.maximum_words) {
        return decide(a, TP_AMD_MACHINE, TP_AMD_MAXIMUM_WORDS, CONFIDENCE_MACHINE);
    } else if (silence_ms >= silence_needed_ms(a) && a->now_ms - a->onset_ms >= ONSET_HOLD_MS) {
        return decide(a, TP_AMD_HUMAN, TP_AMD_SHORT_GREETING, human_confidence(a));
    }
    if (a->now_ms >= a->config.total_ms)
        return decide(a, TP_AMD_UNKNOWN, TP_AMD_TOTAL_TIME, CONFIDENCE_GUESS);
    return 0;
}

int tp_amd_process(tp_amd *a, const int16_t *pcm, size_t n, tp_amd_decision *decision)
{
    const size_t hop = (size_t)a->config.sample_rate_hz * HOP_MS / 1000;
    while (n > 0 && a->decision.result == TP_AMD_UNDECIDED) {
        const size_t left = hop - a->hop_filled, take = n < left ? n : left;
        for (size_t i = 0; i < take; i++)
            a->hop_power += (float)pcm[i] * (float)pcm[i];
        tp_vad_process(vad_of(a), pcm, take, NULL);
        a->hop_filled += take;
        pcm += take;
        n -= take;
        if (a->hop_filled == hop) { /* which is where the VAD's hop ends, too */
            const int decided = step(a, a->ignoring ? 0.0f : tp_vad_probability(vad_of(a)));
            a->hop_filled = 0;
            a->hop_power = 0.0f;
            if (decided) {
                *decision = a->decision;
                return 1;
            }
        }
    }
    return 0;
}

void tp_amd_ignore(tp_amd *a, int ignore)
{
    a->ignoring = ignore;
}

int tp_amd_has_heard(const tp_amd *a)
{
    return a->first_ms >= 0;
}

void tp_amd_restart(tp_amd *a)
{
    memset(&a->decision, 0, sizeof a->decision);
    a->now_ms = a->last_ms = 0;
    a->run_ms = a->in_word = 0;
    a->run_energy = 0.0;
    a->onset_ms = -ONSET_HOLD_MS;
    forget_words(a);
}

void tp_amd_wait(tp_amd *a)
{
    if (a->first_ms >= 0 || a->decision.result != TP_AMD_UNDECIDED)
        return;
    a->now_ms = a->run_ms; /* a word may be beginning */
    a->last_ms = 0;
    a->onset_ms = -ONSET_HOLD_MS;
}

void tp_amd_finish(tp_amd *a, tp_amd_decision *decision)
{
    if (a->decision.result == TP_AMD_UNDECIDED) {
        const int paused = a->first_ms >= 0 && a->now_ms - a->last_ms >= silence_needed_ms(a) / 2;
        decide(a, paused ? TP_AMD_HUMAN : TP_AMD_UNKNOWN, TP_AMD_END_OF_AUDIO, CONFIDENCE_GUESS);
    }
    *decision = a->decision;
}

size_t tp_amd_delay_samples(const tp_amd *a)
{
    return tp_vad_delay_samples(vad_of(a));
}
