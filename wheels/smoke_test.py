"""Smoke test of an installed wheel: needs nothing but numpy and soxr. Prints digests that must be equal on all machines.

python wheels/smoke_test.py [--digests FILE]     FILE: write them there, or compare when it exists
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import talkpath as tp
from talkpath import g711, l16


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def digests() -> dict[str, str]:
    """What is computed in integers, so that every machine gives the same bits."""
    every = np.arange(-32768, 32768).astype(np.int16)
    rng = np.random.default_rng(7)
    noise = rng.integers(-20000, 20000, 4410).astype(np.int16)
    result = {
        "ulaw": digest(g711.ulaw_encode(every) + g711.ulaw_decode(bytes(range(256))).astype("<i2").tobytes()),
        "alaw": digest(g711.alaw_encode(every) + g711.alaw_decode(bytes(range(256))).astype("<i2").tobytes()),
        "l16": digest(l16.encode(every, "big")),
    }
    for rate_in, rate_out in (
        (8000, 16000),
        (16000, 8000),
        (24000, 8000),
        (44100, 16000),
        (8000, 22050),
        (48000, 11025),
    ):
        for quality in ("low_latency", "voice", "hifi"):
            r = tp.Resampler(rate_in, rate_out, quality=quality)
            stream = np.concatenate([r.process(noise), r.flush()])
            result[f"{rate_in}-{rate_out}-{quality}"] = digest(stream.astype("<i2").tobytes())
    return result


def import_ms() -> float:
    """Import time beyond NumPy's, the best of five fresh interpreters."""
    code = "import numpy, time; t = time.perf_counter(); import talkpath; print((time.perf_counter() - t) * 1000)"
    python = os.environ.get("TALKPATH_SMOKE_PYTHON", sys.executable)  # an emulated Python cannot start itself
    return min(float(subprocess.check_output([python, "-c", code])) for _ in range(5))


def every_kernel_runs() -> None:
    """A second of a tone through each stream object: the machine's own variants of all inner loops."""
    tone = np.rint(6000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype(np.int16)
    frames = tone.reshape(50, 160)
    plc, jb = tp.PacketLossConcealer(), tp.JitterBuffer()
    for i, frame in enumerate(frames):
        assert len(plc.conceal() if i % 10 == 7 else plc.receive(frame)) == 160
        jb.put(frame, i, i * 160)
        assert len(jb.get()) == 160
    assert jb.stats.played > 40
    noise = tp.ComfortNoise(level_dbov=-50)
    noise.observe(tone)
    assert abs(noise.level_dbov - 20 * np.log10(tone.std() / 32768)) < 0.1
    (beep,) = tp.BeepDetector().process(np.concatenate([tone, np.zeros(4000, np.int16)]))
    assert abs(beep.frequency_hz - 1000) < 1
    assert tp.VoiceActivityDetector().process(tone) < 0.5
    assert len(tp.NoiseSuppressor().process(tone)) == len(tone)
    assert len(tp.EchoCanceller().process(tone, tone)) == len(tone)
    assert not tp.BargeInGate().process(tone, np.zeros_like(tone)).barge_in
    assert tp.DelayEstimator().process(tone, np.zeros_like(tone)) is None
    assert tp.AnsweringMachineDetector().process(np.zeros(40000, np.int16)).result == "unknown"
    assert tp.CallProgressDetector().process(np.zeros(8000, np.int16)) == []


def main() -> None:
    assert (g711.ulaw_decode(g711.ulaw_encode(np.zeros(160, np.int16))) == 0).all()
    keys = tp.dtmf.generate("159D")
    assert "".join(d.digit for d in tp.DtmfDetector().process(keys)) == "159D"
    for wrong in (lambda: tp.Resampler(1, 2), lambda: g711.ulaw_encode(b"odd")):
        try:
            wrong()
        except tp.TalkpathError:
            pass
        else:
            raise AssertionError("no error raised")

    every_kernel_runs()
    got = digests()
    if len(sys.argv) == 3 and sys.argv[1] == "--digests":
        path = Path(sys.argv[2])
        if path.exists():
            expected = json.loads(path.read_text())
            different = [k for k in expected if got.get(k) != expected[k]]
            assert not different, f"not the same bits as on the other machine: {different}"
            print(f"smoke test: {len(got)} digests equal to {path.name}")
        else:
            path.write_text(json.dumps(got, indent=1))
    started = time.perf_counter()
    milliseconds = import_ms()
    print(f"smoke test passed: talkpath {tp.__version__}, variant {tp._core._simd_name()}, import {milliseconds:.1f} ms beyond "
          f"NumPy's ({time.perf_counter() - started:.0f} s), {tp.__file__}")  # fmt: skip


if __name__ == "__main__":
    main()
