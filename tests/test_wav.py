"""WAV files: every supported format, every way of being broken."""

import io
import struct
import wave

import numpy as np
import pytest
import soundfile

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
    half = riff(fmt(1, 16), chunk(b"data", data[:-1]))  # a last sample of one byte
    np.testing.assert_array_equal(tp.read_wav(half, RATE_HZ), np.arange(-5, 5))


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_rf64(kind: bytes) -> None:
    data = np.arange(-5, 6, dtype="<i2").tobytes()
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(data) - 4, 0, 0))
    file = riff(sizes, fmt(1, 16), b"data\xff\xff\xff\xff" + data, kind=kind)
    np.testing.assert_array_equal(tp.read_wav(file, RATE_HZ), np.arange(-5, 4))


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 3), (48000, 2)])
def test_pieces_are_the_whole(rate: int, channels: int, tmp_path) -> None:
    rng = np.random.default_rng(5)
    soundfile.write(tmp_path / "x.wav", rng.standard_normal((30_000, channels)) * 0.1, rate)
    stream = wav.WavStream(tmp_path / "x.wav", 16000)
    assert (stream.sample_rate, stream.channels, stream.duration_s) == (rate, channels, 30_000 / rate)
    pieces = list(stream.chunks(1000))
    assert max(map(len, pieces)) < 2500
    whole = tp.read_wav(tmp_path / "x.wav", 16000)
    assert abs(len(whole) - 30_000 * 16000 / rate) <= 1
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1)


def test_memory_is_the_results(tmp_path) -> None:
    """An hour of 48 kHz, stereo, comes in blocks; a file of 65,535 channels does too."""
    import tracemalloc

    soundfile.write(tmp_path / "long.wav", np.zeros((48000 * 60, 2), np.int16), 48000)
    many = riff(fmt(1, 8, channels=65535), chunk(b"data", bytes(65535 * 20)))
    tracemalloc.start()
    for piece in wav.WavStream(tmp_path / "long.wav", 8000).chunks(1600):
        assert len(piece) < 4000
    assert len(tp.read_wav(many, 16000)) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


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
        (riff(chunk(b"data", b"")), "'data' chunk at byte offset 12 comes before any 'fmt ' chunk"),
        (riff(chunk(b"LIST", b"")), "no 'fmt ' chunk before the end at byte offset 20"),
        (riff(fmt(1, 16)), "no 'data' chunk before the end at byte offset 36"),
        (riff(fmt(1, 16))[:30], "chunk b'fmt ' at byte offset 12 says 16 bytes, the file has 10"),
        (riff(fmt(1, 16), chunk(b"data", bytes(9)))[:42], "no 'data' chunk before the end at byte offset 42"),
        (b"ID3\x04" + bytes(60), "not a WAV file"),
        (b"\xff\xfb\x90\x44" + bytes(400), "not a WAV file"),
        (b"<!DOCTYPE html><html><head><title>404", "not a WAV file"),
        (riff(fmt(1, 16), chunk(b"junk", bytes(9)))[:-4], "chunk b'junk' at byte offset 36 says 9 bytes"),
        (riff(*[chunk(b"junk", b"")] * 20_000), "more than 10000 chunks before byte offset 80012"),
        (riff(chunk(b"fmt ", b"\1\0")), "'fmt ' chunk at byte offset 20 has 2 bytes"),
        (riff(fmt(0x55, 0), chunk(b"data", b"")), "0 bit format tag 0x0055 .byte offset 20. is not supported"),
        (riff(fmt(1, 12), chunk(b"data", b"")), "12 bit PCM"),
        (riff(fmt(0xFFFE, 16), chunk(b"data", b"")), "extensible 'fmt ' chunk"),
        (riff(fmt(1, 16, channels=0), chunk(b"data", b"")), "says 0 channels"),
        (riff(fmt(1, 16, rate=7), chunk(b"data", b"")), "chunk at byte offset 20 says 1 channels at 7 Hz"),
    ],
)
def test_broken_files_say_what_and_where(data: bytes, message: str) -> None:
    with pytest.raises(tp.FormatError, match=message):
        tp.read_wav(data, RATE_HZ)


SOUND = np.round(TONE * 20000).astype("<i2")
HEADER = riff(fmt(1, 16))


def headed(size: int, content: bytes, riff_size: int = 0, form: bytes | None = None) -> bytes:
    """A WAV file whose sizes are what is said, not what is there."""
    head = b"RIFF" + struct.pack("<I", riff_size) + b"WAVE" + (form if form is not None else fmt(1, 16))
    return head + b"data" + struct.pack("<I", size) + content


def by_wave(file: bytes) -> np.ndarray | None:
    """What the standard library reads; None where it gives up."""
    try:
        with wave.open(io.BytesIO(file)) as reader:
            return np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
    except (wave.Error, EOFError):
        return None


