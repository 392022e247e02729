# Answering-machine detection; csrc/include/talkpath/answering_machine.h

from talkpath.results import AmdResult

cdef extern from "talkpath/answering_machine.h" nogil:
    ctypedef struct tp_amd_config:
        int sample_rate_hz
        int initial_silence_ms
        int greeting_ms
        int after_greeting_silence_ms
        int between_words_silence_ms
        int maximum_words
        int total_ms
    ctypedef enum tp_amd_result:
        TP_AMD_UNDECIDED
        TP_AMD_HUMAN
        TP_AMD_MACHINE
        TP_AMD_UNKNOWN
    ctypedef enum tp_amd_reason:
        TP_AMD_NO_REASON
        TP_AMD_SHORT_GREETING
        TP_AMD_LONG_GREETING
        TP_AMD_MAXIMUM_WORDS
        TP_AMD_INITIAL_SILENCE
        TP_AMD_TOTAL_TIME
        TP_AMD_END_OF_AUDIO
    ctypedef struct tp_amd_decision:
        tp_amd_result result
        tp_amd_reason reason
        float confidence
        double decided_ms
    ctypedef struct tp_amd:
        pass
    tp_amd_config tp_amd_defaults()
    const char *tp_amd_check(const tp_amd_config *)
    size_t tp_amd_size(const tp_amd_config *)
    int tp_amd_init(tp_amd *, const tp_amd_config *)
    void tp_amd_reset(tp_amd *)
    int tp_amd_process(tp_amd *, const int16_t *, size_t, tp_amd_decision *)
    void tp_amd_finish(tp_amd *, tp_amd_decision *)
    size_t tp_amd_delay_samples(const tp_amd *)

cdef dict _AMD_RESULTS = {TP_AMD_UNDECIDED: "undecided", TP_AMD_HUMAN: "human", TP_AMD_MACHINE: "machine",
                          TP_AMD_UNKNOWN: "unknown"}
cdef dict _AMD_REASONS = {
    TP_AMD_NO_REASON: "", TP_AMD_SHORT_GREETING: "short_greeting", TP_AMD_LONG_GREETING: "long_greeting",
    TP_AMD_MAXIMUM_WORDS: "maximum_words", TP_AMD_INITIAL_SILENCE: "initial_silence", TP_AMD_TOTAL_TIME: "total_time",
    TP_AMD_END_OF_AUDIO: "end_of_audio",
}


cdef object _amd_result(const tp_amd_decision *d):
    return AmdResult(_AMD_RESULTS[d.result], round(d.confidence, 2), _AMD_REASONS[d.reason], d.decided_ms)

cdef tp_amd_config _AMD = tp_amd_defaults()


@cython.final
cdef class AnsweringMachineDetector(_State):
    """AnsweringMachineDetector(sample_rate=8000, *, initial_silence_ms=3200, greeting_ms=3400, after_greeting_silence_ms=1220,
    between_words_silence_ms=50, maximum_words=20, total_ms=10000)

    Was a call answered by a person or by a machine? Decides once, from audio alone.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    initial_silence_ms : int
        "unknown" when nobody speaks for so long after the answer; 500-30000.
    greeting_ms : int
        Speech of so long, pauses included, is a machine; 500-10000.
    after_greeting_silence_ms : int
        Silence of so long after something shorter is a person (two thirds of it after up to 1.1 s); 200-5000.
    between_words_silence_ms : int
        Silence that parts two words; 20-1000.
    maximum_words : int
        More words than that are a machine; 1-100.
    total_ms : int
        "unknown" after so long; 1000-60000.

    Attributes
    ----------
    delay_ms : float
        Of the voice activity detector behind it.

    Raises
    ------
    ConfigError
        A value out of its range.

    Notes
    -----
    Feed it from the moment of answer. Any chunk length; the decision does not depend on it. After the decision, audio is
    ignored. Pickles its configuration, not its stream.
    """
    cdef tp_amd_config _config
    cdef tp_amd *_a

    def __cinit__(self, sample_rate=_AMD.sample_rate_hz, initial_silence_ms=_AMD.initial_silence_ms, greeting_ms=_AMD.greeting_ms,
                 after_greeting_silence_ms=_AMD.after_greeting_silence_ms, between_words_silence_ms=_AMD.between_words_silence_ms,
                 maximum_words=_AMD.maximum_words, total_ms=_AMD.total_ms):
        cdef tp_amd_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.initial_silence_ms = _int(initial_silence_ms, "initial_silence_ms")
        config.greeting_ms = _int(greeting_ms, "greeting_ms")
        config.after_greeting_silence_ms = _int(after_greeting_silence_ms, "after_greeting_silence_ms")
        config.between_words_silence_ms = _int(between_words_silence_ms, "between_words_silence_ms")
        config.maximum_words = _int(maximum_words, "maximum_words")
        config.total_ms = _int(total_ms, "total_ms")
        self._config = config
        _check_config(tp_amd_check(&config), ", ".join(f"{k}={v!r}" for k, v in self._fields().items()))
        self._a = <tp_amd *>_allocate(self, tp_amd_size(&config))
        _check(tp_amd_init(self._a, &config))

    cdef dict _fields(self):
        cdef tp_amd_config c = self._config
        return {"sample_rate": c.sample_rate_hz, "initial_silence_ms": c.initial_silence_ms, "greeting_ms": c.greeting_ms,
                "after_greeting_silence_ms": c.after_greeting_silence_ms,
                "between_words_silence_ms": c.between_words_silence_ms, "maximum_words": c.maximum_words,
                "total_ms": c.total_ms}

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def delay_ms(self):
        """float: of the voice activity detector behind it."""
        return tp_amd_delay_samples(self._a) * 1000.0 / self._config.sample_rate_hz

    def process(self, pcm, /):
        """process(pcm, /)

        Take the next samples.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length.

        Returns
        -------
        AmdResult or None
            The decision when it fell in these samples; None before and after.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes). The stream is as before.
        """
        cdef Py_buffer src
        cdef tp_amd_decision decision
        cdef Py_ssize_t n
        cdef int decided
        _enter(self)
        try:
            n = _get_pcm(pcm, &src)
            decided = tp_amd_process(self._a, <const int16_t *>src.buf, <size_t>n, &decision)
            PyBuffer_Release(&src)
            return _amd_result(&decision) if decided else None
        finally:
            _leave(self)

    def finish(self):
        """finish()

        The audio is over: the decision that was made, or the best that can be made now.

        Returns
        -------
        AmdResult
        """
        cdef tp_amd_decision decision
        _enter(self)
        try:
            tp_amd_finish(self._a, &decision)
            return _amd_result(&decision)
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the call: the object is as new.
        """
        _enter(self)
        try:
            tp_amd_reset(self._a)
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), tuple(self._fields().values())

    def __repr__(self):
        return f"AnsweringMachineDetector({', '.join(f'{k}={v}' for k, v in self._fields().items())})"
