# The playout queue's core; csrc/include/talkpath/playout_queue.h. talkpath.playout_queue makes sources of it.

cdef extern from "talkpath/playout_queue.h" nogil:
    ctypedef struct tp_playout_queue_config:
        int sample_rate_hz
        int capacity_ms
    tp_playout_queue_config tp_playout_queue_defaults()
    ctypedef struct tp_playout_queue:
        pass
    size_t TP_PLAYOUT_MAX_ITEMS
    ctypedef enum tp_playout_event_kind:
        TP_PLAYOUT_STARTED
        TP_PLAYOUT_COMPLETED
        TP_PLAYOUT_INTERRUPTED
        TP_PLAYOUT_DROPPED
        TP_PLAYOUT_MARK
        TP_PLAYOUT_UNDERRUN
        TP_PLAYOUT_PAUSED
        TP_PLAYOUT_RESUMED
        TP_PLAYOUT_CLEARED
    ctypedef struct tp_playout_event:
        tp_playout_event_kind kind
        uint32_t id
        uint64_t at_samples
        uint64_t position_samples
    const char *tp_playout_queue_check(const tp_playout_queue_config *)
    size_t tp_playout_queue_size(const tp_playout_queue_config *)
    int tp_playout_queue_init(tp_playout_queue *, const tp_playout_queue_config *)
    void tp_playout_queue_reset(tp_playout_queue *)
    size_t tp_playout_queue_store_size(size_t, size_t)
    int tp_playout_queue_move(tp_playout_queue *, void *, size_t, size_t)
    size_t tp_playout_queue_items(const tp_playout_queue *)
    size_t tp_playout_queue_free_items(const tp_playout_queue *)
    size_t tp_playout_queue_capacity(const tp_playout_queue *)
    size_t tp_playout_queue_room(const tp_playout_queue *)
    int tp_playout_queue_begin(tp_playout_queue *, uint32_t, int)
    int tp_playout_queue_open(const tp_playout_queue *, uint32_t *)
    size_t tp_playout_queue_write(tp_playout_queue *, const int16_t *, size_t)
    void tp_playout_queue_finish(tp_playout_queue *)
    int tp_playout_queue_file(tp_playout_queue *, uint32_t, int, const int16_t *, uint64_t)
    int tp_playout_queue_ready(tp_playout_queue *, uint32_t, uint64_t, int)
    int tp_playout_queue_dtmf(tp_playout_queue *, uint32_t, int, const char *, size_t)
    int tp_playout_queue_silence(tp_playout_queue *, uint32_t, int, uint64_t)
    int tp_playout_queue_mark(tp_playout_queue *, uint32_t, uint64_t)
    int tp_playout_queue_pause(tp_playout_queue *)
    void tp_playout_queue_resume(tp_playout_queue *)
    int tp_playout_queue_paused(const tp_playout_queue *)
    void tp_playout_queue_clear(tp_playout_queue *, int)
    size_t tp_playout_queue_read(tp_playout_queue *, int16_t *, size_t)
    int tp_playout_queue_peek_event(const tp_playout_queue *, size_t, tp_playout_event *)
    int tp_playout_queue_next_event(tp_playout_queue *, tp_playout_event *)
    uint64_t tp_playout_queue_queued(const tp_playout_queue *)
    int tp_playout_queue_current(const tp_playout_queue *, uint32_t *, uint64_t *, int *)
    uint64_t tp_playout_queue_now(const tp_playout_queue *)
    uint64_t tp_playout_queue_underruns(const tp_playout_queue *)


cdef dict _PLAYOUT_KINDS = {
    TP_PLAYOUT_STARTED: "started", TP_PLAYOUT_COMPLETED: "completed", TP_PLAYOUT_INTERRUPTED: "interrupted",
    TP_PLAYOUT_DROPPED: "dropped", TP_PLAYOUT_MARK: "checkpoint", TP_PLAYOUT_UNDERRUN: "underrun",
    TP_PLAYOUT_PAUSED: "paused", TP_PLAYOUT_RESUMED: "resumed", TP_PLAYOUT_CLEARED: "cleared",
}  # fmt: skip

cdef object _WITHIN_A_CALL = object()


# --- what a queue holds beside its state ------------------------------------------------------------------------------

@cython.final
cdef class _Store:
    """Memory for what does not fit into a queue's state, and the samples of its files; it lives as long as that state."""
    cdef void *_memory
    cdef dict _files  # {id: (samples, a view that keeps them where they are, their number)}
    cdef uint32_t _newest  # id

    def __cinit__(self):
        self._memory = NULL
        self._files = {}
        self._newest = 0

    def __dealloc__(self):
        free(self._memory)


