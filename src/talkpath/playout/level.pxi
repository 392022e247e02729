# Level of the agent's voice; csrc/include/talkpath/level.h

cdef extern from "talkpath/level.h" nogil:
    ctypedef struct tp_level_config:
        int sample_rate_hz
        float target_dbov
    ctypedef struct tp_level:
        pass
    tp_level_config tp_level_defaults()
    const char *tp_level_check(const tp_level_config *)
    size_t tp_level_size(const tp_level_config *)
    int tp_level_init(tp_level *, const tp_level_config *)
    void tp_level_reset(tp_level *)
    void tp_level_process(tp_level *, const int16_t *, size_t, int16_t *)
    float tp_level_speech_dbov(const tp_level *)
    float tp_level_gain_db(const tp_level *)
    size_t tp_level_delay_samples(const tp_level *)

cdef tp_level_config _LEVEL = tp_level_defaults()


@cython.final
cdef class LevelNormalizer(_State):
    """LevelNormalizer(sample_rate=8000, target_dbov=-19.0)

    The agent's voice at the level that telephones expect, without DC and without clipping.

    Parameters
    ----------
    sample_rate : int
        Hz, 8000 to 48000.
    target_dbov : float
        Active speech level, -35 to -10.

    Attributes
    ----------
    delay_ms : float
        0.

    Raises
    ------
    ConfigError
        A value out of its range.

    Notes
    -----
    The gain is -15 to 15 dB and follows at 3 dB/s, faster in the first half second of speech; pauses do not count. Method, limits and
    cost: csrc/include/talkpath/level.h. Any chunk length. Pickles its configuration, not its stream. One object belongs to
    one stream and one thread at a time.
    """
    cdef tp_level_config _config
    cdef tp_level *_l

    def __cinit__(self, sample_rate=_LEVEL.sample_rate_hz, target_dbov=_LEVEL.target_dbov):
        cdef tp_level_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.target_dbov = <float>_float(target_dbov, "target_dbov")
        _check_config(tp_level_check(&config), f"sample_rate={sample_rate!r}, target_dbov={target_dbov!r}")
        self._config = config
        self._l = <tp_level *>_allocate(self, tp_level_size(&config))
        _check(tp_level_init(self._l, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def target_dbov(self):
        """float: active speech level that is aimed at."""
        return self._config.target_dbov

    @property
    def delay_ms(self):
        """float: 0.0."""
        return tp_level_delay_samples(self._l) * 1000.0 / self._config.sample_rate_hz

    @property
    def speech_dbov(self):
        """float: active level of what came in; -127 before any speech."""
        _enter(self)
        try:
            return tp_level_speech_dbov(self._l)
        finally:
            _leave(self)

    @property
    def gain_db(self):
        """float: what is added now."""
        _enter(self)
        try:
            return tp_level_gain_db(self._l)
        finally:
            _leave(self)

    def process(self, pcm, /, *, out=None):
        """process(pcm, /, *, out=None)

        Bring the next samples of the stream to level.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.
        out : writable int16 buffer, optional
            Takes the result; may be `pcm`.

        Returns
        -------
        ndarray[int16], shape (n,), or int
            The samples; with `out`, how many were written.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes, or `out` is too short). The stream is as before.
        """
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t n
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = _get_pcm(pcm, &src)
            if out is None:
                out = tp_new_int16(n, &samples)
                tp_level_process(self._l, <const int16_t *>src.buf, <size_t>n, samples)
                return out
            _get_out_pcm(out, &dst, n)
            tp_level_process(self._l, <const int16_t *>src.buf, <size_t>n, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return n
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream: the object is as new.
        """
        _enter(self)
        try:
            tp_level_reset(self._l)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.target_dbov)

    def __repr__(self):
        return f"LevelNormalizer(sample_rate={self.sample_rate}, target_dbov={self.target_dbov:g})"
