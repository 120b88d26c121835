"""What a copying program has done: acknowledgements, failures, the summary."""

import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from microlith.interface.status import Status, UsageError
from servers.apps.retry import patiently, reason, report
from servers.apps.tree import absolute

T = TypeVar("T")


def options(program: str, arguments: tuple[str, ...]) -> tuple[bool, bytes]:
    """Is a summary wanted, and the directory of the file system (default: its root)."""
    words = [word for word in arguments if word != "--summary"]
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise UsageError(f"{program}: {' '.join(words)!r} is not [--summary] [DIRECTORY]")
    return len(words) < len(arguments), absolute(words[0] if words else "/")


class Tally:
    """Counts, and the lines on standard output."""

    def __init__(self, summary: bool) -> None:
        self.files = self.bytes = self.directories = self.links = 0
        self._failed = self._skipped = 0
        self._summary, self._begin = summary, monotonic()

    def attempt(self, path: bytes, action: Callable[[], T]) -> T | None:
        """Do it, again if need be; what fails for good is reported."""
        try:
            return patiently(action)
        except (Status, OSError) as error:
            self.failed(path, error)
            return None

    def done(self, path: bytes, size: int, sha256: str) -> None:
        """A file is copied and safe."""
        self.files += 1
        self.bytes += size
        report(done=os.fsdecode(path), size=size, sha256=sha256)

    def failed(self, path: bytes, error: Exception) -> None:
        """Something could not be copied."""
        self._failed += 1
        report(failed=os.fsdecode(path), status=type(error).__name__, detail=reason(error))

    def skipped(self, path: bytes) -> None:
        """Something is of a kind that is not copied."""
        self._skipped += 1
        report(skipped=os.fsdecode(path))

    def end(self) -> int:
        """The summary, if it was asked for; the exit status."""
        if self._summary:
            counts = {"files": self.files, "bytes": self.bytes, "directories": self.directories, "links": self.links}
            ends = {"failed": self._failed, "skipped": self._skipped, "seconds": round(monotonic() - self._begin, 3)}
            report(summary=counts | ends)
        sys.stdout.flush()
        return 1 if self._failed else 0
