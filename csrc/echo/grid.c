#include "echo/grid.h"

#include <math.h>
#include <string.h>

#include "dsp/fft.h"
#include "talkpath/talkpath.h"

void tp_echo_grid_init(tp_echo_grid *g, int sample_rate_hz)
{
    static const double quarter_turn = 1.57079632679489661923;
    const size_t wide = sample_rate_hz == 16000 ? 2 : 1;
    memset(g, 0, sizeof *g);
    g->fft = 256 * wide;
    g->slot = 40 * wide;
    g->bins = wide == 2 ? ECHO_MAX_BINS : ECHO_BINS;
    /* The window falls over the two slots that synthesis uses: in one slot, so many bins hear each other that no filter within
     * a bin takes off more than 22 dB of a room. Synthesis evens it out: slots fade into each other by squares of sines. */
    const size_t fall = 2 * g->slot, rise = g->fft - fall;
    double power = 0.0;
    for (size_t i = 0; i < g->fft; i++) {
        const double up = sin(quarter_turn * ((double)i + 0.5) / (double)rise);
        const double w = i < rise ? up * up : cos(quarter_turn * ((double)(i - rise) + 0.5) / (double)fall);
        g->analysis[i] = (float)w;
        power += w * w;
    }
    for (size_t i = 0; i < g->slot; i++) {
        const double at = quarter_turn * ((double)i + 0.5) / (double)g->slot, up = sin(at), down = cos(at);
        g->synthesis[i] = (float)(up * up / (double)g->analysis[rise + i]);
        g->synthesis[g->slot + i] = (float)(down * down / (double)g->analysis[rise + g->slot + i]);
    }
    g->scale = (float)(1.0 / sqrt(power * (double)wide));
}

static size_t edge_bin(const tp_echo_grid *g, size_t i)
{
    return i < ECHO_LOW_EDGE ? i : g->bins + i; /* ECHO_FIRST_BIN + bins + (i - ECHO_LOW_EDGE) */
}

void tp_echo_analyse(const tp_echo_grid *g, const int16_t *ring, size_t length, uint64_t end, float *re, float *im,
                     tp_echo_edges *edges)
{
    float x[ECHO_MAX_FFT], all_re[ECHO_MAX_FFT / 2 + 1], all_im[ECHO_MAX_FFT / 2 + 1];
    const size_t n = g->fft, start = (size_t)((end + length - n) % length);
    const size_t first = length - start < n ? length - start : n;
    for (size_t i = 0; i < first; i++)
        x[i] = TP_INT16_SCALE * (float)ring[start + i] * g->analysis[i];
    for (size_t i = first; i < n; i++)
        x[i] = TP_INT16_SCALE * (float)ring[i - first] * g->analysis[i];
    tp_rfft_forward(n, x, all_re, all_im);
    for (size_t k = 0; k < g->bins; k++) {
        re[k] = g->scale * all_re[ECHO_FIRST_BIN + k];
        im[k] = g->scale * all_im[ECHO_FIRST_BIN + k];
    }
    for (size_t i = 0; edges && i < ECHO_EDGES; i++) {
        edges->re[i] = g->scale * all_re[edge_bin(g, i)];
        edges->im[i] = g->scale * all_im[edge_bin(g, i)];
    }
}

void tp_echo_synthesise(const tp_echo_grid *g, const float *re, const float *im, const tp_echo_edges *edges, float *to)
{
    float x[ECHO_MAX_FFT], all_re[ECHO_MAX_FFT / 2 + 1] = { 0 }, all_im[ECHO_MAX_FFT / 2 + 1] = { 0 };
    const float scale = 1.0f / g->scale;
    for (size_t k = 0; k < g->bins; k++) {
        all_re[ECHO_FIRST_BIN + k] = scale * re[k];
        all_im[ECHO_FIRST_BIN + k] = scale * im[k];
    }
    for (size_t i = 0; edges && i < ECHO_EDGES; i++) {
        all_re[edge_bin(g, i)] = scale * edges->re[i];
        all_im[edge_bin(g, i)] = scale * edges->im[i];
    }
    tp_rfft_inverse(g->fft, all_re, all_im, x);
    const size_t start = g->fft - 2 * g->slot;
    for (size_t i = 0; i < 2 * g->slot; i++)
        to[i] += g->synthesis[i] * x[start + i];
}
