# Echo cancellation; csrc/include/talkpath/echo_canceller.h

from talkpath.results import EchoDiagnostics

cdef extern from "talkpath/echo_canceller.h" nogil:
    ctypedef struct tp_echo_canceller_config:
        int sample_rate_hz
        int tail_ms
        int max_delay_ms
        int suppress
    ctypedef struct tp_echo_state:
        uint64_t hops
        bint far_sounds
        bint far_active
        bint double_talk
        float delay_ms
        float delay_confidence
        float erl_db
        float erle_db
        float echo_likelihood
        float echo_share
        float near_probability
        float near_logit
    ctypedef struct tp_echo_canceller:
        pass
    tp_echo_canceller_config tp_echo_canceller_defaults()
    const char *tp_echo_canceller_check(const tp_echo_canceller_config *)
    size_t tp_echo_canceller_size(const tp_echo_canceller_config *)
    int tp_echo_canceller_init(tp_echo_canceller *, const tp_echo_canceller_config *)
    void tp_echo_canceller_reset(tp_echo_canceller *)
    void tp_echo_canceller_process(tp_echo_canceller *, const int16_t *, const int16_t *, size_t, int16_t *)
    const tp_echo_state *tp_echo_canceller_state(const tp_echo_canceller *)
    size_t tp_echo_canceller_delay_samples(const tp_echo_canceller *)


cdef object _echo_diagnostics(const tp_echo_state *s):
    return EchoDiagnostics(s.delay_ms if s.delay_ms >= 0 else None, s.delay_confidence, s.erl_db, s.erle_db,
                           s.echo_likelihood, s.near_probability, s.far_active, s.double_talk)


cdef Py_ssize_t _count(object n) except -1:
    """A number of samples."""
    count = whole(n)
    if count is None or not 0 <= count <= 2**31:
        raise LengthError(f"expected a number of samples, got {n!r}")
    return count

cdef tp_echo_canceller_config _ECHO = tp_echo_canceller_defaults()


