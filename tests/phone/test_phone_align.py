"""The tool that proves what was heard: it must find what is missing, and call nothing the same that is not."""

import numpy as np
import pytest

from talkpath import g711
from talkpath.phone import align, voice

SAID = voice(4.0, 8000, 5)


def heard(*pieces: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(p, np.int16) for p in pieces])


def zeros(n: int) -> np.ndarray:
    return np.zeros(n, np.int16)


@pytest.mark.parametrize("offset", [0, 1, 777, 30000])
def test_the_same(offset: int) -> None:
    found = align(SAID, heard(zeros(offset), SAID, zeros(99)), 8000)
    assert (found.offset_samples, found.missing_samples, found.shift_ms) == (offset, 0, 0.0)
    assert found.error_db == float("-inf")
    assert found.is_whole


def test_through_a_codec() -> None:
    found = align(SAID, heard(zeros(500), g711.ulaw_decode(g711.ulaw_encode(SAID))), 8000)
    assert found.is_whole
    assert -50 < found.error_db < -30


@pytest.mark.parametrize("n", [160, 800, 4000])
def test_left_out(n: int) -> None:
    """What was left out is missing; what is behind it lies earlier."""
    at = 12000
    found = align(SAID, heard(zeros(500), SAID[:at], SAID[at + n :], zeros(8000)), 8000)
    assert found.missing_samples >= n / 2  # a part of it is quiet
    assert found.missing_samples <= n + 320
    assert found.shift_ms == n / 8
    assert not found.is_whole


def test_a_hole_in_it() -> None:
    found = align(SAID, heard(SAID[:12000], zeros(480), SAID[12000:]), 8000)
    assert found.shift_ms == 60
    assert found.missing_samples <= 160  # the block that was cut in two


def test_a_frame_replaced() -> None:
    other = heard(zeros(100), SAID)
    loud = 100 + 160 * int(np.argmax((SAID[: 199 * 160].reshape(-1, 160).astype(float) ** 2).sum(axis=1)))
    other[loud : loud + 160] = 0
    found = align(SAID, other, 8000)
    assert 160 <= found.missing_samples <= 320
    assert found.shift_ms == 0


def test_something_else() -> None:
    found = align(SAID, voice(4.0, 8000, 99), 8000)
    assert not found.is_whole
    assert found.missing_samples > 0.6 * len(SAID)


def test_nothing_was_heard() -> None:
    assert align(SAID, zeros(40000), 8000).missing_samples > 0.6 * len(SAID)
    assert align(SAID, zeros(0), 8000).missing_samples == len(SAID)
    assert align(zeros(0), SAID, 8000).missing_samples == 0
