/* Flags that say who is inside an object, and counts of threads at work. A flag that is only touched with the GIL is a plain byte;
 * where there is no GIL it is atomic. Neither ever waits: who comes second is refused. */
#ifndef TALKPATH_OWNER_H
#define TALKPATH_OWNER_H

#include <Python.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define TP_SWAP(flag) _InterlockedExchange8((volatile char *)(flag), 1)
#define TP_CLEAR(flag) ((void)_InterlockedExchange8((volatile char *)(flag), 0))
#define TP_ADD(count, n) _InterlockedExchangeAdd((volatile long *)(count), (n))
#else
#define TP_SWAP(flag) __atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE)
#define TP_CLEAR(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
#define TP_ADD(count, n) __atomic_fetch_add((count), (n), __ATOMIC_ACQ_REL)
#endif

/* With the GIL held, where there is one. 1: taken; 0: somebody else has it. */
static inline int tp_owner_take(char *flag)
{
#ifdef Py_GIL_DISABLED
    return TP_SWAP(flag) == 0;
#else
    if (*flag)
        return 0;
    *flag = 1;
    return 1;
#endif
}

static inline void tp_owner_give(char *flag)
{
#ifdef Py_GIL_DISABLED
    TP_CLEAR(flag);
#else
    *flag = 0;
#endif
}

/* The same without the GIL, for what is taken once and never given back. */
static inline int tp_once(char *flag)
{
    return TP_SWAP(flag) == 0;
}

/* Threads at work on something that is open: a count, and a bit that says that it is closed. */
#define TP_WORK_CLOSED 0x40000000L

static inline int tp_work_is_open(long *work)
{
    return TP_ADD(work, 0L) < TP_WORK_CLOSED;
}

static inline void tp_work_open(long *work)
{
    if (!tp_work_is_open(work))
        TP_ADD(work, -TP_WORK_CLOSED);
}

/* 1: open, and counted. */
static inline int tp_work_enter(long *work)
{
    if (TP_ADD(work, 1L) < TP_WORK_CLOSED)
        return 1;
    TP_ADD(work, -1L);
    return 0;
}

static inline void tp_work_leave(long *work)
{
    TP_ADD(work, -1L);
}

/* Nobody enters any more. */
static inline void tp_work_close(long *work)
{
    if (tp_work_is_open(work))
        TP_ADD(work, TP_WORK_CLOSED);
}

static inline int tp_work_is_done(long *work)
{
    return (TP_ADD(work, 0L) & ~TP_WORK_CLOSED) == 0;
}

/* A moment, for whoever waits for the others' last call. */
static inline void tp_wait(void)
{
#ifdef _WIN32
    Sleep(0);
#else
    const struct timespec moment = { .tv_nsec = 20000 };
    nanosleep(&moment, NULL);
#endif
}

#endif
