"""Listing a tree, as `ls -lR` does.

list [DIRECTORY ...]
"""

import stat
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from microlith.frame.server import App
from microlith.interface.status import Status, UsageError
from servers.apps.retry import complain, patiently
from servers.apps.tree import absolute, join, list_directory
from servers.filesystem import FileSystem, Kind, Stat

TYPES = {Kind.FILE: stat.S_IFREG, Kind.DIRECTORY: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK, Kind.OTHER: stat.S_IFCHR}


class ListTree(App):
    """Prints what is in directories and below."""

    files: FileSystem

    def main(self, *arguments: str) -> int:
        """Exit status 1 if something could not be looked at."""
        if any(word.startswith("-") for word in arguments):
            raise UsageError(f"list: {' '.join(arguments)!r} is not [DIRECTORY ...]")
        self._failures = 0
        roots = [absolute(argument) for argument in arguments or ("/",)]
        for number, block in enumerate(block for root in roots for block in self._blocks(root)):
            sys.stdout.buffer.write(b"\n" * bool(number) + block)
        sys.stdout.flush()
        return 1 if self._failures else 0

    def _blocks(self, root: bytes) -> Iterator[bytes]:
        """One block of lines a directory, depth first."""
        stack = [root]
        while stack:
            directory = stack.pop()
            try:
                entries = patiently(partial(list_directory, self.files, directory))
            except Status as status:
                self._failed(directory, status)
                continue
            lines = [directory + b":\n"]
            for entry in entries:
                lines += long_lines(self.files, directory, entry.name, self._failed)
            yield b"".join(lines)
            below = [entry.name for entry in entries if entry.kind is Kind.DIRECTORY]
            stack += [join(directory, name) for name in reversed(below)]

    def _failed(self, path: bytes, error: Exception) -> None:
        self._failures += 1
        complain("list", path, error)


def long_lines(
    files: FileSystem, directory: bytes, name: bytes, failed: Callable[[bytes, Exception], None]
) -> list[bytes]:
    """The line of one entry; none if it cannot be looked at."""
    path = join(directory, name)
    try:
        attributes = patiently(partial(files.stat, path, False))
        target = patiently(partial(files.readlink, path)) if attributes.kind is Kind.SYMLINK else b""
    except Status as status:
        failed(path, status)
        return []
    return [long_line(attributes, name) + (b" -> " + target if target else b"") + b"\n"]


def long_line(attributes: Stat, name: bytes) -> bytes:
    """Mode, links, owner, group, size, time of modification (UTC), name."""
    mode = stat.filemode(attributes.mode | TYPES[attributes.kind])
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(attributes.modified))
    a = attributes
    return f"{mode} {a.links:>3} {a.uid:>4} {a.gid:>4} {a.size:>10} {when} ".encode() + name
