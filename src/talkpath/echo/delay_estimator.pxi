# Echo delay; csrc/include/talkpath/delay_estimator.h

from talkpath.results import DelayEstimate

cdef extern from "talkpath/delay_estimator.h" nogil:
    ctypedef struct tp_delay_estimator_config:
        int sample_rate_hz
        int max_delay_ms
    ctypedef struct tp_delay_estimate:
        bint found
        unsigned locks
        float delay_ms
        float score
        float confidence
        float candidate_ms
    ctypedef struct tp_delay_estimator:
        pass
    tp_delay_estimator_config tp_delay_estimator_defaults()
    const char *tp_delay_estimator_check(const tp_delay_estimator_config *)
    size_t tp_delay_estimator_size(const tp_delay_estimator_config *)
    int tp_delay_estimator_init(tp_delay_estimator *, const tp_delay_estimator_config *)
    void tp_delay_estimator_reset(tp_delay_estimator *)
    void tp_delay_estimator_process(tp_delay_estimator *, const int16_t *, const int16_t *, size_t)
    tp_delay_estimate tp_delay_estimator_read(const tp_delay_estimator *)
    size_t tp_delay_estimator_delay_samples(const tp_delay_estimator *)


cdef Py_ssize_t _get_pair(object near, object far, Py_buffer *near_view, Py_buffer *far_view) except -1:
    """Acquires two streams' samples of the same slots of time; either may be None (its buf is then NULL), not both."""
    cdef Py_ssize_t n_near = -1, n_far = -1
    near_view.buf = NULL
    far_view.buf = NULL
    if near is None and far is None:
        raise FormatError("near and far are both None; say lost(n) for n samples of which nothing is known")
    if near is not None:
        n_near = _get_pcm(near, near_view)
    if far is not None:
        try:
            n_far = _get_pcm(far, far_view)
        except BaseException:
            if n_near >= 0:
                PyBuffer_Release(near_view)
            raise
    if n_near >= 0 and n_far >= 0 and n_near != n_far:
        PyBuffer_Release(near_view)
        PyBuffer_Release(far_view)
        raise LengthError(f"near holds {n_near} samples, far {n_far}; both must cover the same time")
    return n_near if n_near >= 0 else n_far


cdef void _release_pair(object near, object far, Py_buffer *near_view, Py_buffer *far_view) noexcept:
    if near is not None:
        PyBuffer_Release(near_view)
    if far is not None:
        PyBuffer_Release(far_view)

cdef tp_delay_estimator_config _DELAY = tp_delay_estimator_defaults()


@cython.final
cdef class DelayEstimator(_State):
    """DelayEstimator(sample_rate=8000, max_delay_ms=600)

    How long after it was sent does our own signal come back?

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    max_delay_ms : int, 100 … 1000
        Longest delay to look for.

    Attributes
    ----------
    delay_ms : float
        0.0: nothing is held back.
    estimate : DelayEstimate
        What is known now.

    Raises
    ------
    ConfigError
        A field out of its range.

    Notes
    -----
    Whitened cross-correlation (Knapp and Carter, 1976) at 4 kHz. `EchoCanceller` and `BargeInGate` have one inside; alone it
    measures lines. Method, limits and cost: csrc/include/talkpath/delay_estimator.h. Any chunk length; the estimates do
    not depend on it. Pickles its configuration, not its stream. One object belongs to one stream and one thread at a time.
    """
    cdef tp_delay_estimator_config _config
    cdef tp_delay_estimator *_d

    def __cinit__(self, sample_rate=_DELAY.sample_rate_hz, max_delay_ms=_DELAY.max_delay_ms):
        cdef tp_delay_estimator_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.max_delay_ms = _int(max_delay_ms, "max_delay_ms")
        _check_config(tp_delay_estimator_check(&config), f"sample_rate={sample_rate!r}, max_delay_ms={max_delay_ms!r}")
        self._config = config
        self._d = <tp_delay_estimator *>_allocate(self, tp_delay_estimator_size(&config))
        _check(tp_delay_estimator_init(self._d, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def max_delay_ms(self):
        """int: longest delay looked for."""
        return self._config.max_delay_ms

    @property
    def delay_ms(self):
        """float: 0.0, nothing is held back."""
        return 1000.0 * tp_delay_estimator_delay_samples(self._d) / self._config.sample_rate_hz

    @property
    def estimate(self):
        """DelayEstimate: what is known now."""
        cdef tp_delay_estimate e
        _enter(self)
        try:
            e = tp_delay_estimator_read(self._d)
            return DelayEstimate(e.delay_ms if e.found else None, e.confidence, e.score)
        finally:
            _leave(self)

    def process(self, near, far, /):
        """process(near, far, /)

        Take the next samples of both streams.

        Parameters
        ----------
        near, far : int16 buffer, shape (n,)
            Received, and sent in the same slots of time; any length, 0 included.

        Returns
        -------
        float or None
            The echo's delay in ms; None while none is known.

        Raises
        ------
        FormatError
            Not int16 (LengthError: unequal lengths). The streams are as before.
        """
        cdef Py_buffer a, b
        cdef Py_ssize_t n
        cdef tp_delay_estimate e
        _enter(self)
        try:
            if near is None or far is None:
                raise FormatError("expected int16 samples of near and far")
            n = _get_pair(near, far, &a, &b)
            tp_delay_estimator_process(self._d, <const int16_t *>a.buf, <const int16_t *>b.buf, <size_t>n)
            _release_pair(near, far, &a, &b)
            e = tp_delay_estimator_read(self._d)
            return e.delay_ms if e.found else None
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the streams: the object is as new.
        """
        _enter(self)
        try:
            tp_delay_estimator_reset(self._d)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.max_delay_ms)

    def __repr__(self):
        return f"DelayEstimator(sample_rate={self.sample_rate}, max_delay_ms={self.max_delay_ms})"
