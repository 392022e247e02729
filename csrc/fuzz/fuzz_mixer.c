/* Ambience mixer: any configuration, any requests, any audio, any cut. */
#include "fuzz/fuzz.h"
#include "talkpath/mixer.h"

#define SOUNDS 3

static void request(tp_mixer *m, uint8_t what, int16_t sounds[SOUNDS][700])
{
    const float volume = (float)(what >> 3) / 31.0f;
    if (what % 8 < SOUNDS)
        tp_mixer_play(m, sounds[what % 8], 1 + 233u * (what % 8), volume, what & 8);
    else if (what % 8 == 3)
        tp_mixer_play(m, NULL, 0, volume, 1);
    else if (what % 8 == 4)
        tp_mixer_set_volume(m, volume);
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 8)
        return 0;
    const tp_mixer_config config = { .sample_rate_hz = 1000 * (data[0] % 50), .duck_db = (float)(data[1] % 45) - 2.0f };
    const size_t bytes = tp_mixer_size(&config);
    if ((bytes == 0) != (tp_mixer_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    static int16_t sounds[SOUNDS][700];
    for (int k = 0; k < SOUNDS; k++)
        for (int i = 0; i < 700; i++)
            sounds[k][i] = (int16_t)((i * 7919 * (k + 1)) & 0xFFFF);
    tp_mixer *whole = fuzz_state(bytes), *cut = fuzz_state(bytes);
    if (tp_mixer_init(whole, &config) != TP_OK || tp_mixer_init(cut, &config) != TP_OK)
        abort();
    size_t n, seed = data[2];
    int16_t *pcm = fuzz_audio(data + 8, size - 8, &n);
    int16_t *a = malloc(n * sizeof *a + 1), *b = malloc(n * sizeof *b + 1);
    for (size_t component = 0; component < 4; component++) {
        const size_t from = n * component / 4, to = n * (component + 1) / 4;
        request(whole, data[3 + component], sounds);
        request(cut, data[3 + component], sounds);
        tp_mixer_process(whole, pcm + from, to - from, a + from);
        for (size_t at = from; at < to;) {
            const size_t now = fuzz_cut(&seed, to - at);
            tp_mixer_process(cut, pcm + at, now, b + at);
            at += now;
        }
    }
    if (n > 0 && memcmp(a, b, n * sizeof *a) != 0)
        abort();
    free(whole);
    free(cut);
    free(pcm);
    free(a);
    free(b);
    return 0;
}
