/*
 * The loops of dsp/fft.h. Included once by each simd_*.c, with its name.
 *
 * How: the n/2 complex points x[8·a + b] are a matrix of eight columns. Stockham passes of radix 4 and 2 transform all
 * columns at once; then each row is twisted and transformed over its eight columns, TP_LANES rows at a time, turned on their
 * side. So every loop runs over eight neighbours or more, and only the turning wants shuffles. Nothing is fused: all
 * machines give the same bits.
 */
#include "dsp/fft.h"
#include "dsp/lanes.h"

#define TP_FFT_PARTS (TP_FFT_MAX / 2 + 8) /* from real to imaginary parts */

/* Entries of a transform of n points start here: those of all shorter ones come first. */
#define TP_FFT_SPLIT_AT(n) ((n) / 4 - TP_FFT_MIN / 4)

TP_LANES_TARGET
TP_INLINE complex_lanes plus(complex_lanes a, complex_lanes b)
{
    const complex_lanes z = { lanes_add(a.re, b.re), lanes_add(a.im, b.im) };
    return z;
}

TP_LANES_TARGET
TP_INLINE complex_lanes minus(complex_lanes a, complex_lanes b)
{
    const complex_lanes z = { lanes_sub(a.re, b.re), lanes_sub(a.im, b.im) };
    return z;
}

/* a - i·b and a + i·b. */
TP_LANES_TARGET
TP_INLINE complex_lanes minus_i(complex_lanes a, complex_lanes b)
{
    const complex_lanes z = { lanes_add(a.re, b.im), lanes_sub(a.im, b.re) };
    return z;
}

TP_LANES_TARGET
TP_INLINE complex_lanes plus_i(complex_lanes a, complex_lanes b)
{
    const complex_lanes z = { lanes_sub(a.re, b.im), lanes_add(a.im, b.re) };
    return z;
}

/* z·(c - i·s) */
TP_LANES_TARGET
TP_INLINE complex_lanes turned(complex_lanes z, lanes c, lanes s)
{
    const complex_lanes t = { lanes_add(lanes_mul(z.re, c), lanes_mul(z.im, s)), lanes_sub(lanes_mul(z.im, c), lanes_mul(z.re, s)) };
    return t;
}

/* Rows of s values: y0 … y3 = the four-point transform of x0 … x3, which lie `apart`; three of them turned if c is given. */
TP_LANES_TARGET
TP_INLINE void butterfly4(size_t s, size_t apart, const float *xr, const float *xi, float *yr, float *yi, const float *c, const float *t)
{
    for (size_t q = 0; q < s; q += TP_LANES) {
        const complex_lanes x0 = at(xr + q, xi + q), x1 = at(xr + q + apart, xi + q + apart);
        const complex_lanes x2 = at(xr + q + 2 * apart, xi + q + 2 * apart), x3 = at(xr + q + 3 * apart, xi + q + 3 * apart);
        const complex_lanes e0 = plus(x0, x2), e1 = minus(x0, x2), o0 = plus(x1, x3), o1 = minus(x1, x3);
        complex_lanes z1 = minus_i(e1, o1), z2 = minus(e0, o0), z3 = plus_i(e1, o1);
        if (c) {
            z1 = turned(z1, lanes_set(c[1]), lanes_set(t[1]));
            z2 = turned(z2, lanes_set(c[2]), lanes_set(t[2]));
            z3 = turned(z3, lanes_set(c[3]), lanes_set(t[3]));
        }
        put(plus(e0, o0), yr + q, yi + q);
        put(z1, yr + q + s, yi + q + s);
        put(z2, yr + q + 2 * s, yi + q + 2 * s);
        put(z3, yr + q + 3 * s, yi + q + 3 * s);
    }
}

/* One radix-4 Stockham pass: `left` points still to transform, `s` interleaved sub-sequences. */
TP_LANES_TARGET
TP_INLINE void pass4(size_t left, size_t s, const float *xr, const float *xi, float *yr, float *yi)
{
    const size_t quarter = left / 4, stride = TP_FFT_MAX / left;
    butterfly4(s, s * quarter, xr, xi, yr, yi, NULL, NULL);
    for (size_t p = 1; p < quarter; p++) {
        float c[4], t[4];
        for (size_t i = 1; i < 4; i++) {
            c[i] = tp_fft_cos[i * p * stride];
            t[i] = tp_fft_cos[(i * p * stride + 3 * TP_FFT_MAX / 4) % TP_FFT_MAX]; /* the sine */
        }
        butterfly4(s, s * quarter, xr + s * p, xi + s * p, yr + 4 * s * p, yi + 4 * s * p, c, t);
    }
}

TP_LANES_TARGET
TP_INLINE void pass2(size_t s, const float *xr, const float *xi, float *yr, float *yi)
{
    for (size_t q = 0; q < s; q += TP_LANES) {
        const complex_lanes x0 = at(xr + q, xi + q), x1 = at(xr + q + s, xi + q + s);
        put(plus(x0, x1), yr + q, yi + q);
        put(minus(x0, x1), yr + q + s, yi + q + s);
    }
}

