"""The ledger of a client at a server's domain: the objects that the client holds there.

It is a memory file that the kernel makes once, for a client's life, and hands to every incarnation of the
server's domain.  The present one writes it in place, so that the next one finds, after any death, what it is to
adopt.  First the handle to be given next, then a row for each object.
"""

import mmap
import os
import struct

from microkernel.memory import sealed

ROWS = 4096
ROW = struct.Struct("<IIQ")  # handle (0: a free row), port of the server, badge (0: it cannot be adopted)
SIZE = (ROWS + 1) * ROW.size


def make(name: str) -> int:
    """A new ledger: its descriptor."""
    return sealed(name, SIZE)


class Ledger:
    """A ledger in the hands of the server's domain."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)
        (self.next, _, _), *rows = ROW.iter_unpack(self._memory)
        self._row = {row[0]: number for number, row in enumerate(rows, 1) if row[0]}  # by handle
        self._free = [number for number, row in enumerate(rows, 1) if not row[0]]
        #: what was in it when it was opened: handle, port, badge
        self.found: tuple[tuple[int, int, int], ...] = tuple(row for row in rows if row[0])

    def enter(self, handle: int, port: int, badge: int) -> None:
        """The client holds this object.  What finds no row cannot be adopted."""
        row = self._row.get(handle)
        if row is None and self._free:
            row = self._row[handle] = self._free.pop()
        if row is not None:
            ROW.pack_into(self._memory, row * ROW.size, handle, port, badge)

    def strike(self, handle: int) -> None:
        """The client does not hold it any more."""
        row = self._row.pop(handle, None)
        if row is not None:
            ROW.pack_into(self._memory, row * ROW.size, 0, 0, 0)
            self._free.append(row)

    def give_next(self, handle: int) -> None:
        """No handle below this one is given any more."""
        if handle > self.next:
            self.next = handle
            ROW.pack_into(self._memory, 0, handle, 0, 0)

    def close(self) -> None:
        """Unmap it."""
        self._memory.close()
