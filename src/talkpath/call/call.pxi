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
        cdef tp_call_config c = _call_config(config)
        _check(tp_call_update(self._c, &c))

    cdef int _wrong_length(self, Py_ssize_t have) except -1:
        raise LengthError(f"payload has {have} bytes; a {self.frame_ms} ms frame has {self.payload_bytes}")

    def receive(self, payload, out=None):
        cdef Py_buffer src, dst
        cdef int16_t *samples = NULL
        cdef Py_ssize_t have = _get_data(payload, &src)
        try:
            if have != self.payload_bytes:
                self._wrong_length(have)
            if out is None:
                out = tp_new_int16(self.pcm_samples, &samples)
                tp_call_receive(self._c, <const uint8_t *>src.buf, <size_t>have, samples)
                return out
            _get_out_pcm(out, &dst, self.pcm_samples)
            tp_call_receive(self._c, <const uint8_t *>src.buf, <size_t>have, <int16_t *>dst.buf)
            PyBuffer_Release(&dst)
            return out
        finally:
            PyBuffer_Release(&src)

    def conceal(self, out=None):
        cdef Py_buffer dst
        cdef int16_t *samples = NULL
        if out is None:
            out = tp_new_int16(self.pcm_samples, &samples)
            tp_call_conceal(self._c, samples)
            return out
        _get_out_pcm(out, &dst, self.pcm_samples)
        tp_call_conceal(self._c, <int16_t *>dst.buf)
        PyBuffer_Release(&dst)
        return out

    def transmit(self):
        payload = PyBytes_FromStringAndSize(NULL, self.payload_bytes)
        tp_call_transmit(self._c, tp_bytes_data(payload))
        return payload

    def events(self):
        """[(type, clock, time_ms, {field: value})], oldest first."""
        cdef tp_call_event e
        found = []
        while tp_call_next_event(self._c, &e):
            if e.type == TP_CALL_PLAYOUT:
                _let_go(self._store, e.playout.kind, e.playout.id)
            found.append(_event(&e))
        _settle(tp_call_queue(self._c), self._store)
        return found

    @property
    def event_count(self):
        return tp_call_event_count(self._c)

    def queue(self):
        """The playout queue within, to write to."""
        return _view_of(tp_call_queue(self._c), self, self._store)

    def pause(self):
        return tp_call_pause(self._c) != 0

    def resume(self):
        tp_call_resume(self._c)

    def clear(self, everything):
        tp_call_clear(self._c, everything)

    def clear_audio(self):
        tp_call_clear_audio(self._c)

    def discarded(self, size_t samples, bint first):
        tp_call_discarded(self._c, samples, first)

    def background(self, loop, volume, loops):
        self._sounds.play(tp_call_mixer(self._c), loop, _volume(volume), loops)

    def transcript(self, words, final, ends_sentence):
        tp_call_transcript(self._c, words, final, ends_sentence)

    def turn_probability(self, probability):
        tp_call_turn_probability(self._c, probability)

    def extend_wait(self):
        tp_call_extend_wait(self._c)

    def listen_for_beep(self, listen):
        _check(tp_call_listen_for_beep(self._c, listen))

    def reset(self):
        tp_call_reset(self._c)
        _forget(self._store)
        self._sounds = _Sounds()

    @property
    def user_state(self):
        return _USER_STATES[tp_call_user_state(self._c)]

    @property
    def agent_state(self):
        return _AGENT_STATES[tp_call_agent_state(self._c)]

    @property
    def received_ms(self):
        return tp_call_received_ms(self._c)

    @property
    def sent_ms(self):
        return tp_call_sent_ms(self._c)

    @property
    def delay_ms(self):
        return tp_call_delay_ms(self._c)

    def metrics(self):
        """(received, lost, sent, underruns, reference gaps, received dBov, sent dBov, turns, interruptions, false ones,
        backchannels, echo delay, its confidence, ERL, ERLE, echo likelihood, double talk, speech probability, evidence,
        discarded chunks, discarded samples)"""
        cdef tp_call_metrics m = tp_call_read_metrics(self._c)
        cdef const tp_echo_state *e = tp_barge_in_echo(tp_call_gate(self._c))
        cdef const tp_barge_in_reading *r = tp_barge_in_read(tp_call_gate(self._c))
        return (m.received_frames, m.lost_frames, m.sent_frames, m.underruns, m.reference_gaps, m.received_dbov, m.sent_dbov,
                m.counts.turns, m.counts.interruptions, m.counts.false_interruptions, m.counts.backchannels,
                e.delay_ms, e.delay_confidence, e.erl_db, e.erle_db, e.echo_likelihood, bool(e.double_talk),
                r.speech_probability, r.evidence, m.discarded_chunks, m.discarded_samples)