/* Eight-point transforms of TP_LANES neighbours. */
TP_LANES_TARGET
TP_INLINE void butterfly8(const complex_lanes *x, size_t apart, float *yr, float *yi)
{
    const lanes root = lanes_set(0.70710678118654752f);
    const complex_lanes a0 = plus(x[0], x[4]), b0 = minus(x[0], x[4]), a1 = plus(x[1], x[5]), b1 = minus(x[1], x[5]);
    const complex_lanes a2 = plus(x[2], x[6]), b2 = minus(x[2], x[6]), a3 = plus(x[3], x[7]), b3 = minus(x[3], x[7]);
    const complex_lanes e0 = plus(a0, a2), e1 = minus(a0, a2), o0 = plus(a1, a3), o1 = minus(a1, a3);
    /* Of the odd outputs, b1 is turned by an eighth of a turn and b3 by three, which is by an eighth and then by -i. */
    const complex_lanes c1 = turned(b1, root, root), c3 = turned(b3, root, root);
    const complex_lanes f0 = minus_i(b0, b2), f1 = plus_i(b0, b2), g0 = minus_i(c1, c3), g1 = plus_i(c1, c3);
    put(plus(e0, o0), yr, yi);
    put(plus(f0, g0), yr + apart, yi + apart);
    put(minus_i(e1, o1), yr + 2 * apart, yi + 2 * apart);
    put(minus_i(f1, g1), yr + 3 * apart, yi + 3 * apart);
    put(minus(e0, o0), yr + 4 * apart, yi + 4 * apart);
    put(minus(f0, g0), yr + 5 * apart, yi + 5 * apart);
    put(plus_i(e1, o1), yr + 6 * apart, yi + 6 * apart);
    put(plus_i(f1, g1), yr + 7 * apart, yi + 7 * apart);
}

/* Twists rows and transforms them. */
TP_LANES_TARGET
TP_INLINE void pass8(size_t rows, const float *xr, const float *xi, float *yr, float *yi)
{
    const size_t every = TP_FFT_MAX / 16 / rows;
    for (size_t r = 0; r < rows; r += TP_LANES) {
        lanes vr[8], vi[8];
        complex_lanes z[8];
        for (size_t i = 0; i < 8; i++) {
            const size_t k = 8 * r + TP_LANES * i, twist = k / 8 * 8 * every + k % 8;
            const complex_lanes t = turned(at(xr + k, xi + k), lanes_load(tp_fft_twist_cos + twist), lanes_load(tp_fft_twist_sin + twist));
            vr[i] = t.re;
            vi[i] = t.im;
        }
        lanes_turn(vr);
        lanes_turn(vi);
        for (size_t i = 0; i < 8; i++) {
            z[i].re = vr[i];
            z[i].im = vi[i];
        }
        butterfly8(z, rows, yr + r, yi + r);
    }
}

/* Half the forward complex FFT of half a transform's points from a, which is used up; returns where the result is, in a or b. im lies
 * TP_FFT_PARTS behind re. */
TP_LANES_TARGET
TP_INLINE float *complex_of(size_t half, float *a, float *b)
{
    float *x = a, *y = b;
    for (size_t left = half / 8, s = 8; left > 1;) {
        if (left == 2) {
            pass2(s, x, x + TP_FFT_PARTS, y, y + TP_FFT_PARTS);
            left = 1;
        } else {
            pass4(left, s, x, x + TP_FFT_PARTS, y, y + TP_FFT_PARTS);
            left /= 4;
            s *= 4;
        }
        float *const last = x;
        x = y;
        y = last;
    }
    pass8(half / 8, x, x + TP_FFT_PARTS, y, y + TP_FFT_PARTS);
    return y;
}

TP_LANES_TARGET
static float *TP_FFT(complex)(size_t half, float *a, float *b)
{
    /* A size that is known makes for short code: the one that a call at 8 kHz has most of. */
    return half == 128 ? complex_of(128, a, b) : complex_of(half, a, b);
}

/* Value half - k and those before it, in the order of those at k and after. */
TP_LANES_TARGET
TP_INLINE complex_lanes mirrored(const float *re, const float *im, size_t half, size_t k)
{
    const size_t last = half - k + 1 - TP_LANES;
    const complex_lanes z = at(re + last, im + last), m = { lanes_reversed(z.re), lanes_reversed(z.im) };
    return m;
}

TP_LANES_TARGET
TP_INLINE void put_mirrored(complex_lanes z, float *re, float *im, size_t half, size_t k)
{
    const size_t last = half - k + 1 - TP_LANES;
    const complex_lanes m = { lanes_reversed(z.re), lanes_reversed(z.im) };
    put(m, re + last, im + last);
}