cdef int _reserve(tp_playout_queue *q, _Store store, size_t items, size_t samples) except -1:
    """Makes room for so many more items and samples: twice as much as there was, so that it costs the same however much waits."""
    cdef size_t max_items = tp_playout_queue_items(q), max_samples = tp_playout_queue_capacity(q)
    cdef size_t used_items = max_items - tp_playout_queue_free_items(q)
    cdef size_t used_samples = max_samples - tp_playout_queue_room(q)
    if used_items + items <= max_items and used_samples + samples <= max_samples:
        return 0
    if used_items + items > TP_PLAYOUT_MAX_ITEMS:
        raise StateError(f"{used_items} sources and checkpoints wait already; at most {TP_PLAYOUT_MAX_ITEMS} may")
    while used_items + items > max_items:
        max_items *= 2
    while used_samples + samples > max_samples:
        max_samples *= 2
    cdef void *memory = malloc(tp_playout_queue_store_size(max_items, max_samples))
    if memory == NULL:
        raise MemoryError(f"no memory for {max_samples} samples of speech")
    cdef int status = tp_playout_queue_move(q, memory, max_items, max_samples)
    if status < 0:
        free(memory)
        _check(status)
    free(store._memory)
    store._memory = memory
    return 0


cdef int _settle(tp_playout_queue *q, _Store store) noexcept:
    """Gives the memory back when nothing waits any more."""
    if store._memory != NULL and tp_playout_queue_free_items(q) == tp_playout_queue_items(q) \
            and tp_playout_queue_move(q, NULL, 0, 0) == 0:
        free(store._memory)
        store._memory = NULL
    return 0


cdef int _forget(_Store store) except -1:
    """After a reset: the queue uses neither of them any more."""
    free(store._memory)
    store._memory = NULL
    store._files.clear()
    return 0


cdef inline int _let_go(_Store store, int kind, uint32_t id) except -1:
    """After an event: a file that has ended is not needed any more."""
    if store._files and (kind == TP_PLAYOUT_COMPLETED or kind == TP_PLAYOUT_INTERRUPTED or kind == TP_PLAYOUT_DROPPED):
        store._files.pop(id, None)
    return 0


