"""The copying program, watched: when each operation that reaches the disk began and ended, and how.

It is `servers.apps.copy_in` with one line of JSON more an operation, so that the judge outside knows when the
first good answer came after a fault, and whether the program saw an error at all:

    {"did": "sync", "began": monotonic ns, "ended": monotonic ns, "status": null or a status' name}
"""

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from microlith.interface.status import Status
from servers.apps.copy_in import CopyIn
from servers.apps.retry import report

#: Operations that cannot be answered well without the disk.
REACHING = frozenset(("create", "sync", "mkdir"))


class WatchedCopy(CopyIn):
    """Copies `source` into `files`, and tells of every operation that reaches the disk."""

    def main(self, *arguments: str) -> int:
        """As CopyIn."""
        self.files = Watched(self.files)  # type: ignore[assignment]
        return super().main(*arguments)


class Watched:
    """Stands before a capability, and before those that its operations answer."""

    def __init__(self, capability: Any) -> None:
        self._capability = capability

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._capability, name)

        def call(*arguments: Any) -> Any:
            began = monotonic_ns()
            try:
                result = method(*arguments)
            except Status as status:
                report(did=name, began=began, ended=monotonic_ns(), status=type(status).__name__)
                raise
            if name in REACHING:
                report(did=name, began=began, ended=monotonic_ns(), status=None)
            return Watched(result) if name in ("create", "open") else result

        return call
