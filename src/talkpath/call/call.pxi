# The call; csrc/include/talkpath/call.h. talkpath.CallPipeline makes names and events of it.

cdef extern from "talkpath/call.h" nogil:
    ctypedef enum tp_codec:
        TP_CODEC_ULAW
        TP_CODEC_ALAW
        TP_CODEC_L16
    ctypedef struct tp_turn_config:
        float speech_activation_threshold
        float completed_turn_threshold
        float incomplete_turn_threshold
        int completed_turn_delay_ms
        int incomplete_turn_delay_ms
        int uncertain_turn_delay_ms
        int min_interruption_duration_ms
        int min_interruption_words
        int false_interruption_timeout_ms
        int adapts
        int allow_interruptions
        int max_turn_duration_ms
        int no_response_timeout_ms
        int extended_wait_time_ms
        int max_retries
        int wait_for_user_timeout_ms
    ctypedef enum tp_turn_preset:
        TP_TURN_HIGH
        TP_TURN_MEDIUM
        TP_TURN_LOW
        TP_TURN_AUTO
    tp_turn_config tp_turn_defaults(tp_turn_preset)
    ctypedef struct tp_call_config:
        tp_codec codec
        int sample_rate_hz
        int frame_ms
        int audio_rate_hz
        int conceal
        int echo_control
        int warm_up_ms
        int noise_cancellation
        int noise_cancellation_level
        int comfort_noise
        float comfort_noise_dbov
        int detect_answer
        int detect_beep
        int normalize_level
        float duck_db
        uint32_t seed
        tp_turn_config turn
    ctypedef struct tp_call_components:
        tp_plc_config plc
        tp_dtmf_config dtmf
        tp_amd_config answering_machine
        tp_beep_config beep
        tp_call_progress_config call_progress
        tp_barge_in_config barge_in
        tp_noise_suppressor_config noise_suppressor
        tp_resampler_config resampler
        tp_playout_queue_config playout_queue
        tp_mixer_config mixer
        tp_comfort_noise_config comfort_noise
    tp_call_config tp_call_defaults()
    tp_call_components tp_call_components_of(const tp_call_config *)
    ctypedef struct tp_call_counts:
        uint64_t turns
        uint64_t interruptions
        uint64_t false_interruptions
        uint64_t backchannels
    ctypedef struct tp_call_metrics:
        uint64_t received_frames
        uint64_t lost_frames
        uint64_t sent_frames
        uint64_t underruns
        uint64_t discarded_chunks
        uint64_t discarded_samples
        uint64_t reference_gaps
        float received_dbov
        float sent_dbov
        tp_call_counts counts
    ctypedef struct tp_call:
        pass
    const char *tp_call_check(const tp_call_config *)
    size_t tp_call_size(const tp_call_config *)
    int tp_call_init(tp_call *, const tp_call_config *)
    void tp_call_reset(tp_call *)
    int tp_call_update(tp_call *, const tp_call_config *)
    void tp_call_prefetch(const tp_call *)
    void tp_call_prefetch_rings(const tp_call *)
    size_t tp_call_payload_bytes(const tp_call *)
    size_t tp_call_pcm_samples(const tp_call *)
    int tp_call_receive(tp_call *, const uint8_t *, size_t, int16_t *)
    void tp_call_conceal(tp_call *, int16_t *)
    void tp_call_transmit(tp_call *, uint8_t *)
    tp_playout_queue *tp_call_queue(tp_call *)
    int tp_call_pause(tp_call *)
    void tp_call_resume(tp_call *)
    void tp_call_clear(tp_call *, int)
    void tp_call_clear_audio(tp_call *)
    void tp_call_discarded(tp_call *, size_t, int)
    tp_mixer *tp_call_mixer(tp_call *)
    void tp_call_transcript(tp_call *, int, int, int)
    void tp_call_turn_probability(tp_call *, float)
    void tp_call_extend_wait(tp_call *)
    int tp_call_listen_for_beep(tp_call *, int)
    int tp_call_next_event(tp_call *, tp_call_event *)
    size_t tp_call_event_count(const tp_call *)
    tp_user_state tp_call_user_state(const tp_call *)
    tp_agent_state tp_call_agent_state(const tp_call *)
    double tp_call_received_ms(const tp_call *)
    double tp_call_sent_ms(const tp_call *)
    tp_call_metrics tp_call_read_metrics(const tp_call *)
    const tp_barge_in *tp_call_gate(const tp_call *)
    double tp_call_delay_ms(const tp_call *)


cdef dict _CODECS = {"ulaw": TP_CODEC_ULAW, "alaw": TP_CODEC_ALAW, "l16": TP_CODEC_L16}


