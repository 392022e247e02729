/* What the fuzz targets share: the entry, the run-time variants, state memory, audio made of bytes, cuts. */
#ifndef TALKPATH_FUZZ_H
#define TALKPATH_FUZZ_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/cpu.h"
#include "dsp/simd.h"
#include "talkpath/talkpath.h"

/* One input, without the byte that chose the variant. Every target defines it, and nothing else that libFuzzer calls. */
static int fuzz_one(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* TALKPATH_FUZZ_VARIANT says with which loops all inputs run; without it the last byte of each does. */
static const tp_simd_ops *fuzz_variant;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const NAMES[] = { "plain", TP_HAVE_NEON ? "neon" : "avx2", "avx512" };
    (void)argc;
    (void)argv;
    tp_simd_init();
    const char *name = getenv("TALKPATH_FUZZ_VARIANT");
    for (size_t i = 0; name != NULL && i < 3; i++)
        if (strcmp(name, NAMES[i]) == 0)
            fuzz_variant = tp_simd_variant(i);
    if (name != NULL && fuzz_variant == NULL) {
        printf("%s: not on this machine\n", name);
        exit(0);
    }
    return 0;
}

/* The last byte chooses the loops: plain C for a quarter of its values, the widest for another, else AVX2 or NEON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const tp_simd_ops *own = tp_simd_variant(1), *widest = tp_simd_variant(2);
    own = widest != NULL && data[size - 1] % 4 == 2 ? widest : own;
    tp_simd = own == NULL || data[size - 1] % 4 == 3 ? tp_simd_variant(0) : own;
    tp_simd = fuzz_variant != NULL ? fuzz_variant : tp_simd;
    return fuzz_one(data, size - 1);
}

/* Memory for a kernel's state, to be freed. */
static inline void *fuzz_state(size_t bytes)
{
    return aligned_alloc(TP_ALIGN, (bytes + TP_ALIGN - 1) / TP_ALIGN * TP_ALIGN);
}

/* Audio, to be freed: the bytes themselves (first bit set) or, since random bytes seldom make a tone, the sines and
 * silences that they describe. */
static inline int16_t *fuzz_audio(const uint8_t *data, size_t size, size_t *n)
{
    *n = 0;
    if (size == 0)
        return malloc(sizeof(int16_t));
    if (data[0] & 1) {
        *n = (size - 1) / 2;
        int16_t *pcm = malloc(*n * sizeof *pcm + 1);
        memcpy(pcm, data + 1, *n * sizeof *pcm);
        return pcm;
    }
    const size_t pieces = (size - 1) / 3 < 40 ? (size - 1) / 3 : 40;
    int16_t *pcm = malloc(pieces * 8 * 255 * sizeof *pcm + 1);
    for (size_t i = 0; i < pieces; i++) {
        const uint8_t *d = data + 1 + 3 * i;
        for (int k = 0; k < 8 * d[0]; k++)
            pcm[(*n)++] = (int16_t)(pow(2.0, d[2] / 17.0) * sin(0.012 * d[1] * k));
    }
    return pcm;
}

/* The next piece of a stream with `left` samples to go; `cut` decides, and changes. */
static inline size_t fuzz_cut(size_t *cut, size_t left)
{
    const size_t n = *cut % 500 + 1 < left ? *cut % 500 + 1 : left;
    *cut = *cut * 31 + 7;
    return n;
}

#endif
