# Packet-loss concealment; csrc/include/talkpath/plc.h

cdef extern from "talkpath/plc.h" nogil:
    ctypedef struct tp_plc_config:
        int sample_rate_hz
        int frame_ms
    ctypedef struct tp_plc:
        pass
    tp_plc_config tp_plc_defaults()
    const char *tp_plc_check(const tp_plc_config *)
    size_t tp_plc_size(const tp_plc_config *)
    int tp_plc_init(tp_plc *, const tp_plc_config *)
    void tp_plc_reset(tp_plc *)
    size_t tp_plc_frame_samples(const tp_plc *)
    size_t tp_plc_delay_samples(const tp_plc *)
    size_t tp_plc_lost_samples(const tp_plc *)
    void tp_plc_receive(tp_plc *, const int16_t *, int16_t *)
    void tp_plc_conceal(tp_plc *, int16_t *)

cdef tp_plc_config _PLC = tp_plc_defaults()


@cython.final
cdef class PacketLossConcealer(_State):
    """PacketLossConcealer(sample_rate=8000, frame_ms=20)

    Sound for the frames that never came: call `receive` for each good frame, `conceal` for each lost one, in order.

    Parameters
    ----------
    sample_rate : {8000, 16000, 24000, 48000}
        Hz.
    frame_ms : {10, 20, 30, 40, 60}
        Length of every frame.

    Attributes
    ----------
    delay_ms : float
        0.0: nothing is held back.
    lost_ms : float
        How much has been concealed since the last good frame.

    Raises
    ------
    ConfigError
        Another sample rate or frame length.

    Notes
    -----
    Good frames come out bit for bit, except the first after a loss, whose first 12 to 17.5 ms (10 ms frames: all of it) are
    cross-faded from the concealment. Concealment continues the voice's pitch, envelope and noisiness for 20 ms, then
    fades within 120 ms to noise like the line's own background, at least -74.3 dBov. Linear prediction and pitch repetition
    after Gunduzhan and Momtahan (2001), with pitch trend and aligned recovery; the task is that of ITU-T G.711 Appendix I.
    Pickles its configuration, not its stream. One object belongs to one stream and one thread at a time.
    """
    cdef tp_plc_config _config
    cdef tp_plc *_p
    cdef Py_ssize_t _n

    def __cinit__(self, sample_rate=_PLC.sample_rate_hz, frame_ms=_PLC.frame_ms):
        cdef tp_plc_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.frame_ms = _int(frame_ms, "frame_ms")
        _check_config(tp_plc_check(&config), f"sample_rate={sample_rate!r}, frame_ms={frame_ms!r}")
        self._config = config
        self._p = <tp_plc *>_allocate(self, tp_plc_size(&config))
        _check(tp_plc_init(self._p, &config))
        self._n = <Py_ssize_t>tp_plc_frame_samples(self._p)

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def frame_ms(self):
        """int: length of every frame."""
        return self._config.frame_ms

    @property
    def delay_ms(self):
        """float: 0.0, nothing is held back."""
        return 1000.0 * tp_plc_delay_samples(self._p) / self._config.sample_rate_hz

    @property
    def lost_ms(self):
        """float: how much has been concealed since the last good frame."""
        _enter(self)
        try:
            return 1000.0 * tp_plc_lost_samples(self._p) / self._config.sample_rate_hz
        finally:
            _leave(self)

    def receive(self, pcm, /, *, out=None):
        """receive(pcm, /, *, out=None)

        A good frame came.

        Parameters
        ----------
        pcm : int16 buffer, shape (frame,)
            Exactly one frame: sample_rate · frame_ms / 1000 samples.
        out : writable int16 buffer, optional
            Takes the result; may be `pcm` itself.

        Returns
        -------
        ndarray[int16] or int
            The frame to play, of the same length; with `out`, the number of samples written.

        Raises
        ------
        FormatError
            Not int16 (LengthError: not one frame, or `out` is too short). The stream is as before.
        """
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t n
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = _get_pcm(pcm, &src)
            if n != self._n:
                raise LengthError(f"expected one frame of {self._n} samples, got {n}")
            if out is None:
                out = tp_new_int16(n, &samples)
                tp_plc_receive(self._p, <const int16_t *>src.buf, samples)
                return out
            _get_out_pcm(out, &dst, n)
            tp_plc_receive(self._p, <const int16_t *>src.buf, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return n
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def conceal(self, *, out=None):
        """conceal(*, out=None)

        A frame is lost.

        Returns
        -------
        ndarray[int16] or int
            One frame to play instead; with `out`, the number of samples written.

        Raises
        ------
        FormatError
            `out` is not int16 (LengthError: too short). The stream is as before.
        """
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        _enter(self)
        try:
            if out is None:
                out = tp_new_int16(self._n, &samples)
                tp_plc_conceal(self._p, samples)
                return out
            _get_out_pcm(out, &dst, self._n)
            tp_plc_conceal(self._p, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return self._n
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream: the object is as new.
        """
        _enter(self)
        try:
            tp_plc_reset(self._p)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.frame_ms)

    def __repr__(self):
        return f"PacketLossConcealer(sample_rate={self.sample_rate}, frame_ms={self.frame_ms})"
