# ITU-T G.711; csrc/include/talkpath/g711.h

cdef extern from "talkpath/g711.h" nogil:
    void tp_ulaw_encode(const int16_t *pcm, uint8_t *code, size_t n)
    void tp_ulaw_decode(const uint8_t *code, int16_t *pcm, size_t n)
    void tp_alaw_encode(const int16_t *pcm, uint8_t *code, size_t n)
    void tp_alaw_decode(const uint8_t *code, int16_t *pcm, size_t n)

ctypedef void (*_encode_f)(const int16_t *, uint8_t *, size_t) noexcept nogil
ctypedef void (*_decode_f)(const uint8_t *, int16_t *, size_t) noexcept nogil


cdef inline object _g711_encode(_encode_f encode, object pcm, object out):
    cdef Py_buffer src, dst
    cdef Py_ssize_t n = _get_pcm(pcm, &src)
    try:
        if out is None:
            out = PyBytes_FromStringAndSize(NULL, n)
            encode(<const int16_t *>src.buf, tp_bytes_data(out), <size_t>n)
            return out
        _get_out_data(out, &dst, n)
        encode(<const int16_t *>src.buf, <uint8_t *>dst.buf, <size_t>n)
        PyBuffer_Release(&dst)
        return n
    finally:
        PyBuffer_Release(&src)


cdef inline object _g711_decode(_decode_f decode, object data, object out):
    cdef Py_buffer src, dst
    cdef int16_t *samples = NULL
    cdef Py_ssize_t n = _get_data(data, &src)
    try:
        if out is None:
            out = tp_new_int16(n, &samples)
            decode(<const uint8_t *>src.buf, samples, <size_t>n)
            return out
        _get_out_pcm(out, &dst, n)
        decode(<const uint8_t *>src.buf, <int16_t *>dst.buf, <size_t>n)
        PyBuffer_Release(&dst)
        return n
    finally:
        PyBuffer_Release(&src)


def ulaw_encode(pcm, /, *, out=None):
    """ulaw_encode(pcm, /, *, out=None)

    Encode linear PCM as G.711 µ-law.

    Parameters
    ----------
    pcm : int16 buffer, shape (n,)
        Samples, full scale ±32768 (any C-contiguous int16 buffer, or bytes in the machine's order). n may be 0.
    out : writable bytes buffer, optional
        At least n bytes; takes the codes. Must not overlap `pcm`.

    Returns
    -------
    bytes or int
        n µ-law codes; with `out`, the number of codes written.

    Raises
    ------
    FormatError
        `pcm` is not int16 (LengthError: an odd number of bytes, or `out` is too short).

    Notes
    -----
    Stateless, no delay. Bit-exact with ITU-T G.191 for all 65,536 inputs.
    """
    return _g711_encode(tp_ulaw_encode, pcm, out)


def ulaw_decode(data, /, *, out=None):
    """ulaw_decode(data, /, *, out=None)

    Decode G.711 µ-law to linear PCM.

    Parameters
    ----------
    data : bytes-like, length n
        µ-law codes; n may be 0.
    out : writable int16 buffer, optional
        At least n samples; takes the result. Must not overlap `data`.

    Returns
    -------
    ndarray[int16], shape (n,), or int
        Samples within ±32124; with `out`, the number of samples written.

    Raises
    ------
    FormatError
        `data` is not bytes (LengthError: `out` is too short).

    Notes
    -----
    Stateless, no delay. Bit-exact with ITU-T G.191 for all 256 codes.
    """
    return _g711_decode(tp_ulaw_decode, data, out)


def alaw_encode(pcm, /, *, out=None):
    """alaw_encode(pcm, /, *, out=None)

    Encode linear PCM as G.711 A-law, even bits inverted as on the wire. See `ulaw_encode` for the parameters.
    """
    return _g711_encode(tp_alaw_encode, pcm, out)


def alaw_decode(data, /, *, out=None):
    """alaw_decode(data, /, *, out=None)

    Decode G.711 A-law to linear PCM within ±32256. See `ulaw_decode` for the parameters.
    """
    return _g711_decode(tp_alaw_decode, data, out)
