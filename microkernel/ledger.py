"""The ledger of a peer link: which objects the client holds, for the server's next incarnation.

A memory file that the kernel makes and keeps, the server's present incarnation writes, and nobody else sees.
First the handle to be given next, then a row for each object.  It outlives every incarnation: one that dies
before it has adopted anything loses nothing.  What an incarnation that went wrong has written is not
believed: handles that were not given out are left out.
"""

import mmap
import os
import struct

ROW = struct.Struct("<IIQ")  # handle (0: free), port of the server, badge
LAST_HANDLE = 1 << 31


class Ledger:
    """The ledger, in the hands of the server's present incarnation."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, 0)
        os.close(descriptor)
        self._room = len(self._memory) // ROW.size - 1  # rights to objects beyond it are not adopted
        following, _, _ = ROW.unpack_from(self._memory)
        if following > LAST_HANDLE:
            self._memory[:] = bytes(len(self._memory))
            following = 0
        rows = list(ROW.iter_unpack(self._memory[ROW.size :])) if following else []
        #: what earlier incarnations have left: the handle to be given next, and handle, port and badge of each object
        self.following = following
        self.left = [row for row in rows if 0 < row[0] < following]
        self._rows = {handle: row for row, (handle, _, _) in enumerate(rows) if 0 < handle < following}
        self._free = sorted(set(range(max(self._rows.values(), default=-1) + 1)) - set(self._rows.values()))

    def enter(self, handle: int, port: int, badge: int) -> None:
        """The client holds an object."""
        row = self._rows.get(handle)
        if row is None:
            row = self._free.pop() if self._free else len(self._rows)
        if row < self._room:
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
