#include "echo/grid.h"

#include <math.h>
#include <string.h>

#include "dsp/fft.h"
#include "dsp/simd.h"
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

TP_INLINE void scaled(const float *TP_RESTRICT x, size_t n, float scale, float *TP_RESTRICT y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = scale * x[i];
}

TP_INLINE void windowed(const int16_t *TP_RESTRICT pcm, const float *TP_RESTRICT window, size_t n, float *TP_RESTRICT x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = TP_INT16_SCALE * (float)pcm[i] * window[i];
}

/* One part of a row and its edges: bins below the grid, in it, and above. */
TP_INLINE void take_part(const float *all, size_t bins, float scale, float *part, float *edges)
{
    scaled(all + ECHO_FIRST_BIN, bins, scale, part);
    if (edges) {
        scaled(all, ECHO_LOW_EDGE, scale, edges);
        scaled(all + ECHO_FIRST_BIN + bins, ECHO_EDGES - ECHO_LOW_EDGE, scale, edges + ECHO_LOW_EDGE);
    }
}

TP_INLINE void give_part(const float *part, const float *edges, size_t bins, size_t end, float scale, float *all)
{
    scaled(part, bins, scale, all + ECHO_FIRST_BIN);
    if (edges) {
        scaled(edges, ECHO_LOW_EDGE, scale, all);
        scaled(edges + ECHO_LOW_EDGE, ECHO_EDGES - ECHO_LOW_EDGE, scale, all + ECHO_FIRST_BIN + bins);
    } else {
        memset(all, 0, ECHO_LOW_EDGE * sizeof *all);
    }
    const size_t given = ECHO_FIRST_BIN + bins + (edges ? ECHO_EDGES - ECHO_LOW_EDGE : 0);
    memset(all + given, 0, (end - given) * sizeof *all);
}

TP_INLINE void tp_echo_analyse_loops(const tp_echo_grid *g, const int16_t *ring, size_t length, uint64_t end, float *re, float *im,
                                     tp_echo_edges *edges)
{
    float x[ECHO_MAX_FFT], all_re[ECHO_MAX_FFT / 2 + 1], all_im[ECHO_MAX_FFT / 2 + 1];
    const size_t n = g->fft, start = (size_t)((end + length - n) % length);
    const size_t first = length - start < n ? length - start : n;
    windowed(ring + start, g->analysis, first, x);
    windowed(ring, g->analysis + first, n - first, x + first);
    tp_rfft_forward(n, x, all_re, all_im);
    take_part(all_re, g->bins, g->scale, re, edges ? edges->re : NULL);
    take_part(all_im, g->bins, g->scale, im, edges ? edges->im : NULL);
}

TP_WIDE(, tp_echo_analyse,
        (const tp_echo_grid *g, const int16_t *ring, size_t length, uint64_t end, float *re, float *im, tp_echo_edges *edges),
        (g, ring, length, end, re, im, edges))

TP_INLINE void overlap_add(const float *TP_RESTRICT window, const float *TP_RESTRICT x, size_t n, float *TP_RESTRICT to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += window[i] * x[i];
}

TP_INLINE void tp_echo_synthesise_loops(const tp_echo_grid *g, const float *re, const float *im, const tp_echo_edges *edges, float *to)
{
    float x[ECHO_MAX_FFT], all_re[ECHO_MAX_FFT / 2 + 1], all_im[ECHO_MAX_FFT / 2 + 1];
    const float scale = 1.0f / g->scale;
    give_part(re, edges ? edges->re : NULL, g->bins, g->fft / 2 + 1, scale, all_re);
    give_part(im, edges ? edges->im : NULL, g->bins, g->fft / 2 + 1, scale, all_im);
    tp_rfft_inverse(g->fft, all_re, all_im, x);
    overlap_add(g->synthesis, x + g->fft - 2 * g->slot, 2 * g->slot, to);
}

TP_WIDE(, tp_echo_synthesise, (const tp_echo_grid *g, const float *re, const float *im, const tp_echo_edges *edges, float *to),
        (g, re, im, edges, to))
