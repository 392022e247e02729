"""Writes the inputs that the fuzz targets begin with: `python csrc/fuzz/seeds.py`. One folder a target; the formats are the targets' own."""

import random
import shutil
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent / "seeds"

Piece = tuple[int, int, int]  # 8 samples each, about 15.3 Hz each at 8 kHz, 6 dB to 17


def audio(*pieces: Piece) -> bytes:
    """For fuzz_audio: sines one after the other."""
    return bytes([0]) + b"".join(bytes(p) for p in pieces)


def noise(n: int, loudest: int = 3000) -> bytes:
    """For fuzz_audio: the samples themselves."""
    dice = random.Random(n)
    return bytes([1]) + b"".join(struct.pack("<h", dice.randint(-loudest, loudest)) for _ in range(n))


VOICE = audio(*[(60, 8 + k % 5, 200 + 3 * (k % 7)) for k in range(30)])
SYLLABLES = audio(*[(80, 9 + k % 3, 210) if k % 3 else (70, 0, 0) for k in range(36)])
SILENCE = audio(*[(255, 0, 0)] * 12)
BEEP = audio((255, 0, 0), (255, 65, 205), (255, 65, 205), (255, 65, 205), (255, 0, 0), (255, 0, 0), (255, 0, 0))
RINGING = audio(*([(255, 28, 200)] * 4 + [(255, 0, 0)] * 4) * 2)
BUSY = audio(*([(250, 28, 200)] * 2 + [(250, 0, 0)] * 2) * 5)
LOUD = audio(*[(255, 1 + 20 * (k % 2), 255) for k in range(8)])
SOUNDS = {
    "voice": VOICE,
    "syllables": SYLLABLES,
    "silence": SILENCE,
    "beep": BEEP,
    "loud": LOUD,
    "noise": noise(700),
    "full": noise(500, 32767),
}

MESSAGES = {
    "twilio": '{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"5","payload":"f39/fw=="},"streamSid":"MZ1"}',
    "plivo": '{"sequenceNumber":2,"streamId":"b77e","event":"media","media":{"track":"inbound","timestamp":"1","chunk":1,"payload":"f39/"},"extra_headers":"{}"}',
    "escapes": '{"event":"med\\u0069a","media":{"payload":"f39\\/fw=="}}',
    "deep": '{"a":[{"b":[[[{"media":{"payload":"fw=="}}]]]}],"event":"media","n":-12345678901234567890}',
    "broken": '{"event":"media","media":{"payload":"f39/fw=',
    "base64": "f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/f39/fw==",
}

# What happens, as pairs (command, amount); of fuzz_playout_queue and fuzz_call.
QUEUE = [(0, 1), (1, 60), (13, 200), (1, 80), (5, 3), (13, 90), (6, 0), (13, 60), (7, 0), (13, 60), (2, 0), (3, 5), (13, 250), (9, 120), (10, 90), (10, 121),
         (13, 200), (4, 40), (14, 9), (14, 0), (8, 0), (13, 50), (0, 0), (1, 30), (8, 1), (11, 1), (13, 10)]  # fmt: skip
TALK = [(0, 1), (1, 250), (3, 0)]
CALL = [*TALK, *[(30, 77)] * 40, *[(14 * 16 + 13, 200)] * 20, (6, 0), (7, 0), (9, 7), (10, 250), (4, 3), *[(61, 5)] * 30, (12, 3), (5, 1), *TALK, (8, 1), *[(255, 0)] * 6, (11, 0),
        (13, 0), (15, 2), (15, 1), (15, 10), *[(94, 190)] * 40, (14, 8), (14, 33), (15, 0), *TALK, *[(46, 99)] * 30]  # fmt: skip


def pairs(commands: list[tuple[int, int]]) -> bytes:
    return b"".join(bytes(c) for c in commands)


def call(codec: int, frame: int, rate: int, switches: int) -> bytes:
    return bytes([codec, frame, rate, switches, 30, 20, 120, 20, 40, 20, 7, 21]) + pairs(CALL)


