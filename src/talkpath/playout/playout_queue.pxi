# The playout queue's core; csrc/include/talkpath/playout_queue.h. talkpath.playout makes sources of it.

cdef extern from "talkpath/playout_queue.h" nogil:
    ctypedef struct tp_playout_queue_config:
        int sample_rate_hz
        int capacity_ms
    ctypedef struct tp_playout_queue:
        pass
    ctypedef enum tp_playout_event_kind:
        TP_PLAYOUT_STARTED
        TP_PLAYOUT_COMPLETED
        TP_PLAYOUT_INTERRUPTED
        TP_PLAYOUT_DROPPED
        TP_PLAYOUT_CHECKPOINT
        TP_PLAYOUT_UNDERRUN
        TP_PLAYOUT_PAUSED
        TP_PLAYOUT_RESUMED
    ctypedef struct tp_playout_event:
        tp_playout_event_kind kind
        uint32_t id
        uint64_t at
        uint64_t position
    const char *tp_playout_queue_check(const tp_playout_queue_config *)
    size_t tp_playout_queue_size(const tp_playout_queue_config *)
    int tp_playout_queue_init(tp_playout_queue *, const tp_playout_queue_config *)
    void tp_playout_queue_reset(tp_playout_queue *)
    int tp_playout_queue_begin(tp_playout_queue *, uint32_t, int)
    size_t tp_playout_queue_write(tp_playout_queue *, const int16_t *, size_t)
    void tp_playout_queue_finish(tp_playout_queue *)
    int tp_playout_queue_dtmf(tp_playout_queue *, uint32_t, int, const char *, size_t)
    int tp_playout_queue_silence(tp_playout_queue *, uint32_t, int, uint64_t)
    int tp_playout_queue_checkpoint(tp_playout_queue *, uint32_t)
    int tp_playout_queue_pause(tp_playout_queue *)
    void tp_playout_queue_resume(tp_playout_queue *)
    int tp_playout_queue_paused(const tp_playout_queue *)
    void tp_playout_queue_clear(tp_playout_queue *, int)
    size_t tp_playout_queue_read(tp_playout_queue *, int16_t *, size_t)
    int tp_playout_queue_next_event(tp_playout_queue *, tp_playout_event *)
    size_t tp_playout_queue_room(const tp_playout_queue *)
    size_t tp_playout_queue_free_sources(const tp_playout_queue *)
    uint64_t tp_playout_queue_queued(const tp_playout_queue *)
    int tp_playout_queue_current(const tp_playout_queue *, uint32_t *, uint64_t *, int *)
    uint64_t tp_playout_queue_now(const tp_playout_queue *)
    uint64_t tp_playout_queue_underruns(const tp_playout_queue *)

cdef dict _PLAYOUT_KINDS = {
    TP_PLAYOUT_STARTED: "started", TP_PLAYOUT_COMPLETED: "completed", TP_PLAYOUT_INTERRUPTED: "interrupted",
    TP_PLAYOUT_DROPPED: "dropped", TP_PLAYOUT_CHECKPOINT: "checkpoint", TP_PLAYOUT_UNDERRUN: "underrun",
    TP_PLAYOUT_PAUSED: "paused", TP_PLAYOUT_RESUMED: "resumed",
}


cdef class _PlayoutQueue(_State):
    """The C queue as it is: numbers for names, samples at the line's rate. `talkpath.PlayoutQueue` is the one to use."""
    cdef tp_playout_queue *_q
    cdef object _owner  # whose memory it is, if not its own

    def __cinit__(self, sample_rate=8000, capacity_ms=2000):
        cdef tp_playout_queue_config config
        if sample_rate is None:
            return
        config.sample_rate_hz = _int(sample_rate, "sample_rate")
        config.capacity_ms = _int(capacity_ms, "capacity_ms")
        _check_config(tp_playout_queue_check(&config), f"sample_rate={sample_rate!r}, capacity_ms={capacity_ms!r}")
        self._q = <tp_playout_queue *>_allocate(self, tp_playout_queue_size(&config))
        _check(tp_playout_queue_init(self._q, &config))

    def begin(self, id, interruptible):
        _check(tp_playout_queue_begin(self._q, id, interruptible))

    def write(self, pcm):
        cdef Py_buffer src
        cdef size_t n = <size_t>_get_pcm(pcm, &src)
        n = tp_playout_queue_write(self._q, <const int16_t *>src.buf, n)
        PyBuffer_Release(&src)
        return n

    def finish(self):
        tp_playout_queue_finish(self._q)

    def dtmf(self, id, interruptible, bytes keys):
        _check(tp_playout_queue_dtmf(self._q, id, interruptible, keys, <size_t>len(keys)))

    def silence(self, id, interruptible, samples):
        _check(tp_playout_queue_silence(self._q, id, interruptible, samples))

    def checkpoint(self, id):
        _check(tp_playout_queue_checkpoint(self._q, id))

    def pause(self):
        return tp_playout_queue_pause(self._q) != 0

    def resume(self):
        tp_playout_queue_resume(self._q)

    def clear(self, everything):
        tp_playout_queue_clear(self._q, everything)

    def read(self, pcm):
        """Fills `pcm`; returns how many of its samples came from sources."""
        cdef Py_buffer dst
        cdef size_t n = <size_t>_get_pcm(pcm, &dst, True)
        n = tp_playout_queue_read(self._q, <int16_t *>dst.buf, n)
        PyBuffer_Release(&dst)
        return n

    def events(self):
        """[(kind, id, at, position)] since the last call, oldest first."""
        cdef tp_playout_event event
        found = []
        while tp_playout_queue_next_event(self._q, &event):
            found.append((_PLAYOUT_KINDS[event.kind], event.id, event.at, event.position))
        return found

    def current(self):
        """(id, position, interruptible) of the source that plays, or None."""
        cdef uint32_t id
        cdef uint64_t position
        cdef int interruptible
        if not tp_playout_queue_current(self._q, &id, &position, &interruptible):
            return None
        return id, position, bool(interruptible)

    def reset(self):
        tp_playout_queue_reset(self._q)

    @property
    def paused(self):
        return tp_playout_queue_paused(self._q) != 0

    @property
    def room(self):
        return tp_playout_queue_room(self._q)

    @property
    def free_sources(self):
        return tp_playout_queue_free_sources(self._q)

    @property
    def queued(self):
        return tp_playout_queue_queued(self._q)

    @property
    def now(self):
        return tp_playout_queue_now(self._q)

    @property
    def underruns(self):
        return tp_playout_queue_underruns(self._q)


cdef _PlayoutQueue _view_of(tp_playout_queue *q, object owner):
    """The queue within a call."""
    cdef _PlayoutQueue view = _PlayoutQueue(None)
    view._q = q
    view._owner = owner
    return view
