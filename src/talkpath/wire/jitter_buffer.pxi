# Jitter buffer; csrc/include/talkpath/jitter_buffer.h

from talkpath.results import JitterStats

cdef extern from "talkpath/jitter_buffer.h" nogil:
    ctypedef struct tp_jitter_buffer_config:
        int sample_rate_hz
        int frame_ms
        int max_ms
    ctypedef struct tp_jitter_buffer_stats:
        uint64_t received
        uint64_t played
        uint64_t late
        uint64_t duplicates
        uint64_t discarded
        uint64_t buffered
        uint64_t lost
        uint64_t underruns
        double concealed_ms
        double inserted_ms
        double removed_ms
        double depth_ms
        double target_ms
    ctypedef struct tp_jitter_buffer:
        pass
    tp_jitter_buffer_config tp_jitter_buffer_defaults()
    const char *tp_jitter_buffer_check(const tp_jitter_buffer_config *)
    size_t tp_jitter_buffer_size(const tp_jitter_buffer_config *)
    int tp_jitter_buffer_init(tp_jitter_buffer *, const tp_jitter_buffer_config *)
    void tp_jitter_buffer_reset(tp_jitter_buffer *)
    size_t tp_jitter_buffer_frame_samples(const tp_jitter_buffer *)
    void tp_jitter_buffer_put(tp_jitter_buffer *, const int16_t *, unsigned short, uint32_t)
    void tp_jitter_buffer_get(tp_jitter_buffer *, int16_t *)
    void tp_jitter_buffer_get_stats(const tp_jitter_buffer *, tp_jitter_buffer_stats *)
    size_t tp_jitter_buffer_delay_samples(const tp_jitter_buffer *)

cdef tp_jitter_buffer_config _JITTER = tp_jitter_buffer_defaults()


cdef uint32_t _wrapped(object value, object mask, str field) except? 1:
    """The low bits of a counter."""
    number = whole(value)
    if number is None:
        raise ConfigError(f"{field} must be a whole number (got {value!r})")
    return number & mask


@cython.final
cdef class JitterBuffer(_State):
    """JitterBuffer(sample_rate=8000, frame_ms=20, max_ms=200)

    Packets in, whenever and in whatever order they come; one frame out at every tick.

    Parameters
    ----------
    sample_rate : {8000, 16000, 24000, 48000}
        Hz.
    frame_ms : {20, 10, 30, 40, 60}
        One packet, and one frame out.
    max_ms : int
        Most delay, two frames to 1000. When more waits, the oldest packets are discarded.

    Attributes
    ----------
    stats : JitterStats
        What the line did, and what was done about it.
    delay_ms : float
        Delay of the buffer now: it adapts to the line's jitter.

    Raises
    ------
    ConfigError
        A value that is not listed.

    Notes
    -----
    Time is counted in calls of `get`: call it once for every frame_ms of play-out, by the receiver's clock, and `put`
    when a packet comes. The delay follows the 97th percentile of the packets' delays; the sender's clock is followed by
    taking out and putting in pitch periods where the signal is steady or quiet; missing packets are concealed. Sequence
    numbers may wrap at 2^16, timestamps at 2^32. Pickles its configuration, not its stream.
    """
    cdef tp_jitter_buffer_config _config
    cdef tp_jitter_buffer *_j

    def __cinit__(self, sample_rate=_JITTER.sample_rate_hz, frame_ms=_JITTER.frame_ms, max_ms=_JITTER.max_ms):
        cdef tp_jitter_buffer_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.frame_ms = _int(frame_ms, "frame_ms")
        config.max_ms = _int(max_ms, "max_ms")
        _check_config(tp_jitter_buffer_check(&config),
                      f"sample_rate={sample_rate!r}, frame_ms={frame_ms!r}, max_ms={max_ms!r}")
        self._config = config
        self._j = <tp_jitter_buffer *>_allocate(self, tp_jitter_buffer_size(&config))
        _check(tp_jitter_buffer_init(self._j, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def frame_ms(self):
        """int: one packet."""
        return self._config.frame_ms

    @property
    def max_ms(self):
        """int: most delay."""
        return self._config.max_ms

    @property
    def delay_ms(self):
        """float: delay of the buffer now."""
        _enter(self)
        try:
            return tp_jitter_buffer_delay_samples(self._j) * 1000.0 / self._config.sample_rate_hz
        finally:
            _leave(self)

    @property
    def stats(self):
        """JitterStats: what the line did, and what was done about it."""
        cdef tp_jitter_buffer_stats s
        _enter(self)
        try:
            tp_jitter_buffer_get_stats(self._j, &s)
            return JitterStats(s.received, s.played, s.late, s.duplicates, s.discarded, s.buffered, s.lost, s.underruns,
                               s.concealed_ms, s.inserted_ms, s.removed_ms, s.depth_ms, s.target_ms)
        finally:
            _leave(self)

    def put(self, pcm, sequence, timestamp, /):
        """put(pcm, sequence, timestamp, /)

        A packet came.

        Parameters
        ----------
        pcm : int16 buffer, shape (frame,)
            Its samples: exactly one frame.
        sequence : int
            RTP sequence number, taken modulo 2^16.
        timestamp : int
            RTP timestamp in samples, taken modulo 2^32.

        Raises
        ------
        FormatError
            Not int16 (LengthError: not one frame). The buffer is as before.
        """
        cdef Py_buffer src
        cdef uint32_t number = _wrapped(sequence, 0xFFFF, "sequence")
        cdef uint32_t time = _wrapped(timestamp, 0xFFFFFFFF, "timestamp")
        cdef Py_ssize_t n, frame
        _enter(self)
        try:
            n = _get_pcm(pcm, &src)
            frame = <Py_ssize_t>tp_jitter_buffer_frame_samples(self._j)
            if n != frame:
                PyBuffer_Release(&src)
                raise LengthError(f"pcm has {n} samples; a packet of {self._config.frame_ms} ms has {frame}")
            tp_jitter_buffer_put(self._j, <const int16_t *>src.buf, <unsigned short>number, time)
            PyBuffer_Release(&src)
        finally:
            _leave(self)

    def get(self, *, out=None):
        """get(*, out=None)

        One frame to play.

        Parameters
        ----------
        out : writable int16 buffer, optional
            At least one frame.

        Returns
        -------
        ndarray[int16], shape (frame,), or int
            Silence until the first packet has waited long enough, then always sound; with `out`, the number of samples.
        """
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t frame
        _enter(self)
        try:
            frame = <Py_ssize_t>tp_jitter_buffer_frame_samples(self._j)
            if out is None:
                out = tp_new_int16(frame, &samples)
                tp_jitter_buffer_get(self._j, samples)
                return out
            _get_out_pcm(out, &dst, frame)
            tp_jitter_buffer_get(self._j, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return frame
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream and its statistics: the object is as new.
        """
        _enter(self)
        try:
            tp_jitter_buffer_reset(self._j)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.frame_ms, self.max_ms)

    def __repr__(self):
        return f"JitterBuffer(sample_rate={self.sample_rate}, frame_ms={self.frame_ms}, max_ms={self.max_ms})"
