# Voice activity; csrc/include/talkpath/vad.h

cdef extern from "talkpath/vad.h" nogil:
    ctypedef struct tp_vad_config:
        int sample_rate_hz
    ctypedef struct tp_vad:
        pass
    tp_vad_config tp_vad_defaults()
    const char *tp_vad_check(const tp_vad_config *)
    size_t tp_vad_size(const tp_vad_config *)
    int tp_vad_init(tp_vad *, const tp_vad_config *)
    void tp_vad_reset(tp_vad *)
    size_t tp_vad_process(tp_vad *, const int16_t *, size_t, float *)
    float tp_vad_probability(const tp_vad *)
    size_t tp_vad_delay_samples(const tp_vad *)

cdef tp_vad_config _VAD = tp_vad_defaults()


@cython.final
cdef class VoiceActivityDetector(_State):
    """VoiceActivityDetector(sample_rate=8000, backend="native")

    Is that speech? A small recurrent network answers every 10 ms.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz. 16 kHz audio is judged by what a telephone would carry of it.
    backend : {"native", "webrtc"} or VadBackend or callable
        Who answers. "webrtc" is WebRTC's detector, for comparison (`pip install talkpath[webrtcvad]`); an object or a function of
        your own gets frames of samples and returns a probability, see `talkpath.vad_backends`.

    Attributes
    ----------
    probability : float
        What `process` returned last.
    delay_ms : float
        How far behind the newest sample the middle of the analysis window lies.

    Raises
    ------
    ConfigError
        Another sample rate, or a backend that is none.
    ModuleNotFoundError
        "webrtc" without its package.

    Notes
    -----
    Telephone speech in any language, at any level, clean or in noise; network tones, keys and noises are not speech, hold music
    mostly not (see the limits in the header). 0.5 is the threshold to start with. Method, limits and cost: csrc/include/talkpath/vad.h.
    Any chunk length; the probabilities do not depend on it. Pickles its configuration, not its stream. One object belongs to
    one stream and one thread at a time.

    Examples
    --------
    >>> vad = talkpath.VoiceActivityDetector()
    >>> vad.process(bytes(320)) > 0.5
    False
    """
    cdef tp_vad_config _config
    cdef tp_vad *_v
    cdef object _frames  # vad_backends.Frames of another backend, else None

    def __cinit__(self, sample_rate=_VAD.sample_rate_hz, backend="native"):
        cdef tp_vad_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        _check_config(tp_vad_check(&config), f"{sample_rate!r}")
        self._config = config
        self._v = <tp_vad *>_allocate(self, tp_vad_size(&config))
        _check(tp_vad_init(self._v, &config))
        if not (isinstance(backend, str) and backend == "native"):
            from talkpath.vad_backends import Frames
            self._frames = Frames(backend, config.sample_rate_hz)

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def backend(self):
        """str or object: who answers."""
        return "native" if self._frames is None else self._frames.backend

    @property
    def delay_ms(self):
        """float: how far behind the newest sample the middle of the analysis window lies."""
        _enter(self)
        try:
            if self._frames is not None:
                return self._frames.delay_ms
            return tp_vad_delay_samples(self._v) * 1000.0 / self._config.sample_rate_hz
        finally:
            _leave(self)

    @property
    def probability(self):
        """float: what `process` returned last; 0.0 before the first 10 ms."""
        _enter(self)
        try:
            return tp_vad_probability(self._v) if self._frames is None else self._frames.probability
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
        float
            Speech probability, 0 … 1, of the newest whole 10 ms; the last value again when these samples completed none.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes). The stream is as before.
        """
        cdef Py_buffer src
        cdef size_t n
        _enter(self)
        try:
            n = <size_t>_get_pcm(pcm, &src)
            if self._frames is not None:
                PyBuffer_Release(&src)
                return self._frames.process(pcm)
            tp_vad_process(self._v, <const int16_t *>src.buf, n, NULL)
            PyBuffer_Release(&src)
            return tp_vad_probability(self._v)
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream: the object is as new.
        """
        _enter(self)
        try:
            tp_vad_reset(self._v)
            if self._frames is not None:
                self._frames.reset()
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, self.backend)

    def __repr__(self):
        backend = "" if self._frames is None else f", backend={self.backend!r}"
        return f"VoiceActivityDetector(sample_rate={self.sample_rate}{backend})"
