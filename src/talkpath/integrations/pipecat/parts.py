"""The parts alone, for those who keep their transport: a resampler, filters, a background that ducks."""

from __future__ import annotations

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.audio.mixers.base_audio_mixer import BaseAudioMixer
from pipecat.audio.resamplers.base_audio_resampler import BaseAudioResampler
from pipecat.frames.frames import (
    FilterControlFrame,
    FilterEnableFrame,
    MixerControlFrame,
    MixerEnableFrame,
    MixerUpdateSettingsFrame,
)

from talkpath import AmbienceMixer, EchoCanceller, NoiseSuppressor, Resampler
from talkpath._types import Samples
from talkpath.wav import Source


class TalkpathResampler(BaseAudioResampler):
    """A stream at any rates: as many samples out as came in, 2 ms later; `flush` gives the rest."""

    def __init__(self) -> None:
        self._resampler: Resampler | None = None

    async def resample(self, audio: bytes, in_rate: int, out_rate: int) -> bytes:
        """The next piece of the stream."""
        if in_rate == out_rate:
            return audio
        if self._resampler is None or (self._resampler.rate_in, self._resampler.rate_out) != (in_rate, out_rate):
            self._resampler = Resampler(in_rate, out_rate)
        return self._resampler.process(audio).tobytes()

    async def flush(self) -> bytes:
        """The end of the stream."""
        return b"" if self._resampler is None else self._resampler.flush().tobytes()

    async def reset(self) -> None:
        """The stream is abandoned."""
        if self._resampler is not None:
            self._resampler.reset()


class _Filter(BaseAudioFilter):
    """What both have: a switch. Rates are 8 and 16 kHz."""

    _enabled = True

    async def stop(self) -> None:
        """Nothing is held."""

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """On and off."""
        if isinstance(frame, FilterEnableFrame):
            self._enabled = frame.enable


class NoiseFilter(_Filter):
    """`audio_in_filter`: takes noise out; 60 to 100. Costs 10 ms."""

    def __init__(self, level: int = 85) -> None:
        self._level = level
        self._suppressor = NoiseSuppressor(16000, level)

    async def start(self, sample_rate: int) -> None:
        """Of the transport's input."""
        self._suppressor = NoiseSuppressor(sample_rate, self._level)

    async def filter(self, audio: bytes) -> bytes:
        """As many samples as came."""
        return self._suppressor.process(audio).tobytes() if self._enabled else audio


class EchoFilters:
    """A pair: `.input` for `audio_in_filter`, `.output` for `audio_out_filter`. Takes the agent's voice out of what comes back.

    The output's half hears the agent before Pipecat mixes and paces it, up to 80 ms too early; the canceller finds that delay. A
    serializer knows better: it hears what is sent, when it is sent.
    """

    def __init__(self) -> None:
        self.input, self.output = _EchoInput(), _EchoOutput()
        self.output.pair = self.input


class _EchoInput(_Filter):
    def __init__(self) -> None:
        self.far = bytearray()
        self.rate_hz = 16000
        self._canceller = EchoCanceller(16000)

    async def start(self, sample_rate: int) -> None:
        self.rate_hz = sample_rate
        self._canceller = EchoCanceller(sample_rate)

    async def filter(self, audio: bytes) -> bytes:
        far = bytes(self.far[: len(audio)]).ljust(len(audio), b"\0")
        del self.far[: len(audio)]
        return self._canceller.process(audio, far).tobytes() if self._enabled else audio


class _EchoOutput(_Filter):
    pair: _EchoInput

    def __init__(self) -> None:
        self._rate_hz = 24000
        self._resampler = TalkpathResampler()

    async def start(self, sample_rate: int) -> None:
        self._rate_hz = sample_rate

    async def filter(self, audio: bytes) -> bytes:
        far = self.pair.far
        far += await self._resampler.resample(audio, self._rate_hz, self.pair.rate_hz)
        del far[: -2 * self.pair.rate_hz]  # a second may wait
        return audio


class TalkpathMixer(BaseAudioMixer):
    """`audio_out_mixer`: a background that goes down under the agent's voice; any WAV file at any rate, or a built-in sound.

    With `TalkpathSerializer` there is no need of it: `CallConfig(background_audio={"sound": "office"})` costs Pipecat nothing.
    """

    def __init__(self, sound: Source | Samples = "office", volume: float = 0.3, duck_db: float = 6.0) -> None:
        self._sound, self._volume, self._duck_db = sound, volume, duck_db
        self._mixer: AmbienceMixer | None = None

    async def start(self, sample_rate: int) -> None:
        """Of the transport's output: 8, 16, 24 or 48 kHz."""
        self._mixer = AmbienceMixer(sample_rate, self._sound, self._volume, duck_db=self._duck_db)  # type: ignore[arg-type]

    async def stop(self) -> None:
        """Nothing is held."""

    async def process_frame(self, frame: MixerControlFrame) -> None:
        """On and off, with a fade; "volume" and "sound" of the settings."""
        if self._mixer is None:
            return
        if isinstance(frame, MixerUpdateSettingsFrame):
            self._volume = frame.settings.get("volume", self._volume)
            self._sound = frame.settings.get("sound", self._sound)
            self._mixer.play(self._sound, self._volume)  # type: ignore[arg-type]
        elif isinstance(frame, MixerEnableFrame):
            self._mixer.play(self._sound, self._volume) if frame.enable else self._mixer.stop()  # type: ignore[arg-type]

    async def mix(self, audio: bytes) -> bytes:
        """The agent over the background."""
        return audio if self._mixer is None else self._mixer.mix(audio).tobytes()
