"""What the documents show runs: every block of Python; every command is one that the command line, the Makefile or pip understands.

A block may have hidden comments before or behind it: `setup` and `check` hold Python that runs with it, `output` stands before a block of
text that is what the block above has printed, and `skip: reason` leaves a block out, which is then only compiled and its imports tried.
"""

import argparse
import ast
import asyncio
import contextlib
import inspect
import io
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pages import PAGES, ROOT, Piece, name, pieces

from talkpath.cli import parser_of_commands

# Why a block may be left out: it opens a connection, needs an account, or a framework that the test suite does not install.
REASONS = ("socket", "key", "framework")
README_SETUP = "import types; stt = types.SimpleNamespace(send=lambda pcm: None)"
README_CHECK = "on_media(b'\\xff' * 160); on_tts(bytes(960), True); assert len(every_20_ms()) == 160"
SHELL = ("", "sh", "console", "text")
# Commands of others.
OTHERS = ("source", "curl", "git", "cd", "export", "npm", "duckdb", "uvicorn", "pipx", "ray", "mkdir")


def _reason(before: Piece | None) -> str | None:
    return (
        before.text[5:].strip()
        if before is not None and before.language == "!" and before.text.startswith("skip:")
        else None
    )


def _python(page: Path) -> list[tuple[Piece, str | None]]:
    """Every block of Python, and why it is left out."""
    found = pieces(page)
    return [
        (p, _reason(b)) for b, p in zip([None, *found], found, strict=False) if p.language in ("python", "py", "pycon")
    ]


LEFT_OUT = [(block, reason) for page in PAGES for block, reason in _python(page) if reason is not None]
RUN = [page for page in PAGES if any(reason is None for _, reason in _python(page))]


def _compiled(piece: Piece, text: str) -> object:
    source = "\n" * (piece.line - 1) + text
    return compile(source, str(piece.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _run(code: object, world: dict[str, object]) -> None:
    result = eval(code, world)  # type: ignore[call-overload]
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.mark.parametrize("page", RUN, ids=name)
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    world: dict[str, object] = {"__name__": "document"}
    before: Piece | None = None
    printed = ""
    if page.name == "README.md" and page.parent == ROOT:
        exec(README_SETUP, world)
    for piece in pieces(page):
        hidden = re.match(r"(setup|check)\n(.*)", piece.text, re.DOTALL) if piece.language == "!" else None
        if hidden is not None:
            _run(_compiled(piece, "\n" + hidden[2]), world)
        elif piece.language in ("python", "py") and _reason(before) is None:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                _run(_compiled(piece, piece.text), world)
            printed = out.getvalue()
        elif before is not None and before.language == "!" and before.text.strip() == "output":
            assert piece.text.strip() == printed.strip(), f"{piece.place}: the block above prints something else"
        before = piece
    if page.name == "README.md" and page.parent == ROOT:
        exec(README_CHECK, world)


@pytest.mark.parametrize(("block", "reason"), LEFT_OUT, ids=[block.place for block, _ in LEFT_OUT])
def test_blocks_left_out_are_right_as_far_as_can_be_told(block: Piece, reason: str) -> None:
    assert any(word in reason for word in REASONS), f"{block.place}: skip must say which of {REASONS} is needed"
    text = block.text.replace("…", "...")
    _compiled(block, text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("talkpath"):
            if "framework" not in reason:
                exec(ast.unparse(node), {})
            else:
                _written_in(node)


def _written_in(node: ast.ImportFrom) -> None:
    """The names are there, though the module cannot be imported without its framework."""
    path = ROOT / "src" / Path(*str(node.module).split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = source.read_text(encoding="utf-8")
    for alias in node.names:
        assert re.search(rf"\b{alias.name}\b", text), f"{node.module} has no {alias.name}"


# --- commands -----------------------------------------------------------------------------------------------------------------


def _commands(piece: Piece) -> list[list[str]]:
    """The commands of a block, without variables before and comments behind; a line that ends with \\ goes on."""
    found = []
    for line in piece.text.replace("\\\n", " ").splitlines():
        words = _words(line.removeprefix("$ "))
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            found.append(words)
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


SHELL_BLOCKS = [
    piece
    for page in PAGES
    for piece in pieces(page)
    if piece.language in SHELL
    and (piece.language == "sh" or any(w[0] in ("talkpath", "make", "pip", "python") for w in _commands(piece)))
]


@pytest.mark.parametrize("piece", SHELL_BLOCKS, ids=lambda piece: piece.place)
def test_commands_are_understood(piece: Piece) -> None:
    for words in _commands(piece):
        program, arguments = words[0], words[1:]
        match program:
            case "talkpath":
                _check_talkpath(arguments, piece)
            case "make":
                targets = (ROOT / "Makefile").read_text(encoding="utf-8")
                for target in arguments:
                    assert re.search(rf"^{re.escape(target)}:", targets, re.MULTILINE), f"{piece.place}: make {target}"
            case "pip":
                _check_extras(arguments, piece)
            case "python":
                _check_script(arguments, piece)
            case _:
                assert piece.language != "sh" or program in OTHERS, (
                    f"{piece.place}: {program} is not known to this test"
                )


def _check_talkpath(arguments: list[str], piece: Piece) -> None:
    """Parsed by the command's own parser; of what it would do nothing is done."""
    for cut in ("|", ">", "&&", "&"):
        arguments = arguments[: arguments.index(cut)] if cut in arguments else arguments
    complaint = io.StringIO()
    with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = 0 if isinstance(parser_of_commands().parse_args(arguments), argparse.Namespace) else 1
        except SystemExit as end:
            status = int(end.code or 0)
    assert status == 0, f"{piece.place}: {complaint.getvalue()}"


def _check_extras(arguments: list[str], piece: Piece) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for argument in arguments:
        named = re.fullmatch(r"(?:talkpath|\.)\[([\w,]+)\]", argument)
        for extra in named[1].split(",") if named else ():
            assert extra in extras, f"{piece.place}: there is no extra {extra!r}"


def _check_script(arguments: list[str], piece: Piece) -> None:
    script = next((a for a in arguments if not a.startswith("-")), "")
    if "/" in script:
        assert (ROOT / script).is_file(), f"{piece.place}: there is no {script}"


def test_commands_in_the_text_exist() -> None:
    """`talkpath X …` in a sentence: X is a command."""
    actions = parser_of_commands()._subparsers
    assert actions is not None
    known = set(actions._group_actions[0].choices or ())
    for page in PAGES:
        for command in re.findall(r"`talkpath ([a-z]+)\b[^`]*`", page.read_text(encoding="utf-8")):
            assert command in known, f"{name(page)}: talkpath {command}"
