/* Any configuration, any audio, any pattern of losses. */
#include "fuzz/fuzz.h"
#include "talkpath/plc.h"

static const int rates_hz[] = { 8000, 16000, 24000, 48000, 11025 };
static const int frames_ms[] = { 10, 20, 30, 40, 60, 25 };

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const tp_plc_config config = { .sample_rate_hz = rates_hz[data[0] % 5], .frame_ms = frames_ms[data[1] % 6] };
    const size_t bytes = tp_plc_size(&config);
    if ((bytes == 0) != (tp_plc_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_plc *p = fuzz_state(bytes);
    memset(p, 0xff, bytes); /* init must not rely on zeros */
    if (tp_plc_init(p, &config) != TP_OK)
        abort();
    const size_t n = tp_plc_frame_samples(p);
    int16_t *in = malloc(n * sizeof *in), *out = malloc(n * sizeof *out);
    uint32_t pattern = data[2] * 2654435761u + 1;
    data += 3;
    size -= 3;
    size_t frames = 0;
    while (size > 0 && frames++ < 200) {
        pattern ^= pattern << 13;
        pattern ^= pattern >> 17;
        pattern ^= pattern << 5;
        const int lost = pattern % 3 == 0, before = tp_plc_lost_samples(p) != 0;
        if (lost) {
            tp_plc_conceal(p, out);
            continue;
        }
        /* A short input is repeated: a periodic signal. */
        unsigned char *const to = (unsigned char *)in;
        const size_t have = size < n * 2 ? size : n * 2;
        for (size_t i = 0; i < n * 2; i++)
            to[i] = data[i % have];
        data += have;
        size -= have;
        const int in_place = pattern % 5 == 0;
        if (in_place)
            memcpy(out, in, n * sizeof *in);
        tp_plc_receive(p, in_place ? out : in, out);
        if (!before && memcmp(in, out, n * sizeof *in) != 0)
            abort();
    }
    free(in);
    free(out);
    free(p);
    return 0;
}
