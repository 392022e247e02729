/*
 * Which instruction set the machine offers, and the compiler's words for it.
 *
 * A function that exists in several variants is written once in plain C (the reference; every compiler vectorises it
 * for its baseline) and, where that pays, once more with TP_TARGET_AVX2 or for NEON. dsp/simd.c chooses at start-up.
 */
#ifndef TALKPATH_DSP_CPU_H
#define TALKPATH_DSP_CPU_H

#if defined(__x86_64__) || defined(_M_X64)
#define TP_HAVE_AVX2 1
#else
#define TP_HAVE_AVX2 0
#endif

#if defined(__aarch64__) || defined(_M_ARM64)
#define TP_HAVE_NEON 1
#else
#define TP_HAVE_NEON 0
#endif

/* GCC and Clang compile one function for a wider machine than the file; MSVC lets any function use any intrinsic. */
#if TP_HAVE_AVX2 && (defined(__GNUC__) || defined(__clang__))
#define TP_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TP_TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")))
#define TP_WIDER 1 /* plain C gains by being compiled for it */
#else
#define TP_TARGET_AVX2
#define TP_TARGET_AVX512
#define TP_WIDER 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TP_RESTRICT __restrict__
#define TP_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define TP_RESTRICT __restrict
#define TP_INLINE static __forceinline
#else
#define TP_RESTRICT restrict
#define TP_INLINE static inline
#endif

/* Before a loop of up to 16 turns, known when it is compiled: to be written out, not made a vector of. */
#if defined(__GNUC__) && !defined(__clang__)
#define TP_UNROLL _Pragma("GCC unroll 16")
#define TP_ROLLED _Pragma("GCC unroll 1") /* before one that is to stay a loop: less code */
#else
#define TP_UNROLL
#define TP_ROLLED
#endif

/* After a sum of a loop was added to: it stays in its register. GCC copies such sums to and fro. */
#if TP_HAVE_AVX2 && defined(__GNUC__) && !defined(__clang__)
#define TP_IN_PLACE(vector) __asm__("" : "+v"(vector))
#else
#define TP_IN_PLACE(vector) ((void)0)
#endif

/* 1 when CPU and operating system both support AVX2 and FMA. */
int tp_cpu_has_avx2(void);

/* 1 when both support AVX-512 with products of bytes, on a CPU that does not slow down for it: those have VBMI2 too. */
int tp_cpu_has_avx512(void);

#endif
