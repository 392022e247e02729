# Ambience; csrc/include/talkpath/ambience.h

cdef extern from "talkpath/ambience.h" nogil:
    enum:
        TP_AMBIENCE_SOUNDS
    const char *tp_ambience_name(int)
    size_t tp_ambience_samples(int, int)
    int tp_ambience_generate(int, int, int16_t *, float *)


def ambience_names():
    """The built-in sounds, in their order."""
    return tuple(tp_ambience_name(i).decode() for i in range(TP_AMBIENCE_SOUNDS))


def ambience_generate(index, sample_rate):
    """One loop of a built-in sound, by its place in `ambience_names()`."""
    cdef int16_t *samples = NULL
    cdef size_t n = tp_ambience_samples(index, _int(sample_rate, "sample_rate"))
    if n == 0:
        raise ConfigError(f"sample_rate must be 8000, 16000, 24000 or 48000 (got {sample_rate!r})")
    cdef float *work = <float *>PyMem_Malloc(2 * n * sizeof(float))
    if work == NULL:
        raise MemoryError("no memory to make a background sound")
    loop = tp_new_int16(<Py_ssize_t>n, &samples)
    tp_ambience_generate(index, sample_rate, samples, work)
    PyMem_Free(work)
    return loop
