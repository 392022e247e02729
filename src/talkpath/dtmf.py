"""DTMF key presses as audio: `generate`. `talkpath.DtmfDetector` finds them."""

from talkpath._core import dtmf_generate as generate

__all__ = ["generate"]
