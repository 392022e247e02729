# What every wrapper uses: buffers in, arrays out, state memory, errors.

from libc.stdint cimport int16_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_Size
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

import contextlib
import functools
import math
import numbers

import numpy

from talkpath.errors import BY_STATUS, ConfigError, FormatError, LengthError, NoBufferError, StateError, TalkpathError


cdef extern from "_numpy.h" nogil:
    int tp_numpy_import() except -1
    object tp_new_int16(Py_ssize_t n, int16_t **data) with gil
    bint tp_array_view(object obj, int type, bint writable, Py_buffer *view) with gil
    void tp_no_buffer(Py_buffer *view)
    int NPY_INT16
    int NPY_UINT8

cdef extern from "_owner.h" nogil:
    int tp_owner_take(char *flag)
    void tp_owner_give(char *flag)
    int tp_once(char *flag)
    const long TP_WORK_CLOSED
    void tp_wait()
    int tp_work_is_open(long *work)
    void tp_work_open(long *work)
    int tp_work_enter(long *work)
    void tp_work_leave(long *work)
    void tp_work_close(long *work)
    int tp_work_is_done(long *work)

cdef extern from "_slab.h":
    int tp_slab_import() except -1
    void *tp_slab_take(size_t size)
    void tp_slab_give(void *state) noexcept

cdef extern from "talkpath/talkpath.h" nogil:
    const char *TP_VERSION
    const size_t TP_ALIGN
    int TP_STATUS_LAST
    const char *tp_strerror(int status)

cdef extern from "dsp/simd.h" nogil:
    ctypedef struct tp_simd_ops:
        const char *name
    const tp_simd_ops *tp_simd
    void tp_simd_init()

cdef extern from *:
    """
    #include <Python.h>
    #define tp_bytes_data(b) ((unsigned char *)PyBytes_AsString(b))

    /* A named tuple of two, without a call of its class: (first, second). */
    static PyObject *tp_pair(PyObject *type, PyObject *first, PyObject *second)
    {
        const newfunc make = (newfunc)PyType_GetSlot(&PyTuple_Type, Py_tp_new);
        PyObject *pair = PyTuple_Pack(2, first, second), *arguments = pair ? PyTuple_Pack(1, pair) : NULL, *made = NULL;
        if (arguments)
            made = make((PyTypeObject *)type, arguments, NULL);
        Py_XDECREF(pair);
        Py_XDECREF(arguments);
        return made;
    }
    """
    uint8_t *tp_bytes_data(object b)
    object tp_pair(object type, object first, object second)


# --- buffers: acquire, use, release; count is in samples (or bytes) ---------------------------------------------------

cdef str _PCM = "int16 samples (an int16 array or bytes)"
cdef str _DATA = "bytes of wire data"


cdef inline bint _is_int16(const Py_buffer *view) noexcept:
    """True for an int16 buffer in the machine's own order."""
    cdef const char *f = view.format
    if f == NULL or view.itemsize != 2:
        return False
    if f[0] == c"@" or f[0] == c"=" or f[0] == c"<":
        f += 1
    return f[0] == c"h" and f[1] == 0


cdef inline bint _is_bytes(const Py_buffer *view, bint signed) noexcept:
    """True for bytes; `signed`: int8 too, which as samples would be taken for what they are not."""
    cdef const char *f = view.format
    if view.itemsize != 1 or view.ndim != 1:
        return False
    if f == NULL:
        return True
    if f[0] == c"@" or f[0] == c"=" or f[0] == c"<" or f[0] == c">" or f[0] == c"!":
        f += 1
    return f[1] == 0 and (f[0] == c"B" or f[0] == c"c" or (signed and f[0] == c"b"))


cdef int _get_buffer(object obj, Py_buffer *view, bint writable, str expected) except -1:
    """Acquires any C-contiguous buffer."""
    tp_no_buffer(view)
    try:
        PyObject_GetBuffer(obj, view, (PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE) if writable
                           else (PyBUF_C_CONTIGUOUS | PyBUF_FORMAT))
    except (TypeError, ValueError, BufferError) as error:
        if not isinstance(obj, (bytes, bytearray, memoryview, numpy.ndarray)) and isinstance(error, TypeError):
            raise NoBufferError(f"expected {expected}, got {type(obj).__name__}") from None
        raise FormatError(f"expected {expected}: {error}") from None
    return 0


