"""Walking and making trees of the host, below a directory's descriptor.

Every step is one name relative to an open directory, and no step follows a symbolic link: a tree that
changes meanwhile cannot lead out of itself.
"""

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
MAKE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class HostEntry(NamedTuple):
    """Something on the host: its path below the root, its name in the open `directory`, its attributes."""

    path: bytes
    name: bytes
    directory: int
    stat: os.stat_result


def walk(root: int, failed: Callable[[bytes, Exception], None]) -> Iterator[HostEntry]:
    """Everything below a directory: a directory before what is in it, sorted.

    An entry's `directory` is open until the next entry is asked for.  What cannot be looked at is
    handed to `failed`.
    """
    stack: list[tuple[int, bytes, Iterator[bytes]]] = []
    try:
        stack.append(_opened(root, b".", b""))
        while stack:
            directory, prefix, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(stack.pop()[0])
                continue
            try:
                attributes = os.stat(name, dir_fd=directory, follow_symlinks=False)
                yield HostEntry(prefix + name, name, directory, attributes)
                if stat.S_ISDIR(attributes.st_mode):
                    stack.append(_opened(directory, name, prefix + name + b"/"))
            except OSError as error:
                failed(prefix + name, error)
    finally:
        for directory, _, _ in stack:
            os.close(directory)


def _opened(parent: int, name: bytes, prefix: bytes) -> tuple[int, bytes, Iterator[bytes]]:
    directory = os.open(name, DIRECTORY, dir_fd=parent)
    return directory, prefix, iter(sorted(os.fsencode(entry) for entry in os.listdir(directory)))


class Unsafe(OSError):
    """A name that would mean something else on the host."""


class HostTree:
    """A tree being made on the host, directory by directory in the order of a walk."""

    def __init__(self, root: int) -> None:
        self._open: list[tuple[bytes, int, int, int]] = [(b"", os.dup(root), -1, 0)]  # path, fd, mode, mtime

    def directory(self, path: bytes) -> int:
        """The open directory in which `path` is to be made; those the walk has left are finished and closed."""
        parent = path.rpartition(b"/")[0]
        while self._open[-1][0] and not (parent + b"/").startswith(self._open[-1][0] + b"/"):
            self._finish()
        if self._open[-1][0] != parent:
            raise FileNotFoundError(2, "its directory could not be made")
        return self._open[-1][1]

    def make_directory(self, path: bytes, mode: int, modified: int) -> None:
        """Make a directory and enter it; mode and time are set when the walk has left it."""
        parent, name = self.directory(path), _name(path)
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            pass
        self._open.append((path, os.open(name, DIRECTORY, dir_fd=parent), mode, modified))

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link in place of whatever file or link has that name."""
        parent, name = self.directory(path), _name(path)
        try:
            os.symlink(target, name, dir_fd=parent)
        except FileExistsError:
            os.unlink(name, dir_fd=parent)
            os.symlink(target, name, dir_fd=parent)

    def open_file(self, path: bytes) -> int:
        """An empty file, open for writing."""
        return os.open(_name(path), MAKE, 0o600, dir_fd=self.directory(path))

    def close(self) -> None:
        """Finish what is open."""
        while self._open:
            self._finish()

    def _finish(self) -> None:
        _, directory, mode, modified = self._open.pop()
        try:
            if mode >= 0:
                os.fchmod(directory, mode)
                os.utime(directory, (modified, modified))
        finally:
            os.close(directory)


def _name(path: bytes) -> bytes:
    """The last component; an image made elsewhere may hold names that the host must not be asked to make."""
    name = path.rpartition(b"/")[2]
    if name in (b"", b".", b"..") or b"\0" in name:
        raise Unsafe(22, f"{name!r} is no name for the host")
    return name