@cython.final
cdef class _PlayoutQueue(_State):
    """The C queue as it is: numbers for names, samples at the line's rate. `talkpath.PlayoutQueue` is the one to use."""
    cdef tp_playout_queue *_q
    cdef _Store _store
    cdef object _owner  # whose memory it is, if not its own

    def __cinit__(self, sample_rate=8000):
        cdef tp_playout_queue_config config = tp_playout_queue_defaults()
        if sample_rate is _WITHIN_A_CALL:
            return
        self._store = _Store()
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        _check_config(tp_playout_queue_check(&config), f"sample_rate={sample_rate!r}")
        self._q = <tp_playout_queue *>_allocate(self, tp_playout_queue_size(&config))
        _check(tp_playout_queue_init(self._q, &config))

    cdef uint32_t _next_id(self):
        self._store._newest += 1
        return self._store._newest

    def begin(self, bint interruptible):
        """Begins speech; returns its id."""
        _enter(self)
        try:
            _reserve(self._q, self._store, 1, 0)
            _check(tp_playout_queue_begin(self._q, self._next_id(), interruptible))
            return self._store._newest
        finally:
            _leave(self)

    def open(self):
        """The id of the speech that goes on, or None."""
        cdef uint32_t id = 0
        _enter(self)
        try:
            return id if tp_playout_queue_open(self._q, &id) else None
        finally:
            _leave(self)

    def write(self, pcm):
        """Adds to the speech that goes on, all of it; returns the number of samples."""
        cdef Py_buffer src
        cdef size_t n
        _enter(self)
        try:
            n = <size_t>_get_pcm(pcm, &src)
            try:
                _reserve(self._q, self._store, 0, n)
                return tp_playout_queue_write(self._q, <const int16_t *>src.buf, n)
            finally:
                PyBuffer_Release(&src)
        finally:
            _leave(self)

    def finish(self):
        _enter(self)
        try:
            tp_playout_queue_finish(self._q)
        finally:
            _leave(self)

    def file(self, bint interruptible, samples not None, uint64_t length):
        """A file: room for all of its samples, about `length`, of which `ready` tells how many are there; returns its id."""
        cdef Py_buffer src
        _enter(self)
        try:
            n = _get_pcm(samples, &src)
            try:
                _reserve(self._q, self._store, 1, 0)
                view = memoryview(samples)
                _check(tp_playout_queue_file(self._q, self._next_id(), interruptible, <const int16_t *>src.buf, length))
                self._store._files[self._store._newest] = (samples, view, n)
                return self._store._newest
            finally:
                PyBuffer_Release(&src)
        finally:
            _leave(self)

    def ready(self, uint32_t id, uint64_t samples, bint finished):
        """So many samples of a file are there, or that is all of it."""
        _enter(self)
        try:
            if samples > <uint64_t>self._store._files[id][2]:
                raise LengthError(f"the file has room for {self._store._files[id][2]} samples, not {samples}")
            _check(tp_playout_queue_ready(self._q, id, samples, finished))
        finally:
            _leave(self)

    def dtmf(self, bint interruptible, bytes keys not None):
        """Returns the id."""
        _enter(self)
        try:
            _reserve(self._q, self._store, 1, <size_t>min(len(keys), 4096))
            _check(tp_playout_queue_dtmf(self._q, self._next_id(), interruptible, keys, <size_t>len(keys)))
            return self._store._newest
        finally:
            _leave(self)

    def silence(self, bint interruptible, uint64_t samples):
        """Returns the id."""
        _enter(self)
        try:
            _reserve(self._q, self._store, 1, 0)
            _check(tp_playout_queue_silence(self._q, self._next_id(), interruptible, samples))
            return self._store._newest
        finally:
            _leave(self)

    def mark(self, uint64_t ahead):
        """A mark so far behind the newest sample of the speech that goes on, or behind everything; returns its id."""
        _enter(self)
        try:
            _reserve(self._q, self._store, 1, 0)
            _check(tp_playout_queue_mark(self._q, self._next_id(), ahead))
            return self._store._newest
        finally:
            _leave(self)

    def reserve(self):
        """Room for one more item, or StateError."""
        _enter(self)
        try:
            _reserve(self._q, self._store, 1, 0)
        finally:
            _leave(self)

    def pause(self):
        _enter(self)
        try:
            return tp_playout_queue_pause(self._q) != 0
        finally:
            _leave(self)

    def resume(self):
        _enter(self)
        try:
            tp_playout_queue_resume(self._q)
        finally:
            _leave(self)

    def clear(self, bint everything):
        _enter(self)
        try:
            tp_playout_queue_clear(self._q, everything)
        finally:
            _leave(self)

    def read(self, pcm):
        """Fills `pcm`; returns how many of its samples came from sources."""
        cdef Py_buffer dst
        cdef size_t n
        _enter(self)
        try:
            n = <size_t>_get_pcm(pcm, &dst, True)
            n = tp_playout_queue_read(self._q, <int16_t *>dst.buf, n)
            PyBuffer_Release(&dst)
            return n
        finally:
            _leave(self)

    def events(self):
        """[(kind, id, at, position)] since the last call, oldest first."""
        cdef tp_playout_event event
        _enter(self)
        try:
            found = []
            while tp_playout_queue_next_event(self._q, &event):
                found.append((_PLAYOUT_KINDS[event.kind], event.id, event.at_samples, event.position_samples))
                _let_go(self._store, event.kind, event.id)
            _settle(self._q, self._store)
            return found
        finally:
            _leave(self)

    def current(self):
        """(id, position, interruptible) of the source that plays, or None."""
        cdef uint32_t id
        cdef uint64_t position
        cdef int interruptible
        _enter(self)
        try:
            if not tp_playout_queue_current(self._q, &id, &position, &interruptible):
                return None
            return id, position, bool(interruptible)
        finally:
            _leave(self)

    def reset(self):
        _enter(self)
        try:
            tp_playout_queue_reset(self._q)
            _forget(self._store)
        finally:
            _leave(self)

    @property
    def paused(self):
        _enter(self)
        try:
            return tp_playout_queue_paused(self._q) != 0
        finally:
            _leave(self)

    @property
    def crowded(self):
        """Many events wait: take them out soon."""
        cdef tp_playout_event event
        _enter(self)
        try:
            return tp_playout_queue_peek_event(self._q, 96, &event) != 0
        finally:
            _leave(self)

    @property
    def capacity(self):
        """Samples of speech that there is memory for now."""
        _enter(self)
        try:
            return tp_playout_queue_capacity(self._q)
        finally:
            _leave(self)

    @property
    def room(self):
        """Of which so many are free."""
        _enter(self)
        try:
            return tp_playout_queue_room(self._q)
        finally:
            _leave(self)

    @property
    def free_items(self):
        """Sources and checkpoints that may still be queued."""
        _enter(self)
        try:
            return TP_PLAYOUT_MAX_ITEMS - (tp_playout_queue_items(self._q) - tp_playout_queue_free_items(self._q))
        finally:
            _leave(self)

    @property
    def queued(self):
        _enter(self)
        try:
            return tp_playout_queue_queued(self._q)
        finally:
            _leave(self)

    @property
    def now(self):
        _enter(self)
        try:
            return tp_playout_queue_now(self._q)
        finally:
            _leave(self)

    @property
    def underruns(self):
        _enter(self)
        try:
            return tp_playout_queue_underruns(self._q)
        finally:
            _leave(self)


cdef _PlayoutQueue _view_of(tp_playout_queue *q, _State owner, _Store store):
    """The queue within a call: who is inside one of them is inside the other."""
    cdef _PlayoutQueue view = _PlayoutQueue(_WITHIN_A_CALL)
    view._q = q
    view._owner = owner
    view._store = store
    view._inside = owner._inside
    return view