cdef int _refuse_format(Py_buffer *view, str expected) except -1:
    """Says what a buffer holds, and releases it."""
    form = view.format.decode("ascii", "replace") if view.format != NULL else "?"
    dimensions = view.ndim
    PyBuffer_Release(view)
    raise FormatError(f"expected {expected}, got items of format {form!r} in {dimensions} dimensions")


cdef Py_ssize_t _get_pcm(object obj, Py_buffer *view, bint writable=False) except -1:
    """Acquires int16 samples: an int16 array, or raw bytes in the machine's order. Returns the number of samples."""
    if tp_array_view(obj, NPY_INT16, writable, view):
        return view.len // 2
    _get_buffer(obj, view, writable, "a writable buffer of int16 samples" if writable else _PCM)
    if view.ndim > 1:
        dimensions = view.ndim
        PyBuffer_Release(view)
        raise FormatError(f"expected mono samples in one dimension, got {dimensions}; pass one channel at a time")
    if view.ndim == 1 and _is_int16(view):
        return view.len // 2
    if not _is_bytes(view, False):
        _refuse_format(view, _PCM)
    if view.len % 2:
        n = view.len
        PyBuffer_Release(view)
        raise LengthError(f"odd number of bytes ({n}): the last int16 sample is cut short at byte offset {n - 1}")
    if <uintptr_t>view.buf % 2:
        PyBuffer_Release(view)
        raise FormatError("int16 samples start at an odd address; copy the slice first: bytes(view)")
    return view.len // 2


cdef Py_ssize_t _get_data(object obj, Py_buffer *view, bint writable=False) except -1:
    """Acquires bytes of wire data. Returns their number."""
    if tp_array_view(obj, NPY_UINT8, writable, view):
        return view.len
    _get_buffer(obj, view, writable, "a writable buffer of bytes" if writable else _DATA)
    if not _is_bytes(view, True):
        _refuse_format(view, _DATA)
    return view.len


cdef int _short_output(Py_ssize_t have, Py_ssize_t need, str unit) except -1:
    raise LengthError(f"out holds {have} {unit}, but {need} are needed; nothing was processed")


cdef Py_ssize_t _get_out_pcm(object out, Py_buffer *view, Py_ssize_t need) except -1:
    """Acquires `out` for at least `need` samples."""
    cdef Py_ssize_t have = _get_pcm(out, view, True)
    if have < need:
        PyBuffer_Release(view)
        _short_output(have, need, "samples")
    return have


cdef Py_ssize_t _get_out_data(object out, Py_buffer *view, Py_ssize_t need) except -1:
    """Acquires `out` for at least `need` bytes."""
    cdef Py_ssize_t have = _get_data(out, view, True)
    if have < need:
        PyBuffer_Release(view)
        _short_output(have, need, "bytes")
    return have


# --- state memory: one aligned block an object ------------------------------------------------------------------------

cdef class _State:
    """Owns the aligned memory of one kernel state; base of all stream objects.

    They build their state in `__cinit__`, which nothing can skip: an object without a state cannot exist. One owner at a time:
    every method that reads or changes the state enters it first, and whoever comes while another thread is inside, or from a
    callback of the same one, gets a StateError.
    """
    cdef void *_memory  # NULL: the state lies in a slab
    cdef void *_state
    cdef char _is_inside  # a method is at work on the state …
    cdef char _is_owned   # … or a method of the Python object around it
    cdef char *_inside    # of the object whose memory it is

    def __cinit__(self, *args, **kwargs):
        self._memory = NULL
        self._state = NULL
        self._is_inside = self._is_owned = 0
        self._inside = &self._is_inside

    def __dealloc__(self):
        _give_back(self)

    def __copy__(self):
        _refuse_copy(self)

    def __deepcopy__(self, memo):
        _refuse_copy(self)


cdef int _refuse(object entered) except -1:
    raise StateError(f"{type(entered).__name__.lstrip('_')} is in use: another thread is inside, or this one already is. One owner "
                     "at a time: post commands to the thread that runs it")


cdef int _refuse_copy(object copied) except -1:
    raise StateError(f"{type(copied).__name__.lstrip('_')} is the state of one stream, which cannot be copied; make a new one")