cdef tp_call_config _call_config(dict d) except *:
    """From {field: value} with the names of the C structs, `turn` a dict within."""
    cdef tp_call_config c = {**d, "codec": _CODECS[d["codec"]]}
    _check_config(tp_call_check(&c), "see CallConfig")
    return c


def _call_defaults():
    """{field: value} of a call as it is when nothing is said; `turn` a dict within."""
    cdef dict found = tp_call_defaults()
    return {**found, "codec": next(name for name, codec in _CODECS.items() if codec == found["codec"])}


def _turn_presets():
    """{name: {field: value}} of the presets of `semantic_vad`."""
    return {"high": tp_turn_defaults(TP_TURN_HIGH), "medium": tp_turn_defaults(TP_TURN_MEDIUM),
            "low": tp_turn_defaults(TP_TURN_LOW), "auto": tp_turn_defaults(TP_TURN_AUTO)}


def _call_components(dict config):
    """{component: {field: value}}: what a call gives each of its components, for the tests."""
    cdef tp_call_config c = _call_config(config)
    return tp_call_components_of(&c)


cdef object _RECEIVED = tuple
cdef object _TRANSMITTED = tuple


def _call_results(received, transmitted):
    """Says which named pairs `hear` and `say` make."""
    global _RECEIVED, _TRANSMITTED
    if not (issubclass(received, tuple) and issubclass(transmitted, tuple)):
        raise TypeError("expected two classes of named tuples")
    _RECEIVED, _TRANSMITTED = received, transmitted