# --- many calls -------------------------------------------------------------------------------------------------------

cdef struct _Slot:
    tp_call *call
    const uint8_t *payload  # NULL: lost
    size_t payload_bytes
    int16_t *pcm
    uint8_t *sent
    int status
    bint held            # its view has a buffer
    size_t heard_events  # how many of the call's events were there before it sent, …
    size_t events        # … and after


@cython.final
cdef class _Exchange:
    """One frame in and one frame out for each of some calls: prepare, run any parts of it on any threads, finish."""
    cdef _Slot *_slots
    cdef Py_buffer *_views
    cdef Py_ssize_t _count
    cdef Py_ssize_t _acquired
    cdef list _calls
    cdef list _pcm
    cdef list _sent

    def __cinit__(self, list calls, list payloads):
        self._count = len(calls)
        self._slots = <_Slot *>PyMem_Malloc(<size_t>(self._count + 1) * sizeof(_Slot))
        self._views = <Py_buffer *>PyMem_Malloc(<size_t>(self._count + 1) * sizeof(Py_buffer))
        if self._slots == NULL or self._views == NULL:
            raise MemoryError("no memory for an exchange")
        self._acquired = 0
        self._calls, self._pcm, self._sent = calls, [], []
        cdef Py_ssize_t i
        cdef _Call call
        cdef int16_t *samples = NULL
        for i in range(self._count):
            call = calls[i]
            self._slots[i].call = call._c
            self._slots[i].payload = NULL
            self._slots[i].payload_bytes = 0
            self._slots[i].status = 0
            self._slots[i].heard_events = self._slots[i].events = 0
            self._slots[i].held = False
            self._acquired = i + 1
            if payloads[i] is not None:
                try:
                    self._slots[i].payload_bytes = <size_t>_get_data(payloads[i], &self._views[i])
                    self._slots[i].payload = <const uint8_t *>self._views[i].buf
                    self._slots[i].held = True
                except (TypeError, ValueError, BufferError, TalkpathError):
                    self._slots[i].status = 1  # told by finish()
            pcm = tp_new_int16(call.pcm_samples, &samples)
            self._slots[i].pcm = samples
            sent = PyBytes_FromStringAndSize(NULL, call.payload_bytes)
            self._slots[i].sent = tp_bytes_data(sent)
            self._pcm.append(pcm)
            self._sent.append(sent)

    def run(self, Py_ssize_t start, Py_ssize_t stop):
        """The calls from `start` to `stop`, without the GIL."""
        cdef Py_ssize_t i
        cdef _Slot *slot
        with nogil:
            for i in range(start, stop):
                slot = &self._slots[i]
                if slot.status == 0:
                    if slot.payload == NULL:
                        tp_call_conceal(slot.call, slot.pcm)
                    else:
                        slot.status = tp_call_receive(slot.call, slot.payload, slot.payload_bytes, slot.pcm)
                slot.heard_events = tp_call_event_count(slot.call)
                tp_call_transmit(slot.call, slot.sent)
                slot.events = tp_call_event_count(slot.call)

    def finish(self):
        """[(pcm or None for a payload that was refused, number of events of the receive path, number of all, bytes)]"""
        return [(self._pcm[i] if self._slots[i].status == 0 else None, self._slots[i].heard_events, self._slots[i].events, self._sent[i])
                for i in range(self._count)]

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self._acquired):
            if self._slots[i].held:
                PyBuffer_Release(&self._views[i])
        PyMem_Free(self._slots)
        PyMem_Free(self._views)
