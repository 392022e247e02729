"""More calls for train_near_end.py: the evaluation kit's generator with other voices, or with the echoes that are hardest to tell.

    python training/echo/more_calls.py KIT OUT --seed 3001 [--calls 400] [--hard] [--voices kit | many | most]

KIT is the folder of the kit's gen.py. `--voices other` (the default) needs Debian's asterisk-prompt-es-co, asterisk-prompt-fr-armelle,
asterisk-core-sounds-es-wav, fillets-ng-data-cs, fillets-ng-data-nl, klettres-data, tuxpaint-stamps-default, espeak-ng and flite; `many` makes agents
of the actors and the volunteers in these packages, too; `most` adds festival's voices (festival, festvox-czech-{dita,krb,machac}, festvox-ca-ona-hts,
festvox-italp16k, festvox-kdlpc16k, festvox-ru, festvox-suopuhe-lj). `--hard`: every call has an echo, every other one through a small loudspeaker that distorts, every fourth with a delay that jumps.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

SHARE = Path("/usr/share")
PROMPTS = {"es_CO": "es", "fr_armelle": "fr"}  # recorded at the full rate of GSM
TEXTS = [
    "Hello, this is your pharmacy. The prescription that you asked for is ready, you can pick it up until seven this evening.",
    "Before we go on, may I have your date of birth and the last four digits of your account, please?",
    "There was a delay with the delivery of your parcel. It will arrive on Friday between nine and twelve.",
    "Sorry, I did not get that. You can say yes, no, or ask me for an agent at any time.",
]
LINES, WORDS, SYLLABLES = 1200, 700, 250  # taken of each kind
ACTORS = {
    f"{language}_{fish}": f"games/fillets-ng/sound/*/{language}/*-{fish}-*.ogg"
    for language in ("cs", "nl")
    for fish in "mv"
}
VOLUNTEERS = {
    language: f"tuxpaint/stamps/**/*_desc_{language}.ogg"
    for language in ("de", "es", "fr", "it", "ja", "nl", "pt", "ru", "zh")
}
SYNTHETIC = [
    "espeak:es+f1",
    "espeak:pl+m2",
    "espeak:pt+f5",
    "espeak:nl+m7",
    "espeak:sv+f3",
    "espeak:tr+m6",
    "espeak:en+m1",
    "espeak:de+m5",
]
FESTIVAL = {
    "czech_dita": "cs",
    "czech_krb": "cs",
    "czech_machac": "cs",
    "upc_ca_ona_hts": "ca",
    "lp_diphone": "it",
    "ked_diphone": "en",
    "msu_ru_nsh_clunits": "ru",
    "suo_fi_lj_diphone": "fi",
}
ENCODING = {"cs": "iso-8859-2", "ru": "utf-8"}  # iso-8859-1 else
SPOKEN = {
    "cs": [
        "Dobrý den, tady lékárna. Váš recept je připraven, můžete si ho vyzvednout do sedmi hodin večer.",
        "Než budeme pokračovat, řekněte mi prosím své datum narození a poslední čtyři číslice účtu.",
        "Doručení vaší zásilky se zpozdilo. Přijde v pátek mezi devátou a dvanáctou hodinou.",
        "Bohužel jsem vám nerozuměl. Můžete říct ano, ne, nebo mě požádat o spojení s operátorem.",
    ],
    "ca": [
        "Bon dia, truquem de la farmàcia. La recepta que va demanar ja està preparada, la pot recollir fins a les set.",
        "Abans de continuar, em pot dir la seva data de naixement i les quatre darreres xifres del compte?",
        "Hi ha hagut un retard amb el seu paquet. Arribarà divendres entre les nou i les dotze.",
        "Perdoni, no l'he entès. Pot dir sí, no, o demanar-me que el passi amb un company.",
    ],
    "it": [
        "Buongiorno, qui è la farmacia. La ricetta che ha chiesto è pronta, può ritirarla fino alle sette di sera.",
        "Prima di continuare, mi dica per favore la sua data di nascita e le ultime quattro cifre del conto.",
        "La consegna del suo pacco è in ritardo. Arriverà venerdì tra le nove e mezzogiorno.",
        "Mi scusi, non ho capito. Può dire sì, no, oppure chiedermi di parlare con un operatore.",
    ],
    "en": TEXTS,
    "ru": [
        "Здравствуйте, это аптека. Ваш заказ готов, его можно забрать сегодня до семи часов вечера.",
        "Прежде чем мы продолжим, назовите, пожалуйста, дату рождения и последние четыре цифры счёта.",
        "Доставка вашей посылки задерживается. Она придёт в пятницу с девяти до двенадцати.",
        "Извините, я вас не понял. Вы можете сказать да, нет или попросить соединить с оператором.",
    ],
    "fi": [
        "Hyvää päivää, täällä apteekki. Tilaamanne lääke on valmis, sen voi noutaa tänään seitsemään asti illalla.",
        "Ennen kuin jatkamme, kertoisitteko syntymäaikanne ja tilin neljä viimeistä numeroa.",
        "Pakettinne toimitus on myöhässä. Se saapuu perjantaina yhdeksän ja kahdentoista välillä.",
        "Anteeksi, en saanut selvää. Voitte sanoa kyllä, ei, tai pyytää asiakaspalvelijaa milloin tahansa.",
    ],
}
SENTENCE_S = 1.6


def prompts(folder: Path) -> None:
    """The agents' recordings, as the kit wants to find them."""
    for voice, language in PROMPTS.items():
        (folder / voice).mkdir()
        for path in sorted((SHARE / "asterisk/sounds" / language).rglob("*.gsm")):
            x, _ = soundfile.read(path, format="RAW", subtype="GSM610", samplerate=8000, channels=1)
            if np.abs(x).max() > 0.02:
                soundfile.write(folder / voice / f"{path.stem}.wav", x, 8000, subtype="PCM_16")
    (folder / "es_MX_f_Allison").symlink_to(SHARE / "asterisk/sounds/es_MX_f_Allison")


