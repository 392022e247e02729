#include "dsp/simd.h"

#include "dsp/cpu.h"

extern const tp_simd_ops tp_simd_plain;
#if TP_HAVE_AVX2
extern const tp_simd_ops tp_simd_avx2, tp_simd_avx512;
#endif
#if TP_HAVE_NEON
extern const tp_simd_ops tp_simd_neon;
#endif

const tp_simd_ops *tp_simd = &tp_simd_plain;

const tp_simd_ops *tp_simd_variant(size_t i)
{
    if (i == 0)
        return &tp_simd_plain;
#if TP_HAVE_AVX2
    if (i == 1 && tp_cpu_has_avx2())
        return &tp_simd_avx2;
    if (i == 2 && tp_cpu_has_avx512())
        return &tp_simd_avx512;
#endif
#if TP_HAVE_NEON
    if (i == 1)
        return &tp_simd_neon;
#endif
    return NULL;
}

void tp_simd_init(void)
{
    const tp_simd_ops *better;
    for (size_t i = 1; (better = tp_simd_variant(i)) != NULL; i++)
        tp_simd = better;
}
