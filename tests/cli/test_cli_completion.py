"""`talkpath completion`: real shells complete real lines."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from talkpath.cli import main, parser_of_commands
from talkpath.cli.completion import SHELLS, commands_of, script

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="there is no bash")
NAMES = ["demo", "run", "replay", "report", "scan", "serve", "dial", "agents", "info", "bench", "completion"]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(script(parser_of_commands(), shell), encoding="utf-8")
    return {shell: folder / shell for shell in SHELLS}


def in_bash(script: Path, *words: str) -> list[str]:
    """What bash offers for the last word; `+default`, `+dirnames`: it offers files, folders."""
    given = " ".join(f"'{word}'" for word in words)
    code = (
        f'compopt() {{ echo "+$2"; }}; source {script}; COMP_WORDS=(talkpath {given}); COMP_CWORD={len(words)}; '
        '_talkpath; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run([BASH, "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@needs_bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], NAMES),
        (["re"], ["replay", "report"]),
        (["--v"], ["--version"]),
        (["scan", "--en"], ["--engine"]),
        (["scan", "--engine", ""], ["processes", "ray"]),
        (["scan", "--engine", "=", "r"], ["ray"]),
        (["scan", "x", "--json", "--channels", "l"], ["left"]),
        (["run", "--stream", "audio/x-l"], ["audio/x-l16\\;rate=8000", "audio/x-l16\\;rate=16000"]),
        (["run", "call.wav", "--lo"], ["--loss"]),
        (["run", "--loss", ""], []),
        (["run", ""], ["+default", ""]),
        (["run", "--out", ""], ["+dirnames", ""]),
        (["report", "-o", ""], ["+default", ""]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["info", ""], []),
    ],
)
def test_what_bash_offers(words: list[str], offered: list[str], scripts: dict[str, Path]) -> None:
    assert in_bash(scripts["bash"], *words) == offered


@needs_bash
def test_every_option_is_offered(scripts: dict[str, Path]) -> None:
    for command in commands_of(parser_of_commands()):
        flags = [flag for argument in command.arguments for flag in argument.flags]
        assert in_bash(scripts["bash"], command.name, "-") == flags
        assert all(argument.says or argument.flags == () for argument in command.arguments), command.name


@needs_bash
@pytest.mark.realtime
def test_tab_in_bash(scripts: dict[str, Path], tmp_path: Path) -> None:
    """A terminal, a bash, the tabulator key."""
    (tmp_path / "caller-42.wav").write_bytes(b"")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ.update(PS1="$ ", TERM="dumb", INPUTRC="/dev/null")
        os.execv(BASH, [BASH, "--norc", "--noprofile", "-i"])
    shown = b""

    def until(*awaited: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while not all(word in shown for word in awaited) and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096)
        assert all(word in shown for word in awaited), shown

    try:
        os.write(terminal, f"bind 'set enable-bracketed-paste off'; source {scripts['bash']}; echo re''ady\n".encode())
        until(b"ready\r\n")
        shown = b""
        os.write(terminal, b"talkpath sc\t")
        until(b"talkpath scan ")
        os.write(terminal, b"--engine r\t")
        until(b"--engine ray ")
        os.write(terminal, b"call\t")
        until(b"caller-42.wav")
    finally:
        os.write(terminal, b"\x03exit\n")
        os.close(terminal)
        os.waitpid(pid, 0)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("talkpath re", ["replay", "report"]),
        ("talkpath scan --en", ["--engine"]),
        ("talkpath scan --engine ", ["processes", "ray"]),
        ("talkpath completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_what_fish_offers(line: str, offered: list[str], scripts: dict[str, Path]) -> None:
    code = f"source {scripts['fish']}; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert sorted(row.split("\t")[0] for row in done.stdout.splitlines()) == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_reads_it(scripts: dict[str, Path]) -> None:
    code = f"autoload -U compinit; compinit -D; source {scripts['zsh']}; print $_comps[talkpath]"
    done = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("_talkpath\n", "")


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], scripts: dict[str, Path]) -> None:
    for shell in SHELLS:
        assert main(["completion", shell]) == 0
        assert capsys.readouterr().out == scripts[shell].read_text(encoding="utf-8")
