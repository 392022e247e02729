# Barge-in; csrc/include/talkpath/barge_in.h

from talkpath.results import GateDiagnostics, GateResult

cdef extern from "talkpath/barge_in.h" nogil:
    ctypedef struct tp_barge_in_config:
        int sample_rate_hz
        int min_speech_ms
        int warm_up_ms
        int tail_ms
        int max_delay_ms
    ctypedef struct tp_barge_in_reading:
        bint barge_in
        bint near_end_active
        float speech_probability
        float echo_probability
        float evidence
        uint64_t onset_samples
        uint64_t samples
        float level_dbov
        float caller_dbov
    ctypedef struct tp_barge_in:
        pass
    tp_barge_in_config tp_barge_in_defaults()
    const char *tp_barge_in_check(const tp_barge_in_config *)
    size_t tp_barge_in_size(const tp_barge_in_config *)
    int tp_barge_in_init(tp_barge_in *, const tp_barge_in_config *)
    void tp_barge_in_reset(tp_barge_in *)
    bint tp_barge_in_process(tp_barge_in *, const int16_t *, const int16_t *, size_t, int16_t *)
    const tp_barge_in_reading *tp_barge_in_read(const tp_barge_in *)
    const tp_echo_state *tp_barge_in_echo(const tp_barge_in *)
    int tp_barge_in_set_min_speech_ms(tp_barge_in *, int)
    size_t tp_barge_in_delay_samples(const tp_barge_in *)

cdef tp_barge_in_config _GATE = tp_barge_in_defaults()


