# Ambience mixer; csrc/include/talkpath/mixer.h

cdef extern from "talkpath/mixer.h" nogil:
    ctypedef struct tp_mixer_config:
        int sample_rate_hz
        float duck_db
    ctypedef struct tp_mixer:
        pass
    const double TP_MIXER_VOLUME
    tp_mixer_config tp_mixer_defaults()
    const char *tp_mixer_check(const tp_mixer_config *)
    size_t tp_mixer_size(const tp_mixer_config *)
    int tp_mixer_init(tp_mixer *, const tp_mixer_config *)
    void tp_mixer_reset(tp_mixer *)
    void tp_mixer_play(tp_mixer *, const int16_t *, size_t, float, int)
    void tp_mixer_set_volume(tp_mixer *, float)
    int tp_mixer_active(const tp_mixer *)
    int tp_mixer_uses(const tp_mixer *, const int16_t *)
    void tp_mixer_process(tp_mixer *, const int16_t *, size_t, int16_t *)
    size_t tp_mixer_delay_samples(const tp_mixer *)


cdef float _volume(object value) except? -1.0:
    cdef double volume = _float(value, "volume")
    if not 0.0 <= volume <= 1.0:
        raise ConfigError(f"volume must be 0 to 1 (got {value!r})")
    return <float>volume


cdef class _Sounds:
    """Keeps the samples that a mixer reads from: {address: view}."""
    cdef dict _arrays

    def __cinit__(self):
        self._arrays = {}

    cdef int play(self, tp_mixer *m, object loop, float volume, bint loops) except -1:
        """`loop`: an int16 array, or None for silence."""
        cdef Py_buffer src
        cdef size_t n
        if loop is None:
            tp_mixer_play(m, NULL, 0, volume, 1)
        else:
            loop = memoryview(loop)  # as long as it is there, what it shows stays where it is
            n = <size_t>_get_pcm(loop, &src)
            self._arrays[<uintptr_t>src.buf] = loop
            tp_mixer_play(m, <const int16_t *>src.buf, n, volume, loops)
            PyBuffer_Release(&src)
        for address in [a for a in self._arrays if not tp_mixer_uses(m, <const int16_t *><uintptr_t>a)]:
            del self._arrays[address]
        return 0

_VOLUME = TP_MIXER_VOLUME
cdef tp_mixer_config _MIXER = tp_mixer_defaults()


@cython.final
cdef class AmbienceMixer(_State):
    """AmbienceMixer(sample_rate=16000, sound=None, volume=0.3, loop=True, duck_db=6.0)

    A sound under the agent's voice: an office, a street, hold music.

    Parameters
    ----------
    sample_rate : {8000, 16000, 24000, 48000}
        Hz.
    sound : str, path, bytes, int16 array or None
        "office", "city-street", "crowded-room", "call-center", "typing", "typing-short"; a WAV file, as a path or its bytes; samples
        at `sample_rate`; None: nothing yet.
    volume : float
        0 to 1, the factor on the sound; built-in ones have an active level of -26 dBov. 0.3 is subtle.
    loop : bool
        Again and again, without a seam if the sound has none; else once.
    duck_db : float
        How far the sound goes down while the stream has speech, 0 to 40.

    Attributes
    ----------
    delay_ms : float
        0.

    Raises
    ------
    ConfigError
        A value out of its range, or an unknown name.
    FormatError
        Not a WAV file.

    Notes
    -----
    A change fades over 200 ms; a mix never clips; without a sound the stream passes unchanged. Method, limits and cost:
    csrc/include/talkpath/mixer.h. Pickles its configuration (without the sound). One object belongs to one stream and one
    thread at a time.

    Examples
    --------
    >>> mixer = talkpath.AmbienceMixer(8000, "office", volume=0.3)
    >>> frame = mixer.mix(bytes(320))
    """
    cdef tp_mixer_config _config
    cdef tp_mixer *_m
    cdef _Sounds _sounds

    def __cinit__(self, sample_rate=_MIXER.sample_rate_hz, sound=None, volume=TP_MIXER_VOLUME, loop=True,
                 duck_db=_MIXER.duck_db):
        cdef tp_mixer_config config
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.duck_db = <float>_float(duck_db, "duck_db")
        _check_config(tp_mixer_check(&config), f"sample_rate={sample_rate!r}, duck_db={duck_db!r}")
        self._config = config
        self._sounds = _Sounds()
        self._m = <tp_mixer *>_allocate(self, tp_mixer_size(&config))
        _check(tp_mixer_init(self._m, &config))
        tp_mixer_set_volume(self._m, _volume(volume))
        if sound is not None:
            self.play(sound, volume, loop)

    def play(self, sound, volume=TP_MIXER_VOLUME, loop=True):
        """play(sound, volume=0.3, loop=True)

        Fade to another sound over 200 ms. Parameters and errors as for the constructor.
        """
        _enter(self)
        try:
            from talkpath.ambience import load
            self._sounds.play(self._m, load(sound, self._config.sample_rate_hz), _volume(volume), loop)
        finally:
            _leave(self)

    def stop(self):
        """stop()

        Fade the sound out over 200 ms.
        """
        _enter(self)
        try:
            self._sounds.play(self._m, None, 0.0, True)
        finally:
            _leave(self)

    def set_volume(self, volume):
        """set_volume(volume)

        Go to another volume, 0 to 1, within 100 ms.
        """
        _enter(self)
        try:
            tp_mixer_set_volume(self._m, _volume(volume))
        finally:
            _leave(self)

    @property
    def active(self):
        """bool: a sound plays, or fades out."""
        _enter(self)
        try:
            return tp_mixer_active(self._m) != 0
        finally:
            _leave(self)

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def delay_ms(self):
        """float: 0.0."""
        return tp_mixer_delay_samples(self._m) * 1000.0 / self._config.sample_rate_hz

    def mix(self, pcm, /, *, out=None):
        """mix(pcm, /, *, out=None)

        Add the sound to the next samples of the stream.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any length, 0 included.
        out : writable int16 buffer, optional
            Takes the result; may be `pcm`.

        Returns
        -------
        ndarray[int16], shape (n,), or int
            The mix; with `out`, the number of samples written.

        Raises
        ------
        FormatError
            Not int16 (LengthError: an odd number of bytes, or `out` is too short). The stream is as before.
        """
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t n
        _enter(self)
        tp_no_buffer(&src)
        try:
            n = _get_pcm(pcm, &src)
            if out is None:
                out = tp_new_int16(n, &samples)
                tp_mixer_process(self._m, <const int16_t *>src.buf, <size_t>n, samples)
                return out
            _get_out_pcm(out, &dst, n)
            tp_mixer_process(self._m, <const int16_t *>src.buf, <size_t>n, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return n
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    def reset(self):
        """reset()

        Forget the stream and the sound.
        """
        _enter(self)
        try:
            tp_mixer_reset(self._m)
            self._sounds = _Sounds()
        finally:
            _leave(self)

    def __reduce__(self):
        return type(self), (self.sample_rate, None, 0.3, True, self._config.duck_db)

    def __repr__(self):
        return f"AmbienceMixer(sample_rate={self.sample_rate}, duck_db={self._config.duck_db:g})"
