/* Memory for the states of calls. A server goes through all of its calls' states every frame, so that hardly an address is still
 * known to the processor's table of pages. On Linux, states of a size lie side by side in pieces of 2 MB, each of which the kernel
 * may make one page (transparent huge pages, where they are not switched off); elsewhere, and where a sanitizer is to see what lies
 * between states, each has its own piece of memory. */
#ifndef TALKPATH_SLAB_H
#define TALKPATH_SLAB_H

#include <Python.h>

#if defined(__SANITIZE_ADDRESS__)
#define TP_SLAB_OFF
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TP_SLAB_OFF
#endif
#endif

#if defined(__linux__) && !defined(TP_SLAB_OFF)
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TP_SLAB_BYTES ((size_t)2 << 20)
#define TP_SLAB_MIN ((size_t)128 << 10) /* at most 16 to a slab */

typedef struct tp_slab {
    struct tp_slab *next;
    char *piece;
    size_t slot;
    uint32_t taken; /* a bit a slot */
} tp_slab;

static tp_slab *tp_slabs;
static PyThread_type_lock tp_slab_lock;

static int tp_slab_import(void)
{
    tp_slab_lock = PyThread_allocate_lock();
    if (tp_slab_lock == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static tp_slab *tp_slab_new(size_t slot)
{
    tp_slab *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->slot = slot;
    s->piece = aligned_alloc(TP_SLAB_BYTES, TP_SLAB_BYTES);
    if (s->piece == NULL) {
        free(s);
        return NULL;
    }
    madvise(s->piece, TP_SLAB_BYTES, MADV_HUGEPAGE); /* if not, then not */
    s->next = tp_slabs;
    tp_slabs = s;
    return s;
}

static size_t tp_slab_slots(const tp_slab *s)
{
    return TP_SLAB_BYTES / s->slot;
}

/* `size` bytes, a multiple of their alignment; NULL: not here. */
static void *tp_slab_take(size_t size)
{
    if (size < TP_SLAB_MIN || size > TP_SLAB_BYTES / 2)
        return NULL;
    PyThread_acquire_lock(tp_slab_lock, WAIT_LOCK);
    tp_slab *s = tp_slabs;
    while (s != NULL && (s->slot != size || s->taken == (1u << tp_slab_slots(s)) - 1))
        s = s->next;
    if (s == NULL)
        s = tp_slab_new(size);
    void *found = NULL;
    for (size_t i = 0; s != NULL && found == NULL; i++)
        if (!(s->taken >> i & 1)) {
            s->taken |= 1u << i;
            found = s->piece + i * size;
        }
    PyThread_release_lock(tp_slab_lock);
    return found;
}

static void tp_slab_give(void *state)
{
    PyThread_acquire_lock(tp_slab_lock, WAIT_LOCK);
    tp_slab **link = &tp_slabs;
    while ((char *)state < (*link)->piece || (char *)state >= (*link)->piece + TP_SLAB_BYTES)
        link = &(*link)->next;
    tp_slab *s = *link;
    s->taken &= ~(1u << ((size_t)((char *)state - s->piece) / s->slot));
    if (s->taken == 0) {
        *link = s->next;
        free(s->piece);
        free(s);
    }
    PyThread_release_lock(tp_slab_lock);
}

#else

static int tp_slab_import(void)
{
    return 0;
}

static void *tp_slab_take(size_t size)
{
    (void)size;
    return NULL;
}

static void tp_slab_give(void *state)
{
    (void)state;
}

#endif
#endif
