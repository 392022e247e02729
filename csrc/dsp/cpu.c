#include "dsp/cpu.h"

#if TP_HAVE_AVX2

/* CPUID is asked directly: not every toolchain's __builtin_cpu_supports works inside a shared library. */
#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>

static void cpuid(int leaf, unsigned r[4])
{
    __cpuidex((int *)r, leaf, 0);
}

static unsigned enabled_state(void)
{
    return (unsigned)_xgetbv(0);
}
#else
#include <cpuid.h>

static void cpuid(int leaf, unsigned r[4])
{
    __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
}

static unsigned enabled_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

int tp_cpu_has_avx2(void)
{
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, avx2 = 1u << 5, ymm_saved = 6u;
    unsigned r[4];
    cpuid(0, r);
    if (r[0] < 7)
        return 0;
    cpuid(1, r);
    if ((r[2] & (fma | osxsave | avx)) != (fma | osxsave | avx) || (enabled_state() & ymm_saved) != ymm_saved)
        return 0;
    cpuid(7, r);
    return (r[1] & avx2) != 0;
}

int tp_cpu_has_avx512(void)
{
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, vbmi2_vnni = 1u << 6 | 1u << 11, zmm_saved = 0xe6u;
    unsigned r[4];
    if (!tp_cpu_has_avx2() || (enabled_state() & zmm_saved) != zmm_saved)
        return 0;
    cpuid(7, r);
    return (r[1] & f_dq_bw_vl) == f_dq_bw_vl && (r[2] & vbmi2_vnni) == vbmi2_vnni;
}

#else

int tp_cpu_has_avx512(void)
{
    return 0;
}

int tp_cpu_has_avx2(void)
{
    return 0;
}

#endif
