"""The shell's commands for the place, the time, the log and the shell itself."""

import math
import time
from typing import TYPE_CHECKING

from servers.apps.commands import COMMANDS, Exit, Mistake, command, each, parse, printable
from servers.filesystem import Kind
from servers.statuses import NotADirectory

if TYPE_CHECKING:
    from servers.apps.shell import Shell


@command("cd [DIRECTORY]", "change where relative paths begin")
def cd(shell: "Shell", arguments: list[str]) -> None:
    """Home is the root."""
    _, operands = parse(arguments, 0, 1)

    def one(path: bytes) -> None:
        if shell.files.stat(path).kind is not Kind.DIRECTORY:
            raise NotADirectory()
        shell.enter(path)

    each(shell, "cd", operands or ["/"], one)


@command("pwd", "show where relative paths begin")
def pwd(shell: "Shell", arguments: list[str]) -> None:
    """An absolute path."""
    parse(arguments, 0, 0)
    shell.show(printable(shell.directory) + b"\n")


# --- time, log, help ---------------------------------------------------------------------------------


@command("time", "show the time")
def show_time(shell: "Shell", arguments: list[str]) -> None:
    """UTC."""
    parse(arguments, 0, 0)
    now = (shell.clock.time() if shell.clock else time.time_ns()) / 1e9
    shell.show(time.strftime("%Y-%m-%d %H:%M:%S UTC\n", time.gmtime(now)).encode())


@command("sleep SECONDS", "wait")
def sleep(shell: "Shell", arguments: list[str]) -> None:
    """Fractions allowed."""
    _, (word,) = parse(arguments, 1, 1)
    if shell.clock is None:
        raise Mistake("this system has no clock")
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 1e9:
        raise Mistake(f"{word!r} is no number of seconds")
    shell.clock.sleep(int(seconds * 1e9))


@command("log [COUNT]", "show the newest records of the log")
def log(shell: "Shell", arguments: list[str]) -> None:
    """Ten, or as many as said."""
    _, operands = parse(arguments, 0, 1)
    if shell.log is None:
        raise Mistake("this system has no log")
    count = operands[0] if operands else "10"
    if not count.isdecimal():
        raise Mistake(f"{count!r} is no number of records")
    after = max(0, shell.log.extent().last - int(count))
    while records := shell.log.read(after):
        after = records[-1].number
        for r in records:
            when = time.strftime("%H:%M:%S", time.gmtime(r.time / 1e9))
            text = f"{when} {r.level.value:<7} {r.source}: {r.text}"
            shell.show(printable(text.encode("utf-8", "backslashreplace")) + b"\n")


@command("help [COMMAND]", "show the commands")
def show_help(shell: "Shell", arguments: list[str]) -> None:
    """All of them, or one."""
    _, operands = parse(arguments, 0, 1)
    if operands and operands[0] not in COMMANDS:
        raise Mistake(f"there is no command {operands[0]!r}")
    found = [COMMANDS[name] for name in operands or sorted(COMMANDS)]
    shell.show("".join(f"{c.usage:<24} {c.help}\n" for c in found).encode())


@command("exit [STATUS]", "leave")
def leave(shell: "Shell", arguments: list[str]) -> None:
    """With the status of the last command, or the one said."""
    _, operands = parse(arguments, 0, 1)
    if operands and not operands[0].isdecimal():
        raise Mistake(f"{operands[0]!r} is no exit status")
    raise Exit(int(operands[0]) & 255 if operands else None)
