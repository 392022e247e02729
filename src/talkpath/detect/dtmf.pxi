# DTMF detection; csrc/include/talkpath/dtmf.h

from talkpath.results import DtmfDigit

cdef extern from "talkpath/dtmf.h" nogil:
    ctypedef struct tp_dtmf_config:
        int sample_rate_hz
    ctypedef struct tp_dtmf_digit:
        double start_ms
        float level_dbov
        char digit
    ctypedef struct tp_dtmf:
        pass
    tp_dtmf_config tp_dtmf_defaults()
    const char *tp_dtmf_check(const tp_dtmf_config *)
    size_t tp_dtmf_size(const tp_dtmf_config *)
    int tp_dtmf_init(tp_dtmf *, const tp_dtmf_config *)
    void tp_dtmf_reset(tp_dtmf *)
    size_t tp_dtmf_process(tp_dtmf *, const int16_t *, size_t, tp_dtmf_digit *)
    char tp_dtmf_sounding(const tp_dtmf *)
    size_t tp_dtmf_delay_samples(const tp_dtmf *)

cdef enum:
    _DTMF_BLOCK = 4096 # samples a native call, so that the digits fit into …
    _DTMF_ROOM = 33    # … TP_DTMF_MAX_DIGITS(_DTMF_BLOCK)

cdef tp_dtmf_config _DTMF = tp_dtmf_defaults()


@cython.final
cdef class DtmfDetector(_State):
    """DtmfDetector(sample_rate=8000)

    In-band DTMF: which telephone key was pressed. Each press is reported once, as soon as it is certain.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.

    Attributes
    ----------
    delay_ms : float
        Earliest report of a key, counted from the moment it goes down.
    sounding : str or None
        The key that is held down now.

    Raises
    ------
    ConfigError
        Another sample rate.

    Notes
    -----
    Limits after ITU-T Q.24: frequencies ±1.5 % accepted, ±3.5 % rejected; twist -8 … +4 dB; 40 ms of tone and of pause
    enough, 23 ms of tone too short; drop-outs of 10 ms do not split a key; 0 … -36 dBm0 a tone; noise at 12 dB SNR, dial
    tone as loud as the key and speech 15 dB below it do not matter. Speech and music give no digits.
    Any chunk length; the digits do not depend on it. Pickles its configuration, not its stream. One object belongs to one
    stream and one thread at a time.

    Examples
    --------
    >>> d = talkpath.DtmfDetector()
    >>> [press.digit for press in d.process(talkpath.dtmf.generate("42#"))]
    ['4', '2', '#']
    """
    cdef tp_dtmf_config _config
    cdef tp_dtmf *_d

    def __cinit__(self, sample_rate=_DTMF.sample_rate_hz):
        cdef tp_dtmf_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        _check_config(tp_dtmf_check(&config), f"{sample_rate!r}")
        self._config = config
        self._d = <tp_dtmf *>_allocate(self, tp_dtmf_size(&config))
        _check(tp_dtmf_init(self._d, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def delay_ms(self):
        """float: earliest report of a key, counted from the moment it goes down."""
        return tp_dtmf_delay_samples(self._d) * 1000.0 / self._config.sample_rate_hz

    @property
    def sounding(self):
        """str or None: the key that is held down now."""
        cdef char key
        _enter(self)
        try:
            key = tp_dtmf_sounding(self._d)
            return chr(key) if key else None
        finally:
            _leave(self)

    def process(self, pcm, /):
        """process(pcm, /)

        Take the next samples of the stream.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.

        Returns
        -------
        list[DtmfDigit]
            The keys that became certain within these samples, oldest first; mostly empty.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes). The stream is as before.
        """
        cdef Py_buffer src
        cdef tp_dtmf_digit digits[_DTMF_ROOM]
        cdef size_t n, at = 0, step, found, i
        cdef list result = []
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = <size_t>_get_pcm(pcm, &src)
            while at < n:
                step = n - at if n - at < _DTMF_BLOCK else _DTMF_BLOCK
                found = tp_dtmf_process(self._d, <const int16_t *>src.buf + at, step, digits)
                for i in range(found):
                    result.append(DtmfDigit(chr(digits[i].digit), digits[i].start_ms, digits[i].level_dbov))
                at += step
            return result
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream: the object is as new.
        """
        _enter(self)
        try:
            tp_dtmf_reset(self._d)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate,)

    def __repr__(self):
        return f"DtmfDetector(sample_rate={self.sample_rate})"
