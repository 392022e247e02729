"""What was said into a recogniser and not yet heard by it: kept, to be sent again when a connection or a provider is lost."""

from __future__ import annotations

BYTES_PER_SAMPLE = 2


class AudioLog:
    """A caller's audio from the first sample that may still be needed. Positions are samples since the stream began.

    Parameters
    ----------
    sample_rate_hz : int
    kept_s : float
        No more than this is kept: the oldest goes first, sent or not.
    """

    def __init__(self, sample_rate_hz: int, kept_s: float = 20.0) -> None:
        self._kept_bytes = int(kept_s * sample_rate_hz) * BYTES_PER_SAMPLE
        self._pcm = bytearray()
        self._odd = b""  # half a sample
        self.begin_samples = 0

    @property
    def end_samples(self) -> int:
        """All that ever came."""
        return self.begin_samples + len(self._pcm) // BYTES_PER_SAMPLE

    def append(self, pcm: bytes) -> None:
        """int16; half a sample waits for its other half."""
        if self._odd or len(pcm) & 1:
            pcm = self._odd + pcm
            whole = len(pcm) & ~1
            self._odd, pcm = pcm[whole:], pcm[:whole]
        self._pcm += pcm
        if len(self._pcm) > self._kept_bytes:
            self.forget(self.end_samples - self._kept_bytes // BYTES_PER_SAMPLE)

    def forget(self, to_samples: int) -> None:
        """What lies before this position has been heard."""
        n = max(0, min(to_samples, self.end_samples) - self.begin_samples)
        del self._pcm[: n * BYTES_PER_SAMPLE]
        self.begin_samples += n

    def read(self, from_samples: int, to_samples: int) -> bytes:
        """What is kept between the two."""
        at, end = ((max(0, p - self.begin_samples)) * BYTES_PER_SAMPLE for p in (from_samples, to_samples))
        return bytes(self._pcm[at:end])
