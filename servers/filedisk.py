"""A disk kept in a host file or on a host block device."""

import os

from microlith.frame.server import Server
from microlith.interface.devices import HostFile
from servers.blockdevice import BlockDevice, Geometry
from servers.statuses import DeviceError, OutOfRange, ReadOnly

#: the most bytes that one call moves; it bounds what a caller can make this server hold
LIMIT = 16 * 1024 * 1024


def check_range(block: int, count: int, geometry: Geometry) -> None:
    """OutOfRange unless `count` blocks from `block` on exist and fit in one call."""
    if block < 0 or count < 0 or block + count > geometry.blocks:
        raise OutOfRange(f"blocks {block} to {block + count} of a disk of {geometry.blocks}")
    if count * geometry.block_size > LIMIT:
        raise OutOfRange(f"{count} blocks are more than the {LIMIT} bytes of one call")


def whole_blocks(data: bytes, geometry: Geometry) -> int:
    """How many blocks this is; OutOfRange if it ends inside one."""
    count, rest = divmod(len(data), geometry.block_size)
    if rest:
        raise OutOfRange(f"{len(data)} bytes are not whole blocks of {geometry.block_size}")
    return count


class FileDisk(Server, BlockDevice):
    """A disk kept in a host file; a last block that the file holds only in part is not counted."""

    image: HostFile
    block_size: int = 1024

    def start(self) -> None:
        """Measure the file.  Its size does not change while this server lives."""
        self._shape = self._measure()

    def geometry(self) -> Geometry:
        """Bytes a block, blocks, and whether the descriptor can write."""
        return self._disk()

    def read(self, block: int, count: int) -> bytes:
        """pread(2); a short answer of the host is a DeviceError."""
        check_range(block, count, self._disk())
        wanted = count * self.block_size
        try:
            data = os.pread(self.image.fd, wanted, block * self.block_size)
        except OSError as error:
            raise DeviceError(f"{self.image.name}: {error.strerror} at block {block}") from error
        if len(data) != wanted:
            raise DeviceError(f"{self.image.name}: {len(data)} of {wanted} bytes at block {block}")
        return data

    def write(self, block: int, data: bytes) -> None:
        """pwrite(2), repeated until all is written."""
        shape = self._disk()
        if not shape.writable:
            raise ReadOnly(self.image.name)
        check_range(block, whole_blocks(data, shape), shape)
        done = 0
        try:
            while done < len(data):
                rest = data[done:] if done else data
                done += os.pwrite(self.image.fd, rest, block * self.block_size + done)
        except OSError as error:
            raise DeviceError(f"{self.image.name}: {error.strerror} at block {block}") from error

    def flush(self) -> None:
        """fdatasync(2)."""
        try:
            if self._disk().writable:
                os.fdatasync(self.image.fd)
        except OSError as error:
            raise DeviceError(f"{self.image.name}: {error.strerror}") from error

    def _disk(self) -> Geometry:
        shape = getattr(self, "_shape", None)
        if shape is None:
            shape = self._shape = self._measure()
        return shape

    def _measure(self) -> Geometry:
        try:
            size = os.fstat(self.image.fd).st_size or os.lseek(self.image.fd, 0, os.SEEK_END)
        except OSError as error:
            raise DeviceError(f"{self.image.name}: {error.strerror}") from error
        return Geometry(self.block_size, size // self.block_size, self.image.writable)
