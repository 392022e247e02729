"""Does the suite notice? Each mutant changes one thing that once went wrong unseen, builds a copy of the tree, and runs the tests
that must fail then.

    python tests/mutants.py [NAME …]     # all of them take a quarter of an hour; `--list` names them

Exits with 1 when a mutant survives, or when a text that it changes is no longer there.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "csrc",
    "src",
    "tests",
    "bench",
    "training",
    "setup.py",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs",
    "examples",
)


class Mutant(NamedTuple):
    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant("amd: greeting of 1.5 s is a machine, in the call alone", "csrc/call/call_config.c",
           "p.resampler.rate_in_hz = rate_hz;", "p.resampler.rate_in_hz = rate_hz;\n    p.answering_machine.greeting_ms = 1500;",
           ("tests/test_defaults.py",)),
    Mutant("amd: greeting of 1.5 s is a machine, everywhere", "csrc/include/talkpath/answering_machine.h",
           ".greeting_ms = 3400", ".greeting_ms = 1500", ("tests/test_answering_machine.py", "tests/test_voicemail.py")),
    Mutant("amd: other silence after a greeting", "csrc/include/talkpath/answering_machine.h",
           ".after_greeting_silence_ms = 1220", ".after_greeting_silence_ms = 700", ("tests/test_answering_machine.py", "tests/test_voicemail.py")),
    Mutant("beep: none after a person", "csrc/call/answer.c",
           "a->beep_until = result == TP_AMD_HUMAN ? c->received + samples(c, PERSON_BEEP_MS) : 0;",
           "a->beep_wanted = result != TP_AMD_HUMAN;", ("tests/test_voicemail.py",)),
    Mutant("beep: after a person without end", "csrc/call/answer.c",
           "a->beep_until = result == TP_AMD_HUMAN ? c->received + samples(c, PERSON_BEEP_MS) : 0;", "a->beep_until = 0;",
           ("tests/test_voicemail.py",)),
    Mutant("own sounds: never pushed", "csrc/call/transmit.c", "    own_sounds_push(", "    if (0) own_sounds_push(",
           ("tests/test_voicemail.py",)),
    Mutant("own words: never compared", "csrc/call/answer.c", "if (length_ms < OWN_MIN_MS)", "if (length_ms < 1e9)",
           ("tests/test_voicemail.py",)),
    Mutant("amd: the clock runs through ringing", "csrc/call/answer.c", "a->network_until = c->received + samples(c, NETWORK_TAIL_MS);",
           "a->network_until = 0;", ("tests/test_voicemail.py",)),
    Mutant("gate: tail of the call", "csrc/call/call_config.c",
           "p.mixer.duck_db = c->duck_db;", "p.mixer.duck_db = c->duck_db;\n    p.barge_in.max_delay_ms = 300;", ("tests/test_defaults.py",)),
    Mutant("comfort noise: a new level starts it again", "csrc/call/call.c",
           "tp_comfort_noise_set_level_dbov(component(c, COMPONENT_NOISE), config->comfort_noise_dbov);",
           "{ const tp_call_components p = tp_call_components_of(config); tp_comfort_noise_init(component(c, COMPONENT_NOISE), &p.comfort_noise); }",
           ("tests/test_from_agent.py",)),
    Mutant("reference: 60 ms deep", "csrc/call/reference.h", "#define REFERENCE_MS 400", "#define REFERENCE_MS 60", ("tests/test_echo_moves.py",)),
    Mutant("reference: comfort noise stays in it", "csrc/call/transmit.c", "if (quiet) /* the echo", "if (0) /* the echo",
           ("tests/test_echo_moves.py",)),
    Mutant("echo: nothing is looked for where it is not expected", "csrc/echo/delay_watch.c", "    FIRST_LOOK = 4,", "    FIRST_LOOK = 100000,",
           ("tests/test_echo_moves.py",)),
)  # fmt: skip


def copy_of_tree(folder: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.so", "__pycache__", "_core.c"))
        elif source.exists():
            shutil.copy2(source, folder / name)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True)


def build(folder: Path) -> None:
    done = run(["setup.py", "-q", "build_clib", "build_ext", "--inplace"], folder)
    if done.returncode != 0:
        raise RuntimeError(f"the copy does not build:\n{done.stderr[-2000:]}")


def verdict(mutant: Mutant, folder: Path) -> str:
    """ "killed", "survives" or "gone" (what it changes is not there)."""
    path = folder / mutant.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return "gone"
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        if path.suffix != ".py":
            build(folder)
        done = run(["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *mutant.tests], folder)
        return "killed" if done.returncode == 1 else "survives"
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names; all mutants where none is given")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    chosen = [m for m in MUTANTS if not args.names or any(name in m.name for name in args.names)]
    if args.list:
        print("\n".join(m.name for m in chosen))
        return 0
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_tree(folder)
        build(folder)
        tests = sorted({t for m in chosen for t in m.tests})
        clean = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests], folder)
        if clean.returncode != 0:
            print(clean.stdout[-3000:])
            print("the tests fail without a mutant")
            return 1
        for mutant in chosen:
            began = time.monotonic()
            found = verdict(mutant, folder)
            bad += found != "killed"
            print(f"{found:9} {mutant.name} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(chosen) - bad} killed, {bad} not")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
