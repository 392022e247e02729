"""People behind the caller: crowds mixed of voices, and recordings of real ones out of Debian's games.

etw-data, freetennis-common, tuxfootball, circuslinux-data, dustracing2d-data, lmms-common, qabcs-data, dopewars-data, widelands-data, unknown-horizons,
berusky2-data, supertuxkart-data, lincity-ng-data: five minutes in all; those that are not installed are left out.
"""

import sys
from pathlib import Path

import numpy as np
import soxr
from scipy import ndimage
from telephones import of_db

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "enhance"))
import ns_corpus
from ns_corpus import RATE_HZ, corpus

RECORDED = ("games/etw/crowd/*.wav", "games/etw/snd/crowd.wav", "sounds/freetennis-common/sfx/pubblico.wav", "games/tuxfootball/sound/crowd*.wav",
            "games/circuslinux/data/sounds/cheering.wav", "games/dustracing2d/sounds/cheering.ogg", "lmms/samples/misc/raving_crowd01.ogg",
            "qabcs/abcs/all/sounds/cheering.ogg", "dopewars/murmur.wav", "games/widelands/data/sound/*/taverns/*.ogg",
            "unknown-horizons/content/audio/sounds/tavern.ogg", "games/berusky2/sound/sound/village.wav",
            "games/supertuxkart/data/sfx/lenautile_restaurant.ogg", "games/supertuxkart/data/sfx/sara_airport_pa.ogg",
            "games/lincity-ng/sounds/School*.wav")  # fmt: skip


def load() -> list[np.ndarray]:
    """Each at one level, its ends faded, so that it can go round."""
    files = [path for pattern in RECORDED for path in sorted(corpus.SOUNDS.glob(pattern))]
    clips = [clip for clip in (corpus.decode(path, RATE_HZ) for path in files) if len(clip) > RATE_HZ // 2]
    rise = np.linspace(0, 1, RATE_HZ // 50)
    ends = [np.concatenate([rise, np.ones(len(clip) - 2 * len(rise)), rise[::-1]]) for clip in clips]
    return [clip * end / corpus.level(clip, RATE_HZ) for clip, end in zip(clips, ends, strict=True)]


class CrowdMixer(ns_corpus.Mixer):
    """Draws crowds that have somebody near in them."""

    def __init__(self, speech, music, noises, recordings: list[np.ndarray], seed: int) -> None:
        super().__init__(speech, music, noises, seed)
        self.recordings = recordings

    def recorded(self, n: int) -> np.ndarray:
        """One to three places at once, each at another speed."""
        rng, out = self.rng, np.zeros(n)
        for _ in range(rng.integers(1, 4)):
            clip = self.recordings[rng.integers(len(self.recordings))]
            clip = soxr.resample(clip, RATE_HZ, RATE_HZ * rng.uniform(0.8, 1.25))
            out += np.roll(np.resize(clip, n + len(clip)), rng.integers(len(clip)))[:n] * of_db(rng.normal(0, 5))
        return self.room(out, rng.uniform(0.1, 0.8)) if rng.random() < 0.5 else out

    def crowd(self, n: int) -> np.ndarray:
        """People at several distances, the nearest well above the rest now and then."""
        rng, out, real = self.rng, np.zeros(n), bool(self.recordings) and self.rng.random() < 0.5
        if real:
            out += self.recorded(n)
        for _ in range(rng.integers(0, 3) if real else rng.integers(2, 14)):
            voice = self.voice(n)[0] * of_db(rng.normal(0, 4))
            if rng.random() < 0.3:  # laughs, turns round, passes by
                at = np.arange(0, n + 800, 800)
                swell = ndimage.gaussian_filter1d(rng.standard_normal(len(at)), rng.uniform(3, 15), mode="wrap")
                voice *= of_db(np.interp(np.arange(n), at, swell / swell.std() * rng.uniform(2, 7)))
            out += self.room(voice, rng.uniform(0.15, 1.2))
        if rng.random() < 0.5:  # dishes, chairs
            x = self.impulses(n)
            out += x / (np.sqrt((x**2).mean()) + 1e-9) * corpus.level(out, RATE_HZ) * of_db(rng.uniform(-20, 0))
        return out
