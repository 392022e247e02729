# Media messages of providers' streams; csrc/include/talkpath/media_message.h

from libc.stdint cimport int64_t

cdef extern from "talkpath/media_message.h" nogil:
    enum: TP_MEDIA_FIELDS
    enum: TP_MEDIA_PIECES
    ctypedef enum tp_media_kind:
        TP_MEDIA_TOKEN
        TP_MEDIA_PAYLOAD
        TP_MEDIA_TEXT
        TP_MEDIA_NUMBER
    ctypedef struct tp_media_field:
        const char *key
        size_t key_size
        const char *token
        size_t token_size
        tp_media_kind kind
        uint8_t nested
        uint8_t required
    ctypedef struct tp_media_shape:
        const char *object
        size_t object_size
        size_t n_fields
        tp_media_field fields[TP_MEDIA_FIELDS]
    ctypedef struct tp_media_value:
        const uint8_t *text
        size_t size
        int64_t number
    int tp_media_message_scan(const tp_media_shape *shape, const uint8_t *message, size_t n, tp_media_value *values)
    ctypedef enum tp_media_slot:
        TP_MEDIA_END
        TP_MEDIA_BASE64
        TP_MEDIA_DECIMAL
    ctypedef struct tp_media_piece:
        const char *text
        size_t size
        tp_media_slot slot
    size_t tp_media_message_size(const tp_media_piece *pieces, size_t n_pieces, size_t n)
    size_t tp_media_message_build(const tp_media_piece *pieces, size_t n_pieces, const uint8_t *data, size_t n,
                                  const int64_t *decimals, uint8_t *message)
    size_t tp_base64_size(size_t n)
    size_t tp_base64_decoded_size(const uint8_t *text, size_t n)
    void tp_base64_encode(const uint8_t *data, size_t n, uint8_t *text)
    int tp_base64_decode(const uint8_t *text, size_t n, uint8_t *data, size_t *written)

cdef extern from *:
    """
    #define tp_bytes_text(b) ((const char *)PyBytes_AsString(b))
    """
    const char *tp_bytes_text(object b)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_DecodeASCII(const char *text, Py_ssize_t size, const char *errors)
    int PyObject_GenericSetAttr(object obj, object name, object value) except -1

from libc.string cimport memcmp

cdef object _new_object = object.__new__

MEDIA_PAYLOAD = 1
MEDIA_NUMBER = 2


def base64_decode(str text not None, /):
    """base64_decode(text, /)

    Decode base64 (RFC 4648, section 4), padding included.

    Parameters
    ----------
    text : str
        Whole groups of four characters.

    Returns
    -------
    bytes

    Raises
    ------
    FormatError
        Another character, or padding that is missing or too much; the message gives the offset.
    """
    cdef Py_ssize_t size = 0
    cdef size_t written = 0
    cdef const char *data
    try:
        data = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError as problem:
        raise FormatError(f"not base64 at offset {problem.start}") from None
    if size != len(text):
        raise FormatError("not base64: characters that are not ASCII")
    out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>tp_base64_decoded_size(<const uint8_t *>data, <size_t>size))
    if tp_base64_decode(<const uint8_t *>data, <size_t>size, tp_bytes_data(out), &written) < 0:
        raise FormatError(f"not base64 at offset {written}" if written < <size_t>size
                          else f"base64 ends too early, after {size} characters")
    return out


