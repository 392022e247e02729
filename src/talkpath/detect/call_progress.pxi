# Call-progress tones; csrc/include/talkpath/call_progress.h

from libc.stdint cimport uint16_t

from talkpath.results import CallProgress

cdef extern from "talkpath/call_progress.h" nogil:
    ctypedef enum tp_call_tone:
        TP_CALL_TONES
    ctypedef enum tp_call_plan:
        TP_PLANS
    enum:
        TP_CALL_CADENCE
    ctypedef struct tp_call_progress_config:
        int sample_rate_hz
    ctypedef struct tp_call_progress_event:
        tp_call_tone tone
        tp_call_plan plan
        double start_ms
        uint16_t cadence_ms[4]
    ctypedef struct tp_call_progress:
        pass
    const char *tp_call_tone_name(tp_call_tone)
    const char *tp_call_plan_name(tp_call_plan)
    tp_call_progress_config tp_call_progress_defaults()
    const char *tp_call_progress_check(const tp_call_progress_config *)
    size_t tp_call_progress_size(const tp_call_progress_config *)
    int tp_call_progress_init(tp_call_progress *, const tp_call_progress_config *)
    void tp_call_progress_reset(tp_call_progress *)
    size_t tp_call_progress_process(tp_call_progress *, const int16_t *, size_t, tp_call_progress_event *)
    size_t tp_call_progress_delay_samples(const tp_call_progress *)

cdef enum:
    _CALL_PROGRESS_BLOCK = 4096 # samples a native call, so that the events fit into …
    _CALL_PROGRESS_ROOM = 13    # … TP_CALL_PROGRESS_MAX_EVENTS(_CALL_PROGRESS_BLOCK)

cdef tp_call_progress_config _PROGRESS = tp_call_progress_defaults()


@cython.final
cdef class CallProgressDetector(_State):
    """CallProgressDetector(sample_rate=8000)

    Tones of the telephone network: what became of an outbound call before anybody speaks.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.

    Attributes
    ----------
    delay_ms : float
        Delay of an event behind the end of the burst that made it certain.

    Raises
    ------
    ConfigError
        Another sample rate.

    Notes
    -----
    Tones: "dial", "ringback", "busy", "reorder" (congestion), "call_waiting", "sit" (special information: an announcement
    follows), "howler" (receiver off hook), "fax_cng" and "fax_ced" (a fax machine calls, answers). Plans: "north_america",
    "europe" (425 Hz), "uk", "france", "japan", "australia", "itu". One table holds both; sources: ITU-T E.180 and its
    Supplement 2, Q.35, T.30, ANSI T1.401.
    A repeated tone is named after its second burst, once for as long as it goes on; dial tone after 3 s; special
    information tones after the third. Speech and music give no events.
    Any chunk length; the events do not depend on it. Pickles its configuration, not its stream. One object belongs to one
    stream and one thread at a time.
    """
    cdef tp_call_progress_config _config
    cdef tp_call_progress *_c

    def __cinit__(self, sample_rate=_PROGRESS.sample_rate_hz):
        cdef tp_call_progress_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        _check_config(tp_call_progress_check(&config), f"{sample_rate!r}")
        self._config = config
        self._c = <tp_call_progress *>_allocate(self, tp_call_progress_size(&config))
        _check(tp_call_progress_init(self._c, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def delay_ms(self):
        """float: delay of an event behind the end of the burst that made it certain."""
        return tp_call_progress_delay_samples(self._c) * 1000.0 / self._config.sample_rate_hz

    def process(self, pcm, /):
        """process(pcm, /)

        Take the next samples of the stream.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.

        Returns
        -------
        list[CallProgress]
            The tones that became certain within these samples, oldest first; mostly empty.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes). The stream is as before.
        """
        cdef Py_buffer src
        cdef tp_call_progress_event events[_CALL_PROGRESS_ROOM]
        cdef size_t n, at = 0, step, found, i, k
        cdef list result = []
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = <size_t>_get_pcm(pcm, &src)
            while at < n:
                step = n - at if n - at < _CALL_PROGRESS_BLOCK else _CALL_PROGRESS_BLOCK
                found = tp_call_progress_process(self._c, <const int16_t *>src.buf + at, step, events)
                for i in range(found):
                    cadence = []
                    for k in range(TP_CALL_CADENCE):
                        if events[i].cadence_ms[k]:
                            cadence.append(events[i].cadence_ms[k])
                    result.append(CallProgress(tp_call_tone_name(events[i].tone).decode(),
                                               tp_call_plan_name(events[i].plan).decode(), events[i].start_ms, tuple(cadence)))
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
            tp_call_progress_reset(self._c)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate,)

    def __repr__(self):
        return f"CallProgressDetector(sample_rate={self.sample_rate})"
