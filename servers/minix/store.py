"""The disk, counted in blocks of the file system.

Rules: this is the only file that calls the disk; a `Status` of the disk becomes DeviceError here and
nowhere else; nothing but `Status` is caught.  A call to the disk may cost hundreds of microseconds, so
callers hand over many blocks and neighbours travel in one call.

`before_write` runs once, before the first write after a mount (it takes the clean mark away).  After a
failed write nobody knows what is on the disk: `tainted` stays set, and the stop checks everything.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from microlith.interface.status import Status
from servers.blockdevice import BlockDevice, Geometry
from servers.statuses import DeviceError

CALL_BYTES = 4 * 1024 * 1024  # the most that one call moves: memory of both sides, and the caller's deadline
BRIDGE = 16  # reading this many blocks that nobody asked for is cheaper than one more call


class Holder(Protocol):
    """Who holds the capability; it is looked up anew for each call, since a frame may re-bind it."""

    disk: BlockDevice


class Store:
    """Blocks `0 .. blocks - 1` of `block_size` bytes."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self.tainted = False
        self.before_write: Callable[[], None] | None = None
        try:
            self.geometry: Geometry = holder.disk.geometry()
        except Status as status:
            raise DeviceError(f"disk: {status}") from status
        self.set_block_size(self.geometry.block_size)

    @property
    def size(self) -> int:
        """The size of the disk in bytes."""
        return self.geometry.block_size * self.geometry.blocks

    def set_block_size(self, block_size: int) -> None:
        """Count in blocks of this size from now on; it must be a multiple of the disk's own."""
        ratio, rest = divmod(block_size, self.geometry.block_size)
        if rest or not ratio:
            raise DeviceError(f"disk blocks of {self.geometry.block_size} bytes do not divide {block_size}")
        self.block_size, self._ratio = block_size, ratio
        self.blocks = self.geometry.blocks // ratio
        self._call_blocks = CALL_BYTES // block_size

    def read(self, block: int, count: int = 1) -> bytes:
        """`count` blocks from `block` on, in one call."""
        try:
            data = self._holder.disk.read(block * self._ratio, count * self._ratio)
        except Status as status:
            raise DeviceError(f"disk, reading block {block}: {status}") from status
        if len(data) != count * self.block_size:
            raise DeviceError(f"disk, reading block {block}: {len(data)} bytes, not {count * self.block_size}")
        return data

    def read_many(self, blocks: Iterable[int], bridge: int = BRIDGE) -> dict[int, bytes]:
        """These blocks, neighbours (and those at most `bridge` blocks apart) in one call each."""
        size, found = self.block_size, {}
        for run in runs(blocks, bridge, self._call_blocks):
            data = self.read(run[0], run[-1] - run[0] + 1)
            for block in run:
                at = (block - run[0]) * size
                found[block] = data[at : at + size]
        return found

    def write(self, block: int, data: bytes) -> None:
        """Write whole blocks from `block` on, in one call."""
        if self.before_write is not None:
            hook, self.before_write = self.before_write, None
            try:
                hook()
            except DeviceError:
                self.before_write = hook
                raise
        try:
            self._holder.disk.write(block * self._ratio, data)
        except Status as status:
            self.tainted = True
            raise DeviceError(f"disk, writing block {block}: {status}") from status

    def write_many(self, blocks: dict[int, bytes]) -> None:
        """Write these blocks, neighbours in one call each."""
        for run in runs(blocks, 1, self._call_blocks):
            self.write(run[0], blocks[run[0]] if len(run) == 1 else b"".join([blocks[b] for b in run]))

    def flush(self) -> None:
        """All writes answered before are on stable storage when this returns."""
        try:
            self._holder.disk.flush()
        except Status as status:
            raise DeviceError(f"disk, flushing: {status}") from status


def runs(blocks: Iterable[int], bridge: int, longest: int) -> list[list[int]]:
    """The blocks in ascending order, cut where the next is more than `bridge` on or a call would be too long."""
    ordered: Collection[int] = sorted(set(blocks))
    found: list[list[int]] = []
    run: list[int] = []
    for block in ordered:
        if run and (block - run[-1] > bridge or block - run[0] >= longest):
            found.append(run)
            run = []
        run.append(block)
    if run:
        found.append(run)
    return found
