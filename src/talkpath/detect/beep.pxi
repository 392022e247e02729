# Voicemail beep; csrc/include/talkpath/beep.h

from talkpath.results import Beep, Tone

cdef extern from "talkpath/beep.h" nogil:
    ctypedef struct tp_beep_config:
        int sample_rate_hz
        int timeout_ms
    ctypedef struct tp_beep_event:
        float frequency_hz
        float level_dbov
        double start_ms
        double end_ms
    ctypedef struct tp_beep_tone:
        float frequency_hz
        float level_dbov
        double start_ms
    ctypedef struct tp_beep:
        pass
    tp_beep_config tp_beep_defaults()
    const char *tp_beep_check(const tp_beep_config *)
    size_t tp_beep_size(const tp_beep_config *)
    int tp_beep_init(tp_beep *, const tp_beep_config *)
    void tp_beep_reset(tp_beep *)
    size_t tp_beep_process(tp_beep *, const int16_t *, size_t, tp_beep_event *)
    int tp_beep_sounding(const tp_beep *, tp_beep_tone *)
    int tp_beep_timed_out(const tp_beep *)
    size_t tp_beep_delay_samples(const tp_beep *)

cdef enum:
    _BEEP_BLOCK = 4096 # samples a native call, so that the beeps fit into …
    _BEEP_ROOM = 7     # … TP_BEEP_MAX_EVENTS(_BEEP_BLOCK)

cdef tp_beep_config _BEEP = tp_beep_defaults()


@cython.final
cdef class BeepDetector(_State):
    """BeepDetector(sample_rate=8000, timeout_ms=None)

    Voicemail beep: one event a beep, when it is over and certain. Re-arms itself.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    timeout_ms : int, optional
        Stop listening after so much audio without a beep (`timed_out`); the default never stops.

    Attributes
    ----------
    delay_ms : float
        An event comes at most so long after the end of its beep.
    sounding : Tone or None
        A tone that is heard now and may become a beep.
    timed_out : bool
        `timeout_ms` have passed without a beep: nothing is looked for until `reset`.

    Raises
    ------
    ConfigError
        Another sample rate, a negative time-out.

    Notes
    -----
    Finds steady, ramped, slightly chirped, clipped or harmonic-rich tones and pairs of tones between 300 and 3000 Hz, of
    80 ms to 5 s, from -35 dBov, in noise down to 10 dB SNR; with drop-outs of up to 60 ms, concealed frames, steps of its
    level or in two parts it is found once, with its whole length. Does not report speech, singing, music, DTMF, dial tone,
    ringback, busy, reorder, SIT, fax or howler tones. One burst of an unknown single-frequency network tone cannot be told
    from a beep; its repetitions can. Given up for that: beeps that look exactly like a burst of 400, 425 or 440 Hz busy
    tone or 1100 Hz fax calling tone.
    Any chunk length; the events do not depend on it. Pickles its configuration, not its stream. One object belongs to one
    stream and one thread at a time.
    """
    cdef tp_beep_config _config
    cdef tp_beep *_b

    def __cinit__(self, sample_rate=_BEEP.sample_rate_hz, timeout_ms=None):
        cdef tp_beep_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.timeout_ms = 0
        if timeout_ms is not None:
            config.timeout_ms = _int(timeout_ms, "timeout_ms")
            if config.timeout_ms == 0:
                raise ConfigError("timeout_ms must be positive, or None for never (got 0)")
        _check_config(tp_beep_check(&config), f"sample_rate={sample_rate!r}, timeout_ms={timeout_ms!r}")
        self._config = config
        self._b = <tp_beep *>_allocate(self, tp_beep_size(&config))
        _check(tp_beep_init(self._b, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def timeout_ms(self):
        """int or None: how long a beep is waited for."""
        return self._config.timeout_ms or None

    @property
    def delay_ms(self):
        """float: an event comes at most so long after the end of its beep."""
        return tp_beep_delay_samples(self._b) * 1000.0 / self._config.sample_rate_hz

    @property
    def sounding(self):
        """Tone or None: a tone that is heard now and may become a beep."""
        cdef tp_beep_tone tone
        _enter(self)
        try:
            if not tp_beep_sounding(self._b, &tone):
                return None
            return Tone(tone.frequency_hz, tone.level_dbov, tone.start_ms)
        finally:
            _leave(self)

    @property
    def timed_out(self):
        """bool: `timeout_ms` have passed without a beep."""
        _enter(self)
        try:
            return bool(tp_beep_timed_out(self._b))
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
        list[Beep]
            The beeps that ended and became certain within these samples, oldest first; mostly empty.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes). The stream is as before.
        """
        cdef Py_buffer src
        cdef tp_beep_event beeps[_BEEP_ROOM]
        cdef size_t n, at = 0, step, found, i
        cdef list result = []
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = <size_t>_get_pcm(pcm, &src)
            while at < n:
                step = n - at if n - at < _BEEP_BLOCK else _BEEP_BLOCK
                found = tp_beep_process(self._b, <const int16_t *>src.buf + at, step, beeps)
                for i in range(found):
                    result.append(Beep(beeps[i].frequency_hz, beeps[i].end_ms - beeps[i].start_ms, beeps[i].level_dbov,
                                       beeps[i].start_ms, beeps[i].end_ms))
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
            tp_beep_reset(self._b)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.timeout_ms)

    def __repr__(self):
        return f"BeepDetector(sample_rate={self.sample_rate}, timeout_ms={self.timeout_ms})"