@cython.final
cdef class MediaReader:
    """MediaReader(message_type, /, *, tokens, payload, track=None, sequence=None, timestamp=None)

    Reads the media messages of one shape, and only those that it understands for certain.

    Parameters
    ----------
    message_type : type
        What `read` returns: a class with the attributes `payload`, `track`, `sequence`, `timestamp_ms` and `wire`, made without
        a call of its `__init__`.
    tokens : dict of str to str
        Path of a member: the JSON that it must be, for instance {"event": '"media"'}. A path is a key, or "object.key"; all
        paths with an object name the same one.
    payload, track, sequence, timestamp : str or None
        Paths of the members to read; all but the payload may be missing in a message. `track` must be "inbound" where it is there.

    Raises
    ------
    ConfigError
        Paths of two objects, or too many of them.
    """

    cdef tp_media_shape _shape
    cdef object _type
    cdef list _keep  # the bytes that _shape points into
    cdef int _track, _sequence, _timestamp, _payload

    def __cinit__(self, message_type, /, *, dict tokens not None, str payload not None, track=None, sequence=None,
                  timestamp=None):
        if not isinstance(message_type, type):
            raise ConfigError(f"message_type must be a class (got {message_type!r})")
        self._type = message_type
        self._keep = []
        self._shape.n_fields = 0
        self._shape.object = b""
        self._shape.object_size = 0
        for path, token in tokens.items():
            self._add(path, TP_MEDIA_TOKEN, token)
        self._payload = self._add(payload, TP_MEDIA_PAYLOAD, None)
        self._track = self._add(track, TP_MEDIA_TEXT, None)
        self._sequence = self._add(sequence, TP_MEDIA_NUMBER, None)
        self._timestamp = self._add(timestamp, TP_MEDIA_NUMBER, None)

    cdef const char *_text(self, str text, size_t *size) except NULL:
        data = text.encode("ascii")
        self._keep.append(data)
        size[0] = <size_t>len(data)
        return tp_bytes_text(data)

    cdef int _add(self, path, tp_media_kind kind, token) except -2:
        """The index of a new field; -1 where there is none."""
        cdef size_t size = 0
        cdef const char *parent
        cdef tp_media_field *field
        if path is None:
            return -1
        if self._shape.n_fields == TP_MEDIA_FIELDS:
            raise ConfigError(f"at most {TP_MEDIA_FIELDS} members can be read")
        field = &self._shape.fields[self._shape.n_fields]
        above, dot, key = path.rpartition(".")
        field.key = self._text(key, &field.key_size)
        field.kind = kind
        field.nested = bool(dot)
        field.required = kind == TP_MEDIA_PAYLOAD
        field.token = NULL
        field.token_size = 0
        if kind == TP_MEDIA_TOKEN:
            field.token = self._text(token, &field.token_size)
            if field.token_size == 0:
                raise ConfigError("a token must not be empty")
        if dot:
            parent = self._text(above, &size)
            if self._shape.object_size and (size != self._shape.object_size
                                            or memcmp(parent, self._shape.object, size) != 0):
                raise ConfigError("all paths must name the same object")
            self._shape.object, self._shape.object_size = parent, size
        self._shape.n_fields += 1
        return <int>self._shape.n_fields - 1

    def read(self, text, /):
        """read(text, /)

        Read a message.

        Parameters
        ----------
        text : str
            A text message. Anything else gives None.

        Returns
        -------
        message_type or None
            None: not a media message of this shape, or not one to be certain of. Ask a full JSON parser.
        """
        cdef tp_media_value values[TP_MEDIA_FIELDS]
        cdef Py_ssize_t size = 0
        cdef size_t written = 0
        cdef const char *data
        cdef tp_media_value *value
        if not isinstance(text, str):
            return None
        try:
            data = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            return None
        if tp_media_message_scan(&self._shape, <const uint8_t *>data, <size_t>size, values) < 0:
            return None
        if self._track >= 0:
            value = &values[self._track]
            if value.text != NULL and (value.size != 7 or memcmp(value.text, b"inbound", 7) != 0):
                return None
        value = &values[self._payload]
        payload = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>tp_base64_decoded_size(value.text, value.size))
        if tp_base64_decode(value.text, value.size, tp_bytes_data(payload), &written) < 0:
            return None
        message = _new_object(self._type)
        PyObject_GenericSetAttr(message, "payload", payload)
        PyObject_GenericSetAttr(message, "track", "inbound")
        PyObject_GenericSetAttr(message, "sequence", self._number(values, self._sequence))
        PyObject_GenericSetAttr(message, "timestamp_ms", self._number(values, self._timestamp))
        PyObject_GenericSetAttr(message, "wire", None)
        return message

    cdef object _number(self, const tp_media_value *values, int field):
        if field < 0 or values[field].text == NULL:
            return None
        return values[field].number


@cython.final
cdef class MediaTemplate:
    """MediaTemplate(*parts)

    Builds the media messages of one form.

    Parameters
    ----------
    *parts : str or int
        ASCII text, MEDIA_PAYLOAD (the payload as base64, without quotes) and MEDIA_NUMBER (the next number, in decimal).

    Raises
    ------
    ConfigError
        Another part, or too many.
    """

    cdef tp_media_piece _pieces[TP_MEDIA_PIECES]
    cdef size_t _n
    cdef list _keep
    cdef int _numbers

    def __cinit__(self, *parts):
        self._n = 0
        self._numbers = 0
        self._keep = []
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += part
            elif part == MEDIA_PAYLOAD:
                self._add(text, TP_MEDIA_BASE64)
                text = ""
            elif part == MEDIA_NUMBER:
                self._add(text, TP_MEDIA_DECIMAL)
                self._numbers += 1
                text = ""
            else:
                raise ConfigError(f"a part must be text, MEDIA_PAYLOAD or MEDIA_NUMBER (got {part!r})")
        self._add(text, TP_MEDIA_END)

    cdef int _add(self, str text, tp_media_slot slot) except -1:
        if self._n == TP_MEDIA_PIECES:
            raise ConfigError(f"at most {TP_MEDIA_PIECES} slots are possible")
        data = text.encode("ascii")
        self._keep.append(data)
        self._pieces[self._n].text = tp_bytes_text(data)
        self._pieces[self._n].size = <size_t>len(data)
        self._pieces[self._n].slot = slot
        self._n += 1
        return 0

    def build(self, payload, /, *numbers):
        """build(payload, /, *numbers)

        Build a message.

        Parameters
        ----------
        payload : bytes-like
            Audio, as it goes onto the wire.
        *numbers : int
            One for each MEDIA_NUMBER, of 64 bits.

        Returns
        -------
        str
        """
        cdef uint8_t stack[4096]
        cdef uint8_t *room = stack
        cdef int64_t values[TP_MEDIA_PIECES]
        cdef Py_buffer data
        cdef size_t size
        cdef Py_ssize_t i
        if len(numbers) != self._numbers:
            raise LengthError(f"{self._numbers} numbers are needed, got {len(numbers)}")
        for i in range(self._numbers):
            values[i] = numbers[i]
        _get_data(payload, &data)
        try:
            size = tp_media_message_size(self._pieces, self._n, <size_t>data.len)
            if size > sizeof(stack):
                room = <uint8_t *>PyMem_Malloc(size)
                if room == NULL:
                    raise MemoryError(f"no memory for a message of {size} bytes")
            size = tp_media_message_build(self._pieces, self._n, <const uint8_t *>data.buf, <size_t>data.len, values, room)
            return PyUnicode_DecodeASCII(<const char *>room, <Py_ssize_t>size, NULL)
        finally:
            PyBuffer_Release(&data)
            if room != stack:
                PyMem_Free(room)
