# Comfort noise and RFC 3389; csrc/include/talkpath/comfort_noise.h

cdef extern from "talkpath/comfort_noise.h" nogil:
    ctypedef struct tp_comfort_noise_config:
        int sample_rate_hz
        float level_dbov
        uint32_t seed
    ctypedef struct tp_comfort_noise:
        pass
    const size_t TP_SID_MAX_ORDER
    const int TP_COMFORT_NOISE_DIVISOR
    const int TP_COMFORT_NOISE_MAX_DIVISOR
    float tp_comfort_noise_divisor_dbov(int)
    tp_comfort_noise_config tp_comfort_noise_defaults()
    const char *tp_comfort_noise_check(const tp_comfort_noise_config *)
    size_t tp_comfort_noise_size(const tp_comfort_noise_config *)
    int tp_comfort_noise_init(tp_comfort_noise *, const tp_comfort_noise_config *)
    void tp_comfort_noise_reset(tp_comfort_noise *)
    void tp_comfort_noise_generate(tp_comfort_noise *, int16_t *, size_t)
    void tp_comfort_noise_observe(tp_comfort_noise *, const int16_t *, size_t)
    size_t tp_comfort_noise_encode_sid(const tp_comfort_noise *, size_t, uint8_t *)
    int tp_comfort_noise_decode_sid(tp_comfort_noise *, const uint8_t *, size_t)
    float tp_comfort_noise_level_dbov(const tp_comfort_noise *)
    void tp_comfort_noise_reflection(const tp_comfort_noise *, float *)
    size_t tp_comfort_noise_delay_samples(const tp_comfort_noise *)

def _noise_divisor():
    """(default, largest) divisor."""
    return TP_COMFORT_NOISE_DIVISOR, TP_COMFORT_NOISE_MAX_DIVISOR


def _noise_dbov(int divisor):
    """Level that a divisor stands for."""
    return tp_comfort_noise_divisor_dbov(divisor)


cdef tp_comfort_noise_config _NOISE = tp_comfort_noise_defaults()


