"""G.711 against a reference written from ITU-T G.711/G.191, for every input there is."""

import numpy as np
import pytest

import talkpath as tp
from talkpath import g711

ALL_PCM = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = bytes(range(256))


# --- the reference: G.191's algorithm, one sample at a time ---------------------------------------------------------


def ulaw_encode_reference(x: int) -> int:
    """G.191: 14 bit magnitude (one's complement of negatives), bias 33, clipped to 8191; segment by counting."""
    magnitude = min(((~x if x < 0 else x) >> 2) + 33, 0x1FFF)
    segment, shifted = 1, magnitude >> 6
    while shifted:
        segment += 1
        shifted >>= 1
    high, low = 8 - segment, 15 - ((magnitude >> segment) & 15)
    return (high << 4 | low) | (0x80 if x >= 0 else 0)


def ulaw_decode_reference(code: int) -> int:
    sign = -1 if code < 0x80 else 1
    mantissa = ~code
    exponent, mantissa = (mantissa >> 4) & 7, mantissa & 15
    step = 4 << (exponent + 1)
    return sign * ((0x80 << exponent) + step * mantissa + step // 2 - 4 * 33)


def alaw_encode_reference(x: int) -> int:
    """G.191: 12 bit magnitude, segment 0 linear."""
    value = (~x if x < 0 else x) >> 4
    if value > 15:
        exponent = 1
        while value > 16 + 15:
            value >>= 1
            exponent += 1
        value = value - 16 + (exponent << 4)
    return (value | (0x80 if x >= 0 else 0)) ^ 0x55


def alaw_decode_reference(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 0x100) << (exponent - 1)
    return value if code & 0x80 else -value


LAWS = {
    "ulaw": (g711.ulaw_encode, g711.ulaw_decode, ulaw_encode_reference, ulaw_decode_reference),
    "alaw": (g711.alaw_encode, g711.alaw_decode, alaw_encode_reference, alaw_decode_reference),
}
laws = pytest.mark.parametrize("law", LAWS)


@laws
def test_encode_is_exact_for_all_65536_inputs(law: str) -> None:
    encode, _, reference, _ = LAWS[law]
    got = np.frombuffer(encode(ALL_PCM), np.uint8)
    expected = np.array([reference(int(x)) for x in ALL_PCM], np.uint8)
    wrong = np.flatnonzero(got != expected)
    assert wrong.size == 0, f"{wrong.size} differ, first at input {ALL_PCM[wrong[0]]}"


@laws
def test_decode_is_exact_for_all_256_codes(law: str) -> None:
    _, decode, _, reference = LAWS[law]
    np.testing.assert_array_equal(decode(ALL_CODES), [reference(c) for c in range(256)])


@laws
def test_decoded_codes_encode_to_themselves(law: str) -> None:
    encode, decode, *_ = LAWS[law]
    again = encode(decode(ALL_CODES))
    different = [c for c in range(256) if again[c] != c]
    assert different == ([0x7F] if law == "ulaw" else [])  # µ-law has two zeros


@laws
@pytest.mark.parametrize("n", [0, 1, 7, 8, 15, 16, 17, 31, 33, 63, 159, 160, 161])
def test_every_length(law: str, n: int) -> None:
    """Vector loops have remainders; none may touch its neighbour."""
    encode, decode, *_ = LAWS[law]
    pcm = np.random.default_rng(n).integers(-32768, 32768, n).astype(np.int16)
    whole = encode(ALL_PCM)
    codes = bytes(whole[int(x) + 32768] for x in pcm)
    assert encode(pcm) == codes
    guarded = bytearray(b"\xa5" * (n + 8))
    assert encode(pcm, out=guarded) == n
    assert guarded == codes + b"\xa5" * 8
    room = np.full(n + 8, 1234, np.int16)
    assert decode(codes, out=room) == n
    np.testing.assert_array_equal(room[:n], decode(codes))
    assert (room[n:] == 1234).all()


@laws
def test_any_contiguous_buffer_is_input(law: str) -> None:
    encode, decode, *_ = LAWS[law]
    pcm = ALL_PCM[::97].copy()
    expected = encode(pcm)
    for form in (pcm.tobytes(), bytearray(pcm.tobytes()), memoryview(pcm), pcm.view("<i2")):
        assert encode(form) == expected
    for form in (bytearray(expected), memoryview(expected), np.frombuffer(expected, np.uint8)):
        np.testing.assert_array_equal(decode(form), decode(expected))


@laws
def test_wrong_buffers_are_named(law: str) -> None:
    encode, decode, *_ = LAWS[law]
    with pytest.raises(tp.LengthError, match=r"odd number of bytes \(321\).* offset 320"):
        encode(b"\0" * 321)
    for wrong in (np.zeros(4, np.float32), np.zeros(4, np.uint16), np.zeros(4, np.float16), np.zeros(4, ">i2")):
        with pytest.raises(tp.FormatError, match="expected int16 samples"):
            encode(wrong)
    with pytest.raises(tp.FormatError, match="expected bytes of wire data"):
        decode(np.zeros(4, np.int16))
    with pytest.raises(tp.LengthError, match="out holds 3 bytes, but 4 are needed"):
        encode(np.zeros(4, np.int16), out=bytearray(3))
    with pytest.raises(tp.LengthError, match="out holds 3 samples, but 4 are needed"):
        decode(bytes(4), out=np.zeros(3, np.int16))
    with pytest.raises((BufferError, ValueError)):
        encode(np.zeros(4, np.int16), out=bytes(4))  # not writable
    with pytest.raises((BufferError, ValueError)):
        encode(np.zeros(8, np.int16)[::2])  # not contiguous
    with pytest.raises(TypeError):
        encode(None)
    with pytest.raises(tp.FormatError, match="mono samples in one dimension, got 2"):
        encode(np.zeros((4, 2), np.int16))  # stereo, not two frames of mono
    with pytest.raises(tp.FormatError, match="odd address"):
        encode(memoryview(b"\0" * 9)[1:])