def more_prompts(folder: Path) -> list[str]:
    """The same of sentences by actors and volunteers; the voices' names."""
    voices = []
    for voice, pattern in (ACTORS | VOLUNTEERS).items():
        found = [soundfile.read(p, always_2d=True) for p in sorted(SHARE.glob(pattern))]
        found = [
            (x[:, 0], rate_hz) for x, rate_hz in found if np.sum(np.abs(x[:, 0]) > 0.02) > SENTENCE_S / 4 * rate_hz
        ]
        if len(found) < 10:
            continue
        (folder / voice).mkdir()
        for i, (x, rate_hz) in enumerate(found):
            soundfile.write(folder / voice / f"{i}.wav", soxr.resample(x, rate_hz, 8000), 8000, subtype="PCM_16")
        voices.append(voice)
    return voices


def festival_prompts(folder: Path) -> list[str]:
    """The same of what festival says."""
    for voice, language in FESTIVAL.items():
        (folder / voice).mkdir()
        for i, text in enumerate(SPOKEN[language]):
            wav = folder / voice / f"{i}.wav"
            subprocess.run(["text2wave", "-eval", f"(voice_{voice})", "-o", str(wav)], check=True,
                           input=text.encode(ENCODING.get(language, "iso-8859-1")))  # fmt: skip
    return list(FESTIVAL)


def use_other_voices(gen, sources, common, folder: Path, voices_wanted: str) -> None:
    """Callers and agents that the kit's public calls do not have."""
    prompts(folder)
    many = voices_wanted != "other"
    more = more_prompts(folder) if many else []
    if voices_wanted == "most":
        more += festival_prompts(folder)
    sources.AST = str(folder)
    voices = ["espeak:de+f2", "espeak:fr+m4", "espeak:en-us+f4", "espeak:it+m1", "kal"] + SYNTHETIC * many
    languages = ["ca", "fi", "ga", "nds", "ro", "wa", "en", "nl", "pt", "de"]
    public = sources.SPLIT["public"]
    sources.SPLIT["more"] = dict(prompts=[*PROMPTS, "es_MX_f_Allison", *more], tts=voices, hw=public["hw"], ktu=languages,
                                 fsdd=["jackson", "nicolas"], tenvad=[], half=0)  # fmt: skip
    sources.TTS_TEXT["more"] = TEXTS

    class Library(sources.Library):
        def _index(self):
            super()._index()
            rng = np.random.default_rng(5)

            def some(pattern: str, most: int) -> list[tuple[str, str]]:
                found = sorted(SHARE.glob(pattern))
                return [
                    (f"{p.parent.name}_{p.stem[-2:]}", str(p))
                    for p in (found[i] for i in rng.permutation(len(found))[:most])
                ]

            self.words += some("tuxpaint/stamps/**/*_desc_??.ogg", WORDS) + some("klettres/*/*/*.ogg", SYLLABLES)
            lines = some("games/fillets-ng/sound/*/??/*.ogg", LINES)
            self.hw, self.segs = self.hw[::2] + lines, self.segs[::3]
            for name, path in lines[: LINES // 3]:
                x = self._get(path)
                for start, end in common.activity(x, sources.FS, thr_rel=-28, hang=0.18, min_len=0.35):
                    self._addseg(name, x, start, end)

        def agent(self, rng, dur):
            while True:  # some recordings begin with seconds of silence
                voice, x = super().agent(rng, dur)
                if np.mean(np.square(x)) > 1e-5:
                    return voice, x

    gen.Library = Library


def hard_plan(count: int, rng: np.random.Generator) -> list[tuple]:
    """In place of gen.plan_list."""
    plan = []
    for _ in range(count):
        kind = rng.choice(["room_nl", "room", "phone_aec", "handset"], p=[0.55, 0.2, 0.15, 0.1])
        caller = rng.choice(["barge", "none", "back"], p=[0.4, 0.45, 0.15])
        change = rng.choice(["jump", "drift", "move", "level_step", "loss", ""], p=[0.25, 0.1, 0.07, 0.08, 0.1, 0.4])
        options = {change: 1} if change and (change != "move" or kind.startswith("room")) else {}
        if rng.random() < 0.2:
            options["gsm"] = 1
        plan.append((True, str(kind), str(caller), options))
    return plan


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kit", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--voices", choices=["other", "many", "most", "kit"], default="other")
    args = parser.parse_args()
    sys.path.insert(0, str(args.kit))
    import common
    import gen
    import sources

    with tempfile.TemporaryDirectory() as folder:
        if args.voices != "kit":
            use_other_voices(gen, sources, common, Path(folder), args.voices)
        if args.hard:
            gen.plan_list = hard_plan
        gen.build("public" if args.voices == "kit" else "more", args.calls, args.seed, str(args.out))


if __name__ == "__main__":
    main()
