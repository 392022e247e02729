# Noise suppression; csrc/include/talkpath/noise_suppressor.h

cdef extern from "talkpath/noise_suppressor.h" nogil:
    ctypedef struct tp_noise_suppressor_config:
        int sample_rate_hz
        int level
    ctypedef struct tp_noise_suppressor:
        pass
    tp_noise_suppressor_config tp_noise_suppressor_defaults()
    const char *tp_noise_suppressor_check(const tp_noise_suppressor_config *)
    size_t tp_noise_suppressor_size(const tp_noise_suppressor_config *)
    int tp_noise_suppressor_init(tp_noise_suppressor *, const tp_noise_suppressor_config *)
    void tp_noise_suppressor_reset(tp_noise_suppressor *)
    void tp_noise_suppressor_process(tp_noise_suppressor *, const int16_t *, int16_t *, size_t)
    int tp_noise_suppressor_set_level(tp_noise_suppressor *, int)
    int tp_noise_suppressor_level(const tp_noise_suppressor *)
    size_t tp_noise_suppressor_delay_samples(const tp_noise_suppressor *)

cdef tp_noise_suppressor_config _SUPPRESSOR = tp_noise_suppressor_defaults()


@cython.final
cdef class NoiseSuppressor(_State):
    """NoiseSuppressor(sample_rate=8000, level=85)

    The caller's voice without what is around it.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    level : int, 60 to 100
        Plivo's `noise_cancellation_level`. The greatest attenuation is 9 dB at 60 and grows by 0.6 dB a step (85: 24 dB, 100:
        33 dB), and with it what is done to sound that may or may not be speech.

    Attributes
    ----------
    level : int
        May be changed at any time, without a click.
    delay_ms : float
        10.0.

    Raises
    ------
    ConfigError
        Another sample rate, a level out of range.

    Notes
    -----
    A small recurrent network over a classical noise and SNR estimator decides the gain of every 31 Hz, every 5 ms. Method, limits
    and cost: csrc/include/talkpath/noise_suppressor.h. Any chunk length; the output does not depend on it. Pickles its configuration,
    not its stream. One object belongs to one stream and one thread at a time.

    Examples
    --------
    >>> ns = talkpath.NoiseSuppressor(sample_rate=8000, level=85)
    >>> len(ns.process(bytes(320)))
    160
    """
    cdef int _sample_rate
    cdef tp_noise_suppressor *_s

    def __cinit__(self, sample_rate=_SUPPRESSOR.sample_rate_hz, level=_SUPPRESSOR.level):
        cdef tp_noise_suppressor_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.level = _int(level, "level")
        _check_config(tp_noise_suppressor_check(&config), f"sample_rate={sample_rate!r}, level={level!r}")
        self._sample_rate = config.sample_rate_hz
        self._s = <tp_noise_suppressor *>_allocate(self, tp_noise_suppressor_size(&config))
        _check(tp_noise_suppressor_init(self._s, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._sample_rate

    @property
    def level(self):
        """int: 60 to 100; may be changed at any time, without a click. `reset` keeps it."""
        _enter(self)
        try:
            return tp_noise_suppressor_level(self._s)
        finally:
            _leave(self)

    @level.setter
    def level(self, level):
        cdef tp_noise_suppressor_config config
        _enter(self)
        try:
            config.sample_rate_hz = self._sample_rate
            config.level = _int(level, "level")
            _check_config(tp_noise_suppressor_check(&config), f"{level!r}")
            _check(tp_noise_suppressor_set_level(self._s, config.level))
        finally:
            _leave(self)

    @property
    def delay_ms(self):
        """float: 10.0."""
        return 1000.0 * tp_noise_suppressor_delay_samples(self._s) / self._sample_rate

    def process(self, pcm, /, *, out=None):
        """process(pcm, /, *, out=None)

        Take the next samples of the stream.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.
        out : writable int16 buffer, optional
            Takes the result; may be `pcm` itself.

        Returns
        -------
        ndarray[int16] or int
            As many samples, `delay_ms` late; with `out`, the number of samples written.

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
                tp_noise_suppressor_process(self._s, <const int16_t *>src.buf, samples, <size_t>n)
                return out
            _get_out_pcm(out, &dst, n)
            tp_noise_suppressor_process(self._s, <const int16_t *>src.buf, <int16_t *>dst.buf, <size_t>n)
            PyBuffer_Release(&dst)
            return n
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream: the object is as new, at the level it has.
        """
        _enter(self)
        try:
            tp_noise_suppressor_reset(self._s)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.level)

    def __repr__(self):
        return f"NoiseSuppressor(sample_rate={self.sample_rate}, level={self.level})"
