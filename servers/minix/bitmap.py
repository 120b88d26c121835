"""An allocation bitmap: the truth in memory, and a superset of it on disk.

Rule: a bit is set on disk (`secure`) before anything on disk points to what it stands for, and cleared
on disk only after nothing does.  So a crash loses blocks at worst, and never gives one away twice.

`secure` sets some free bits after the ones it needs as well (a *reserve*), so that a run of
allocations costs one write; `settle` writes the exact truth, at a sync or a stop.
"""

import functools
import re
from collections.abc import Iterable

from servers.minix.store import Store


@functools.cache
def _not_full() -> re.Pattern[bytes]:
    """A byte with a free bit.  Compiled when first needed: a restart should not wait for it."""
    return re.compile(rb"[^\xff]", re.DOTALL)


class Bitmap:
    """Bits 1 to `count`; bit 0 and those after `count` are always set."""

    def __init__(self, store: Store, start: int, data: bytes, count: int, reserve: int) -> None:
        self._store, self._start, self._count = store, start, count
        self._reserve = reserve  # bytes
        self._disk = bytearray(data)
        self._bits = bytearray(data)
        self._close_ends()
        self._unsafe: set[int] = set()  # bytes with a bit that the disk does not have yet
        self._next = 0  # no byte before this one has a free bit

    def _close_ends(self) -> None:
        bits, count = self._bits, self._count
        bits[0] |= 1
        last, inside = divmod(count + 1, 8)
        if inside:
            bits[last] |= 0xFF << inside & 0xFF
            last += 1
        bits[last:] = b"\xff" * (len(bits) - last)
        self.free = len(bits) * 8 - int.from_bytes(bits, "little").bit_count()

    def allocate(self, near: int = 0) -> int:
        """A free bit, now set: `near` itself, or the first one after it, or any.  0 if there is none."""
        bits = self._bits
        if not near <= self._count or bits[near >> 3] >> (near & 7) & 1:
            near = self._search(near >> 3)
            if not near:
                return 0
        index = near >> 3
        bits[index] |= 1 << (near & 7)
        self.free -= 1
        if not self._disk[index] >> (near & 7) & 1:
            self._unsafe.add(index)
        return near

    def _search(self, index: int) -> int:
        index = max(index, self._next)
        found = _not_full().search(self._bits, index) or _not_full().search(self._bits, self._next)
        if found is None:
            return 0
        at = found.start()
        if index == self._next or at < index:
            self._next = at
        byte = self._bits[at]
        return at << 3 | (~byte & byte + 1).bit_length() - 1

    def release(self, number: int) -> None:
        """Clear a bit in memory; the disk learns of it at the next write of that block."""
        index, mask = number >> 3, 1 << (number & 7)
        if self._bits[index] & mask:
            self._bits[index] &= ~mask
            self.free += 1
            self._next = min(self._next, index)

    def used(self, number: int) -> bool:
        """Is this bit set?"""
        return bool(self._bits[number >> 3] >> (number & 7) & 1)

    def secure(self) -> None:
        """Every bit set in memory is set on disk when this returns."""
        if not self._unsafe:
            return
        size = self._store.block_size
        for block in sorted({index // size for index in self._unsafe}):
            mine = [index for index in self._unsafe if index // size == block]
            content = bytearray(self._bits[block * size : (block + 1) * size])
            ahead = max(mine) % size
            content[ahead : ahead + self._reserve] = b"\xff" * len(content[ahead : ahead + self._reserve])
            self._write(block, content)
            self._unsafe.difference_update(mine)

    def settle(self, everything: bool = False) -> None:
        """Make the disk exact, where it differs (or everywhere, when nobody knows what the disk has)."""
        size, wrong = self._store.block_size, {}
        for at in range(0, len(self._bits), size):
            content = self._bits[at : at + size]
            if everything or content != self._disk[at : at + size]:
                wrong[self._start + at // size] = bytes(content)
        self._store.write_many(wrong)
        self._disk[:] = self._bits
        self._unsafe.clear()

    def _write(self, block: int, content: bytearray) -> None:
        size = self._store.block_size
        self._store.write(self._start + block, bytes(content))
        self._disk[block * size : (block + 1) * size] = content

    @property
    def on_disk(self) -> bytes:
        """What the disk holds, for the checksum of the clean mark."""
        return bytes(self._disk)

    def replace(self, numbers: Iterable[int], offset: int = 0) -> None:
        """Exactly these bits, counted from `offset`, are used (after a check); `settle` tells the disk."""
        bits = self._bits = bytearray(len(self._bits))
        for number in numbers:
            bit = number - offset
            bits[bit >> 3] |= 1 << (bit & 7)
        self._close_ends()
        self._next = 0
