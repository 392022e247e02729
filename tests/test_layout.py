"""The rules of the tree, checked: every kernel complete, files small, folders in order, tables fresh, no libc services in csrc."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CSRC, ROOT

FAMILIES = ["wire", "detect", "echo", "enhance", "playout", "call"]
# Who may include whom: dsp <- families <- call; nothing includes call.
ALLOWED = {"dsp": {"dsp"}, **{f: {"dsp", f} for f in FAMILIES}, "call": {"dsp", *FAMILIES}}
MAX_LINES = 600

# The same for Python: engine <- call, streams <- server <- integrations, agentstack; measure on the engine, report and scan on both; phone beside the server; cli on all.
# The engine is what lies in no folder of this table; talkpath/__init__.py names what is loaded at first use, and is no part of it.
_SERVER = {"engine", "call", "streams", "server"}
PYTHON = {
    "engine": {"engine"},
    "call": {"engine", "call"},
    "streams": {"engine", "streams"},
    "server": _SERVER,
    "phone": {"engine", "call", "streams", "phone"},
    "integrations": {*_SERVER, "integrations"},
    "agentstack": {*_SERVER, "phone", "agentstack"},
    "measure": {"engine", "measure"},
    "report": {"engine", "call", "measure", "report"},
    "scan": {"engine", "call", "measure", "scan"},
}
# What streams have no use for: they are messages in, messages out.
OUTSIDE = {
    "asyncio",
    "datetime",
    "logging",
    "os",
    "queue",
    "random",
    "secrets",
    "select",
    "socket",
    "ssl",
    "threading",
    "time",
}
MAX_STREAM_LINES = 300
MAX_SERVER_LINES = 500
AT_THE_EDGE = {  # files of the server with sockets, processes, clocks and logs
    "asgi_app",
    "asgi_connection",
    "audio_worker",
    "call_log",
    "counts",
    "door",
    "edge_audiosocket",
    "edge_picows",
    "edge_websockets",
    "files",
    "handlers",
    "lines",
    "link",
    "log",
    "loops",
    "media_server",
    "pacer",
    "phone_call",
    "recording",
    "saying",
    "workers",
}

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


PACKAGE = ROOT / "src/talkpath"
PY_FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or not p.stem.startswith("__"))


def imports(path: Path) -> set[str]:
    """All modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def folder_of(module: str) -> str:
    name = module.split(".")[1] if "." in module else ""
    return name if name in PYTHON or name == "cli" else "engine"


@pytest.mark.parametrize("path", PY_FILES, ids=relative)
def test_python_folders_look_down_only(path: Path) -> None:
    home = path.relative_to(PACKAGE).parts[0]
    home = home if home in PYTHON or home == "cli" else "engine"
    used = {folder_of(m) for m in imports(path) if m.split(".")[0] == "talkpath"}
    if home != "cli":
        assert used <= PYTHON[home], f"{home} may not import {sorted(used - PYTHON[home])}"


@pytest.mark.parametrize("path", [p for p in PY_FILES if p.parent == PACKAGE / "streams"], ids=relative)
def test_streams_know_nothing_of_the_world(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_STREAM_LINES
    assert not {m.split(".")[0] for m in imports(path)} & OUTSIDE
    if path.stem in (
        "plivo",
        "twilio",
        "telnyx",
        "exotel",
        "vonage",
        "genesys",
        "azure",
        "audiosocket",
        "jambonz",
        "freeswitch",
    ):
        assert "Sources: " in text.split('"""')[1]
        assert "Not verified" in text.split('"""')[1]


@pytest.mark.parametrize(
    "path", [p for p in PY_FILES if p.parent == PACKAGE / "server" and p.stem not in AT_THE_EDGE], ids=relative
)
def test_sessions_know_nothing_of_the_world(path: Path) -> None:
    """Time is given, data is given."""
    assert path.read_text(encoding="utf-8").count("\n") <= MAX_SERVER_LINES
    assert not {m.split(".")[0] for m in imports(path)} & OUTSIDE


def test_streams_are_loaded_where_they_are_used() -> None:
    script = (
        "import sys, talkpath, talkpath.call.pipeline; "
        "sys.exit(any(m.startswith(('talkpath.streams', 'talkpath.server')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_wrappers_are_included() -> None:
    core = (ROOT / "src/talkpath/_core.pyx").read_text(encoding="utf-8")
    for wrapper in (ROOT / "src/talkpath").rglob("*.pxi"):
        assert f'include "{wrapper.relative_to(ROOT / "src/talkpath").as_posix()}"' in core, (
            f"_core.pyx lacks {wrapper.name}"
        )
