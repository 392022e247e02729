"""What the fuzzers begin with is what the script writes: of every target, and little."""

import importlib.util

from conftest import CSRC

FUZZ = CSRC / "fuzz"


def script():
    spec = importlib.util.spec_from_file_location("seeds", FUZZ / "seeds.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_seeds_are_those_of_the_script():
    written = {f"{target}/{name.replace(' ', '_')}": content + b"\0" for target, inputs in script().targets().items() for name, content in inputs.items()}  # fmt: skip
    stored = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in FUZZ.glob("seeds/*/*")}
    assert stored == written, "run csrc/fuzz/seeds.py"


def test_every_target_has_some_and_all_are_small():
    targets = {path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c")}
    assert {path.name for path in FUZZ.glob("seeds/*")} == targets
    assert sum(path.stat().st_size for path in FUZZ.glob("seeds/*/*")) < 200_000
