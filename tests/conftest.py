"""Shared by all tests: a seed in the header, generated signals, real speech where it is installed, the C core by ctypes."""

import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# No timing is asserted: a busy machine is no failure of ours.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
PROMPTS = Path("/usr/share/asterisk/sounds")  # Debian: asterisk-core-sounds-{en,es,fr,it,ru}-wav
SEED = 20251
SANITIZE = os.environ.get("TALKPATH_TEST_SANITIZE", "")  # set by wheels/sanitize.py


def pytest_report_header(config: pytest.Config) -> str:
    from talkpath import __version__
    from talkpath._core import _simd_name

    return f"talkpath {__version__}, variant {_simd_name()}, seed {SEED}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def hostile_signals(n: int) -> dict[str, np.ndarray]:
    """Legal audio that breaks careless kernels."""
    rng = np.random.default_rng(SEED)
    t = np.arange(n)
    return {
        "silence": np.zeros(n, np.int16),
        "dc": np.full(n, 32767, np.int16),
        "negative dc": np.full(n, -32768, np.int16),
        "square": np.where(t // 40 % 2, 32767, -32768).astype(np.int16),
        "alternating": np.where(t % 2, 32767, -32768).astype(np.int16),
        "random bytes": rng.integers(-32768, 32768, n).astype(np.int16),
        "impulse": np.where(t == n // 3, 32767, 0).astype(np.int16),
        "one lsb": (t % 2).astype(np.int16),
    }


@pytest.fixture(params=sorted(hostile_signals(1)))
def hostile(request: pytest.FixtureRequest) -> np.ndarray:
    """2 s at 8 kHz of one hostile signal after the other."""
    return hostile_signals(16000)[request.param]


def random_cuts(pcm: np.ndarray, rng: np.random.Generator, longest: int = 700) -> list[np.ndarray]:
    """The signal in pieces of 0 … longest samples."""
    pieces, at = [], 0
    while at < len(pcm):
        n = int(rng.integers(0, longest + 1))
        pieces.append(pcm[at : at + n])
        at += n
    return pieces


def prompts(language: str = "en", limit: int | None = None) -> list[Path]:
    """Real telephone prompts (8 kHz, 16 bit), or an empty list where they are not installed."""
    folder = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_f_Menardi",
              "ru": "ru_RU_f_IvrvoiceRU"}.get(language, language)  # fmt: skip
    candidates = [PROMPTS / language, PROMPTS / folder]
    files = sorted(f for c in candidates if c.is_dir() for f in c.rglob("*.wav"))
    return files[:limit]


@pytest.fixture(scope="session")
def speech_prompts() -> list[Path]:
    files = prompts("en")
    if not files:
        pytest.skip("no real speech: install Debian's asterisk-core-sounds-en-wav")
    return files


def native_library() -> Path:
    """The C core compiled with every symbol visible."""
    if sys.platform == "win32":
        pytest.skip("the core's inner functions are tested where `cc -fPIC` builds a library")
    sources = sorted(p for p in CSRC.rglob("*.c") if "fuzz" not in p.parts)
    headers = sorted(CSRC.rglob("*.h"))
    content = b"".join(p.read_bytes() for p in [*sources, *headers])
    digest = hashlib.sha256(content + SANITIZE.encode()).hexdigest()[:16]
    library = ROOT / "build" / "tests" / f"libtalkpath_{digest}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC", "cc").split()
        sanitize = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g"] if SANITIZE else []
        scratch = library.with_suffix(f".{os.getpid()}")
        command = [*compiler, *sanitize, "-std=c11", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{CSRC}",
                   f"-I{CSRC / 'include'}", *map(str, sources), "-lm", "-o", str(scratch)]  # fmt: skip
        subprocess.run(command, check=True)
        scratch.rename(library)
    return library


@pytest.fixture(scope="session")
def native() -> ctypes.CDLL:
    """The C core, so that tests reach what has no Python API (dsp/, variants)."""
    lib = ctypes.CDLL(str(native_library()))
    lib.tp_simd_init()
    return lib


def synthesise(command: list[object]) -> None:
    """Runs a speech synthesiser: without what a sanitizer preloads, under which it hangs."""
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=plain, timeout=60)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)