@cython.final
cdef class EchoCanceller(_State):
    """EchoCanceller(sample_rate=8000, tail_ms=128, max_delay_ms=600, suppress=True)

    Takes the agent's own voice out of what comes back from the telephone, whatever its delay.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    tail_ms : int, 40 … 160
        How long the echo rings on after it arrives.
    max_delay_ms : int, 100 … 1000
        Longest delay of the echo.
    suppress : bool
        False: linear cancellation alone. True: what echo it leaves is suppressed too, band by band.

    Attributes
    ----------
    delay_ms : float
        10.0: how far the output is behind the input.
    delay_estimate_ms : float or None
        The echo's delay, once known.
    erle_db : float
        How much the linear filter takes off now.
    echo_likelihood : float
        0 … 1: this line returns the agent's voice.
    diagnostics : EchoDiagnostics
        All that is known of the newest 10 ms.

    Raises
    ------
    ConfigError
        A field out of its range.

    Notes
    -----
    Nothing needs to be told about the line: the delay is found and followed from audio alone, and a line without echo passes
    through unchanged, 10 ms later. Method: docs/echo.md; limits and cost: csrc/include/talkpath/echo_canceller.h. Any chunk
    length; the output does not depend on it. Pickles its configuration, not its stream. One object belongs to one call
    and one thread at a time.

    Examples
    --------
    >>> canceller = talkpath.EchoCanceller()
    >>> len(canceller.process(bytes(320), bytes(320)))
    160
    """
    cdef tp_echo_canceller_config _config
    cdef tp_echo_canceller *_e

    def __cinit__(self, sample_rate=_ECHO.sample_rate_hz, tail_ms=_ECHO.tail_ms, max_delay_ms=_ECHO.max_delay_ms,
                 suppress=bool(_ECHO.suppress)):
        cdef tp_echo_canceller_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.tail_ms = _int(tail_ms, "tail_ms")
        config.max_delay_ms = _int(max_delay_ms, "max_delay_ms")
        config.suppress = bool(suppress)
        _check_config(tp_echo_canceller_check(&config),
                      f"sample_rate={sample_rate!r}, tail_ms={tail_ms!r}, max_delay_ms={max_delay_ms!r}")
        self._config = config
        self._e = <tp_echo_canceller *>_allocate(self, tp_echo_canceller_size(&config))
        _check(tp_echo_canceller_init(self._e, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def tail_ms(self):
        """int: how long the echo may ring on."""
        return self._config.tail_ms

    @property
    def max_delay_ms(self):
        """int: longest delay of the echo."""
        return self._config.max_delay_ms

    @property
    def suppress(self):
        """bool: what echo the filters leave is suppressed."""
        return bool(self._config.suppress)

    @property
    def delay_ms(self):
        """float: how far the output is behind the input."""
        return 1000.0 * tp_echo_canceller_delay_samples(self._e) / self._config.sample_rate_hz

    @property
    def delay_estimate_ms(self):
        """float or None: the echo's delay, once known."""
        cdef float delay_ms
        _enter(self)
        try:
            delay_ms = tp_echo_canceller_state(self._e).delay_ms
            return delay_ms if delay_ms >= 0 else None
        finally:
            _leave(self)

    @property
    def erle_db(self):
        """float: how much the linear filter takes off now; 0.0 while the agent is silent."""
        _enter(self)
        try:
            return tp_echo_canceller_state(self._e).erle_db
        finally:
            _leave(self)

    @property
    def echo_likelihood(self):
        """float: 0 … 1, this line returns the agent's voice."""
        _enter(self)
        try:
            return tp_echo_canceller_state(self._e).echo_likelihood
        finally:
            _leave(self)

    @property
    def diagnostics(self):
        """EchoDiagnostics: all that is known of the newest whole 10 ms."""
        _enter(self)
        try:
            return _echo_diagnostics(tp_echo_canceller_state(self._e))
        finally:
            _leave(self)

    def process(self, near, far, /, *, out=None):
        """process(near, far, /, *, out=None)

        Take the next samples of both streams.

        Parameters
        ----------
        near : int16 buffer, shape (n,), or None
            Received; any length, 0 included. None: lost, and not concealed; nothing is learnt from it.
        far : int16 buffer, shape (n,), or None
            Sent in the same slots of time. None: not known.
        out : writable int16 buffer, optional
            Takes the result; may be `near` itself.

        Returns
        -------
        ndarray[int16] or int
            As many samples of near without echo, `delay_ms` late; with `out`, their number.

        Raises
        ------
        FormatError
            Not int16, or both None (LengthError: unequal lengths, or `out` is too short). The streams are as before.
        """
        cdef Py_buffer a, b, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t n
        _enter(self)
        try:
            n = _get_pair(near, far, &a, &b)
            try:
                if out is None:
                    out = tp_new_int16(n, &samples)
                    tp_echo_canceller_process(self._e, <const int16_t *>a.buf, <const int16_t *>b.buf, <size_t>n, samples)
                    return out
                _get_out_pcm(out, &dst, n)
                tp_echo_canceller_process(self._e, <const int16_t *>a.buf, <const int16_t *>b.buf, <size_t>n,
                                          <int16_t *>dst.buf)
                PyBuffer_Release(&dst)
                return n
            finally:
                _release_pair(near, far, &a, &b)
        finally:
            _leave(self)

    def lost(self, n, /):
        """lost(n, /)

        Time went on by `n` samples of which nothing is known, neither received nor sent.

        Returns
        -------
        ndarray[int16]
            The `n` samples that were due.

        Raises
        ------
        LengthError
            Not a number of samples.
        """
        cdef int16_t *samples = NULL
        cdef Py_ssize_t count
        _enter(self)
        try:
            count = _count(n)
            out = tp_new_int16(count, &samples)
            tp_echo_canceller_process(self._e, NULL, NULL, <size_t>count, samples)
            return out
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the call: the object is as new.
        """
        _enter(self)
        try:
            tp_echo_canceller_reset(self._e)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.tail_ms, self.max_delay_ms, self.suppress)

    def __repr__(self):
        return (f"EchoCanceller(sample_rate={self.sample_rate}, tail_ms={self.tail_ms}, max_delay_ms={self.max_delay_ms}, "
                f"suppress={self.suppress})")
