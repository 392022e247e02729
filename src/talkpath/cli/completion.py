"""`talkpath completion`: what a shell needs to complete commands, options and their values. The scripts know all by heart and start no Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

from talkpath import __version__
from talkpath.cli.problems import OK

SHELLS = ("bash", "zsh", "fish")
# What a metavar names, that a shell can complete.
_FOLDERS = {"DIR", "FOLDER"}
_FILES = {"FILE", "LOG", "CALL", "CALLER.wav", "AGENT.wav", "FILE.html", "WHO", *_FOLDERS}
_EPILOG = """\
bash: talkpath completion bash > ~/.local/share/bash-completion/completions/talkpath
zsh: talkpath completion zsh > ~/.zfunc/_talkpath, and in ~/.zshrc, before compinit: fpath+=~/.zfunc
fish: talkpath completion fish > ~/.config/fish/completions/talkpath.fish
"""


class Argument(NamedTuple):
    """An option, or an argument without a name.

    Attributes
    ----------
    flags : tuple of str
        Empty: without a name.
    value : {"", "choices", "files", "folders", "text"}
        What comes after it; "": nothing.
    """

    flags: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    says: str


class Command(NamedTuple):
    """One of ours."""

    name: str
    says: str
    arguments: list[Argument]


def add_completion(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], whole: argparse.ArgumentParser
) -> None:
    """The command and its options."""
    completion = commands.add_parser(
        "completion",
        help="the script that lets a shell complete this command line",
        description="Prints the script that lets a shell complete commands, options and their values.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=SHELLS)

    def run(args: argparse.Namespace) -> int:
        sys.stdout.write(script(whole, args.shell))
        return OK

    completion.set_defaults(run=run)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Of one of `SHELLS`."""
    found = list(commands_of(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](found)


def commands_of(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """What the parser knows."""
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    says = {choice.dest: choice.help or "" for choice in group._choices_actions}
    for name, of in group.choices.items():
        yield Command(name, says.get(name, ""), [_argument(of, action) for action in of._actions])


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    shown = {*str(action.metavar or "").split("|")}
    value = "text"
    if action.choices is not None:
        value = "choices"
    elif action.nargs == 0:
        value = ""
    elif action.option_strings and shown <= _FOLDERS:
        value = "folders"
    elif shown & _FILES:
        value = "files"
    says = (action.help or "") % {"default": action.default, "prog": parser.prog}
    return Argument(tuple(action.option_strings), value, tuple(map(str, action.choices or ())), says)


def _head(shell: str) -> str:
    return f"# Completes talkpath {__version__} in {shell}; made by: talkpath completion {shell}\n"


# --- bash -----------------------------------------------------------------------------------------------------------------------

_BASH = """
_talkpath() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" words="" i
    COMPREPLY=()
    [ "$current" = "=" ] && current=""
    [ "$before" = "=" ] && before="${COMP_WORDS[COMP_CWORD-2]}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
            -*) ;;
            *) command="${COMP_WORDS[i]}"; break ;;
        esac
    done
    case "$command $before" in
@VALUES@    esac
    if [ -z "$words" ]; then
        case "$command,$current" in
@WORDS@        esac
    fi
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "${words// /$'\\n'}" -- "$current"))
    for i in "${!COMPREPLY[@]}"; do
        printf -v "COMPREPLY[$i]" %q "${COMPREPLY[i]}"
    done
}
complete -F _talkpath talkpath
"""
_BASH_VALUES = {"files": "compopt -o default; return", "folders": "compopt -o dirnames; return", "text": "return"}


def _bash(commands: list[Command]) -> str:
    values, words = [], []
    for command in commands:
        for argument in command.arguments:
            if argument.flags and argument.value:
                patterns = "|".join(f'"{command.name} {flag}"' for flag in argument.flags)
                does = _BASH_VALUES.get(argument.value, f"words='{' '.join(argument.choices)}'")
                values.append(f"        {patterns}) {does} ;;\n")
        flags = " ".join(flag for argument in command.arguments for flag in argument.flags)
        words.append(f"            {command.name},-*) words='{flags}' ;;\n")
        plain = [a for a in command.arguments if not a.flags]
        does = "return"
        if plain:
            does = _BASH_VALUES.get(plain[0].value, f"words='{' '.join(plain[0].choices)}'")
        words.append(f"            {command.name},*) {does} ;;\n")
    names = " ".join(command.name for command in commands)
    words.append("            ,-*) words='--help --version' ;;\n")
    words.append(f"            ,*) words='{names}' ;;\n")
    return _head("bash") + _BASH.replace("@VALUES@", "".join(values)).replace("@WORDS@", "".join(words))


# --- zsh ------------------------------------------------------------------------------------------------------------------------

_ZSH = """
_talkpath() {
    local context state state_descr line
    typeset -A opt_args
    local -a commands
    commands=(
@COMMANDS@    )
    _arguments -C '(- *)'{-h,--help}'[help]' '(- *)--version[version]' '1: :->command' '*:: :->rest'
    case $state in
        command) _describe -t commands 'command' commands ;;
        rest)
            case $words[1] in
@RESTS@            esac ;;
    esac
}
if [ "$funcstack[1]" = "_talkpath" ]; then
    _talkpath "$@"
else
    compdef _talkpath talkpath
fi
"""


def _zsh_text(text: str) -> str:
    for mark in "\\[]:":
        text = text.replace(mark, "\\" + mark)
    return text.replace("'", "'\\''")


def _zsh_value(argument: Argument, what: str) -> str:
    does = {"files": "_files", "folders": "_files -/", "text": " ", "": ""}
    choices = " ".join(choice.replace(";", "\\;") for choice in argument.choices)
    return f":{what}:{does.get(argument.value, f'({choices})')}" if argument.value else ""


def _zsh(commands: list[Command]) -> str:
    names, rests = [], []
    for command in commands:
        names.append(f"        '{command.name}:{_zsh_text(command.says)}'\n")
        specs = []
        for argument in command.arguments:
            for flag in argument.flags:
                specs.append(f"'{flag}[{_zsh_text(argument.says)}]{_zsh_value(argument, 'value')}'")
            if not argument.flags:
                specs.append(f"'*{_zsh_value(argument, 'argument')}'")
        rests.append(f"                {command.name}) _arguments {' '.join(specs)} ;;\n")
    return (
        "#compdef talkpath\n"
        + _head("zsh")
        + _ZSH.replace("@COMMANDS@", "".join(names)).replace("@RESTS@", "".join(rests))
    )


# --- fish -----------------------------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish(commands: list[Command]) -> str:
    lines = ["complete -c talkpath -f", "complete -c talkpath -n __fish_use_subcommand -l version -d version"]
    for command in commands:
        lines.append(f"complete -c talkpath -n __fish_use_subcommand -a {command.name} -d {_quoted(command.says)}")
        inside = f"complete -c talkpath -n '__fish_seen_subcommand_from {command.name}'"
        for argument in command.arguments:
            names = "".join(f" -l {f[2:]}" if f.startswith("--") else f" -s {f[1:]}" for f in argument.flags)
            value = {
                "": "", "text": " -x", "files": " -r -F", "folders": " -x -a '(__fish_complete_directories)'",
                "choices": f" -x -a {_quoted(' '.join(argument.choices))}",
            }[argument.value]  # fmt: skip
            if not argument.flags:
                value = {"files": " -F", "choices": f" -a {_quoted(' '.join(argument.choices))}"}.get(
                    argument.value, ""
                )
            lines.append(f"{inside}{names}{value} -d {_quoted(argument.says)}")
    return _head("fish") + "\n".join(lines) + "\n"
