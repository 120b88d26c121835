"""The shell's commands for files, after their POSIX namesakes."""

import os
import posixpath
import time
from typing import TYPE_CHECKING

from servers.apps.commands import command, each, parse, printable
from servers.apps.list import long_lines
from servers.apps.tree import contents, join, list_directory
from servers.filesystem import Kind
from servers.statuses import IsADirectory, NotFound

if TYPE_CHECKING:
    from servers.apps.shell import Shell

# --- looking -----------------------------------------------------------------------------------------


@command("ls [-al] [PATH ...]", "list directories")
def ls(shell: "Shell", arguments: list[str]) -> None:
    """Directories' entries, files themselves."""
    letters, operands = parse(arguments, 0, known="al")

    def failed(path: bytes, error: Exception) -> None:
        shell.complain("ls", path, error)

    def one(path: bytes) -> None:
        names, directory = [typed[path]], b"" if typed[path].startswith(b"/") else shell.directory
        if shell.files.stat(path).kind is Kind.DIRECTORY:
            found = [entry.name for entry in list_directory(shell.files, path)]
            directory, names = path, [n for n in found if "a" in letters or not n.startswith(b".")]
            if len(operands) > 1:
                shell.show(printable(typed[path]) + b":\n")
        lines = [name + b"\n" for name in names]
        if "l" in letters:
            lines = [line for name in names for line in long_lines(shell.files, directory, name, failed)]
        shell.show(b"".join(printable(line[:-1]) + b"\n" for line in lines))

    operands = operands or ["."]
    typed = {shell.path(operand): os.fsencode(operand) for operand in operands}
    each(shell, "ls", operands, one)


@command("cat PATH ...", "show files")
def cat(shell: "Shell", arguments: list[str]) -> None:
    """The bytes as they are."""
    _, operands = parse(arguments, 1)

    def one(path: bytes) -> None:
        for data in contents(shell.files, path):
            shell.show(data)

    each(shell, "cat", operands, one)


@command("stat PATH ...", "show the attributes of files")
def stat(shell: "Shell", arguments: list[str]) -> None:
    """One line a file; a symbolic link itself."""
    _, operands = parse(arguments, 1)

    def one(path: bytes) -> None:
        a = shell.files.stat(path, False)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(a.modified))
        words = (
            f"{a.kind.value}, inode {a.inode}, mode {a.mode:04o}, {a.links} links, {a.size} bytes in {a.blocks} blocks"
        )
        shell.show(printable(path) + f": {words}, modified {when} UTC\n".encode())

    each(shell, "stat", operands, one)


@command("df", "show how full the file system is")
def df(shell: "Shell", arguments: list[str]) -> None:
    """Blocks and inodes: total, used, free."""
    parse(arguments, 0, 0)
    u = shell.files.usage()
    lines = [f"{'':<8}{'total':>12}{'used':>12}{'free':>12}"]
    for name, total, free in (("blocks", u.blocks, u.free_blocks), ("inodes", u.inodes, u.free_inodes)):
        lines.append(f"{name:<8}{total:>12}{total - free:>12}{free:>12}")
    lines.append(f"blocks of {u.block_size} bytes{', read-only' if u.read_only else ''}")
    shell.show("\n".join(lines).encode() + b"\n")


# --- changing ----------------------------------------------------------------------------------------


@command("write PATH [WORD ...]", "make a file of one line")
def write(shell: "Shell", arguments: list[str]) -> None:
    """What the file held before is gone."""
    _, (target, *words) = parse(arguments, 1)

    def one(path: bytes) -> None:
        file = shell.files.create(path)
        file.truncate(0)
        file.write(0, os.fsencode(" ".join(words)) + b"\n")
        file.sync()
        file.close()

    each(shell, "write", [target], one)


@command("mkdir PATH ...", "make directories")
def mkdir(shell: "Shell", arguments: list[str]) -> None:
    """Their parents must be there."""
    _, operands = parse(arguments, 1)
    each(shell, "mkdir", operands, shell.files.mkdir)


@command("rm [-fr] PATH ...", "remove files; with -r directories and what is in them")
def rm(shell: "Shell", arguments: list[str]) -> None:
    """-f: what is not there is no error."""
    letters, operands = parse(arguments, 1, known="fr")

    def one(path: bytes) -> None:
        try:
            directory = shell.files.stat(path, False).kind is Kind.DIRECTORY
            if directory and "r" not in letters:
                raise IsADirectory()
            _remove(shell, path, directory)
        except NotFound:
            if "f" not in letters:
                raise

    each(shell, "rm", operands, one)


def _remove(shell: "Shell", path: bytes, directory: bool) -> None:
    if not directory:
        shell.files.unlink(path)
        return
    for entry in list_directory(shell.files, path):
        _remove(shell, join(path, entry.name), entry.kind is Kind.DIRECTORY)
    shell.files.rmdir(path)


def _into(shell: "Shell", source: bytes, target: bytes) -> bytes:
    """The target; if that is a directory, the source's name in it."""
    try:
        if shell.files.stat(target).kind is Kind.DIRECTORY:
            return join(target, posixpath.basename(source.rstrip(b"/")))
    except NotFound:
        pass
    return target


@command("mv OLD NEW", "rename, or move into a directory")
def mv(shell: "Shell", arguments: list[str]) -> None:
    """Replaces a file of the new name."""
    _, (old, new) = parse(arguments, 2, 2)
    each(shell, "mv", [old], lambda path: shell.files.rename(path, _into(shell, path, shell.path(new))))


@command("ln [-s] TARGET PATH", "make another name for a file, or (-s) a symbolic link")
def ln(shell: "Shell", arguments: list[str]) -> None:
    """A symbolic link holds its target as written."""
    letters, (target, new) = parse(arguments, 2, 2, known="s")
    place = _into(shell, os.fsencode(target), shell.path(new))
    if "s" in letters:
        each(shell, "ln", [new], lambda _: shell.files.symlink(os.fsencode(target), place))
    else:
        each(shell, "ln", [target], lambda path: shell.files.link(path, place))


@command("sync", "bring everything to stable storage")
def sync(shell: "Shell", arguments: list[str]) -> None:
    """Answers when it is there."""
    parse(arguments, 0, 0)
    shell.files.sync()
