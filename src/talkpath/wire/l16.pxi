# Linear 16 bit PCM as bytes; csrc/include/talkpath/l16.h

cdef extern from "talkpath/l16.h" nogil:
    ctypedef enum tp_byteorder:
        TP_LITTLE_ENDIAN
        TP_BIG_ENDIAN
    void tp_l16_encode_c "tp_l16_encode"(const int16_t *pcm, uint8_t *data, size_t n, tp_byteorder order)
    void tp_l16_decode_c "tp_l16_decode"(const uint8_t *data, int16_t *pcm, size_t n, tp_byteorder order)


cdef int _byteorder(object name) except -1:
    if name == "little":
        return TP_LITTLE_ENDIAN
    if name == "big":
        return TP_BIG_ENDIAN
    raise ConfigError(f"byteorder must be 'little' or 'big' (got {name!r})")


def l16_encode(pcm, /, byteorder="little", *, out=None):
    """encode(pcm, /, byteorder="little", *, out=None)

    Pack samples as L16 wire data.

    Parameters
    ----------
    pcm : int16 buffer, shape (n,)
        Samples; n may be 0.
    byteorder : {"little", "big"}
        Media-stream web sockets (`audio/x-l16`) use little, RTP (RFC 3551) big.
    out : writable bytes buffer, optional
        At least 2·n bytes.

    Returns
    -------
    bytes or int
        2·n bytes; with `out`, the number of bytes written.

    Raises
    ------
    ConfigError
        An unknown byte order.
    FormatError
        `pcm` is not int16 (LengthError: an odd number of bytes, or `out` is too short).
    """
    cdef tp_byteorder order = <tp_byteorder>_byteorder(byteorder)
    cdef Py_buffer src, dst
    cdef Py_ssize_t n = _get_pcm(pcm, &src)
    try:
        if out is None:
            out = PyBytes_FromStringAndSize(NULL, 2 * n)
            tp_l16_encode_c(<const int16_t *>src.buf, tp_bytes_data(out), <size_t>n, order)
            return out
        _get_out_data(out, &dst, 2 * n)
        tp_l16_encode_c(<const int16_t *>src.buf, <uint8_t *>dst.buf, <size_t>n, order)
        PyBuffer_Release(&dst)
        return 2 * n
    finally:
        PyBuffer_Release(&src)


def l16_decode(data, /, byteorder="little", *, out=None):
    """decode(data, /, byteorder="little", *, out=None)

    Unpack L16 wire data.

    Parameters
    ----------
    data : bytes-like, length 2·n
        Two bytes a sample; n may be 0. Needs no alignment.
    byteorder : {"little", "big"}
        As for `encode`.
    out : writable int16 buffer, optional
        At least n samples.

    Returns
    -------
    ndarray[int16], shape (n,), or int
        The samples; with `out`, the number of samples written.

    Raises
    ------
    ConfigError
        An unknown byte order.
    LengthError
        An odd number of bytes (the message gives the offset), or `out` is too short.
    """
    cdef tp_byteorder order = <tp_byteorder>_byteorder(byteorder)
    cdef Py_buffer src, dst
    cdef int16_t *samples = NULL
    cdef Py_ssize_t size = _get_data(data, &src), n = size // 2
    try:
        if size % 2:
            raise LengthError(f"odd number of bytes ({size}): the last sample is cut short at byte offset {size - 1}")
        if out is None:
            out = tp_new_int16(n, &samples)
            tp_l16_decode_c(<const uint8_t *>src.buf, samples, <size_t>n, order)
            return out
        _get_out_pcm(out, &dst, n)
        tp_l16_decode_c(<const uint8_t *>src.buf, <int16_t *>dst.buf, <size_t>n, order)
        PyBuffer_Release(&dst)
        return n
    finally:
        PyBuffer_Release(&src)
