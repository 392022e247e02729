# cython: language_level=3, embedsignature=False, binding=False, freethreading_compatible=True
# cython: boundscheck=False, wraparound=False, cdivision=True
"""talkpath's compiled core: one extension module, one .pxi file a kernel (they mirror csrc/)."""

cimport cython

include "_support.pxi"

include "wire/g711.pxi"
include "wire/l16.pxi"
include "wire/plc.pxi"
include "wire/resampler.pxi"
include "wire/comfort_noise.pxi"
include "wire/jitter_buffer.pxi"
include "wire/media_message.pxi"

include "detect/beep.pxi"
include "detect/call_progress.pxi"
include "detect/dtmf.pxi"
include "detect/vad.pxi"
include "detect/answering_machine.pxi"

include "enhance/noise_suppressor.pxi"

include "echo/delay_estimator.pxi"
include "echo/echo_canceller.pxi"
include "echo/barge_in.pxi"

include "playout/dtmf_generator.pxi"
include "playout/playout_queue.pxi"
include "playout/ambience.pxi"
include "playout/mixer.pxi"
include "playout/level.pxi"

include "call/call_events.pxi"
include "call/call.pxi"
