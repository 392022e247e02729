"""Who answered: a person or a machine; the rules that answering machines are usually told by, beside it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from peers import Missing, Process, silero_vad, webrtc_vad

import talkpath as tp
from quality import material as m
from quality.scoring import percentile, share

SECONDS = 12
GREETINGS = (
    "Hello, you have reached the voicemail of {name}. I am not able to take your call right now. Please leave a message after the tone.",
    "Hi, this is {name}. I am away from my desk, or I am on another call. Leave your name and your number, and I will get back to you.",
    "You have reached {name}. Our office is closed at the moment. Our opening hours are Monday to Friday, from eight to six.",
    "The person you are trying to reach is not available. At the tone, please record your message. When you are done, hang up.",
)
HELLOS = ("Hello?", "Hello, {name}.", "Yes?", "Yes, hello?", "{name} speaking.", "Hi, who is this?", "Good morning.")
LONG_HELLOS = ("Good morning, {name} and partners, how can I help you?", "Hello, this is {name} from sales.", "{name}, good morning.", "Good afternoon, {name} speaking, hello?",
               "Thank you for calling {name}, what can I do for you?")  # fmt: skip
NAMES = ("Miller", "Anna Carter", "Joe", "the Greens", "Doctor Lee", "Sandra", "Thomas Reed")
VOICES = (
    "hibari",
    "flite slt",
    "flite rms",
    "flite awb",
    "flite kal16",
    "espeak en-us",
    "espeak en-gb+f3",
    "espeak en-us+m3",
)
LONG = "person, a long hello"
LONG_S = (1.6, 2.6)
KINDS = ("machine", "person", LONG, "person in noise", "person on a quiet line", "nobody")


def voices() -> list[str]:
    here = m.available()
    names = {"hibari": "Hibari", "flite": "flite", "espeak": "espeak-ng"}
    return [voice for voice in VOICES if not here[names[voice.split()[0]]]]


def spoken(rng: np.random.Generator, texts: tuple[str, ...]) -> m.Floats:
    text = texts[int(rng.integers(len(texts)))].format(name=NAMES[int(rng.integers(len(NAMES)))])
    voice = voices()[int(rng.integers(len(voices())))]
    return m.said(voice, text, round(float(rng.choice([0.9, 1.0, 1.1, 1.2])), 1))


def long_hello(rng: np.random.Generator) -> m.Floats:
    """What a business says, of 1.6 to 2.6 s."""
    for _ in range(500):
        said = spoken(rng, LONG_HELLOS)
        if LONG_S[0] <= len(said) / m.RATE <= LONG_S[1]:
            return said
    raise RuntimeError("no hello of that length")


def answered(kind: str, number: int) -> tuple[m.Samples, float, float]:
    """What the line brings from the moment of the answer; when the speech begins and ends, s."""
    rng = m.draws("answer", kind, number)
    n, level = SECONDS * m.RATE, rng.uniform(-30, -16)
    noise_db, noise = rng.uniform(-70, -50), "white"
    x, lead = np.zeros(n), round(rng.uniform(0.2, 2.0) * m.RATE)
    if kind == "machine":
        if number % 3 == 0 and m.prompts("en"):
            language = list(m.LANGUAGES)[number // 3 % len(m.LANGUAGES)]
            files = m.prompts(language)
            parts = [
                y
                for _ in range(4)
                for y in (
                    m.prompt(files[int(rng.integers(len(files)))]),
                    np.zeros(round(rng.uniform(0.1, 0.7) * m.RATE)),
                )
            ]
            said = np.concatenate(parts)
        else:
            said = spoken(rng, GREETINGS)
        said = said[: n - lead]
    elif kind == "nobody":
        said, noise_db = np.zeros(0), rng.uniform(-60, -42)
        noise = str(rng.choice(["white", "pink", "office"]))
    else:
        said = spoken(rng, HELLOS) if kind != LONG else long_hello(rng)
        if kind == "person" and number % 3 == 0 and m.actors_lines():
            said = m.word(rng, 0.4, 1.6)
        if kind == "person in noise":
            level, noise_db, noise = (
                rng.uniform(-24, -18),
                rng.uniform(-46, -36),
                str(rng.choice(["babble", "office", "pink"])),
            )
        elif kind == "person on a quiet line":
            level, noise_db = rng.uniform(-42, -36), rng.uniform(-75, -65)
    end = lead + len(said)
    if len(said):
        x[lead:end] = m.at_level(said, level)
        again = end + round(rng.uniform(2.2, 3.0) * m.RATE)
        if kind == "person" and rng.random() < 0.2 and again + len(said) < n:  # says it again
            x[again : again + len(said)] = x[lead:end]
    x += m.noise(noise, n, rng) * 10 ** (noise_db / 20)
    return m.ulaw(m.to_int16(m.telephone_band(x))), lead / m.RATE, end / m.RATE


# --- who decides: ("human", "machine" or "unknown", after how many s) --------------------------------------------------------------------

Decision = tuple[str, float]


def of_the_call(pcm: m.Samples) -> Decision:
    call = tp.CallPipeline(audio_format="pcm_8k", detection_method="audio", seed=1)
    for i, frame in enumerate(m.frames(pcm)):
        call.transmit()
        for event in call.receive(tp.g711.ulaw_encode(frame)).events:
            if event.type == "voicemail.detected":
                return event.result, (i + 1) / 50
    return "unknown", SECONDS


class Rules:
    """What Asterisk documents for its `AMD` application, fed with "a voice or none" every 20 ms; times in ms."""

    def __init__(
        self, is_voice: Callable[[m.Samples], bool], greeting_ms: int, words: int, after_ms: int, initial_ms: int = 3000
    ) -> None:
        self.is_voice, self.greeting_ms, self.words, self.after_ms, self.initial_ms = (
            is_voice,
            greeting_ms,
            words,
            after_ms,
            initial_ms,
        )

    def __call__(self, pcm: m.Samples) -> Decision:
        voiced = silent = run = words = 0
        in_word = False
        for i, frame in enumerate(m.frames(pcm)):
            now = (i + 1) / 50
            if self.is_voice(frame):
                silent, run, voiced = 0, run + 20, voiced + 20
                if run >= 100 and not in_word:
                    in_word, words = True, words + 1
                if words > self.words or (words and voiced >= self.greeting_ms):
                    return "machine", now
            else:
                silent += 20
                if silent >= 60:
                    voiced -= run if run < 100 else 0
                    run, in_word = 0, False
                if not words and silent >= self.initial_ms:
                    return "machine", now
                if words and silent >= self.after_ms:
                    return "human", now
            if now >= 8:
                break
        return "unknown", 8.0


def loud(frame: m.Samples) -> bool:
    return float(np.abs(frame.astype(np.int32)).mean()) >= 256


def by(vad: Process, threshold: float) -> Callable[[m.Samples], bool]:
    return lambda frame: vad(frame) > threshold


DECIDERS: dict[str, Callable[[], Callable[[m.Samples], Decision]]] = {
    "talkpath": lambda: of_the_call,
    "Asterisk's rules and defaults, a level": lambda: Rules(loud, 1500, 2, 800, 2500),
    "the rules, more patient, webrtcvad": lambda: Rules(by(webrtc_vad(m.RATE), 0.5), 2400, 8, 1000),
    "the rules, more patient, Silero": lambda: Rules(by(silero_vad(m.RATE), 0.5), 2700, 8, 1000),
}


def measure(quick: bool) -> dict[str, Any]:
    counts = dict.fromkeys(KINDS, 3) if quick else dict(zip(KINDS, (240, 240, 120, 120, 120, 40), strict=True))
    calls = {kind: [answered(kind, k) for k in range(n)] for kind, n in counts.items()}
    rows, missing = [], []
    for name, make in DECIDERS.items():
        row: dict[str, Any] = {"who": name}
        try:
            for kind, answers in calls.items():
                decided = [make()(pcm) for pcm, _, _ in answers]
                wanted = "machine" if kind == "machine" else "human"
                row[kind] = share([(what != "human") if kind == "nobody" else (what == wanted) for what, _ in decided])
                if kind == "person":
                    air = [
                        at - end for (what, at), (_, _, end) in zip(decided, answers, strict=True) if what == "human"
                    ]
                    row["silence_s"] = percentile(air, 50)
        except Missing as why:
            missing.append(f"{name}: not installed: {why}")
            continue
        people = [row[kind] for kind in KINDS if kind.startswith("person")]
        row["balanced"] = round((row["machine"] + float(np.mean(people))) / 2, 4)
        rows.append(row)
    return {"rows": rows, "missing": missing, "calls": counts}
