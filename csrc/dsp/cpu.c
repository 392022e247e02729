#include "dsp/cpu.h"

#if TP_HAVE_AVX2 && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>

int tp_cpu_has_avx2(void)
{
    int r[4];
    __cpuid(r, 0);
    if (r[0] < 7)
        return 0;
    __cpuid(r, 1);
    /* FMA (bit 12), OSXSAVE (27), AVX (28): then the operating system must save the upper halves too. */
    const int need = (1 << 12) | (1 << 27) | (1 << 28);
    if ((r[2] & need) != need || (_xgetbv(0) & 6) != 6)
        return 0;
    __cpuidex(r, 7, 0);
    return (r[1] >> 5) & 1;
}

#elif TP_HAVE_AVX2

int tp_cpu_has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

int tp_cpu_has_avx2(void)
{
    return 0;
}

#endif
