"""Copying a file system's tree out to the host.

    copy_out [--summary] [DIRECTORY]

The lines on standard output are those of copy_in; `done` here means written, not synced, on the host.
"""

import hashlib
import os
from functools import partial

from microlith.frame.server import App
from microlith.interface.devices import HostDirectory
from servers.apps.hosttree import HostTree
from servers.apps.tally import Tally, options
from servers.apps.tree import contents, join, walk
from servers.filesystem import Entry, FileSystem, Kind


class CopyOut(App):
    """Copies `files` into `target`, over what has the same names there."""

    target: HostDirectory
    files: FileSystem

    def main(self, *arguments: str) -> int:
        """Exit status 1 if anything could not be copied."""
        summary, root = options("copy_out", arguments)
        tally = Tally(summary)
        tree = HostTree(self.target.fd)
        try:
            for path, entry in walk(self.files, root, tally.failed):
                self._copy(tree, path, join(root, path), entry, tally)
        finally:
            tally.attempt(b"", tree.close)
        return tally.end()

    def _copy(self, tree: HostTree, path: bytes, inside: bytes, entry: Entry, tally: Tally) -> None:
        if entry.kind is Kind.FILE:
            done = tally.attempt(path, partial(self._file, tree, path, inside))
            if done:
                tally.done(path, *done)
        elif entry.kind is Kind.DIRECTORY:
            tally.attempt(path, partial(self._directory, tree, path, inside))
            tally.directories += 1
        elif entry.kind is Kind.SYMLINK:
            tally.attempt(path, partial(self._link, tree, path, inside))
            tally.links += 1
        else:
            tally.skipped(path)

    def _file(self, tree: HostTree, path: bytes, inside: bytes) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        attributes = self.files.stat(inside)
        target = tree.open_file(path)
        with os.fdopen(target, "wb", buffering=0) as host:
            for data in contents(self.files, inside):
                digest.update(data)
                size += len(data)
                while data:
                    data = data[host.write(data) :]  # noqa: PLW2901
            os.fchmod(target, attributes.mode)
            os.utime(target, (attributes.modified, attributes.modified))
        return size, digest.hexdigest()

    def _directory(self, tree: HostTree, path: bytes, inside: bytes) -> None:
        attributes = self.files.stat(inside)
        tree.make_directory(path, attributes.mode, attributes.modified)

    def _link(self, tree: HostTree, path: bytes, inside: bytes) -> None:
        tree.make_link(path, self.files.readlink(inside))
