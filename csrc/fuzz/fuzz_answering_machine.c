/* Any configuration, any audio, any cuts; one decision at most. */
#include "fuzz/fuzz.h"
#include "talkpath/answering_machine.h"

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 12)
        return 0;
    const tp_amd_config config = { .sample_rate_hz = (data[0] % 4) * 8000, .initial_silence_ms = data[1] * 40,
                                   .greeting_ms = data[2] * 50, .after_greeting_silence_ms = data[3] * 20,
                                   .between_words_silence_ms = data[4] * 5, .maximum_words = data[5],
                                   .total_ms = data[6] * 100 };
    const size_t bytes = tp_amd_size(&config);
    if ((bytes == 0) != (tp_amd_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_amd *a = fuzz_state(bytes);
    if (tp_amd_init(a, &config) != TP_OK)
        abort();
    tp_amd_decision decision;
    int decisions = 0;
    int16_t pcm[1024];
    for (size_t at = 8; at + 4 < size; at += 4) {
        const size_t n = data[at] * 4u;
        for (size_t i = 0; i < n; i++)
            pcm[i] = (int16_t)((data[at + 1] << 8 | data[at + 2]) * (int)(i % (data[at + 3] + 1u)));
        decisions += tp_amd_process(a, pcm, n, &decision);
    }
    tp_amd_finish(a, &decision);
    if (decisions > 1 || decision.result == TP_AMD_UNDECIDED)
        abort();
    free(a);
    return 0;
}
