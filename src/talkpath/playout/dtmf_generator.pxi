# DTMF generation; csrc/include/talkpath/dtmf_generator.h

cdef extern from "talkpath/dtmf_generator.h" nogil:
    enum:
        TP_DTMF_GENERATOR_KEYS
    ctypedef struct tp_dtmf_generator_config:
        int sample_rate_hz
        int tone_ms
        int gap_ms
        float level_dbov
        float twist_db
    ctypedef struct tp_dtmf_generator:
        pass
    tp_dtmf_generator_config tp_dtmf_generator_defaults()
    const char *tp_dtmf_generator_check(const tp_dtmf_generator_config *)
    size_t tp_dtmf_generator_size(const tp_dtmf_generator_config *)
    int tp_dtmf_generator_init(tp_dtmf_generator *, const tp_dtmf_generator_config *)
    int tp_dtmf_generator_start(tp_dtmf_generator *, const char *, size_t)
    size_t tp_dtmf_generator_left(const tp_dtmf_generator *)
    size_t tp_dtmf_generator_process(tp_dtmf_generator *, int16_t *, size_t)


cdef tp_dtmf_generator_config _KEYS = tp_dtmf_generator_defaults()


def dtmf_generate(digits, sample_rate=_KEYS.sample_rate_hz, tone_ms=_KEYS.tone_ms, gap_ms=_KEYS.gap_ms,
                  level_dbov=_KEYS.level_dbov, twist_db=_KEYS.twist_db, out=None):
    """generate(digits, sample_rate=8000, tone_ms=100, gap_ms=100, level_dbov=-10.0, twist_db=0.0, *, out=None)

    DTMF key presses as audio.

    Parameters
    ----------
    digits : str
        Keys out of ``0123456789*#ABCD`` (a-d as well); may be empty.
    sample_rate : int
        Hz, 8000 to 48000.
    tone_ms, gap_ms : int
        Length of each key (20 to 10000) and of the silence after each, the last included (0 to 10000). Receivers after
        ITU-T Q.24 want 40 ms of both.
    level_dbov : float
        Power of both tones together, -45 to -6. The default leaves each tone at -7 dBm0, as a telephone does.
    twist_db : float
        Level of the high tone minus that of the low one, -12 to 12.
    out : writable int16 buffer, optional
        Takes the samples.

    Returns
    -------
    ndarray[int16], shape (len(digits) · (tone + gap),), or int
        The samples; with `out`, the number of samples written.

    Raises
    ------
    ConfigError
        A value out of its range.
    FormatError
        A character that is no key; the message names it and its position (LengthError: `out` is too short).

    Notes
    -----
    Frequencies of ITU-T Q.23, ramps of 1 ms within the tone, no dither: the same input gives the same samples.
    """
    cdef tp_dtmf_generator_config config
    config.sample_rate_hz = _int(sample_rate, "sample_rate")
    config.tone_ms = _int(tone_ms, "tone_ms")
    config.gap_ms = _int(gap_ms, "gap_ms")
    config.level_dbov = level_dbov
    config.twist_db = twist_db
    _check_config(
        tp_dtmf_generator_check(&config),
        f"sample_rate={sample_rate!r}, tone_ms={tone_ms!r}, gap_ms={gap_ms!r}, level_dbov={level_dbov!r}, twist_db={twist_db!r}",
    )
    if not isinstance(digits, str):
        raise FormatError(f"digits must be a str (got {type(digits).__name__})")
    for i, c in enumerate(digits):
        if c not in "0123456789*#ABCDabcd":
            raise FormatError(f"digits must be out of 0123456789*#ABCD (got {c!r} at position {i})")
    cdef bytes keys = digits.encode("ascii")
    cdef const char *key = keys
    cdef size_t left = <size_t>len(keys), step
    cdef size_t each = <size_t>config.tone_ms * <size_t>config.sample_rate_hz // 1000
    each += <size_t>config.gap_ms * <size_t>config.sample_rate_hz // 1000
    cdef Py_ssize_t n = <Py_ssize_t>(left * each)
    cdef Py_buffer dst
    cdef int16_t *samples = NULL
    cdef _State owner = _State()
    cdef tp_dtmf_generator *g = <tp_dtmf_generator *>_allocate(owner, tp_dtmf_generator_size(&config))
    _check(tp_dtmf_generator_init(g, &config))
    if out is None:
        result = tp_new_int16(n, &samples)
    else:
        _get_out_pcm(out, &dst, n)
        samples = <int16_t *>dst.buf
        result = n
    while left > 0:
        step = left if left < TP_DTMF_GENERATOR_KEYS else TP_DTMF_GENERATOR_KEYS
        tp_dtmf_generator_start(g, key, step)
        samples += tp_dtmf_generator_process(g, samples, step * each)
        key += step
        left -= step
    if out is not None:
        PyBuffer_Release(&dst)
    return result
