"""ITU-T G.711 µ-law and A-law: stateless, bit-exact, any length."""

from talkpath._core import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode

__all__ = ["alaw_decode", "alaw_encode", "ulaw_decode", "ulaw_encode"]