@cython.final
cdef class _Call(_State):
    """The C call as it is; `talkpath.CallPipeline` is the one to use."""
    cdef tp_call *_c
    cdef _Sounds _sounds
    cdef _Store _store
    cdef readonly Py_ssize_t payload_bytes
    cdef readonly int frame_ms
    cdef readonly Py_ssize_t pcm_samples
    cdef readonly size_t state_bytes

    def __cinit__(self, dict config):
        cdef tp_call_config c = _call_config(config)
        self.state_bytes = tp_call_size(&c)
        self._c = <tp_call *>_allocate(self, self.state_bytes)
        _check(tp_call_init(self._c, &c))
        self._sounds = _Sounds()
        self._store = _Store()
        self.frame_ms = c.frame_ms
        self.payload_bytes = <Py_ssize_t>tp_call_payload_bytes(self._c)
        self.pcm_samples = <Py_ssize_t>tp_call_pcm_samples(self._c)

    def update(self, dict config):
        cdef tp_call_config c
        _enter(self)
        try:
            c = _call_config(config)
            _check(tp_call_update(self._c, &c))
        finally:
            _leave(self)

    cdef int _get_frame(self, object payload, Py_buffer *src) except -1:
        """Acquires a wire frame."""
        cdef Py_ssize_t have = _get_data(payload, src)
        if have != self.payload_bytes:
            PyBuffer_Release(src)
            raise LengthError(f"payload has {have} bytes; a {self.frame_ms} ms frame has {self.payload_bytes}")
        return 0

    def receive(self, payload, out=None):
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        _enter(self)
        tp_no_buffer(&src)
        try:
            self._get_frame(payload, &src)
            if out is None:
                out = tp_new_int16(self.pcm_samples, &samples)
                tp_call_receive(self._c, <const uint8_t *>src.buf, <size_t>self.payload_bytes, samples)
                return out
            _get_out_pcm(out, &dst, self.pcm_samples)
            tp_call_receive(self._c, <const uint8_t *>src.buf, <size_t>self.payload_bytes, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return out
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    cdef object _frame_in(self, object payload, bint *has_news):
        """A frame in, its samples out; and are there events?"""
        cdef Py_buffer src
        cdef int16_t *samples = NULL
        _enter(self)
        tp_no_buffer(&src)
        try:
            pcm = tp_new_int16(self.pcm_samples, &samples)
            if PyBytes_CheckExact(payload) and PyBytes_Size(payload) == self.payload_bytes:  # as it mostly is: no buffer
                tp_call_receive(self._c, tp_bytes_data(payload), <size_t>self.payload_bytes, samples)
            else:
                self._get_frame(payload, &src)
                tp_call_receive(self._c, <const uint8_t *>src.buf, <size_t>self.payload_bytes, samples)
            has_news[0] = tp_call_event_count(self._c) != 0
            return pcm
        finally:
            PyBuffer_Release(&src)
            _leave(self)

    cdef object _frame_out(self, bint *has_news):
        """A frame out."""
        _enter(self)
        try:
            payload = PyBytes_FromStringAndSize(NULL, self.payload_bytes)
            tp_call_transmit(self._c, tp_bytes_data(payload))
            has_news[0] = tp_call_event_count(self._c) != 0
            return payload
        finally:
            _leave(self)

    def hear(self, pipeline, payload):
        """For the pipeline around this call: a frame in, and nothing else. None: nothing was done, for there is more to do than that, or
        somebody is inside."""
        cdef bint has_news = False
        if not _own(self):
            return None
        try:
            if pipeline._over or pipeline._recorder is not None:
                return None
            pcm = self._frame_in(payload, &has_news)
            return tp_pair(_RECEIVED, pcm, pipeline._events() if has_news or pipeline._waiting else [])
        finally:
            _disown(self)

    def say(self, pipeline):
        """The same for a frame out."""
        cdef bint has_news = False
        if not _own(self):
            return None
        try:
            if pipeline._over or pipeline._recorder is not None:
                return None
            payload = self._frame_out(&has_news)
            return tp_pair(_TRANSMITTED, payload, pipeline._events() if has_news or pipeline._waiting else [])
        finally:
            _disown(self)

    def conceal(self, out=None):
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        _enter(self)
        try:
            if out is None:
                out = tp_new_int16(self.pcm_samples, &samples)
                tp_call_conceal(self._c, samples)
                return out
            _get_out_pcm(out, &dst, self.pcm_samples)
            tp_call_conceal(self._c, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return out
        finally:
            _leave(self)

    def transmit(self):
        _enter(self)
        try:
            payload = PyBytes_FromStringAndSize(NULL, self.payload_bytes)
            tp_call_transmit(self._c, tp_bytes_data(payload))
            return payload
        finally:
            _leave(self)

    def events(self):
        """[(type, clock, time_ms, {field: value})], oldest first."""
        cdef tp_call_event e
        _enter(self)
        try:
            found = []
            while tp_call_next_event(self._c, &e):
                if e.type == TP_CALL_PLAYOUT:
                    _let_go(self._store, e.playout.kind, e.playout.id)
                found.append(_event(&e))
            _settle(tp_call_queue(self._c), self._store)
            return found
        finally:
            _leave(self)

    @property
    def event_count(self):
        _enter(self)
        try:
            return tp_call_event_count(self._c)
        finally:
            _leave(self)

    def queue(self):
        """The playout queue within, to write to."""
        return _view_of(tp_call_queue(self._c), self, self._store)

    def pause(self):
        _enter(self)
        try:
            return tp_call_pause(self._c) != 0
        finally:
            _leave(self)

    def resume(self):
        _enter(self)
        try:
            tp_call_resume(self._c)
        finally:
            _leave(self)

    def clear(self, bint everything):
        _enter(self)
        try:
            tp_call_clear(self._c, everything)
        finally:
            _leave(self)

    def clear_audio(self):
        _enter(self)
        try:
            tp_call_clear_audio(self._c)
        finally:
            _leave(self)

    def discarded(self, size_t samples, bint first):
        _enter(self)
        try:
            tp_call_discarded(self._c, samples, first)
        finally:
            _leave(self)

    def background(self, loop, volume, bint loops):
        _enter(self)
        try:
            self._sounds.play(tp_call_mixer(self._c), loop, _volume(volume), loops)
        finally:
            _leave(self)

    def transcript(self, words, bint final, bint ends_sentence):
        _enter(self)
        try:
            tp_call_transcript(self._c, max(0, min(words, 10_000)), final, ends_sentence)
        finally:
            _leave(self)

    def turn_probability(self, probability):
        _enter(self)
        try:
            tp_call_turn_probability(self._c, probability)
        finally:
            _leave(self)

    def extend_wait(self):
        _enter(self)
        try:
            tp_call_extend_wait(self._c)
        finally:
            _leave(self)

    def listen_for_beep(self, bint listen):
        _enter(self)
        try:
            _check(tp_call_listen_for_beep(self._c, listen))
        finally:
            _leave(self)

    def reset(self):
        _enter(self)
        try:
            tp_call_reset(self._c)
            _forget(self._store)
            self._sounds = _Sounds()
        finally:
            _leave(self)

    @property
    def user_state(self):
        _enter(self)
        try:
            return _USER_STATES[tp_call_user_state(self._c)]
        finally:
            _leave(self)

    @property
    def agent_state(self):
        _enter(self)
        try:
            return _AGENT_STATES[tp_call_agent_state(self._c)]
        finally:
            _leave(self)

    @property
    def received_ms(self):
        _enter(self)
        try:
            return tp_call_received_ms(self._c)
        finally:
            _leave(self)

    @property
    def sent_ms(self):
        _enter(self)
        try:
            return tp_call_sent_ms(self._c)
        finally:
            _leave(self)

    @property
    def delay_ms(self):
        _enter(self)
        try:
            return tp_call_delay_ms(self._c)
        finally:
            _leave(self)

    def metrics(self):
        """(received, lost, sent, underruns, reference gaps, received dBov, sent dBov, turns, interruptions, false ones,
        backchannels, echo delay, its confidence, ERL, ERLE, echo likelihood, double talk, speech probability, evidence,
        discarded chunks, discarded samples)"""
        cdef tp_call_metrics m
        cdef const tp_echo_state *e
        cdef const tp_barge_in_reading *r
        _enter(self)
        try:
            m = tp_call_read_metrics(self._c)
            e = tp_barge_in_echo(tp_call_gate(self._c))
            r = tp_barge_in_read(tp_call_gate(self._c))
            return (m.received_frames, m.lost_frames, m.sent_frames, m.underruns, m.reference_gaps, m.received_dbov, m.sent_dbov,
                    m.counts.turns, m.counts.interruptions, m.counts.false_interruptions, m.counts.backchannels,
                    e.delay_ms, e.delay_confidence, e.erl_db, e.erle_db, e.echo_likelihood, bool(e.double_talk),
                    r.speech_probability, r.evidence, m.discarded_chunks, m.discarded_samples)
        finally:
            _leave(self)


# --- many calls -------------------------------------------------------------------------------------------------------

cdef enum:
    _WHOLE, _SEND_ONLY, _NOTHING  # what is done with a call

cdef struct _Slot:
    tp_call *call
    const uint8_t *payload  # NULL: lost
    int16_t *pcm
    uint8_t *sent
    int work
    char taken           # a thread is at it, or has been
    bint owned
    bint inside
    size_t heard_events  # how many of the call's events were there before it sent, …
    size_t events        # … and after


@cython.final
cdef class _Exchange:
    """One frame in and one frame out for each of some calls: begin, run any pieces of it on any threads, finish.

    It owns its calls as long as it lives or until `_end`; those that somebody else owns are left alone. Payloads are copied.
    """
    cdef _Slot *_slots
    cdef uint8_t *_payloads
    cdef Py_ssize_t _count
    cdef long _work
    cdef list _calls
    cdef list _pcm
    cdef list _sent
    cdef list _errors

    def __cinit__(self, list calls not None, list payloads not None):
        cdef Py_ssize_t count = len(calls), i
        cdef size_t size = 0
        cdef uint8_t *copy
        self._work = TP_WORK_CLOSED
        self._calls, self._pcm, self._sent, self._errors = list(calls), [], [], [None] * count
        if len(payloads) != count:
            raise ConfigError(f"{count} calls and {len(payloads)} payloads")
        for call in self._calls:
            if not isinstance(call, _Call):
                raise TypeError(f"expected calls, got {type(call).__name__}")
            size += <size_t>(<_Call>call).payload_bytes
        payloads = list(payloads)
        self._slots = <_Slot *>PyMem_Calloc(<size_t>count + 1, sizeof(_Slot))
        self._payloads = <uint8_t *>PyMem_Malloc(size + 1)
        if self._slots == NULL or self._payloads == NULL:
            raise MemoryError("no memory for an exchange")
        copy = self._payloads
        for i in range(count):
            self._count = i + 1
            self._slots[i].call = (<_Call>self._calls[i])._c
            self._slots[i].owned = tp_owner_take(&(<_Call>self._calls[i])._is_owned)
            if not self._slots[i].owned:
                self.refuse(i, StateError("the call is in use: another thread is inside"), True)
            elif payloads[i] is not None:
                copy = self._copy(i, <_Call>self._calls[i], payloads[i], copy)

    cdef uint8_t *_copy(self, Py_ssize_t i, _Call call, object payload, uint8_t *copy) except NULL:
        """A payload, so that nothing that happens to its buffer matters; returns where the next goes."""
        cdef Py_buffer src
        try:
            call._get_frame(payload, &src)
        except Exception as error:
            self.refuse(i, error, False)
            return copy
        memcpy(copy, src.buf, <size_t>call.payload_bytes)
        PyBuffer_Release(&src)
        self._slots[i].payload = copy
        return copy + call.payload_bytes

    @property
    def errors(self):
        """What was wrong with each call, or None."""
        return list(self._errors)

    def refuse(self, Py_ssize_t i, object error, bint wholly):
        """Nothing is received on the i-th call, for this reason; `wholly`: nothing is sent either."""
        if not 0 <= i < self._count or tp_work_is_open(&self._work):
            raise StateError("the exchange has begun, or has no such call")
        self._slots[i].work = _NOTHING if wholly or self._slots[i].work == _NOTHING else _SEND_ONLY
        if self._errors[i] is None:
            self._errors[i] = error

    def begin(self):
        """From now on the calls' states are the exchange's."""
        cdef Py_ssize_t i
        cdef _Call call
        cdef _Slot *slot
        cdef int16_t *samples = NULL
        if self._sent:
            raise StateError("the exchange has begun")
        for i in range(self._count):
            call = <_Call>self._calls[i]
            slot = &self._slots[i]
            pcm = sent = None
            if slot.work != _NOTHING:
                slot.inside = tp_owner_take(call._inside)
                if not slot.inside:
                    self.refuse(i, StateError("the call is in use: another thread is inside"), True)
            if slot.work == _WHOLE:
                pcm = tp_new_int16(call.pcm_samples, &samples)
                slot.pcm = samples
            if slot.work != _NOTHING:
                sent = PyBytes_FromStringAndSize(NULL, call.payload_bytes)
                slot.sent = tp_bytes_data(sent)
            self._pcm.append(pcm)
            self._sent.append(sent)
        tp_work_open(&self._work)

    def run(self, Py_ssize_t start, Py_ssize_t stop):
        """The calls from `start` to `stop` that no other thread has taken, without the GIL."""
        cdef Py_ssize_t i
        cdef _Slot *slot
        start, stop = max(start, 0), min(stop, self._count)
        if not tp_work_enter(&self._work):
            return
        with nogil:
            for i in range(start, stop):
                slot = &self._slots[i]
                if slot.work == _NOTHING or not tp_once(&slot.taken):
                    continue
                if i + 1 < stop:
                    tp_call_prefetch(slot[1].call)
                tp_call_prefetch_rings(slot.call)
                if slot.work == _WHOLE and slot.payload == NULL:
                    tp_call_conceal(slot.call, slot.pcm)
                elif slot.work == _WHOLE:
                    tp_call_receive(slot.call, slot.payload, tp_call_payload_bytes(slot.call), slot.pcm)
                slot.heard_events = tp_call_event_count(slot.call)
                tp_call_transmit(slot.call, slot.sent)
                slot.events = tp_call_event_count(slot.call)
            tp_work_leave(&self._work)

    cdef void _stop(self) noexcept:
        """No thread is at a call any more, and none comes."""
        cdef Py_ssize_t i
        tp_work_close(&self._work)
        if not tp_work_is_done(&self._work):
            with nogil:
                while not tp_work_is_done(&self._work):
                    tp_wait()
        for i in range(self._count):
            if self._slots[i].inside:
                self._slots[i].inside = False
                tp_owner_give((<_Call>self._calls[i])._inside)

    cdef void _end(self) noexcept:
        """The calls are free."""
        cdef Py_ssize_t i
        self._stop()
        for i in range(self._count):
            if self._slots[i].owned:
                self._slots[i].owned = False
                tp_owner_give(&(<_Call>self._calls[i])._is_owned)

    def results(self, list noted not None):
        """After `finish`: what each call gave, (Received, Transmitted); None for one that has events or an error, or is noted."""
        cdef Py_ssize_t i
        cdef _Slot *slot
        found = []
        for i in range(self._count):
            slot = &self._slots[i]
            if slot.taken and not slot.events and slot.pcm != NULL and self._errors[i] is None and not noted[i]:
                found.append((tp_pair(_RECEIVED, self._pcm[i], []), tp_pair(_TRANSMITTED, self._sent[i], [])))
            else:
                found.append(None)
        return found

    def finish(self):
        """[(pcm or None, number of events of the receive path, number of all, bytes or None)], when all threads are done."""
        cdef Py_ssize_t i
        cdef _Slot *slot
        self._stop()
        found = []
        for i in range(self._count):
            slot = &self._slots[i]
            if slot.taken:
                found.append((self._pcm[i], slot.heard_events, slot.events, self._sent[i]))
            else:
                found.append((None, 0, 0, None))
        return found

    def __dealloc__(self):
        if self._slots != NULL:
            self._end()
        PyMem_Free(self._slots)
        PyMem_Free(self._payloads)


def _exchange(list calls, list payloads, body):
    """`body(exchange)` while the calls are the exchange's: whatever comes out of it, no thread is at a call afterwards."""
    cdef _Exchange work = _Exchange(calls, payloads)
    try:
        return body(work)
    finally:
        work._end()