@cython.final
cdef class BargeInGate(_State):
    """BargeInGate(sample_rate=8000, min_speech_ms=300, warm_up_ms=0, tail_ms=128, max_delay_ms=600)

    Is that the caller, talking while the agent talks? The agent's own echo never counts.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz. At 16 kHz the decision listens to what a telephone would carry; the output covers the full band.
    min_speech_ms : int, 20 … 2000
        Least length of speech, counted over what sounds, that interrupts. May be set at any time. At 100 and less the
        evidence alone decides; from 100 to 300 ms more and more evidence is asked for.
    warm_up_ms : int, 0 … 5000
        So long after the agent began to speak, barge-in needs half as much evidence again. A clear shout still gets through.
    tail_ms, max_delay_ms : int
        As for `EchoCanceller`.

    Attributes
    ----------
    delay_ms : float
        10.0: how far the PCM is behind the input. Decisions are not.
    diagnostics : GateDiagnostics
        All that is known of the newest 10 ms.

    Raises
    ------
    ConfigError
        A field out of its range.

    Notes
    -----
    Give it the whole call, the agent's pauses too: it then knows the line when it matters, and how loud the caller is; a voice far
    below that is taken for somebody else's in the room. Sub-band Kalman filters, a small
    recurrent network over what they know, and a sequential test (Wald, 1945) on its log-odds. Method: docs/echo.md; limits
    and cost: csrc/include/talkpath/barge_in.h. Any chunk length; decisions fall every 10 ms and neither they nor the output depend on
    it. Pickles its configuration, not its stream. One object belongs to one call and one thread at a time.

    Examples
    --------
    >>> gate = talkpath.BargeInGate(min_speech_ms=300)
    >>> gate.process(bytes(320), bytes(320)).barge_in
    False
    """
    cdef tp_barge_in_config _config
    cdef tp_barge_in *_g

    def __cinit__(self, sample_rate=_GATE.sample_rate_hz, min_speech_ms=_GATE.min_speech_ms, warm_up_ms=_GATE.warm_up_ms,
                 tail_ms=_GATE.tail_ms, max_delay_ms=_GATE.max_delay_ms):
        cdef tp_barge_in_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.min_speech_ms = _int(min_speech_ms, "min_speech_ms")
        config.warm_up_ms = _int(warm_up_ms, "warm_up_ms")
        config.tail_ms = _int(tail_ms, "tail_ms")
        config.max_delay_ms = _int(max_delay_ms, "max_delay_ms")
        _check_config(tp_barge_in_check(&config),
                      f"sample_rate={sample_rate!r}, min_speech_ms={min_speech_ms!r}, warm_up_ms={warm_up_ms!r}, "
                      f"tail_ms={tail_ms!r}, max_delay_ms={max_delay_ms!r}")
        self._config = config
        self._g = <tp_barge_in *>_allocate(self, tp_barge_in_size(&config))
        _check(tp_barge_in_init(self._g, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def min_speech_ms(self):
        """int: least length of speech that interrupts; may be set at any time."""
        return self._config.min_speech_ms

    @min_speech_ms.setter
    def min_speech_ms(self, value):
        cdef tp_barge_in_config config = self._config
        _enter(self)
        try:
            config.min_speech_ms = _int(value, "min_speech_ms")
            _check_config(tp_barge_in_check(&config), f"{value!r}")
            _check(tp_barge_in_set_min_speech_ms(self._g, config.min_speech_ms))
            self._config = config
        finally:
            _leave(self)

    @property
    def warm_up_ms(self):
        """int: so long after the agent began to speak, barge-in needs more evidence."""
        return self._config.warm_up_ms

    @property
    def tail_ms(self):
        """int: how long the echo may ring on."""
        return self._config.tail_ms

    @property
    def max_delay_ms(self):
        """int: longest delay of the echo."""
        return self._config.max_delay_ms

    @property
    def delay_ms(self):
        """float: how far the PCM is behind the input; decisions are not."""
        return 1000.0 * tp_barge_in_delay_samples(self._g) / self._config.sample_rate_hz

    @property
    def diagnostics(self):
        """GateDiagnostics: all that is known of the newest whole 10 ms."""
        cdef const tp_barge_in_reading *r
        _enter(self)
        try:
            r = tp_barge_in_read(self._g)
            onset_ms = 1000.0 * r.onset_samples / self._config.sample_rate_hz if r.onset_samples else None
            return GateDiagnostics(r.evidence, onset_ms, _echo_diagnostics(tp_barge_in_echo(self._g)), r.level_dbov,
                                   r.caller_dbov if r.caller_dbov > -100 else None)
        finally:
            _leave(self)

    cdef object _result(self, object pcm, bint barge_in):
        cdef const tp_barge_in_reading *r = tp_barge_in_read(self._g)
        return GateResult(pcm, r.speech_probability, r.echo_probability, r.near_end_active, barge_in)

    def process(self, near, far, /, *, out=None):
        """process(near, far, /, *, out=None)

        Take the next samples of both streams.

        Parameters
        ----------
        near : int16 buffer, shape (n,), or None
            Received; any length, 0 included. None: lost, and not concealed; nothing is learnt from it.
        far : int16 buffer, shape (n,), or None
            Sent in the same slots of time, zeros while nothing was. None: not known.
        out : writable int16 buffer, optional
            Takes the PCM; may be `near` itself.

        Returns
        -------
        GateResult
            As many samples of near without echo, `delay_ms` late (with `out`, their number); what the newest whole 10 ms were;
            whether the decision to interrupt held at any time in these samples.

        Raises
        ------
        FormatError
            Not int16, or both None (LengthError: unequal lengths, or `out` is too short). The streams are as before.
        """
        cdef Py_buffer a, b, dst
        cdef int16_t *samples = NULL
        cdef bint held
        cdef Py_ssize_t n
        _enter(self)
        try:
            n = _get_pair(near, far, &a, &b)
            try:
                if out is None:
                    out = tp_new_int16(n, &samples)
                    held = tp_barge_in_process(self._g, <const int16_t *>a.buf, <const int16_t *>b.buf, <size_t>n, samples)
                    return self._result(out, held)
                _get_out_pcm(out, &dst, n)
                held = tp_barge_in_process(self._g, <const int16_t *>a.buf, <const int16_t *>b.buf, <size_t>n, <int16_t *>dst.buf)
                PyBuffer_Release(&dst)
                return self._result(n, held)
            finally:
                _release_pair(near, far, &a, &b)
        finally:
            _leave(self)

    def lost(self, n, /):
        """lost(n, /)

        Time went on by `n` samples of which nothing is known, neither received nor sent.

        Returns
        -------
        GateResult
            As `process`, with the `n` samples that were due.

        Raises
        ------
        LengthError
            Not a number of samples.
        """
        cdef int16_t *samples = NULL
        cdef Py_ssize_t count
        cdef bint held
        _enter(self)
        try:
            count = _count(n)
            out = tp_new_int16(count, &samples)
            held = tp_barge_in_process(self._g, NULL, NULL, <size_t>count, samples)
            return self._result(out, held)
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the call: the object is as new.
        """
        _enter(self)
        try:
            tp_barge_in_reset(self._g)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.min_speech_ms, self.warm_up_ms, self.tail_ms, self.max_delay_ms)

    def __repr__(self):
        return (f"BargeInGate(sample_rate={self.sample_rate}, min_speech_ms={self.min_speech_ms}, "
                f"warm_up_ms={self.warm_up_ms}, tail_ms={self.tail_ms}, max_delay_ms={self.max_delay_ms})")
