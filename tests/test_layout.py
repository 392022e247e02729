"""The rules of the tree, checked: every kernel complete, files small, folders in order, tables fresh, no libc services in csrc."""

import importlib.util
import re
from pathlib import Path

import pytest
from conftest import CSRC, ROOT

FAMILIES = ["wire", "detect", "echo", "enhance", "playout", "call"]
# Who may include whom: dsp <- families <- call; nothing includes call.
ALLOWED = {"dsp": {"dsp"}, **{f: {"dsp", f} for f in FAMILIES}, "call": {"dsp", *FAMILIES}}
MAX_LINES = 600

PUBLIC = sorted(p for p in (CSRC / "include/talkpath").glob("*.h") if p.stem != "talkpath")
C_FILES = sorted(p for p in CSRC.rglob("*.[ch]") if "fuzz" not in p.parts)
GENERATORS = sorted(CSRC.rglob("gen_*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def source_of(stem: str) -> list[Path]:
    return [p for f in FAMILIES for p in [CSRC / f / f"{stem}.c"] if p.exists()]


@pytest.mark.parametrize("header", PUBLIC, ids=lambda p: p.stem)
def test_kernel_is_complete(header: Path) -> None:
    """A public header comes with its source, wrapper, test and bench of the same stem."""
    stem = header.stem
    assert len(source_of(stem)) == 1, f"{stem}.c belongs into exactly one family folder"
    family = source_of(stem)[0].parent.name
    for path in (
        ROOT / f"src/talkpath/{family}/{stem}.pxi",
        ROOT / f"tests/test_{stem}.py",
        ROOT / f"bench/bench_{stem}.py",
    ):
        assert path.exists(), f"{stem} lacks {relative(path)}"
    text = header.read_text(encoding="utf-8")
    for heading in ("What", "How", "Limits", "Units", "History", "Aliasing", "Cost", "Errors"):
        assert re.search(rf"^ \* {heading}\b", text, re.M), f"{relative(header)}: the top comment lacks '{heading}'"


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not path.stem.endswith("_tables"):
        lines = text.count("\n")
        assert lines <= MAX_LINES, f"{lines} lines; split it"
    code = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"])*\"", "", text, flags=re.S)
    for service in (
        "malloc",
        "calloc",
        "realloc",
        "free",
        "alloca",
        "printf",
        "fprintf",
        "puts",
        "abort",
        "exit",
        "time",
        "clock",
    ):
        assert not re.search(rf"\b{service}\s*\(", code), f"calls {service}()"
    assert "Python.h" not in text
    home = path.relative_to(CSRC).parts[0]
    if home in ALLOWED:
        for folder in re.findall(r'#include "(\w+)/', text):
            if folder != "talkpath":
                assert folder in ALLOWED[home], f"{home}/ includes {folder}/: folders may not look upwards"


@pytest.mark.parametrize("generator", GENERATORS, ids=relative)
def test_generated_table_is_fresh(generator: Path) -> None:
    """Regenerates the table and compares: nobody edits tables by hand, or forgets to run the generator."""
    spec = importlib.util.spec_from_file_location(generator.stem, generator)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = generator.with_name(generator.stem.removeprefix("gen_") + "_tables.h")
    assert module.generate() == table.read_text(encoding="utf-8"), f"run python {relative(generator)}"


def test_every_table_has_a_generator() -> None:
    tables = {p for p in CSRC.rglob("*_tables.h")}
    generated = {g.with_name(g.stem.removeprefix("gen_") + "_tables.h") for g in GENERATORS}
    assert tables == generated


def test_every_stateful_kernel_is_fuzzed() -> None:
    for header in PUBLIC:
        if "_init(" in header.read_text(encoding="utf-8"):
            assert (CSRC / f"fuzz/fuzz_{header.stem}.c").exists(), f"{header.stem} lacks csrc/fuzz/fuzz_{header.stem}.c"


@pytest.mark.parametrize("target", sorted((CSRC / "fuzz").glob("fuzz_*.c")), ids=lambda p: p.stem)
def test_fuzz_target_runs_the_machines_loops(target: Path) -> None:
    """fuzz.h owns libFuzzer's entries: it chooses among the run-time variants, for every target alike."""
    shared, text = (CSRC / "fuzz/fuzz.h").read_text(encoding="utf-8"), target.read_text(encoding="utf-8")
    assert "tp_simd_init();" in shared
    assert "tp_simd_variant(1)" in shared
    assert '#include "fuzz/fuzz.h"' in text
    assert "static int fuzz_one(" in text
    assert "LLVMFuzzer" not in text


def test_wrappers_are_included() -> None:
    core = (ROOT / "src/talkpath/_core.pyx").read_text(encoding="utf-8")
    for wrapper in (ROOT / "src/talkpath").rglob("*.pxi"):
        assert f'include "{wrapper.relative_to(ROOT / "src/talkpath").as_posix()}"' in core, (
            f"_core.pyx lacks {wrapper.name}"
        )