@pytest.mark.parametrize("riff_size", [0, 1, 36, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize(
    "size",
    [0, 8001, 8002, 9000, 65535, 2_000_000_000, 0x7FFFEFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFE, 0xFFFFFFFF],
)  # fmt: skip
def test_sizes_that_were_never_written(size: int, riff_size: int) -> None:
    """What is there is read, whatever the headers say."""
    file = headed(size, SOUND.tobytes(), riff_size)
    np.testing.assert_array_equal(tp.read_wav(file, RATE_HZ), SOUND)
    assert wav.WavStream(file, RATE_HZ).duration_s == 0.5
    if riff_size > 8036:  # what the standard library does with a wrong one is its own affair
        other = by_wave(file)
        assert size == 0 or other is None or np.array_equal(other, SOUND)


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 8, 100, 1001, 4000, 7998, 7999, 8000])
def test_what_was_cut_short_gives_what_is_there(cut: int) -> None:
    file = headed(8000, SOUND.tobytes(), 8036)[:-cut]
    expected = SOUND[: (8000 - cut) // 2]
    np.testing.assert_array_equal(tp.read_wav(file, RATE_HZ), expected)
    if cut % 2 == 0 and cut < 8000:
        np.testing.assert_array_equal(by_wave(file), expected)
        np.testing.assert_array_equal(soundfile.read(io.BytesIO(file), dtype="int16")[0], expected)


@pytest.mark.parametrize(("tag", "bits", "channels"), [(1, 8, 1), (1, 16, 2), (1, 24, 1), (1, 24, 3), (1, 32, 1), (3, 32, 2), (7, 8, 2), (6, 8, 1)])  # fmt: skip
@pytest.mark.parametrize("size", [0, 100_000, 0xFFFFFFFF])
@pytest.mark.parametrize("tail", range(7))
def test_a_frame_that_is_cut_is_left_out(tag: int, bits: int, channels: int, size: int, tail: int) -> None:
    width = bits // 8 * channels
    content = b"\x81" * (width * 50 + tail)
    assert len(tp.read_wav(headed(size, content, form=fmt(tag, bits, channels)), RATE_HZ)) == 50 + tail // width


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
@pytest.mark.parametrize("said", [0, 8001, 1 << 31, 1 << 40, (1 << 64) - 1])
def test_rf64_that_is_wrong(kind: bytes, said: int) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", said, said, 0, 0))
    for before in (sizes, b"", chunk(b"ds64", b"12")):
        file = kind + b"\xff\xff\xff\xffWAVE" + before + fmt(1, 16) + b"data\xff\xff\xff\xff" + SOUND.tobytes()
        np.testing.assert_array_equal(tp.read_wav(file, RATE_HZ), SOUND)


@pytest.mark.parametrize(
    "after",
    [chunk(b"LIST", b"INFOISFT" + bytes(9)), chunk(b"fact", bytes(4)) + chunk(b"abcd", b"odd"), b"LIST\xff\xff\xff\x7fINFO",
     b"id3 \0\0\0\0", b"cue " + struct.pack("<I", 5) + b"12345", b"\0"],
)  # fmt: skip
def test_what_comes_behind_the_sound_is_no_sound(after: bytes) -> None:
    """Also when it lies about its size; and a file with no samples is empty."""
    np.testing.assert_array_equal(tp.read_wav(headed(8000, SOUND.tobytes() + after), RATE_HZ), SOUND)
    assert len(tp.read_wav(headed(0, after), RATE_HZ)) == 0
    assert len(tp.read_wav(headed(0, b""), RATE_HZ)) == 0


def test_the_call_plays_what_is_there(tmp_path) -> None:
    """And refuses in `play` what cannot be read."""
    for number, file in enumerate(
        [headed(0, SOUND.tobytes()), headed(2_000_000_000, SOUND.tobytes()), headed(8000, SOUND.tobytes())[:-3001]]
    ):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(file)
        call = tp.CallPipeline(comfort_noise_enabled=False)
        call.play(path)
        sent = np.concatenate([call.decode(call.transmit().payload) for _ in range(30)])
        expected = len(tp.read_wav(file, RATE_HZ))
        assert abs(np.flatnonzero(np.abs(sent) > 50)[-1] - expected) < 40
    (tmp_path / "page.wav").write_bytes(b"<html>")
    call = tp.CallPipeline()
    for unreadable, error in (
        (tmp_path / "none.wav", OSError),
        (tmp_path, OSError),
        (tmp_path / "page.wav", tp.FormatError),
        (b"", tp.FormatError),
    ):
        with pytest.raises(error):
            call.play(unreadable)
    assert call.queued_ms == 0


def mutants(count: int):
    """Files of all formats with bytes changed, cut, doubled and inserted."""
    rng = np.random.default_rng(7)
    seeds = [
        riff(fmt(tag, bits, channels), chunk(b"LIST", b"abc"), chunk(b"data", bytes(range(64))))
        for tag, bits in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)]
        for channels in (1, 2)
    ]
    extensible = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 0) + b"\x01\0" + bytes(14)
    seeds.append(riff(chunk(b"fmt ", extensible), chunk(b"data", bytes(64))))
    seeds.append(riff(chunk(b"ds64", bytes(28)), fmt(1, 16), b"data\xff\xff\xff\xff" + bytes(64), kind=b"RF64"))
    edges = np.array([0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF], np.uint8)
    for i in range(count):
        file = np.frombuffer(seeds[i % len(seeds)], np.uint8).copy()
        where = rng.integers(0, len(file), 1 + i % 5)
        file[where] = rng.integers(0, 256, len(where)) if i % 2 else edges[rng.integers(0, len(edges), len(where))]
        if i % 7 == 0:
            file = file[: rng.integers(0, len(file) + 1)]
        elif i % 11 == 0:
            a, b = sorted(rng.integers(0, len(file) + 1, 2))
            file = np.concatenate([file[:b], file[a:]])
        yield file.tobytes()


def read_mutants(count: int) -> None:
    good = 0
    for file in mutants(count):
        try:
            pcm = tp.read_wav(file, RATE_HZ)
        except tp.FormatError:
            continue
        assert pcm.dtype == np.int16
        assert len(pcm) <= 2 * len(file) + 2
        good += 1
    assert count / 20 < good < count


def test_mutations_never_crash() -> None:
    read_mutants(3000)


@pytest.mark.slow
def test_a_million_mutations_never_crash() -> None:
    """`python wheels/sanitize.py tests/test_wav.py -k million` runs them under AddressSanitizer."""
    read_mutants(1_000_000)


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
