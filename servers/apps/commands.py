"""The table of the shell's commands, to which each command adds itself, and what they share.

A command is a function of the shell and its arguments; it shows its result and complains of operands that
fail.  The commands are in filecommands.py and sessioncommands.py.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microlith.interface.status import Status

if TYPE_CHECKING:
    from servers.apps.shell import Shell

Function = Callable[["Shell", list[str]], None]


@dataclass(frozen=True)
class Command:
    """A command: how it is written, what it does in words, the function."""

    usage: str
    help: str
    function: Function


COMMANDS: dict[str, Command] = {}


class Mistake(Exception):
    """The user's mistake in words; the usage is shown beside it."""


class Exit(Exception):
    """The end of the shell, with a status or (None) that of the last command."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


def command(usage: str, text: str) -> Callable[[Function], Function]:
    """Put a function into the table under the first word of its usage."""

    def add(function: Function) -> Function:
        COMMANDS[usage.split(maxsplit=1)[0]] = Command(usage, text, function)
        return function

    return add


def printable(name: bytes) -> bytes:
    """A name without what a terminal would obey."""
    return bytes(byte if byte >= 32 and byte != 127 else ord("?") for byte in name)


def _options(arguments: list[str], known: str = "") -> tuple[set[str], list[str]]:
    """The letters given as options, and the operands."""
    letters: set[str] = set()
    rest = list(arguments)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        letters |= set(word[1:])
    if unknown := sorted(letters - set(known)):
        raise Mistake(f"no option -{unknown[0]}")
    return letters, rest


def parse(arguments: list[str], least: int, most: int | None = None, known: str = "") -> tuple[set[str], list[str]]:
    """The letters given as options and the operands, as many as there must be; Mistake otherwise."""
    letters, rest = _options(arguments, known)
    if len(rest) < least:
        raise Mistake("an operand is missing")
    if most is not None and len(rest) > most:
        raise Mistake(f"too many operands, from {rest[most]!r} on")
    return letters, rest


def each(shell: "Shell", name: str, operands: Iterable[str], action: Callable[[bytes], object]) -> None:
    """Do it for every operand; one that fails does not keep the others from being done."""
    for operand in operands:
        try:
            action(shell.path(operand))
        except Status as status:
            shell.complain(name, os.fsencode(operand), status)
