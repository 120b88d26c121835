"""The SHA-256 of every file below directories of a file system, as sha256sum(1) prints them.

    checksum [PATH ...]

Paths below a directory are relative to it, so that `sha256sum -c` in a copy of it checks the copy.
"""

import hashlib
import sys
from functools import partial

from microlith.frame.server import App
from microlith.interface.status import Status, UsageError
from servers.apps.retry import complain, patiently
from servers.apps.tree import absolute, contents, join, walk
from servers.filesystem import FileSystem, Kind

ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))


class Checksum(App):
    """Prints the SHA-256 of files."""

    files: FileSystem

    def main(self, *arguments: str) -> int:
        """Exit status 1 if a file could not be read."""
        if any(word.startswith("-") for word in arguments):
            raise UsageError(f"checksum: {' '.join(arguments)!r} is not [PATH ...]")
        self._failures = 0
        for argument in arguments or ("/",):
            self._path(absolute(argument))
        sys.stdout.flush()
        return 1 if self._failures else 0

    def _path(self, path: bytes) -> None:
        try:
            kind = patiently(partial(self.files.stat, path)).kind
        except Status as status:
            self._failed(path, status)
            return
        if kind is Kind.FILE:
            self._file(path, path)
        elif kind is Kind.DIRECTORY:
            for below, entry in walk(self.files, path, self._failed):
                if entry.kind is Kind.FILE:
                    self._file(join(path, below), below)

    def _file(self, path: bytes, shown: bytes) -> None:
        try:
            digest = patiently(partial(self._sha256, path))
        except Status as status:
            self._failed(path, status)
            return
        sys.stdout.buffer.write(line(digest, shown))

    def _sha256(self, path: bytes) -> str:
        digest = hashlib.sha256()
        for data in contents(self.files, path):
            digest.update(data)
        return digest.hexdigest()

    def _failed(self, path: bytes, error: Exception) -> None:
        self._failures += 1
        complain("checksum", path, error)


def line(digest: str, path: bytes) -> bytes:
    """A line in the format of sha256sum: a name that needs escapes is announced by a backslash."""
    escaped = path
    for character, escape in ESCAPES:
        escaped = escaped.replace(character, escape)
    return (b"\\" if escaped != path else b"") + digest.encode() + b"  " + escaped + b"\n"