def targets() -> dict[str, dict[str, bytes]]:
    """{target: {name: input}}, without the byte that chooses the loops."""
    amd = bytes([1, 60, 30, 40, 10, 5, 50, 0])
    packets = b"".join(bytes([60]) + struct.pack("<HI", k, 160 * k) + bytes([200]) for k in range(40) if k % 7)
    late = b"".join(
        bytes([60]) + struct.pack("<HI", k ^ 3, (160 * (k ^ 3)) % 2**32) + bytes([200] * (k % 3))
        for k in range(65520, 65536)
    )
    heard: dict[str, dict[str, bytes]] = {
        "answering_machine": {
            "greeting": amd + bytes([255, 9, 9, 40] * 20 + [255, 0, 0, 1] * 20),
            "hello": amd + bytes([255, 0, 0, 1] * 9 + [255, 20, 9, 70] * 5 + [255, 0, 0, 1] * 20),
        },
        "call": {
            "ulaw": call(0, 1, 2, 15), "alaw": call(1, 0, 1, 127), "l16": call(2, 2, 3, 79), "wide": call(18, 4, 2, 47), "no echo": call(0, 1, 2, 0),
        },
        "comfort_noise": {
            "heard": bytes([1, 3]) + struct.pack("<f", -50) + bytes(2) + bytes([200, 9, 250, 1, 30, 40, 50, 60, 10]),
            "sid": bytes([2, 1]) + struct.pack("<f", -70.5) + bytes(2) + bytes([251, 40, 1, 2, 3, 4, 5, 6, 7, 8, 255, 3, 100, 100]),
        },
        "dtmf_generator": {"keys": bytes([1, 50, 50, 10, 16, 9]) + b"1234567890*#ABCD", "wide": bytes([2, 9, 20, 3, 14, 3]) + b"159D", "wrong": bytes([1, 50, 50, 10, 16, 9]) + b"12x"},
        "jitter_buffer": {"in order": bytes([0, 1, 40, 7]) + packets, "around": bytes([1, 1, 40, 7]) + late + packets[:64], "long": bytes([3, 4, 200, 1]) + packets},
        "media_message": {name: text.encode() for name, text in MESSAGES.items()},
        "playout_queue": {"all": bytes([1, 90]) + pairs(QUEUE), "wide": bytes([2, 60]) + pairs(QUEUE * 2), "small": bytes([3, 5]) + pairs(QUEUE[::-1])},
        "plc": {f"{rate}": bytes([rate, 1, 77]) + VOICE + noise(200) for rate in range(3)},
        "resampler": {f"{a} {b}": bytes([a, b, 1, 77]) + noise(600) for a, b in ((0, 1), (1, 0), (0, 3), (4, 9))},
    }  # fmt: skip
    headers = {
        "barge_in": ([0, 50, 10, 78], [1, 10, 0, 33]), "beep": ([0, 200, 9], [1, 0, 9]), "call_progress": ([0, 0, 9], [1, 0, 9]),
        "delay_estimator": ([0, 80, 9], [1, 60, 2]), "dtmf": ([0, 9], [1, 9]), "echo_canceller": ([0, 98, 52, 1, 9], [1, 30, 52, 7, 4]),
        "level": ([8, 20, 9], [16, 20, 9]), "mixer": ([8, 22, 9, 1, 2, 3, 4, 5], [16, 14, 9, 200, 2, 0, 9, 5]),
        "noise_suppressor": ([0, 30, 30, 9], [1, 45, 10, 9]), "vad": ([0, 9], [1, 9]),
    }  # fmt: skip
    more = {"call_progress": {"ringing": RINGING, "busy": BUSY}}
    for target, ways in headers.items():
        heard[target] = {
            f"{name} {k}": bytes(way) + sound
            for k, way in enumerate(ways)
            for name, sound in {**SOUNDS, **more.get(target, {})}.items()
        }
    return heard


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    for target, inputs in targets().items():
        (HERE / target).mkdir(parents=True)
        for name, content in inputs.items():
            (HERE / target / name.replace(" ", "_")).write_bytes(content + b"\0")


if __name__ == "__main__":
    main()
