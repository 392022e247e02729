"""talkpath's noise suppressor, in the room's noise cancellation slot."""

import numpy as np
from livekit import rtc

from talkpath import NoiseSuppressor


class NoiseCancellation(rtc.FrameProcessor[rtc.AudioFrame]):
    """`AudioInputOptions(sample_rate=16000, noise_cancellation=NoiseCancellation())`: no key, no model file, 10 ms of delay.

    On a phone call without a room it is the call's own: `CallConfig(noise_cancellation=True)`.

    Parameters
    ----------
    level : int, 60 to 100
        How much is taken out; see `NoiseSuppressor`.

    Notes
    -----
    For 8000 and 16000 Hz, one channel; anything else is refused (LiveKit then warns, and lets the audio pass).
    """

    def __init__(self, level: int = 85) -> None:
        self._level = NoiseSuppressor(level=level).level  # refuses one that is out of range
        self._enabled = True
        self._suppressor: NoiseSuppressor | None = None

    @property
    def enabled(self) -> bool:
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = value

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        if not self._enabled:
            return frame
        if frame.num_channels != 1:
            raise ValueError(
                f"noise cancellation takes one channel (got {frame.num_channels}): AudioInputOptions(num_channels=1)"
            )
        if self._suppressor is None or self._suppressor.sample_rate != frame.sample_rate:
            self._suppressor = NoiseSuppressor(frame.sample_rate, self._level)
        pcm = self._suppressor.process(np.frombuffer(frame.data, np.int16))
        return rtc.AudioFrame(pcm.tobytes(), frame.sample_rate, 1, frame.samples_per_channel, userdata=frame.userdata)

    def _close(self) -> None:
        self._suppressor = None
