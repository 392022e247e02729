# Streaming sample-rate conversion; csrc/include/talkpath/resampler.h

cdef extern from "talkpath/resampler.h" nogil:
    ctypedef enum tp_resampler_quality:
        TP_RESAMPLER_LOW_LATENCY
        TP_RESAMPLER_VOICE
        TP_RESAMPLER_HIFI
    ctypedef struct tp_resampler_config:
        int rate_in_hz
        int rate_out_hz
        tp_resampler_quality quality
    ctypedef struct tp_resampler:
        pass
    const char *tp_resampler_check(const tp_resampler_config *)
    size_t tp_resampler_size(const tp_resampler_config *)
    int tp_resampler_init(tp_resampler *, const tp_resampler_config *)
    void tp_resampler_reset(tp_resampler *)
    size_t tp_resampler_output_samples(const tp_resampler *, size_t)
    size_t tp_resampler_process(tp_resampler *, const int16_t *, size_t, int16_t *)
    size_t tp_resampler_flush_samples(const tp_resampler *)
    size_t tp_resampler_flush(tp_resampler *, int16_t *)
    double tp_resampler_delay_ms(const tp_resampler *)
    uint32_t tp_resampler_phases(const tp_resampler *)
    uint32_t tp_resampler_taps(const tp_resampler *)
    void tp_resampler_coefficients(const tp_resampler *, uint32_t, double *)

cdef dict _QUALITIES = {
    "low_latency": TP_RESAMPLER_LOW_LATENCY, "voice": TP_RESAMPLER_VOICE, "hifi": TP_RESAMPLER_HIFI,
}


@cython.final
cdef class Resampler(_State):
    """Resampler(rate_in, rate_out, quality="voice")

    Streaming sample-rate converter: mono, a few milliseconds of constant delay, exact sample counts.

    Parameters
    ----------
    rate_in, rate_out : int
        Hz; 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 or 48000.
    quality : {"voice", "low_latency", "hifi"}
        Delay when 8 kHz is the lower rate, and what is rejected by how much (it shrinks as the lower rate grows):
        "voice" 2.5 ms, 90 dB in the voice band; "low_latency" 1.5 ms, 55 dB; "hifi" 10 ms, 110 dB everywhere.

    Attributes
    ----------
    delay_ms : float
        Constant delay of the output behind the input, exact.

    Raises
    ------
    ConfigError
        A rate or quality that is not listed.

    Notes
    -----
    Polyphase FIR with linear phase and integer arithmetic: the output is the same on every machine and does not
    depend on how the stream is cut. Every input is used at once: after n samples, ceil(n·rate_out/rate_in) have come
    out, so whole frames at whole ratios give whole frames. Saturates, no dither, never cleared by a clock.
    Pickles its configuration, not its stream. One object belongs to one stream and one thread at a time.
    """
    cdef tp_resampler_config _config
    cdef tp_resampler *_r

    def __cinit__(self, rate_in, rate_out, quality="voice"):
        cdef tp_resampler_config config
        config.rate_in_hz = _int(rate_in, "rate_in")
        config.rate_out_hz = _int(rate_out, "rate_out")
        if not isinstance(quality, str) or quality not in _QUALITIES:
            raise ConfigError(f"quality must be 'low_latency', 'voice' or 'hifi' (got {quality!r})")
        config.quality = _QUALITIES[quality]
        _check_config(tp_resampler_check(&config), f"rate_in={rate_in!r}, rate_out={rate_out!r}")
        self._config = config
        self._r = <tp_resampler *>_allocate(self, tp_resampler_size(&config))
        _check(tp_resampler_init(self._r, &config))

    @property
    def rate_in(self):
        """int: Hz."""
        return self._config.rate_in_hz

    @property
    def rate_out(self):
        """int: Hz."""
        return self._config.rate_out_hz

    @property
    def quality(self):
        """str: "low_latency", "voice" or "hifi"."""
        return ("low_latency", "voice", "hifi")[self._config.quality]

    @property
    def delay_ms(self):
        """float: constant delay of the output behind the input, exact."""
        return tp_resampler_delay_ms(self._r)

    def process(self, pcm, /, *, out=None):
        """process(pcm, /, *, out=None)

        Convert the next samples of the stream.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.
        out : writable int16 buffer, optional
            Takes the result; `output_samples(n)` says how many samples that are. Must not overlap `pcm`.

        Returns
        -------
        ndarray[int16] or int
            All output up to the newest sample; with `out`, the number of samples written.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes, or `out` is too short). The stream is as before.
        """
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t n, count
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = _get_pcm(pcm, &src)
            count = <Py_ssize_t>tp_resampler_output_samples(self._r, <size_t>n)
            if out is None:
                out = tp_new_int16(count, &samples)
                tp_resampler_process(self._r, <const int16_t *>src.buf, <size_t>n, samples)
                return out
            _get_out_pcm(out, &dst, count)
            tp_resampler_process(self._r, <const int16_t *>src.buf, <size_t>n, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return count
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def output_samples(self, n, /):
        """output_samples(n, /)

        int: how many samples the next `process` call returns for `n` samples of input.
        """
        _enter(self)
        try:
            if not 0 <= n < 2**48:
                raise ConfigError(f"n must be 0 to 2^48 (got {n})")
            return tp_resampler_output_samples(self._r, <size_t>n)
        finally:
            _leave(self)

    def flush(self, *, out=None):
        """flush(*, out=None)

        End the stream: return what the delay still holds, then reset.

        Returns
        -------
        ndarray[int16] or int
            At most delay + 1 samples; with `out`, the number of samples written.
        """
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t count
        _enter(self)
        try:
            count = <Py_ssize_t>tp_resampler_flush_samples(self._r)
            if out is None:
                out = tp_new_int16(count, &samples)
                tp_resampler_flush(self._r, samples)
                return out
            _get_out_pcm(out, &dst, count)
            tp_resampler_flush(self._r, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return count
        finally:
            _leave(self)

    @property
    def coefficients(self):
        """ndarray[float64], shape (phases, taps): the filter as it is used, newest input last; (0, 0) for equal rates.

        For plots and proofs: output p of a cycle is the dot product of row p with the newest `taps` inputs.
        """
        rows = numpy.zeros((tp_resampler_phases(self._r), tp_resampler_taps(self._r)))
        cdef Py_buffer view
        cdef uint32_t p
        PyObject_GetBuffer(rows, &view, PyBUF_C_CONTIGUOUS)
        for p in range(tp_resampler_phases(self._r)):
            tp_resampler_coefficients(self._r, p, <double *>view.buf + <size_t>p * tp_resampler_taps(self._r))
        PyBuffer_Release(&view)
        return rows

    def reset(self):
        """reset()

        Forget the stream: the object is as new.
        """
        _enter(self)
        try:
            tp_resampler_reset(self._r)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.rate_in, self.rate_out, self.quality)

    def __repr__(self):
        return f"Resampler({self.rate_in}, {self.rate_out}, quality={self.quality!r})"