@cython.final
cdef class ComfortNoise(_State):
    """ComfortNoise(sample_rate=8000, divisor=None, seed=1, *, level_dbov=None)

    Comfort noise: what a listener hears while nothing is said.

    Parameters
    ----------
    sample_rate : {8000, 16000, 24000, 48000}
        Hz.
    divisor : int, optional
        Level the way telephony servers count it, higher is quieter, 1-100000: 20·log10(18918 / divisor / 32768) dBov.
        Default 2800 (-73.7 dBov).
    seed : int
        0 to 2^32 - 1. Same seed, same noise.
    level_dbov : float, optional
        The level itself, -127 to 0 (0 dBov: rms 32768). Give one of the two.

    Attributes
    ----------
    level_dbov : float
        Level now aimed at: as configured, observed or decoded.
    reflection : ndarray[float32], shape (10,)
        Reflection coefficients of the spectrum now aimed at; all 0 is white, k[0] < 0 low-pass.
    delay_ms : float
        0.

    Raises
    ------
    ConfigError
        A value out of its range, or both `divisor` and `level_dbov`.

    Notes
    -----
    Gaussian, without repetition, never digital silence after µ-law at the default level. (A-law has no step below
    -72.25 dBov: quieter noise comes out there as that.) Levels after `observe` and `decode_sid` are followed over
    20 ms. RFC 3389 describes the packets. Any chunk length; pickles its configuration, not its stream.
    """
    cdef tp_comfort_noise_config _config
    cdef tp_comfort_noise *_c

    def __cinit__(self, sample_rate=_NOISE.sample_rate_hz, divisor=None, seed=_NOISE.seed, *, level_dbov=None):
        cdef tp_comfort_noise_config config
        if divisor is not None and level_dbov is not None:
            raise ConfigError(f"divisor and level_dbov both say the level (got {divisor!r} and {level_dbov!r}); give one")
        if level_dbov is None:
            divisor = _int(TP_COMFORT_NOISE_DIVISOR if divisor is None else divisor, "divisor")
            if not 1 <= divisor <= TP_COMFORT_NOISE_MAX_DIVISOR:
                raise ConfigError(f"divisor must be 1 to {TP_COMFORT_NOISE_MAX_DIVISOR} (got {divisor})")
            level_dbov = tp_comfort_noise_divisor_dbov(divisor)
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.level_dbov = <float>_float(level_dbov, "level_dbov")
        number = whole(seed)
        if number is None or not 0 <= number < 2**32:
            raise ConfigError(f"seed must be a whole number from 0 to 2^32 - 1 (got {seed!r})")
        config.seed = number
        _check_config(tp_comfort_noise_check(&config), f"sample_rate={sample_rate!r}, level_dbov={level_dbov!r}")
        self._config = config
        self._c = <tp_comfort_noise *>_allocate(self, tp_comfort_noise_size(&config))
        _check(tp_comfort_noise_init(self._c, &config))

    @property
    def sample_rate(self):
        """int: Hz."""
        return self._config.sample_rate_hz

    @property
    def level_dbov(self):
        """float: level now aimed at."""
        _enter(self)
        try:
            return tp_comfort_noise_level_dbov(self._c)
        finally:
            _leave(self)

    @property
    def reflection(self):
        """ndarray[float32], shape (10,): reflection coefficients of the spectrum now aimed at."""
        cdef float k[16]
        _enter(self)
        try:
            tp_comfort_noise_reflection(self._c, k)
            return numpy.array([k[i] for i in range(<int>TP_SID_MAX_ORDER)], numpy.float32)
        finally:
            _leave(self)

    @property
    def delay_ms(self):
        """float: 0."""
        return tp_comfort_noise_delay_samples(self._c) * 1000.0 / self._config.sample_rate_hz

    def generate(self, n, /, *, out=None):
        """generate(n, /, *, out=None)

        Make n samples of noise.

        Parameters
        ----------
        n : int
            Samples, 0 or more.
        out : writable int16 buffer, optional
            At least n samples.

        Returns
        -------
        ndarray[int16], shape (n,), or int
            The noise; with `out`, the number of samples written.
        """
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t count = n
        _enter(self)
        try:
            if count < 0:
                raise ConfigError(f"n must not be negative (got {n})")
            if out is None:
                out = tp_new_int16(count, &samples)
                tp_comfort_noise_generate(self._c, samples, <size_t>count)
                return out
            _get_out_pcm(out, &dst, count)
            tp_comfort_noise_generate(self._c, <int16_t *>dst.buf, <size_t>count)
            PyBuffer_Release(&dst)
            return count
        finally:
            _leave(self)

    def observe(self, pcm, /):
        """observe(pcm, /)

        Learn level and spectrum from background noise; `generate` then sounds like it.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            What is heard while nobody speaks; any length. A stray word hardly matters.
        """
        cdef Py_buffer src
        cdef Py_ssize_t n
        _enter(self)
        try:
            n = _get_pcm(pcm, &src)
            tp_comfort_noise_observe(self._c, <const int16_t *>src.buf, <size_t>n)
            PyBuffer_Release(&src)
        finally:
            _leave(self)

    def encode_sid(self, order=4):
        """encode_sid(order=4)

        Describe the noise as an RFC 3389 payload.

        Parameters
        ----------
        order : int
            Reflection coefficients to send, 0-10.

        Returns
        -------
        bytes, length 1 + order
        """
        cdef int count
        cdef uint8_t data[16]
        _enter(self)
        try:
            count = _int(order, "order")
            if not 0 <= count <= <int>TP_SID_MAX_ORDER:
                raise ConfigError(f"order must be 0 to {TP_SID_MAX_ORDER} (got {order!r})")
            return PyBytes_FromStringAndSize(<char *>data, <Py_ssize_t>tp_comfort_noise_encode_sid(self._c, <size_t>count, data))
        finally:
            _leave(self)

    def decode_sid(self, data, /):
        """decode_sid(data, /)

        Take level and spectrum from an RFC 3389 payload.

        Parameters
        ----------
        data : bytes-like
            1 byte of level and any number of coefficients, of which 10 count.

        Raises
        ------
        FormatError
            Empty.
        """
        cdef Py_buffer src
        cdef Py_ssize_t size
        cdef int status
        _enter(self)
        try:
            size = _get_data(data, &src)
            status = tp_comfort_noise_decode_sid(self._c, <const uint8_t *>src.buf, <size_t>size)
            PyBuffer_Release(&src)
            if status < 0:
                raise FormatError("a SID packet has at least 1 byte, its level at byte offset 0 (got 0 bytes)")
        finally:
            _leave(self)

    def reset(self):
        """reset()

        Forget what was observed or decoded and start the noise anew: the object is as new.
        """
        _enter(self)
        try:
            tp_comfort_noise_reset(self._c)
        finally:
            _leave(self)

    def __reduce__(self):
        return _comfort_noise, (self.sample_rate, self._config.level_dbov, self._config.seed)

    def __repr__(self):
        return (f"ComfortNoise(sample_rate={self.sample_rate}, level_dbov={self._config.level_dbov:.2f}, "
                f"seed={self._config.seed})")


def _comfort_noise(sample_rate, level_dbov, seed):
    """Unpickles a ComfortNoise."""
    return ComfortNoise(sample_rate, level_dbov=level_dbov, seed=seed)
