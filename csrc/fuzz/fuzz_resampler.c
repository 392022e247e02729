/* Any two rates, any quality, any cut of any samples. */
#include "fuzz/fuzz.h"
#include "talkpath/resampler.h"

static const int rates_hz[] = { 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 12345 };

static int fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const tp_resampler_config config = { .rate_in_hz = rates_hz[data[0] % 10], .rate_out_hz = rates_hz[data[1] % 10],
                                         .quality = (tp_resampler_quality)(data[2] % 4) };
    const size_t bytes = tp_resampler_size(&config);
    if ((bytes == 0) != (tp_resampler_check(&config) != NULL))
        abort();
    if (bytes == 0)
        return 0;
    tp_resampler *r = fuzz_state(bytes);
    if (tp_resampler_init(r, &config) != TP_OK)
        abort();
    size_t cut = data[3];
    data += 4;
    size -= 4;
    while (size >= 2) {
        size_t n = cut % 700 < size / 2 ? cut % 700 : size / 2;
        int16_t *in = malloc(n * sizeof *in + 1), *out = malloc(tp_resampler_output_samples(r, n) * sizeof *out + 1);
        memcpy(in, data, n * sizeof *in);
        if (tp_resampler_output_samples(r, n) != tp_resampler_process(r, in, n, out))
            abort();
        free(in);
        free(out);
        data += 2 * n;
        size -= 2 * n;
        cut = cut * 31 + 7;
        if (n == 0 && cut % 5 == 0)
            break;
    }
    int16_t *tail = malloc(tp_resampler_flush_samples(r) * sizeof *tail + 1);
    tp_resampler_flush(r, tail);
    free(tail);
    free(r);
    return 0;
}
