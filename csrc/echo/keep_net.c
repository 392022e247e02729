#include "echo/keep_net.h"

#include <string.h>

#include "dsp/approx.h"
#include "dsp/gru.h"
#include "dsp/simd.h"
#include "echo/keep_net_tables.h"
#include "echo/near_net.h"

enum {
    UNITS = KEEP_UNITS,
    FROM_NEAR_END = NEAR_UNITS + NEAR_FEATURES,
    INPUTS = FROM_NEAR_END + KEEP_HIGH,
    OUTPUT_ROWS = (KEEP_BANDS + 7) / 8 * 8,
};

#define LEVEL_FLOOR 1e-10f
#define FAR_MIN_DB -75.0f

typedef char same_shape[(int)KEEP_NET_FEATURES == (int)INPUTS && (int)KEEP_NET_UNITS == (int)UNITS ? 1 : -1];

const unsigned char tp_keep_edges[KEEP_BANDS + 1] = { 3,  7,  11, 15,  20,  26,  32,  39,  48,  59,
                                                      72, 88, 104, 116, 130, 146, 164, 184, 210, 240 };

void tp_keep_net_init(tp_keep_net *k)
{
    memset(k, 0, sizeof *k);
    tp_floor_tracker_init(&k->floor);
    for (size_t b = 0; b < KEEP_BANDS; b++)
        k->gains[b] = 1.0f;
}

/* Mean power of each high band. */
static void bands_of(const float *re, const float *im, float *bands)
{
    for (size_t b = 0; b < KEEP_HIGH_BANDS; b++) {
        const size_t from = tp_keep_edges[NEAR_BANDS + b], n = tp_keep_edges[NEAR_BANDS + b + 1] - from;
        bands[b] = (tp_simd->dot(re + from, re + from, n) + tp_simd->dot(im + from, im + from, n)) / (float)n + LEVEL_FLOOR;
    }
}

/* What near_end.c measures in its bands, the part that costs little. */
static void high_bands(tp_keep_net *k, const tp_echo_row *near, const tp_echo_row *residual, const tp_echo_row *echo,
                       const tp_echo_row *far)
{
    float m[KEEP_HIGH_BANDS], e[KEEP_HIGH_BANDS], y[KEEP_HIGH_BANDS], x[KEEP_HIGH_BANDS];
    bands_of(near->re, near->im, m);
    bands_of(residual->re, residual->im, e);
    bands_of(echo->re, echo->im, y);
    bands_of(far->re, far->im, k->far[k->hops % KEEP_PEAK_HOPS]);
    memcpy(x, k->far[0], sizeof x);
    for (size_t i = 1; i < KEEP_PEAK_HOPS; i++)
        for (size_t b = 0; b < KEEP_HIGH_BANDS; b++)
            x[b] = k->far[i][b] > x[b] ? k->far[i][b] : x[b];
    float *const floors = k->floors + NEAR_BANDS, *f = k->high;
    tp_floor_tracker_hop(&k->floor, KEEP_HIGH_BANDS, e, k->hops, floors);
    for (size_t b = 0; b < KEEP_HIGH_BANDS; b++, f += KEEP_PER_BAND) {
        const float lm = tp_db_near(m[b]), le = tp_db_near(e[b]), lx = tp_db_near(x[b]), from_far = le - lx;
        if (lx > FAR_MIN_DB) {
            const float err = tp_clip(from_far - k->leak[b], -12.0f, 12.0f);
            k->leak[b] += err * (err > 0.0f ? 0.02f : 0.03f);
        }
        f[0] = lm + 50.0f;
        f[1] = le - tp_db_near(floors[b]);
        f[2] = tp_clip(le - tp_db_near(y[b]), -30.0f, 40.0f);
        f[3] = tp_clip(lm - le, -20.0f, 40.0f);
        f[4] = tp_clip(from_far, -60.0f, 40.0f);
        f[5] = tp_clip(from_far - k->leak[b], -30.0f, 40.0f);
    }
}

static const tp_gru_layer gru = { keep_input0,      keep_recurrent0,      keep_input0_scale,
                                      keep_input0_bias, keep_recurrent0_scale, keep_recurrent0_bias };

void tp_keep_net_step(tp_keep_net *k, const float *near_units, const float *near_features, int wide)
{
    float dense[UNITS], z[OUTPUT_ROWS];
    int16_t x[INPUTS], in[UNITS];
    tp_gru_features(near_units, keep_mean, keep_inverse, NEAR_UNITS, x);
    tp_gru_features(near_features, keep_mean + NEAR_UNITS, keep_inverse + NEAR_UNITS, NEAR_FEATURES, x + NEAR_UNITS);
    if (wide)
        tp_gru_features(k->high, keep_mean + FROM_NEAR_END, keep_inverse + FROM_NEAR_END, KEEP_HIGH, x + FROM_NEAR_END);
    /* Without the high bands their columns count nothing, as if they were at their means. */
    tp_simd->affine_pairs(keep_dense, keep_dense_scale, keep_dense_bias, x, dense, UNITS, wide ? INPUTS : FROM_NEAR_END);
    tp_gru_tanh(dense, UNITS, in);
    tp_gru_step(&gru, UNITS, k->units, in);
    tp_simd->affine_pairs(keep_out, keep_out_scale, keep_out_bias, in, z, OUTPUT_ROWS, UNITS);
    tp_gru_sigmoid(z, KEEP_BANDS, k->gains);
}

void tp_keep_net_hop(tp_keep_net *k, size_t bins, const tp_near_end *near_end, const tp_echo_row *near, const tp_echo_row *residual,
                     const tp_echo_row *echo, const tp_echo_row *far)
{
    const int wide = bins > ECHO_BINS;
    memcpy(k->floors, tp_near_end_floors(near_end), NEAR_BANDS * sizeof(float));
    if (wide)
        high_bands(k, near, residual, echo, far);
    tp_keep_net_step(k, tp_near_end_units(near_end), tp_near_end_features(near_end), wide);
    /* Both networks' opinions where there are two: this one knows the echo better, that one spares the caller more. */
    const float *other = tp_near_end_gains(near_end);
    for (size_t b = 0; b < NEAR_BANDS; b++) {
        k->apart[b] = other[b] - k->gains[b];
        k->gains[b] = 0.5f * (k->gains[b] + other[b]);
    }
    k->hops++;
}
