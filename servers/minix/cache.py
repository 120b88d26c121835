"""A write-back cache of blocks.  The oldest goes first, unless it was used since it was last looked at (second chance).

Blocks are immutable `bytes`.  A *dirty* block is newer than the disk; it stays until it was written.
The owner keeps the number of dirty blocks bounded (see content.py), this file only never drops one.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from servers.minix.store import Store


class Cache:
    """Up to `capacity` blocks of a store (more only while more than that are dirty)."""

    def __init__(self, store: Store, capacity: int) -> None:
        self._store = store
        self._capacity = max(capacity, 8)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._used: set[int] = set()  # of them, those that have a second chance
        self.dirty: set[int] = set()
        self.zeros = bytes(store.block_size)
        self._blocks[0] = self.zeros  # a hole: no file has block 0

    def get(self, block: int, ahead: int = 1) -> bytes:
        """One block; when it must be read, up to `ahead` blocks from it on are read in the same call."""
        data = self._blocks.get(block)
        if data is not None:
            self._used.add(block)
            return data
        return self.get_many([block], range(block + 1, min(block + ahead, self._store.blocks)))[0]

    def hot(self, blocks: Sequence[int]) -> list[bytes] | None:
        """These blocks (0: a hole) if they are all here, else None."""
        try:
            found = list(map(self._blocks.__getitem__, blocks))
        except KeyError:
            return None
        self._used.update(blocks)
        return found

    def get_many(self, blocks: Sequence[int], ahead: Iterable[int] = ()) -> list[bytes]:
        """These blocks (0: a hole, zeros).  What is not here is read, and those of `ahead` with it."""
        have = self._blocks
        missing = {block for block in (*blocks, *ahead) if block and block not in have}
        fresh = self._store.read_many(missing) if missing else {}
        found = [self.zeros if not block else fresh.get(block) or have[block] for block in blocks]
        for block, data in fresh.items():
            self._keep(block, data)
        self._keep(0, self.zeros)
        return found

    def put(self, block: int, data: bytes) -> None:
        """A new content, to be written later."""
        self.dirty.add(block)
        self._keep(block, data)

    def write_through(self, block: int, data: bytes) -> None:
        """A new content, on the disk when this returns; nothing has changed here if the disk refuses."""
        self._store.write(block, data)
        self.dirty.discard(block)
        self._keep(block, data)

    def write_back(self, blocks: Iterable[int], more: dict[int, bytes] | None = None) -> None:
        """Write those of `blocks` that are dirty, together with the contents `more`, in long runs."""
        mine = self.dirty.intersection(blocks)
        batch = {block: self._blocks[block] for block in mine}
        if more:
            batch.update(more)
        if batch:
            self._store.write_many(batch)
            self.dirty -= mine

    def forget(self, blocks: Iterable[int]) -> None:
        """These blocks belong to nobody any more: drop them unwritten."""
        for block in blocks:
            self._blocks.pop(block, None)
            self._used.discard(block)
            self.dirty.discard(block)

    def prime(self, block: int, data: bytes) -> None:
        """Remember what was read from the disk by other means."""
        if block not in self._blocks:
            self._keep(block, data)

    def _keep(self, block: int, data: bytes) -> None:
        have = self._blocks
        have[block] = data
        have.move_to_end(block)
        if len(have) > self._capacity:
            self._trim()

    def _trim(self) -> None:
        """Drop the oldest clean blocks without a second chance; those met on the way go to the end."""
        have, used, tries = self._blocks, self._used, len(self.dirty) + len(self._used) + 1
        while len(have) > self._capacity and tries:
            block = next(iter(have))
            if block in self.dirty or block in used:
                used.discard(block)
                have.move_to_end(block)
                tries -= 1
            else:
                del have[block]
