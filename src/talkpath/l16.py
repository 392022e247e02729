"""L16: linear 16 bit PCM as wire bytes, in either byte order."""

from talkpath._core import l16_decode as decode
from talkpath._core import l16_encode as encode

__all__ = ["decode", "encode"]
