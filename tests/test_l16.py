"""L16 is int16 in a stated byte order."""

import numpy as np
import pytest

import talkpath as tp
from talkpath import l16


@pytest.mark.parametrize(("byteorder", "dtype"), [("little", "<i2"), ("big", ">i2")])
@pytest.mark.parametrize("n", [0, 1, 15, 160, 65536])
def test_round_trip(byteorder: str, dtype: str, n: int, rng: np.random.Generator) -> None:
    pcm = rng.integers(-32768, 32768, n).astype(np.int16)
    data = l16.encode(pcm, byteorder)
    assert data == pcm.astype(dtype).tobytes()
    np.testing.assert_array_equal(l16.decode(data, byteorder), pcm)
    room, samples = bytearray(2 * n + 2), np.zeros(n + 1, np.int16)
    assert l16.encode(pcm, byteorder, out=room) == 2 * n
    assert room[: 2 * n] == data
    assert l16.decode(data, byteorder, out=samples) == n
    np.testing.assert_array_equal(samples[:n], pcm)


def test_decode_needs_no_alignment() -> None:
    np.testing.assert_array_equal(l16.decode(memoryview(b"\0\1\2\3\4")[1:]), [0x0201, 0x0403])


def test_errors() -> None:
    with pytest.raises(tp.LengthError, match="byte offset 2"):
        l16.decode(b"123")
    with pytest.raises(tp.ConfigError, match="byteorder must be 'little' or 'big' .got 'middle'"):
        l16.encode(b"", "middle")