/* The spectrum of n real points out of half that of n/2 complex ones: bins k and n/2 - k from each other. z[half] is z[0]. */
TP_LANES_TARGET
TP_INLINE void split(size_t half, const float *zr, const float *zi, const float *c, const float *s, float *re, float *im)
{
    for (size_t k = 0; k < half / 2; k += TP_LANES) {
        const complex_lanes a = at(zr + k, zi + k), b = mirrored(zr, zi, half, k), turn = at(c + k, s + k);
        const complex_lanes ev = { lanes_add(a.re, b.re), lanes_sub(a.im, b.im) };
        const complex_lanes od = { lanes_add(a.im, b.im), lanes_sub(b.re, a.re) };
        const complex_lanes t = turned(od, turn.re, turn.im), low = plus(ev, t);
        const complex_lanes high = { lanes_sub(ev.re, t.re), lanes_sub(t.im, ev.im) };
        put(low, re + k, im + k);
        put_mirrored(high, re, im, half, k);
    }
}

/* The same backwards; conjugated, so that a forward transform of n/2 points, conjugated again, is the inverse. z has a place more. */
TP_LANES_TARGET
TP_INLINE void join(size_t half, const float *re, const float *im, const float *c, const float *s, float scale, float *zr, float *zi)
{
    const lanes up = lanes_set(scale), down = lanes_set(-scale);
    for (size_t k = 0; k < half / 2; k += TP_LANES) {
        const complex_lanes a = at(re + k, im + k), b = mirrored(re, im, half, k), turn = at(c + k, s + k);
        const complex_lanes ev = { lanes_add(a.re, b.re), lanes_sub(a.im, b.im) };
        const complex_lanes d = { lanes_sub(a.re, b.re), lanes_add(a.im, b.im) };
        const complex_lanes od = { lanes_sub(lanes_mul(d.re, turn.re), lanes_mul(d.im, turn.im)),
                                   lanes_add(lanes_mul(d.re, turn.im), lanes_mul(d.im, turn.re)) };
        const complex_lanes low = { lanes_mul(up, lanes_sub(ev.re, od.im)), lanes_mul(down, lanes_add(ev.im, od.re)) };
        const complex_lanes high = { lanes_mul(up, lanes_add(ev.re, od.im)), lanes_mul(up, lanes_sub(ev.im, od.re)) };
        put(low, zr + k, zi + k);
        put_mirrored(high, zr, zi, half, k);
    }
}

TP_LANES_TARGET
TP_INLINE void apart(size_t half, const float *TP_RESTRICT x, float *TP_RESTRICT even, float *TP_RESTRICT odd)
{
    for (size_t i = 0; i < half; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
}

TP_LANES_TARGET
TP_INLINE void together(size_t half, const float *TP_RESTRICT even, const float *TP_RESTRICT odd, float *TP_RESTRICT x)
{
    for (size_t i = 0; i < half; i++) {
        x[2 * i] = even[i];
        x[2 * i + 1] = -odd[i];
    }
}

TP_LANES_TARGET
static void TP_FFT(forward)(size_t n, const float *x, float *re, float *im)
{
    float a[2 * TP_FFT_PARTS], b[2 * TP_FFT_PARTS];
    const size_t half = n / 2;
    apart(half, x, a, a + TP_FFT_PARTS);
    float *const zr = TP_FFT(complex)(half, a, b), *const zi = zr + TP_FFT_PARTS;
    zr[half] = zr[0];
    zi[half] = zi[0];
    split(half, zr, zi, tp_fft_split_cos + TP_FFT_SPLIT_AT(n), tp_fft_split_sin + TP_FFT_SPLIT_AT(n), re, im);
    re[0] = 2.0f * (zr[0] + zi[0]);
    re[half] = 2.0f * (zr[0] - zi[0]);
    re[half / 2] = 2.0f * zr[half / 2];
    im[half / 2] = -2.0f * zi[half / 2];
    im[0] = im[half] = 0.0f;
}

TP_LANES_TARGET
static void TP_FFT(inverse)(size_t n, const float *re, const float *im, float *x)
{
    float a[2 * TP_FFT_PARTS], b[2 * TP_FFT_PARTS], *const ai = a + TP_FFT_PARTS;
    const size_t half = n / 2;
    const float scale = 2.0f / (float)n;
    join(half, re, im, tp_fft_split_cos + TP_FFT_SPLIT_AT(n), tp_fft_split_sin + TP_FFT_SPLIT_AT(n), scale, a, ai);
    a[0] = scale * (re[0] + re[half]);
    ai[0] = -scale * (re[0] - re[half]);
    a[half / 2] = 2.0f * scale * re[half / 2];
    ai[half / 2] = 2.0f * scale * im[half / 2];
    const float *const z = TP_FFT(complex)(half, a, b);
    together(half, z, z + TP_FFT_PARTS, x);
}