cdef inline int _enter(_State state) except -1:
    """Before a method touches the state; `_leave` follows whatever happens."""
    if not tp_owner_take(state._inside):
        _refuse(state)
    return 0


cdef inline void _leave(_State state) noexcept:
    tp_owner_give(state._inside)


cdef inline bint _own(_State state) noexcept:
    """Enters the Python object around a state, as `owned` does; False: somebody is inside."""
    return tp_owner_take(&state._is_owned)


cdef inline void _disown(_State state) noexcept:
    tp_owner_give(&state._is_owned)


cdef _State _state_of(object owner):
    core = owner._core
    if not isinstance(core, _State):
        raise StateError(f"{type(owner).__name__} was never initialised")
    return <_State>core


def owned(function):
    """Makes a method of a Python object around a state (`self._core`) enter that object, and leave it whatever happens.

    Here and not in Python, for there an exception of a signal could come between entering and leaving.
    """
    @cython.binding(True)
    def alone(self):  # what takes nothing, as `transmit`, needs no tuple and no dict
        cdef _State core = _state_of(self)
        if not tp_owner_take(&core._is_owned):
            _refuse(self)
        try:
            return function(self)
        finally:
            tp_owner_give(&core._is_owned)

    @cython.binding(True)
    def method(self, *args, **kwargs):
        cdef _State core = _state_of(self)
        if not tp_owner_take(&core._is_owned):
            _refuse(self)
        try:
            if kwargs:
                return function(self, *args, **kwargs)
            if len(args) == 1:  # no tuple is made for `receive`
                return function(self, args[0])
            return function(self, *args)
        finally:
            tp_owner_give(&core._is_owned)

    code = function.__code__
    takes_nothing = code.co_argcount == 1 and code.co_kwonlyargcount == 0 and not code.co_flags & 0x0C
    return functools.wraps(function)(alone if takes_nothing else method)


cdef void _give_back(_State owner) noexcept:
    if owner._memory == NULL and owner._state != NULL:
        tp_slab_give(owner._state)
    PyMem_Free(owner._memory)
    owner._memory = owner._state = NULL


cdef void *_allocate(_State owner, size_t size) except NULL:
    """Gives `owner` a block of `size` bytes, aligned to TP_ALIGN; it replaces the one it had."""
    size = (size + TP_ALIGN - 1) // TP_ALIGN * TP_ALIGN
    cdef void *memory = NULL
    cdef void *state = tp_slab_take(size)
    if state == NULL:
        memory = PyMem_Malloc(size + TP_ALIGN)
        if memory == NULL:
            raise MemoryError(f"no memory for {size} bytes of state")
        state = <void *>((<uintptr_t>memory + TP_ALIGN - 1) // TP_ALIGN * TP_ALIGN)
    _give_back(owner)
    owner._memory, owner._state = memory, state
    return state


# --- errors -----------------------------------------------------------------------------------------------------------

cdef int _check(int status) except -1:
    """Raises the class of a negative status."""
    if status < 0:
        raise BY_STATUS.get(status, TalkpathError)(tp_strerror(status).decode())
    return status


cdef int _check_config(const char *problem, str got) except -1:
    """Raises ConfigError for what a tp_x_check() found; `got` shows the values given."""
    if problem != NULL:
        raise ConfigError(f"{problem.decode()} (got {got})")
    return 0


cpdef object whole(object value):
    """Python's int of a whole number of any kind, NumPy's and floats such as 8000.0 too; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    return int(value) if math.isfinite(value) and value == math.floor(value) else None


cdef int _int(object value, str field) except? -1:
    """An int configuration field; a whole float such as 8000.0 is taken too."""
    number = whole(value)
    if number is None or not -2**31 < number < 2**31:
        raise ConfigError(f"{field} must be a whole number (got {value!r})")
    return number


cdef double _float(object value, str field) except? -1e300:
    """A finite float configuration field."""
    cdef double number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            number = float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{field} must be a finite number (got {value!r})")
    return number


def _statuses():
    """{status: text} of every C status code, for the tests."""
    return {status: tp_strerror(status).decode() for status in range(TP_STATUS_LAST, 0)}


def _simd_name():
    """The machine variant in use: "plain", "avx2", "avx512" or "neon"."""
    return tp_simd.name.decode()


tp_numpy_import()
tp_slab_import()
tp_simd_init()
