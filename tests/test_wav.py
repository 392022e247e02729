"""WAV files: every supported format, every way of being broken."""

import io
import struct
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import talkpath as tp
from talkpath import wav

RATE_HZ = 8000
TONE = np.sin(2 * np.pi * 440 * np.arange(4000) / RATE_HZ) * 0.5


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes, kind: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body)) + body


def fmt(tag: int, bits: int, channels: int = 1, rate: int = RATE_HZ) -> bytes:
    width = bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width * channels, width * channels, bits))


FORMATS = {
    "PCM_U8": 8e-3, "PCM_16": 1e-4, "PCM_24": 1e-4, "PCM_32": 1e-4, "FLOAT": 1e-4, "DOUBLE": 1e-4, "ULAW": 0.02, "ALAW": 0.02,
}  # fmt: skip


@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", FORMATS)
def test_formats(subtype: str, container: str) -> None:
    if container == "WAVEX" and subtype not in soundfile.available_subtypes("WAVEX"):
        pytest.skip("libsndfile does not write it")
    file = io.BytesIO()
    soundfile.write(file, TONE, RATE_HZ, format=container, subtype=subtype)
    pcm = tp.read_wav(file.getvalue(), RATE_HZ)
    assert pcm.dtype == np.int16
    np.testing.assert_allclose(pcm / 32768, TONE, atol=FORMATS[subtype])


def test_rate_conversion_and_mono_mix(tmp_path) -> None:
    left, right = TONE, -TONE / 2
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], axis=1), RATE_HZ)
    mono = tp.read_wav(path, 16000)
    assert abs(len(mono) - 8000) <= 1
    t = np.arange(8000) / 16000
    np.testing.assert_allclose(mono[200:7800] / 32768, (np.sin(2 * np.pi * 440 * t) / 8)[200:7800], atol=1e-3)
    channels = wav.read_wav_channels(path, RATE_HZ)
    np.testing.assert_allclose(channels[1] / 32768, right, atol=1e-4)


def test_odd_chunks_and_streamed_sizes() -> None:
    data = np.arange(-5, 6, dtype="<i2").tobytes()
    junk = chunk(b"LIST", b"odd") + chunk(b"bext", bytes(602))
    np.testing.assert_array_equal(
        tp.read_wav(riff(junk, fmt(1, 16), junk, chunk(b"data", data)), RATE_HZ), np.arange(-5, 6)
    )
    endless = riff(fmt(1, 16), b"data\xff\xff\xff\xff" + data)  # what a stream writes that does not know its end
    np.testing.assert_array_equal(tp.read_wav(endless, RATE_HZ), np.arange(-5, 6))
    cut = riff(fmt(1, 16), chunk(b"data", data))[:-3]
    np.testing.assert_array_equal(tp.read_wav(cut, RATE_HZ), np.arange(-5, 4))  # as far as it goes


def test_extremes_saturate() -> None:
    loud = np.array([2.0, -2.0, np.nan, np.inf, -np.inf], "<f4").tobytes()
    np.testing.assert_array_equal(
        tp.read_wav(riff(fmt(3, 32), chunk(b"data", loud)), RATE_HZ), [32767, -32768, 0, 32767, -32768]
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a WAV file"),
        (b"RIFF\0\0\0\0AVI ", "not a WAV file"),
        (riff(chunk(b"data", b"")), "no 'fmt ' chunk"),
        (riff(fmt(1, 16)), "no 'data' chunk"),
        (riff(chunk(b"fmt ", b"\1\0")), "'fmt ' chunk at byte offset 20 has 2 bytes"),
        (riff(fmt(0x55, 0), chunk(b"data", b"")), "0 bit format tag 0x0055 .byte offset 20. is not supported"),
        (riff(fmt(1, 12), chunk(b"data", b"")), "12 bit PCM"),
        (riff(fmt(0xFFFE, 16), chunk(b"data", b"")), "extensible 'fmt ' chunk"),
        (riff(fmt(1, 16, channels=0), chunk(b"data", b"")), "says 0 channels"),
        (riff(fmt(1, 16, rate=7), chunk(b"data", b"")), "a sampling rate of 7 Hz .byte offset 24"),
    ],
)
def test_broken_files_say_what_and_where(data: bytes, message: str) -> None:
    with pytest.raises(tp.FormatError, match=message):
        tp.read_wav(data, RATE_HZ)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_never_crash(data: st.DataObject) -> None:
    file = bytearray(riff(fmt(1, 16), chunk(b"LIST", b"abc"), chunk(b"data", bytes(64))))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    file = file[: data.draw(st.integers(0, len(file)))]
    try:
        pcm = tp.read_wav(bytes(file), RATE_HZ)
    except tp.FormatError:
        return
    assert pcm.dtype == np.int16


def test_written_files_read_back(tmp_path) -> None:
    pcm = np.arange(-32768, 32767, 97).astype(np.int16)
    wav.write_wav(tmp_path / "a.wav", pcm, 16000)
    np.testing.assert_array_equal(tp.read_wav(tmp_path / "a.wav", 16000), pcm)
    with wave.open(str(tmp_path / "a.wav")) as other:
        assert (other.getnframes(), other.getframerate()) == (len(pcm), 16000)
    codes = tp.g711.alaw_encode(pcm)
    wav.write_wav_coded(tmp_path / "b.wav", codes, wav.ALAW, RATE_HZ)
    np.testing.assert_array_equal(tp.read_wav(tmp_path / "b.wav", RATE_HZ), tp.g711.alaw_decode(codes))
    with pytest.raises(tp.ConfigError, match="sample_rate must be 1000 to 384000"):
        tp.read_wav(tmp_path / "a.wav", 0)
