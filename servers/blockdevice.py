"""A disk of fixed-size blocks."""

from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, raises
from microlith.interface.values import Struct
from servers.statuses import DeviceError, OutOfRange, ReadOnly


class Geometry(Struct, frozen=True):
    """A disk's shape: bytes a block, number of blocks, and whether it can be written."""

    block_size: int
    blocks: int
    writable: bool


class BlockDevice(Interface):
    """A disk of fixed-size blocks, numbered from 0."""

    @idempotent
    @raises(DeviceError)
    def geometry(self) -> Geometry:
        """The disk's shape."""
        ...

    @idempotent
    @raises(OutOfRange, DeviceError)
    def read(self, block: int, count: int) -> bytes:
        """`count` blocks from `block` on."""
        ...

    @idempotent
    @raises(OutOfRange, DeviceError, ReadOnly)
    def write(self, block: int, data: bytes) -> None:
        """Write whole blocks from `block` on; safe after the next flush."""
        ...

    @idempotent
    @raises(DeviceError)
    def flush(self) -> None:
        """All writes answered before are on stable storage when this answers."""
        ...
