"""How well the embedded default hears, how fast it speaks: word errors, time of the processor, delay of the end. One process, alone on the machine.

python bench/measure_local_speech.py [--words] [--prompts N]    # needs the extra `local`; Debian's asterisk-core-sounds-en-wav where it is installed
"""

from __future__ import annotations

import argparse
import gzip
import re
import time
import wave
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from talkpath import g711
from talkpath.agentstack.providers.local_hearing import Decoders, Hearing
from talkpath.agentstack.providers.local_voice import Voice

# Not among the phrases of local_phrases.py, but of their kind.
SENTENCES = """Hello, I would like to know where my order is.
My order number is one hundred.
Where is my order?
Can you look up order two hundred please?
I want to speak to a human.
Can I talk to a real person?
Please transfer me to an agent.
This is ridiculous, I want to speak to a manager.
When will my package arrive?
What is the tracking number?
My email address is jane dot doe at example dot com.
Yes, that is correct.
No, that is wrong.
No thank you, goodbye.
Thank you very much, that is all.
I would like to cancel my order.
Can you play some music while I wait?
Hold on a minute please.
Please wait a moment.
I need help with my account.
What are your opening hours?
Can I get a refund?
My order has not arrived yet.
Could you repeat that please?
Stop, I have another question.
I do not want to give you my email.
Order number three hundred.
I have a problem with my bill.
Thanks for your help, bye.
Is my order shipped?""".splitlines()
# Of no kind that was foreseen.
FREE = """The library on the corner opens at nine in the morning.
We took the train to the coast and walked along the beach.
My neighbor has two dogs and a very old cat.
The meeting was moved to Thursday because of the holiday.
She painted the kitchen yellow last summer.
There was a lot of snow in the mountains this year.
He forgot to bring his umbrella and got wet.
I usually drink coffee before I go to work.""".splitlines()
HEIGHTS = {"low": 0.8, "middle": 0.9, "own": 1.0}
SOUNDS, TEXTS = (
    Path("/usr/share/asterisk/sounds/en"),
    Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"),
)


def words(text: str) -> list[str]:
    """To be compared."""
    return re.findall(r"[a-z']+", text.lower().replace("-", " "))


def errors(said: list[str], heard: list[str]) -> int:
    """Words that were put in, left out or changed."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def telephone(pcm: np.ndarray, rate_hz: float) -> np.ndarray:
    """Over G.711."""
    x = np.clip(soxr.resample(pcm.astype(np.float64), rate_hz, 8000), -32768, 32767).astype(np.int16)
    return np.asarray(g711.ulaw_decode(g711.ulaw_encode(x)))


def _last(audio: np.ndarray) -> int:
    """Its last sound, and 100 ms."""
    return int(np.flatnonzero(np.abs(audio) > 200)[-1]) + 800


def corpus(voice: Voice, prompts: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """(whose, text, audio)."""
    for kind, texts in (("requests", SENTENCES), ("free", FREE)):
        for text in texts:
            for name, height in HEIGHTS.items():
                audio = np.frombuffer(b"".join(voice.speech(text, sample_rate_hz=16000, speed=1 / height)), np.int16)
                yield f"{kind}, {name} voice", text, telephone(audio * 0.5, 16000 * height)
    if not TEXTS.is_file():
        return
    with gzip.open(TEXTS, "rt", errors="replace") as file:
        lines = [line.strip().split(": ", 1) for line in file if ": " in line and not line.startswith(";")]
    plain = [(name, text) for name, text in lines if 4 <= len(text.split()) <= 14 and not re.search(r'[\[(\d…"]', text)]
    for name, text in plain[:: max(1, len(plain) // prompts)] if prompts else ():
        path = SOUNDS / f"{name}.wav"
        if path.is_file():
            with wave.open(str(path)) as file_:
                yield "Asterisk's prompts", text, np.frombuffer(file_.readframes(file_.getnframes()), np.int16)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", action="store_true", help="print what was said and heard")
    parser.add_argument("--prompts", type=int, default=30)
    options = parser.parse_args()
    begun = time.perf_counter()
    voice = Voice()
    voice.warm_up()
    print(f"voice loaded in {time.perf_counter() - begun:.2f} s")
    begun, cpu, made_s = time.perf_counter(), time.process_time(), 0.0
    for text in SENTENCES:
        made_s += sum(map(len, voice.speech(text, sample_rate_hz=16000))) / 32000
    cpu, took = time.process_time() - cpu, time.perf_counter() - begun
    print(
        f"speaking: {made_s:.1f} s of speech, real-time factor {cpu / made_s:.4f} (processor), {took / made_s:.4f} (clock); {1000 * took / len(SENTENCES):.0f} ms a sentence"
    )
    begun = time.perf_counter()
    decoders = Decoders()
    print(f"decoders loaded in {time.perf_counter() - begun:.2f} s")
    wrong, total, busy_s, audio_s, ends = defaultdict(int), defaultdict(int), 0.0, 0.0, []
    rng = np.random.default_rng(1)
    for whose, text, audio in corpus(voice, options.prompts):
        x = np.concatenate([np.zeros(4000), audio[: _last(audio)], np.zeros(800)])
        pcm = np.clip(x + rng.normal(0, 6, len(x)), -32768, 32767).astype(np.int16)
        hearing = Hearing(decoders, 8000, {"keywords": (), "grammar": "", "interim": True})
        found, cpu = [], time.process_time()
        for at in range(0, len(pcm), 320):
            found += hearing.process(pcm[at : at + 320].tobytes())
        before_end = time.process_time()
        found += hearing.finalize()
        after = time.process_time()
        busy_s, audio_s = busy_s + after - cpu, audio_s + len(pcm) / 8000
        if after - before_end > 0.001:  # a segment was open
            ends.append(after - before_end)
        heard = words(" ".join(t.text for t in found if t.is_final))
        said = words(text)
        wrong[whose] += errors(said, heard)
        total[whose] += len(said)
        if options.words:
            print(f"{whose} | {' '.join(said)} | {' '.join(heard)}")
    for whose, n in total.items():
        print(f"word error, {whose}: {100 * wrong[whose] / n:.1f} % of {n}")
    print(
        f"hearing: {busy_s / audio_s:.3f} s of processor a second of speech; finalize: median {1000 * np.median(ends):.0f}, worst {1000 * max(ends):.0f} ms of processor"
    )


if __name__ == "__main__":
    main()
