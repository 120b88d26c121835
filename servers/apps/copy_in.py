"""Copying a tree of the host into a file system.

    copy_in [--summary] [DESTINATION]

A file is acknowledged with a line of JSON on standard output,
`{"done": path, "size": bytes, "sha256": hex}`, once it is synced: from then on no death of a server may
lose it.  What could not be copied is `{"failed": path, "status": name, "detail": words}`, what is neither
file, directory nor symbolic link `{"skipped": path}`.  Paths are relative to the trees' roots.  Hard
links become files of their own.
"""

import hashlib
import os
import stat
from contextlib import suppress
from functools import partial

from microlith.frame.server import App
from microlith.interface.devices import HostDirectory
from microlith.interface.status import Status
from servers.apps.hosttree import READ, HostEntry, walk
from servers.apps.retry import WORTH_IT
from servers.apps.tally import Tally, options
from servers.apps.tree import CHUNK, join
from servers.filesystem import File, FileSystem, Kind
from servers.statuses import Exists, NotADirectory

NEWEST = 2**32 - 1  # seconds; the disk's time of modification has 32 bits


class CopyIn(App):
    """Copies `source` into `files`."""

    source: HostDirectory
    files: FileSystem

    def main(self, *arguments: str) -> int:
        """Exit status 1 if anything could not be copied."""
        summary, root = options("copy_in", arguments)
        tally = Tally(summary)
        directories: list[tuple[bytes, os.stat_result]] = []
        tally.attempt(b"", partial(self._make_root, root))
        for entry in walk(self.source.fd, tally.failed):
            if stat.S_ISDIR(entry.stat.st_mode):
                directories.append((entry.path, entry.stat))
            self._copy(entry, join(root, entry.path), tally)
        for path, attributes in reversed(directories):
            tally.attempt(path, partial(self._attributes, join(root, path), attributes))
        tally.attempt(b"", self.files.sync)
        return tally.end()

    def _copy(self, entry: HostEntry, path: bytes, tally: Tally) -> None:
        mode = entry.stat.st_mode
        if stat.S_ISREG(mode):
            done = tally.attempt(entry.path, partial(self._file, entry, path))
            if done:
                tally.done(entry.path, *done)
        elif stat.S_ISDIR(mode):
            tally.attempt(entry.path, partial(self._directory, path))
            tally.directories += 1
        elif stat.S_ISLNK(mode):
            tally.attempt(entry.path, partial(self._link, entry, path))
            tally.links += 1
        else:
            tally.skipped(entry.path)

    def _file(self, entry: HostEntry, path: bytes) -> tuple[int, str]:
        """Copy a whole file and sync it; its size and SHA-256."""
        source = os.open(entry.name, READ, dir_fd=entry.directory)
        try:
            file = self._create(path, stat.S_IMODE(entry.stat.st_mode))
            try:
                return self._content(source, file, path, entry.stat)
            except Status as status:
                if not isinstance(status, WORTH_IT):  # a full disk, most likely: leave no half file on it
                    with suppress(Status):
                        file.close()
                        self.files.unlink(path)
                raise
        finally:
            os.close(source)

    def _content(self, source: int, file: File, path: bytes, attributes: os.stat_result) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while data := os.read(source, CHUNK):
            digest.update(data)
            while data:
                written = file.write(size, data)
                size, data = size + written, data[written:]
        self.files.utime(path, _seconds(attributes))
        file.sync()
        file.close()
        return size, digest.hexdigest()

    def _create(self, path: bytes, mode: int) -> File:
        """A new file, or the old one emptied (an earlier attempt may have left it)."""
        try:
            return self.files.create(path, mode, True)
        except Exists:
            file = self.files.create(path)
            file.truncate(0)
            self.files.chmod(path, mode)
            return file

    def _make_root(self, root: bytes) -> None:
        """The destination and what is above it."""
        made = b""
        for name in filter(None, root.split(b"/")):
            made += b"/" + name
            self._directory(made)

    def _directory(self, path: bytes) -> None:
        try:
            self.files.mkdir(path, 0o755)
        except Exists:
            if self.files.stat(path).kind is not Kind.DIRECTORY:
                raise NotADirectory(os.fsdecode(path)) from None

    def _link(self, entry: HostEntry, path: bytes) -> None:
        target = os.readlink(entry.name, dir_fd=entry.directory)
        try:
            self.files.symlink(target, path)
        except Exists:
            if self.files.readlink(path) == target:
                return
            self.files.unlink(path)
            self.files.symlink(target, path)

    def _attributes(self, path: bytes, attributes: os.stat_result) -> None:
        """A directory's mode and time, once everything in it is made."""
        self.files.chmod(path, stat.S_IMODE(attributes.st_mode))
        self.files.utime(path, _seconds(attributes))


def _seconds(attributes: os.stat_result) -> int:
    return min(max(0, int(attributes.st_mtime)), NEWEST)
