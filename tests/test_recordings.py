"""Recordings as people have them: every kind of file, and who is on which channel."""

import io
from pathlib import Path

import numpy as np
import pytest
from scenario import voice

from talkpath import wav
from talkpath.errors import FormatError
from talkpath.recordings import Recording, are_equal, read_recording, sides

soundfile = pytest.importorskip("soundfile", reason="the extra `scan` is not installed")

CALLER, AGENT = voice(1500, seed=3), voice(1500, seed=4, pitch=190.0)
KINDS = [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AU", "ULAW"),
         ("AIFF", "PCM_16"), ("WAV", "IMA_ADPCM"), ("W64", "PCM_16")]  # fmt: skip


def written(channels: list[np.ndarray], kind: str, coded: str, rate_hz: int = 8000) -> bytes:
    if kind not in soundfile.available_formats() or coded not in soundfile.available_subtypes(kind):
        pytest.skip(f"this libsndfile does not write {kind} {coded}")
    file = io.BytesIO()
    as_float = np.stack(channels, axis=1) / 32768  # libsndfile 1.2 spoils int16 on two channels of an MP3 file
    soundfile.write(file, as_float, rate_hz, format=kind, subtype=coded)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "coded"), KINDS)
def test_every_kind_of_file(kind: str, coded: str) -> None:
    """Two channels come back as they were, as far as the codec lets them; equal ones are known for equal behind every codec."""
    heard = read_recording(written([CALLER, AGENT], kind, coded), 8000)
    assert [abs(len(side) - len(CALLER)) <= 200 for side in heard] == [True, True]  # codecs fill their last block
    for side, said in zip(heard, (CALLER, AGENT), strict=True):
        n = min(len(side), len(said))
        assert np.corrcoef(side[:n], said[:n])[0, 1] > 0.9
    assert not are_equal(*heard)
    assert are_equal(*read_recording(written([CALLER, CALLER], kind, coded), 8000))


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_wav_is_read_as_talkpath_wav_reads_it(tmp_path: Path, rate_hz: int) -> None:
    wav.write_wav(tmp_path / "x.wav", CALLER, 8000)
    (heard,) = read_recording(tmp_path / "x.wav", rate_hz)
    assert np.array_equal(heard, wav.read_wav(tmp_path / "x.wav", rate_hz))
    with (tmp_path / "x.wav").open("rb") as file:
        recording = Recording(file)
        assert (recording.sample_rate_hz, recording.channels, recording.encoding) == (8000, 1, "PCM 16 bit")
        assert sum(map(len, recording.blocks())) == len(CALLER)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty file"),
        (bytes(4000), "begins with zeros"),
        (b"a text, and no sound" * 20, "not a sound file"),
        (b"RIFF1234WAVEjunk", "no 'fmt ' chunk"),
    ],
)
def test_what_is_no_sound(data: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        Recording(data)


def test_sides() -> None:
    silent = np.zeros_like(CALLER)
    assert [len(sides([CALLER])), len(sides([CALLER, AGENT])), len(sides([CALLER, CALLER]))] == [1, 2, 1]
    assert len(sides([CALLER, silent])) == 2, "a one-way call has two sides"
    assert len(sides([silent, silent])) == 1
    quieter = np.rint(CALLER * 0.1).astype(np.int16)
    assert len(sides([quieter, CALLER])) == 2, "the agent's echo on the caller's side makes no single side of them"
    assert sides([CALLER, AGENT], "agent-caller")[0] is AGENT
    assert sides([CALLER, AGENT], "right")[0] is AGENT
    assert sides([CALLER, AGENT, silent], "left")[0] is CALLER
    assert np.array_equal(sides([CALLER, CALLER], "mixed")[0], CALLER)
    with pytest.raises(FormatError, match="3 channels"):
        sides([CALLER, AGENT, silent])
    with pytest.raises(FormatError, match="there is one channel"):
        sides([CALLER], "agent-caller")
    with pytest.raises(FormatError, match="must be one of"):
        sides([CALLER], "stereo")
