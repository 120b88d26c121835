"""The ledger of a server's end of a channel: which objects the client holds, for the server's next incarnation.

A memory file that the kernel makes, the server writes and nobody else sees.  First the handle to be given
next, then a row for each object.  What an incarnation that went wrong has written there is not believed:
handles that were not given out are left out.
"""

import mmap
import os
import struct

from microkernel.channel import sealed

ROWS = 4352  # the default quota and one message more; rights to objects beyond it are not adopted
ROW = struct.Struct("<IIQ")  # handle (0: free), port of the server, badge
SIZE = (ROWS + 1) * ROW.size
LAST_HANDLE = 1 << 31


def make(name: str) -> int:
    """A new ledger's descriptor."""
    return sealed(f"{name}:ledger", SIZE)


class Ledger:
    """The writer's side."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)
        self._rows: dict[int, int] = {}  # by handle
        self._free: list[int] = []

    def enter(self, handle: int, port: int, badge: int) -> None:
        """The client holds an object."""
        row = self._free.pop() if self._free else len(self._rows)
        if row < ROWS:
            self._rows[handle] = row
            ROW.pack_into(self._memory, (row + 1) * ROW.size, handle, port, badge)

    def strike(self, handle: int) -> None:
        """It does not any more."""
        row = self._rows.pop(handle, None)
        if row is not None:
            self._free.append(row)
            ROW.pack_into(self._memory, (row + 1) * ROW.size, 0, 0, 0)

    def enter_next(self, handle: int) -> None:
        """The handle that will be given next."""
        ROW.pack_into(self._memory, 0, handle, 0, 0)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def read(descriptor: int) -> tuple[int, list[tuple[int, int, int]]]:
    """What an earlier incarnation has left: the handle to be given next, and handle, port and badge of each object."""
    with mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ) as memory:
        rows = memory[:]
    os.close(descriptor)
    (following, _, _), *found = ROW.iter_unpack(rows)
    if following > LAST_HANDLE:
        return 1, []
    return following, [row for row in found if 0 < row[0] < following]
